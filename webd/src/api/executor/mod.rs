//! Executor's own API: `/api/execute`, `/api/session`, `/api/languages`, `/api/submissions` and `/api/token`.

pub(crate) mod answer;
pub(crate) mod error;
pub(crate) mod event_encoder;
pub(crate) mod execute;
pub(crate) mod frames;
pub(crate) mod handshake;
pub(crate) mod idempotency;
pub(crate) mod judge;
pub(crate) mod judgement;
pub(crate) mod languages;
pub(crate) mod limits;
pub(crate) mod live_body;
pub(crate) mod multipart_request;
pub(crate) mod number;
pub(crate) mod options;
pub(crate) mod request;
pub(crate) mod session;
pub(crate) mod session_end;
pub(crate) mod session_reader;
pub(crate) mod sources;
pub(crate) mod submission_attempt;
pub(crate) mod submission_json;
pub(crate) mod submission_watch;
pub(crate) mod submissions;
pub(crate) mod token;
pub(crate) mod unknown_language;
