//! Client side of a connection.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use crate::bounds::FRAME_TIMEOUT;
use crate::codec::{CodecError, Frames, Hello, MAGIC, VERSION};
use crate::event::Event;
use crate::request::{ExecuteRequest, Request};

/// Reason why a client cannot communicate with the daemon.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No process listens on the socket, or this process is not allowed to connect.
    #[error("connect to {}: {source}", path.display())]
    Connect {
        /// Path of the socket.
        path: PathBuf,
        /// Error of connect(2).
        source: std::io::Error,
    },
    /// A process other than executord listens on the socket.
    #[error("the process that listens on the socket is not executord")]
    NotExecutord,
    /// Client and daemon use different versions of the protocol.
    #[error("executord uses version {theirs} of the protocol, this client uses version {VERSION}")]
    Version {
        /// Version of the daemon.
        theirs: u16,
    },
    /// The daemon did not answer in time.
    #[error("no answer from executord within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The daemon closed the connection.
    #[error("executord closed the connection")]
    Closed,
    /// Reading or writing a frame failed.
    #[error(transparent)]
    Codec(CodecError),
    /// The daemon sent an event that is not an answer to the request.
    #[error("executord sent an unexpected answer")]
    Unexpected,
}

/// If the daemon closes the connection before it has read everything, the client gets a broken pipe or a reset.
impl From<CodecError> for ClientError {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::Io(error)
                if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
            {
                Self::Closed
            }
            error => Self::Codec(error),
        }
    }
}

/// Connection to executord, after the hello. Dropping it cancels the execution.
#[derive(Debug)]
pub struct Client {
    frames: Framed<UnixStream, Frames<Event, Request>>,
}

impl Client {
    /// Connects and exchanges hellos within [`FRAME_TIMEOUT`].
    ///
    /// # Errors
    /// [`ClientError`] if no executord of this version listens on `path`.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let handshake = async {
            let stream = UnixStream::connect(path)
                .await
                .map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
            let mut frames = Framed::new(stream, Frames::hello());
            frames.send(Hello::CURRENT).await?;
            let theirs = match frames.next().await.ok_or(ClientError::Closed)? {
                Ok(theirs) => theirs,
                Err(error) if error.is_malformed() => return Err(ClientError::NotExecutord),
                Err(error) => return Err(error.into()),
            };
            if theirs.magic != MAGIC {
                return Err(ClientError::NotExecutord);
            }
            if theirs.version != VERSION {
                return Err(ClientError::Version { theirs: theirs.version });
            }
            Ok(Self { frames: frames.map_codec(Frames::after_hello) })
        };
        timeout(FRAME_TIMEOUT, handshake).await.map_err(|_| ClientError::Timeout(FRAME_TIMEOUT))?
    }

    /// Sends one request.
    ///
    /// # Errors
    /// [`ClientError::Codec`] if the request does not fit in a frame, or if the connection failed.
    pub async fn send(&mut self, request: Request) -> Result<(), ClientError> {
        self.frames.send(request).await?;
        if let Some(buffer) = self.frames.codec_mut().replace_large_buffer() {
            *self.frames.write_buffer_mut() = buffer;
        }
        Ok(())
    }

    /// Requests an execution. Its events follow.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn execute(&mut self, request: ExecuteRequest) -> Result<(), ClientError> {
        self.send(Request::Execute(Box::new(request))).await
    }

    /// Returns the next event. Cancel safe: if the future is dropped, no event is lost.
    ///
    /// # Errors
    /// [`ClientError::Closed`] if the daemon closed the connection, [`ClientError::Codec`] for a malformed frame.
    pub async fn event(&mut self) -> Result<Event, ClientError> {
        Ok(self.frames.next().await.ok_or(ClientError::Closed)??)
    }

    /// Returns whether the connection can be used for another request: no data is unread, and the daemon has not closed
    /// it. Meaningful only between two requests.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let unread = self.frames.get_ref().try_read(&mut [0]);
        self.frames.read_buffer().is_empty()
            && unread.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Splits the connection, for a client that sends input while it reads events.
    pub fn split(
        self,
    ) -> (impl Sink<Request, Error = CodecError>, impl Stream<Item = Result<Event, CodecError>>) {
        self.frames.split()
    }
}
