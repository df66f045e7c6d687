//! What a sandbox's init tells the daemon, over a pipe of its own.

use std::io::{self, Write};
use std::time::Duration;

use nix::errno::Errno;

use crate::error::{SetupError, Step};
use crate::sys::process::Ended;

/// One report, in the order in which they come: `Prepared`, `Started`, `Ended`; or at any time `SetupFailed`, which is
/// the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// All is there but the program.
    Prepared,
    /// The program was executed and runs.
    Started,
    /// It was not.
    SetupFailed(SetupError),
    /// Its main process ended, and init now ends all others.
    Ended(EndReport),
}

/// How the program's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndReport {
    /// As waitpid(2) gives it.
    pub wait_status: i32,
    /// From its start to its end.
    pub wall_time: Duration,
    /// CPU time of the main process and of those it waited for.
    pub cpu_time: Duration,
    /// The largest resident set of one of them, in bytes.
    pub largest_process: u64,
    /// Init killed it: it held more of the kernel's uncounted memory than it may, in sockets or locks.
    pub kernel_memory_exceeded: bool,
}

/// Bytes of a report: a tag, a step, a flag, a byte of nothing, an i32, three u64. Below PIPE_BUF, hence never cut.
pub(crate) const REPORT_BYTES: usize = 32;

const STARTED: u8 = 1;
const SETUP_FAILED: u8 = 2;
const ENDED: u8 = 3;
const PREPARED: u8 = 4;

impl Report {
    fn encode(&self) -> [u8; REPORT_BYTES] {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (tag, step, number, counts): (u8, u8, i32, [u64; 3]) = match *self {
            Self::Prepared => (PREPARED, 0, 0, [0; 3]),
            Self::Started => (STARTED, 0, 0, [0; 3]),
            Self::SetupFailed(error) => (SETUP_FAILED, error.step.number(), error.errno as i32, [0; 3]),
            Self::Ended(end) => {
                let counts = [micros(end.cpu_time), end.largest_process, micros(end.wall_time)];
                (ENDED, 0, end.wait_status, counts)
            }
        };
        let mut bytes = [0; REPORT_BYTES];
        bytes[0] = tag;
        bytes[1] = step;
        bytes[2] = u8::from(matches!(self, Self::Ended(end) if end.kernel_memory_exceeded));
        bytes[4..8].copy_from_slice(&number.to_le_bytes());
        for (place, count) in bytes[8..].chunks_exact_mut(8).zip(counts) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn write(&self, mut pipe: impl Write) -> io::Result<()> {
        pipe.write_all(&self.encode())
    }
}

impl EndReport {
    /// `booting` is CPU time that the process used before it was the program.
    pub(crate) fn new(
        ended: Ended,
        wall_time: Duration,
        booting: Duration,
        kernel_memory_exceeded: bool,
    ) -> Self {
        Self {
            wait_status: ended.status,
            wall_time,
            cpu_time: ended.cpu_time.saturating_sub(booting),
            largest_process: ended.largest_kib.saturating_mul(1024),
            kernel_memory_exceeded,
        }
    }
}

/// Take one report off the front of `buffer`, if a whole one is there.
///
/// # Errors
/// `InvalidData` for what no init of ours writes.
pub fn read_report(buffer: &mut Vec<u8>) -> io::Result<Option<Report>> {
    let Some((bytes, _)) = buffer.split_first_chunk::<REPORT_BYTES>() else { return Ok(None) };
    let number = i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let long = |at: usize| -> u64 {
        bytes[at..at + 8].iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let report = match bytes[0] {
        PREPARED => Report::Prepared,
        STARTED => Report::Started,
        SETUP_FAILED => {
            let step = Step::from_number(bytes[1]).ok_or(io::ErrorKind::InvalidData)?;
            Report::SetupFailed(SetupError { step, errno: Errno::from_raw(number) })
        }
        ENDED => Report::Ended(EndReport {
            wait_status: number,
            wall_time: Duration::from_micros(long(24)),
            cpu_time: Duration::from_micros(long(8)),
            largest_process: long(16),
            kernel_memory_exceeded: bytes[2] != 0,
        }),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    buffer.drain(..REPORT_BYTES);
    Ok(Some(report))
}

#[cfg(test)]
mod tests {
    use super::{EndReport, REPORT_BYTES, Report, SetupError, Step, read_report};
    use nix::errno::Errno;
    use std::time::Duration;

    #[test]
    fn reports_are_read_as_they_were_written() {
        let end = EndReport {
            wait_status: 139,
            wall_time: Duration::from_secs(7),
            cpu_time: Duration::from_micros(1_234_567),
            largest_process: 1 << 33,
            kernel_memory_exceeded: true,
        };
        let reports = [
            Report::Prepared,
            Report::Started,
            Report::SetupFailed(SetupError { step: Step::Seccomp, errno: Errno::EINVAL }),
            Report::Ended(end),
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
    fn nonsense_is_an_error() {
        assert!(read_report(&mut vec![9; REPORT_BYTES]).is_err());
        assert!(read_report(&mut [2, 250].into_iter().chain([0; REPORT_BYTES - 2]).collect()).is_err());
    }
}
