//! Runs friendly and hostile programs against real daemons, and times friendly ones next to each hostile one.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use e2e::faults::programs::Got;
use e2e::faults::random::SeededRandom;
use e2e::soak::{self, SoakResult, neighbours};

/// Timed executions of each program per neighbour: one per this many seconds, within these bounds.
const SECONDS_A_SAMPLE: u64 = 10;
const SAMPLES: (u64, u64) = (5, 25);

/// Run friendly and hostile programs together at several times the capacity. Exits with 1 if a promise of
/// docs/reliability.md is broken. Needs root
#[derive(Parser)]
#[command(name = "soak")]
struct Arguments {
    /// How long to send programs; timing them next to each other takes additional time
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u64).range(10..))]
    seconds: u64,
    /// Seed of random choices; default: the current time
    #[arg(long)]
    seed: Option<u64>,
    /// Also exit with 1 if a hostile program slows a friendly one down too much. A short soak test has too few samples
    /// for this, and other load on a test machine falsifies them
    #[arg(long)]
    judge_times: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(now);
    print_line(&format!("seed {seed}"));
    // Several threads: reading a neighbour's flood must not delay the client that is timed.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
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
    let seconds = arguments.seconds;
    let (daemons, before) = soak::start().await?;
    let result = soak::soak(&daemons, &before, Duration::from_secs(seconds), random).await?;
    print_soak(&result);
    let samples = (seconds / SECONDS_A_SAMPLE).clamp(SAMPLES.0, SAMPLES.1);
    let samples = usize::try_from(samples).map_err(std::io::Error::other)?;
    let all = neighbours::measure(&daemons, samples, random).await.map_err(std::io::Error::other)?;
    let are_within = print_neighbours(&all);
    Ok(result.wrong.is_empty() && (are_within || !arguments.judge_times))
}

fn print_soak(result: &SoakResult) {
    let mut programs: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for ((name, got), count) in &result.got {
        let (answered, busy) = programs.entry(name).or_default();
        *(if *got == Got::Answer { answered } else { busy }) += count;
    }
    print_line("program             answered  busy (429)");
    for (name, (answered, busy)) in &programs {
        print_line(&format!("{name:18} {answered:9} {busy:11}"));
    }
    let (answered, busy) = programs.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    print_line(&format!("{:18} {answered:9} {busy:11}", "all"));
    print_line("");
    print_line("median over the             first quarter  last quarter  allowed growth");
    for quantity in &result.growth {
        let soak::growth::Quantity { name, first, last, allowed_growth } = quantity;
        print_line(&format!("{name:27} {first:13} {last:13} {allowed_growth:15}"));
    }
    print_line("");
    for message in result.wrong.iter().collect::<BTreeSet<_>>() {
        print_line(&format!("WRONG: {message}"));
    }
}

/// Prints a table. Returns whether all ratios are within the limit.
fn print_neighbours(all: &[neighbours::NeighbourTimes]) -> bool {
    let heads = neighbours::TIMED.map(|name| format!("{name:>10} p50     p95  ratio"));
    print_line(&format!("next to         {}", heads.concat()));
    let mut is_within = true;
    for next_to in all {
        let columns = next_to.times.iter().zip(&next_to.ratios).map(|((median, p95), ratio)| {
            format!("{:>11} ms {:>4} ms {ratio:>6.2}", median.as_millis(), p95.as_millis())
        });
        print_line(&format!("{:16}{}", next_to.neighbour, columns.collect::<String>()));
        if next_to.ratios.iter().any(|ratio| *ratio > neighbours::MAX_RATIO) {
            is_within = false;
            print_line(&format!(
                "FAR: more than {} times slower next to {}",
                neighbours::MAX_RATIO,
                next_to.neighbour
            ));
        }
    }
    is_within
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
