//! The files of the keys: `keys.toml`, which is read again when it changes, and the usage of the day, which is written
//! so that it survives a restart.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keys::{DEFAULT_KEY_FILE, KeyFile, MAX_FILE, MAX_USAGE_FILE, Timestamp, USAGE_FILE, UsageFile};
use tokio::time::{MissedTickBehavior, interval};

use crate::domain::keys::key_store::KeyStore;
use crate::ops::config::Config;

/// Interval at which the key file is checked for changes: how long a revoked key is accepted.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Checks after which the usage is written, if it changed: what a crash may lose.
const CHECKS_PER_WRITE: u32 = 5;

/// The files, and what was last read from or written to them.
#[derive(Debug)]
pub(crate) struct KeyFiles {
    key_file: PathBuf,
    usage_file: PathBuf,
    store: Arc<KeyStore>,
    version: Option<FileVersion>,
    written: Option<UsageFile>,
    /// Whether the last write failed: one warning is enough.
    is_failing: bool,
}

/// What tells a file from its next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileVersion {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl KeyFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// If the key file exists and cannot be read or is not valid. A usage file that is not valid is ignored.
    pub(crate) fn load(config: &Config) -> Result<Self, String> {
        let (key_file, usage_file) = (config.keys.file.clone(), config.state.join(USAGE_FILE));
        let read = read_keys(&key_file)?;
        let usage = read_usage(&usage_file);
        let (version, keys) =
            read.map_or((None, KeyFile::default()), |(version, keys)| (Some(version), keys));
        let store = Arc::new(KeyStore::new(&keys, usage.as_ref()));
        Ok(Self { key_file, usage_file, store, version, written: usage, is_failing: false })
    }

    /// Returns the keys.
    pub(crate) fn store(&self) -> Arc<KeyStore> {
        Arc::clone(&self.store)
    }

    /// Reads the key file whenever it changes, and writes the usage whenever it changed, until `stop` is ready.
    pub(crate) async fn keep_current(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut ticks = interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checks = 0_u32;
        loop {
            let is_stopping = tokio::select! {
                _ = ticks.tick() => false,
                () = &mut stop => true,
            };
            checks = checks.wrapping_add(1);
            let writes = is_stopping || checks.is_multiple_of(CHECKS_PER_WRITE);
            // To look here takes less than to wake another thread each second.
            if !is_stopping && self.current_version() == self.version && !(writes && self.has_new_usage()) {
                continue;
            }
            // Reading and writing may block. This task panics only if the blocking one does.
            let step = tokio::task::spawn_blocking(move || {
                self.reload_if_changed();
                if writes {
                    self.write_usage();
                }
                self
            });
            match step.await {
                Ok(files) if !is_stopping => self = files,
                _ => return,
            }
        }
    }

    fn current_version(&self) -> Option<FileVersion> {
        std::fs::metadata(&self.key_file).ok().map(|metadata| FileVersion::of(&metadata))
    }

    fn reload_if_changed(&mut self) {
        let current = self.current_version();
        if current == self.version {
            return;
        }
        match read_keys(&self.key_file) {
            Ok(Some((version, keys))) => {
                self.version = Some(version);
                self.store.replace(&keys);
                tracing::info!(file = ?self.key_file, keys = keys.keys.len(), "key file read");
            }
            // An editor may replace the file in two steps. To forget all keys would let everybody in.
            Ok(None) => {
                self.version = None;
                tracing::warn!(file = ?self.key_file, "key file is gone, its keys stay valid until webd is restarted");
            }
            Err(message) => {
                self.version = current;
                tracing::error!(%message, "cannot use the changed key file, the previous keys stay valid");
            }
        }
    }

    fn has_new_usage(&self) -> bool {
        self.is_new(&self.store.usage(Timestamp::now()))
    }

    fn is_new(&self, usage: &UsageFile) -> bool {
        match &self.written {
            Some(written) => written != usage,
            None => !usage.keys.is_empty(),
        }
    }

    fn write_usage(&mut self) {
        let usage = self.store.usage(Timestamp::now());
        if !self.is_new(&usage) {
            return;
        }
        match write_atomically(&self.usage_file, usage.text().as_bytes()) {
            Ok(()) => {
                self.is_failing = false;
                self.written = Some(usage);
            }
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                tracing::warn!(file = ?self.usage_file, %error, "cannot write the usage of keys, a restart forgets it");
            }
            Err(_) => {}
        }
    }
}

impl FileVersion {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Checks that the key file can be used. Only that of the default path may be missing: without keys, everybody may use webd.
///
/// # Errors
/// The mistake, with the file and the line.
pub(crate) fn check(key_file: &Path) -> Result<(), String> {
    match read_keys(key_file)? {
        None if key_file != Path::new(DEFAULT_KEY_FILE) => {
            Err(format!("keys.file: {} does not exist", key_file.display()))
        }
        _ => Ok(()),
    }
}

/// Reads the key file; `None` if it does not exist.
fn read_keys(path: &Path) -> Result<Option<(FileVersion, KeyFile)>, String> {
    let cannot = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.permissions().mode() & 0o006 != 0 {
        tracing::warn!(file = ?path, "the key file is readable by all users: run chmod 0640 and chgrp executor");
    }
    let text = read_bounded(file, MAX_FILE).map_err(cannot)?;
    let keys = KeyFile::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some((FileVersion::of(&metadata), keys)))
}

fn read_usage(path: &Path) -> Option<UsageFile> {
    let text = match File::open(path).and_then(|file| read_bounded(file, MAX_USAGE_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(file = ?path, %error, "cannot read the usage of keys, starting from zero");
            return None;
        }
    };
    let parsed = UsageFile::parse(&text);
    parsed
        .inspect_err(|message| tracing::warn!(file = ?path, %message, "the usage of keys begins with zero"))
        .ok()
}

fn read_bounded(file: File, max_length: u64) -> io::Result<String> {
    let mut text = String::new();
    let length = file.take(max_length + 1).read_to_string(&mut text)?;
    if length as u64 > max_length {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {max_length} bytes")));
    }
    Ok(text)
}

/// Replaces a file, so that it has its old or its new content whenever this process or the host stops.
fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use keys::ApiKey;

    use super::*;
    use crate::domain::client_identity::ClientIdentity;

    #[test]
    fn the_files_are_read_and_written_and_bad_ones_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config { state: directory.path().to_owned(), ..Config::default() };
        config.keys.file = directory.path().join("keys.toml");
        let client = ClientIdentity::new("192.0.2.1".parse().unwrap(), &[], &[]);
        let key = ApiKey::generate().unwrap();
        let mut files = KeyFiles::load(&config).unwrap();
        let text = format!("[keys.alice]\nhash = '{}'\n", key.hash());
        let name = |files: &KeyFiles| {
            files.store().authenticate(Some(key.text()), client).map(|caller| caller.key_name().to_string())
        };
        let replace = |text: &str| {
            std::fs::write(directory.path().join("keys.new"), text).unwrap();
            std::fs::rename(directory.path().join("keys.new"), &config.keys.file).unwrap();
        };
        assert_eq!(name(&files).unwrap(), "anonymous");
        replace(&text);
        files.reload_if_changed();
        assert_eq!(name(&files).unwrap(), "alice");
        for bad in ["[keys.alice]", "not toml", &"#".repeat(9 << 20)] {
            replace(bad);
            files.reload_if_changed();
            assert_eq!(name(&files).unwrap(), "alice", "a bad file changes nothing");
            assert!(check(&config.keys.file).unwrap_err().contains("keys.toml"));
            assert!(KeyFiles::load(&config).is_err());
        }
        std::fs::remove_file(&config.keys.file).unwrap();
        files.reload_if_changed();
        assert_eq!(name(&files).unwrap(), "alice", "a missing file changes nothing");
        assert!(check(&config.keys.file).unwrap_err().contains("does not exist"));

        let store = files.store();
        let caller = store.authenticate(Some(key.text()), client).unwrap();
        let admission = store.admit(&caller).unwrap();
        admission.charge(Duration::from_millis(1500));
        files.write_usage();
        replace(&text);
        let restarted = KeyFiles::load(&config).unwrap().store();
        let usage = restarted.usage(Timestamp::now());
        assert_eq!(usage, store.usage(Timestamp::now()));
        assert_eq!(usage.keys.values().map(|usage| usage.cpu_us).sum::<u64>(), 1_500_000);
        std::fs::write(directory.path().join(USAGE_FILE), "{").unwrap();
        assert!(KeyFiles::load(&config).unwrap().store().usage(Timestamp::now()).keys.is_empty());
    }
}
