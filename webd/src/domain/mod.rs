//! Executions without HTTP: which client asks, where an execution runs, the handle of a running execution, and its
//! output. No file here depends on axum; errors are domain types, which `api` maps to HTTP.

pub(crate) mod budget;
pub(crate) mod callbacks;
pub(crate) mod caller;
pub(crate) mod client_identity;
pub(crate) mod collected_execution;
pub(crate) mod connection_pool;
pub(crate) mod daemon_info;
pub(crate) mod dispatcher;
pub(crate) mod encoding;
pub(crate) mod execution;
pub(crate) mod execution_meter;
pub(crate) mod file_store;
pub(crate) mod frame_budget;
pub(crate) mod keys;
pub(crate) mod lenient_base64;
pub(crate) mod limit_scope;
pub(crate) mod output_collector;
pub(crate) mod output_files;
pub(crate) mod result_store;
pub(crate) mod running_calls;
pub(crate) mod signal_name;
pub(crate) mod submissions;
pub(crate) mod toolchain_words;
pub(crate) mod upload;
pub(crate) mod utc_time;
pub(crate) mod utf8_decoder;
