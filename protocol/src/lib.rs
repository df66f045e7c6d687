//! What may be said on Executor's socket.
//!
//! A client connects, both sides say [`Hello`], and then the client sends [`Request`]s and reads [`Event`]s,
//! each in a frame of its own (see [`codec`]). One execution at a time runs on a connection; hanging up
//! cancels it. Nothing here decides anything: what is allowed is `executord`'s business.

#![forbid(unsafe_code)]

mod bounded;
pub mod bounds;
pub mod client;
pub mod codec;
mod event;
mod language;
mod limits;
mod outcome;
pub mod quantity;
pub mod renamed_keys;
mod request;
mod server_status;
mod stage;

pub use client::{Client, ClientError};
pub use codec::{CodecError, Hello, VERSION};
pub use event::{CheckResult, Event, Rejection};
pub use language::{Availability, Editor, Language};
pub use limits::{LIMITS, LimitInfo, Limits, LimitsRequest};
pub use outcome::{ExecutionId, Outcome};
pub use quantity::ByteCount;
pub use request::{ExecuteRequest, ProgramSignal, Request, RunRequest, SourceFile, Stdin, TerminalSize};
pub use server_status::{ExecutionCount, ServerStatus, StepTimes, WarmCount};
pub use stage::{Clock, StageName, StageReport, Status, StatusName, StreamName, Usage};

/// Where the daemon listens unless it is told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/executor/executord.sock";
