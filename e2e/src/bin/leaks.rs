//! Executes many requests of every kind, whose clients disconnect at random moments, and verifies that nothing is left.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use e2e::faults::random::SeededRandom;
use e2e::leaks::{self, Leaks};

/// Execute requests with output files, judges, kept builds and parallel runs, and disconnect at random moments. Exits with 1
/// if anything is left. Needs root
#[derive(Parser)]
#[command(name = "leaks")]
struct Arguments {
    /// Number of requests
    #[arg(long, default_value_t = 1000)]
    requests: usize,
    /// Seed of random choices; default: the current time
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(now);
    print_line(&format!("seed {seed}"));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit_with_error(&error.to_string()),
    };
    match runtime.block_on(leaks::run(arguments.requests, &mut SeededRandom::new(seed))) {
        Ok(leaks) => {
            print_result(&leaks);
            if leaks.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => exit_with_error(&error.to_string()),
    }
}

fn print_result(leaks: &Leaks) {
    print_line(&format!("{:34} answered  disconnected", "feature"));
    for (name, answered) in &leaks.answered {
        let disconnected = leaks.disconnected.get(name).copied().unwrap_or_default();
        print_line(&format!("{name:34} {answered:8} {disconnected:13}"));
    }
    for message in &leaks.wrong {
        print_line(&format!("WRONG: {message}"));
    }
    if leaks.wrong.is_empty() {
        print_line("nothing is left");
    }
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
