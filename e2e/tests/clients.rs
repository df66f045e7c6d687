//! Published clients of Piston and Judge0, unchanged. `make clients` installs them and runs this.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::daemons::{Daemons, Settings};

const TOKEN: &str = "clients-token";
const USER: &str = "clients-user";

/// Returns the directory of the installed clients.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients")
}

async fn start() -> Daemons {
    let webd = format!("[judge0]\nauth_token = \"{TOKEN}\"\nadmin_token = \"{USER}\"\n");
    Daemons::start(&Settings { webd, ..Settings::from_environment() }).await.expect("both daemons start")
}

async fn run(daemons: &Daemons, mut command: Command) {
    let output: Output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("it runs")
        .expect("the clients are installed; see `make clients`");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    eprintln!("{text}");
    assert!(output.status.success(), "{text}\n{}", daemons.log_tail());
}

fn python(environment: &str, script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(installed().join(environment).join("bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script)).args(arguments);
    command
}

#[tokio::test]
async fn clients_of_piston() {
    let daemons = start().await;
    let url = format!("http://{}", daemons.address());
    run(&daemons, python("venv", "piston.py", &[&url])).await;
    let mut node = Command::new("node");
    node.arg(installed().join("node/piston.mjs")).arg(&url);
    run(&daemons, node).await;
}

#[tokio::test]
async fn clients_of_judge0() {
    let daemons = start().await;
    let url = format!("http://{}", daemons.address());
    run(&daemons, python("venv", "judge0_clients.py", &[&url, TOKEN])).await;
    run(&daemons, python("wrapper", "judge0_wrapper.py", &[&url, TOKEN, USER])).await;
}
