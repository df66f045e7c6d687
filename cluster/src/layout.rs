//! The streams and consumers of a cluster, and their creation.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::jetstream::{ClusterError, JetStream};
use crate::queue::Queue;
use crate::subjects::{self, BUCKETS, CALLBACKS, NODES, Name, SUBMISSIONS, USAGE};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
const GIB: u64 = 1024 * 1024 * 1024;
/// Submissions of one tenant that wait or run.
const MAX_WORK_PER_TENANT: u64 = 1000;
/// Bytes of all work of a pool.
const MAX_WORK: u64 = 4 * GIB;
/// Bytes of all states and results.
const MAX_SUBMISSIONS: u64 = 16 * GIB;
/// Bytes of a message beyond its body: headers.
const HEADERS: usize = 16 * 1024;
/// Bytes of the request of a submission, as it is encoded for executord.
pub const MAX_REQUEST: usize = 5 * 1024 * 1024;
/// Bytes of a result: at most 4 MiB of output, and the reports of 64 runs, twice.
pub const MAX_RESULT: usize = 7 * 1024 * 1024;
/// Time for which states and results are kept.
const KEEP: u64 = 48 * HOUR;
/// Bytes of all callbacks that are due: about half a million.
const MAX_CALLBACKS: u64 = GIB / 4;
/// Bytes of the status of all nodes, and of what keys use.
const MAX_NODES: u64 = GIB / 16;
const MAX_USAGE: u64 = GIB / 4;
/// Time for which a callback is tried at most.
const CALLBACK_AGE: u64 = 2 * HOUR;
/// Time after which the status of a node that does not renew it is gone.
const NODE_AGE: u64 = 15 * SECOND;
/// Error code of a stream that exists with another configuration.
const STREAM_EXISTS: u32 = 10058;

/// A stream, as `STREAM.CREATE` takes it.
#[must_use]
pub fn streams(pool: &Name, replicas: u8) -> Vec<Value> {
    let common = |name: &str, subjects: Value| {
        json!({"name": name, "subjects": subjects, "storage": "file", "num_replicas": replicas,
               "max_consumers": -1, "max_msgs": -1})
    };
    let with = |mut stream: Value, more: Value| {
        if let (Some(stream), Value::Object(more)) = (stream.as_object_mut(), more) {
            stream.extend(more);
        }
        stream
    };
    let bucket = |name: &str, max_age: u64, max_bytes: u64| {
        with(
            common(&subjects::kv_stream(name), json!([subjects::kv_subject(name, ">")])),
            json!({"retention": "limits", "discard": "new", "max_msgs_per_subject": 1, "max_age": max_age,
                   "max_bytes": max_bytes, "max_msg_size": 65536, "allow_rollup_hdrs": true, "deny_delete": true,
                   "allow_direct": true, "duplicate_window": 2 * SECOND}),
        )
    };
    vec![
        with(
            common(&subjects::work_stream(pool), json!([format!("x.work.{pool}.*.*")])),
            json!({"retention": "workqueue", "discard": "new", "discard_new_per_subject": true,
                   "max_msgs_per_subject": MAX_WORK_PER_TENANT, "max_bytes": MAX_WORK, "max_age": 24 * HOUR,
                   "max_msg_size": MAX_REQUEST + HEADERS, "duplicate_window": 120 * SECOND}),
        ),
        with(
            common(SUBMISSIONS, json!(["x.sub.*.*.*"])),
            json!({"retention": "limits", "discard": "old", "max_msgs_per_subject": 1, "max_bytes": MAX_SUBMISSIONS,
                   "max_age": KEEP, "max_msg_size": MAX_RESULT + HEADERS, "allow_direct": true,
                   "duplicate_window": 120 * SECOND}),
        ),
        with(
            common(CALLBACKS, json!(["x.call.*.*.*"])),
            json!({"retention": "workqueue", "discard": "new", "discard_new_per_subject": true,
                   "max_msgs_per_subject": 1, "max_bytes": MAX_CALLBACKS, "max_age": CALLBACK_AGE,
                   "max_msg_size": HEADERS, "duplicate_window": 120 * SECOND}),
        ),
        bucket(NODES, NODE_AGE, MAX_NODES),
        bucket(USAGE, KEEP, MAX_USAGE),
    ]
}

/// Returns the bytes that all streams of a pool have at most.
pub(crate) fn storage() -> u64 {
    MAX_WORK + MAX_SUBMISSIONS + MAX_CALLBACKS + MAX_NODES + MAX_USAGE
}

/// Creates all streams and consumers, and changes those that exist.
///
/// # Errors
/// [`ClusterError`] of the first one that cannot be created.
pub(crate) async fn create(jetstream: &JetStream, pool: &Name, replicas: u8) -> Result<(), ClusterError> {
    for stream in streams(pool, replicas) {
        let name = stream["name"].as_str().unwrap_or_default().to_owned();
        match jetstream.api::<Value>(&format!("STREAM.CREATE.{name}"), &stream).await {
            Ok(_) => {}
            Err(ClusterError::Refused { code: STREAM_EXISTS, .. }) => {
                jetstream.api::<Value>(&format!("STREAM.UPDATE.{name}"), &stream).await?;
            }
            Err(error) => return Err(error),
        }
    }
    for queue in [Queue::Submissions(pool.clone()), Queue::Callbacks] {
        for bucket in 0..BUCKETS {
            queue.create_consumer(jetstream, bucket).await?;
        }
    }
    Ok(())
}

/// What a stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct StreamState {
    /// Messages.
    pub(crate) messages: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Sequence number of the last message that was stored.
    pub(crate) last_seq: u64,
}

/// Returns what a stream holds.
///
/// # Errors
/// [`ClusterError`]
pub(crate) async fn state(jetstream: &JetStream, stream: &str) -> Result<StreamState, ClusterError> {
    #[derive(Deserialize)]
    struct Info {
        state: StreamState,
    }
    let info: Info = jetstream.api(&format!("STREAM.INFO.{stream}"), &json!({})).await?;
    Ok(info.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fit_into_what_servers_accept() {
        // `max_payload` of the snippet in `permissions`.
        const MAX_PAYLOAD: u64 = 8 * 1024 * 1024;
        let pool = "main".parse().unwrap();
        let streams = streams(&pool, 3);
        let names: Vec<_> = streams.iter().map(|stream| stream["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["WORK_main", "SUBS", "CALL", "KV_executor_nodes", "KV_executor_usage"]);
        let bytes = streams.iter().map(|stream| stream["max_bytes"].as_u64().unwrap());
        assert_eq!(bytes.sum::<u64>(), storage());
        for stream in &streams {
            assert!(stream["max_msg_size"].as_u64().unwrap() < MAX_PAYLOAD);
            assert_eq!(stream["num_replicas"], 3);
        }
    }
}
