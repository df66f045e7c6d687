//! `executor`: runs programs through executord or a remote server from a shell, and shows the status of executord.

#![forbid(unsafe_code)]

mod agents;
mod arguments;
mod check;
mod check_time;
#[cfg(feature = "cluster")]
mod cluster_admin;
mod exit_status;
mod failure;
mod input;
mod install;
mod judge;
mod judgement;
mod key;
mod language_details;
mod languages;
mod limits;
mod messages;
mod options;
mod output;
mod output_files;
mod packages;
mod program;
mod raw_mode;
mod remote;
mod report;
mod run;
mod server;
mod server_arguments;
mod status;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use protocol::{Client, Request};

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Local(format!("start the async runtime: {error}")).report(),
    };
    let result = runtime.block_on(execute(arguments, &matches));
    // A read from stdin may still be blocked and cannot be cancelled: do not wait for it.
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| failure.report())
}

async fn execute(arguments: Arguments, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let Arguments { server, command } = arguments;
    if command.is_local() {
        server.require_local(matches)?;
    }
    let socket = server.socket.clone();
    match command {
        Command::Run(run) => run::run(&server.server(matches)?, *run).await,
        Command::Languages { name, json } => {
            languages::languages(&server.server(matches)?, name.as_deref(), json).await
        }
        Command::Status { json } => status::status(&socket, json).await,
        Command::Check { json, time } => {
            let mut client = Client::connect(&socket).await?;
            let result = check::check(&mut client, Request::Check, json).await?;
            if time {
                check_time::check_time(&mut client).await?;
            }
            Ok(result)
        }
        Command::Install(arguments) => install::install(&socket, arguments).await,
        Command::Packages(arguments) => packages::packages(&socket, arguments).await,
        Command::Key(arguments) => key::key(&socket, arguments).await,
        Command::Mcp => agents::mcp(server.server(matches)?).await,
        #[cfg(feature = "cluster")]
        Command::Cluster(arguments) => cluster_admin::cluster(arguments).await,
        Command::Completions { shell } => completions(shell).await,
    }
}

async fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "executor", &mut script);
    Output::stdout().write(&script).await?;
    Ok(ExitCode::SUCCESS)
}
