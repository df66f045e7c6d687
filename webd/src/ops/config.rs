//! What the administrator decides: `/etc/executor/webd.toml` and the command line, the latter above the former.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::http::{HeaderValue, Uri};
use serde::Deserialize;

use crate::domain::client_identity::Network;

/// Where the configuration is looked for unless told otherwise.
pub(crate) const DEFAULT_CONFIG: &str = "/etc/executor/webd.toml";

/// The command line.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "webd", version, about = "The HTTP front of Executor. Runs without any privilege.")]
pub(crate) struct Options {
    /// Configuration file; the default one may be absent
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Read the configuration, say whether it is in order, and stop
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
}

/// All that can be decided, with what is decided if nobody does.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where executord listens.
    pub socket: PathBuf,
    /// Where the built page is.
    pub web: PathBuf,
    /// Pages of these origins may use the API from a browser; `"*"` alone means of any.
    pub allowed_origins: Vec<Origin>,
    /// Pages of these origins may show ours within them, with `?embed=1`; `"*"` means any.
    pub embed_origins: Vec<Origin>,
    /// If not empty, requests for other hosts are refused (against DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Connections at one time; more wait in the kernel.
    pub max_connections: NonZeroUsize,
    /// Bytes of a request's body.
    pub max_body_bytes: NonZeroUsize,
    /// Bytes that all requests and answers together may hold in memory.
    pub max_memory_bytes: NonZeroUsize,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

/// How long to wait for what, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For a request's head; also how long a connection may idle between requests.
    pub head_ms: NonZeroU64,
    /// For a request's body.
    pub body_ms: NonZeroU64,
    /// For a client that does not take its answer.
    pub stall_ms: NonZeroU64,
    /// For what runs when we are told to stop.
    pub stop_ms: NonZeroU64,
    /// Between two pings of a session. A client that says nothing for three of them is gone.
    pub ping_ms: NonZeroU64,
    /// For a session without an execution.
    pub session_idle_ms: NonZeroU64,
    /// For a session altogether.
    pub session_ms: NonZeroU64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            socket: protocol::DEFAULT_SOCKET.into(),
            web: "/usr/share/executor/web".into(),
            allowed_origins: Vec::new(),
            embed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            max_connections: NonZeroUsize::MIN.saturating_add(1023),
            max_body_bytes: NonZeroUsize::MIN.saturating_add(16 * 1024 * 1024 - 1),
            max_memory_bytes: NonZeroUsize::MIN.saturating_add(512 * 1024 * 1024 - 1),
            timeouts: Timeouts::default(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = |seconds: u64| NonZeroU64::MIN.saturating_add(seconds * 1000 - 1);
        Self {
            head_ms: seconds(10),
            body_ms: seconds(30),
            stall_ms: seconds(20),
            stop_ms: seconds(25),
            ping_ms: seconds(15),
            session_idle_ms: seconds(10 * 60),
            session_ms: seconds(4 * 60 * 60),
        }
    }
}

impl Timeouts {
    /// For a request's head, and between requests.
    #[must_use]
    pub const fn head(&self) -> Duration {
        Duration::from_millis(self.head_ms.get())
    }

    /// For a request's body.
    #[must_use]
    pub const fn body(&self) -> Duration {
        Duration::from_millis(self.body_ms.get())
    }

    /// For a client that does not take its answer.
    #[must_use]
    pub const fn stall(&self) -> Duration {
        Duration::from_millis(self.stall_ms.get())
    }

    /// For what runs when we are told to stop.
    #[must_use]
    pub const fn stop(&self) -> Duration {
        Duration::from_millis(self.stop_ms.get())
    }

    /// Between two pings of a session.
    #[must_use]
    pub const fn ping(&self) -> Duration {
        Duration::from_millis(self.ping_ms.get())
    }

    /// For a session without an execution.
    #[must_use]
    pub const fn session_idle(&self) -> Duration {
        Duration::from_millis(self.session_idle_ms.get())
    }

    /// For a session altogether.
    #[must_use]
    pub const fn session(&self) -> Duration {
        Duration::from_millis(self.session_ms.get())
    }
}

/// An origin as a browser names it: `https://example.org`, with the port if it is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(pub HeaderValue);

impl Origin {
    /// Any origin whatever.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_origin = |uri: &Uri| {
            let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
            text == format!("{scheme}://{authority}") && !authority.as_str().contains('@')
        };
        match (text.parse::<Uri>(), HeaderValue::from_str(&text)) {
            (Ok(uri), Ok(value)) if text == "*" || is_origin(&uri) => Ok(Self(value)),
            _ => Err(format!("{text:?} is not an origin like https://example.org")),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file is not there, or we may not read it.
    #[error("read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file says something wrong.
    #[error("{}: {message}", path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
}

impl Options {
    /// Read the file and put what the command line says above it.
    ///
    /// # Errors
    /// If the file cannot be read, or names what there is not.
    pub(crate) fn configuration(self) -> Result<Config, ConfigError> {
        let mut config = match (&self.config, Path::new(DEFAULT_CONFIG)) {
            (Some(path), _) => Config::read(path)?,
            (None, path) if path.exists() => Config::read(path)?,
            (None, _) => Config::default(),
        };
        config.listen = self.listen.unwrap_or(config.listen);
        config.socket = self.socket.unwrap_or(config.socket);
        config.web = self.web.unwrap_or(config.web);
        Ok(config)
    }
}

impl Config {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|message| ConfigError::Wrong { path: path.to_owned(), message })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if config.allowed_origins.len() > 1 && config.allowed_origins.iter().any(Origin::is_any) {
            return Err("allowed_origins: \"*\" stands alone or not at all".to_owned());
        }
        if config.max_body_bytes > config.max_memory_bytes {
            return Err("max_body_bytes is more than max_memory_bytes".to_owned());
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, said: &[&str]) {
        let came = match Config::parse(text) {
            Ok(_) => "taken".to_owned(),
            Err(error) => error,
        };
        for words in said {
            assert!(came.contains(words), "{came}");
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        check("", &["taken"]);
        check(
            "listen = '[::]:80'\nallowed_origins = ['https://a.example', 'http://localhost:5173']",
            &["taken"],
        );
        check("allowed_origins = ['*']", &["taken"]);
        check("trusted_proxies = ['10.0.0.0/8', '::1']\n[timeouts]\nbody_ms = 5", &["taken"]);
        check("allowed_origins = ['*', 'https://a.example']", &["stands alone"]);
        check(
            "listen = '[::]:80'\nlisten_on = 1",
            &["line 2", "unknown field `listen_on`, expected one of `listen`"],
        );
        check("\n\nallowed_origins = ['a.example']", &["line 3", "is not an origin"]);
        check("allowed_origins = ['https://a.example/']", &["is not an origin"]);
        check("allowed_origins = ['https://u@a.example']", &["is not an origin"]);
        check("trusted_proxies = ['10.0.0.0/33']", &["line 1", "neither an address nor a network"]);
        check("max_connections = 0", &["line 1", "nonzero"]);
        check("max_memory_bytes = 1", &["max_body_bytes is more than"]);
        check("[timeouts]\nhead_ms = 0", &["line 2"]);
        check("listen = 3000", &["line 1"]);
    }
}
