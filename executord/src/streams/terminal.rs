//! The daemon's end of a program's terminal. The kernel buffers about 20 KiB in each direction.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::termios::{SpecialCharacterIndices, tcgetattr};
use nix::unistd::{read, write};
use protocol::TerminalSize;
use protocol::bounds::MAX_OUTPUT_CHUNK;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

/// Time after which a write to a full terminal is tried again. The kernel wakes the writer when the program has read,
/// but not when it has discarded what is too long for a line.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The master end of a pseudoterminal; see pty(7). Escape sequences in its output are passed on and not interpreted.
#[derive(Debug)]
pub(crate) struct Terminal(AsyncFd<OwnedFd>);

impl Terminal {
    /// Makes `master` non-blocking and watches it.
    pub(crate) fn new(master: OwnedFd) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&master, FcntlArg::F_GETFL)?);
        fcntl(&master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; this one owns one for life"
        )]
        AsyncFd::with_interest(master, Interest::READABLE | Interest::WRITABLE).map(Self)
    }

    /// Waits until there is something to read, or the end.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await.map(|mut ready| ready.retain_ready())
    }

    /// Reads the available bytes. Returns 0 at the end, when no process has the terminal open.
    pub(crate) fn try_read(&self, buffer: &mut [u8; MAX_OUTPUT_CHUNK]) -> io::Result<usize> {
        match self.0.try_io(Interest::READABLE, |master| Ok(read(master, &mut buffer[..])?)) {
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => Ok(0),
            read => read,
        }
    }

    /// Writes all bytes, as if they were typed. Waits while there is a line that the program has not read; of a line
    /// that does not end, the terminal keeps 4 KiB.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            consume_budget().await;
            match write(self.0.get_ref(), bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::EAGAIN) => {
                    if let Ok(ready) = timeout(RETRY_INTERVAL, self.0.writable()).await {
                        let mut ready = ready?;
                        // No process has it open, so its buffer will never be read.
                        if ready.ready().is_write_closed() {
                            return Err(io::ErrorKind::BrokenPipe.into());
                        }
                        ready.clear_ready();
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Types the VEOF character, which ends the input at the beginning of a line: Ctrl+D, unless the program changed
    /// it.
    pub(crate) async fn end_input(&self) -> io::Result<()> {
        let end = tcgetattr(self.0.get_ref())?.control_chars[SpecialCharacterIndices::VEOF as usize];
        self.write_all(&[end]).await
    }

    /// Sets the size of the terminal. The kernel sends SIGWINCH to the foreground process group.
    pub(crate) fn resize(&self, size: TerminalSize) -> io::Result<()> {
        let size = sandbox::TerminalSize { columns: size.columns.get(), rows: size.rows.get() };
        sandbox::resize_terminal(self.0.get_ref(), size)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::num::NonZeroU16;

    use nix::pty::openpty;
    use terminal_size::{Height, Width, terminal_size_of};

    use super::*;

    fn pair() -> (Terminal, File) {
        let pair = openpty(None, None).unwrap();
        (Terminal::new(pair.master).unwrap(), pair.slave.into())
    }

    async fn read(terminal: &Terminal) -> Vec<u8> {
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        loop {
            terminal.readable().await.unwrap();
            match terminal.try_read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                count => return buffer[..count.unwrap()].to_vec(),
            }
        }
    }

    #[tokio::test]
    async fn input_output_end_of_input_and_size_reach_the_other_end() {
        let (terminal, mut slave) = pair();
        terminal.write_all(b"typed\n").await.unwrap();
        assert_eq!(read(&terminal).await, b"typed\r\n", "input is echoed");
        terminal.end_input().await.unwrap();
        let mut received = [0; 64];
        assert_eq!(slave.read(&mut received).unwrap(), 6);
        assert_eq!(slave.read(&mut received).unwrap(), 0, "the end of input");
        let side = |side| NonZeroU16::new(side).unwrap();
        terminal.resize(TerminalSize { columns: side(132), rows: side(43) }).unwrap();
        assert_eq!(terminal_size_of(&slave), Some((Width(132), Height(43))));
        io::Write::write_all(&mut slave, b"last line\n").unwrap();
        drop(slave);
        assert_eq!(read(&terminal).await, b"last line\r\n");
        assert_eq!(read(&terminal).await, b"");
    }

    #[tokio::test]
    async fn input_that_the_program_does_not_read_blocks_the_writer() {
        let (terminal, slave) = pair();
        let lines = b"0123456789\n".repeat(10_000);
        let mut waiting = Box::pin(terminal.write_all(&lines));
        assert!(futures_util::FutureExt::now_or_never(&mut waiting).is_none());
        drop(slave);
        assert!(waiting.await.is_err(), "no process is left to read it");
    }

    #[tokio::test]
    async fn a_line_without_end_is_truncated_and_does_not_block_the_writer() {
        let (terminal, mut slave) = pair();
        terminal.write_all(&[b'x'; 100_000]).await.unwrap();
        terminal.write_all(b"\n").await.unwrap();
        let mut received = [0; 8192];
        assert_eq!(slave.read(&mut received).unwrap(), 4096);
    }
}
