//! The client libraries in `clients/` against real daemons: the examples of each README print what it says.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::key_server::KeyServer;

/// Returns a path in the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Runs the examples of a README with a command.
async fn run_readme(server: &KeyServer, readme: &str, language: &str, command: &Command) {
    let mut runner = Command::new("python3");
    runner.arg(path("clients/run_readme.py")).arg(path(readme)).arg(language);
    runner.arg(command.get_program()).args(command.get_args());
    runner.env("EXECUTOR_URL", format!("http://{}", server.daemons.address()));
    for (name, value) in command.get_envs() {
        runner.env(name, value.unwrap_or_default());
    }
    if let Some(directory) = command.get_current_dir() {
        runner.current_dir(directory);
    }
    let output = tokio::task::spawn_blocking(move || runner.output()).await.expect("it runs");
    let output = output.expect("python3 is installed");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    eprintln!("{text}");
    assert!(output.status.success(), "{text}\n{}", server.daemons.log_tail());
}

/// Node.js, which reads a module from stdin.
fn node(directory: PathBuf) -> Command {
    let mut node = Command::new("node");
    node.args(["--input-type=module", "-"]).current_dir(directory);
    node
}

/// The Python library from its sources, with the dependencies that `scripts/setup-test.sh` installs.
#[tokio::test]
async fn the_readme_of_the_python_library_is_right() {
    let server = KeyServer::start().await.expect("both daemons start");
    let mut python = Command::new(path("target/client-libraries/tools/bin/python"));
    python.arg("-").env("PYTHONPATH", path("clients/python/src")).env("PYTHONDONTWRITEBYTECODE", "1");
    run_readme(&server, "clients/python/README.md", "python", &python).await;
}

/// Both libraries from their packages, which `make client-libraries` builds and installs into new environments.
mod long {
    use super::*;

    #[tokio::test]
    async fn the_packages_are_what_each_readme_says() {
        let server = KeyServer::start().await.expect("both daemons start");
        let mut python = Command::new(path("target/client-libraries/python/bin/python"));
        python.arg("-");
        run_readme(&server, "clients/python/README.md", "python", &python).await;
        let installed = path("target/client-libraries/node");
        run_readme(&server, "clients/typescript/README.md", "js", &node(installed)).await;
    }
}
