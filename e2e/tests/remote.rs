//! `executor --url`: a remote server does what executord on the same host does.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use e2e::daemons::{binary, eventually};
use e2e::key_server::KeyServer;
use e2e::proxy::{HOST, Kind, Proxy};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Programs and other files that the commands use.
const FILES: &[(&str, &str)] = &[
    (
        "hello.py",
        "import sys, os\nprint('out', sys.argv[1:], os.environ.get('TZ'))\nprint('err', file=sys.stderr)\nsys.exit(int(sys.argv[1]))",
    ),
    ("echo.py", "import sys\nfor line in sys.stdin: print(line.strip()[::-1], flush=True)"),
    ("crash.c", "int main(void) { *(volatile int *)0 = 1; }"),
    ("broken.c", "int main(void) { return x; }"),
    ("std.cpp", "#include <cstdio>\nint main() { std::printf(\"%ld\\n\", (long)__cplusplus); }"),
    ("bytes.py", "import os\nos.write(1, b'\\xff\\x00\\n')"),
    ("loop.py", "while True: pass"),
    ("flood.py", "import sys\nsys.stderr.write('x' * 3000)"),
    ("main.py", "import twice\nprint(twice.of(21))"),
    ("twice.py", "def of(n): return 2 * n"),
    (
        "files.py",
        "import os\nos.mkdir('d')\nopen('d/a.bin', 'wb').write(b'\\xff')\nopen('b.txt', 'w').write('b')\nprint('done')",
    ),
    ("tty.py", "import os\nprint(os.isatty(0), os.get_terminal_size())"),
    ("check.py", "import sys\nsys.exit(0 if open(sys.argv[2]).read() == '42\\n' else 1)"),
    ("expected.txt", "42\n"),
];

/// Commands and their stdin. stdout, stderr, exit status and files are the same on both ways.
const COMMANDS: &[(&str, &str)] = &[
    ("run hello.py -- 0", ""),
    ("run --env TZ=UTC hello.py -- 7 b", ""),
    ("run --merge-output hello.py -- 0", ""),
    ("run --limit memory=64MiB --limit cpu=1s loop.py", ""),
    ("run crash.c", ""),
    ("run broken.c", ""),
    ("run std.cpp", ""),
    ("run --option std=c++20 std.cpp", ""),
    ("run --option std=c++98x std.cpp", ""),
    ("run --limit output=1000 flood.py", ""),
    ("run bytes.py", ""),
    ("run main.py --file twice.py", ""),
    ("run --tty tty.py", ""),
    ("run --out OUT files.py", ""),
    ("run --out OUT --output *.txt files.py", ""),
    ("run --out OUT --output d/* files.py", ""),
    ("run --expect expected.txt main.py --file twice.py", ""),
    ("run --expect expected.txt hello.py -- 0", ""),
    ("run --checker check.py main.py --file twice.py", ""),
    ("run --checker check.py hello.py -- 0", ""),
    ("run --stdin expected.txt echo.py", ""),
    ("run -l python -", "print(6*7)"),
    ("run echo.py", "abc\ndef\n"),
    ("languages python", ""),
    ("languages --json cpp", ""),
];

struct Remote {
    server: KeyServer,
    url: String,
    key: String,
    directory: tempfile::TempDir,
}

impl Remote {
    async fn start() -> Self {
        let server = KeyServer::start().await.expect("both daemons start");
        let key = server.key(&["add", "alice"]);
        let _ = server.key(&["revoke", "anonymous"]);
        server.until_status("", 401).await;
        server.until_status(&key, 200).await;
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, content) in FILES {
            fs::write(directory.path().join(name), content).expect("a writable directory");
        }
        fs::write(directory.path().join("key"), format!("{key}\n")).expect("a writable directory");
        Self { url: format!("http://{}", server.daemons.address()), server, key, directory }
    }

    /// Returns the command with the server and the key in its environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("executor").expect("the binary is built"));
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.env("EXECUTOR_URL", &self.url).env("EXECUTOR_KEY", &self.key);
        command
    }

    fn local_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env_clear().env("EXECUTOR_SOCKET", self.server.daemons.socket());
        command
    }

    async fn is_idle(&self) -> bool {
        let status = self.server.daemons.status().await;
        status.running == 0 && status.queued == 0
    }
}

fn run(mut command: Command, stdin: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // A command that ends without reading its input closes it.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
    child.wait_with_output().expect("the command ends")
}

/// What a command printed, how it ended, and which files it wrote.
#[derive(Debug, PartialEq, Eq)]
struct Observed {
    stdout: String,
    stderr: String,
    code: Option<i32>,
    files: Vec<(String, Vec<u8>)>,
}

fn observe(remote: &Remote, mut command: Command, stdin: &str) -> Observed {
    let out = remote.directory.path().join("OUT");
    let _ = fs::remove_dir_all(&out);
    command.env("NO_COLOR", "1");
    let output = run(command, stdin);
    Observed {
        stdout: output.stdout.escape_ascii().to_string(),
        stderr: without_times(&output.stderr.escape_ascii().to_string()),
        code: output.status.code(),
        files: files_below(&out, ""),
    }
}

/// Removes what differs between two runs of the same program: the time that was used.
fn without_times(text: &str) -> String {
    text.split(" allowed, ").next().unwrap_or_default().to_owned()
}

fn files_below(directory: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flatten()
        .flat_map(|entry| {
            let name = format!("{prefix}{}", entry.file_name().display());
            match fs::read(entry.path()) {
                Ok(content) => vec![(name, content)],
                Err(_) => files_below(&entry.path(), &format!("{name}/")),
            }
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_remote_server_does_what_the_daemon_on_this_host_does() {
    let remote = Remote::start().await;
    for (line, stdin) in COMMANDS {
        let arguments: Vec<&str> = line.split(' ').collect();
        let local = observe(&remote, remote.local_command(&arguments), stdin);
        let over_http = observe(&remote, remote.command(&arguments), stdin);
        assert_eq!(over_http, local, "{line}");
    }
    same_json(&remote);
    kept_programs(&remote);
    errors(&remote);
    prompts_and_interrupts(&remote);
    an_abandoned_program_ends(&remote).await;
    tls(&remote);
}

/// `--json` has the same fields, with the same values except for times.
fn same_json(remote: &Remote) {
    let arguments = ["run", "--json", "--artifacts", "--output", "*.txt", "files.py"];
    let parse = |command: Command| -> Value {
        let output = run(command, "");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (mut local, mut over_http) =
        (parse(remote.local_command(&arguments)), parse(remote.command(&arguments)));
    assert_eq!(over_http["output_files"][0]["content"], "b");
    for answer in [&mut local, &mut over_http] {
        for name in ["id", "queue_ms", "start", "start_ms", "usage"] {
            answer[name] = Value::Null;
            answer["runs"][0][name] = Value::Null;
        }
    }
    assert_eq!(over_http, local);
}

fn kept_programs(remote: &Remote) {
    let first = run(remote.command(&["run", "--keep", "60s", "echo.py"]), "ab\n");
    let stderr = String::from_utf8(first.stderr).expect("text");
    let build = stderr.trim().strip_prefix("build: ").expect("the id of the program");
    let second = run(remote.command(&["run", "--build", build]), "xyz\n");
    assert_eq!((first.stdout, second.stdout), (b"ba\n".to_vec(), b"zyx\n".to_vec()));
}

#[track_caller]
fn check_error(command: Command, code: i32, message: &str) {
    let output = run(command, "");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), stderr.contains(message)), (Some(code), true), "{stderr}");
}

fn errors(remote: &Remote) {
    let hello = ["run", "hello.py", "--", "0"];
    let mut without_key = remote.command(&hello);
    without_key.env_remove("EXECUTOR_KEY");
    check_error(without_key, 2, "give an API key with --key-from FILE or in EXECUTOR_KEY");
    check_error(remote.command(&["--key", "exk_wrong", "run", "hello.py"]), 2, "--key-from");
    let mut from_file = remote.command(&["--key-from", "key", "run", "hello.py", "--", "0"]);
    from_file.env_remove("EXECUTOR_KEY");
    assert_eq!(run(from_file, "").status.code(), Some(0));
    check_error(remote.command(&["--key-from", "none", "run", "hello.py"]), 2, "--key-from none");
    check_error(
        remote.command(&["run", "-l", "pyton", "hello.py"]),
        2,
        "`executor languages` lists the languages",
    );
    check_error(
        remote.command(&["--url", "http://127.0.0.1:1", "run", "hello.py"]),
        125,
        "cannot connect to http://127.0.0.1:1",
    );
    check_error(remote.command(&["--url", &remote.url, "status"]), 2, "does not work with --url");
    check_error(
        remote.command(&["--url", "example.org", "run", "hello.py"]),
        2,
        "expected a URL such as https://",
    );
    let output = run(remote.command(&["run", "--json", "-l", "pyton", "hello.py"]), "");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&answer["code"], output.status.code()), (&"unsupported_language".into(), Some(2)));
}

/// Input is sent while the program runs, and the first Ctrl+C is for the program.
fn prompts_and_interrupts(remote: &Remote) {
    // A signal that arrives before the program waits for it stays pending.
    let program = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\nname = input('Name? ')\n\
                   print('Hello,', name, flush=True)\nsignal.sigwait([signal.SIGINT])\nprint('interrupted')";
    fs::write(remote.directory.path().join("prompt.py"), program).expect("a writable directory");
    let mut command = remote.command(&["run", "--option", "unbuffered", "prompt.py"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the command starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut prompt = [0; 6];
    output.read_exact(&mut prompt).expect("a prompt");
    assert_eq!(&prompt, b"Name? ");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"Ada\n").expect("the command reads");
    let mut lines = output.lines().map(|line| line.expect("text"));
    assert_eq!(lines.next().as_deref(), Some("Hello, Ada"));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the command runs");
    assert_eq!(lines.next().as_deref(), Some("interrupted"));
    assert_eq!(child.wait().expect("the command ends").code(), Some(0));
}

async fn an_abandoned_program_ends(remote: &Remote) {
    fs::write(
        remote.directory.path().join("sleep.py"),
        "print('runs', flush=True)\nimport time\ntime.sleep(60)",
    )
    .expect("a writable directory");
    let mut command = remote.command(&["run", "--limit", "wall=100s", "sleep.py"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the command starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut String::new()).expect("output");
    assert!(!remote.is_idle().await);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(eventually(async || remote.is_idle().await).await, "the program still runs");
}

/// Through nginx with TLS, whose certificate is for a name. The name is resolved by a hosts file of the command's own.
fn tls(remote: &Remote) {
    let proxy = Proxy::start(Kind::Nginx, remote.server.daemons.address()).expect("nginx starts");
    let hosts = remote.directory.path().join("hosts");
    fs::write(&hosts, format!("127.0.0.1 {HOST} other.example.org\n")).expect("a writable directory");
    let through = |host: &str, options: &[&str]| {
        let mut command = Command::new("unshare");
        let script = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
        command
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(&hosts)
            .arg(binary("executor").expect("built"));
        command.args(["--url", &format!("https://{host}:{}", proxy.address().port())]).args(options);
        command
            .args(["run", "echo.py"])
            .env("EXECUTOR_KEY", &remote.key)
            .current_dir(remote.directory.path());
        command
    };
    let certificate = proxy.certificate();
    let certificate = certificate.to_str().expect("text");
    let output = run(through(HOST, &["--cacert", certificate]), "over TLS\n");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "SLT revo\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    check_error(through(HOST, &[]), 125, "TLS with https://");
    check_error(through("other.example.org", &["--cacert", certificate]), 125, "certificate");
    check_error(through(HOST, &["--cacert", "none.pem"]), 125, "give a file in PEM with --cacert");
}
