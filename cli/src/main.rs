//! `executor`: run programs through executord from a shell, and ask how it is.

#![forbid(unsafe_code)]

mod arguments;
mod check;
mod failure;
mod input;
mod languages;
mod limits;
mod program;
mod report;
mod run;
mod status;
mod terminal;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Local(format!("start: {error}")).tell(),
    };
    let result = runtime.block_on(carry_out(arguments));
    // A read of our stdin may be under way and can not be called back: do not wait for it.
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| failure.tell())
}

async fn carry_out(arguments: Arguments) -> Result<ExitCode, Failure> {
    let socket = arguments.socket;
    match arguments.command {
        Command::Run(run) => run::run(&socket, run).await,
        Command::Languages { json } => languages::languages(&socket, json).await,
        Command::Status { json } => status::status(&socket, json).await,
        Command::Check { json } => check::check(&socket, json).await,
        Command::Completions { shell } => completions(shell).await,
    }
}

async fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "executor", &mut script);
    terminal::Out::stdout().write(&script).await?;
    Ok(ExitCode::SUCCESS)
}
