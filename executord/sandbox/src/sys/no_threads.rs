//! [`EndedThreads`] for processors whose registers no code here knows: only a process with one thread can be a zygote.

use std::io;

/// All other threads of this process: none.
#[derive(Debug)]
pub(crate) struct EndedThreads;

impl EndedThreads {
    pub(crate) fn end(tids: &[libc::pid_t]) -> io::Result<Self> {
        if tids.is_empty() { Ok(Self) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    pub(crate) const fn count(&self) -> usize {
        0
    }

    pub(crate) fn fork(&self) -> io::Result<Option<libc::pid_t>> {
        super::process::fork_with_libc()
    }

    #[expect(clippy::unnecessary_wraps, reason = "there is nothing that could fail")]
    pub(crate) const fn start(&self) -> io::Result<()> {
        Ok(())
    }
}
