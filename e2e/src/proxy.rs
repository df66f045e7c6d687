//! Real reverse proxies in front of webd, started from the files in `deploy/`.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::net::UnixStream;

use crate::ports::free_address;

/// Attempts before a wait fails, and the pause between them.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);
/// The host name in the files of `deploy/`.
pub const HOST: &str = "code.example.org";

/// A kind of proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// nginx with `deploy/nginx.conf`.
    Nginx,
    /// The same with a rate of one request in a minute, so that a test does not depend on the speed of the host.
    NginxWithLowRate,
    /// Caddy with `deploy/Caddyfile`.
    Caddy,
}

/// A running proxy, until dropped.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    /// The address for HTTPS.
    address: SocketAddr,
    directory: TempDir,
}

impl Proxy {
    /// Starts a proxy for the webd at `webd`, and waits until it accepts connections. The shipped file is used as it is,
    /// except for addresses and the certificate.
    ///
    /// # Errors
    /// If the proxy is not installed or does not start, or if its file has changed so that an address is not found.
    pub fn start(kind: Kind, webd: SocketAddr) -> io::Result<Self> {
        // Workers of nginx run as another user.
        let directory = tempfile::Builder::new()
            .prefix("executor-proxy-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()?;
        let (address, plain) = (free_address()?, free_address()?);
        make_certificate(directory.path())?;
        let mut command = match kind {
            Kind::Nginx => nginx(directory.path(), webd, address, plain, "10r/s")?,
            Kind::NginxWithLowRate => nginx(directory.path(), webd, address, plain, "1r/m")?,
            Kind::Caddy => caddy(directory.path(), webd, address, plain)?,
        };
        let log = File::create(directory.path().join("log"))?;
        command.env("HOME", directory.path()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("start {command:?}: {error}")))?;
        let mut proxy = Self { child, address, directory };
        proxy.wait_until_listening()?;
        Ok(proxy)
    }

    /// Connects with TLS from an address of this host.
    ///
    /// # Errors
    /// If `openssl` cannot be started.
    pub fn connect(&self, from: Ipv4Addr) -> io::Result<TlsStream> {
        TlsStream::connect(self.address, from)
    }

    /// Returns the address for HTTPS.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the file with the certificate, which is for [`HOST`].
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// Returns what the proxy has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn wait_until_listening(&mut self) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            if std::net::TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Err(io::Error::other(format!("the proxy does not listen:\n{}", self.log())))
    }
}

impl Drop for Proxy {
    /// SIGTERM ends nginx's workers too, which SIGKILL would leave behind.
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        for _ in 0..ATTEMPTS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A TLS connection, carried by a process of `openssl s_client`.
#[derive(Debug)]
pub struct TlsStream {
    /// The decrypted stream.
    pub stream: UnixStream,
    /// The process, which must live as long as the stream is used.
    pub client: TlsClient,
}

impl TlsStream {
    pub(crate) fn connect(address: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let client = Command::new("openssl")
            .args(["s_client", "-quiet", "-verify_quiet", "-servername", HOST, "-alpn", "http/1.1"])
            .args(["-connect", &address.to_string(), "-bind", &format!("{from}:0")])
            .stdin(OwnedFd::from(theirs.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { stream: UnixStream::from_std(ours)?, client: TlsClient(client) })
    }
}

/// A process of `openssl s_client`, killed when dropped.
#[derive(Debug)]
pub struct TlsClient(Child);

impl Drop for TlsClient {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Creates a certificate for [`HOST`], `certificate.pem` and `key.pem`.
pub(crate) fn make_certificate(directory: &Path) -> io::Result<()> {
    let status = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
        ])
        .args(["-subj", &format!("/CN={HOST}"), "-addext", &format!("subjectAltName=DNS:{HOST}")])
        // rustls accepts no certificate of an authority as that of a server.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(directory.join("key.pem"))
        .arg("-out")
        .arg(directory.join("certificate.pem"))
        .stderr(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("openssl req failed")) }
}

fn nginx(
    directory: &Path,
    webd: SocketAddr,
    tls: SocketAddr,
    plain: SocketAddr,
    rate: &str,
) -> io::Result<Command> {
    let path = |name: &str| directory.join(name).display().to_string();
    let server = shipped("nginx.conf")?
        .replaced("rate=10r/s", &format!("rate={rate}"))?
        .replaced("    listen [::]:80;\n", "")?
        .replaced("    listen [::]:443 ssl http2;\n", "")?
        .replaced("listen 80;", &format!("listen {plain};"))?
        .replaced("listen 443 ssl", &format!("listen {tls} ssl"))?
        .replaced("server 127.0.0.1:3000;", &format!("server {webd};"))?
        .replaced("/etc/letsencrypt/live/code.example.org/fullchain.pem", &path("certificate.pem"))?
        .replaced("/etc/letsencrypt/live/code.example.org/privkey.pem", &path("key.pem"))?;
    // What Debian's nginx.conf has around it.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};", path(name)))
        .join("\n");
    let main = format!(
        "daemon off;\nworker_processes 1;\npid {pid};\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}\n{server}\n}}\n",
        pid = path("pid"),
        server = server.0,
    );
    fs::write(directory.join("nginx.conf"), main)?;
    let mut command = Command::new(installed("nginx")?);
    command.arg("-e").arg("stderr").arg("-c").arg(directory.join("nginx.conf")).arg("-p").arg(directory);
    Ok(command)
}

fn caddy(directory: &Path, webd: SocketAddr, tls: SocketAddr, plain: SocketAddr) -> io::Result<Command> {
    let certificate = directory.join("certificate.pem");
    let key = directory.join("key.pem");
    let site = shipped("Caddyfile")?
        .replaced(
            "\ncode.example.org {\n",
            &format!(
                "\nhttps://code.example.org {{\n\tbind 127.0.0.1\n\ttls {} {}\n",
                certificate.display(),
                key.display()
            ),
        )?
        .replaced("reverse_proxy 127.0.0.1:3000", &format!("reverse_proxy {webd}"))?;
    let global = format!(
        "{{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n\thttp_port {}\n\thttps_port {}\n}}\n",
        plain.port(),
        tls.port()
    );
    fs::write(directory.join("Caddyfile"), global + &site.0)?;
    let mut command = Command::new(installed("caddy")?);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(directory.join("Caddyfile"));
    command.env("XDG_DATA_HOME", directory).env("XDG_CONFIG_HOME", directory);
    Ok(command)
}

/// The text of a file in `deploy/`.
pub(crate) struct Shipped(pub(crate) String);

pub(crate) fn shipped(name: &str) -> io::Result<Shipped> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name);
    fs::read_to_string(&path)
        .map(Shipped)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl Shipped {
    /// Replaces a text that must occur exactly once outside of comments.
    pub(crate) fn replaced(self, from: &str, to: &str) -> io::Result<Self> {
        match self.0.matches(from).count() {
            1 => Ok(Self(self.0.replacen(from, to, 1))),
            count => Err(io::Error::other(format!("deploy/ has {from:?} {count} times instead of once"))),
        }
    }
}

/// Returns the path of an installed program, also where `PATH` has no directories of system programs.
pub(crate) fn installed(name: &str) -> io::Result<PathBuf> {
    let candidates =
        ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(|directory| Path::new(directory).join(name));
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| io::Error::other(format!("{name} is not installed; run scripts/setup-test.sh")))
}
