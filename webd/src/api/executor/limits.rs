//! Limits as JSON: the same names in a request, in an answer and in the list of languages.

use std::time::Duration;

use protocol::{ByteCount, Limits, LimitsRequest};
use serde::{Deserialize, Serialize};

use crate::http::error::ApiError;

/// The limits of a stage, after defaults and maximums were applied.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LimitsJson {
    cpu_ms: u64,
    wall_ms: u64,
    memory_bytes: u64,
    processes: u32,
    output_bytes: u64,
    file_size_bytes: u64,
    disk_bytes: u64,
    files: u32,
    open_files: u32,
}

/// The limits of a request; missing ones get the defaults of the language.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsRequestJson {
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    memory_bytes: Option<u64>,
    processes: Option<u64>,
    output_bytes: Option<u64>,
    file_size_bytes: Option<u64>,
    disk_bytes: Option<u64>,
    files: Option<u64>,
    open_files: Option<u64>,
}

impl From<&Limits> for LimitsJson {
    fn from(limits: &Limits) -> Self {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            cpu_ms: milliseconds(limits.cpu_time),
            wall_ms: milliseconds(limits.wall_time),
            memory_bytes: limits.memory.bytes(),
            processes: limits.processes,
            output_bytes: limits.output.bytes(),
            file_size_bytes: limits.file_size.bytes(),
            disk_bytes: limits.disk.bytes(),
            files: limits.files,
            open_files: limits.open_files,
        }
    }
}

impl TryFrom<LimitsRequestJson> for LimitsRequest {
    type Error = ApiError;

    fn try_from(limits: LimitsRequestJson) -> Result<Self, ApiError> {
        let above_zero = |name: &str, limit: Option<u64>| match limit {
            Some(0) => Err(ApiError::invalid_request(format!("`limits.{name}` must be at least 1"))),
            limit => Ok(limit),
        };
        // The daemon lowers a limit to the administrator's maximum, so no number is too large.
        let time = |name, limit| Ok::<_, ApiError>(above_zero(name, limit)?.map(Duration::from_millis));
        let bytes = |name, limit| Ok::<_, ApiError>(above_zero(name, limit)?.map(ByteCount));
        let count = |name, limit| {
            let limit = above_zero(name, limit)?;
            Ok::<_, ApiError>(limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)))
        };
        Ok(Self {
            cpu_time: time("cpu_ms", limits.cpu_ms)?,
            wall_time: time("wall_ms", limits.wall_ms)?,
            memory: bytes("memory_bytes", limits.memory_bytes)?,
            processes: count("processes", limits.processes)?,
            output: bytes("output_bytes", limits.output_bytes)?,
            file_size: bytes("file_size_bytes", limits.file_size_bytes)?,
            disk: bytes("disk_bytes", limits.disk_bytes)?,
            files: count("files", limits.files)?,
            open_files: count("open_files", limits.open_files)?,
        })
    }
}
