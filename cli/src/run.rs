//! `executor run`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use futures_util::StreamExt;
use protocol::quantity::Quantity;
use protocol::{ClientError, Event, ExecuteRequest, Outcome, RunRequest, StageName, StreamName};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::RunArguments;
use crate::failure::Failure;
use crate::input::{Input, RunControl, forward_input};
use crate::output::Output;
use crate::output_files::OutputFiles;
use crate::raw_mode::RawMode;
use crate::remote::RemoteError;
use crate::report::Report;
use crate::server::{Events, Server};
use crate::{exit_status, judgement, limits, messages, options, program, raw_mode, report};

/// The pattern of all files, except those whose names begin with a dot.
const ALL_FILES: &str = "**";

/// What is printed at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Summary {
    /// A message, unless the program exited by itself.
    Message,
    /// The message, and the usage of each stage.
    Usage,
    /// One JSON object, in place of the program's output.
    Json,
}

pub(crate) async fn run(server: &Server, arguments: RunArguments) -> Result<ExitCode, Failure> {
    let json = arguments.json;
    match execute(server, arguments).await {
        Err(Failure::Remote(RemoteError::Api(error))) if json => {
            Output::stdout().line(&report::api_error(&error).to_string()).await?;
            Ok(Failure::Remote(RemoteError::Api(error)).exit_code())
        }
        result => result,
    }
}

async fn execute(server: &Server, arguments: RunArguments) -> Result<ExitCode, Failure> {
    let from_stdin = arguments.file.as_deref() == Some(Path::new("-"));
    if from_stdin && arguments.language.is_none() {
        return Err(Failure::Usage("--language is required when reading the program from stdin".into()));
    }
    if !arguments.json && arguments.out.is_none() && (arguments.artifacts || !arguments.outputs.is_empty()) {
        return Err(Failure::Usage("--output and --artifacts require --out or --json".into()));
    }
    let environment = options::variables(&arguments.environment)?;
    let files = match &arguments.file {
        Some(file) => program::files(file, &arguments.more_files).await?,
        None => Vec::new(),
    };
    let mut input = Input::open(arguments.stdin.as_deref(), from_stdin).await?;

    let mut connection = server.connect().await?;
    let language = match (arguments.language, &arguments.file) {
        (Some(language), _) => language,
        (None, Some(file)) => program::language_of(&mut connection, file).await?,
        // A kept program has its language.
        (None, None) => String::new(),
    };
    let output_files = OutputFiles::new(arguments.out.as_deref(), &files)?;
    let outputs = match &arguments.out {
        Some(_) if arguments.outputs.is_empty() && !arguments.artifacts => vec![ALL_FILES.to_owned()],
        _ => arguments.outputs,
    };
    let options = options::settings(&mut connection, &language, &arguments.options).await?;
    let judge = arguments.judge.judge(&mut connection).await?;
    let terminal = arguments.tty.then(raw_mode::terminal_size);
    let request = ExecuteRequest {
        language,
        version: arguments.language_version,
        packages: arguments.packages,
        files,
        runs: vec![RunRequest {
            stdin: arguments.judge.stdin(&mut input).await?,
            args: arguments.args,
            terminal,
            merge_output: arguments.merge_output,
            environment,
            expected: arguments.judge.expected().await?,
        }],
        options,
        limits: limits::request(&arguments.limits),
        compile_limits: limits::request(&arguments.compile_limits),
        outputs,
        artifacts: arguments.artifacts,
        judge,
        keep: arguments.keep.map(|Quantity(time)| time),
        build: arguments.build,
        ..ExecuteRequest::default()
    };
    let (requests, events) = connection.execute(request).await?;

    let summary = match (arguments.json, arguments.usage) {
        (true, _) => Summary::Json,
        (false, true) => Summary::Usage,
        (false, false) => Summary::Message,
    };
    let control = RunControl::default();
    let raw_mode = RawMode::default();
    let raw_mode = terminal.is_some().then_some(&raw_mode);
    // Returning closes the connection, which cancels the execution: it never outlives this process.
    tokio::select! {
        result = show_events(events, &control, raw_mode, summary, output_files) => result,
        () = forward_input(requests, input, &control, terminal) => Err(Failure::Interrupted),
        () = handle_interrupts(&control) => Err(Failure::Interrupted),
        () = termination(), if raw_mode.is_some() => Err(Failure::Interrupted),
    }
}

/// Prints events up to the last one.
async fn show_events(
    mut events: Events,
    control: &RunControl,
    raw_mode: Option<&RawMode>,
    summary: Summary,
    mut files: OutputFiles,
) -> Result<ExitCode, Failure> {
    let json = summary == Summary::Json;
    let (mut stdout, mut stderr) = (Output::stdout(), Output::stderr());
    let mut report = json.then(Report::default);
    let shows_queue = !json && std::io::stderr().is_terminal();
    loop {
        let event = events.next().await.ok_or(ClientError::Closed)??;
        match event {
            Event::Queued { position } if shows_queue => {
                let line = stderr.faint(&format!("queued, {position} ahead"));
                stderr.line(&line).await?;
            }
            Event::Queued { .. } | Event::WaitingForInput(_) => {}
            Event::Started { limits, compile_limits, .. } => {
                if let Some(report) = &mut report {
                    report.set_limits(*limits, compile_limits.map(|limits| *limits));
                }
            }
            Event::StageStarted(name) => {
                if matches!(name, StageName::Run(_)) {
                    raw_mode.inspect(|raw_mode| raw_mode.enable());
                    control.is_running.set(true);
                    control.run_started.notify_one();
                }
            }
            Event::Output { stream, bytes, stage } => match (&mut report, stage, stream) {
                (Some(report), _, _) => report.push_output(stage, stream, &bytes),
                // The compiler's messages are not output of the program, whichever stream they are on.
                (None, StageName::Compile, _) => stderr.write(&bytes).await?,
                (None, StageName::Run(_), StreamName::Stdout) => stdout.write(&bytes).await?,
                (None, StageName::Run(_), StreamName::Stderr) => stderr.write(&bytes).await?,
            },
            Event::OutputFile { stage, name, size } => files.start(stage, name, size)?,
            Event::OutputFileChunk { bytes, .. } => files.push(&bytes),
            Event::OutputFilesEnd { stage, omitted } => files.end(stage, omitted)?,
            Event::StageFinished(_) => {
                raw_mode.inspect(|raw_mode| raw_mode.disable());
                control.is_running.set(false);
            }
            Event::BuildKept(build) => match &mut report {
                Some(report) => report.set_build(build),
                None => stderr.line(&format!("build: {build}")).await?,
            },
            Event::Finished(outcome) => {
                match report {
                    Some(report) => stdout.line(&report.finish(&outcome, &files).to_string()).await?,
                    None => print_messages(&outcome, summary, files.messages(), &mut stderr).await?,
                }
                return Ok(ExitCode::from(exit_status::of_outcome(&outcome)));
            }
            Event::Rejected(rejection) if json => {
                stdout.line(&report::error(&rejection.to_string(), None).to_string()).await?;
                return Ok(Failure::Rejected(rejection).exit_code());
            }
            Event::Failed { id, message } if json => {
                stdout.line(&report::error(&message, Some(id)).to_string()).await?;
                return Ok(Failure::Failed { id, message }.exit_code());
            }
            other => return Err(Failure::from_unexpected(other)),
        }
    }
}

async fn print_messages(
    outcome: &Outcome,
    summary: Summary,
    about_files: &[String],
    stderr: &mut Output,
) -> Result<(), Failure> {
    let verdict = outcome.runs.iter().filter_map(|run| run.judgement.as_deref()).flat_map(judgement::lines);
    let stages = outcome.compile.iter().chain(&outcome.runs);
    let hints = stages.filter_map(|report| report.hint.as_ref()).map(|hint| format!("hint: {hint}"));
    let message = messages::of_outcome(outcome).into_iter().chain(hints).chain(verdict);
    for message in message.chain(about_files.iter().cloned()) {
        let line = format!("{} {message}", stderr.red("executor:"));
        stderr.line(&line).await?;
    }
    if summary == Summary::Usage {
        for line in messages::of_usage(outcome) {
            let line = stderr.faint(&line);
            stderr.line(&line).await?;
        }
    }
    Ok(())
}

/// Handles Ctrl+C. The first one interrupts the program, as if it ran in this shell. The second one cancels the
/// execution, and its result is still shown. The third one does not wait for the result, and this function returns.
/// While no program runs, the first one cancels.
async fn handle_interrupts(control: &RunControl) {
    let mut count = 0;
    while count < 3 {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler, SIGINT ends this process.
            std::future::pending::<()>().await;
        }
        count = if control.is_running.get() { count + 1 } else { (count + 1).max(2) };
        match count {
            1 => control.interrupt.notify_one(),
            2 => control.cancel.notify_one(),
            _ => {}
        }
    }
}

/// Waits for SIGTERM or SIGHUP, so that the terminal is restored before this process ends.
async fn termination() {
    let (Ok(mut terminate), Ok(mut hang_up)) =
        (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}
