//! The output of a program: its order, its end, and where it is cut.

#![forbid(unsafe_code)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use e2e::daemons::{Daemons, Settings};
use serde_json::json;

/// How often the order must be right.
const ROUNDS: usize = 20;

/// Programs that write `out` and a line end to stdout and then something to stderr.
const PRINT_THEN_FAIL: [(&str, &str); 7] = [
    ("python", "print('out')\nraise ValueError('x')"),
    ("bash", "echo out; echo err >&2"),
    ("javascript", "console.log('out'); throw new Error('x')"),
    ("typescript", "console.log('out'); throw new Error('x')"),
    (
        "java",
        "public class M { public static void main(String[] a) { System.out.println(\"out\"); throw new RuntimeException(); } }",
    ),
    (
        "c",
        "#include <stdio.h>\nint main() { puts(\"out\"); fflush(stdout); fputs(\"err\\n\", stderr); return 1; }",
    ),
    ("python", "import sys\nprint('out' * 30000, flush=True)\nprint('err', file=sys.stderr)"),
];

/// Keeps all cores busy until it is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            let stop = Arc::clone(&stop);
            thread::spawn(move || while !stop.load(Ordering::Relaxed) {});
        }
        Self(stop)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The host's maximum size of a pipe, which is 1 MiB by default, until dropped.
struct LargerPipes(String);

impl LargerPipes {
    const FILE: &str = "/proc/sys/fs/pipe-max-size";

    fn permit(bytes: u64) -> Self {
        let before = fs::read_to_string(Self::FILE).expect("a readable file");
        let largest = before.trim().parse::<u64>().expect("a number").max(bytes);
        fs::write(Self::FILE, largest.to_string()).expect("root may change it");
        Self(before)
    }
}

impl Drop for LargerPipes {
    fn drop(&mut self) {
        let _ = fs::write(Self::FILE, &self.0);
    }
}

async fn start(pool: bool) -> Daemons {
    let settings = Settings { slots: 2, pool, ..Settings::default() };
    Daemons::start(&settings).await.expect("both daemons start")
}

/// Verifies that the output of each program is its stdout followed by its stderr. Each is compiled once.
async fn check_order(daemons: &Daemons) {
    for (language, code) in PRINT_THEN_FAIL {
        let mut request = json!({ "language": language, "code": code, "keep": "60s" });
        for round in 0..ROUNDS {
            let answer = daemons.execute(&request).await;
            let text = |name: &str| answer[name].as_str().unwrap_or_default();
            assert!(text("stdout").starts_with("out") && !text("stderr").is_empty(), "{language}: {answer}");
            assert_eq!(
                text("output"),
                text("stdout").to_owned() + text("stderr"),
                "{language}, round {round}"
            );
            if let Some(build) = answer["build"].as_str() {
                request = json!({ "build": build });
            }
        }
    }
}

#[tokio::test]
async fn stdout_precedes_what_is_written_to_stderr_after_it_in_cold_sandboxes() {
    check_order(&start(false).await).await;
}

#[tokio::test]
async fn stdout_precedes_what_is_written_to_stderr_after_it_in_pre_warmed_sandboxes() {
    check_order(&start(true).await).await;
}

#[tokio::test]
async fn stdout_precedes_what_is_written_to_stderr_after_it_on_a_busy_host() {
    for pool in [false, true] {
        let daemons = start(pool).await;
        let _load = Load::start();
        check_order(&daemons).await;
    }
}

#[tokio::test]
async fn lines_that_alternate_slowly_keep_their_order() {
    let daemons = start(false).await;
    let code = "for i in 1 2 3 4 5; do echo err$i >&2; sleep 0.05; echo out$i; sleep 0.05; done";
    let answer = daemons.execute(&json!({ "language": "bash", "code": code })).await;
    let expected: String = (1..=5).map(|number| format!("err{number}\nout{number}\n")).collect();
    assert_eq!(answer["output"], expected);
}

#[tokio::test]
async fn merged_output_is_in_the_exact_order_of_every_language() {
    let lines: String = (0..1000).map(|number| format!("out{number}\nerr{number}\n")).collect();
    let programs = [
        (
            "python",
            "import os\nfor i in range(1000):\n  os.write(1, b'out%d\\n' % i); os.write(2, b'err%d\\n' % i)",
        ),
        ("bash", "for ((i = 0; i < 1000; i++)); do echo out$i; echo err$i >&2; done"),
        (
            "javascript",
            "for (let i = 0; i < 1000; i++) { console.log('out' + i); console.error('err' + i); }",
        ),
        (
            "c",
            "#include <stdio.h>\nint main() { for (int i = 0; i < 1000; i++) { printf(\"out%d\\n\", i); \
             fflush(stdout); fprintf(stderr, \"err%d\\n\", i); } }",
        ),
        (
            "java",
            "public class M { public static void main(String[] a) { for (int i = 0; i < 1000; i++) { \
             System.out.println(\"out\" + i); System.err.println(\"err\" + i); } } }",
        ),
    ];
    for (pool, zygotes) in [(false, false), (true, false), (true, true)] {
        let settings = Settings { slots: 2, pool, zygotes: Some(zygotes), ..Settings::default() };
        let daemons = Daemons::start(&settings).await.expect("both daemons start");
        for (language, code) in programs {
            let body = json!({ "language": language, "code": code, "merge_output": true });
            let answer = daemons.execute(&body).await;
            assert_eq!(
                (&answer["status"], &answer["stderr"]),
                (&json!("ok"), &json!("")),
                "{language}: {answer}"
            );
            assert!(
                answer["output"] == lines && answer["stdout"] == lines,
                "{language}, pool {pool}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn the_output_limit_applies_to_merged_output_as_a_whole() {
    let daemons = start(true).await;
    let code = "printf %700s; printf %700s >&2; sleep 100";
    let body =
        json!({ "language": "bash", "code": code, "merge_output": true, "limits": { "output_bytes": 1000 } });
    let answer = daemons.execute(&body).await;
    assert_eq!((&answer["status"], &answer["stdout"]), (&json!("output_limit"), &json!(" ".repeat(1000))));
}

#[tokio::test]
async fn output_up_to_the_limit_is_complete_when_a_program_exits_at_once() {
    for pool in [false, true] {
        let daemons = start(pool).await;
        let length = 1024 * 1024;
        for (language, code) in [
            ("javascript", format!("process.stdout.write('x'.repeat({length})); process.exit(0)")),
            ("javascript", format!("process.stdout.write('x'.repeat({length})); throw 1")),
            ("typescript", format!("process.stdout.write('x'.repeat({length})); process.exit(0)")),
            ("javascript", format!("process.stderr.write('x'.repeat({length})); process.exit(0)")),
            (
                "python",
                format!("import os, sys\nsys.stdout.write('x' * {length})\nsys.stdout.flush()\nos._exit(0)"),
            ),
        ] {
            let answer = daemons.execute(&json!({ "language": language, "code": code })).await;
            let stream = if code.contains("stderr") { "stderr" } else { "stdout" };
            let text = answer[stream].as_str().unwrap_or_default();
            assert!(
                text == "x".repeat(length),
                "{language}: {} of {length} bytes; {} {}",
                text.len(),
                answer["status"],
                answer["compile"]
            );
        }
    }
}

#[tokio::test]
async fn output_beyond_the_default_limit_is_complete_where_the_host_permits_larger_pipes() {
    let _permitted = LargerPipes::permit(4 * 1024 * 1024);
    let daemons = start(false).await;
    let length = 3 * 1024 * 1024;
    let code = format!("process.stdout.write('x'.repeat({length})); process.exit(0)");
    let limits = json!({ "output_bytes": 4 * 1024 * 1024 });
    let answer = daemons.execute(&json!({ "language": "javascript", "code": code, "limits": limits })).await;
    assert_eq!((&answer["status"], answer["stdout"].as_str().map(str::len)), (&json!("ok"), Some(length)));
}

#[tokio::test]
async fn a_program_that_exceeds_the_output_limit_and_exits_at_once_has_exceeded_it() {
    for pool in [false, true] {
        let daemons = start(pool).await;
        let code = "printf %1001s; printf %999s >&2";
        let body = json!({ "language": "bash", "code": code, "limits": { "output_bytes": 1000 } });
        for _ in 0..ROUNDS {
            let answer = daemons.execute(&body).await;
            assert_eq!(
                (&answer["status"], &answer["truncated"]),
                (&json!("output_limit"), &json!(true)),
                "{answer}"
            );
            assert_eq!(answer["stdout"], " ".repeat(1000));
        }
    }
}

#[tokio::test]
async fn output_is_not_cut_inside_a_character() {
    let daemons = start(false).await;
    for (before, character) in
        [("x", "é"), ("", "€"), ("x", "€"), ("xx", "€"), ("x", "😀"), ("xx", "😀"), ("xxx", "😀")]
    {
        for stream in ["stdout", "stderr"] {
            let code = format!(
                "import sys\nsys.{stream}.reconfigure(encoding='utf-8')\nsys.{stream}.write('{before}' + '{character}' * 700000)"
            );
            let answer = daemons.execute(&json!({ "language": "python", "code": code })).await;
            let text = answer[stream].as_str().unwrap_or_default();
            assert_eq!((&answer["status"], &answer["truncated"]), (&json!("output_limit"), &json!(true)));
            let whole = (1024 * 1024 - before.len()) / character.len();
            assert!(text == before.to_owned() + &character.repeat(whole), "{} bytes", text.len());
        }
    }
}
