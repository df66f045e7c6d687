//! `executor cluster`: keys of processes, streams and consumers, and an overview.

use std::time::Duration;

use crate::connection::{Connection, Settings};
use crate::jetstream::ClusterError;
use crate::layout;
use crate::nodes::NodeStatus;
use crate::subjects::Name;
use crate::submitter::{Submitter, Waiting};

/// Error code of a server whose `max_file_store` is less than what all streams may have.
const STORAGE_EXCEEDED: u32 = 10047;

/// A new nkey.
#[derive(Debug)]
pub struct NewKey {
    /// The secret, which is the content of a key file.
    pub seed: String,
    /// The state that the servers have of it.
    pub public_key: String,
}

/// The state of a cluster.
#[derive(Debug)]
pub struct Overview {
    /// Its nodes.
    pub nodes: Vec<NodeStatus>,
    /// The work that waits.
    pub waiting: Waiting,
}

/// Creates a key.
///
/// # Errors
/// If the operating system has no random bytes.
pub fn new_key() -> Result<NewKey, String> {
    let pair = nkeys::KeyPair::new_user();
    let seed = pair.seed().map_err(|error| error.to_string())?;
    Ok(NewKey { seed, public_key: pair.public_key() })
}

/// Returns the public key of a seed.
///
/// # Errors
/// If the text is no seed. The message does not quote it.
pub fn public_key(seed: &str) -> Result<String, String> {
    let pair = nkeys::KeyPair::from_seed(seed.trim());
    pair.map(|pair| pair.public_key()).map_err(|_| "not the seed of an nkey".to_owned())
}

/// Connects, and creates all streams and consumers of a pool, or changes those that exist.
///
/// # Errors
/// What failed.
pub async fn create(settings: &Settings, pool: &Name, replicas: u8) -> Result<(), String> {
    let connection = Connection::open(settings).await?;
    layout::create(&connection.0, pool, replicas).await.map_err(|error| match error {
        ClusterError::Refused { code: STORAGE_EXCEEDED, description } => {
            let gibibytes = layout::storage().div_ceil(1 << 30);
            format!("NATS refused the streams: {description}; set max_file_store to {gibibytes}GB or more in its section jetstream")
        }
        error => error.to_string(),
    })
}

/// Connects, and returns the state of a pool.
///
/// # Errors
/// What failed.
pub async fn overview(settings: &Settings, pool: &Name) -> Result<Overview, String> {
    let connection = Connection::open(settings).await?;
    let front = Submitter::new(connection, pool.clone());
    let read = async { Ok(Overview { nodes: front.nodes().await?, waiting: front.waiting().await? }) };
    read.await.map_err(|error: ClusterError| error.to_string())
}

impl Overview {
    /// Returns for how long the oldest submission has waited.
    #[must_use]
    pub const fn oldest(&self) -> Duration {
        self.waiting.oldest
    }
}
