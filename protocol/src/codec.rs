//! Frames and what is in them: u32 length (big-endian), then bincode. The only file that knows bincode.
//!
//! bincode 2 in its `legacy()` configuration writes the bytes of bincode 1.3: fixed-width little-endian
//! integers, u64 lengths, u32 enum tags. The limit makes it refuse a length that the frame cannot hold before
//! anything is allocated (bincode issues 41, 239 and 764 are about decoders without one).

use std::io;
use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use crate::bounds::{MAX_FRAME, MAX_HELLO_FRAME};

/// The version of everything that is said after the hello.
pub const VERSION: u16 = 2;
/// How a hello begins.
pub const MAGIC: [u8; 8] = *b"executor";

/// The first frame of either side. A client that reads another version than its own hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: u16,
}

impl Hello {
    /// Our own.
    pub const CURRENT: Self = Self { magic: MAGIC, version: VERSION };
}

/// What can be wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The connection broke, or a frame is longer than it may be.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The frame does not hold what it should.
    #[error("malformed frame: {0}")]
    Malformed(String),
    /// The frame holds more than one message.
    #[error("malformed frame: {0} bytes after the message")]
    TrailingBytes(usize),
    /// The message does not fit in a frame.
    #[error("message does not fit in a frame of {MAX_FRAME} bytes: {0}")]
    TooLong(String),
}

impl CodecError {
    /// What arrived is at fault, not the connection: the other side speaks something else.
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

/// Decode one message that must fill `frame` to its last byte.
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

/// Encode one message.
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

/// Reads frames that hold an `In`, writes frames that hold an `Out`.
#[derive(Debug)]
pub struct Frames<In, Out> {
    lengths: LengthDelimitedCodec,
    within_frame: bool,
    messages: PhantomData<fn(Out) -> In>,
}

impl<In, Out> Frames<In, Out> {
    fn with_max(max: usize) -> Self {
        let lengths = LengthDelimitedCodec::builder().max_frame_length(max).new_codec();
        Self { lengths, within_frame: false, messages: PhantomData }
    }

    /// Some of a frame was read, and not yet all of it. What was read need not be in the buffer: the length is
    /// taken out of it as soon as it is whole.
    #[must_use]
    pub const fn is_within_frame(&self) -> bool {
        self.within_frame
    }

    /// The same connection after its hello: other messages, longer frames.
    #[must_use]
    pub fn after_hello<NewIn, NewOut>(self) -> Frames<NewIn, NewOut> {
        let Self { mut lengths, within_frame, .. } = self;
        lengths.set_max_frame_length(MAX_FRAME);
        Frames { lengths, within_frame, messages: PhantomData }
    }
}

impl Frames<Hello, Hello> {
    /// How every connection begins.
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
        Ok(self.lengths.encode(Bytes::from(encode(&message)?), target)?)
    }
}
