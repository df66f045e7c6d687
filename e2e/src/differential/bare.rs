//! The bare command, run by an unprivileged user in its own directory.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::programs::Program;
use super::{ProgramResult, USER, without_random_parts};

/// Home directory of [`USER`].
const HOME: &str = "/home/exec";
/// A uid that no user has.
const UID: u32 = 0x5fff_fff0;
/// Options of executord/languages/typescript/compile, on which the compiled program depends.
const TSC_OPTIONS: [&str; 21] = [
    "--ignoreConfig",
    "--rootDir",
    ".",
    "--noEmitOnError",
    "--target",
    "es2022",
    "--lib",
    "es2023",
    "--module",
    "nodenext",
    "--moduleDetection",
    "force",
    "--esModuleInterop",
    "--resolveJsonModule",
    "--rewriteRelativeImportExtensions",
    "--strict",
    "false",
    "--skipLibCheck",
    "--inlineSourceMap",
    "--types",
    "node",
];
const LONGEST: Duration = Duration::from_secs(60);

/// Compiles the program if its language is compiled, and runs it.
///
/// # Errors
/// If the commands cannot be started.
pub fn run(program: &Program) -> io::Result<ProgramResult> {
    run_with(program, &[])
}

/// Does what [`run`] does, with these variables in the environment of the program.
pub(super) fn run_with(program: &Program, variables: &[String]) -> io::Result<ProgramResult> {
    let directory =
        tempfile::Builder::new().prefix("bare-").permissions(Permissions::from_mode(0o755)).tempdir()?;
    let directory = directory.path();
    for name in ["box", "build", "home"] {
        fs::create_dir(directory.join(name))?;
        chown(directory.join(name), Some(UID), Some(UID))?;
    }
    for (name, content) in &program.files {
        let path = directory.join("box").join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content)?;
        chown(&path, Some(UID), Some(UID))?;
    }
    let (compile, mut run) = commands(program, directory);
    if let Some(compile) = compile {
        let compiled = execute(&compile, directory, "", &[])?;
        if !compiled.status.success() {
            return Ok(result(&compiled, "compile_error".to_owned(), directory));
        }
    }
    run.extend(program.args().iter().cloned());
    // As in a sandbox, the launcher's variable comes after those of the language.
    let variables = [language_variables(&program.language), variables.to_vec()].concat();
    let ran = execute(&run, directory, program.stdin(), &variables)?;
    let end = match (ran.status.code(), ran.status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    Ok(result(&ran, end, directory))
}

/// Returns the variables that the language file sets and on which the result of a program can depend.
fn language_variables(language: &str) -> Vec<String> {
    if language != "python" {
        return Vec::new();
    }
    let threads = thread::available_parallelism().map_or(1, usize::from).min(4);
    ["OPENBLAS", "OMP", "MKL", "NUMEXPR"].map(|name| format!("{name}_NUM_THREADS={threads}")).into()
}

fn result(output: &Output, end: String, directory: &Path) -> ProgramResult {
    // These directories have other names in a sandbox.
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes)
            .replace(&format!("{}/box", directory.display()), "/box")
            .replace(&format!("{}/build", directory.display()), "/build")
            .replace(&format!("{}/home", directory.display()), HOME);
        without_random_parts(&text)
    };
    ProgramResult { end, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Returns the commands as a user would type them, with the paths that a shell finds.
fn commands(program: &Program, directory: &Path) -> (Option<Vec<String>>, Vec<String>) {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let main = program.files[0].0.as_str();
    match program.language.as_str() {
        "python" => (None, words(&["/usr/bin/python3", main])),
        "javascript" => (None, words(&["/usr/bin/node", main])),
        "typescript" => {
            let build = directory.join("build");
            let mut tsc = words(&["tsc"]);
            tsc.extend(words(&TSC_OPTIONS));
            let types = ["/usr/local/lib", "/usr/lib"].map(|lib| format!("{lib}/node_modules/@types"));
            let types = types.into_iter().find(|types| Path::new(types).is_dir()).unwrap_or_default();
            tsc.extend(["--typeRoots".to_owned(), types]);
            tsc.extend(["--outDir".to_owned(), build.display().to_string()]);
            tsc.extend(
                program.files.iter().map(|(name, _)| name.clone()).filter(|name| !name.ends_with(".json")),
            );
            let script = build.join(main.replacen("ts", "js", 1)).display().to_string();
            (Some(tsc), words(&["/usr/bin/node", "--enable-source-maps", &script]))
        }
        "cpp" => {
            let main = directory.join("build/main").display().to_string();
            let mut compile = words(&["/usr/bin/g++", "-std=c++20", "-O2", "-march=native"]);
            compile.extend(words(&["-ffp-contract=off", "-DONLINE_JUDGE"]));
            compile.extend(words(&["-o", &main]));
            compile.extend(sources(program, &[".cpp", ".cc", ".cxx"]));
            (Some(compile), vec![main])
        }
        _ => {
            let build = directory.join("build").display().to_string();
            let mut javac = words(&["/usr/bin/javac", "-proc:none", "-d", &build]);
            javac.extend(sources(program, &[".java"]));
            let path = format!("{build}:.");
            (
                Some(javac),
                words(&["/usr/bin/java", "-Xss67108864", "-DONLINE_JUDGE=true", "-cp", &path, "Main"]),
            )
        }
    }
}

fn sources(program: &Program, extensions: &[&str]) -> Vec<String> {
    let is_source = |name: &&String| extensions.iter().any(|extension| name.ends_with(extension));
    program.files.iter().map(|(name, _)| name).filter(is_source).cloned().collect()
}

fn execute(words: &[String], directory: &Path, stdin: &str, variables: &[String]) -> io::Result<Output> {
    let mut command = Command::new("setpriv");
    command
        .args([format!("--reuid={UID}"), format!("--regid={UID}")])
        .args(["--clear-groups", "--no-new-privs", "--"])
        // The stack limit of most sandboxes.
        .args(["prlimit", "--stack=268435456", "--core=0", "--"])
        // Background jobs of a shell ignore some signals, and other parents may ignore more.
        .args(["env", "--default-signal"])
        .args(variables)
        .args(words)
        .current_dir(directory.join("box"))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", directory.join("home"))
        .env("USER", USER)
        .env("LOGNAME", USER)
        .env("LANG", "C.UTF-8")
        .env("TMPDIR", "/tmp")
        .env("ONLINE_JUDGE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        let stdin = stdin.to_owned();
        thread::spawn(move || {
            // Not every program reads stdin.
            let _ = pipe.write_all(stdin.as_bytes());
        });
    }
    let pid = Pid::from_raw(child.id().cast_signed());
    let (ended, end) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if end.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output();
    drop(ended);
    let _ = watch.join();
    output
}
