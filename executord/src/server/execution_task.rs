//! The task of one execution: execute, write the audit line, send the last event, clean up.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Event, Outcome};
use tracing::error;

use crate::admission::job::Job;
use crate::daemon::state::Daemon;
use crate::execution::{self, Connections, ExecutionResult};
use crate::queue::{ClientKey, Permit};
use crate::server::peer::Peer;

/// Message that a client receives when the daemon failed. The causes are in the log, under the execution's id.
pub(super) const FAILURE_MESSAGE: &str = "the program could not be executed; the server's log says why";

/// Executes a job, writes the audit line, sends the last event, cleans up, and lets the next execution begin.
pub(super) async fn execute_and_clean_up(
    daemon: Arc<Daemon>,
    peer: Peer,
    job: Job,
    permit: Permit,
    queue_time: Duration,
    connections: Connections,
) {
    let language = job.toolchain.name.clone();
    let id = job.id;
    let events = connections.events.clone();
    let ExecutionResult { uids, outcome, mut cleanups } =
        execution::execute(&daemon.executor, &job, &permit, connections).await;
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let uid = or_none(uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let client = job.client.as_ref().and_then(ClientKey::name);
    // Debug formatting escapes what could forge a line: the name comes from the peer.
    let client = client.map(|name| format!(" client={name:?}")).unwrap_or_default();
    let audit_line = format!("execution={id} uid={uid} peer={}{client} language={language}", peer.uid);
    let last_event = match outcome {
        Ok(outcome) => {
            let outcome = Outcome { queue_time, ..outcome };
            let verdict = outcome.status_name().as_str();
            daemon.executor.metrics.count(&language, verdict);
            daemon.audit.record(format!("{audit_line} verdict={verdict} {}", usage(&outcome)));
            Event::Finished(outcome)
        }
        Err(failure) => {
            error!(%id, uid, language, %failure, "execution failed");
            daemon.executor.metrics.count(&language, "failed");
            daemon.audit.record(format!("{audit_line} verdict=failed"));
            Event::Failed { id, message: FAILURE_MESSAGE.to_owned() }
        }
    };
    permit.start_cleanup();
    let clean_up = async {
        while let Some(cleaned_up) = cleanups.next().await {
            if let Err(failure) = cleaned_up {
                error!(%id, uid, language, %failure, "cleanup of an execution could not be confirmed");
            }
        }
        drop(permit);
    };
    // At the same time, because the client may read slowly or be gone.
    let _ = tokio::join!(events.send(last_event), clean_up);
}

/// Formats the usage of all stages for the audit line.
fn usage(outcome: &Outcome) -> String {
    let stages = outcome.compile.iter().chain(&outcome.runs);
    let cpu: Duration = stages.clone().map(|stage| stage.usage.cpu_time).sum();
    let wall: Duration = stages.clone().map(|stage| stage.usage.wall_time).sum();
    let memory = stages.map(|stage| stage.usage.peak_memory.bytes()).max().unwrap_or(0);
    let (cpu, wall, queue) = (cpu.as_millis(), wall.as_millis(), outcome.queue_time.as_millis());
    format!("cpu_ms={cpu} wall_ms={wall} memory_bytes={memory} queue_ms={queue}")
}
