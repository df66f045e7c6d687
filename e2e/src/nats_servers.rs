//! The servers of NATS of a cluster, set up as docs/cluster.md says: with TLS, and with the keys, permissions, streams and
//! consumers that `executor cluster` creates.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cluster::connection::Settings;
use cluster::subjects::Name;
use cluster::test_server::{NatsServer, ServerOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::daemons::binary;
use crate::ports::free_address;

/// File with the key of the administrator.
const ADMINISTRATOR: &str = "admin.nk";
/// Attempts to initialize servers that elect a leader, and the pause between them.
const ATTEMPTS: u32 = 40;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// One server, or three that replicate.
#[derive(Debug)]
pub struct NatsServers {
    /// The servers.
    pub servers: Vec<NatsServer>,
    directory: TempDir,
    /// Numbers of the nodes that have keys.
    nodes: usize,
}

impl NatsServers {
    /// Starts servers for some nodes. Their certificate is for loopback and for `addresses`.
    ///
    /// # Errors
    /// If something does not start, or a command fails.
    pub fn start(servers: usize, nodes: usize, addresses: &[Ipv4Addr]) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("executor-nats-keys-").tempdir()?;
        make_certificates(directory.path(), addresses)?;
        let mut new = Self { servers: Vec::new(), directory, nodes };
        new.make_keys()?;
        let routes = ports(servers)?;
        for number in 0..servers {
            let more = new.configuration(number, &routes);
            let everywhere = !addresses.is_empty();
            new.servers.push(NatsServer::start(&ServerOptions {
                more,
                tls: true,
                everywhere,
                ..ServerOptions::default()
            })?);
        }
        new.initialize()?;
        Ok(new)
    }

    /// Creates the keys of one more node, and makes them known to the servers, which go on.
    ///
    /// # Errors
    /// If a command fails.
    pub fn add_node(&mut self) -> io::Result<()> {
        self.nodes += 1;
        self.make_keys()?;
        for server in &self.servers {
            kill(Pid::from_raw(server.pid().cast_signed()), Signal::SIGHUP)?;
        }
        Ok(())
    }

    /// Returns the URLs of all servers, at another address than loopback if there is one.
    #[must_use]
    pub fn urls(&self, address: Option<Ipv4Addr>) -> Vec<String> {
        let address = address.unwrap_or(Ipv4Addr::LOCALHOST);
        self.servers.iter().map(|server| server.url_at(address)).collect()
    }

    /// Returns the content of a key file.
    ///
    /// # Errors
    /// If there is no such key.
    pub fn seed(&self, process: &str) -> io::Result<String> {
        fs::read_to_string(self.path(&format!("{process}.nk")))
    }

    /// Returns the certificates that sign those of the servers.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn authority(&self) -> io::Result<String> {
        fs::read_to_string(self.path("authority.pem"))
    }

    /// Returns how the administrator connects.
    #[must_use]
    pub fn administrator(&self) -> Settings {
        Settings {
            servers: self.urls(None),
            key_file: Some(self.path(ADMINISTRATOR)),
            ca_file: Some(self.path("authority.pem")),
            name: Name::of_host("administrator"),
        }
    }

    /// Runs `executor cluster` with a command that connects, and returns what it prints.
    ///
    /// # Errors
    /// If it fails.
    pub fn command(&self, arguments: &[&str]) -> io::Result<String> {
        let mut command = Command::new(binary("executor")?);
        command.arg("cluster").args(arguments);
        for url in self.urls(None) {
            command.args(["--server", &url]);
        }
        command.arg("--key-file").arg(self.path(ADMINISTRATOR));
        command.arg("--ca-file").arg(self.path("authority.pem"));
        output(&mut command)
    }

    fn initialize(&self) -> io::Result<()> {
        let replicas = self.servers.len().to_string();
        // Servers that have just started have no leader.
        for _ in 1..ATTEMPTS {
            if self.command(&["init", "--replicas", &replicas]).is_ok() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        self.command(&["init", "--replicas", &replicas]).map(|_| ())
    }

    fn make_keys(&self) -> io::Result<()> {
        let mut command = Command::new(binary("executor")?);
        command.args(["cluster", "keys", "--out"]).arg(self.directory.path());
        for number in 0..self.nodes {
            command.args(["--front", &front_name(number), "--node", &node_name(number)]);
        }
        output(&mut command).map(|_| ())
    }

    fn configuration(&self, number: usize, routes: &[u16]) -> String {
        let path = |name: &str| self.path(name);
        // `include` takes a path relative to the file that has it.
        let users = format!("../{}/executor-users.conf", name_of(self.directory.path()));
        let mut text = format!(
            "tls {{ cert_file: {:?}, key_file: {:?} }}\ninclude {users:?}\n# max_payload is in the included file\n",
            path("server.pem"),
            path("server.key"),
        );
        if let [_, _, ..] = routes {
            let urls: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
            text.push_str(&format!(
                "server_name: nats-{number}\ncluster {{ name: test, listen: \"127.0.0.1:{}\", routes: {urls:?} }}\n",
                routes[number]
            ));
        }
        text
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Returns the name of the webd of a node.
#[must_use]
pub fn front_name(number: usize) -> String {
    format!("front-{number}")
}

/// Returns the name of a node.
#[must_use]
pub fn node_name(number: usize) -> String {
    format!("node-{number}")
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns free ports, for the connections between servers.
fn ports(count: usize) -> io::Result<Vec<u16>> {
    (0..count).map(|_| Ok(free_address()?.port())).collect()
}

/// Creates an authority, and the certificate that all servers use.
fn make_certificates(directory: &Path, addresses: &[Ipv4Addr]) -> io::Result<()> {
    let request = |name: &str| {
        let mut command = Command::new("openssl");
        command
            .current_dir(directory)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "1", "-subj", &format!("/CN={name}")])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        command
    };
    output(&mut request("authority"))?;
    let mut names = "subjectAltName=IP:127.0.0.1".to_owned();
    addresses.iter().for_each(|address| names.push_str(&format!(",IP:{address}")));
    output(
        request("server")
            .args(["-CA", "authority.pem", "-CAkey", "authority.key", "-addext", &names])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"]),
    )
    .map(|_| ())
}

fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {message}")))
}
