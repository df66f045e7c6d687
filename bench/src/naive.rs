//! A server as one would write it in an evening: it adds and deletes a user for each request, and runs the command
//! with `timeout` and `runuser`. It serves as a comparison and is not a sandbox.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::at;
use crate::groups::Group;

/// First argument of the benchmark that makes it this server.
pub const ARGUMENT: &str = "serve-naively";
/// Time limit of a program in seconds.
const SECONDS: &str = "60";

/// The server as a process, ended when dropped.
#[derive(Debug)]
pub struct Naive {
    child: Child,
    /// Its address.
    pub address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Naive {
    /// Starts it in a cgroup with a private copy of /etc, so that its users do not exist on the host.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(group: &Group) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("executor-bench-naive-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        let script = format!(
            "set -e\n{}cp -a /etc \"$1/etc\"\nmount --bind \"$1/etc\" /etc\nexec \"$0\" {ARGUMENT} \"$1\"",
            group.enter()
        );
        let mut child = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .arg(std::env::current_exe()?)
            .arg(directory.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| io::Error::other("the naive server did not start"))?;
        Ok(Self { child, address, _directory: directory })
    }
}

impl Drop for Naive {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the server, and prints its address.
///
/// # Errors
/// If it cannot listen.
pub fn serve(directory: &Path) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    for stream in listener.incoming() {
        let (stream, directory) = (stream?, directory.to_owned());
        std::thread::spawn(move || {
            // A client may disconnect; errors of a request are in its response.
            let _ = serve_connection(stream, &directory);
        });
    }
    Ok(())
}

fn serve_connection(stream: TcpStream, directory: &Path) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let (status, answer) = match execute(&serde_json::from_slice(&body)?, directory) {
            Ok(output) => ("200 OK", json!({ "output": output })),
            Err(error) => ("500 Internal Server Error", json!({ "error": error.to_string() })),
        };
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.get_mut().write_all((head + &answer).as_bytes())?;
    }
}

/// Serializes `useradd` and `userdel`, which fail if another one runs.
static PASSWD: Mutex<()> = Mutex::new(());
static COUNT: AtomicU64 = AtomicU64::new(0);

fn execute(request: &Value, directory: &Path) -> io::Result<String> {
    let user = format!("naive{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let home = directory.join(&user);
    let home_argument = home.display().to_string();
    {
        let _guard = PASSWD.lock().unwrap_or_else(PoisonError::into_inner);
        tool("useradd", &["--create-home", "--home-dir", &home_argument, "--user-group", &user])?;
    }
    let output = run(request, &user, &home);
    {
        let _guard = PASSWD.lock().unwrap_or_else(PoisonError::into_inner);
        tool("userdel", &[&user])?;
    }
    fs::remove_dir_all(&home)?;
    output
}

fn run(request: &Value, user: &str, home: &Path) -> io::Result<String> {
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(home)?);
    let stdin = home.join("stdin");
    for file in request["files"].as_array().into_iter().flatten() {
        let path = home.join(file["name"].as_str().unwrap_or("main"));
        fs::write(&path, file["content"].as_str().unwrap_or(""))?;
        chown(&path, Some(owner), Some(owner))?;
    }
    fs::write(&stdin, request["stdin"].as_str().unwrap_or(""))?;
    let command = match request["language"].as_str() {
        Some("python") => "python3 main.py",
        Some("javascript") => "node main.js",
        Some("cpp") => "g++ -std=c++20 -O2 -march=native -ffp-contract=off -pipe -o main *.cpp && ./main",
        Some("java") => "javac -d build *.java && java -cp build Main",
        _ => return Err(io::Error::other("Unsupported language")),
    };
    let Output { status, stdout, stderr } = Command::new("timeout")
        .args([SECONDS, "runuser", "-u", user, "--", "sh", "-c", command])
        .current_dir(home)
        .stdin(fs::File::open(stdin)?)
        .output()?;
    if !status.success() {
        return Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(&stderr))));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

fn tool(name: &str, arguments: &[&str]) -> io::Result<()> {
    let Output { status, stderr, .. } = at(name, Command::new(name).args(arguments).output())?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{name}: {}", String::from_utf8_lossy(&stderr)))),
    }
}
