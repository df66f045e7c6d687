//! Messages from a client.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{
    MAX_CLIENT_NETWORKS, MAX_CLIENT_TAG, MAX_FILES, MAX_FRAME, MAX_INPUT_CHUNK, MAX_ITEMS, MAX_LANGUAGE_NAME,
    MAX_OPTIONS, MAX_OUTPUT_NAME, MAX_OUTPUT_PATTERNS, MAX_PACKAGE_SET_NAME, MAX_RUNS, MAX_SOURCES,
    MAX_VARIABLE, MAX_VARIABLE_NAME, MAX_VERSION_RANGE,
};
use crate::build_id::BuildId;
use crate::judge::{ExpectedOutput, Judge};
use crate::limits::LimitsRequest;
use crate::options::OptionSetting;
use crate::source_file::SourceFile;
use crate::toolchain::ToolchainRequest;

/// One frame from a client. A client cannot ask for anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Executes a program. The daemon answers with events; the last one is `Finished`, `Rejected` or `Failed`.
    Execute(Box<ExecuteRequest>),
    /// Appends to the stdin of a run with [`Stdin::Live`].
    Input(#[serde(deserialize_with = "bounded::bytes::<_, MAX_INPUT_CHUNK>")] Bytes),
    /// Closes the stdin of a run with [`Stdin::Live`].
    EndOfInput,
    /// Ends the execution; `Finished` then reports `Cancelled`. The daemon acts on it at once, unless more than
    /// [`crate::bounds::MAX_UNREAD_INPUT`] of unread input was sent before it. Even then the daemon notices a client
    /// that disconnects.
    Cancel,
    /// Sends a signal to the process group of the running program. Ignored while no program runs.
    Signal(ProgramSignal),
    /// Changes the size of the terminal of the run. Ignored without a terminal.
    Resize(TerminalSize),
    /// Lists the languages. The daemon answers with `Languages`.
    Languages,
    /// Returns the status of the daemon. The daemon answers with `Status`.
    Status,
    /// Checks whether this host provides everything that the sandbox needs. The daemon answers with `Checked` for each
    /// item, then `CheckDone`.
    Check,
    /// Appends to the stdin of a run with [`Stdin::Upload`]. Uploads follow their [`Request::Execute`], and the
    /// execution enters the queue when all of them are complete.
    Upload {
        /// Index of the run, from 0. The uploads of several runs may alternate.
        run: u32,
        /// At most [`crate::bounds::MAX_UPLOAD`] for one run together.
        #[serde(deserialize_with = "bounded::bytes::<_, MAX_INPUT_CHUNK>")]
        bytes: Bytes,
    },
    /// Completes all uploads of an execution.
    EndOfUploads,
    /// Reads the configuration and the language files again, as SIGHUP does. The daemon answers with `Reloaded`. Only
    /// for root.
    Reload,
    /// Runs the self-tests of these languages, by name or alias, or by `NAME@VARIANT`. The daemon answers as to
    /// `Check`.
    CheckLanguages(
        #[serde(deserialize_with = "bounded::strings::<_, MAX_ITEMS, MAX_LANGUAGE_NAME>")] Vec<String>,
    ),
}

/// Program to compile, if its language is compiled, and to run. The default is an empty program without a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecuteRequest {
    /// Name or alias of a language. Upper and lower case are the same.
    #[serde(deserialize_with = "bounded::string::<_, MAX_LANGUAGE_NAME>")]
    pub language: String,
    /// Source files, the main file first. A main file without a path gets the language's default name.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_FILES>")]
    pub files: Vec<SourceFile>,
    /// Runs, each in its own sandbox. They start in this order, and may run concurrently. At least one.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_RUNS>")]
    pub runs: Vec<RunRequest>,
    /// Limits of each run.
    pub limits: LimitsRequest,
    /// Identifier of the peer's client, if the peer forwards requests for several. The daemon schedules fairly between
    /// clients and uses the identifier for nothing else. It accepts the identifier from root and from webd's user; from
    /// other peers it ignores this field and the next.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_CLIENT_TAG>")]
    pub client: Option<String>,
    /// Networks that the client belongs to, the largest first. The daemon schedules fairly between the largest
    /// networks, then between those inside each of them, then between their clients, so that one client with many
    /// addresses gets no more than another with one.
    #[serde(deserialize_with = "bounded::strings::<_, MAX_CLIENT_NETWORKS, MAX_CLIENT_TAG>")]
    pub client_networks: Vec<String>,
    /// Maximum number of concurrent runs, or `None` for as many as there are free slots. The daemon runs fewer while
    /// other clients wait, and one after the other if a run has live input or a terminal.
    pub parallel: Option<NonZeroU32>,
    /// Limits of the compilation. They have no effect if the language is not compiled.
    pub compile_limits: LimitsRequest,
    /// Patterns of the files to return after each run, relative to its work directory.
    #[serde(deserialize_with = "bounded::strings::<_, MAX_OUTPUT_PATTERNS, MAX_OUTPUT_NAME>")]
    pub outputs: Vec<String>,
    /// Whether to return the files that the compilation built.
    pub artifacts: bool,
    /// Options of the language that differ from their defaults.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_OPTIONS>")]
    pub options: Vec<OptionSetting>,
    /// What judges the runs.
    pub judge: Judge,
    /// Whether the runs after the first one that fails are skipped. A run fails if its verdict is a failure or, without
    /// a verdict, if its exit code is not 0. The outcome is the same for sequential and concurrent runs.
    pub stop_on_first_failure: bool,
    /// Time for which the daemon keeps the program, so that later requests can run it by its id. It keeps it for less
    /// if the administrator or the bounds of the client require it.
    pub keep: Option<Duration>,
    /// The program that [`crate::Event::BuildKept`] named. There are no language, no files and no `keep` then.
    pub build: Option<BuildId>,
    /// Requested arguments of the compiler or the interpreter, in addition to options.
    pub toolchain: ToolchainRequest,
    /// Zip archive of more files. It is unpacked in the sandbox of each stage, before the program starts; files of the
    /// request with the same names stay.
    #[serde(deserialize_with = "bounded::optional_bytes::<_, MAX_SOURCES>")]
    pub archive: Option<Bytes>,
    /// Range of versions of the language, as npm writes them, such as `3.x`; `None` for the default version.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_VERSION_RANGE>")]
    pub version: Option<String>,
    /// Package set of the language; `None` for the default set, if there is one, and [`crate::packages::NO_SET`] for none.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_PACKAGE_SET_NAME>")]
    pub packages: Option<String>,
}

/// Run of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Standard input of the program.
    pub stdin: Stdin,
    /// Arguments of the program, without its own name.
    #[serde(deserialize_with = "bounded::arguments")]
    pub args: Vec<String>,
    /// Size of the terminal; `None` for three pipes instead of a terminal. With a terminal all output is stdout, and
    /// [`Request::EndOfInput`] has the effect of Ctrl+D.
    pub terminal: Option<TerminalSize>,
    /// Whether stdout and stderr are one pipe: all output is stdout, in the exact order in which it was written, and
    /// the output limit applies to both together. A terminal has the same effect.
    pub merge_output: bool,
    /// Environment variables of the program, in addition to those that every program has.
    #[serde(deserialize_with = "bounded::variables")]
    pub environment: Vec<Variable>,
    /// What its stdout should be. With it, or with a checker or an interactor, the run gets a judgement.
    pub expected: Option<ExpectedOutput>,
}

/// Environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Letters, digits and `_`; not a digit first.
    #[serde(deserialize_with = "bounded::string::<_, MAX_VARIABLE_NAME>")]
    pub name: String,
    /// Text without NUL.
    #[serde(deserialize_with = "bounded::string::<_, MAX_VARIABLE>")]
    pub value: String,
}

/// Size of a terminal. Neither side can be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters per line.
    pub columns: NonZeroU16,
    /// Lines.
    pub rows: NonZeroU16,
}

impl Default for TerminalSize {
    /// Returns 80 columns and 24 rows.
    fn default() -> Self {
        Self { columns: NonZeroU16::MIN.saturating_add(79), rows: NonZeroU16::MIN.saturating_add(23) }
    }
}

/// Signal that a client can send to its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgramSignal {
    /// SIGINT, as sent by Ctrl+C.
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

/// Source of the stdin of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// These bytes, then end of file.
    Bytes(#[serde(deserialize_with = "bounded::bytes::<_, MAX_FRAME>")] Bytes),
    /// [`Request::Input`] frames until [`Request::EndOfInput`].
    Live,
    /// [`Request::Upload`] frames, all of which are sent before the execution is queued.
    Upload,
}

impl Default for Stdin {
    /// Returns empty input.
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}
