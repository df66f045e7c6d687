//! The descriptors of a zygote that its forks must have as well, each with an object of its own: an event loop that used the
//! zygote's pipes would be woken by other programs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open, openat, readlinkat};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, getsockopt, recv, socketpair, sockopt};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{pipe2, write};

use crate::sys::descriptor;

/// The most descriptors. Node has fifteen.
const MAX_DESCRIPTORS: usize = 64;
/// The most bytes of a pipe's contents: a pipe of any size has room for them.
const MAX_CONTENTS: usize = 4096;
/// The descriptors of the standard streams.
const STREAMS: RangeInclusive<RawFd> = 0..=2;
const NULL_DEVICE: &str = "/dev/null";

/// What a descriptor of a zygote refers to.
#[derive(Debug, PartialEq, Eq)]
enum Object {
    NullDevice,
    /// One end of the pipe with this inode.
    Pipe(u64),
    EventFd {
        count: u32,
    },
    Epoll(Vec<Watch>),
    /// A file or a device that is only read.
    File {
        path: PathBuf,
        position: u64,
    },
    /// A socket whose other end is closed. The JVM duplicates it onto descriptors that one thread closes while others use them.
    ClosedSocket,
}

/// A descriptor that an epoll instance watches.
#[derive(Debug, PartialEq, Eq)]
struct Watch {
    descriptor: RawFd,
    events: i32,
    data: u64,
}

/// The descriptors of a process above the standard streams.
#[derive(Debug)]
pub(super) struct RecordedDescriptors {
    objects: BTreeMap<RawFd, (Object, OFlag)>,
    /// The files among them.
    files: BTreeMap<RawFd, Identity>,
    pipes: Vec<Pipe>,
    /// The descriptor flags of the standard streams; see F_SETFD in fcntl(2). Node sets close-on-exec.
    of_streams: [FdFlag; 3],
}

/// What tells a file from one that replaced it.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
}

impl Identity {
    const fn of(status: &FileStat) -> Self {
        Self {
            device: status.st_dev,
            inode: status.st_ino,
            size: status.st_size,
            modified: (status.st_mtime, status.st_mtime_nsec),
        }
    }
}

#[derive(Debug)]
struct Pipe {
    read_end: RawFd,
    write_end: RawFd,
    /// What was written and not read. A byte in a pipe is libuv's lock for its signal handlers.
    contents: Vec<u8>,
}

impl RecordedDescriptors {
    /// Records the descriptors of this process from 3 up, except `excluded`. `process` is its directory in `/proc`.
    ///
    /// # Errors
    /// If there is one that [`Self::create`] cannot create again: only pipes, eventfd(2), epoll(7), the null device, files that
    /// are only read, and sockets whose other end is closed are known.
    pub(super) fn record(process: &OwnedFd, excluded: &[RawFd]) -> io::Result<Self> {
        let (mut objects, mut files) = (BTreeMap::new(), BTreeMap::new());
        let mut numbers = numbers_in(process, "fd")?;
        numbers.retain(|number| *number > *STREAMS.end() && !excluded.contains(number));
        if numbers.len() > MAX_DESCRIPTORS {
            return Err(io::Error::other(format!("{} descriptors", numbers.len())));
        }
        for number in numbers {
            let target = readlinkat(process, format!("fd/{number}").as_str())?;
            let information = read(process, &format!("fdinfo/{number}"))?;
            let described = describe(&target.to_string_lossy(), &information);
            let described =
                described.filter(|(object, _)| *object != Object::ClosedSocket || is_closed_socket(number));
            let described =
                described.ok_or_else(|| io::Error::other(format!("descriptor {number} is {target:?}")))?;
            if let Object::File { .. } = described.0 {
                files.insert(number, identity_of_file(number)?);
            }
            objects.insert(number, described);
        }
        let pipes = pipes(&objects)?;
        let mut of_streams = [FdFlag::empty(); 3];
        for (number, flags) in STREAMS.zip(&mut of_streams) {
            *flags = FdFlag::from_bits_retain(fcntl(descriptor::standing(number), FcntlArg::F_GETFD)?);
        }
        Ok(Self { objects, files, pipes, of_streams })
    }

    /// Creates all of them again, with the same numbers. Nothing else has these numbers.
    pub(super) fn create(&self) -> io::Result<()> {
        for (number, flags) in STREAMS.zip(self.of_streams) {
            fcntl(descriptor::standing(number), FcntlArg::F_SETFD(flags))?;
        }
        let Some(last) = self.objects.keys().next_back() else { return Ok(()) };
        // New descriptors get the lowest free numbers, which may be those of others: each is first moved above all.
        let place = |descriptor: OwnedFd, number: RawFd| {
            let above = fcntl(&descriptor, FcntlArg::F_DUPFD_CLOEXEC(last + 1))?;
            drop(descriptor);
            descriptor::move_to(above, number)
        };
        for pipe in &self.pipes {
            let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC)?;
            write(&write_end, &pipe.contents)?;
            for (end, number) in [(&read_end, pipe.read_end), (&write_end, pipe.write_end)] {
                fcntl(end, FcntlArg::F_SETFL(self.flags_of(number) & OFlag::O_NONBLOCK))?;
            }
            // Both above the others before one of them is moved down.
            let write_above = fcntl(&write_end, FcntlArg::F_DUPFD_CLOEXEC(last + 1))?;
            drop(write_end);
            place(read_end, pipe.read_end)?;
            descriptor::move_to(write_above, pipe.write_end)?;
        }
        for (&number, (object, flags)) in &self.objects {
            match object {
                Object::Pipe(_) | Object::Epoll(_) => {}
                Object::NullDevice => place(open(NULL_DEVICE, *flags, Mode::empty())?, number)?,
                Object::File { path, position } => {
                    let mut file = File::from(open(path, *flags | OFlag::O_NOFOLLOW, Mode::empty())?);
                    if self.files.get(&number) != Some(&Identity::of(&fstat(&file)?)) {
                        return Err(io::Error::other(format!("{} was replaced", path.display())));
                    }
                    if *position > 0 {
                        file.seek(SeekFrom::Start(*position))?;
                    }
                    place(file.into(), number)?;
                }
                Object::ClosedSocket => {
                    let (socket, _) =
                        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
                    place(socket, number)?;
                }
                Object::EventFd { count } => {
                    let flags = if flags.contains(OFlag::O_NONBLOCK) {
                        EfdFlags::EFD_NONBLOCK
                    } else {
                        EfdFlags::empty()
                    };
                    place(EventFd::from_value_and_flags(*count, flags)?.into(), number)?;
                }
            }
        }
        for (&number, (object, _)) in &self.objects {
            if let Object::Epoll(watches) = object {
                let epoll = Epoll::new(EpollCreateFlags::empty())?;
                for &Watch { descriptor, events, data } in watches {
                    let event = EpollEvent::new(EpollFlags::from_bits_retain(events), data);
                    epoll.add(descriptor::standing(descriptor), event)?;
                }
                place(epoll.0, number)?;
            }
        }
        Ok(())
    }

    fn flags_of(&self, number: RawFd) -> OFlag {
        self.objects.get(&number).map_or(OFlag::empty(), |(_, flags)| *flags)
    }
}

/// Returns the pipes among these descriptors. Reads their contents.
fn pipes(objects: &BTreeMap<RawFd, (Object, OFlag)>) -> io::Result<Vec<Pipe>> {
    let mut ends: BTreeMap<u64, (Option<RawFd>, Option<RawFd>)> = BTreeMap::new();
    for (&number, (object, flags)) in objects {
        if let Object::Pipe(inode) = object {
            let (read_end, write_end) = ends.entry(*inode).or_default();
            *(if flags.contains(OFlag::O_WRONLY) { write_end } else { read_end }) = Some(number);
        }
    }
    let pipe = |ends| {
        let (Some(read_end), Some(write_end)) = ends else {
            return Err(io::Error::other("a pipe with another process"));
        };
        let unread = descriptor::unread_bytes(descriptor::standing(read_end))?;
        let unread = usize::try_from(unread).ok().filter(|&unread| unread <= MAX_CONTENTS);
        let unread = unread.ok_or_else(|| io::Error::other("a pipe with much unread data"))?;
        let mut contents = vec![0; unread];
        if !contents.is_empty() {
            let count = nix::unistd::read(descriptor::standing(read_end), &mut contents)?;
            contents.truncate(count);
        }
        Ok(Pipe { read_end, write_end, contents })
    };
    ends.into_values().map(pipe).collect()
}

/// Returns the numbers that are names in a directory of `/proc/PID`, except that of the open directory itself.
pub(super) fn numbers_in(process: &OwnedFd, name: &str) -> io::Result<Vec<i32>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut directory = Dir::openat(process, name, flags, Mode::empty())?;
    let own = directory.as_raw_fd();
    let mut numbers = Vec::new();
    for entry in directory.iter() {
        numbers.extend(entry?.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()));
    }
    numbers.retain(|&number| name != "fd" || number != own);
    Ok(numbers)
}

/// Reads a file of `/proc/PID`.
pub(super) fn read(process: &OwnedFd, name: &str) -> io::Result<String> {
    let file = openat(process, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text)?;
    Ok(text)
}

/// Returns the first address, and the one behind the last, of a line of `/proc/PID/maps` that begins a mapping.
pub(super) fn address_range(line: &str) -> Option<(usize, usize)> {
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

/// Returns the object and the flags of a descriptor from its link in `/proc/PID/fd` and its file in `/proc/PID/fdinfo`; see
/// proc_pid_fdinfo(5). `None` if it is of no known kind.
fn describe(target: &str, information: &str) -> Option<(Object, OFlag)> {
    let fields: Vec<(&str, &str)> = information
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let field = |wanted: &str| fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let flags = OFlag::from_bits_retain(i32::from_str_radix(field("flags")?, 8).ok()?);
    let object = match target {
        NULL_DEVICE => Object::NullDevice,
        "anon_inode:[eventfd]" if field("eventfd-semaphore").is_none_or(|value| value == "0") => {
            Object::EventFd { count: u32::from_str_radix(field("eventfd-count")?, 16).ok()? }
        }
        "anon_inode:[eventpoll]" => {
            let watches = information.lines().filter(|line| line.starts_with("tfd:"));
            Object::Epoll(watches.map(watch).collect::<Option<_>>()?)
        }
        path if path.starts_with('/') => {
            let is_only_read = flags & OFlag::O_ACCMODE == OFlag::O_RDONLY;
            let position = field("pos").filter(|_| is_only_read)?.parse().ok()?;
            Object::File { path: path.into(), position }
        }
        socket if socket.starts_with("socket:[") => Object::ClosedSocket,
        _ => Object::Pipe(target.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok()?),
    };
    Some((object, flags))
}

/// Returns whether a descriptor is a stream socket of the Unix domain whose other end is closed.
fn is_closed_socket(number: RawFd) -> bool {
    let socket = descriptor::standing(number);
    let is_unix_stream = getsockopt(&socket, sockopt::SockType) == Ok(SockType::Stream)
        && getsockopt(&socket, sockopt::PeerCredentials).is_ok();
    let read = recv(number, &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
    is_unix_stream && matches!(read, Ok(0) | Err(Errno::ECONNRESET))
}

/// Returns the identity of a regular file or a character device.
fn identity_of_file(number: RawFd) -> io::Result<Identity> {
    let status = fstat(descriptor::standing(number))?;
    let kind = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT;
    if [SFlag::S_IFREG, SFlag::S_IFCHR].contains(&kind) {
        Ok(Identity::of(&status))
    } else {
        Err(io::Error::other(format!("descriptor {number} is of the kind {kind:?}")))
    }
}

/// Parses a line such as `tfd:       11 events:       19 data:                b  pos:0 ino:b33a9d sdev:f`.
fn watch(line: &str) -> Option<Watch> {
    let words: Vec<_> = line.split_whitespace().collect();
    let after = |name: &str| words.iter().skip_while(|word| **word != name).nth(1).copied();
    let events = u32::from_str_radix(after("events:")?, 16).ok()?;
    Some(Watch {
        descriptor: after("tfd:")?.parse().ok()?,
        events: events.cast_signed(),
        data: u64::from_str_radix(after("data:")?, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_described() {
        let epoll = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t17\n\
                     tfd:       11 events:       19 data:                b  pos:0 ino:b33a9d sdev:f\n";
        let watches = vec![Watch { descriptor: 11, events: 0x19, data: 0xb }];
        let event = "pos:\t0\nflags:\t02004002\neventfd-count:               1f\neventfd-id: 2\neventfd-semaphore: 0\n";
        let (read_write, no_wait) = (OFlag::O_RDWR | OFlag::O_CLOEXEC, OFlag::O_NONBLOCK);
        for (target, information, expected) in [
            ("anon_inode:[eventpoll]", epoll, Some((Object::Epoll(watches), read_write))),
            ("anon_inode:[eventfd]", event, Some((Object::EventFd { count: 31 }, read_write | no_wait))),
            ("pipe:[77]", "flags:\t01\n", Some((Object::Pipe(77), OFlag::O_WRONLY))),
            (NULL_DEVICE, "flags:\t0\n", Some((Object::NullDevice, OFlag::O_RDONLY))),
            (
                "/usr/lib/modules",
                "pos:\t5\nflags:\t0100000\n",
                Some((
                    Object::File { path: "/usr/lib/modules".into(), position: 5 },
                    OFlag::from_bits_retain(0o100_000),
                )),
            ),
            ("/box/written", "pos:\t5\nflags:\t02\n", None),
            ("socket:[5]", "flags:\t02\n", Some((Object::ClosedSocket, OFlag::O_RDWR))),
            ("anon_inode:[io_uring]", "flags:\t0\n", None),
            ("pipe:[77]", "", None),
        ] {
            assert_eq!(describe(target, information), expected, "{target}");
        }
    }
}
