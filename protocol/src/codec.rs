//! Frames: a u32 length (big-endian), then a message in bincode. The only file that depends on bincode.
//!
//! bincode 2 in its `legacy()` configuration writes the bytes of bincode 1.3: fixed-width little-endian
//! integers, u64 lengths, u32 enum tags. With the limit it rejects a length that the frame cannot hold before it
//! allocates memory (bincode issues 41, 239 and 764 are about decoders without a limit).

use std::io;
use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use crate::bounds::{MAX_FRAME, MAX_HELLO_FRAME};

/// Version of all messages after the hello.
pub const VERSION: u16 = 7;
/// First bytes of a hello.
pub const MAGIC: [u8; 8] = *b"executor";

/// The longest frame whose memory the buffer of an idle connection may keep, in bytes: longer than a chunk of output, and much
/// shorter than the longest.
const MAX_KEPT_FRAME: usize = 128 << 10;
/// Capacity of a new buffer in bytes, as tokio-util has it.
const INITIAL_CAPACITY: usize = 8 << 10;

/// First frame of each side. A peer that reads a version other than its own closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: u16,
}

impl Hello {
    /// Hello of this version.
    pub const CURRENT: Self = Self { magic: MAGIC, version: VERSION };
}

/// Reason why a frame cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The connection failed, or a frame is too long.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The frame is not a valid message.
    #[error("malformed frame: {0}")]
    Malformed(String),
    /// The frame contains bytes after the message.
    #[error("malformed frame: {0} bytes after the message")]
    TrailingBytes(usize),
    /// The message does not fit in a frame.
    #[error("message does not fit in a frame of {MAX_FRAME} bytes: {0}")]
    TooLong(String),
}

impl CodecError {
    /// Returns whether the peer sent something invalid, as opposed to a connection that failed.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == io::ErrorKind::InvalidData,
            Self::Malformed(_) | Self::TrailingBytes(_) | Self::TooLong(_) => true,
        }
    }
}

fn format() -> impl bincode::config::Config {
    bincode::config::legacy().with_limit::<MAX_FRAME>()
}

/// Decodes one message that must fill `frame` completely.
///
/// # Errors
/// [`CodecError::Malformed`] or [`CodecError::TrailingBytes`].
pub fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, CodecError> {
    let (message, used) = bincode::serde::decode_from_slice(frame, format())
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    match frame.len() - used {
        0 => Ok(message),
        left => Err(CodecError::TrailingBytes(left)),
    }
}

/// Encodes one message.
///
/// # Errors
/// [`CodecError::TooLong`] if it does not fit in a frame.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(message, format())
        .map_err(|error| CodecError::TooLong(error.to_string()))?;
    if bytes.len() > MAX_FRAME {
        return Err(CodecError::TooLong(format!("it has {} bytes", bytes.len())));
    }
    Ok(bytes)
}

/// Codec that reads frames with an `In` and writes frames with an `Out`.
#[derive(Debug)]
pub struct Frames<In, Out> {
    lengths: LengthDelimitedCodec,
    within_frame: bool,
    /// Whether the read buffer has had a large frame since it was created. Its capacity does not show it.
    has_read_large: bool,
    /// The same of the write buffer.
    has_written_large: bool,
    messages: PhantomData<fn(Out) -> In>,
}

impl<In, Out> Frames<In, Out> {
    fn with_max(max: usize) -> Self {
        let lengths = LengthDelimitedCodec::builder().max_frame_length(max).new_codec();
        Self {
            lengths,
            within_frame: false,
            has_read_large: false,
            has_written_large: false,
            messages: PhantomData,
        }
    }

    /// Returns whether a frame was read in part. The buffer can be empty nevertheless: the decoder removes the length
    /// from it as soon as it is complete.
    #[must_use]
    pub const fn is_within_frame(&self) -> bool {
        self.within_frame
    }

    /// Returns a buffer to write from instead of the connection's, which must be empty, if that has had a large frame. An idle
    /// connection would keep its memory.
    #[must_use]
    pub fn replace_large_buffer(&mut self) -> Option<BytesMut> {
        std::mem::take(&mut self.has_written_large).then(|| BytesMut::with_capacity(INITIAL_CAPACITY))
    }

    /// Returns the codec for the same connection after its hello: other messages, longer frames.
    #[must_use]
    pub fn after_hello<NewIn, NewOut>(self) -> Frames<NewIn, NewOut> {
        let Self { mut lengths, within_frame, has_read_large, has_written_large, .. } = self;
        lengths.set_max_frame_length(MAX_FRAME);
        Frames { lengths, within_frame, has_read_large, has_written_large, messages: PhantomData }
    }
}

impl Frames<Hello, Hello> {
    /// Creates the codec for a new connection.
    #[must_use]
    pub fn hello() -> Self {
        Self::with_max(MAX_HELLO_FRAME)
    }
}

impl<In: DeserializeOwned, Out> Decoder for Frames<In, Out> {
    type Item = In;
    type Error = CodecError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<In>, CodecError> {
        let has_more = !source.is_empty();
        match self.lengths.decode(source)? {
            Some(frame) => {
                self.within_frame = false;
                self.has_read_large |= frame.len() > MAX_KEPT_FRAME;
                if self.has_read_large && source.is_empty() {
                    *source = BytesMut::with_capacity(INITIAL_CAPACITY);
                    self.has_read_large = false;
                }
                decode(&frame).map(Some)
            }
            None => {
                self.within_frame |= has_more;
                Ok(None)
            }
        }
    }
}

impl<In, Out: Serialize> Encoder<Out> for Frames<In, Out> {
    type Error = CodecError;

    fn encode(&mut self, message: Out, target: &mut BytesMut) -> Result<(), CodecError> {
        let frame = encode(&message)?;
        self.has_written_large |= frame.len() > MAX_KEPT_FRAME;
        Ok(self.lengths.encode(Bytes::from(frame), target)?)
    }
}
