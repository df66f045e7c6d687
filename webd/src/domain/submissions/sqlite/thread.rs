//! The thread that owns the database: SQLite blocks, and has one writer. Operations that wait at the same time share a
//! transaction, and with it the time to write it to the disk.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::domain::submissions::store::StoreError;

/// Operations that wait for the thread.
const MAX_WAITING: usize = 1024;
/// Operations of one transaction.
const MAX_BATCH: usize = 64;
/// Time for which another process, such as a backup, may lock the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a page.
const PAGE_SIZE: i64 = 4096;

/// Sends the result, after the transaction was committed or failed.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Part of a transaction.
type Operation = Box<dyn FnOnce(&Connection) -> Reply + Send>;

/// The way to the thread. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct SqliteThread(mpsc::Sender<Operation>);

impl SqliteThread {
    /// Opens the database and starts the thread. `schema` creates what does not exist.
    ///
    /// # Errors
    /// If the database cannot be opened, or is not one of webd.
    pub(super) fn start(path: &Path, schema: &str, max_bytes: u64) -> Result<Self, String> {
        create(path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        let connection = open(path, schema, max_bytes)
            .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        let (sender, operations) = mpsc::channel(MAX_WAITING);
        std::thread::Builder::new()
            .name("submissions".to_owned())
            .spawn(move || serve(&connection, operations))
            .map_err(|error| format!("cannot start the thread of the database: {error}"))?;
        Ok(Self(sender))
    }

    /// Runs an operation and returns its result when it is durable. An operation that fails changes nothing.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let operation: Operation = Box::new(move |connection| {
            let result = in_savepoint(connection, operation);
            Box::new(move |committed| {
                let result = result.map_err(|error| failed(&error));
                let _ = sender.send(committed.and(result));
            })
        });
        self.0.try_send(operation).map_err(|_| StoreError::Overloaded)?;
        receiver.await.unwrap_or_else(|_| Err(StoreError::Failed("its thread ended".to_owned())))
    }
}

/// Creates the file so that only this user can read it, whatever the umask is. SQLite gives its other files the same mode.
fn create(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map(|_| ())
}

fn open(path: &Path, schema: &str, max_bytes: u64) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit returns when it is on the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Programs that are forgotten are overwritten.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    // A callback is deleted with its submission.
    connection.pragma_update(None, "foreign_keys", "ON")?;
    let max_pages = i64::try_from(max_bytes).unwrap_or(i64::MAX) / PAGE_SIZE;
    connection.pragma_update(None, "max_page_count", max_pages)?;
    connection.execute_batch(schema)?;
    Ok(connection)
}

fn serve(connection: &Connection, mut operations: mpsc::Receiver<Operation>) {
    while let Some(first) = operations.blocking_recv() {
        let mut replies: Vec<Reply> = Vec::new();
        let mut next = Some(first);
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        while let Some(operation) = next {
            replies.push(operation(connection));
            next = if replies.len() < MAX_BATCH { operations.try_recv().ok() } else { None };
        }
        let committed = begun.and_then(|()| connection.execute_batch("COMMIT")).map_err(|error| {
            let _ = connection.execute_batch("ROLLBACK");
            tracing::error!(%error, "cannot commit to the store of submissions");
            failed(&error)
        });
        for reply in replies {
            reply(committed.clone());
        }
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    operation: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT operation")?;
    let result = operation(connection);
    if result.is_err() {
        connection.execute_batch("ROLLBACK TO operation")?;
    }
    connection.execute_batch("RELEASE operation")?;
    result
}

fn failed(error: &rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
