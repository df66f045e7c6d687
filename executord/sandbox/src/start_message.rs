//! The start message of a program and its source files: in the packet if they are small, as nearly always, and otherwise in a
//! sealed memory file.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use crate::packet::{MAX_MESSAGE, Packet, START, send_message};
use crate::plan::Start;
use crate::sealed_file::seal;

/// A received start message that is read from its beginning: first the [`Start`], then the source files.
pub(crate) enum StartMessage {
    Packet(Cursor<Vec<u8>>),
    File(File),
}

/// Sends a start message: its length (u64, little-endian), the message, and the source files. `descriptors` are those that
/// [`START`] carries after a file.
pub(crate) fn send_start(
    control: impl AsFd,
    start: &Start,
    sources: &[&[u8]],
    descriptors: &[RawFd],
) -> io::Result<()> {
    let text = serde_json::to_vec(start).map_err(io::Error::other)?;
    let length = u64::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
    let parts: Vec<&[u8]> = [&length[..], &text].into_iter().chain(sources.iter().copied()).collect();
    if parts.iter().map(|part| part.len()).sum::<usize>() <= MAX_MESSAGE {
        match send_message(&control, START, [0, 0], descriptors, &parts) {
            // The socket's buffer is smaller than usual.
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {}
            sent => return sent,
        }
    }
    let file = seal(&parts)?;
    let all: Vec<RawFd> = [file.as_raw_fd()].into_iter().chain(descriptors.iter().copied()).collect();
    send_message(control, START, [0, 0], &all, &[])
}

/// Receives a packet that may have a start message, with a buffer of [`MAX_MESSAGE`]. Returns the packet and the message, which is
/// empty if the packet has none, or `None` at the end of the connection.
pub(crate) fn receive(control: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<(Packet, Vec<u8>)>> {
    let received = Packet::receive_with_message(control, buffer)?;
    Ok(received.map(|(packet, length)| (packet, buffer[..length].to_vec())))
}

impl StartMessage {
    /// Returns the message of a [`START`] packet. Takes the file from `descriptors` if the packet has no message itself.
    pub(crate) fn of(message: Vec<u8>, descriptors: &mut impl Iterator<Item = OwnedFd>) -> io::Result<Self> {
        if !message.is_empty() {
            return Ok(Self::Packet(Cursor::new(message)));
        }
        let file = descriptors.next().ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self::File(file.into()))
    }

    /// Reads the start message. The source files remain to be read.
    pub(crate) fn read_start(&mut self) -> io::Result<Start> {
        let mut length = [0; 8];
        self.read_exact(&mut length)?;
        let mut text = Vec::new();
        self.take(u64::from_le_bytes(length)).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(io::Error::other)
    }
}

impl Read for StartMessage {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Packet(bytes) => bytes.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};

    use super::{StartMessage, receive, send_start};
    use crate::packet::{MAX_MESSAGE, START};
    use crate::plan::{DiskLimits, Program, ResourceLimits, Start};

    fn start() -> Start {
        let resources = ResourceLimits {
            cpu_time: Duration::from_secs(1),
            processes: 2,
            file_size: 3,
            open_files: 4,
            stack: 5,
            address_space: None,
        };
        let program = Program {
            command: vec!["main".to_owned()],
            environment: Vec::new(),
            resources,
            merge_output: false,
        };
        Start { disk: DiskLimits { bytes: 1, files: 2 }, sources: Vec::new(), program }
    }

    #[test]
    fn a_start_message_that_the_socket_refuses_is_in_a_file() {
        let (daemon, init) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        setsockopt(&daemon, sockopt::SndBuf, &4096).unwrap();
        send_start(&daemon, &start(), &[&vec![b'x'; MAX_MESSAGE / 2]], &[]).unwrap();
        let (packet, message) = receive(&init, &mut vec![0; MAX_MESSAGE]).unwrap().unwrap();
        assert_eq!((packet.descriptors.len(), message.len()), (1, 0));
    }

    #[test]
    fn a_start_message_of_any_size_arrives_whole() {
        for (length, is_in_packet) in [(0, true), (10, true), (MAX_MESSAGE, false), (10 * MAX_MESSAGE, false)]
        {
            let (daemon, init) =
                socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
            let source = vec![b'x'; length];
            send_start(&daemon, &start(), &[&source, b"y"], &[]).unwrap();
            let (packet, message) = receive(&init, &mut vec![0; MAX_MESSAGE]).unwrap().unwrap();
            assert_eq!((packet.tag, packet.descriptors.is_empty()), (START, is_in_packet), "{length}");
            let mut message = StartMessage::of(message, &mut packet.descriptors.into_iter()).unwrap();
            assert_eq!(message.read_start().unwrap().program.command, ["main"]);
            let mut sources = Vec::new();
            message.read_to_end(&mut sources).unwrap();
            assert_eq!(sources, [&source[..], b"y"].concat());
        }
    }
}
