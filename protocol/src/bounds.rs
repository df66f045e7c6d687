//! How much of everything may come over the socket. A message that goes beyond is refused while it is being
//! decoded, before anything is allocated for it.

use std::time::Duration;

/// Bytes of one frame after the hello. Sources, stdin and arguments of one request must fit together.
pub const MAX_FRAME: usize = 8 * 1024 * 1024;
/// Bytes of the first frame of a connection, the hello: nothing larger is read from a stranger.
pub const MAX_HELLO_FRAME: usize = 64;
/// Bytes of program output in one [`crate::Event::Output`], so that events stay small and live.
pub const MAX_OUTPUT_CHUNK: usize = 64 * 1024;
/// Bytes of one [`crate::Request::Input`].
pub const MAX_INPUT_CHUNK: usize = 1024 * 1024;
/// Bytes of live input that the daemon takes of a client before the program takes them. Beyond that the client waits,
/// and with it all that it says after its input.
pub const MAX_UNREAD_INPUT: usize = 2 * MAX_INPUT_CHUNK;

/// Source files of one request.
pub const MAX_FILES: usize = 128;
/// Bytes of a file's path.
pub const MAX_PATH: usize = 1024;
/// Runs that one request may ask for after one compilation.
pub const MAX_RUNS: usize = 64;
/// Arguments of one run.
pub const MAX_ARGS: usize = 256;
/// Bytes of one argument: execve(2) refuses 128 KiB (`MAX_ARG_STRLEN`), this stays below.
pub const MAX_ARG: usize = 64 * 1024;
/// Bytes of all arguments of a run together.
pub const MAX_ARGS_TOTAL: usize = 512 * 1024;
/// Bytes of a language's name in a request.
pub const MAX_LANGUAGE_NAME: usize = 64;
/// Bytes of the tag by which a forwarding peer tells its clients apart, for fairness only.
pub const MAX_CLIENT_TAG: usize = 64;

/// Languages, counters and other items of a list in an answer.
pub const MAX_ITEMS: usize = 4096;
/// Bytes of a sentence in an answer.
pub const MAX_TEXT: usize = 64 * 1024;

/// How long either side may take over the hello, and over the rest of a frame once it began.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(5);
