//! System calls behind safe functions. This is the only place in the project with `unsafe`, except for the declarations
//! of the CPython interface in `executord/zygote`.

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
