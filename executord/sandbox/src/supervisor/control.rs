//! The daemon's connection to the init of a sandbox.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::memory_file::SealedMemoryFile;
use crate::packet::{NAMESPACE, Packet, SIGNAL, TERMINAL, TERMINATE, send_packet};
use crate::plan::Start;
use crate::start_message::send_start;

/// The control socket of a sandbox. Dropping it ends the sandbox.
#[derive(Debug)]
pub struct Control(OwnedFd);

impl Control {
    /// Creates a control socket and its end for init.
    ///
    /// # Errors
    /// The errors of socketpair(2).
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let (daemon_end, init_end) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        fcntl(&daemon_end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok((Self(daemon_end), init_end))
    }

    /// Starts the program. `sources` has the contents of its source files except for the one that is `upload`, and `build` is
    /// the mount of its build directory. A sandbox can be started once.
    ///
    /// # Errors
    /// If the message cannot be sent.
    pub fn start(
        &self,
        start: &Start,
        sources: &[&[u8]],
        upload: Option<&SealedMemoryFile>,
        build: Option<&OwnedFd>,
    ) -> io::Result<()> {
        let upload = upload.map(SealedMemoryFile::as_raw_fd);
        let descriptors: Vec<_> = upload.into_iter().chain(build.map(AsRawFd::as_raw_fd)).collect();
        send_start(&self.0, start, sources, &descriptors)
    }

    /// Requests the mount namespace of the sandbox, which must be prepared and not started. It is available with
    /// [`Control::namespace`] after the next [`Report::Ready`](crate::Report::Ready).
    ///
    /// # Errors
    /// If init is gone.
    pub fn request_namespace(&self) -> io::Result<()> {
        send_packet(&self.0, NAMESPACE, [0, 0], &[])
    }

    /// Returns the mount namespace of the sandbox.
    ///
    /// # Errors
    /// If it is not available.
    pub fn namespace(&self) -> io::Result<OwnedFd> {
        self.received(NAMESPACE)
    }

    /// Sends a signal to the program's process group.
    ///
    /// # Errors
    /// If init is gone, or its socket is full.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        send_packet(&self.0, SIGNAL, [signal as i32, 0], &[])
    }

    /// Returns the master of the program's terminal. It is available before [`Report::Ready`](crate::Report::Ready) is.
    ///
    /// # Errors
    /// If it is not available.
    pub fn terminal(&self) -> io::Result<OwnedFd> {
        self.received(TERMINAL)
    }

    /// Returns the descriptor of the next message, which must have this tag.
    fn received(&self, tag: u8) -> io::Result<OwnedFd> {
        match Packet::receive(&self.0)? {
            Some(packet) if packet.tag == tag => {
                Ok(packet.descriptors.into_iter().next().ok_or(io::ErrorKind::InvalidData)?)
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Sends SIGTERM to the program's process group.
    ///
    /// # Errors
    /// If init is gone.
    pub fn terminate(&self) -> io::Result<()> {
        send_packet(&self.0, TERMINATE, [0, 0], &[])
    }
}
