//! A submission: the request and its result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;
use uuid::Uuid;

use crate::api::judge0::attributes::Settings;
use crate::api::judge0::status::SubmissionStatus;
use crate::domain::caller::Caller;
use crate::domain::result_store::{ResultBounds, ResultStore};
use crate::domain::submissions::submission::Owner;
use crate::ops::compat_config::Judge0Config;

/// Submissions that are kept.
pub(crate) const MAX_RESULTS: usize = 10_000;
/// Memory of a submission in addition to its texts.
const OVERHEAD: usize = 2048;

/// A submission.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) token: Uuid,
    owner: Owner,
    pub(crate) settings: Settings,
    pub(crate) created_at: SystemTime,
    result: Mutex<SubmissionResult>,
    /// True when the submission has its last status.
    finished: watch::Sender<bool>,
    /// Whether its callback was sent too, if it has one.
    is_settled: AtomicBool,
}

/// What is known of the executions of a submission.
#[derive(Clone, Debug)]
pub(crate) struct SubmissionResult {
    pub(crate) status: SubmissionStatus,
    pub(crate) finished_at: Option<SystemTime>,
    pub(crate) stdout: Option<Vec<u8>>,
    pub(crate) stderr: Option<Vec<u8>>,
    pub(crate) compile_output: Option<Vec<u8>>,
    pub(crate) message: Option<String>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) exit_signal: Option<i32>,
    /// CPU time in seconds.
    pub(crate) time: Option<f64>,
    /// Seconds.
    pub(crate) wall_time: Option<f64>,
    /// Kilobytes.
    pub(crate) memory: Option<u64>,
}

impl SubmissionResult {
    /// Returns what is known before an execution.
    pub(crate) const fn with_status(status: SubmissionStatus) -> Self {
        Self {
            status,
            finished_at: None,
            stdout: None,
            stderr: None,
            compile_output: None,
            message: None,
            exit_code: None,
            exit_signal: None,
            time: None,
            wall_time: None,
            memory: None,
        }
    }

    fn bytes(&self) -> usize {
        let texts = [&self.stdout, &self.stderr, &self.compile_output];
        texts.into_iter().flatten().map(Vec::len).sum::<usize>()
            + self.message.as_ref().map_or(0, String::len)
    }
}

impl Submission {
    /// Creates a submission of a caller, which waits.
    pub(crate) fn new(caller: &Caller, settings: Settings) -> Self {
        Self {
            token: Uuid::new_v4(),
            owner: Owner::of(caller),
            settings,
            created_at: SystemTime::now(),
            result: Mutex::new(SubmissionResult::with_status(SubmissionStatus::InQueue)),
            finished: watch::Sender::new(false),
            is_settled: AtomicBool::new(false),
        }
    }

    /// Returns whether it is one of the caller's: of the same API key, or also without one.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        self.owner == Owner::of(caller)
    }

    /// Returns what is known now.
    pub(crate) fn result(&self) -> SubmissionResult {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether the submission has its last status.
    pub(crate) fn is_finished(&self) -> bool {
        *self.finished.borrow()
    }

    /// Returns whether nothing is left to do for the submission.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled.load(Ordering::Relaxed)
    }

    /// Notes that nothing is left to do.
    pub(crate) fn settle(&self) {
        self.is_settled.store(true, Ordering::Relaxed);
    }

    /// Changes the status while the submission is not finished.
    pub(crate) fn set_status(&self, status: SubmissionStatus) {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).status = status;
    }

    /// Sets the result.
    pub(crate) fn finish(&self, result: SubmissionResult) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = result;
        self.finished.send_replace(true);
    }

    /// Waits until the submission is finished.
    pub(crate) async fn finished(&self) {
        // Fails only if the sender is dropped, which is part of `self`.
        let _ = self.finished.subscribe().wait_for(|finished| *finished).await;
    }

    /// Returns the memory that the submission uses.
    pub(crate) fn bytes(&self) -> usize {
        let Settings { source_code, stdin, expected_output, additional_files, .. } = &self.settings;
        let texts = [source_code, stdin, expected_output, additional_files];
        texts.into_iter().flatten().map(Vec::len).sum::<usize>() + self.result().bytes() + OVERHEAD
    }
}

/// The submissions of all clients.
#[derive(Debug)]
pub(crate) struct Judge0State {
    pub(crate) results: ResultStore<Submission>,
}

impl Judge0State {
    /// Creates the state for a configuration.
    pub(crate) fn new(config: &Judge0Config) -> Self {
        let bytes = usize::try_from(config.max_results.bytes()).unwrap_or(usize::MAX);
        let bounds = ResultBounds { count: MAX_RESULTS, bytes, age: config.results_max_age };
        Self { results: ResultStore::new(bounds) }
    }
}
