//! Published clients of Piston, Judge0 and the Model Context Protocol, unchanged. `make clients` installs them and runs this.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::daemons::{Daemons, Settings, binary};
use e2e::key_server::KeyServer;
use e2e::package_sets;

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

/// Jobe's own acceptance test, of which no registry has a package. It reports how many of its checks fail; two of them need
/// pylint on the host.
#[tokio::test]
#[cfg(feature = "jobe-testsubmit")]
async fn acceptance_test_of_jobe() {
    let script = std::env::var_os("EXECUTOR_JOBE_TESTSUBMIT").expect("the path of testsubmit.py");
    let daemons = start().await;
    let address = daemons.address();
    let mut command = Command::new("python3");
    command.arg(script).args(["--host", &address.ip().to_string(), "--port", &address.port().to_string()]);
    command.args(["c", "cpp", "python3", "java", "php", "nodejs"]);
    run(&daemons, command).await;
}

#[tokio::test]
async fn clients_of_judge0() {
    let daemons = start().await;
    let url = format!("http://{}", daemons.address());
    run(&daemons, python("venv", "judge0_clients.py", &[&url, TOKEN, USER])).await;
    run(&daemons, python("wrapper", "judge0_wrapper.py", &[&url, TOKEN, USER])).await;
}

/// Runs both reference clients with these arguments.
async fn run_reference_clients(daemons: &Daemons, arguments: &[&str]) {
    package_sets::install_header(daemons);
    run(daemons, python("mcp", "mcp_client.py", arguments)).await;
    let mut node = Command::new("node");
    node.arg(installed().join("node/mcp.mjs")).args(arguments);
    run(daemons, node).await;
}

/// A client that cancels a call gets the only slot back.
fn one_slot() -> Settings {
    Settings { slots: 1, ..Settings::default() }
}

#[tokio::test]
async fn clients_of_mcp_over_stdio() {
    let daemons = Daemons::start(&one_slot()).await.expect("both daemons start");
    let (executor, socket) = (binary("executor").expect("the binary is built"), daemons.socket());
    let path = |path: &Path| path.to_str().expect("text").to_owned();
    run_reference_clients(&daemons, &["stdio", &path(&executor), &path(&socket)]).await;
}

#[tokio::test]
async fn clients_of_mcp_over_http() {
    let server = KeyServer::start_with(&one_slot()).await.expect("both daemons start");
    let key = server.key(&["add", "agent"]);
    let _ = server.key(&["revoke", "anonymous"]);
    server.until_status("", 401).await;
    let url = format!("http://{}/mcp", server.daemons.address());
    run_reference_clients(&server.daemons, &["http", &url, &key]).await;
}
