//! The configuration: `/etc/executor/webd.toml`, and the command line, which overrides it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::ByteCount;
use protocol::renamed_keys::ConfigKeys;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::domain::callbacks::url::CallbackHost;
use crate::domain::client_identity::Network;
use crate::ops::cluster_config::ClusterConfig;
use crate::ops::compat_config::{JobeConfig, Judge0Config, PistonConfig};
use crate::ops::node_name::{NodeName, optional_name};
use crate::ops::origin::Origin;
use crate::ops::positive::positive;
use crate::ops::timeouts::Timeouts;

/// Configuration file that is read if the command line names no other.
pub(crate) const DEFAULT_CONFIG: &str = "/etc/executor/webd.toml";

/// Keys of earlier versions, and what they are called now.
const RENAMED_KEYS: [(&str, &str); 9] = [
    ("max_body_bytes", "max_body"),
    ("max_memory_bytes", "max_memory"),
    ("timeouts.head_ms", "timeouts.head"),
    ("timeouts.body_ms", "timeouts.body"),
    ("timeouts.stall_ms", "timeouts.stall"),
    ("timeouts.stop_ms", "timeouts.stop"),
    ("timeouts.ping_ms", "timeouts.ping"),
    ("timeouts.session_idle_ms", "timeouts.session_idle"),
    ("timeouts.session_ms", "timeouts.session"),
];

/// The command line.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "webd", version, about = "HTTP front end of Executor; runs without privileges")]
pub(crate) struct Options {
    /// Configuration file; the default file may be missing
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check the configuration and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Socket of executord
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Directory of the built page
    #[arg(long, value_name = "DIR")]
    pub(crate) web: Option<PathBuf>,
    /// Name of this node, sent as X-Executor-Node
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<NodeName>,
}

/// The configuration file. [`Default`] has the value of each missing key.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address at which `/metrics` is served instead of [`Config::listen`].
    #[serde(deserialize_with = "optional_address")]
    pub metrics_listen: Option<SocketAddr>,
    /// Socket of executord.
    pub socket: PathBuf,
    /// Directory of the built page.
    pub web: PathBuf,
    /// Name of this node behind a load balancer; responses have it as `X-Executor-Node`.
    #[serde(deserialize_with = "optional_name")]
    pub node: Option<NodeName>,
    /// Origins whose pages may use the API from a browser; a single `"*"` allows all.
    pub allowed_origins: Vec<Origin>,
    /// Origins whose pages may embed the page with `?embed=1`; `"*"` allows all.
    pub embed_origins: Vec<Origin>,
    /// Hosts that are served, unless the list is empty (protects against DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` header is trusted.
    pub trusted_proxies: Vec<Network>,
    /// Maximum number of open connections. For one more an idle connection is closed, or it waits in the kernel.
    pub max_connections: NonZeroUsize,
    /// Maximum number of open connections of one client.
    pub max_connections_per_client: NonZeroUsize,
    /// Maximum number of open sessions of one client.
    pub max_sessions_per_client: NonZeroUsize,
    /// Maximum number of open connections with one API key, from all addresses together.
    pub max_connections_per_key: NonZeroUsize,
    /// Maximum number of open sessions with one API key, from all addresses together.
    pub max_sessions_per_key: NonZeroUsize,
    /// Maximum length of a request body.
    #[serde(deserialize_with = "positive")]
    pub max_body: ByteCount,
    /// Memory that all requests and answers together may hold.
    #[serde(deserialize_with = "positive")]
    pub max_memory: ByteCount,
    /// Format of the log.
    pub log_format: LogFormat,
    /// Directory for data that must survive a restart.
    pub state: PathBuf,
    /// API keys.
    pub keys: KeysConfig,
    /// Submissions.
    pub submissions: SubmissionsConfig,
    /// Submissions of many servers.
    pub cluster: ClusterConfig,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// The Model Context Protocol.
    pub mcp: McpConfig,
    /// The API that is compatible with Piston.
    pub piston: PistonConfig,
    /// The API that is compatible with Jobe.
    pub jobe: JobeConfig,
    /// The API that is compatible with Judge0.
    pub judge0: Judge0Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            metrics_listen: None,
            socket: protocol::DEFAULT_SOCKET.into(),
            web: "/usr/share/executor/web".into(),
            node: None,
            allowed_origins: Vec::new(),
            embed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            max_connections: NonZeroUsize::MIN.saturating_add(1023),
            max_connections_per_client: NonZeroUsize::MIN.saturating_add(63),
            max_sessions_per_client: NonZeroUsize::MIN.saturating_add(15),
            max_connections_per_key: NonZeroUsize::MIN.saturating_add(255),
            max_sessions_per_key: NonZeroUsize::MIN.saturating_add(63),
            max_body: ByteCount::mib(16),
            max_memory: ByteCount::mib(512),
            log_format: LogFormat::Text,
            state: keys::DEFAULT_STATE_DIRECTORY.into(),
            keys: KeysConfig::default(),
            submissions: SubmissionsConfig::default(),
            cluster: ClusterConfig::default(),
            timeouts: Timeouts::default(),
            mcp: McpConfig::default(),
            piston: PistonConfig::default(),
            jobe: JobeConfig::default(),
            judge0: Judge0Config::default(),
        }
    }
}

/// Submissions.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubmissionsConfig {
    /// Whether submissions are accepted, and with them stored.
    pub enabled: bool,
    /// Maximum number of submissions that run or wait in executord.
    pub concurrent: NonZeroUsize,
    /// Maximum time in the queue, and time for which results are kept.
    #[serde(deserialize_with = "positive")]
    pub keep: Duration,
    /// Maximum number of stored submissions.
    pub max_count: NonZeroU64,
    /// Maximum length of all stored requests and results.
    #[serde(deserialize_with = "positive")]
    pub max_bytes: ByteCount,
    /// Hosts whose callbacks may be plain HTTP, and whose addresses may be private.
    pub callback_hosts: Vec<CallbackHost>,
    /// Certificate authorities of callbacks, in PEM.
    pub callback_ca: PathBuf,
}

impl Default for SubmissionsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            concurrent: NonZeroUsize::MIN.saturating_add(7),
            keep: Duration::from_secs(24 * 60 * 60),
            max_count: NonZeroU64::MIN.saturating_add(9999),
            max_bytes: ByteCount::mib(1024),
            callback_hosts: Vec::new(),
            callback_ca: "/etc/ssl/certs/ca-certificates.crt".into(),
        }
    }
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

/// The Model Context Protocol.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// Whether `/mcp` is served.
    pub enabled: bool,
}

impl Default for McpConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// API keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysConfig {
    /// File with the hashes and limits of all keys, which `executor key` writes.
    pub file: PathBuf,
}

impl Default for KeysConfig {
    fn default() -> Self {
        Self { file: keys::DEFAULT_KEY_FILE.into() }
    }
}

/// Deserializes an address; an empty string is none.
fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse();
    address
        .map(Some)
        .map_err(|_| D::Error::custom(format!("{text:?} is not an address such as 127.0.0.1:9464")))
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file does not exist or cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not valid.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The mistake, with its line.
        message: String,
    },
}

impl Options {
    /// Reads the configuration file, and overrides it with the command line.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid.
    pub(crate) fn configuration(self) -> Result<Config, ConfigError> {
        let mut config = match (&self.config, Path::new(DEFAULT_CONFIG)) {
            (Some(path), _) => Config::read(path)?,
            (None, path) if path.exists() => Config::read(path)?,
            (None, _) => Config::default(),
        };
        config.listen = self.listen.unwrap_or(config.listen);
        config.socket = self.socket.unwrap_or(config.socket);
        config.web = self.web.unwrap_or(config.web);
        config.node = self.node.or(config.node);
        Ok(config)
    }
}

impl Config {
    /// Returns [`Config::max_body`] as a length in memory.
    pub(crate) fn max_body_length(&self) -> usize {
        usize::try_from(self.max_body.bytes()).unwrap_or(usize::MAX)
    }

    /// Returns [`Config::max_memory`] as a length in memory.
    pub(crate) fn max_memory_length(&self) -> usize {
        usize::try_from(self.max_memory.bytes()).unwrap_or(usize::MAX)
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let keys: ConfigKeys = toml::from_str(text).map_err(|error| error.to_string())?;
        keys.reject_renamed(&RENAMED_KEYS).map_err(|error| {
            format!("{error}, and takes a string with a unit such as \"10s\" or \"16MiB\"")
        })?;
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if config.allowed_origins.len() > 1 && config.allowed_origins.iter().any(Origin::is_any) {
            return Err("allowed_origins: \"*\" must be the only entry".to_owned());
        }
        if config.metrics_listen == Some(config.listen) {
            return Err(
                "metrics_listen must differ from listen; leave it out to serve /metrics there".to_owned()
            );
        }
        config.cluster.check()?;
        if config.cluster.is_enabled() && !config.submissions.enabled {
            return Err("cluster.servers requires submissions.enabled = true".to_owned());
        }
        if config.max_body > config.max_memory {
            return Err("max_body must not be larger than max_memory".to_owned());
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use protocol::configuration_sample::uncommented;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let result = match Config::parse(text) {
            Ok(_) => "valid".to_owned(),
            Err(error) => error,
        };
        for part in expected {
            assert!(result.contains(part), "{result}");
        }
    }

    #[test]
    fn a_mistake_is_reported_with_its_line() {
        check("", &["valid"]);
        check(
            "listen = '[::]:80'\nallowed_origins = ['https://a.example', 'http://localhost:5173']",
            &["valid"],
        );
        check("allowed_origins = ['*']", &["valid"]);
        check("trusted_proxies = ['10.0.0.0/8', '::1']\n[timeouts]\nbody = '5ms'", &["valid"]);
        check("allowed_origins = ['*', 'https://a.example']", &["must be the only entry"]);
        check(
            "listen = '[::]:80'\nlisten_on = 1",
            &["line 2", "unknown field `listen_on`, expected one of `listen`"],
        );
        check("\n\nallowed_origins = ['a.example']", &["line 3", "is not an origin"]);
        check("allowed_origins = ['https://a.example/']", &["is not an origin"]);
        check("allowed_origins = ['https://u@a.example']", &["is not an origin"]);
        check("trusted_proxies = ['10.0.0.0/33']", &["line 1", "neither an address nor a network"]);
        check("[submissions]\ncallback_hosts = ['grader.example.org', '10.0.0.5:8080']", &["valid"]);
        check("[submissions]\ncallback_hosts = ['http://a.example']", &["line 2", "is not a host such as"]);
        check("max_connections = 0", &["line 1", "nonzero"]);
        check("max_memory = '1B'", &["max_body must not be larger than max_memory"]);
        check("[timeouts]\nhead = '0s'", &["line 2", "must be more than zero"]);
        check("[timeouts]\nhead = 10", &["line 2", "a quantity with its unit"]);
        check("node = 'node-1'\n[timeouts]\ndrain = '5s'\nunavailable = '3s'", &["valid"]);
        check("node = ''\n[timeouts]\ndrain = '0s'", &["valid"]);
        check("node = 'a b'", &["line 1", "\"a b\" is not a name of 1 to 64 letters"]);
        check("[timeouts]\ndrain = 5", &["line 2", "a quantity with its unit"]);
        check("max_body = '16MB'", &["line 1", "is not a byte count such as"]);
        check("[cluster]\nservers = ['nats://a']", &["cluster.servers"]);
        check("listen = 3000", &["line 1"]);
        check("metrics_listen = '[::1]:9464'", &["valid"]);
        check("metrics_listen = 'localhost'", &["line 1", "is not an address such as 127.0.0.1:9464"]);
        check(
            "listen = '[::1]:80'\nmetrics_listen = '[::1]:80'",
            &["metrics_listen must differ from listen"],
        );
    }

    #[test]
    fn an_old_key_is_rejected_with_the_name_of_the_new_one() {
        for (old, new) in RENAMED_KEYS {
            let text = format!("{old} = 1");
            check(&text, &[&format!("`{old}` was renamed to `{new}`, and takes a string with a unit")]);
        }
    }

    #[test]
    fn the_shipped_file_shows_every_key_with_its_default() {
        let shipped = uncommented(include_str!("../../../systemd/etc/webd.toml"));
        let config = Config::parse(&shipped).unwrap();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        let keys: toml::Table = shipped.parse().unwrap();
        assert_eq!((keys.len(), keys["timeouts"].as_table().unwrap().len()), (26, 10));
    }
}
