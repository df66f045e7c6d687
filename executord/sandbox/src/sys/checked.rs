//! Conversion of return values.

use std::io;

/// Converts the return value of a system call: -1 means that `errno` has the error.
pub(super) fn checked(answer: libc::c_long) -> io::Result<libc::c_long> {
    match answer {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}
