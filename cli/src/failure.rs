//! Errors of `executor`: a message that says what to do, and an exit status.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use protocol::{ClientError, Event, ExecutionId, Rejection};

use crate::exit_status;
use crate::output::error_label;
use crate::remote::RemoteError;

/// Reason why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is invalid, or a file that it names cannot be read.
    Usage(String),
    /// An operation of this process failed.
    Local(String),
    /// The reader of stdout or stderr closed it.
    BrokenPipe,
    /// The user pressed Ctrl+C again and does not wait for the result.
    Interrupted,
    /// Communication with executord failed.
    Unreachable(ClientError),
    /// executord rejected the request.
    Rejected(Rejection),
    /// executord could not execute the request.
    Failed { id: ExecutionId, message: String },
    /// A remote server cannot be reached, or did not execute the request.
    Remote(RemoteError),
}

impl Failure {
    /// Converts an event that is not the expected answer.
    pub(crate) fn from_unexpected(event: Event) -> Self {
        match event {
            Event::Rejected(rejection) => Self::Rejected(rejection),
            Event::Failed { id, message } => Self::Failed { id, message },
            _ => Self::Unreachable(ClientError::Unexpected),
        }
    }

    /// Prints the message on stderr and returns the exit status.
    pub(crate) fn report(self) -> ExitCode {
        if let Some(message) = self.message() {
            // If stderr is closed, there is nowhere to report the error.
            let _ = writeln!(std::io::stderr(), "{} {message}", error_label());
        }
        self.exit_code()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::BrokenPipe => exit_status::BROKEN_PIPE,
            Self::Interrupted => exit_status::CANCELLED,
            Self::Rejected(rejection) => exit_status::of_rejection(rejection),
            Self::Remote(error) => error.exit_status(),
            Self::Usage(_) => exit_status::INVALID_REQUEST,
            Self::Local(_) | Self::Unreachable(_) | Self::Failed { .. } => exit_status::OWN_FAILURE,
        })
    }

    /// Returns the message; `None` if nobody needs one.
    pub(crate) fn message(&self) -> Option<String> {
        Some(match self {
            Self::BrokenPipe | Self::Interrupted => return None,
            Self::Usage(message) | Self::Local(message) => message.clone(),
            Self::Remote(error) => error.to_string(),
            Self::Unreachable(ClientError::Connect { path, source }) => connect_message(path, source),
            Self::Unreachable(error @ ClientError::Version { .. }) => {
                format!("{error}; restart executord after an upgrade: systemctl restart executord")
            }
            Self::Unreachable(error) => format!("{error}; see its log: journalctl -u executord"),
            Self::Rejected(Rejection::UnknownLanguage) => {
                "unknown language; `executor languages` lists the languages of this host".into()
            }
            Self::Rejected(rejection) => rejection.to_string(),
            Self::Failed { id, message } => {
                format!("{message}\nsee the log for the causes: journalctl -u executord --grep {id}")
            }
        })
    }
}

fn connect_message(socket: &Path, error: &std::io::Error) -> String {
    let socket = socket.display();
    match error.kind() {
        ErrorKind::NotFound => format!(
            "executord is not running: the socket {socket} does not exist\n\
             start it with `systemctl start executord`, or give its socket with --socket"
        ),
        ErrorKind::ConnectionRefused => format!(
            "executord is not running: no process listens on {socket}\n\
             start it with `systemctl start executord`"
        ),
        ErrorKind::PermissionDenied => format!(
            "you may not connect to {socket}\n\
             only root and members of the group executor may: `usermod -aG executor NAME`, then log in again"
        ),
        ErrorKind::WouldBlock => {
            format!("executord has too many connections on {socket}; try again")
        }
        _ => format!("connect to {socket}: {error}"),
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Unreachable(error)
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

/// Converts errors of stdout and stderr. Errors of files become [`Failure::Usage`] where they occur.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Local(format!("write output: {error}")),
        }
    }
}
