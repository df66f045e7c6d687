//! Why there is no answer to give, in words with what to do, and the exit status that says it.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use protocol::{ClientError, Event, ExecutionId, Rejection};

use crate::terminal::error_label;

/// sysexits.h `EX_TEMPFAIL`.
const BUSY: u8 = 75;
/// As timeout(1) and docker(1) say that the fault is theirs, not the program's.
const OURS: u8 = 125;
const REFUSED: u8 = 2;
const CANCELLED: u8 = 130;
/// What a shell shows of a program that SIGPIPE ended.
const BROKEN_PIPE: u8 = 141;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or a file it names.
    Usage(String),
    /// Something on our side of the socket.
    Local(String),
    /// Nobody reads our output any more.
    BrokenPipe,
    /// A second Ctrl+C.
    Interrupted,
    /// No conversation with executord.
    Unreachable(ClientError),
    /// executord refuses.
    Rejected(Rejection),
    /// executord could not carry it out.
    Failed { id: Option<ExecutionId>, message: String },
}

impl Failure {
    /// An event that ends the conversation otherwise than asked for.
    pub(crate) fn from_unexpected(event: Event) -> Self {
        match event {
            Event::Rejected(rejection) => Self::Rejected(rejection),
            Event::Failed { id, message } => Self::Failed { id, message },
            _ => Self::Unreachable(ClientError::Unexpected),
        }
    }

    /// Say it on stderr.
    pub(crate) fn tell(self) -> ExitCode {
        if let Some(words) = self.words() {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "{} {words}", error_label());
        }
        self.exit_code()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::BrokenPipe => BROKEN_PIPE,
            Self::Interrupted => CANCELLED,
            Self::Rejected(Rejection::Busy { .. }) => BUSY,
            Self::Usage(_) | Self::Rejected(_) => REFUSED,
            Self::Local(_) | Self::Unreachable(_) | Self::Failed { .. } => OURS,
        })
    }

    pub(crate) fn words(&self) -> Option<String> {
        Some(match self {
            Self::BrokenPipe | Self::Interrupted => return None,
            Self::Usage(words) | Self::Local(words) => words.clone(),
            Self::Unreachable(ClientError::Connect { path, source }) => unreachable(path, source),
            Self::Unreachable(error @ ClientError::Version { .. }) => {
                format!("{error}; restart executord after an upgrade: systemctl restart executord")
            }
            Self::Unreachable(error) => {
                format!("{error}; its log says more: journalctl -u executord")
            }
            Self::Rejected(Rejection::UnknownLanguage) => {
                "there is no such language here; `executor languages` lists them".into()
            }
            Self::Rejected(rejection) => rejection.to_string(),
            Self::Failed { id: Some(id), message } => {
                format!("{message}\nthe log has the causes: journalctl -u executord --grep {id}")
            }
            Self::Failed { id: None, message } => message.clone(),
        })
    }
}

fn unreachable(socket: &Path, error: &std::io::Error) -> String {
    let socket = socket.display();
    match error.kind() {
        ErrorKind::NotFound => format!(
            "executord does not run here: there is no socket {socket}\n\
             start it with `systemctl start executord`, or say where it listens with --socket"
        ),
        ErrorKind::ConnectionRefused => format!(
            "nobody listens on {socket} any more\n\
             start executord with `systemctl start executord`"
        ),
        ErrorKind::PermissionDenied => format!(
            "you may not connect to {socket}\n\
             it is open to root and the group executor: `usermod -aG executor NAME`, then log in anew"
        ),
        ErrorKind::WouldBlock => {
            format!("executord has no room for another connection on {socket}; try again")
        }
        _ => format!("connect to {socket}: {error}"),
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Unreachable(error)
    }
}

/// Of our own output; what we read has words of its own.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Local(format!("write output: {error}")),
        }
    }
}
