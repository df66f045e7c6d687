//! Configuring the loopback interface.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::checked::checked;

/// Brings `lo` up in the network namespace of `socket`; see netdevice(7).
pub(crate) fn bring_loopback_up(socket: BorrowedFd) -> io::Result<()> {
    // SAFETY: an all-zero ifreq is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (target, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *target = byte.cast_signed();
    }
    const UP: libc::c_int = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(UP).map_err(io::Error::other)?;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, and `request` outlives the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    checked(answer.into()).map(drop)
}
