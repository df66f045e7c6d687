//! `executord`, the root daemon of Executor.
//!
//! An execution passes `server` (the socket), `admission`, `queue`, `pool` (a sandbox, warm or cold) and `execution`
//! (its stages, up to cleanup). Root decides without acting: `admission`, `plan`, `verdict` and `pool::policy` are
//! pure. It acts without deciding: the `sandbox` crate carries out a plan.

#![forbid(unsafe_code)]

mod admission;
mod audit;
mod cgroup_remover;
mod config;
mod config_check;
mod daemon;
mod execution;
mod failure;
mod identity;
mod janitor;
mod languages;
mod metrics;
mod plan;
mod pool;
mod privileges;
mod queue;
mod server;
mod streams;
mod unpack;
mod uploads;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};
use crate::config_check::Findings;

/// Runs untrusted programs, each in a sandbox and as a user of its own.
#[derive(Debug, Parser)]
#[command(name = "executord", version)]
struct Arguments {
    /// Configuration file; the default file, /etc/executor/executord.toml, may be absent
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration, the language files, and their requirements on this host, and exit
    #[arg(long)]
    check_config: bool,
    /// Only for executord itself, see `cgroup_remover`
    #[arg(long, value_name = "CGROUP", num_args = 1.., hide = true)]
    remove_cgroups: Vec<PathBuf>,
}

/// Runs the daemon, or checks the configuration. In a sandbox, unpacks the archive of a request.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(arguments) = unpack::requested(std::env::args_os()) {
        return unpack::run(arguments);
    }
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn run(Arguments { config: path, check_config, remove_cgroups }: Arguments) -> Result<(), String> {
    if !remove_cgroups.is_empty() {
        start_log(LogFormat::Text);
        return cgroup_remover::run(&remove_cgroups);
    }
    let config = Config::load(path.as_deref()).map_err(|error| error.to_string())?;
    start_log(config.log_format);
    if check_config {
        let languages = languages::load::registry(&config).map_err(|error| error.to_string())?;
        return report(&[config_check::check(&config), config_check::check_languages(&config, &languages)]);
    }
    daemon::run::run(path, config).map_err(|error| error.to_string())
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("EXECUTOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Reports what was found in the configuration, or that there is nothing.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the result of --check-config")]
fn report(findings: &[Findings]) -> Result<(), String> {
    for warning in findings.iter().flat_map(|findings| &findings.warnings) {
        eprintln!("executord: warning: {warning}");
    }
    let problems: Vec<_> = findings.iter().flat_map(|findings| findings.problems.clone()).collect();
    if problems.is_empty() {
        println!("ok");
        return Ok(());
    }
    Err(problems.join("\nexecutord: "))
}

#[expect(clippy::print_stderr, reason = "the user who started the daemon must see why it does not run")]
fn fail(message: &str) -> ExitCode {
    eprintln!("executord: {message}");
    ExitCode::FAILURE
}
