//! The client's side of a connection.

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

/// Why a client cannot talk to the daemon.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there, or we may not connect.
    #[error("connect to {}: {source}", path.display())]
    Connect {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something else than executord listens there.
    #[error("what listens there is not executord")]
    NotExecutord,
    /// Client and daemon are of different versions.
    #[error("executord speaks version {theirs} of the protocol, this client version {VERSION}")]
    Version {
        /// The daemon's.
        theirs: u16,
    },
    /// The daemon did not answer in time.
    #[error("no answer from executord within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The daemon hung up in the middle.
    #[error("executord closed the connection")]
    Closed,
    /// A frame could not be read or written.
    #[error(transparent)]
    Codec(CodecError),
    /// An answer that does not fit the question.
    #[error("executord gave an answer that does not fit the question")]
    Unexpected,
}

/// A daemon that hangs up before it has read all that was sent shows as a broken pipe or a reset.
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

/// A connection to executord, after the hello. Dropping it cancels what it executes.
#[derive(Debug)]
pub struct Client {
    frames: Framed<UnixStream, Frames<Event, Request>>,
}

impl Client {
    /// Connect and say hello, in [`FRAME_TIMEOUT`].
    ///
    /// # Errors
    /// [`ClientError`] if nobody listens, or not an executord of our version.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let greeting = async {
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
        timeout(FRAME_TIMEOUT, greeting).await.map_err(|_| ClientError::Timeout(FRAME_TIMEOUT))?
    }

    /// Send one request.
    ///
    /// # Errors
    /// [`ClientError::Codec`] if it does not fit in a frame or the connection broke.
    pub async fn send(&mut self, request: Request) -> Result<(), ClientError> {
        Ok(self.frames.send(request).await?)
    }

    /// Ask for an execution; its events follow.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn execute(&mut self, request: ExecuteRequest) -> Result<(), ClientError> {
        self.send(Request::Execute(Box::new(request))).await
    }

    /// The next event. Safe to drop before it is ready: no event is lost.
    ///
    /// # Errors
    /// [`ClientError::Closed`] if the daemon hung up, [`ClientError::Codec`] for a malformed frame.
    pub async fn event(&mut self) -> Result<Event, ClientError> {
        Ok(self.frames.next().await.ok_or(ClientError::Closed)??)
    }

    /// Whether nothing came that was not read, and the daemon has not hung up. Only between two requests; a connection
    /// of which this is not true is of no use any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let unread = self.frames.get_ref().try_read(&mut [0]);
        self.frames.read_buffer().is_empty()
            && unread.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// The two directions apart, for a client that sends input while it reads events.
    pub fn split(
        self,
    ) -> (impl Sink<Request, Error = CodecError>, impl Stream<Item = Result<Event, CodecError>>) {
        self.frames.split()
    }
}
