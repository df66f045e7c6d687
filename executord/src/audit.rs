//! Audit log: one line in the system log for each execution, with the client, the language, the verdict and the usage.
//! It never contains anything that the program wrote.

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use syslog::{Facility, Formatter3164};
use tracing::warn;

/// Lines that may wait for a slow system log. Further lines are logged as lost.
const BACKLOG: usize = 1024;
/// Socket of the system log, if the host has one.
const LOG_SOCKET: &str = "/dev/log";

/// Writes audit lines in a dedicated thread, because writing to the system log may block.
#[derive(Debug)]
pub(crate) struct Audit {
    lines: Option<SyncSender<String>>,
}

impl Audit {
    /// Starts the thread, if this host has a system log.
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
                // If the system log was restarted, the line is sent again over a new connection.
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
                warn!(%error, "cannot start the audit thread, no audit lines are written");
                Self { lines: None }
            }
        }
    }

    /// Writes a line. It must not contain anything that comes from a program.
    pub(crate) fn record(&self, line: String) {
        if let Some(lines) = &self.lines
            && let Err(TrySendError::Full(line)) = lines.try_send(line)
        {
            warn!(line, "audit line lost, the system log is too slow");
        }
    }
}
