//! The connection to the servers.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::time::{sleep, timeout};

use crate::jetstream::JetStream;
use crate::subjects::Name;

/// Bytes of a file with the seed of an nkey.
const MAX_KEY_FILE: u64 = 1024;
/// Longest time between two attempts to connect.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(2);
/// Interval of pings. A server that answers neither of two is gone.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which a process that starts waits for a connection, and the pause between two looks.
const START_TIMEOUT: Duration = Duration::from_secs(2);
const START_PAUSE: Duration = Duration::from_millis(10);

/// How to reach the servers, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// URLs: `tls://host:4222` or `nats://host:4222`.
    pub servers: Vec<String>,
    /// File with the seed of this process's nkey; `None` for servers without authentication.
    pub key_file: Option<PathBuf>,
    /// File with the certificates that sign those of the servers; `None` for those of the system.
    pub ca_file: Option<PathBuf>,
    /// Name of this process. Its inboxes begin with it.
    pub name: Name,
}

/// A connection, which is restored whenever it breaks.
#[derive(Clone, Debug)]
pub struct Connection(pub(crate) JetStream);

impl Settings {
    /// Checks the settings as far as this is possible without a connection.
    ///
    /// # Errors
    /// The mistake, with the name of the setting.
    pub fn check(&self) -> Result<(), String> {
        self.addresses()?;
        self.seed()?;
        if let Some(file) = &self.ca_file {
            File::open(file).map_err(|error| format!("ca_file: cannot read {}: {error}", file.display()))?;
        }
        Ok(())
    }

    /// Returns the prefix of the inboxes of a process.
    #[must_use]
    pub fn inbox_prefix(name: &Name) -> String {
        format!("_INBOX_{name}")
    }

    fn addresses(&self) -> Result<Vec<ServerAddr>, String> {
        if self.servers.is_empty() {
            return Err("servers: at least one URL is required".to_owned());
        }
        let address = |text: &String| {
            let host = text.strip_prefix("nats://").or_else(|| text.strip_prefix("tls://"));
            if host.is_none_or(str::is_empty) {
                return Err(format!("servers: {text:?} is not a URL such as tls://nats-1:4222"));
            }
            text.parse().map_err(|error| format!("servers: {text:?}: {error}"))
        };
        self.servers.iter().map(address).collect()
    }

    fn seed(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.key_file else { return Ok(None) };
        let cannot = |error: std::io::Error| format!("key_file: cannot read {}: {error}", path.display());
        let file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.permissions().mode() & 0o007 != 0 {
            tracing::warn!(file = ?path, "the key file of this process is readable by all users: run chmod 0640");
        }
        let mut text = String::new();
        file.take(MAX_KEY_FILE).read_to_string(&mut text).map_err(cannot)?;
        let seed = text.trim().to_owned();
        match nkeys::KeyPair::from_seed(&seed) {
            Ok(_) => Ok(Some(seed)),
            // The error of nkeys could quote the seed.
            Err(_) => Err(format!("key_file: {} does not contain the seed of an nkey", path.display())),
        }
    }

    fn options(&self) -> Result<ConnectOptions, String> {
        let mut options = ConnectOptions::new()
            .name(self.name.as_str())
            .custom_inbox_prefix(Self::inbox_prefix(&self.name))
            .ping_interval(PING_INTERVAL)
            .connection_timeout(CONNECT_TIMEOUT)
            .reconnect_delay_callback(|attempts| {
                MAX_RECONNECT_DELAY
                    .min(Duration::from_millis(50) * u32::try_from(attempts).unwrap_or(u32::MAX).min(100))
            })
            .event_callback(|event| async move { log(&event) });
        if let Some(seed) = self.seed()? {
            options = options.nkey(seed);
        }
        if let Some(file) = &self.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        Ok(options)
    }
}

impl Connection {
    /// Starts to connect. Returns when there is a connection, or after [`START_TIMEOUT`]: requests then fail until there is
    /// one.
    ///
    /// # Errors
    /// If the settings are not valid.
    pub async fn start(settings: &Settings) -> Result<Self, String> {
        let options = settings.options()?.retry_on_initial_connect();
        let connection = Self::connect(settings, options).await?;
        let connected = async {
            while !connection.is_up() {
                sleep(START_PAUSE).await;
            }
        };
        if timeout(START_TIMEOUT, connected).await.is_err() {
            tracing::warn!(servers = ?settings.servers, "cannot connect to NATS, will retry");
        }
        Ok(connection)
    }

    /// Connects.
    ///
    /// # Errors
    /// If the settings are not valid, or if no server accepts the connection.
    pub async fn open(settings: &Settings) -> Result<Self, String> {
        let options = settings.options()?.max_reconnects(1);
        Self::connect(settings, options).await
    }

    async fn connect(settings: &Settings, options: ConnectOptions) -> Result<Self, String> {
        // Fails if the process has chosen one before. Without a choice, rustls refuses to work if two are compiled in.
        let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
        let client: Client = options
            .connect(settings.addresses()?)
            .await
            .map_err(|error| format!("cannot connect to {}: {error}", settings.servers.join(", ")))?;
        Ok(Self(JetStream::new(client)))
    }

    /// Returns whether there is a connection now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.is_connected()
    }

    /// Sends everything that is buffered. Fails silently: whoever calls it is about to end.
    pub async fn flush(&self) {
        let _ = timeout(crate::jetstream::TIMEOUT, self.0.client().flush()).await;
    }
}

fn log(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Disconnected => tracing::warn!("connection to NATS lost, will reconnect"),
        Event::ServerError(error) => tracing::warn!(%error, "NATS reports an error"),
        Event::ClientError(error) => tracing::warn!(%error, "error of the connection to NATS"),
        other => tracing::debug!(event = %other, "connection to NATS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(server: &str) -> Settings {
        Settings {
            servers: vec![server.to_owned()],
            key_file: None,
            ca_file: None,
            name: "front".parse().unwrap(),
        }
    }

    #[test]
    fn a_mistake_names_the_setting_and_quotes_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        assert_eq!(settings("tls://nats-1:4222").check(), Ok(()));
        for wrong in ["", "nats-1:4222", "http://x", "tls://"] {
            assert!(settings(wrong).check().unwrap_err().starts_with("servers: "), "{wrong}");
        }
        assert!(Settings { servers: vec![], ..settings("") }.check().is_err());
        std::fs::write(&file, "SUnotaseed").unwrap();
        let with_key = Settings { key_file: Some(file.clone()), ..settings("nats://x") };
        let message = with_key.check().unwrap_err();
        assert!(message.starts_with("key_file: ") && !message.contains("SUnotaseed"), "{message}");
        std::fs::write(&file, nkeys::KeyPair::new_user().seed().unwrap() + "\n").unwrap();
        assert_eq!(with_key.check(), Ok(()));
        let missing = Settings { ca_file: Some("/nonexistent".into()), ..settings("nats://x") };
        assert!(missing.check().unwrap_err().starts_with("ca_file: "));
    }
}
