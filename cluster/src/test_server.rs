//! A nats-server for tests. It is killed when the thread that started it ends, and its directory is removed when the process ends,
//! however that happens.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::connection::Settings;
use crate::subjects::Name;

/// Environment variable with the path of another server than that in `PATH`.
const PROGRAM_VARIABLE: &str = "EXECUTOR_NATS_SERVER";
/// Attempts before a start fails, and the pause between them.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// Gigabytes that the streams may have.
const STORAGE: u32 = 64;

/// What a test changes in the configuration of the server.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Text that is added to the configuration.
    pub more: String,
    /// Whether the server uses TLS, for which `more` names a certificate.
    pub tls: bool,
    /// Whether the server listens on all addresses of its network namespace, instead of loopback.
    pub everywhere: bool,
    /// Gigabytes of `max_file_store`, if not [`STORAGE`].
    pub storage: Option<u32>,
}

/// A server with its own directory.
#[derive(Debug)]
pub struct NatsServer {
    child: Child,
    port: u16,
    scheme: &'static str,
    directory: PathBuf,
    /// Process that removes the directory.
    remover: Child,
}

impl NatsServer {
    /// Starts a server.
    ///
    /// # Errors
    /// If nats-server is not installed or does not start.
    pub fn start(options: &ServerOptions) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("executor-nats-").tempdir()?.keep();
        let remover = remove_at_end(&directory)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let path = directory.as_path();
        let address = if options.everywhere { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let storage = options.storage.unwrap_or(STORAGE);
        let mut text = format!(
            "listen: \"{address}:{port}\"\njetstream {{ store_dir: {path:?}, max_file_store: {storage}GB }}\n"
        );
        if !options.more.contains("max_payload") {
            text.push_str("max_payload: 8MB\n");
        }
        text.push_str(&options.more);
        fs::write(path.join("nats.conf"), text)?;
        let child = spawn(path)?;
        let scheme = if options.tls { "tls" } else { "nats" };
        let mut server = Self { child, port, scheme, directory, remover };
        server.wait()?;
        Ok(server)
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(Ipv4Addr::LOCALHOST)
    }

    /// Returns the URL of the server at another address of its host.
    #[must_use]
    pub fn url_at(&self, address: Ipv4Addr) -> String {
        format!("{}://{address}:{}", self.scheme, self.port)
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the directory of the server.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns settings for a process that connects with a key, or without one.
    ///
    /// # Panics
    /// If the name is not valid.
    #[must_use]
    pub fn settings(&self, name: &str, key_file: Option<PathBuf>) -> Settings {
        let name: Name = name.parse().expect("a name");
        Settings { servers: vec![self.url()], key_file, ca_file: None, name }
    }

    /// Kills the server, as in a crash.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// Stops the server, which first stores all its state.
    ///
    /// # Errors
    /// If it cannot be stopped.
    pub fn stop(&mut self) -> io::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait().map(|_| ())
    }

    /// Starts the server again, with its stored data.
    ///
    /// # Errors
    /// As [`NatsServer::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.child = spawn(&self.directory)?;
        self.wait()
    }

    /// Returns the directory of the streams.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.directory.join("jetstream")
    }

    /// Returns the output of the server.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn wait(&mut self) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("nats-server ended with {status}: {}", self.log())));
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        Err(io::Error::other(format!("nats-server does not listen: {}", self.log())))
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.kill();
        // Closes its standard input first.
        let _ = self.remover.wait();
    }
}

/// Starts a process that removes a directory when its standard input is closed. This happens even if this process is killed, or
/// never drops the server because it is in a static.
fn remove_at_end(directory: &Path) -> io::Result<Child> {
    // The server, which may be killed at the same time, can still create a file, and a test may have mounted a file system.
    let script = "trap '' INT TERM; cat; rm -rf \"$0\" || { sleep 1; umount -l \"$0\"/*; rm -rf \"$0\"; }";
    Command::new("sh")
        .args(["-c", script])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn spawn(directory: &Path) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(directory.join("log"))?;
    let program = std::env::var_os(PROGRAM_VARIABLE).unwrap_or_else(|| "nats-server".into());
    // setpriv(1) asks the kernel to kill the server with this thread.
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(program)
        .arg("-c")
        .arg(directory.join("nats.conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}
