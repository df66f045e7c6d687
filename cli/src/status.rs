//! `executor status`.

use std::path::Path;
use std::process::ExitCode;

use protocol::{Client, Event, Request, ServerStatus};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

pub(crate) async fn status(socket: &Path, json: bool) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(socket).await?;
    client.send(Request::Status).await?;
    let status = match client.event().await? {
        Event::Status(status) => status,
        other => return Err(Failure::from_unexpected(other)),
    };
    let mut out = Output::stdout();
    if json {
        out.line(&format!("{:#}", as_json(&status))).await?;
    } else {
        out.write(as_text(&status, &out).as_bytes()).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(status: &ServerStatus, out: &Output) -> String {
    let state = if status.draining { "shutting down, accepts no executions" } else { "accepts executions" };
    let mut text = format!(
        "executord   {}, up {}, {state}\n\
         running     {} of {} ({} idle; {} may use the CPU at one time)\n\
         queued      {} of {}\n\
         limits by   {}\n\
         user ids    {} free, {} quarantined\n",
        status.version,
        uptime(status.uptime.as_secs()),
        status.running,
        status.max_executions,
        status.idle,
        status.slots,
        status.queued,
        status.queue_capacity,
        status.cgroups,
        status.free_uids,
        status.quarantined_uids,
    );
    for feature in &status.degraded {
        text += &format!("{}    {feature}\n", out.red("degraded"));
    }
    for count in &status.executions {
        text += &format!("executions  {} {} {}\n", count.count, count.language, count.result);
    }
    text
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn as_json(status: &ServerStatus) -> serde_json::Value {
    json!({
        "version": status.version,
        "uptime_ms": crate::report::milliseconds(status.uptime),
        "draining": status.draining,
        "slots": status.slots,
        "max_executions": status.max_executions,
        "running": status.running,
        "idle": status.idle,
        "queued": status.queued,
        "queue_capacity": status.queue_capacity,
        "cgroups": status.cgroups,
        "degraded": status.degraded,
        "free_uids": status.free_uids,
        // The key is older than the term.
        "withheld_uids": status.quarantined_uids,
        "executions": status.executions.iter().map(|count| json!({
            "language": count.language, "result": count.result, "count": count.count,
        })).collect::<Vec<_>>(),
        "steps": status.steps.iter().map(|times| json!({
            "step": times.step, "buckets": times.buckets, "total_ms": crate::report::milliseconds(times.total),
        })).collect::<Vec<_>>(),
    })
}
