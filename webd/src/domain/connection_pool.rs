//! Idle connections to the daemon, kept for reuse: connecting and the hello take longer than a request.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use protocol::{Client, ClientError};

/// Number of idle connections that are kept; the daemon accepts many more.
const MAX_IDLE: usize = 16;
/// Time after which an idle connection is not used any more. The daemon closes idle connections after ten minutes.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);

/// Connections to one daemon.
#[derive(Debug)]
pub(crate) struct ConnectionPool {
    socket: PathBuf,
    /// Idle connections, the most recently used last.
    idle: Mutex<Vec<(Client, Instant)>>,
}

impl ConnectionPool {
    /// Creates an empty pool for the daemon that listens on `socket`.
    pub(crate) const fn new(socket: PathBuf) -> Self {
        Self { socket, idle: Mutex::new(Vec::new()) }
    }

    /// Opens a new connection.
    ///
    /// # Errors
    /// See [`Client::connect`].
    pub(crate) async fn connect(&self) -> Result<Client, ClientError> {
        Client::connect(&self.socket).await
    }

    /// Takes an idle connection that was usable a moment ago. The daemon may still close it before it reads a request.
    pub(crate) fn take_idle(&self) -> Option<Client> {
        while let Some((client, since)) = self.lock().pop() {
            if since.elapsed() < MAX_IDLE_TIME && client.is_idle() {
                return Some(client);
            }
        }
        None
    }

    /// Puts back a connection whose last request was answered completely.
    pub(crate) fn put(&self, client: Client) {
        let mut idle = self.lock();
        idle.retain(|(_, since)| since.elapsed() < MAX_IDLE_TIME);
        if idle.len() < MAX_IDLE {
            idle.push((client, Instant::now()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Client, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
