//! The reports of a sandbox's init to the daemon, over a pipe of their own.

use std::io::{self, Write};
use std::time::Duration;

use nix::errno::Errno;

use crate::error::{SetupError, Step};

/// A report of init. The order is `Ready`, `Started`, `Exited`; `SetupFailed` may come at any time and is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The sandbox is ready to be started.
    Ready,
    /// The program was executed.
    Started,
    /// A step of setting up the sandbox failed; the program does not run.
    SetupFailed(SetupError),
    /// The program's main process ended, and every other process of the sandbox is gone.
    Exited(ExitReport),
}

/// How the program's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitReport {
    /// The wait status; see waitpid(2).
    pub wait_status: i32,
    /// Time from the start of the program to its end.
    pub wall_time: Duration,
    /// CPU time of all processes since the start of the program, except of those whose parent ignored their end (SIGCHLD;
    /// see wait(2)).
    pub cpu_time: Duration,
    /// The part of it in the kernel, together with that of the main process before the start.
    pub system_time: Duration,
    /// Largest peak resident set of the main process or of a child that it waited for, in bytes.
    pub peak_rss: u64,
    /// Init killed the program because it used too much kernel memory that no cgroup accounts for.
    pub kernel_memory_exceeded: bool,
}

/// Size of a report in bytes: tag, step, flag, padding, an i32 and four u64. It is below PIPE_BUF, so that a write is
/// atomic; see pipe(7).
pub(crate) const REPORT_BYTES: usize = 40;

const STARTED: u8 = 1;
const SETUP_FAILED: u8 = 2;
const EXITED: u8 = 3;
const READY: u8 = 4;

impl Report {
    fn encode(&self) -> [u8; REPORT_BYTES] {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (tag, step, number, counts): (u8, u8, i32, [u64; 4]) = match *self {
            Self::Ready => (READY, 0, 0, [0; 4]),
            Self::Started => (STARTED, 0, 0, [0; 4]),
            Self::SetupFailed(error) => (SETUP_FAILED, error.step.number(), error.errno as i32, [0; 4]),
            Self::Exited(exit) => {
                let counts =
                    [micros(exit.cpu_time), exit.peak_rss, micros(exit.wall_time), micros(exit.system_time)];
                (EXITED, 0, exit.wait_status, counts)
            }
        };
        let mut bytes = [0; REPORT_BYTES];
        bytes[0] = tag;
        bytes[1] = step;
        bytes[2] = u8::from(matches!(self, Self::Exited(exit) if exit.kernel_memory_exceeded));
        bytes[4..8].copy_from_slice(&number.to_le_bytes());
        for (field, count) in bytes[8..].chunks_exact_mut(8).zip(counts) {
            field.copy_from_slice(&count.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn write(&self, mut pipe: impl Write) -> io::Result<()> {
        pipe.write_all(&self.encode())
    }
}

/// Removes one report from the front of `buffer` and returns it, if a complete one is there.
///
/// # Errors
/// `InvalidData` for bytes that no init writes.
pub fn read_report(buffer: &mut Vec<u8>) -> io::Result<Option<Report>> {
    let Some((bytes, _)) = buffer.split_first_chunk::<REPORT_BYTES>() else { return Ok(None) };
    let number = i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let long = |at: usize| -> u64 {
        bytes[at..at + 8].iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let report = match bytes[0] {
        READY => Report::Ready,
        STARTED => Report::Started,
        SETUP_FAILED => {
            let step = Step::from_number(bytes[1]).ok_or(io::ErrorKind::InvalidData)?;
            Report::SetupFailed(SetupError { step, errno: Errno::from_raw(number) })
        }
        EXITED => Report::Exited(ExitReport {
            wait_status: number,
            wall_time: Duration::from_micros(long(24)),
            cpu_time: Duration::from_micros(long(8)),
            system_time: Duration::from_micros(long(32)),
            peak_rss: long(16),
            kernel_memory_exceeded: bytes[2] != 0,
        }),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    buffer.drain(..REPORT_BYTES);
    Ok(Some(report))
}

#[cfg(test)]
mod tests {
    use super::{ExitReport, REPORT_BYTES, Report, SetupError, Step, read_report};
    use nix::errno::Errno;
    use std::time::Duration;

    #[test]
    fn reports_round_trip() {
        let exit = ExitReport {
            wait_status: 139,
            wall_time: Duration::from_secs(7),
            cpu_time: Duration::from_micros(1_234_567),
            system_time: Duration::from_micros(234_567),
            peak_rss: 1 << 33,
            kernel_memory_exceeded: true,
        };
        let reports = [
            Report::Ready,
            Report::Started,
            Report::SetupFailed(SetupError { step: Step::Seccomp, errno: Errno::EINVAL }),
            Report::Exited(exit),
        ];
        let mut buffer = Vec::new();
        for report in reports {
            report.write(&mut buffer).unwrap();
        }
        buffer.push(1);
        for report in reports {
            assert_eq!(read_report(&mut buffer).unwrap(), Some(report));
        }
        assert_eq!(read_report(&mut buffer).unwrap(), None);
    }

    #[test]
    fn malformed_reports_are_rejected() {
        assert!(read_report(&mut vec![9; REPORT_BYTES]).is_err());
        assert!(read_report(&mut [2, 250].into_iter().chain([0; REPORT_BYTES - 2]).collect()).is_err());
    }
}
