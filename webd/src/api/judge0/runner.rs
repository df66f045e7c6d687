//! The executions of a submission, from the queue to its result.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use protocol::{
    ByteCount, Clock, ExecuteRequest, Limits, LimitsRequest, RunRequest, SourceFile, Status, Stdin,
    ToolchainRequest,
};
use tokio::time::sleep;

use crate::api::judge0::attributes::Settings;
use crate::api::judge0::callback;
use crate::api::judge0::language::PLAIN_TEXT;
use crate::api::judge0::limits::{MAX_ARGUMENTS_LENGTH, MAX_EXTRACT_SIZE, STACK, whole};
use crate::api::judge0::status::SubmissionStatus;
use crate::api::judge0::submission::{Submission, SubmissionResult};
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::collected_execution::{CollectError, CollectedExecution, CollectedStage};
use crate::domain::execution::ExecutionError;

/// Time between two attempts while the queue of the daemon is full.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// Time after which a submission that found the queue full is given up.
const MAX_WAIT: Duration = Duration::from_secs(120);
/// Bytes of a kilobyte.
const KILOBYTE: u64 = 1024;
/// Main file of a program whose scripts are in its archive.
const EMPTY_FILE: &str = ".main.sh";
/// Languages whose virtual machines are pre-warmed with their stack limit, which is 2 % larger than the default of Judge0.
const WITH_OWN_STACK: [&str; 3] = ["java", "javascript", "typescript"];
/// Processes that the virtual machine of Java needs in any case.
const JAVA_PROCESSES: u64 = 256;

/// Runs a submission, sets its result, and sends its callback.
pub(crate) async fn run(state: Arc<AppState>, caller: Caller, submission: Arc<Submission>) {
    let result = result(&state, &caller, &submission).await;
    submission.finish(SubmissionResult { finished_at: Some(SystemTime::now()), ..result });
    state.judge0.results.resize(submission.token, submission.bytes(), Instant::now());
    // It counts as pending until then, which bounds the callbacks that are being sent.
    callback::send(&state.callbacks, &submission).await;
    submission.settle();
}

async fn result(state: &AppState, caller: &Caller, submission: &Submission) -> SubmissionResult {
    let budget = state.budgets.of(caller);
    let give_up_at = Instant::now() + MAX_WAIT;
    loop {
        let execution = state.dispatcher.execute_accepted(caller, request(&submission.settings)).await;
        let collected = match execution {
            Ok(execution) => {
                submission.set_status(SubmissionStatus::Processing);
                CollectedExecution::collect(execution, &budget).await
            }
            Err(error) => Err(error.into()),
        };
        match collected {
            Ok(execution) => return result_of(&execution, &submission.settings),
            Err(CollectError::Execution(error)) if error.is_busy() && Instant::now() < give_up_at => {
                submission.set_status(SubmissionStatus::InQueue);
                sleep(RETRY_INTERVAL).await;
            }
            Err(error) => {
                let message = match &error {
                    CollectError::Execution(ExecutionError::Daemon(_)) => {
                        tracing::error!(%error, "cannot run a submission");
                        "the execution service is unavailable".to_owned()
                    }
                    error => error.to_string(),
                };
                return SubmissionResult {
                    message: Some(message),
                    ..SubmissionResult::with_status(SubmissionStatus::InternalError)
                };
            }
        }
    }
}

/// Returns the request to the daemon.
fn request(settings: &Settings) -> ExecuteRequest {
    let words = |text: &Option<String>| {
        let words = text.as_deref().and_then(shlex::split).unwrap_or_default();
        debug_assert!(words.len() <= MAX_ARGUMENTS_LENGTH);
        words
    };
    let source = settings.source_code.clone().unwrap_or_default();
    let file =
        |path: &str, content: Vec<u8>| SourceFile { path: Some(path.to_owned()), content: content.into() };
    let files = match (settings.language.id, settings.language.source_file.as_deref()) {
        (PLAIN_TEXT, Some(name)) => {
            vec![file("main.sh", format!("cat {name}").into_bytes()), file(name, source)]
        }
        (_, Some(name)) => vec![file(name, source)],
        // The scripts are in the archive, and a request must have a file.
        (_, None) => vec![file(EMPTY_FILE, Vec::new())],
    };
    let run = RunRequest {
        stdin: Stdin::Bytes(settings.stdin.clone().unwrap_or_default().into()),
        args: words(&settings.command_line_arguments),
        merge_output: settings.redirect_stderr_to_stdout,
        ..RunRequest::default()
    };
    let runs = usize::try_from(settings.number_of_runs).unwrap_or(1).max(1);
    ExecuteRequest {
        language: settings.language.own.clone().into_owned(),
        files,
        runs: vec![run; runs],
        limits: limits(settings),
        options: settings.compiler.options.clone(),
        toolchain: ToolchainRequest {
            compiler_args: settings.compiler.words.clone(),
            ..ToolchainRequest::default()
        },
        archive: settings.additional_files.clone().map(Into::into),
        ..ExecuteRequest::default()
    }
}

fn limits(settings: &Settings) -> LimitsRequest {
    let is_java = settings.language.own == "java";
    let has_own_stack = WITH_OWN_STACK.contains(&&*settings.language.own);
    let kilobytes = |count: u64| ByteCount(count.saturating_mul(KILOBYTE));
    let time =
        |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default().max(Duration::from_millis(1));
    let processes = if is_java { settings.max_processes.max(JAVA_PROCESSES) } else { settings.max_processes };
    let output = kilobytes(settings.max_file_size);
    // The files of an archive are extracted within the limits of the program.
    let extracted = settings.additional_files.as_ref().map_or(ByteCount(0), |_| kilobytes(MAX_EXTRACT_SIZE));
    LimitsRequest {
        cpu_time: Some(time(settings.cpu_time_limit)),
        wall_time: Some(time(settings.wall_time_limit)),
        // The default of Judge0 is not enough for a virtual machine, which reserves a part of it.
        memory: (!is_java || settings.has_memory_limit)
            .then(|| kilobytes(settings.memory_limit).max(Limits::MINIMA.memory)),
        stack: (!has_own_stack || settings.stack_limit != whole(STACK.default))
            .then(|| kilobytes(settings.stack_limit).max(Limits::MINIMA.stack)),
        processes: Some(u32::try_from(processes).unwrap_or(u32::MAX)),
        file_size: Some(output.max(extracted)),
        output: Some(output),
        ..LimitsRequest::default()
    }
}

/// Returns the result of an execution: of its compilation, if that failed, or of its runs up to the first that is not
/// accepted.
fn result_of(execution: &CollectedExecution, settings: &Settings) -> SubmissionResult {
    let compile_output = execution.compile.as_ref().and_then(|stage| not_empty(&stage.merged));
    if let Some(compile) = execution.failed_compilation() {
        let output = match compile.report.status {
            Status::TimedOut { .. } => Some(b"Compilation time limit exceeded.".to_vec()),
            Status::Cancelled => None,
            _ => compile_output,
        };
        let status = match compile.report.status {
            Status::Cancelled => SubmissionStatus::InternalError,
            _ => SubmissionStatus::CompilationError,
        };
        return SubmissionResult { compile_output: output, ..SubmissionResult::with_status(status) };
    }
    let status = |run: &CollectedStage| run_status(run, settings);
    let failed = execution.runs.iter().position(|run| status(run) != SubmissionStatus::Accepted);
    let counted = &execution.runs[..failed.map_or(execution.runs.len(), |index| index + 1)];
    let Some(last) = counted.last() else {
        return SubmissionResult::with_status(SubmissionStatus::InternalError);
    };
    #[expect(clippy::cast_precision_loss, reason = "at most 20 runs")]
    let average =
        |value: fn(&CollectedStage) -> f64| counted.iter().map(value).sum::<f64>() / counted.len() as f64;
    let memory: u64 = counted.iter().map(|run| run.report.usage.peak_memory.bytes() / KILOBYTE).sum();
    let (exit_code, exit_signal, message) = ending(&last.report.status);
    SubmissionResult {
        stdout: not_empty(&last.stdout),
        stderr: not_empty(&last.stderr),
        compile_output,
        message,
        exit_code,
        exit_signal,
        time: Some(average(|run| run.report.usage.cpu_time.as_secs_f64())),
        wall_time: Some(average(|run| run.report.usage.wall_time.as_secs_f64())),
        memory: Some(memory / counted.len() as u64),
        ..SubmissionResult::with_status(status(last))
    }
}

fn run_status(run: &CollectedStage, settings: &Settings) -> SubmissionStatus {
    let status = SubmissionStatus::of_run(&run.report.status);
    match &settings.expected_output {
        Some(expected)
            if status == SubmissionStatus::Accepted && stripped(expected) != stripped(&run.stdout) =>
        {
            SubmissionStatus::WrongAnswer
        }
        _ => status,
    }
}

/// Returns exit code, signal and message of a run.
fn ending(status: &Status) -> (Option<i32>, Option<i32>, Option<String>) {
    let killed = |signal: i32| (Some(0), Some(signal), Some(format!("Caught fatal signal {signal}")));
    match status {
        Status::Exited(0) => (Some(0), None, None),
        Status::Exited(code) => (Some(*code), None, Some(format!("Exited with error status {code}"))),
        Status::Signaled(signal) => killed(*signal),
        Status::TimedOut { clock: Clock::Cpu, .. } => (Some(0), None, Some("Time limit exceeded".to_owned())),
        Status::TimedOut { clock: Clock::Wall | Clock::InputIdle, .. } => {
            (Some(0), None, Some("Time limit exceeded (wall clock)".to_owned()))
        }
        Status::MemoryExceeded { .. } => killed(9),
        Status::OutputExceeded { .. } => killed(25),
        _ => (None, None, None),
    }
}

fn not_empty(output: &[u8]) -> Option<Vec<u8>> {
    (!output.is_empty()).then(|| output.to_vec())
}

/// Returns lines without the white space at the end of each, and without empty lines at the end of all.
fn stripped(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_at_the_end_of_lines_and_of_the_text_does_not_count() {
        for (expected, actual, equal) in [
            ("1\n2\n", "1  \n2\n\n\n", true),
            ("1", "1\r\n", true),
            ("", " \n", true),
            ("1\n\n2", "1\n2", false),
            (" 1", "1", false),
            ("1 2", "1  2", false),
        ] {
            assert_eq!(
                stripped(expected.as_bytes()) == stripped(actual.as_bytes()),
                equal,
                "{expected:?} {actual:?}"
            );
        }
    }

    #[test]
    fn every_status_has_the_words_of_judge0() {
        let (limit, used) = (Duration::ZERO, Duration::ZERO);
        let time = |clock| Status::TimedOut { clock, limit, used };
        let size = ByteCount(1);
        for (status, id, code, signal, message) in [
            (Status::Exited(0), 3, Some(0), None, None),
            (Status::Exited(7), 11, Some(7), None, Some("Exited with error status 7")),
            (Status::Signaled(11), 7, Some(0), Some(11), Some("Caught fatal signal 11")),
            (Status::Signaled(25), 8, Some(0), Some(25), Some("Caught fatal signal 25")),
            (Status::Signaled(8), 9, Some(0), Some(8), Some("Caught fatal signal 8")),
            (Status::Signaled(6), 10, Some(0), Some(6), Some("Caught fatal signal 6")),
            (Status::Signaled(15), 12, Some(0), Some(15), Some("Caught fatal signal 15")),
            (time(Clock::Cpu), 5, Some(0), None, Some("Time limit exceeded")),
            (time(Clock::Wall), 5, Some(0), None, Some("Time limit exceeded (wall clock)")),
            (
                Status::MemoryExceeded { limit: size, used: size },
                12,
                Some(0),
                Some(9),
                Some("Caught fatal signal 9"),
            ),
            (
                Status::OutputExceeded { stream: protocol::StreamName::Stdout, limit: size },
                8,
                Some(0),
                Some(25),
                Some("Caught fatal signal 25"),
            ),
            (Status::Cancelled, 13, None, None, None),
        ] {
            assert_eq!(SubmissionStatus::of_run(&status).id(), id, "{status:?}");
            let ending = ending(&status);
            assert_eq!((ending.0, ending.1, ending.2.as_deref()), (code, signal, message), "{status:?}");
        }
    }
}
