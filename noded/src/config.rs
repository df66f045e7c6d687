//! The configuration: `/etc/executor/noded.toml`, and the command line, which overrides it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster::connection::Settings;
use cluster::subjects::Name;
use protocol::quantity::Quantity;
use serde::{Deserialize, Deserializer};

/// Configuration file that is read if the command line names no other.
pub(crate) const DEFAULT_CONFIG: &str = "/etc/executor/noded.toml";
/// Maximum of `async_slots`: each submission may hold a result in memory while NATS is unavailable.
const MAX_ASYNC_SLOTS: u32 = 256;

/// The command line.
#[derive(Clone, Debug, clap::Parser)]
#[command(
    name = "noded",
    version,
    about = "Runs submissions of a cluster on this server; runs without privileges"
)]
pub(crate) struct Options {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// Check the configuration and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Socket of executord
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

/// The configuration file. [`Default`] has the value of each missing key.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of this node; empty for the name of the host. No other node may have it.
    pub name: String,
    /// Socket of executord.
    pub socket: PathBuf,
    /// Concurrent submissions; 0 for all slots of executord but one.
    pub async_slots: u32,
    /// Time for running submissions when noded is stopped. Those that do not end run again on another node.
    #[serde(deserialize_with = "duration")]
    pub drain: Duration,
    /// Format of the log.
    pub log_format: LogFormat,
    /// The servers.
    pub cluster: ClusterConfig,
}

/// The servers of NATS.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// URLs of the servers.
    pub servers: Vec<String>,
    /// File with the seed of this node's nkey; empty for servers without authentication.
    pub key_file: PathBuf,
    /// File with the certificates that sign those of the servers; empty for those of the system.
    pub ca_file: PathBuf,
    /// Name of the pool whose submissions this node runs.
    pub pool: Name,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// An object of JSON on each line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: String::new(),
            socket: protocol::DEFAULT_SOCKET.into(),
            async_slots: 0,
            drain: Duration::from_secs(30),
            log_format: LogFormat::Text,
            cluster: ClusterConfig::default(),
        }
    }
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            key_file: "/etc/executor/node.nk".into(),
            ca_file: PathBuf::new(),
            pool: Name::of_host("main"),
        }
    }
}

impl Options {
    /// Reads the configuration file, and overrides it with the command line.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid. The message names the file.
    pub(crate) fn configuration(&self) -> Result<Config, String> {
        let mut config = Config::read(&self.config)?;
        config.socket = self.socket.clone().unwrap_or(config.socket);
        Ok(config)
    }
}

impl Config {
    fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|message| format!("{}: {message}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if config.async_slots > MAX_ASYNC_SLOTS {
            return Err(format!("async_slots must be at most {MAX_ASYNC_SLOTS}"));
        }
        config.node_name()?;
        Ok(config)
    }

    /// Returns the name of this node.
    ///
    /// # Errors
    /// If the configured one is not valid.
    pub(crate) fn node_name(&self) -> Result<Name, String> {
        if self.name.is_empty() {
            let host = nix::unistd::gethostname().unwrap_or_default();
            return Ok(Name::of_host(&host.to_string_lossy()));
        }
        self.name.parse().map_err(|message| format!("name: {message}"))
    }

    /// Returns how to reach the servers.
    ///
    /// # Errors
    /// As [`Config::node_name`].
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        let file = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        Ok(Settings {
            servers: self.cluster.servers.clone(),
            key_file: file(&self.cluster.key_file),
            ca_file: file(&self.cluster.ca_file),
            name: self.node_name()?,
        })
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Quantity::deserialize(deserializer).map(|Quantity(duration)| duration)
}

#[cfg(test)]
mod tests {
    use protocol::configuration_sample::uncommented;

    use super::*;

    #[test]
    fn a_mistake_is_reported() {
        let error = |text: &str| Config::parse(text).unwrap_err();
        assert!(error("nmae = 'a'").contains("unknown field `nmae`"));
        assert!(error("name = 'A b'").contains("name: \"A b\" is not a name"));
        assert!(error("[cluster]\npool = 'a.b'").contains("line 2"));
        assert!(error("async_slots = 257").contains("async_slots must be at most 256"));
        assert!(error("drain = 30").contains("a quantity with its unit"));
        let config = Config::parse("name = 'node-1'\n[cluster]\nkey_file = ''").unwrap();
        let settings = config.settings().unwrap();
        assert_eq!((settings.name.as_str(), settings.key_file), ("node-1", None));
    }

    #[test]
    fn the_shipped_file_shows_every_key_with_its_default() {
        let shipped = uncommented(include_str!("../../systemd/etc/noded.toml"));
        let config = Config::parse(&shipped).unwrap();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        let keys: toml::Table = shipped.parse().unwrap();
        assert_eq!((keys.len(), keys["cluster"].as_table().unwrap().len()), (6, 4));
    }
}
