//! The daemons of a case, and what every case does with them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::kills::{LIMITS, SLOTS};
use super::programs::{Allowed, Got, Program};
use super::random::SeededRandom;
use super::remaining::{self, Before, ChildKind};
use crate::daemons::{DEADLINE, Daemons, Settings};
use crate::http::{self, Answer, HttpError};

/// Time limit for recovery after the end of a fault.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A message about the observed behavior, or about a violation.
pub(super) type Outcome = Result<String, String>;

/// Daemons of a case.
pub(super) struct Host {
    pub(super) daemons: Daemons,
    pub(super) before: Before,
}

impl Host {
    pub(super) async fn start(settings: Settings) -> Result<Self, String> {
        // The kills cover pre-warmed sandboxes; here each sandbox must belong to a program.
        let settings = Settings { slots: SLOTS, pool: false, ..settings };
        let settings = Settings { more: format!("{}\n{LIMITS}", settings.more), ..settings };
        let daemons = Daemons::start(&settings).await.map_err(message)?;
        let before = Before::take(SLOTS, false).map_err(message)?;
        Ok(Self { daemons, before })
    }

    /// Verifies that executions in two languages work.
    pub(super) async fn works(&self, random: &mut SeededRandom) -> Result<(), String> {
        for language in ["python", "cpp"] {
            self.right(&Program::friendly(random, language)).await?;
        }
        Ok(())
    }

    pub(super) async fn right(&self, program: &Program) -> Result<(), String> {
        match program.judge(&self.daemons.post(&program.body).await, Allowed::default())? {
            Got::Answer => Ok(()),
            other => Err(format!("{}: {other:?}", program.name)),
        }
    }

    /// Verifies that an execution is rejected, and returns the error code.
    pub(super) async fn refused(&self, random: &mut SeededRandom, language: &str) -> Result<String, String> {
        let program = Program::friendly(random, language);
        let allowed = Allowed { errors: true, ..Allowed::default() };
        match program.judge(&self.daemons.post(&program.body).await, allowed)? {
            Got::Error(code) => Ok(code),
            other => Err(format!("{language}: an error expected, got {other:?}")),
        }
    }

    /// Waits until everything works and nothing is left.
    pub(super) async fn recovers(&self, random: &mut SeededRandom) -> Outcome {
        let began = Instant::now();
        loop {
            let state = match self.works(random).await {
                Ok(()) => self.before.nothing_left(&self.daemons).await,
                not => not,
            };
            match state {
                Ok(()) => return Ok(format!("recovered after {:.1} s", began.elapsed().as_secs_f32())),
                Err(message) if began.elapsed() > RECOVERY_TIMEOUT => {
                    return Err(format!("{message}\n{}", self.daemons.log_tail()));
                }
                Err(_) => sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Kills all supervisors and waits for their end.
    pub(super) async fn lose_all_slots(&self) -> Result<(), String> {
        let all = remaining::supervisors(&self.daemons).map_err(message)?;
        for supervisor in &all {
            let _ = remaining::kill_process(supervisor.pid);
        }
        let gone = async || !all.iter().any(|supervisor| remaining::is_alive(supervisor.pid));
        until("a supervisor still runs", gone).await
    }

    /// Waits for a message in the log.
    pub(super) async fn wait_for_log(&self, what: &str) -> Result<(), String> {
        until(&format!("the log lacks {what:?}"), async || self.daemons.logs().contains(what)).await
    }

    /// Starts a request in the background.
    pub(super) fn begin(&self, body: Value) -> JoinHandle<Result<Answer, HttpError>> {
        let url = self.daemons.url("/api/execute");
        tokio::spawn(async move { http::post(&url, &body, DEADLINE).await })
    }

    /// Starts a program that runs for a while, waits until it runs, and returns its supervisor too.
    pub(super) async fn begin_long(
        &self,
        millis: u32,
    ) -> Result<(JoinHandle<Result<Answer, HttpError>>, u32), String> {
        // An earlier execution may still be cleaned up, which looks like a running program.
        sleep(Duration::from_millis(200)).await;
        let is_settled = async || {
            let running = self.daemons.status().await.running as usize;
            self.busy().is_ok_and(|busy| busy.len() == running)
        };
        until("sandboxes remain without a program", is_settled).await?;
        let busy = self.busy()?;
        let code =
            format!("import time\nprint('begun', flush=True)\ntime.sleep({millis} / 1000)\nprint('ended')");
        let execution = self.begin(json!({ "language": "python", "code": code }));
        let has_begun = async || self.busy().is_ok_and(|now| now.iter().any(|pid| !busy.contains(pid)));
        until("a program does not start", has_begun).await?;
        // Wait for the end of its setup.
        sleep(Duration::from_millis(200)).await;
        let now = self.busy()?;
        let new = now.into_iter().find(|pid| !busy.contains(pid));
        Ok((execution, new.ok_or("a program ended early")?))
    }

    /// Returns the supervisors that have a sandbox.
    pub(super) fn busy(&self) -> Result<Vec<u32>, String> {
        let inits = remaining::children_of_kind(&self.daemons, ChildKind::Init).map_err(message)?;
        Ok(inits.into_iter().map(|init| init.supervisor).collect())
    }
}

pub(super) async fn until(otherwise: &str, done: impl AsyncFn() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !done().await {
        if began.elapsed() > RECOVERY_TIMEOUT {
            return Err(otherwise.to_owned());
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

pub(super) fn message(error: impl std::fmt::Display) -> String {
    error.to_string()
}
