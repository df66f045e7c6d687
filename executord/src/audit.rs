//! One line in the system log for each execution: who ran what kind of program, how it ended, what it used.
//! Never what it said.

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use syslog::{Facility, Formatter3164};
use tracing::warn;

/// Lines that may wait for a slow log before some are dropped.
const BACKLOG: usize = 1024;
/// Where the system log listens, on a host that has one.
const LOG_SOCKET: &str = "/dev/log";

/// Writes audit lines, from a thread of its own: syslog(3) may block.
#[derive(Debug)]
pub(crate) struct Audit {
    lines: Option<SyncSender<String>>,
}

impl Audit {
    /// Connects, if this host has a system log.
    pub(crate) fn connect() -> Self {
        if !Path::new(LOG_SOCKET).exists() {
            return Self { lines: None };
        }
        let (sender, receiver) = sync_channel::<String>(BACKLOG);
        let formatter = Formatter3164 {
            facility: Facility::LOG_AUTHPRIV,
            hostname: None,
            process: "executord".to_owned(),
            pid: std::process::id(),
        };
        let write_lines = move || {
            let mut log = None;
            for line in receiver {
                // A log that was restarted needs a new connection; the line is tried once more then.
                for _ in 0..2 {
                    if log.is_none() {
                        log = syslog::unix(formatter.clone()).ok();
                    }
                    match log.as_mut().map(|log| log.info(&line)) {
                        Some(Err(_)) => log = None,
                        _ => break,
                    }
                }
            }
        };
        match std::thread::Builder::new().name("audit".to_owned()).spawn(write_lines) {
            Ok(_) => Self { lines: Some(sender) },
            Err(error) => {
                warn!(%error, "no audit lines");
                Self { lines: None }
            }
        }
    }

    /// Write a line. Everything in it comes from us; nothing of a program does.
    pub(crate) fn record(&self, line: String) {
        if let Some(lines) = &self.lines
            && let Err(TrySendError::Full(line)) = lines.try_send(line)
        {
            warn!(line, "the system log is too slow for this audit line");
        }
    }
}
