//! The ways to leave a process group or to hold on to what we wait for. In each the answer comes, and with it
//! everything is gone.

#![forbid(unsafe_code)]

use e2e::daemons::{Daemons, Settings};
use e2e::inventory;
use serde_json::json;

/// What the processes that try to stay are called, so that they are not confused with sandboxes that wait for work.
const ESCAPEES: [&str; 2] = ["escapee", "sleep"];

struct Escape {
    name: &'static str,
    code: String,
    /// How the main process's end is told.
    status: &'static str,
}

#[tokio::test]
async fn python_can_not_stay() {
    let named = "import ctypes, os, signal, sys, time\n\
                 def stay():\n    ctypes.CDLL(None).prctl(15, b'escapee')\n    while True: time.sleep(600)\n\
                 print('main', flush=True)\n";
    let escapes = [
        ("setsid", "ok", "if os.fork() == 0:\n    os.setsid()\n    os.close(1); os.close(2)\n    stay()"),
        (
            "double fork",
            "ok",
            "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.close(1); os.close(2)\n        stay()\n    os._exit(0)\nos.wait()",
        ),
        ("ignore SIGTERM", "timeout", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nstay()"),
        (
            "stop itself",
            "timeout",
            "ctypes.CDLL(None).prctl(15, b'escapee')\nos.kill(os.getpid(), signal.SIGSTOP)",
        ),
        (
            "hold stdout",
            "ok",
            "if os.fork() == 0:\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    stay()",
        ),
    ];
    check(
        "python",
        escapes.map(|(name, status, code)| Escape { name, code: format!("{named}{code}\n"), status }),
    )
    .await;
}

#[tokio::test]
async fn cpp_can_not_stay() {
    let named = "#include <csignal>\n#include <sys/prctl.h>\n#include <sys/wait.h>\n#include <unistd.h>\n\
                 void stay() { prctl(PR_SET_NAME, \"escapee\"); for (;;) sleep(600); }\n";
    let escapes = [
        ("setsid", "ok", "if (fork() == 0) { setsid(); close(1); close(2); stay(); }"),
        (
            "double fork",
            "ok",
            "if (fork() == 0) { setsid(); if (fork() == 0) { close(1); close(2); stay(); } _exit(0); } wait(nullptr);",
        ),
        ("ignore SIGTERM", "timeout", "signal(SIGTERM, SIG_IGN); stay();"),
        ("stop itself", "timeout", "prctl(PR_SET_NAME, \"escapee\"); raise(SIGSTOP);"),
        ("hold stdout", "ok", "if (fork() == 0) { signal(SIGTERM, SIG_IGN); stay(); }"),
    ];
    let whole = |code| format!("{named}int main() {{ write(1, \"main\\n\", 5); {code} }}\n");
    check("cpp", escapes.map(|(name, status, code)| Escape { name, code: whole(code), status })).await;
}

#[tokio::test]
async fn javascript_can_not_stay() {
    let named = "const { spawn } = require('child_process');\nrequire('fs').writeSync(1, 'main\\n');\n";
    let escapes = [
        ("setsid", "ok", "spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref();"),
        (
            "double fork",
            "ok",
            "spawn('setsid', ['-f', 'sleep', '600'], { stdio: 'ignore' }).on('exit', () => process.exit(0));",
        ),
        (
            "ignore SIGTERM",
            "timeout",
            "process.title = 'escapee'; process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);",
        ),
        (
            "stop itself",
            "timeout",
            "process.title = 'escapee'; process.kill(process.pid, 'SIGSTOP'); setInterval(() => {}, 1000);",
        ),
        ("hold stdout", "ok", "spawn('sleep', ['600'], { detached: true, stdio: 'inherit' }).unref();"),
    ];
    check(
        "javascript",
        escapes.map(|(name, status, code)| Escape { name, code: format!("{named}{code}\n"), status }),
    )
    .await;
}

async fn check(language: &str, escapes: [Escape; 5]) {
    let daemons = Daemons::start(&Settings::default()).await.expect("both daemons come up");
    let mut wrong = Vec::new();
    for Escape { name, code, status } in escapes {
        let request = json!({ "language": language, "code": code, "limits": { "wall_ms": 2000 } });
        let answer = daemons.execute(&request).await;
        let left = escapees(&daemons);
        let ended = answer["status"] == status && answer["stdout"] == "main\n";
        if !ended || !left.is_empty() {
            wrong.push(format!("{name}: {status} expected, left {left:?}, {answer}"));
        }
    }
    let uids = daemons.uids.clone();
    assert!(wrong.is_empty(), "{language}:\n{}\n{}", wrong.join("\n"), daemons.logs());
    drop(daemons);
    assert_eq!(inventory::processes(&uids).expect("/proc is there"), [], "after executord has ended");
}

fn escapees(daemons: &Daemons) -> Vec<inventory::Process> {
    let mut processes = inventory::processes(&daemons.uids).expect("/proc is there");
    processes.retain(|process| ESCAPEES.contains(&process.name.as_str()));
    processes
}
