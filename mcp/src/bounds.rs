//! Upper bounds of what a tool returns, besides those of a request in [`protocol::bounds`] and the limits of the program.
//! A model reads results, so these are smaller than those of the HTTP API. Whoever needs more asks for an output file.

use std::time::Duration;

/// Bytes that `run_code` returns of each of stdout and stderr. The rest is dropped and reported as truncated.
pub const MAX_STREAM: usize = 64 * 1024;
/// Bytes that `run_tests` returns of each of stdout and stderr of one test.
pub const MAX_TEST_STREAM: usize = 4 * 1024;
/// Bytes of all files in one result. Files beyond it are listed without their content.
pub const MAX_FILES_TOTAL: usize = 4 * 1024 * 1024;
/// Bytes of a text file that is returned although the call does not name it in `outputs`.
pub const MAX_UNREQUESTED_TEXT: usize = 16 * 1024;
/// Bytes of the output in one progress notification.
pub const MAX_PROGRESS_MESSAGE: usize = 4 * 1024;
/// Bytes of the output in all progress notifications of one call. Later output is only in the result.
pub const MAX_PROGRESS_TOTAL: usize = 256 * 1024;
/// Time between two progress notifications. Output that arrives meanwhile is sent with the next one.
pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Calls of one client on a pair of streams that are executed concurrently. Further calls wait.
pub const MAX_CALLS: usize = 16;
/// Packages of a set in the list of all languages. The description of one language has all of them.
pub const MAX_LISTED_PACKAGES: usize = 30;
/// Bytes of the arguments that an error message quotes.
pub const MAX_QUOTED: usize = 500;

/// Memory for one byte of output: it is in the text and in the structured content, once as it is and once as JSON, where a
/// byte may need 6 characters.
pub const MEMORY_PER_OUTPUT_BYTE: usize = 16;
/// Memory for one byte of a file: itself, in base64, and in the message that is sent.
pub const MEMORY_PER_FILE_BYTE: usize = 5;
