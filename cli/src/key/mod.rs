//! `executor key`: creates, lists, rotates and revokes the API keys of webd.

mod change;
mod file;
mod report;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use keys::{DEFAULT_KEY_FILE, DEFAULT_STATE_DIRECTORY, KeyLimits, KeyName, Rate, Timestamp};
use protocol::quantity::Quantity;

use crate::failure::Failure;
use crate::server::Server;

/// Arguments of `executor key`.
#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// File with the hashes and limits of all keys
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_KEY_FILE)]
    key_file: PathBuf,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create a key and print it once; `anonymous` is the key of requests without a key
    Add {
        /// Name of the key, for logs and metrics
        name: KeyName,
        #[command(flatten)]
        limits: LimitArguments,
        /// Date from which the key is not accepted, such as 2027-01-31 or 2027-01-31T08:00:00Z, in UTC
        #[arg(long, value_name = "DATE")]
        expires: Option<Timestamp>,
    },
    /// List the keys and their limits
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a key; `anonymous` to accept no requests without a key
    Revoke {
        /// Name of the key
        name: KeyName,
    },
    /// Replace a key by a new one with the same name and limits, and print it once
    Rotate {
        /// Name of the key
        name: KeyName,
        /// Time for which the old key is still accepted, such as 24h
        #[arg(long, value_name = "TIME")]
        keep_old: Option<Quantity<Duration>>,
    },
    /// Create the secret that signs the callbacks of a key's submissions, in place of an earlier one, and print it
    CallbackSecret {
        /// Name of the key
        name: KeyName,
        /// Time for which callbacks are signed with the old secret too, such as 24h
        #[arg(long, value_name = "TIME")]
        keep_old: Option<Quantity<Duration>>,
        /// Remove the secret: the key's submissions can no longer have callbacks
        #[arg(long, conflicts_with = "keep_old")]
        remove: bool,
    },
    /// Show today's usage of the keys, in UTC
    Usage {
        /// Name of the key [default: all]
        name: Option<KeyName>,
        /// Directory in which webd keeps the usage
        #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE_DIRECTORY)]
        state: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Limits of a key. A limit that is not given does not limit.
#[derive(Debug, Args)]
struct LimitArguments {
    /// Executions for each s, min, h or day, such as 60/min; of `anonymous`, for each address
    #[arg(long, value_name = "NUMBER/PERIOD")]
    rate: Option<Rate>,
    /// Concurrent executions, including queued ones; of `anonymous`, for each address
    #[arg(long, value_name = "NUMBER")]
    concurrent: Option<NonZeroU32>,
    /// CPU time of all executions of a day in UTC, such as 1h
    #[arg(long, value_name = "TIME")]
    cpu_per_day: Option<Quantity<Duration>>,
    /// Languages that the key allows, separated by commas [default: all]
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<String>,
}

/// Runs the command.
pub(crate) async fn key(socket: &Path, arguments: KeyArguments) -> Result<ExitCode, Failure> {
    let KeyArguments { key_file, command } = arguments;
    match command {
        KeyCommand::Add { name, limits, expires } => {
            let limits = limits.resolve(socket).await?;
            change::add(&key_file, name, limits, expires).await?;
        }
        KeyCommand::List { json } => report::list(&file::read(&key_file)?, json).await?,
        KeyCommand::Revoke { name } => change::revoke(&key_file, &name).await?,
        KeyCommand::Rotate { name, keep_old } => {
            change::rotate(&key_file, &name, keep_old.map(|Quantity(time)| time)).await?;
        }
        KeyCommand::CallbackSecret { name, remove: true, .. } => {
            change::remove_callback_secret(&key_file, &name).await?;
        }
        KeyCommand::CallbackSecret { name, keep_old, remove: false } => {
            change::rotate_callback_secret(&key_file, &name, keep_old.map(|Quantity(time)| time)).await?;
        }
        KeyCommand::Usage { name, state, json } => {
            let keys = file::read(&key_file)?;
            report::usage(&keys, &file::read_usage(&state)?, name, json).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl LimitArguments {
    /// Returns the limits, with the languages by their names. Without executord, names are taken as they are.
    async fn resolve(self, socket: &Path) -> Result<KeyLimits, Failure> {
        let Self { rate, concurrent, cpu_per_day, languages } = self;
        let languages = match languages.as_slice() {
            [] => None,
            names => Some(resolve_languages(socket, names).await?),
        };
        let cpu_per_day = cpu_per_day.map(|Quantity(time)| time);
        Ok(KeyLimits { rate, concurrent, cpu_per_day, languages })
    }
}

async fn resolve_languages(socket: &Path, names: &[String]) -> Result<Vec<String>, Failure> {
    let Ok(mut server) = Server::Local(socket.to_owned()).connect().await else {
        return Ok(names.iter().map(|name| name.to_lowercase()).collect());
    };
    let known = server.languages().await?;
    let resolve = |name: &String| {
        protocol::Language::find(&known, name).map(|language| language.name.clone()).ok_or_else(|| {
            Failure::Usage(format!(
                "unknown language {name:?}; `executor languages` lists the languages of this host"
            ))
        })
    };
    names.iter().map(resolve).collect()
}
