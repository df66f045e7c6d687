//! The order in which a program's stdout and stderr are read: the order in which they became readable.
//!
//! Two pipes have no common order of their bytes. But an epoll instance lists its members in the order in which they
//! became ready: a write to a pipe wakes the instance, which appends the pipe to its ready list unless it is in the
//! list (Linux, fs/eventpoll.c, `ep_poll_callback`). With EPOLLET a pipe is in the list only because of a write since
//! the list was last read. So if a program writes to stdout and then to stderr, stdout is first in the list, however
//! late the list is read.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::read;
use sandbox::unread_bytes;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The number of pipes.
const PIPES: usize = 2;

/// The pipes of a program's output, by index.
#[derive(Debug)]
pub(super) struct ReadOrder {
    /// `None` once no process has the pipe open for writing.
    pipes: [Option<OwnedFd>; PIPES],
    /// Whether no process has the pipe open for writing, so that nothing is added to its content.
    is_hung_up: [bool; PIPES],
    ready: AsyncFd<ReadyList>,
    /// The pipes that hold something, in the order in which they are read.
    queue: VecDeque<UnreadPipe>,
}

/// A pipe that is to be read.
#[derive(Debug)]
struct UnreadPipe {
    pipe: usize,
    /// Bytes to read before the next pipe is read. This pipe held them when the next one was found readable, so they
    /// may have been written before those of the next one.
    bytes: u64,
}

/// A read from a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PipeRead {
    /// The number of bytes read.
    Data(usize),
    /// The pipe is empty, and no process has it open for writing.
    End,
}

#[derive(Debug)]
struct ReadyList(Epoll);

impl AsRawFd for ReadyList {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl ReadOrder {
    /// Takes the reading ends, which must be non-blocking.
    pub(super) fn new(pipes: [OwnedFd; PIPES]) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (index, pipe) in (0..).zip(&pipes) {
            epoll.add(pipe, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, index))?;
        }
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; this one owns one for life"
        )]
        let ready = AsyncFd::with_interest(ReadyList(epoll), Interest::READABLE)?;
        let queue = VecDeque::with_capacity(PIPES);
        Ok(Self { pipes: pipes.map(Some), is_hung_up: [false; PIPES], ready, queue })
    }

    /// Returns the pipes that are open.
    pub(super) fn open_pipes(&self) -> impl Iterator<Item = &OwnedFd> {
        self.pipes.iter().flatten()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open_pipes().next().is_some()
    }

    /// Closes all pipes.
    pub(super) fn close(&mut self) {
        self.pipes = [const { None }; PIPES];
        self.queue.clear();
    }

    /// Waits for output and reads the available bytes. Returns the index of the pipe. Waits forever if none is open.
    /// Cancel safe.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> (usize, PipeRead) {
        loop {
            self.take_ready_list();
            if let Some(read) = self.read_now(buffer) {
                return read;
            }
            if !self.is_open() {
                return std::future::pending().await;
            }
            // An error means that the runtime shuts down.
            if let Ok(mut ready) = self.ready.readable().await {
                ready.clear_ready();
            }
        }
    }

    /// Appends the pipes of the ready list to the queue.
    fn take_ready_list(&mut self) {
        let mut events = [EpollEvent::empty(); PIPES];
        let count = self.ready.get_ref().0.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        for event in &events[..count] {
            let pipe = usize::from(event.data() != 0);
            if event.events().intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
                self.is_hung_up[pipe] = true;
            }
            if self.queue.iter().any(|unread| unread.pipe == pipe) {
                continue;
            }
            for earlier in 0..self.queue.len() {
                self.queue[earlier].bytes = self.unread(self.queue[earlier].pipe);
            }
            let bytes = self.unread(pipe);
            if bytes > 0 || self.is_hung_up[pipe] {
                self.queue.push_back(UnreadPipe { pipe, bytes });
            }
        }
    }

    /// Reads from the first pipe of the queue. Returns `None` if no pipe holds anything.
    fn read_now(&mut self, buffer: &mut [u8]) -> Option<(usize, PipeRead)> {
        while let Some(unread) = self.queue.front_mut() {
            let pipe = unread.pipe;
            if unread.bytes > 0 {
                let wanted = buffer.len().min(usize::try_from(unread.bytes).unwrap_or(usize::MAX));
                let source = self.pipes[pipe].as_ref()?;
                match read(source, &mut buffer[..wanted]) {
                    Ok(count) if count > 0 => {
                        unread.bytes = unread.bytes.saturating_sub(count as u64);
                        return Some((pipe, PipeRead::Data(count)));
                    }
                    Err(Errno::EAGAIN | Errno::EINTR) => unread.bytes = 0,
                    // The end. Errors of a pipe do not exist.
                    _ => self.is_hung_up[pipe] = true,
                }
            }
            // It goes on after the other one. If it is empty now, it is not in the ready list either: the list was read
            // before, and a write since then would be found here.
            self.queue.pop_front();
            let bytes = self.unread(pipe);
            if bytes > 0 {
                self.queue.push_back(UnreadPipe { pipe, bytes });
            } else if self.is_hung_up[pipe] {
                self.pipes[pipe] = None;
                return Some((pipe, PipeRead::End));
            }
        }
        None
    }

    /// Returns the number of bytes that a pipe holds.
    fn unread(&self, pipe: usize) -> u64 {
        self.pipes[pipe].as_ref().map_or(0, |pipe| unread_bytes(pipe.as_fd()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;
    use crate::streams::pipe::output_pipe;

    /// Room for everything that a test writes at once.
    const BUFFER: usize = 16;

    fn pipes() -> (ReadOrder, [File; PIPES]) {
        let (first, first_end) = output_pipe().unwrap();
        let (second, second_end) = output_pipe().unwrap();
        (ReadOrder::new([first, second]).unwrap(), [first_end.into(), second_end.into()])
    }

    fn write(end: &mut File, text: &str) {
        end.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until all that was written is read, and returns it in the order of reading.
    fn read_all(order: &mut ReadOrder) -> String {
        let mut all = String::new();
        let mut buffer = [0; BUFFER];
        loop {
            order.take_ready_list();
            match order.read_now(&mut buffer) {
                Some((_, PipeRead::Data(count))) => {
                    all.push_str(std::str::from_utf8(&buffer[..count]).unwrap())
                }
                Some((pipe, PipeRead::End)) => all.push_str(["[0]", "[1]"][pipe]),
                None => return all,
            }
        }
    }

    #[tokio::test]
    async fn the_pipe_that_was_written_to_first_is_read_first() {
        let (mut order, [mut out, mut err]) = pipes();
        for _ in 0..100 {
            write(&mut out, "out ");
            write(&mut err, "err ");
            assert_eq!(read_all(&mut order), "out err ");
            write(&mut err, "err ");
            write(&mut out, "out ");
            assert_eq!(read_all(&mut order), "err out ");
            // More than a buffer.
            write(&mut out, &"o".repeat(3 * BUFFER));
            write(&mut err, &"e".repeat(2 * BUFFER));
            assert_eq!(read_all(&mut order), "o".repeat(3 * BUFFER) + &"e".repeat(2 * BUFFER));
        }
    }

    #[tokio::test]
    async fn a_pipe_that_was_read_has_no_old_place_in_the_order() {
        let (mut order, [mut out, mut err]) = pipes();
        let mut buffer = [0; BUFFER];
        write(&mut out, "1");
        order.take_ready_list();
        // In the ready list again, and then empty.
        write(&mut out, "2");
        assert_eq!(order.read_now(&mut buffer), Some((0, PipeRead::Data(1))));
        assert_eq!(read_all(&mut order), "2");
        write(&mut err, "3");
        write(&mut out, "4");
        assert_eq!(read_all(&mut order), "34");
    }

    #[tokio::test]
    async fn a_pipe_that_never_empties_does_not_hide_the_other() {
        let (mut order, [mut out, mut err]) = pipes();
        let mut buffer = [0; BUFFER];
        write(&mut out, "before ");
        write(&mut err, "error ");
        let mut read = String::new();
        for _ in 0..4 {
            order.take_ready_list();
            let Some((_, PipeRead::Data(count))) = order.read_now(&mut buffer) else { panic!("{read}") };
            read.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            write(&mut out, "after ");
        }
        assert_eq!(read, "before error after after after ");
    }

    #[tokio::test]
    async fn the_end_comes_after_the_last_byte() {
        let (mut order, [mut out, mut err]) = pipes();
        write(&mut out, "last words");
        drop(out);
        assert_eq!(read_all(&mut order), "last words[0]");
        assert!(order.is_open());
        write(&mut err, "e");
        assert_eq!(read_all(&mut order), "e");
        drop(err);
        assert_eq!(read_all(&mut order), "[1]");
        assert!(!order.is_open());
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken() {
        let (mut order, [mut out, err]) = pipes();
        drop(err);
        let writer = std::thread::spawn(move || {
            for number in 0..1000 {
                write(&mut out, &format!("{number} "));
                if number % 100 == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
        });
        let (mut all, mut buffer) = (String::new(), [0; BUFFER]);
        while order.is_open() {
            if let (_, PipeRead::Data(count)) = order.read(&mut buffer).await {
                all.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
        }
        writer.join().unwrap();
        let expected: String = (0..1000).map(|number| format!("{number} ")).collect();
        assert_eq!(all, expected);
    }
}
