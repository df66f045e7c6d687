//! Upper bounds of everything that comes over the socket. A message that exceeds one is rejected while it is being
//! decoded, before memory is allocated for it.

use std::time::Duration;

/// Bytes of one frame after the hello. Sources, stdin and arguments of one request must fit together.
pub const MAX_FRAME: usize = 8 * 1024 * 1024;
/// Bytes of the hello, the first frame of a connection. Nothing larger is read from a peer that is not known yet.
pub const MAX_HELLO_FRAME: usize = 64;
/// Bytes of program output in one [`crate::Event::Output`]. Small events keep the stream live.
pub const MAX_OUTPUT_CHUNK: usize = 64 * 1024;
/// Bytes of one [`crate::Request::Input`].
pub const MAX_INPUT_CHUNK: usize = 1024 * 1024;
/// Bytes of live input that the daemon buffers while the program does not read them. After that the daemon stops
/// reading from the client until the program catches up.
pub const MAX_UNREAD_INPUT: usize = 2 * MAX_INPUT_CHUNK;

/// Bytes of the stdin of one run that is uploaded.
pub const MAX_UPLOAD: usize = 64 * 1024 * 1024;

/// Source files of one request.
pub const MAX_FILES: usize = 128;
/// Bytes of all source files of one request together.
pub const MAX_SOURCES: usize = 4 * 1024 * 1024;
/// Bytes of the path of a file.
pub const MAX_PATH: usize = 1024;
/// Runs of one request, all after the same compilation.
pub const MAX_RUNS: usize = 64;
/// Arguments of one run.
pub const MAX_ARGS: usize = 256;
/// Bytes of one argument. execve(2) refuses 128 KiB (`MAX_ARG_STRLEN`); this bound is below that.
pub const MAX_ARG: usize = 64 * 1024;
/// Bytes of all arguments of one run together.
pub const MAX_ARGS_TOTAL: usize = 512 * 1024;
/// Patterns of output files of one request.
pub const MAX_OUTPUT_PATTERNS: usize = 32;
/// Bytes of a pattern of output files, and of the name of an output file.
pub const MAX_OUTPUT_NAME: usize = 1024;
/// Options of one request, and of one language.
pub const MAX_OPTIONS: usize = 32;
/// Values of one option.
pub const MAX_OPTION_VALUES: usize = 64;
/// Bytes of the name of an option, and of each of its values.
pub const MAX_OPTION_NAME: usize = 64;
/// Arguments of the compiler, and of the interpreter, of one request.
pub const MAX_TOOLCHAIN_ARGS: usize = 64;
/// Bytes of one of them.
pub const MAX_TOOLCHAIN_ARG: usize = 256;
/// Patterns of the arguments that a language allows for its compiler, or for its interpreter.
pub const MAX_ARGUMENT_PATTERNS: usize = 64;
/// Bytes of one of them.
pub const MAX_ARGUMENT_PATTERN: usize = 512;
/// Environment variables of one run.
pub const MAX_VARIABLES: usize = 64;
/// Bytes of the name of an environment variable.
pub const MAX_VARIABLE_NAME: usize = 128;
/// Bytes of the value of an environment variable.
pub const MAX_VARIABLE: usize = 32 * 1024;
/// Bytes of the names and values of all environment variables of one run together.
pub const MAX_VARIABLES_TOTAL: usize = 64 * 1024;
/// Bytes of the name of a language in a request.
pub const MAX_LANGUAGE_NAME: usize = 64;
/// Bytes of the range of versions in a request.
pub const MAX_VERSION_RANGE: usize = 64;
/// Bytes of the name of a package set.
pub const MAX_PACKAGE_SET_NAME: usize = 64;
/// Package sets of a language.
pub const MAX_PACKAGE_SETS: usize = 32;
/// Packages of a set.
pub const MAX_PACKAGES: usize = 1024;
/// Bytes of [`crate::StageReport::hint`].
pub const MAX_HINT: usize = 1024;
/// Bytes of [`crate::ExecuteRequest::client`].
pub const MAX_CLIENT_TAG: usize = 64;
/// Items of [`crate::ExecuteRequest::client_networks`], each of [`MAX_CLIENT_TAG`].
pub const MAX_CLIENT_NETWORKS: usize = 4;

/// Bytes of [`crate::Judgement::message`]: enough for the first messages of a compiler. All runs together must leave room
/// for the rest of a frame.
pub const MAX_JUDGE_MESSAGE: usize = 4 * 1024;
/// Bytes of an excerpt in a [`crate::Difference`].
pub const MAX_EXCERPT: usize = 256;
/// Bytes of the [`crate::Transcript`] of one run.
pub const MAX_TRANSCRIPT: usize = 16 * 1024;
/// Entries of the [`crate::Transcript`] of one run.
pub const MAX_TRANSCRIPT_ENTRIES: usize = 1024;

/// Languages, counters or other items of one list in an answer.
pub const MAX_ITEMS: usize = 4096;
/// Bytes of one text in an answer.
pub const MAX_TEXT: usize = 64 * 1024;

/// Time within which a peer must send its hello, and the rest of any frame that it started.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(5);
