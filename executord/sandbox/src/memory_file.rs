//! Memory files for data of clients: written once by the daemon, then sealed, so that nothing can change them while they are
//! read.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A memory file that is being written; see memfd_create(2).
#[derive(Debug)]
pub struct MemoryFile(File);

/// A memory file that cannot change any more.
#[derive(Debug)]
pub struct SealedMemoryFile(File);

impl MemoryFile {
    /// Creates an empty file. `name` is shown in `/proc/PID/fd`.
    ///
    /// # Errors
    /// The errors of memfd_create(2).
    pub fn create(name: &str) -> io::Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        Ok(Self(memfd_create(name, flags)?.into()))
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The errors of write(2), for example if there is no memory left.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Seals the file.
    ///
    /// # Errors
    /// The errors of fcntl(2).
    pub fn seal(self) -> io::Result<SealedMemoryFile> {
        let seals =
            SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
        fcntl(&self.0, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(SealedMemoryFile(self.0))
    }
}

impl SealedMemoryFile {
    /// Reads into `buffer` at `offset`, and returns the number of bytes; 0 at the end.
    ///
    /// # Errors
    /// The errors of pread(2).
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    /// Returns the descriptor, to pass it to another process.
    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Returns the file, at its beginning.
    pub(crate) fn into_file(mut self) -> io::Result<File> {
        io::Seek::rewind(&mut self.0)?;
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryFile;

    #[test]
    fn a_sealed_file_cannot_change() {
        let mut file = MemoryFile::create("test").unwrap();
        file.append(b"he").unwrap();
        file.append(b"llo").unwrap();
        let sealed = file.seal().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(sealed.read_at(&mut buffer, 1).unwrap(), 4);
        assert_eq!(&buffer[..4], b"ello");
        assert_eq!(sealed.read_at(&mut buffer, 5).unwrap(), 0);
        let mut file = sealed.into_file().unwrap();
        assert!(std::io::Write::write(&mut file, b"x").is_err());
        assert!(file.set_len(1).is_err());
    }
}
