//! The servers of NATS, over which submissions reach many servers.

use std::path::PathBuf;

use serde::Deserialize;

/// The section `[cluster]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Name of this webd; empty for the name of the host. No other webd may have it.
    pub name: String,
    /// URLs of the servers. Without one, submissions are stored in the state directory.
    pub servers: Vec<String>,
    /// File with the seed of the nkey of this webd; empty for servers without authentication.
    pub key_file: PathBuf,
    /// File with the certificates that sign those of the servers; empty for those of the system.
    pub ca_file: PathBuf,
    /// Name of the pool that runs the submissions.
    pub pool: String,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            servers: Vec::new(),
            key_file: "/etc/executor/front.nk".into(),
            ca_file: PathBuf::new(),
            pool: "main".to_owned(),
        }
    }
}

impl ClusterConfig {
    /// Returns whether submissions are for many servers.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.servers.is_empty()
    }

    /// Checks the section.
    ///
    /// # Errors
    /// The mistake, with the name of the setting.
    #[cfg(not(feature = "cluster"))]
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.is_enabled() {
            return Err("cluster.servers: this webd was built without the feature `cluster`".to_owned());
        }
        Ok(())
    }

    /// Checks the section.
    ///
    /// # Errors
    /// The mistake, with the name of the setting.
    #[cfg(feature = "cluster")]
    pub(crate) fn check(&self) -> Result<(), String> {
        self.settings().and_then(|_| self.pool()).map(|_| ())
    }

    /// Returns the name of the pool.
    ///
    /// # Errors
    /// If it is not valid.
    #[cfg(feature = "cluster")]
    pub(crate) fn pool(&self) -> Result<cluster::subjects::Name, String> {
        self.pool.parse().map_err(|message| format!("cluster.pool: {message}"))
    }

    /// Returns how to reach the servers.
    ///
    /// # Errors
    /// If the name is not valid.
    #[cfg(feature = "cluster")]
    pub(crate) fn settings(&self) -> Result<cluster::connection::Settings, String> {
        let file = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        let name = if self.name.is_empty() {
            let host = nix::unistd::gethostname().unwrap_or_default();
            cluster::subjects::Name::of_host(&host.to_string_lossy())
        } else {
            self.name.parse().map_err(|message| format!("cluster.name: {message}"))?
        };
        Ok(cluster::connection::Settings {
            servers: self.servers.clone(),
            key_file: file(&self.key_file),
            ca_file: file(&self.ca_file),
            name,
        })
    }
}
