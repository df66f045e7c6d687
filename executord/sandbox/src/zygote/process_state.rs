//! What a zygote has besides the thread that forks, and what its forks must have again: other threads, and descriptors of event
//! loops.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::plan::LAUNCHER_DESCRIPTOR;
use crate::sys::descriptor;
use crate::sys::process;
use crate::sys::threads::EndedThreads;
use crate::zygote::descriptors::{RecordedDescriptors, address_range, numbers_in, read};
use crate::zygote::rehearsal::Rehearsal;
use crate::zygote::written_pages::{self, Returned};

/// The recorded state of a zygote.
#[derive(Debug)]
pub(super) struct ProcessState {
    threads: EndedThreads,
    descriptors: RecordedDescriptors,
    /// The number at which the interpreter expects the socket.
    socket: RawFd,
}

impl ProcessState {
    /// Ends all other threads, records the descriptors, and closes them: from here on, this process only forks. `directory` is
    /// that of this process in `/proc`, and `socket` the number of the supervisor's socket, which becomes [`LAUNCHER_DESCRIPTOR`].
    ///
    /// # Errors
    /// If there is something that [`Self::restore`] could not restore.
    pub(super) fn record(
        directory: OwnedFd,
        socket: RawFd,
        rehearsal: Option<&Rehearsal>,
    ) -> io::Result<Option<Self>> {
        let own = i32::try_from(std::process::id()).map_err(io::Error::other)?;
        let mut tids = numbers_in(&directory, "task")?;
        tids.retain(|&tid| tid != own);
        let threads = EndedThreads::end(&tids)?;
        let descriptors = RecordedDescriptors::record(&directory, &[socket, directory.as_raw_fd()])?;
        if threads.count() > 0 {
            for (start, end) in not_copied(&read(&directory, "smaps")?) {
                process::copy_in_forks(start, end)?;
            }
        } else if let Some(rehearsal) = rehearsal
            // An error in the zygote means that its forks copy nothing in advance.
            && let Ok(Returned::Rehearsal) = written_pages::record(&directory, socket, rehearsal)
        {
            return Ok(None);
        }
        drop(directory);
        descriptor::move_to(socket, LAUNCHER_DESCRIPTOR)?;
        descriptor::close_from(LAUNCHER_DESCRIPTOR + 1)?;
        Ok(Some(Self { threads, descriptors, socket }))
    }

    /// Forks a process in which the interpreter continues. Returns `None` in the child.
    pub(super) fn fork(&self) -> io::Result<Option<libc::pid_t>> {
        if self.threads.count() == 0 { process::fork_with_libc() } else { self.threads.fork() }
    }

    /// Restores it in a fork that has no descriptors but the standard streams and its launcher's socket.
    pub(super) fn restore(&self) -> io::Result<()> {
        descriptor::move_to(LAUNCHER_DESCRIPTOR, self.socket)?;
        self.descriptors.create()?;
        self.threads.start()
    }
}

/// Returns the ranges of memory that forks do not have; see VmFlags in proc_pid_smaps(5). V8 excludes the memory of its heap.
fn not_copied(smaps: &str) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut range = None;
    for line in smaps.lines() {
        match line.strip_prefix("VmFlags:") {
            Some(flags) if flags.split_whitespace().any(|flag| flag == "dc") => ranges.extend(range),
            Some(_) => {}
            None => range = address_range(line).or(range),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_without_copies_in_forks_is_found() {
        let smaps = "00400000-00401000 r--p 00000000 08:01 5 /usr/bin/node\nSize: 4 kB\nVmFlags: rd mr mw me\n\
                     7f00-7fff rw-p 00000000 00:00 0\nRss: 4 kB\nVmFlags: rd wr mr mw me dc ac\n";
        assert_eq!(super::not_copied(smaps), [(0x7f00, 0x7fff)]);
    }
}
