//! The only `unsafe` of the project, but for what an interpreter asks of a module (`executord/zygote`): one system call
//! behind one safe name each.

#![allow(unsafe_code, reason = "this is the room for it; every block has its sentence")]

pub(crate) mod descriptor;
pub(crate) mod filter;
pub(crate) mod memory;
pub(crate) mod mount;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod terminal;

use std::io;

/// The result of a system call that answers -1 and `errno`.
fn checked(answer: libc::c_long) -> io::Result<libc::c_long> {
    match answer {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}
