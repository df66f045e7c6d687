//! Messages on Executor's socket.
//!
//! A client connects, both sides send [`Hello`], and then the client sends [`Request`]s and reads [`Event`]s, each in its
//! own frame (see [`codec`]). A connection carries one execution at a time; closing it cancels the execution. This crate
//! contains no policy: `executord` decides what is allowed.

#![forbid(unsafe_code)]

mod bounded;
pub mod bounds;
mod build_id;
pub mod client;
pub mod codec;
pub mod configuration_sample;
mod event;
pub mod install;
mod judge;
mod language;
pub mod language_name;
mod limits;
mod options;
mod outcome;
pub mod packages;
pub mod quantity;
pub mod renamed_keys;
mod request;
mod server_status;
mod source_file;
mod stage;
mod toolchain;
pub mod version_range;

pub use build_id::{BuildId, InvalidBuildId};
pub use client::{Client, ClientError};
pub use codec::{CodecError, Hello, VERSION};
pub use event::{CheckResult, Event, OmittedFiles, Rejection};
pub use judge::{
    Compare, Difference, ExpectedOutput, Judge, JudgeProgram, Judgement, Party, Tolerance, Transcript,
    TranscriptEntry, Verdict,
};
pub use language::{Availability, Editor, Language, ToolchainVersion};
pub use limits::{LIMITS, LimitInfo, Limits, LimitsRequest};
pub use options::{LanguageOption, OptionChoice, OptionSetting, OptionValue};
pub use outcome::{ExecutionId, Outcome};
pub use packages::{Package, PackageSet};
pub use quantity::ByteCount;
pub use request::{ExecuteRequest, ProgramSignal, Request, RunRequest, Stdin, TerminalSize, Variable};
pub use server_status::{ExecutionCount, ServerStatus, StepTimes, WarmCount};
pub use source_file::SourceFile;
pub use stage::{Clock, StageName, StageReport, StartKind, Status, StatusName, StreamName, Usage};
pub use toolchain::{ArgumentPatterns, ToolchainRequest};

/// Default path of the daemon's socket.
pub const DEFAULT_SOCKET: &str = "/run/executor/executord.sock";
