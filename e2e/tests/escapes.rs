//! Ways to leave a process group or to hold resources that executord waits for. Each is shown to work inside the sandbox;
//! then the response comes, and nothing is left.

#![forbid(unsafe_code)]

use e2e::daemons::{Daemons, Settings, eventually};
use e2e::inventory::{self, Process};
use e2e::socket::{Execution, live_program};
use protocol::{Clock, LimitsRequest, Request, StageName, Status};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Long enough to be observed, and short enough for a test.
const WALL_TIME: Duration = Duration::from_secs(3);

/// A program whose processes attempt to outlive it, and the name and state by which they are recognized.
struct Escape {
    name: &'static str,
    code: String,
    /// Name of the process that remains.
    called: &'static str,
    /// Its state: sleeping or stopped.
    state: char,
    /// Whether it is the main process, which the time limit must end.
    is_main: bool,
}

fn child(name: &'static str, code: String, called: &'static str) -> Escape {
    Escape { name, code, called, state: 'S', is_main: false }
}

fn main_process(name: &'static str, code: String, called: &'static str, state: char) -> Escape {
    Escape { name, code, called, state, is_main: true }
}

#[tokio::test]
async fn nothing_of_a_python_program_is_left() {
    let whole = |code| {
        format!(
            "import ctypes, os, signal, sys, time\ndef rename(): ctypes.CDLL(None).prctl(15, b'escapee')\n\
             def stay():\n    rename()\n    while True: time.sleep(600)\n\
             print(os.getuid(), flush=True)\n{code}\nsys.stdin.readline()\n"
        )
    };
    let escapes = [
        child(
            "setsid",
            whole("if os.fork() == 0:\n    os.setsid()\n    os.close(1); os.close(2)\n    stay()"),
            "escapee",
        ),
        child(
            "double fork",
            whole(
                "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.close(1); os.close(2)\n        stay()\n    \
                 os._exit(0)\nos.wait()",
            ),
            "escapee",
        ),
        child(
            "hold stdout",
            whole("if os.fork() == 0:\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    stay()"),
            "escapee",
        ),
        main_process(
            "ignore SIGTERM",
            whole("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nstay()"),
            "escapee",
            'S',
        ),
        main_process("stop itself", whole("rename()\nos.kill(os.getpid(), signal.SIGSTOP)"), "escapee", 'T'),
    ];
    check("python", escapes).await;
}

#[tokio::test]
async fn nothing_of_a_cpp_program_is_left() {
    let whole = |code| {
        format!(
            "#include <csignal>\n#include <cstdio>\n#include <sys/prctl.h>\n#include <sys/wait.h>\n#include <unistd.h>\n\
             void rename() {{ prctl(PR_SET_NAME, \"escapee\"); }}\nvoid stay() {{ rename(); for (;;) sleep(600); }}\n\
             int main() {{ dprintf(1, \"%u\\n\", getuid()); {code} char line[9]; read(0, line, 9); }}\n"
        )
    };
    let escapes = [
        child("setsid", whole("if (fork() == 0) { setsid(); close(1); close(2); stay(); }"), "escapee"),
        child(
            "double fork",
            whole(
                "if (fork() == 0) { setsid(); if (fork() == 0) { close(1); close(2); stay(); } _exit(0); } wait(nullptr);",
            ),
            "escapee",
        ),
        child("hold stdout", whole("if (fork() == 0) { signal(SIGTERM, SIG_IGN); stay(); }"), "escapee"),
        main_process("ignore SIGTERM", whole("signal(SIGTERM, SIG_IGN); stay();"), "escapee", 'S'),
        main_process("stop itself", whole("rename(); raise(SIGSTOP);"), "escapee", 'T'),
    ];
    check("cpp", escapes).await;
}

#[tokio::test]
async fn nothing_of_a_javascript_program_is_left() {
    let whole = |code| {
        format!(
            "const {{ spawn }} = require('child_process');\nrequire('fs').writeSync(1, process.getuid() + '\\n');\n\
             process.stdin.once('data', () => process.exit(0));\n{code}\n"
        )
    };
    let escapes = [
        child(
            "setsid",
            whole("spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref();"),
            "sleep",
        ),
        child("double fork", whole("spawn('setsid', ['-f', 'sleep', '600'], { stdio: 'ignore' });"), "sleep"),
        child(
            "hold stdout",
            whole("spawn('sleep', ['600'], { detached: true, stdio: 'inherit' }).unref();"),
            "sleep",
        ),
        main_process(
            "ignore SIGTERM",
            // It does not wait for input, because that would pause its wall clock.
            whole(
                "process.title = 'escapee'; process.on('SIGTERM', () => {}); process.stdin.destroy(); setInterval(() => {}, 600_000);",
            ),
            "escapee",
            'S',
        ),
        main_process(
            "stop itself",
            whole("process.title = 'escapee'; process.kill(process.pid, 'SIGSTOP');"),
            "escapee",
            'T',
        ),
    ];
    check("javascript", escapes).await;
}

#[tokio::test]
async fn nothing_of_a_java_program_is_left() {
    // A JVM can neither fork nor rename itself, so it starts other programs.
    let whole = |code| {
        format!(
            "import java.lang.ProcessBuilder.Redirect;\n\
             class Main {{\n\
             static void start(Redirect to, String... words) throws Exception {{ new ProcessBuilder(words).redirectOutput(to).redirectError(to).start(); }}\n\
             public static void main(String[] a) throws Exception {{ System.out.println(new com.sun.security.auth.module.UnixSystem().getUid()); {code} System.in.read(); System.exit(0); }} }}\n"
        )
    };
    let escapes = [
        child("setsid", whole("start(Redirect.DISCARD, \"setsid\", \"sleep\", \"600\");"), "sleep"),
        child(
            "double fork",
            whole("start(Redirect.DISCARD, \"setsid\", \"-f\", \"sleep\", \"600\");"),
            "sleep",
        ),
        child(
            "hold stdout",
            whole("start(Redirect.INHERIT, \"bash\", \"-c\", \"trap '' TERM; exec sleep 600\");"),
            "sleep",
        ),
        main_process(
            "ignore SIGTERM",
            whole(
                "sun.misc.Signal.handle(new sun.misc.Signal(\"TERM\"), signal -> {}); Thread.sleep(600_000);",
            ),
            "java",
            'S',
        ),
        main_process(
            "stop itself",
            whole("start(Redirect.DISCARD, \"bash\", \"-c\", \"kill -STOP $PPID\"); Thread.sleep(600_000);"),
            "java",
            'T',
        ),
    ];
    check("java", escapes).await;
}

async fn check(language: &str, escapes: [Escape; 5]) {
    let daemons =
        Daemons::start(&Settings { slots: 5, ..Settings::default() }).await.expect("both daemons start");
    let daemons = Arc::new(daemons);
    let mut attempts = JoinSet::new();
    for escape in escapes {
        let (daemons, language) = (Arc::clone(&daemons), language.to_owned());
        attempts.spawn(async move {
            attempt(&daemons, &language, &escape)
                .await
                .map_err(|message| format!("{}: {message}", escape.name))
        });
    }
    let outcomes = attempts.join_all().await;
    let wrong: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    let uids = daemons.uids.clone();
    assert!(wrong.is_empty(), "{language}:\n{}\n{}", wrong.join("\n"), daemons.logs());
    drop(daemons);
    assert_eq!(inventory::processes(&uids).expect("/proc is readable"), [], "after executord has ended");
}

/// Observes an attempt, lets the main process end, and verifies that nothing is left.
async fn attempt(daemons: &Daemons, language: &str, escape: &Escape) -> Result<(), String> {
    let mut request = live_program(language, escape.code.clone());
    request.limits = LimitsRequest { wall_time: Some(WALL_TIME), ..LimitsRequest::default() };
    let mut execution =
        Execution::begin(&daemons.socket(), request).await.map_err(|error| error.to_string())?;
    // It prints its uid first.
    let received = execution
        .until(|received| received.stdout.ends_with(b"\n"))
        .await
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&received.stdout).into_owned();
    let uid: u32 = said.trim().parse().map_err(|_| format!("said {said:?}"))?;
    if !daemons.uids.contains(&uid) {
        return Err(format!("is {uid}"));
    }

    let all = || inventory::processes(&(uid..=uid)).expect("/proc is readable");
    let stays = |process: &Process| {
        process.name == escape.called && inventory::state(process.pid) == Some(escape.state)
    };
    if !eventually(|| async { all().iter().any(stays) }).await {
        return Err(format!("it never got to where it would stay: {:?}", all()));
    }
    if !escape.is_main {
        let line = Request::Input("\n".into());
        execution.send(line).await.map_err(|error| error.to_string())?;
    }
    let received = execution.end().await.map_err(|error| error.to_string())?;

    let left = all();
    if !left.is_empty() {
        return Err(format!("left behind: {left:?}"));
    }
    let status = received.status(StageName::Run(0));
    let as_expected = match status {
        Some(Status::TimedOut { clock, .. }) => escape.is_main && *clock == Clock::Wall,
        Some(Status::Exited(0)) => !escape.is_main,
        _ => false,
    };
    if !as_expected || received.stdout != said.as_bytes() {
        return Err(format!("{status:?}, {:?}", String::from_utf8_lossy(&received.stdout)));
    }
    Ok(())
}
