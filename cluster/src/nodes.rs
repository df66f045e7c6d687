//! The status of nodes. Each node writes its own every few seconds into a key-value bucket, which forgets those that
//! stop.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::jetstream::{ClusterError, JetStream, NewMessage};
use crate::subjects::{NODES, Name, kv_stream, kv_subject};

/// Interval at which a node writes its status.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The status of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Name of the node.
    pub name: String,
    /// Name of its pool.
    pub pool: String,
    /// Version of its noded.
    pub version: String,
    /// Executions that can use the CPU concurrently; 0 while its executord does not answer.
    pub slots: u32,
    /// Slots that no execution uses.
    pub idle_slots: u32,
    /// Submissions that run.
    pub running: u32,
    /// Maximum number of concurrent submissions.
    pub async_slots: u32,
    /// Digest of its languages. All nodes of a pool should have the same.
    pub languages: String,
    /// Whether it takes no more work, because it stops.
    pub draining: bool,
    /// Submissions since it started, by their end.
    pub ends: Ends,
    /// Deliveries that were not the first one of their submission.
    pub redelivered: u64,
}

/// Numbers of submissions by their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// With an outcome.
    pub finished: u64,
    /// With an error.
    pub failed: u64,
    /// Cancelled while they ran.
    pub cancelled: u64,
    /// Returned, so that another node or a later attempt runs them.
    pub returned: u64,
    /// Another node stored a result first.
    pub superseded: u64,
}

impl Ends {
    /// Returns each number with its name.
    #[must_use]
    pub const fn named(self) -> [(&'static str, u64); 5] {
        [
            ("finished", self.finished),
            ("failed", self.failed),
            ("cancelled", self.cancelled),
            ("returned", self.returned),
            ("superseded", self.superseded),
        ]
    }
}

/// Writes the status of a node.
pub(crate) async fn report(
    jetstream: &JetStream,
    node: &Name,
    status: &NodeStatus,
) -> Result<(), ClusterError> {
    let payload = serde_json::to_vec(status).unwrap_or_default();
    jetstream.publish(kv_subject(NODES, node.as_str()), NewMessage::new(payload)).await?;
    Ok(())
}

/// Returns the status of all nodes, ordered by name. What cannot be read is left out.
pub(crate) async fn all(jetstream: &JetStream) -> Result<Vec<NodeStatus>, ClusterError> {
    let messages = jetstream.snapshot(&kv_stream(NODES), &kv_subject(NODES, ">"), false).await?;
    let mut nodes: Vec<NodeStatus> =
        messages.iter().filter_map(|message| serde_json::from_slice(&message.payload).ok()).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(nodes)
}
