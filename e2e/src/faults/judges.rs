//! `kill -9` of executord while builds are kept and checkers and interactors run.

use serde_json::json;

use super::case::{Host, Outcome, message, until};
use super::random::SeededRandom;
use crate::daemons::Settings;
use crate::inventory;

/// Number of kept builds.
const BUILDS: usize = 3;
/// Becomes a process that an inventory finds by its name.
const SLEEP: &str = "import os\nos.execvp('sleep', ['sleep', '600'])";
/// Such processes while both executions run: a checker, and both sides of a dialogue.
const SLEEPING: usize = 3;

/// Kills executord. The clients get errors, the kept builds are gone, and nothing of either judge is left.
pub(super) async fn executord_killed(random: &mut SeededRandom) -> Outcome {
    let mut host = Host::start(Settings::default()).await?;
    let mut builds = Vec::new();
    for number in 0..BUILDS {
        let code = format!("int main(void) {{ return {number}; }}");
        let answer = host.daemons.execute(&json!({ "language": "c", "code": code, "keep": "10min" })).await;
        let build = answer["build"].as_str().ok_or_else(|| format!("not kept: {answer}"))?;
        builds.push(build.to_owned());
    }
    let sleeper = json!({ "language": "python", "code": SLEEP, "limits": { "wall_ms": 60_000 } });
    let judged = [
        host.begin(json!({ "build": builds[0], "limits": { "wall_ms": 60_000 }, "checker": sleeper })),
        host.begin(json!({ "language": "python", "code": SLEEP, "limits": { "wall_ms": 60_000 }, "interactor": sleeper })),
    ];
    let sleeping = || {
        let processes = inventory::processes(&host.daemons.uids).unwrap_or_default();
        processes.into_iter().filter(|process| process.name == "sleep").count()
    };
    // A checker runs only after a solution that succeeded: the first build exits with 0.
    until("not all judges run", async || sleeping() == SLEEPING).await?;
    host.daemons.kill_executord().map_err(message)?;
    for execution in judged {
        let answer = execution.await.map_err(message)?.map_err(message)?;
        if answer.status < 500 {
            return Err(format!("HTTP {} {}", answer.status, answer.json));
        }
    }
    host.daemons.restart_executord().await.map_err(message)?;
    let recovered = host.recovers(random).await?;
    for build in builds {
        let answer = host.daemons.post(&json!({ "build": build })).await.map_err(message)?;
        if answer.status != 404 {
            return Err(format!("a build outlives executord: HTTP {} {}", answer.status, answer.json));
        }
    }
    Ok(format!("the clients get errors, and builds are gone; {recovered}"))
}
