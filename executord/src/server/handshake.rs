//! The hello: both sides send the magic number and their protocol version.

use futures_util::{SinkExt, StreamExt};
use protocol::bounds::FRAME_TIMEOUT;
use protocol::codec::{Frames, Hello, MAGIC, VERSION};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use crate::server::connection_end::ConnectionEnd;
use crate::server::event_encoder::EventEncoder;
use crate::server::session_reader::SessionReader;

/// Exchanges hellos and returns the two halves of the connection.
pub(super) async fn exchange_hello(
    stream: UnixStream,
) -> Result<(EventEncoder, SessionReader), ConnectionEnd> {
    let exchange = async {
        let mut frames = Framed::new(stream, Frames::hello());
        let theirs: Hello = frames.next().await.ok_or(ConnectionEnd::Disconnected)??;
        if theirs.magic != MAGIC {
            return Err(ConnectionEnd::WrongProtocol);
        }
        frames.send(Hello::CURRENT).await?;
        // A client of another version reads our version from the hello and disconnects.
        if theirs.version != VERSION {
            return Err(ConnectionEnd::WrongProtocol);
        }
        let parts = frames.into_parts();
        let (reader, writer) = parts.io.into_split();
        let requests = SessionReader::new(reader, Frames::hello().after_hello(), parts.read_buf);
        Ok((EventEncoder::new(writer, parts.codec.after_hello()), requests))
    };
    timeout(FRAME_TIMEOUT, exchange).await.map_err(|_| ConnectionEnd::TimedOut)?
}
