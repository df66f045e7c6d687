//! The messages between daemon, supervisor, zygote and init: one packet each, on SOCK_SEQPACKET socket pairs.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, recvmsg, sendmsg};

use crate::error::{SetupError, Step};
use crate::sys::descriptor;

/// Maximum number of descriptors in a packet: socket for /proc, plan, three streams, report pipe, control socket, cgroup.
const MAX_DESCRIPTORS: usize = 9;

/// Size of a packet without a message in bytes: the tag, padding, and two numbers.
const PACKET_BYTES: usize = 12;
/// Maximum size of a message in a packet in bytes. A socket's default buffer has room for six times as much
/// (net.core.wmem_default in the kernel's Documentation/admin-guide/sysctl/net.rst).
pub(crate) const MAX_MESSAGE: usize = 32 * 1024;

/// A packet: a tag, two numbers, descriptors, and a message if the receiver expects one.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) tag: u8,
    pub(crate) numbers: [i32; 2],
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Daemon to supervisor: prepare a sandbox by the plan in the first descriptor. Supervisor to zygote: the same, with an
/// additional first descriptor, the socket on which init receives [`PROC`].
pub(crate) const PREPARE: u8 = 1;
/// Daemon to supervisor: drop the build directory.
pub(crate) const DROP_BUILD: u8 = 2;
/// Supervisor to daemon, and zygote to supervisor: init was started. Carries its pid and pidfd.
pub(crate) const LAUNCHED: u8 = 3;
/// Supervisor to daemon, and zygote to supervisor: init was not started. Carries the step and the errno.
pub(crate) const NOT_LAUNCHED: u8 = 4;
/// Supervisor to daemon: init is gone, and with it every process of the sandbox. Carries the pids of the slot's zygotes, or 0
/// for one that does not exist.
pub(crate) const GONE: u8 = 5;
/// Supervisor to daemon, and zygote to supervisor: ready for requests. From a supervisor, the first number is the errno of
/// creating a user namespace for zygotes, or 0.
pub(crate) const READY: u8 = 6;
/// Daemon to supervisor: share the build directory.
pub(crate) const SHARE_BUILD: u8 = 7;
/// Supervisor to daemon: the mount of the build directory. Carries its size in KiB.
pub(crate) const BUILD: u8 = 8;
/// Daemon to init: start the program. The packet has the start message and the source files, or, if they exceed
/// [`MAX_MESSAGE`], its first descriptor has them. After it come the upload, if one of the sources is one, and the mount of the
/// build directory, if there is one.
pub(crate) const START: u8 = 9;
/// Daemon to init: send SIGTERM to the program's process group.
pub(crate) const TERMINATE: u8 = 10;
/// Daemon to init: send a signal to the program's process group. Carries its number.
pub(crate) const SIGNAL: u8 = 11;
/// Init to daemon: the daemon's end of the program's pseudoterminal. Precedes the `Ready` report.
pub(crate) const TERMINAL: u8 = 12;

/// Daemon to supervisor: start a collector for the sandbox, which must be prepared. The first descriptor has the
/// [`Collection`](crate::Collection), the second is the pipe for the archive, the third is the mount namespace of the
/// sandbox.
pub(crate) const ATTACH_COLLECTOR: u8 = 14;
/// Supervisor to daemon: the collector waits.
pub(crate) const COLLECTOR_READY: u8 = 15;
/// Supervisor to daemon: there is no collector. Carries the step and the errno.
pub(crate) const NO_COLLECTOR: u8 = 16;
/// Daemon to supervisor, after [`GONE`]: let the collector search.
pub(crate) const COLLECT: u8 = 17;
/// Daemon to supervisor: kill the collector.
pub(crate) const STOP_COLLECTOR: u8 = 18;
/// Supervisor to daemon, after [`GONE`]: the collector is gone.
pub(crate) const COLLECTED: u8 = 19;

/// Daemon to init, and the reply: the mount namespace of the sandbox. Init reports `Ready` again after the reply.
pub(crate) const NAMESPACE: u8 = 20;

/// Supervisor to an init that was forked from a zygote: the mount of its /proc.
pub(crate) const PROC: u8 = 21;
/// Supervisor to zygote: create another network namespace. The reply is [`READY`].
pub(crate) const RENEW_NETWORK: u8 = 22;

/// Supervisor to zygote, once: the directory of the zygote in `/proc`. The reply is [`READY`].
pub(crate) const PROCESS_DIRECTORY: u8 = 24;

/// Supervisor to daemon, instead of [`READY`]: it cannot create sandboxes, and ends. The descriptor has the message.
pub(crate) const FAILED: u8 = 23;

impl Packet {
    pub(crate) const fn new(tag: u8, numbers: [i32; 2]) -> Self {
        Self { tag, numbers, descriptors: Vec::new() }
    }

    /// Creates a [`NOT_LAUNCHED`] message.
    pub(crate) fn not_launched(error: SetupError) -> Self {
        Self::new(NOT_LAUNCHED, [error.step.number().into(), error.errno as i32])
    }

    /// Creates a [`NO_COLLECTOR`] message.
    pub(crate) fn no_collector(error: SetupError) -> Self {
        Self { tag: NO_COLLECTOR, ..Self::not_launched(error) }
    }

    /// Returns the error of a [`NOT_LAUNCHED`] or [`NO_COLLECTOR`] message.
    pub(crate) fn setup_error(&self) -> io::Result<SetupError> {
        let [step, errno] = self.numbers;
        let step = u8::try_from(step).ok().and_then(Step::from_number).ok_or(io::ErrorKind::InvalidData)?;
        Ok(SetupError { step, errno: Errno::from_raw(errno) })
    }

    /// Sends the message. The receiver gets duplicates of the descriptors.
    pub(crate) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let raw: Vec<RawFd> = self.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        send_packet(socket, self.tag, self.numbers, &raw)
    }

    /// Receives a packet without a message. Returns `None` at the end of the connection.
    pub(crate) fn receive(socket: impl AsFd) -> io::Result<Option<Self>> {
        let received = Self::receive_with_message(socket, &mut [])?;
        Ok(received.map(|(packet, _)| packet))
    }

    /// Receives a packet, and into `buffer` its message. Returns the packet and the length of the message, or `None` at the end of
    /// the connection.
    ///
    /// # Errors
    /// If the message is longer than `buffer`, which loses it.
    pub(crate) fn receive_with_message(
        socket: impl AsFd,
        buffer: &mut [u8],
    ) -> io::Result<Option<(Self, usize)>> {
        let mut bytes = [0; PACKET_BYTES];
        let mut space = nix::cmsg_space!([RawFd; MAX_DESCRIPTORS]);
        let mut buffers = [IoSliceMut::new(&mut bytes), IoSliceMut::new(buffer)];
        let message = recvmsg::<()>(
            socket.as_fd().as_raw_fd(),
            &mut buffers,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        let descriptors = descriptor::received(&message)?;
        let (length, is_whole) = (message.bytes, !message.flags.contains(MsgFlags::MSG_TRUNC));
        if length == 0 {
            return Ok(None);
        }
        let message = length.checked_sub(PACKET_BYTES).filter(|_| is_whole);
        let message = message.ok_or(io::ErrorKind::InvalidData)?;
        let number = |at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Ok(Some((Self { tag: bytes[0], numbers: [number(4), number(8)], descriptors }, message)))
    }
}

/// Sends a packet with borrowed descriptors and without a message.
pub(crate) fn send_packet(
    socket: impl AsFd,
    tag: u8,
    numbers: [i32; 2],
    descriptors: &[RawFd],
) -> io::Result<()> {
    send_message(socket, tag, numbers, descriptors, &[])
}

/// Sends a packet with borrowed descriptors and a message in parts, of [`MAX_MESSAGE`] in all.
pub(crate) fn send_message(
    socket: impl AsFd,
    tag: u8,
    numbers: [i32; 2],
    descriptors: &[RawFd],
    message: &[&[u8]],
) -> io::Result<()> {
    let mut bytes = [0; PACKET_BYTES];
    bytes[0] = tag;
    bytes[4..8].copy_from_slice(&numbers[0].to_le_bytes());
    bytes[8..12].copy_from_slice(&numbers[1].to_le_bytes());
    let rights = [ControlMessage::ScmRights(descriptors)];
    let control = if descriptors.is_empty() { &[][..] } else { &rights[..] };
    let parts: Vec<IoSlice> =
        [&bytes[..]].into_iter().chain(message.iter().copied()).map(IoSlice::new).collect();
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}
