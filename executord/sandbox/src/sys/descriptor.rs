//! Receiving file descriptors from other processes, and closing those that must not be inherited.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessageOwned, RecvMsg};

use super::checked::checked;

/// Takes ownership of the descriptors of a received message.
pub(crate) fn received(message: &RecvMsg<()>) -> io::Result<Vec<OwnedFd>> {
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            // SAFETY: the kernel created these descriptors for this process with this message, and the only caller
            // passes each message once, so nothing else owns them.
            descriptors.extend(raw.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
        }
    }
    Ok(descriptors)
}

/// Closes every descriptor of this process except 0, 1, 2 and `kept`.
///
/// For a process that was just forked and does not return to the code that owns the closed descriptors.
pub(crate) fn close_all_except(kept: &[RawFd]) -> io::Result<()> {
    let mut kept: Vec<_> = kept.iter().filter_map(|&number| libc::c_uint::try_from(number).ok()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for last in kept.into_iter().map(|number| number - 1).chain([libc::c_uint::MAX]) {
        if first <= last {
            // SAFETY: takes integers only. The owners of these descriptors belong to the parent's code, to which this
            // forked process does not return.
            checked(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
        first = last.saturating_add(2);
    }
    Ok(())
}

/// Borrows a descriptor by number that stays open for the life of the process.
pub(crate) fn standing(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: no value in this process owns this number, so nothing closes it; a dup2 onto it only replaces its file.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Closes all descriptors from `first` up. The caller has dropped every owner of one.
pub(crate) fn close_from(first: RawFd) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).map_err(io::Error::other)?;
    // SAFETY: takes integers only; the caller guarantees that no value owns one of these descriptors.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) }).map(drop)
}

/// Sets the close-on-exec flag of all descriptors from `first` up.
pub(crate) fn close_from_on_exec(first: RawFd) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).map_err(io::Error::other)?;
    // SAFETY: takes integers only; with this flag no descriptor is closed now.
    let answer =
        unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    checked(answer).map(drop)
}

/// Duplicates `descriptor` to the number `number`, which stays open over execve(2).
pub(crate) fn duplicate_onto(descriptor: &OwnedFd, number: RawFd) -> io::Result<()> {
    // SAFETY: takes integers only. A previous owner of `number` belongs to code that this forked process does not
    // return to, or does not use it any more.
    checked(unsafe { libc::dup2(descriptor.as_raw_fd(), number) }.into()).map(drop)
}

/// Moves a descriptor that no value owns to the number `number`, where it is closed by execve(2), and replaces what had it.
pub(crate) fn move_to(descriptor: RawFd, number: RawFd) -> io::Result<()> {
    if descriptor == number {
        return Ok(());
    }
    // SAFETY: takes integers only; the caller guarantees that no value owns one of these descriptors.
    checked(unsafe { libc::dup3(descriptor, number, libc::O_CLOEXEC) }.into())?;
    // SAFETY: as above.
    checked(unsafe { libc::close(descriptor) }.into()).map(drop)
}

/// Returns the number of bytes that a pipe holds; see FIONREAD in pipe(7).
///
/// # Errors
/// The errors of ioctl(2), for a descriptor that is no pipe.
pub fn unread_bytes(pipe: BorrowedFd) -> io::Result<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes an int, and `count` outlives the call.
    checked(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) }.into())?;
    u64::try_from(count).map_err(io::Error::other)
}
