//! System calls behind safe functions. This is the only place in the project with `unsafe`, except for the declarations
//! of interpreters' interfaces in `executord/zygote` and `executord/zygote-node`.

#![allow(
    unsafe_code,
    reason = "the system call wrappers are confined to this module; every block has a SAFETY comment"
)]

mod checked;
pub(crate) mod descriptor;
pub(crate) mod mount;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod seccomp;
pub(crate) mod terminal;
#[cfg(target_arch = "x86_64")]
pub(crate) mod threads;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_threads.rs"]
pub(crate) mod threads;
