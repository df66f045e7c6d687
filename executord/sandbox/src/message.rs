//! What the daemon says to supervisors and inits, and they to it: one packet each, on SOCK_SEQPACKET pairs.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, recvmsg, sendmsg};

use crate::error::{SetupError, Step};
use crate::sys::descriptor;

/// The most descriptors one packet carries: a network, the bundle, three streams, two pipes to init, a cgroup.
const MAX_DESCRIPTORS: usize = 8;

/// A packet: a tag and two numbers, with descriptors beside it.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) tag: u8,
    pub(crate) numbers: [i32; 2],
    pub(crate) descriptors: Vec<OwnedFd>,
}

const PACKET_BYTES: usize = 12;

/// Daemon to supervisor: prepare a sandbox by the plan in the first descriptor. Supervisor to zygote: do that, with the
/// network in a descriptor before that.
pub(crate) const PREPARE: u8 = 1;
/// Daemon to supervisor: drop what was built.
pub(crate) const DROP_BUILD: u8 = 2;
/// Supervisor to daemon, zygote to supervisor: init runs; a pidfd comes along.
pub(crate) const LAUNCHED: u8 = 3;
/// The same two: it does not; step and errno.
pub(crate) const NOT_LAUNCHED: u8 = 4;
/// Supervisor to daemon: init is gone and with it every process of the sandbox; its wait status, and the zygote that is
/// still there, or 0.
pub(crate) const GONE: u8 = 5;
/// The same two: ready.
pub(crate) const READY: u8 = 6;
/// Daemon to supervisor: let another sandbox see what was built.
pub(crate) const SHARE_BUILD: u8 = 7;
/// Supervisor to daemon: it can, by this descriptor; it holds so many KiB.
pub(crate) const BUILD: u8 = 8;
/// Daemon to init: start by what is in the first descriptor; the second is what was built.
pub(crate) const START: u8 = 9;
/// Daemon to init: send SIGTERM to the program's process group.
pub(crate) const TERMINATE: u8 = 10;
/// Daemon to init: send the signal of this number to the program's process group.
pub(crate) const SIGNAL: u8 = 11;
/// Supervisor to zygote, once: a list of its memory, as in proc_pid_maps(5), where it has none of its own.
pub(crate) const MAPS: u8 = 13;
/// Init to daemon: the other end of the program's terminal. Before it says that all is prepared.
pub(crate) const TERMINAL: u8 = 12;

impl Packet {
    pub(crate) const fn new(tag: u8, numbers: [i32; 2]) -> Self {
        Self { tag, numbers, descriptors: Vec::new() }
    }

    /// No init runs, for this reason.
    pub(crate) fn not_launched(error: SetupError) -> Self {
        Self::new(NOT_LAUNCHED, [error.step.number().into(), error.errno as i32])
    }

    /// The reason that [`Packet::not_launched`] gave.
    pub(crate) fn reason(&self) -> io::Result<SetupError> {
        let [step, errno] = self.numbers;
        let step = u8::try_from(step).ok().and_then(Step::from_number).ok_or(io::ErrorKind::InvalidData)?;
        Ok(SetupError { step, errno: Errno::from_raw(errno) })
    }

    /// Send it. The descriptors are copied to the receiver and stay open here.
    pub(crate) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let raw: Vec<RawFd> = self.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        send_raw(socket, self.tag, self.numbers, &raw)
    }

    /// Receive one. `None` at the end of the connection.
    pub(crate) fn receive(socket: impl AsFd) -> io::Result<Option<Self>> {
        let mut bytes = [0; PACKET_BYTES];
        let mut space = nix::cmsg_space!([RawFd; MAX_DESCRIPTORS]);
        let mut buffers = [IoSliceMut::new(&mut bytes)];
        let message = recvmsg::<()>(
            socket.as_fd().as_raw_fd(),
            &mut buffers,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        let descriptors = descriptor::received(&message)?;
        match message.bytes {
            0 => Ok(None),
            PACKET_BYTES => {
                let number =
                    |at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
                Ok(Some(Self { tag: bytes[0], numbers: [number(4), number(8)], descriptors }))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Send a packet with descriptors that stay with their owner.
pub(crate) fn send_raw(
    socket: impl AsFd,
    tag: u8,
    numbers: [i32; 2],
    descriptors: &[RawFd],
) -> io::Result<()> {
    let mut bytes = [0; PACKET_BYTES];
    bytes[0] = tag;
    bytes[4..8].copy_from_slice(&numbers[0].to_le_bytes());
    bytes[8..12].copy_from_slice(&numbers[1].to_le_bytes());
    let rights = [ControlMessage::ScmRights(descriptors)];
    let control = if descriptors.is_empty() { &[][..] } else { &rights[..] };
    sendmsg::<()>(
        socket.as_fd().as_raw_fd(),
        &[IoSlice::new(&bytes)],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}
