//! `executor run`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use futures_util::{Stream, StreamExt};
use protocol::codec::CodecError;
use protocol::{
    Client, ClientError, Event, ExecuteRequest, Outcome, RunRequest, StageName, Status, StreamName,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::RunArguments;
use crate::failure::Failure;
use crate::input::{Input, Signals, speak};
use crate::report::Written;
use crate::terminal::{Lent, Out};
use crate::{limits, program, report, terminal, words};

pub(crate) async fn run(socket: &Path, arguments: RunArguments) -> Result<ExitCode, Failure> {
    let from_stdin = arguments.file == Path::new("-");
    if from_stdin && arguments.language.is_none() {
        return Err(Failure::Usage("say in which language the program on stdin is, with --language".into()));
    }
    let files = program::files(&arguments.file, &arguments.more).await?;
    let input = Input::open(arguments.stdin.as_deref(), from_stdin).await?;

    let mut client = Client::connect(socket).await?;
    let language = match arguments.language {
        Some(language) => language,
        None => program::language_of(&mut client, &arguments.file).await?,
    };
    let terminal = arguments.tty.then(terminal::size);
    let request = ExecuteRequest {
        language,
        files,
        runs: vec![RunRequest { stdin: input.announce(), args: arguments.args, terminal }],
        limits: limits::request(&arguments.limits),
        client: None,
    };
    client.execute(request).await.map_err(too_long)?;

    let (to, events) = client.split();
    let signals = Signals::default();
    let lent = Lent::default();
    let screen = terminal.is_some().then_some(&lent);
    // Leaving this function hangs up, and hanging up cancels: nothing goes on behind the user's back.
    tokio::select! {
        result = listen(events, &signals, screen, arguments.json) => result,
        () = speak(to, input, &signals, terminal) => Err(Failure::Interrupted),
        () = interrupts(&signals) => Err(Failure::Interrupted),
        () = told_to_end(), if screen.is_some() => Err(Failure::Interrupted),
    }
}

/// Show what happens, up to the end.
async fn listen(
    mut events: impl Stream<Item = Result<Event, CodecError>> + Unpin,
    signals: &Signals,
    screen: Option<&Lent>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let (mut stdout, mut stderr) = (Out::stdout(), Out::stderr());
    let (mut compiled, mut ran) = (Written::default(), Written::default());
    let mut stage = StageName::Compile;
    let mut limits = None;
    let for_a_person = !json && std::io::stderr().is_terminal();
    loop {
        let event = events.next().await.ok_or(ClientError::Closed)?.map_err(ClientError::from)?;
        match event {
            Event::Queued { position } if for_a_person => {
                let line = stderr.faint(&format!("waiting, {position} before this one"));
                stderr.line(&line).await?;
            }
            Event::Started { limits: granted, .. } => limits = Some(granted),
            Event::StageStarted(name) => {
                stage = name;
                if matches!(name, StageName::Run(_)) {
                    screen.inspect(|screen| screen.lend());
                    signals.is_running.set(true);
                    signals.running.notify_one();
                }
            }
            Event::Output { stream, bytes } if json => match stage {
                StageName::Compile => compiled.push(stream, &bytes),
                StageName::Run(_) => ran.push(stream, &bytes),
            },
            // What a compiler says is not the program's output, whichever stream it takes.
            Event::Output { bytes, .. } if stage == StageName::Compile => stderr.write(&bytes).await?,
            Event::Output { stream: StreamName::Stdout, bytes } => stdout.write(&bytes).await?,
            Event::Output { stream: StreamName::Stderr, bytes } => stderr.write(&bytes).await?,
            Event::Finished(outcome) if json => {
                stdout
                    .line(&report::finished(&outcome, limits.as_deref(), &compiled, &ran).to_string())
                    .await?;
                return Ok(exit_code(&outcome));
            }
            Event::Finished(outcome) => {
                if let Some(complaint) = complaint(&outcome) {
                    let line = format!("{} {complaint}", stderr.bad("executor:"));
                    stderr.line(&line).await?;
                }
                return Ok(exit_code(&outcome));
            }
            Event::Rejected(rejection) if json => {
                stdout.line(&report::error(&rejection.to_string(), None).to_string()).await?;
                return Ok(Failure::Rejected(rejection).exit_code());
            }
            Event::Failed { id, message } if json => {
                stdout.line(&report::error(&message, id).to_string()).await?;
                return Ok(Failure::Failed { id, message }.exit_code());
            }
            Event::StageFinished(_) => {
                screen.inspect(|screen| screen.take_back());
                signals.is_running.set(false);
            }
            Event::Queued { .. } => {}
            other => return Err(Failure::from_unexpected(other)),
        }
    }
}

fn exit_code(outcome: &Outcome) -> ExitCode {
    let status = match (&outcome.compile, outcome.runs.last()) {
        (_, Some(run)) => words::exit_status_of_run(&run.status),
        (Some(compile), None) if !compile.status.is_success() => words::exit_status_of_compile(compile),
        _ => words::exit_status_of_run(&Status::Cancelled),
    };
    ExitCode::from(status)
}

fn complaint(outcome: &Outcome) -> Option<String> {
    match (&outcome.compile, outcome.runs.last()) {
        (_, Some(run)) => words::complaint(&run.status),
        (Some(compile), None) => match &compile.status {
            Status::Exited(0) => words::complaint(&Status::Cancelled),
            Status::Exited(_) => Some("compiling failed".into()),
            status => words::complaint(status).map(|words| format!("compiling: {words}")),
        },
        (None, None) => words::complaint(&Status::Cancelled),
    }
}

/// Ctrl+C is for the program first, as if it ran here. The next asks the daemon for an end, so that its answer is still
/// shown; the one after that does not wait for it. A program that does not run yet is spared the first.
async fn interrupts(signals: &Signals) {
    let mut pressed = 0;
    while pressed < 3 {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler the kernel's own way of ending us is in place.
            std::future::pending::<()>().await;
        }
        pressed = if signals.is_running.get() { pressed + 1 } else { (pressed + 1).max(2) };
        match pressed {
            1 => signals.interrupt.notify_one(),
            2 => signals.cancel.notify_one(),
            _ => {}
        }
    }
}

/// A terminal that is lent must not stay so when we are ended.
async fn told_to_end() {
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

fn too_long(error: ClientError) -> Failure {
    match error {
        ClientError::Codec(error @ CodecError::TooLong(_)) => {
            Failure::Usage(format!("sources and arguments are too long together: {error}"))
        }
        error => error.into(),
    }
}
