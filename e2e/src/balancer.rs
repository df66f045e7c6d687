//! A load balancer in front of several nodes, started from the files in `deploy/`.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper::Uri;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::ports::free_address;
use crate::proxy::{Shipped, TlsStream, installed, make_certificate, shipped};

/// Attempts before a wait fails, and the pause between them.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);
/// What the shipped files have in place of the first node.
const FIRST_NODE: &str = "10.0.0.1:3000";

/// A node that requests may be sent to.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name, which is that in its `webd.toml`.
    pub name: &'static str,
    /// The address of its webd.
    pub address: SocketAddr,
    /// Its slots.
    pub slots: u32,
}

/// A kind of balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HAProxy with `deploy/haproxy.cfg`.
    HaProxy,
    /// nginx with `deploy/nginx-cluster.conf`.
    Nginx,
}

/// A running balancer, until dropped.
#[derive(Debug)]
pub struct Balancer {
    kind: Kind,
    child: Child,
    addresses: Addresses,
    directory: TempDir,
}

#[derive(Clone, Copy, Debug)]
struct Addresses {
    /// HTTP: HTTPS would cost the tests more CPU time than the programs.
    plain: SocketAddr,
    tls: SocketAddr,
    metrics: SocketAddr,
}

impl Balancer {
    /// Starts a balancer, and waits until it accepts connections. The shipped file is used as it is, except for addresses,
    /// the certificate, and that it serves HTTP as well.
    ///
    /// # Errors
    /// If it is not installed or does not start, or if its file has changed so that an address is not found.
    pub fn start(kind: Kind, nodes: &[Node]) -> io::Result<Self> {
        // Workers run as another user.
        let directory = tempfile::Builder::new()
            .prefix("executor-balancer-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()?;
        let addresses = Addresses { plain: free_address()?, tls: free_address()?, metrics: free_address()? };
        make_certificate(directory.path())?;
        let path = directory.path().join("configuration");
        fs::write(&path, configuration(kind, directory.path(), addresses, nodes)?)?;
        let mut command = match kind {
            Kind::HaProxy => Command::new(installed("haproxy")?),
            Kind::Nginx => Command::new(installed("nginx")?),
        };
        match kind {
            Kind::HaProxy => command.args(["-W", "-db", "-f"]).arg(&path),
            Kind::Nginx => command.args(["-e", "stderr", "-c"]).arg(&path).arg("-p").arg(directory.path()),
        };
        let log = File::create(directory.path().join("log"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("start {command:?}: {error}")))?;
        let mut balancer = Self { kind, child, addresses, directory };
        balancer.wait_until_listening()?;
        Ok(balancer)
    }

    /// Uses other nodes from now on, as an administrator changes them: with a new file and a reload.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn reload(&self, nodes: &[Node]) -> io::Result<()> {
        let directory = self.directory.path();
        let text = configuration(self.kind, directory, self.addresses, nodes)?;
        fs::write(directory.join("configuration"), text)?;
        let signal = match self.kind {
            Kind::HaProxy => Signal::SIGUSR2,
            Kind::Nginx => Signal::SIGHUP,
        };
        Ok(kill(self.pid(), signal)?)
    }

    /// Kills all processes of the balancer, as in a crash.
    ///
    /// # Errors
    /// If one cannot be killed.
    pub fn kill(&self) -> io::Result<()> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        // The first process would start the others again.
        kill(self.pid(), Signal::SIGKILL)?;
        for worker in children.split_whitespace().filter_map(|text| text.parse().ok()) {
            kill(Pid::from_raw(worker), Signal::SIGKILL)?;
        }
        Ok(())
    }

    /// Sends HAProxy a command of its runtime API, and returns the answer.
    ///
    /// # Errors
    /// If HAProxy does not answer.
    pub async fn command(&self, command: &str) -> io::Result<String> {
        let mut socket = UnixStream::connect(self.directory.path().join("admin.sock")).await?;
        socket.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Returns the address for HTTP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.plain
    }

    /// Returns a URL.
    ///
    /// # Panics
    /// If `path` is not a valid path.
    #[must_use]
    pub fn url(&self, path: &str) -> Uri {
        format!("http://{}{path}", self.addresses.plain).parse().expect("a path")
    }

    /// Returns the URL of HAProxy's own metrics.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn metrics_url(&self) -> Uri {
        format!("http://{}/metrics", self.addresses.metrics).parse().expect("an address")
    }

    /// Connects with TLS from an address of this host.
    ///
    /// # Errors
    /// If `openssl` cannot be started.
    pub fn connect(&self, from: Ipv4Addr) -> io::Result<TlsStream> {
        TlsStream::connect(self.addresses.tls, from)
    }

    /// Returns what the balancer has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn wait_until_listening(&mut self) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            if std::net::TcpStream::connect(self.addresses.plain).is_ok() {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Err(io::Error::other(format!("the balancer does not listen:\n{}", self.log())))
    }
}

impl Drop for Balancer {
    /// SIGTERM ends workers too, which SIGKILL would leave behind.
    fn drop(&mut self) {
        let _ = kill(self.pid(), Signal::SIGTERM);
        for _ in 0..ATTEMPTS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                if std::thread::panicking() {
                    eprintln!("--- log of the balancer:\n{}", self.log());
                }
                return;
            }
            std::thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(kind: Kind, directory: &Path, addresses: Addresses, nodes: &[Node]) -> io::Result<String> {
    match kind {
        Kind::HaProxy => haproxy(directory, addresses, nodes),
        Kind::Nginx => nginx(directory, addresses, nodes),
    }
}

fn haproxy(directory: &Path, addresses: Addresses, nodes: &[Node]) -> io::Result<String> {
    let path = |name: &str| -> PathBuf { directory.join(name) };
    let certificate = fs::read_to_string(path("certificate.pem"))? + &fs::read_to_string(path("key.pem"))?;
    fs::write(path("executor.pem"), certificate)?;
    let Addresses { plain, tls, metrics } = addresses;
    let text = shipped("haproxy.cfg")?
        .replaced("log /dev/log local0", "log stdout format raw local0")?
        .replaced("/run/haproxy/admin.sock", &path("admin.sock").display().to_string())?
        .replaced("bind :80\n", &format!("bind {plain}\n"))?
        .replaced(
            "bind :443 ssl crt /etc/haproxy/executor.pem",
            &format!("bind {tls} ssl crt {}", path("executor.pem").display()),
        )?
        .replaced("    http-request redirect scheme https code 301 unless { ssl_fc }\n", "")?
        .replaced("bind 127.0.0.1:8405", &format!("bind {metrics}"))?;
    Ok(with_nodes(&text, nodes, |line, node| {
        line.replace("node-1", node.name).replace("maxconn 4", &format!("maxconn {}", node.slots))
    }))
}

fn nginx(directory: &Path, addresses: Addresses, nodes: &[Node]) -> io::Result<String> {
    let path = |name: &str| directory.join(name).display().to_string();
    let server = shipped("nginx-cluster.conf")?
        .replaced("rate=10r/s", "rate=1000r/s")?
        .replaced("burst=20", "burst=200")?
        .replaced("    listen 80;\n    listen [::]:80;\n", &format!("    listen {};\n", addresses.metrics))?
        .replaced("    listen [::]:443 ssl http2;\n", &format!("    listen {};\n", addresses.plain))?
        .replaced("listen 443 ssl", &format!("listen {} ssl", addresses.tls))?
        .replaced("/etc/letsencrypt/live/code.example.org/fullchain.pem", &path("certificate.pem"))?
        .replaced("/etc/letsencrypt/live/code.example.org/privkey.pem", &path("key.pem"))?;
    let server = with_nodes(&server, nodes, |line, _| line.to_owned());
    // What Debian's nginx.conf has around it.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};", path(name)))
        .join("\n");
    Ok(format!(
        "daemon off;\nworker_processes 1;\npid {pid};\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}\n{server}\n}}\n",
        pid = path("pid"),
    ))
}

/// Replaces the lines of the first node by lines for each node, and removes those of the second.
fn with_nodes(Shipped(text): &Shipped, nodes: &[Node], adapted: impl Fn(&str, &Node) -> String) -> String {
    let lines = text.lines().flat_map(|line| {
        let is_server = line.trim_start().starts_with("server ") && line.contains("10.0.0.");
        match (is_server, line.contains(FIRST_NODE)) {
            (false, _) => vec![line.to_owned()],
            (true, false) => Vec::new(),
            (true, true) => nodes
                .iter()
                .map(|node| adapted(line, node).replace(FIRST_NODE, &node.address.to_string()))
                .collect(),
        }
    });
    lines.map(|line| line + "\n").collect()
}
