//! `--socket`, `--url` and `--key`: which server runs the programs.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::failure::Failure;
use crate::remote::{Authorities, RemoteServer, ServerKey, ServerUrl};
use crate::server::Server;

/// Which server runs the programs.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Socket of executord
    #[arg(long, global = true, env = "EXECUTOR_SOCKET", default_value = protocol::DEFAULT_SOCKET, hide_env_values = true)]
    pub(crate) socket: PathBuf,
    /// URL of a remote server, such as https://executor.example.org, in place of executord on this host
    #[arg(long, global = true, env = "EXECUTOR_URL", value_name = "URL", hide_env_values = true)]
    url: Option<ServerUrl>,
    /// API key for --url. Other users of this host can see it in the list of processes: prefer --key-from or the
    /// environment variable
    #[arg(long, global = true, env = "EXECUTOR_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<ServerKey>,
    /// File with the API key for --url, in place of --key
    #[arg(long, global = true, value_name = "FILE")]
    key_from: Option<PathBuf>,
    /// Certificate authorities for --url in PEM [default: those of this host]
    #[arg(long, global = true, env = "SSL_CERT_FILE", value_name = "FILE", hide_env_values = true)]
    cacert: Option<PathBuf>,
}

impl ServerArguments {
    /// Returns the server to use. The command line takes precedence over the environment.
    pub(crate) fn server(&self, matches: &ArgMatches) -> Result<Server, Failure> {
        let prefers_socket = is_on_command_line(matches, "socket") && !is_on_command_line(matches, "url");
        let Some(url) = self.url.clone().filter(|_| !prefers_socket) else {
            return Ok(Server::Local(self.socket.clone()));
        };
        let key = match &self.key_from {
            Some(path) => {
                let invalid = |error| Failure::Usage(format!("--key-from {error}"));
                Some(ServerKey::read(path).map_err(invalid)?)
            }
            None => self.key.clone(),
        };
        Ok(Server::Remote(RemoteServer::new(url, key, Authorities::new(self.cacert.clone()))))
    }

    /// Refuses a remote server for a command about this host. One in the environment is ignored.
    pub(crate) fn require_local(&self, matches: &ArgMatches) -> Result<(), Failure> {
        if is_on_command_line(matches, "url") {
            let message = "this command is about executord on this host and does not work with --url";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(())
    }
}

fn is_on_command_line(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}
