//! Passing descriptors between processes, and closing those that nobody should inherit.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessageOwned, RecvMsg};

use super::checked;

/// Take over the descriptors that came with a message.
pub(crate) fn received(message: &RecvMsg<()>) -> io::Result<Vec<OwnedFd>> {
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            // SAFETY: the kernel made these descriptors for us with this very message, and each message is
            // passed here once.
            descriptors.extend(raw.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
        }
    }
    Ok(descriptors)
}

/// Close every descriptor but 0, 1, 2 and `kept`, whoever of this process thinks to have it.
pub(crate) fn close_all_but(kept: &[RawFd]) -> io::Result<()> {
    let mut kept: Vec<_> = kept.iter().filter_map(|&number| libc::c_uint::try_from(number).ok()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for last in kept.into_iter().map(|number| number - 1).chain([libc::c_uint::MAX]) {
        if first <= last {
            // SAFETY: takes integers only. Who had one of these does not use it any more: a process that was just forked,
            // and does not come back to where it was.
            checked(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
        first = last.saturating_add(2);
    }
    Ok(())
}

/// A descriptor that is open under its number for as long as this process is.
pub(crate) fn standing(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: nothing of this process owns it, so nothing closes it; another file may take its place.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Close everything from `first` up, of which nobody here is the owner any more.
pub(crate) fn close_from(first: RawFd) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).map_err(io::Error::other)?;
    // SAFETY: takes integers only; the caller says that nothing of this process has one of these.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) }).map(drop)
}

/// Close everything from `first` up when the next program starts.
pub(crate) fn close_from_on_exec(first: RawFd) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).map_err(io::Error::other)?;
    // SAFETY: takes integers only; with this flag no descriptor is closed now.
    let answer =
        unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    checked(answer).map(drop)
}

/// Make `descriptor` be number `number` as well, there kept over exec.
pub(crate) fn duplicate_onto(descriptor: &OwnedFd, number: RawFd) -> io::Result<()> {
    // SAFETY: takes integers only. Whoever owned `number` in this process is about to be replaced by another
    // program and uses it no more.
    checked(unsafe { libc::dup2(descriptor.as_raw_fd(), number) }.into()).map(drop)
}
