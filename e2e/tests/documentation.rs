//! Every command block of the documentation that is marked `<!-- runnable -->` succeeds against real daemons.

#![forbid(unsafe_code)]

use std::fs;
use std::process::Command;

use e2e::daemons::{Daemons, Settings, binary};
use tidy::markdown;
use tidy::repository::Repository;

/// Addresses of webd in the documentation.
const ADDRESSES: [&str; 2] = ["127.0.0.1:3000", "localhost:3000"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_runnable_block_succeeds() {
    let daemons = Daemons::start(&Settings::default()).await.expect("both daemons start");
    let repository = Repository::own().expect("the sources are readable");
    let directory = tempfile::tempdir().expect("a temporary directory");
    // By default curl exits with 0 for an error response.
    fs::write(directory.path().join(".curlrc"), "fail-with-body\nsilent\nshow-error\n")
        .expect("write .curlrc");
    let executor = binary("executor").expect("executor is built");
    let programs = executor.parent().expect("a directory").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());

    let mut count = 0;
    let pages = repository.files().iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    for page in pages {
        let text = repository.read(page).expect("a readable page");
        for block in markdown::blocks(&text).iter().filter(|block| block.runnable) {
            let script = ADDRESSES.iter().fold(block.text.clone(), |script, address| {
                script.replace(address, &daemons.address().to_string())
            });
            let output = Command::new("bash")
                .args(["-e", "-u", "-o", "pipefail", "-c", &script])
                .current_dir(directory.path())
                .env("CURL_HOME", directory.path())
                .env("EXECUTOR_SOCKET", daemons.socket())
                .env("PATH", &path)
                .output()
                .expect("bash starts");
            let where_it_is = format!("{}:{}", page.display(), block.line);
            assert!(
                output.status.success(),
                "{where_it_is}: {}\n{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            count += 1;
        }
    }
    assert!(count > 0, "no page has a block that is marked as runnable");
}
