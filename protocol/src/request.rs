//! What a client may ask.

use std::num::NonZeroU16;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{
    MAX_CLIENT_TAG, MAX_FILES, MAX_FRAME, MAX_INPUT_CHUNK, MAX_LANGUAGE_NAME, MAX_PATH, MAX_RUNS,
};
use crate::limits::LimitsRequest;

/// One frame from a client. What is not listed here cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Execute a program; answered by events up to `Finished`, `Rejected` or `Failed`.
    Execute(Box<ExecuteRequest>),
    /// More of the program's stdin, for a run whose stdin is [`Stdin::Live`].
    Input(#[serde(deserialize_with = "bounded::bytes::<_, MAX_INPUT_CHUNK>")] Bytes),
    /// The program's stdin ends here.
    EndOfInput,
    /// End the execution; its `Finished` says `Cancelled`. It is heard at once unless more than
    /// [`crate::bounds::MAX_UNREAD_INPUT`] of input, which the program does not take, stands before it; hanging up is
    /// noticed even then.
    Cancel,
    /// Send a signal to the process group of the program that runs now. Without one it goes to nobody.
    Signal(ProgramSignal),
    /// The terminal of the run has another size now; nothing for a run without one.
    Resize(TerminalSize),
    /// Which languages there are; answered by `Languages`.
    Languages,
    /// How the daemon is; answered by `Status`.
    Status,
    /// Prove that this host can do what is promised; answered by `Checked` for each item and `CheckDone`.
    Check,
}

/// A program to compile where its language needs it, and to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecuteRequest {
    /// A language's name or alias, to the letter.
    #[serde(deserialize_with = "bounded::text::<_, MAX_LANGUAGE_NAME>")]
    pub language: String,
    /// The source files, the main one first. A file without a path gets the language's own name for it.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_FILES>")]
    pub files: Vec<SourceFile>,
    /// The runs, one after the other, each in a sandbox of its own. At least one.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_RUNS>")]
    pub runs: Vec<RunRequest>,
    /// What each run may use.
    pub limits: LimitsRequest,
    /// By what a forwarding peer tells its clients apart. Used to be fair between them and for nothing else.
    #[serde(deserialize_with = "bounded::optional_text::<_, MAX_CLIENT_TAG>")]
    pub client: Option<String>,
}

/// One source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Relative to the work directory, with `/` between components.
    #[serde(deserialize_with = "bounded::optional_text::<_, MAX_PATH>")]
    pub path: Option<String>,
    /// What is in it; NUL is refused in the main file.
    #[serde(deserialize_with = "bounded::bytes::<_, MAX_FRAME>")]
    pub content: Bytes,
}

/// One run of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    /// What the program reads.
    pub stdin: Stdin,
    /// The program's arguments, after its own name.
    #[serde(deserialize_with = "bounded::arguments")]
    pub args: Vec<String>,
    /// The run has a terminal of this size in place of three pipes. All that it writes is stdout then, and
    /// [`Request::EndOfInput`] is what Ctrl+D is on a keyboard.
    pub terminal: Option<TerminalSize>,
}

/// How large a terminal is. There is none without columns or rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters of a line.
    pub columns: NonZeroU16,
    /// Lines.
    pub rows: NonZeroU16,
}

impl Default for TerminalSize {
    /// What terminals are when nobody says otherwise.
    fn default() -> Self {
        Self { columns: NonZeroU16::MIN.saturating_add(79), rows: NonZeroU16::MIN.saturating_add(23) }
    }
}

/// The signals that a client may send to its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgramSignal {
    /// SIGINT, what Ctrl+C is on a keyboard.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGQUIT.
    Quit,
    /// SIGHUP.
    HangUp,
    /// SIGKILL.
    Kill,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
}

/// Where a run's stdin comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// These bytes, then end of file.
    Bytes(#[serde(deserialize_with = "bounded::bytes::<_, MAX_FRAME>")] Bytes),
    /// [`Request::Input`] frames, until [`Request::EndOfInput`].
    Live,
}

impl Default for Stdin {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}
