//! Zygotes: an interpreter that is started once for a slot, and that the slot's sandboxes are forked from.
//!
//! Everything about being forked from an interpreter is in this folder. [`parent`] is the supervisor's side: it starts the
//! zygote and has it fork. [`child`] is the zygote's side, which runs inside the interpreter.
//!
//! A zygote is a process in the template of its sandboxes. It is root of a user namespace that maps executord's uids only, and
//! has no privilege outside. It has read what the interpreter reads before it opens a program's file, and nothing of a client.
//! It forks init, which goes on like any other init, and init forks the payload, which gives up everything like any other
//! payload and then goes on as the interpreter. All that a program can learn about another one this way is what the zygote
//! chose at random at its start: the addresses of its memory and the seed of its hashes. See
//! `docs/decisions/0034-zygotes-in-a-user-namespace.md`.

mod bounds;
mod child;
mod descriptors;
mod expected;
mod parent;
mod process_state;
mod rehearsal;
mod written_pages;

pub use bounds::ZYGOTE_IDLE_TIME;
pub(crate) use bounds::{MAX_IDLE, MAX_ZYGOTES};
pub use child::serve_zygote;
pub use expected::ExpectedZygotes;
pub(crate) use parent::{Zygote, ZygoteHost};
pub use rehearsal::Rehearsal;
pub use written_pages::copy_while_waiting;
