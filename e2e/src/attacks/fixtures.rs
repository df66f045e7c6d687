//! Files, directories and listeners on the host that no program may reach.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use super::target::{SECRET, Target};

/// All fixtures, removed when dropped.
#[derive(Debug)]
pub struct Fixtures {
    directory: tempfile::TempDir,
    tcp: TcpListener,
    udp: UdpSocket,
    abstracts: UnixListener,
    abstract_name: String,
    before: BTreeMap<PathBuf, u64>,
}

impl Fixtures {
    /// Creates the fixtures.
    ///
    /// # Errors
    /// If the file system or the network fails.
    pub fn new() -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("executor-canary-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()?;
        let file = directory.path().join("secret");
        fs::write(&file, SECRET.1)?;
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        for name in ["closed", "cache"] {
            let closed = directory.path().join(name);
            fs::create_dir(&closed)?;
            fs::write(closed.join("keep"), "keep")?;
            fs::set_permissions(&closed, Permissions::from_mode(0o700))?;
        }
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        tcp.set_nonblocking(true)?;
        let udp = UdpSocket::bind(tcp.local_addr()?)?;
        udp.set_nonblocking(true)?;
        let abstract_name = format!("executor-canary-{}", std::process::id());
        let abstracts = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name)?)?;
        abstracts.set_nonblocking(true)?;
        let before = hashes(directory.path())?;
        Ok(Self { directory, tcp, udp, abstracts, abstract_name, before })
    }

    /// Replaces the placeholders in a probe's text with names and numbers of this host.
    ///
    /// # Errors
    /// If a placeholder is unknown.
    pub fn fill_in(&self, text: &str, target: &Target) -> Result<String, String> {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let port = self.tcp.local_addr().map_or(0, |address| address.port());
        let mut filled = text.to_owned();
        for (name, value) in [
            ("CANARY_PORT", port.to_string()),
            ("CANARY_ABSTRACT", self.abstract_name.clone()),
            ("CANARY_FILE", path("secret")),
            ("CANARY_DIR", path("closed")),
            ("CACHE_DIR", path("cache")),
            ("WEBD_PORT", target.address.port().to_string()),
            ("HOST_IP", address_of_this_host()),
            ("HOSTNAME", host_name()),
            ("EXECUTORD_SOCKET", target.socket.display().to_string()),
        ] {
            filled = filled.replace(&format!("${{{name}}}"), &value);
        }
        // Template literals and shell variables look the same; placeholders are in capitals.
        match filled.split("${").skip(1).filter_map(|rest| rest.split_once('}')).find(|(name, _)| {
            name.contains('_') && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
        }) {
            Some((name, _)) => Err(format!("unknown placeholder {name}")),
            None => Ok(filled),
        }
    }

    /// Verifies that a precondition of a case holds.
    ///
    /// # Errors
    /// If the fixtures do not provide it.
    pub fn has(&self, asked: &str) -> Result<(), String> {
        const KNOWN: [&str; 6] = [
            "canary file ${CANARY_FILE} (root, 0600",
            "canary dir ${CANARY_DIR} (root, 0700",
            "daemon environment holds EXECUTORD_CANARY_SECRET=CANARY-SECRET",
            "abstract unix listener @${CANARY_ABSTRACT} on the host",
            "executord listening on ${EXECUTORD_SOCKET}",
            "webd listening on ${WEBD_PORT}",
        ];
        let more = ["canary listener", "listener on 127.0.0.1:${CANARY_PORT}", "cache dir ${CACHE_DIR}"];
        match KNOWN.iter().chain(&more).any(|known| asked.starts_with(known)) {
            true => Ok(()),
            false => Err(format!("unknown precondition {asked:?}")),
        }
    }

    /// Verifies that files and directories are unchanged.
    ///
    /// # Errors
    /// A message if they are not.
    pub fn is_unchanged(&self) -> Result<(), String> {
        let now = hashes(self.directory.path()).map_err(|error| format!("canary files: {error}"))?;
        if now == self.before { Ok(()) } else { Err("canary files or directories changed".to_owned()) }
    }

    /// Verifies that no listener was reached.
    ///
    /// # Errors
    /// A message that names the listener.
    pub fn canary_not_reached(&self) -> Result<(), String> {
        if self.tcp.accept().is_ok() || self.udp.recv_from(&mut [0; 16]).is_ok() {
            return Err("the listener on the host's loopback was reached".to_owned());
        }
        match self.abstracts.accept() {
            Ok(_) => Err("the abstract socket on the host was reached".to_owned()),
            Err(_) => Ok(()),
        }
    }
}

fn hashes(directory: &Path) -> io::Result<BTreeMap<PathBuf, u64>> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path)?;
        let mut hasher = DefaultHasher::new();
        let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
        (metadata.mode(), metadata.uid(), metadata.gid(), metadata.ino(), times).hash(&mut hasher);
        if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path)?.flatten().map(|entry| entry.path()));
        } else {
            let mut content = Vec::new();
            File::open(&path)?.read_to_end(&mut content)?;
            content.hash(&mut hasher);
        }
        all.insert(path, hasher.finish());
    }
    Ok(all)
}

/// Returns an address of this host other than loopback, if any. Connecting a UDP socket sends nothing.
fn address_of_this_host() -> String {
    let ask = || -> io::Result<String> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        Ok(socket.local_addr()?.ip().to_string())
    };
    ask().unwrap_or_else(|_| Ipv4Addr::LOCALHOST.to_string())
}

/// Returns the host name.
#[must_use]
pub fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}
