//! `executor_zygote_jvm`, a library for the launcher of a JVM that is a zygote.
//!
//! Its function `executor_fork(descriptor)` is called by the main thread of the process, which is none of the JVM's, with a
//! supervisor at the other end of the descriptor. It returns 0 in each forked process that becomes a program: the JVM's threads
//! continue there as if nothing had happened. The work is done by [`sandbox::serve_zygote`].

#![allow(unsafe_code, reason = "a function for C cannot be exported without it")]

use std::ffi::c_int;

/// Forks sandboxes until the supervisor closes its end of `descriptor`, and then exits. Returns 0 in a fork, and -1 if this
/// process cannot be forked.
#[unsafe(no_mangle)]
pub extern "C" fn executor_fork(descriptor: c_int) -> c_int {
    match sandbox::serve_zygote(descriptor, None) {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("{error}");
            -1
        }
    }
}
