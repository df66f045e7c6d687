//! Every status, reached by a real program in each of the main languages.

#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;

use e2e::answer::contradictions;
use e2e::daemons::{Daemons, Settings, eventually};
use e2e::{http, inventory};
use nix::mount::{MsFlags, mount};
use protocol::{Client, Event, ExecuteRequest, Outcome, Request, RunRequest, SourceFile, StageName, Status};
use serde_json::{Value, json};

/// A program, its limits, and the expected response.
struct Case {
    name: &'static str,
    code: &'static str,
    limits: Value,
    expected: Value,
}

fn case(name: &'static str, code: &'static str, limits: Value, expected: Value) -> Case {
    Case { name, code, limits, expected }
}

const MEMORY: u64 = 256 * 1024 * 1024;

fn ok(code: &'static str) -> Case {
    let expected = json!({
        "status": "ok", "exit_code": 0, "signal": null, "cause": null, "truncated": false,
        "output": "hello\n", "stdout": "hello\n", "stderr": "",
    });
    case("ok", code, json!({}), expected)
}

fn nonzero(code: &'static str) -> Case {
    case(
        "nonzero",
        code,
        json!({}),
        json!({ "status": "nonzero", "exit_code": 7, "signal": null, "stderr": "no\n" }),
    )
}

fn signal(code: &'static str, signal: i32) -> Case {
    case("signal", code, json!({}), json!({ "status": "signal", "exit_code": null, "signal": signal }))
}

fn timeout_cpu(code: &'static str) -> Case {
    let cause = json!({ "limit": "cpu_time", "allowed": 1000.0, "unit": "ms" });
    let limits = json!({ "cpu_ms": 1000, "wall_ms": 60_000 });
    case(
        "timeout of CPU time",
        code,
        limits,
        json!({ "status": "timeout", "exit_code": null, "cause": cause }),
    )
}

fn timeout_wall(code: &'static str) -> Case {
    let cause = json!({ "limit": "wall_time", "allowed": 1500.0, "unit": "ms" });
    let expected = json!({ "status": "timeout", "exit_code": null, "cause": cause, "stdout": "waiting\n" });
    case("timeout of wall time", code, json!({ "wall_ms": 1500 }), expected)
}

fn memory(code: &'static str) -> Case {
    let cause = json!({ "limit": "memory", "allowed": MEMORY, "unit": "bytes" });
    let limits = json!({ "memory_bytes": MEMORY, "wall_ms": 60_000, "cpu_ms": 60_000 });
    case("memory", code, limits, json!({ "status": "memory", "exit_code": null, "cause": cause }))
}

fn output_limit(code: &'static str) -> Case {
    let cause = json!({ "limit": "output", "allowed": 65_536, "unit": "bytes" });
    let expected = json!({ "status": "output_limit", "truncated": true, "cause": cause, "stdout": "y\n".repeat(32_768) });
    case("output limit", code, json!({ "output_bytes": 65_536 }), expected)
}

#[tokio::test]
async fn javascript_reaches_every_status() {
    let cases = [
        ok("console.log('hello');"),
        nonzero("console.error('no'); process.exitCode = 7;"),
        signal("process.abort();", 6),
        timeout_cpu("for (;;) {}"),
        timeout_wall("console.log('waiting'); setTimeout(() => {}, 600000);"),
        memory("const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));"),
        output_limit("for (;;) require('fs').writeSync(1, 'y\\n');"),
        case(
            "a mistake in the text",
            "let = = 1;",
            json!({}),
            json!({ "status": "nonzero", "exit_code": 1, "stdout": "" }),
        ),
    ];
    check("javascript", &cases, "console.log('waiting'); setTimeout(() => {}, 600000);").await;
}

#[tokio::test]
async fn python_reaches_every_status() {
    let cases = [
        ok("print('hello')"),
        nonzero("import sys\nprint('no', file=sys.stderr)\nsys.exit(7)"),
        signal("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", 11),
        timeout_cpu("while True: pass"),
        timeout_wall("import time\nprint('waiting', flush=True)\ntime.sleep(600)"),
        memory("all = []\nwhile True: all.append(b'x' * (1 << 20) + bytes([len(all) % 256]))"),
        output_limit("import os\nwhile True: os.write(1, b'y\\n')"),
        case(
            "a mistake in the text",
            "print(",
            json!({}),
            json!({ "status": "nonzero", "exit_code": 1, "stdout": "" }),
        ),
    ];
    check("python", &cases, "import time\nprint('waiting', flush=True)\ntime.sleep(600)").await;
}

#[tokio::test]
async fn cpp_reaches_every_status() {
    let waiting = "#include <unistd.h>\nint main() { write(1, \"waiting\\n\", 8); sleep(600); }";
    let cases = [
        ok("#include <cstdio>\nint main() { std::puts(\"hello\"); }"),
        nonzero("#include <cstdio>\nint main() { std::fputs(\"no\\n\", stderr); return 7; }"),
        signal("int main() { *(volatile int *)0 = 1; }", 11),
        timeout_cpu("int main() { for (volatile int i = 0;;) i = i + 1; }"),
        timeout_wall(waiting),
        memory(
            "#include <cstdlib>\n#include <cstring>\n\
             int main() { for (;;) { void *p = std::malloc(1 << 20); if (p) std::memset(p, 1, 1 << 20); \
             asm volatile(\"\" : : \"r\"(p) : \"memory\"); } }",
        ),
        output_limit("#include <unistd.h>\nint main() { for (;;) write(1, \"y\\n\", 2); }"),
        compile_error("int main() { return nothing; }"),
    ];
    check("cpp", &cases, waiting).await;
}

#[tokio::test]
async fn java_reaches_every_status() {
    let waiting = "class Main { public static void main(String[] a) throws Exception { \
                   System.out.println(\"waiting\"); Thread.sleep(600000); } }";
    let cases = [
        ok("class Main { public static void main(String[] a) { System.out.println(\"hello\"); } }"),
        nonzero(
            "class Main { public static void main(String[] a) { System.err.println(\"no\"); System.exit(7); } }",
        ),
        // The JVM turns its own segmentation fault into an abort.
        signal(
            "import java.lang.reflect.Field;\n\
             class Main { public static void main(String[] a) throws Exception { \
             Field field = Class.forName(\"sun.misc.Unsafe\").getDeclaredField(\"theUnsafe\"); \
             field.setAccessible(true); ((sun.misc.Unsafe) field.get(null)).putAddress(0, 0); } }",
            6,
        ),
        timeout_cpu("class Main { public static void main(String[] a) { for (;;) {} } }"),
        // The JVM needs a part of the 1.5 seconds to start.
        timeout_wall(waiting),
        // The Java heap has its own limit and OutOfMemoryError; this memory is outside the heap.
        memory(
            "import java.lang.reflect.Field;\n\
             class Main { public static void main(String[] a) throws Exception { \
             Field field = Class.forName(\"sun.misc.Unsafe\").getDeclaredField(\"theUnsafe\"); \
             field.setAccessible(true); var memory = (sun.misc.Unsafe) field.get(null); \
             for (;;) memory.setMemory(memory.allocateMemory(1 << 20), 1 << 20, (byte) 1); } }",
        ),
        output_limit(
            "import java.io.*;\n\
             class Main { public static void main(String[] a) throws Exception { \
             var out = new FileOutputStream(FileDescriptor.out); for (;;) out.write(\"y\\n\".getBytes()); } }",
        ),
        compile_error("class Main { int nothing = something; }"),
    ];
    check("java", &cases, waiting).await;
}

/// Processes that do not end although they are killed, which the freezer of cgroup v1 delays until they are thawed.
struct Freezer {
    cgroup: PathBuf,
    _hierarchy: tempfile::TempDir,
}

impl Freezer {
    fn new() -> Self {
        let hierarchy = tempfile::tempdir().expect("a directory");
        mount(Some("freezer"), hierarchy.path(), Some("cgroup"), MsFlags::empty(), Some("freezer"))
            .expect("the kernel has the freezer of cgroup v1");
        let cgroup = hierarchy.path().join(format!("executor-e2e-{}", std::process::id()));
        fs::create_dir(&cgroup).expect("a cgroup");
        Self { cgroup, _hierarchy: hierarchy }
    }

    fn freeze(&self, pids: impl Iterator<Item = u32>) {
        for pid in pids {
            fs::write(self.cgroup.join("cgroup.procs"), pid.to_string()).expect("the process runs");
        }
        self.set("FROZEN");
    }

    fn set(&self, state: &str) {
        fs::write(self.cgroup.join("freezer.state"), state).expect("the cgroup exists");
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.set("THAWED");
        // Processes that were killed may need a moment to leave it.
        while fs::remove_dir(&self.cgroup).is_err_and(|error| error.raw_os_error() == Some(nix::libc::EBUSY))
        {
            std::thread::yield_now();
        }
        if let Some(hierarchy) = self.cgroup.parent() {
            let _ = nix::mount::umount(hierarchy);
        }
    }
}

#[tokio::test]
async fn a_program_that_is_still_ending_long_after_its_limit_has_the_status_of_the_limit() {
    let daemons = Daemons::start(&Settings::default()).await.expect("both daemons start");
    let freezer = Freezer::new();
    let url = daemons.url("/api/execute");
    let body = json!({
        "language": "bash", "code": "echo running; sleep 600", "limits": { "wall_ms": 5000 }, "outputs": ["*.txt"],
    });
    let posted =
        tokio::spawn(async move { http::post(&url, &body, std::time::Duration::from_secs(60)).await });
    let ids = daemons.ids();
    let program = || inventory::processes(&ids).expect("/proc can be read");
    assert!(eventually(|| async { program().iter().any(|process| process.name == "sleep") }).await);
    freezer.freeze(program().iter().map(|process| process.pid));
    let answer = posted.await.expect("the task does not panic").expect("a response");
    assert_eq!(answer.status, 200, "{}\n{}", answer.json, daemons.logs());
    let expected = json!({
        "status": "timeout", "stdout": "running\n", "cause": { "limit": "wall_time" }, "output_files": [],
        "output_files_omitted": { "incomplete": true },
    });
    assert_eq!(contradictions(&expected, &answer.json), Vec::<String>::new());
    // Its user is not reused before its end.
    assert!(
        eventually(|| async { daemons.status().await.quarantined_uids == 1 }).await,
        "{}",
        daemons.logs()
    );
    let answer = daemons.execute(&json!({ "language": "bash", "code": "echo next" })).await;
    assert_eq!(answer["stdout"], "next\n");
    drop(freezer);
    let is_clean = || async { daemons.status().await.quarantined_uids == 0 && program().is_empty() };
    assert!(eventually(is_clean).await, "{}", daemons.logs());
}

fn compile_error(code: &'static str) -> Case {
    let compile = json!({ "status": "nonzero" });
    let expected = json!({ "status": "compile_error", "stdout": "", "compile": compile, "runs": [] });
    case("compile error", code, json!({}), expected)
}

async fn check(language: &str, cases: &[Case], waiting: &str) {
    let daemons = Daemons::start(&Settings::from_environment()).await.expect("both daemons start");
    let mut wrong = Vec::new();
    for Case { name, code, limits, expected } in cases {
        let answer = daemons.execute(&json!({ "language": language, "code": code, "limits": limits })).await;
        let contradictions = contradictions(expected, &answer);
        if !contradictions.is_empty() {
            wrong.push(format!("{name}: {contradictions:?}\n    stderr: {}", answer["stderr"]));
        }
    }
    let cancelled = cancel(&daemons, language, waiting).await;
    if cancelled != Status::Cancelled {
        wrong.push(format!("cancelled: ended with {cancelled:?}"));
    }
    assert!(wrong.is_empty(), "{language}:\n{}\n{}", wrong.join("\n"), daemons.logs());
}

/// Starts a program over the socket, cancels it after its first output, and returns the status of its run.
async fn cancel(daemons: &Daemons, language: &str, waiting: &str) -> Status {
    let mut client = Client::connect(&daemons.socket()).await.expect("executord accepts the connection");
    let request = ExecuteRequest {
        language: language.into(),
        files: vec![SourceFile { path: None, content: waiting.to_owned().into() }],
        runs: vec![RunRequest::default()],
        ..ExecuteRequest::default()
    };
    client.execute(request).await.expect("executord accepts the connection");
    loop {
        match client.event().await.expect("executord answers") {
            Event::Output { .. } => {
                client.send(Request::Cancel).await.expect("executord accepts the connection")
            }
            Event::Finished(Outcome { runs, .. }) => {
                let run = runs.into_iter().find(|run| run.stage == StageName::Run(0));
                return run.expect("a report of the started run").status;
            }
            Event::Queued { .. }
            | Event::Started { .. }
            | Event::StageStarted(_)
            | Event::StageFinished(_) => {}
            other => unreachable!("{other:?}"),
        }
    }
}
