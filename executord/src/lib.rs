//! The root daemon: admit → identity → plan → sandbox → stream → verdict → clean up.
//!
//! `execution/mod.rs` is one execution on one screen. Root decides without acting (`admission`, `plan`, `verdict`
//! are pure) and acts without deciding (the `sandbox` crate carries a plan out).

#![forbid(unsafe_code)]

mod admission;
mod audit;
mod config;
mod daemon;
mod execution;
mod failure;
mod identity;
mod janitor;
mod languages;
mod metrics;
mod pool;
mod privileges;
mod queue;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Runs strangers' programs, each as a user of its own in a sandbox of its own.
#[derive(Debug, Parser)]
#[command(name = "executord", version)]
struct Arguments {
    /// The configuration file; where there is none at the default place, the defaults hold.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say whether the configuration is in order, and do nothing else.
    #[arg(long)]
    check_config: bool,
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("EXECUTOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return complain(&error.to_string()),
    };
    if arguments.check_config {
        return complain_or(
            languages::load::registry(&config).map(|_| ()).map_err(|error| error.to_string()),
        );
    }
    complain_or(daemon::run::run(arguments.config, config).map_err(|error| error.to_string()))
}

fn complain_or(result: Result<(), String>) -> ExitCode {
    result.map_or_else(|error| complain(&error), |()| ExitCode::SUCCESS)
}

#[expect(clippy::print_stderr, reason = "said before there is a log, to whoever started the daemon")]
fn complain(words: &str) -> ExitCode {
    eprintln!("executord: {words}");
    ExitCode::FAILURE
}
