//! Injects faults into real daemons under load and verifies that they recover.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use e2e::faults::random::SeededRandom;
use e2e::faults::{cases, kills};

/// Set in the process that has its own mount namespace.
const PRIVATE: &str = "EXECUTOR_FAULTS_PRIVATE";

/// Inject faults into real daemons under load. Exits with 1 if a promise of docs/reliability.md is broken. Needs root
#[derive(Parser)]
#[command(name = "faults")]
struct Arguments {
    /// Number of kills
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Run only the case of this name
    #[arg(long)]
    case: Option<String>,
    /// Seed of random choices; default: the current time
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if std::env::var_os(PRIVATE).is_none() {
        return in_private();
    }
    let seed = arguments.seed.unwrap_or_else(now);
    print_line(&format!("seed {seed}"));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit_with_error(&error.to_string()),
    };
    match runtime.block_on(run(&arguments, &mut SeededRandom::new(seed))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => exit_with_error(&error.to_string()),
    }
}

async fn run(arguments: &Arguments, random: &mut SeededRandom) -> std::io::Result<bool> {
    let mut fine = true;
    for name in cases::NAMES {
        if arguments.case.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        match cases::run(name, random).await {
            Ok(message) if message.starts_with("NOT RUN") => print_line(&format!("{name:26} {message}")),
            Ok(message) => print_line(&format!("{name:26} as promised: {message}")),
            Err(message) => {
                fine = false;
                print_line(&format!("{name:26} WRONG: {message}"));
            }
        }
    }
    if arguments.case.is_some() {
        return Ok(fine);
    }
    Ok(fine & run_kills(arguments, random).await?)
}

async fn run_kills(arguments: &Arguments, random: &mut SeededRandom) -> std::io::Result<bool> {
    let tallies = kills::run(arguments.rounds, random, print_line).await?;
    let mut fine = true;
    print_line(&format!(
        "{:22} rounds  answers killed  cut  errors                      wrong",
        "kill -9 of"
    ));
    for (victim, tally) in &tallies {
        fine &= tally.wrong.is_empty();
        let (mut counts, mut errors) = ([0; 3], Vec::new());
        for (got, count) in &tally.got {
            match got {
                kills::Got::Answer => counts[0] += count,
                kills::Got::Killed => counts[1] += count,
                kills::Got::Cut => counts[2] += count,
                kills::Got::Error(code) => errors.push(format!("{count} {code}")),
            }
        }
        let [answers, killed, cut] = counts;
        print_line(&format!(
            "{victim:22} {:6} {answers:8} {killed:6} {cut:4}  {:26} {:5}",
            tally.rounds,
            errors.join(", "),
            tally.wrong.len()
        ));
    }
    Ok(fine)
}

/// Runs this program again in its own mount namespace, where it may mount full file systems over `/tmp`.
fn in_private() -> ExitCode {
    let me = match std::env::current_exe() {
        Ok(me) => me,
        Err(error) => return exit_with_error(&error.to_string()),
    };
    let error = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(me)
        .args(std::env::args_os().skip(1))
        .env(PRIVATE, "1")
        .env("TMPDIR", "/var/tmp")
        .exec();
    exit_with_error(&format!("unshare: {error}"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn print_line(line: &str) {
    // A closed stdout needs no error message.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn exit_with_error(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}
