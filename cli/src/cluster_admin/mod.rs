//! `executor cluster`: sets up NATS JetStream for submissions of many servers, and shows their state.

mod keys;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use cluster::administration;
use cluster::connection::Settings;
use cluster::subjects::Name;

use crate::failure::Failure;
use crate::output::Output;

/// Name of this process at the servers.
const CLIENT_NAME: &str = "executor";

/// Arguments of `executor cluster`.
#[derive(Debug, Args)]
pub(crate) struct ClusterArguments {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Create the keys of all processes that connect to NATS, and the part of the servers' configuration that names them;
    /// keys that exist are kept
    Keys {
        /// Name of a webd; can be repeated
        #[arg(long = "front", value_name = "NAME", default_value = "front")]
        fronts: Vec<Name>,
        /// Name of a node; can be repeated
        #[arg(long = "node", value_name = "NAME", required = true)]
        nodes: Vec<Name>,
        /// Name of the pool of the nodes
        #[arg(long, value_name = "NAME", default_value = "main")]
        pool: Name,
        /// Directory to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Create the streams and consumers of a pool, or change them after an upgrade
    Init {
        #[command(flatten)]
        connection: ConnectionArguments,
        /// Copies of each message: 3 on three or more servers
        #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
        replicas: u8,
    },
    /// Show the nodes and the waiting submissions
    Status {
        #[command(flatten)]
        connection: ConnectionArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// How to reach the servers.
#[derive(Debug, Args)]
struct ConnectionArguments {
    /// URL of a server, such as tls://nats-1:4222; can be repeated
    #[arg(long = "server", value_name = "URL", required = true)]
    servers: Vec<String>,
    /// File with the key of the administrator [default: none, for servers without authentication]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// File with the certificates that sign those of the servers [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Name of the pool
    #[arg(long, value_name = "NAME", default_value = "main")]
    pool: Name,
}

/// Runs the command.
pub(crate) async fn cluster(arguments: ClusterArguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        ClusterCommand::Keys { fronts, nodes, pool, out } => {
            keys::write(&fronts, &nodes, &pool, &out).await?
        }
        ClusterCommand::Init { connection, replicas } => {
            let (settings, pool) = connection.resolve()?;
            administration::create(&settings, &pool, replicas).await.map_err(Failure::Local)?;
            let text = format!("streams and consumers of the pool {pool} are ready\n");
            Output::stdout().write(text.as_bytes()).await?;
        }
        ClusterCommand::Status { connection, json } => {
            let (settings, pool) = connection.resolve()?;
            let overview = administration::overview(&settings, &pool).await.map_err(Failure::Local)?;
            report::print(&overview, json).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl ConnectionArguments {
    fn resolve(self) -> Result<(Settings, Name), Failure> {
        let Self { servers, key_file, ca_file, pool } = self;
        let settings = Settings { servers, key_file, ca_file, name: Name::of_host(CLIENT_NAME) };
        settings.check().map_err(Failure::Usage)?;
        Ok((settings, pool))
    }
}
