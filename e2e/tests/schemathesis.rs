//! Requests that schemathesis generates from `/openapi.json`, for all APIs. `make schemathesis` installs it and runs this.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

use std::path::Path;
use std::process::Command;

use e2e::daemons::Settings;
use e2e::key_server::KeyServer;

/// Requests of each operation, unless the variable has another number.
const EXAMPLES: u32 = 60;
const EXAMPLES_VARIABLE: &str = "EXECUTOR_SCHEMATHESIS_EXAMPLES";
/// Everything that a setting enables.
const WEBD: &str = "[judge0]\nenable_delete = true\nenable_callbacks = true\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_that_the_description_promises() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = std::env::var(EXAMPLES_VARIABLE).map_or(EXAMPLES, |number| number.parse().unwrap());
    let server = KeyServer::start_with(&Settings { webd: WEBD.to_owned(), ..Settings::default() })
        .await
        .expect("both daemons start");
    let key = server.key(&["add", "schemathesis"]);
    // Requests whose key schemathesis leaves out must be refused.
    let _ = server.key(&["revoke", "anonymous"]);
    server.until_status("", 401).await;
    let url = format!("http://{}", server.daemons.address());
    let mut command = Command::new(root.join("../target/schemathesis/bin/schemathesis"));
    command
        .arg("--config-file")
        .arg(root.join("schemathesis/schemathesis.toml"))
        .args(["run", &format!("{url}/openapi.json"), "--url", &url])
        .args(["--header", &format!("Authorization:Bearer {key}")])
        .args(["--max-examples", &examples.to_string(), "--generation-database", "none", "--no-color"])
        .current_dir(server.state.parent().unwrap());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.expect("schemathesis is installed; see `make schemathesis`");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    eprintln!("{text}");
    assert!(output.status.success(), "{}", server.daemons.log_tail());
}
