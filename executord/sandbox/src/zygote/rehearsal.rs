//! A rehearsal: a fork of the zygote that runs a small program before there is a client's, and shows which memory such a program
//! writes to.

use std::ffi::CStr;
use std::fs;
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use crate::sys::descriptor;

/// A small program for a launcher.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal {
    /// The command line that the launcher gets.
    pub command_line: &'static [&'static CStr],
    /// The absolute path of the program in it, in `/tmp`.
    pub path: &'static str,
    /// The program. Nobody reads what it prints.
    pub source: &'static str,
}

impl Rehearsal {
    /// Makes this process, a fork of the zygote, one that has got the command line on the descriptor `socket`.
    pub(super) fn connect(&self, socket: RawFd) -> io::Result<()> {
        fs::write(self.path, self.source)?;
        let (reader, output) = pipe2(OFlag::O_CLOEXEC)?;
        let (mut launcher, program) = UnixStream::pair()?;
        for word in self.command_line {
            launcher.write_all(word.to_bytes_with_nul())?;
        }
        launcher.shutdown(Shutdown::Write)?;
        for number in [1, 2] {
            descriptor::duplicate_onto(&output, number)?;
        }
        descriptor::duplicate_onto(&OwnedFd::from(program), socket)?;
        // Open until the process ends, so that writing to the other ends is no error.
        std::mem::forget((reader, launcher));
        Ok(())
    }
}
