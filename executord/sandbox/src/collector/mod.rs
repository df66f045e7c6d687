//! The collector: the process that reads the output files of a program.
//!
//! Neither root nor the daemon ever opens a path that a program may have made. Before a program starts, the supervisor
//! forks a collector for it, which enters the mount namespace of the sandbox, becomes a process that has the access
//! rights of the program's user and no other, and waits. When the sandbox's init is gone, and with it every process of
//! the program, so that nothing changes any more, it searches one directory, and writes what it finds to a pipe that
//! was made beforehand.
//!
//! It is not in the sandbox's pid namespace: the program cannot see, signal, stop or trace it, and it outlives a
//! sandbox that is killed. See `docs/decisions/0014-the-collector.md`.
//!
//! | question | file |
//! |---|---|
//! | What does the process give up, in which order? | [`process`] |
//! | How are files found and opened? | [`walk`] |
//! | What does the daemon accept of it? | [`archive`] |
//! | What matches a pattern? | [`pattern`] |

pub(crate) mod archive;
pub(crate) mod collection;
pub(crate) mod pattern;
mod process;
mod walk;

pub(crate) use process::{Collector, start};
