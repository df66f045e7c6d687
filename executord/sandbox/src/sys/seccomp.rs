//! Installing a system call filter.

use std::io;

use super::checked::checked;

/// Filters all further system calls of this process and its future children with a BPF program; see seccomp(2).
pub(crate) fn install_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = libc::c_ushort::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: `program` points to `len` instructions; the kernel copies them and writes nothing.
    let answer =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    checked(answer).map(drop)
}
