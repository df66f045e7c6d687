//! Pre-warmed sandboxes: each serves one program and is destroyed.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use e2e::daemons::{DEADLINE, Daemons, Settings, eventually};
use e2e::http;
use e2e::inventory::{self, Process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::WarmCount;
use serde_json::{Value, json};

async fn start(pool_max: Option<u32>) -> Daemons {
    let settings = Settings { slots: 2, pool: true, pool_max, ..Settings::default() };
    Daemons::start(&settings).await.expect("both daemons start")
}

async fn count(daemons: &Daemons, language: &str) -> WarmCount {
    let counts = daemons.status().await.warm;
    counts
        .into_iter()
        .find(|count| count.language == language && count.stage == "run")
        .expect("a stage to run")
}

async fn wait_until_ready(daemons: &Daemons, language: &str) {
    assert!(eventually(|| async { count(daemons, language).await.ready > 0 }).await, "{}", daemons.logs());
}

#[tokio::test]
async fn a_language_that_needs_much_memory_is_pre_warmed_after_its_first_request() {
    let settings = Settings { slots: 2, pool: true, prewarms_all: false, ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    for language in ["python", "javascript"] {
        wait_until_ready(&daemons, language).await;
    }
    assert_eq!(count(&daemons, "java").await.ready, 0);
    let code = "class M { public static void main(String[] a) { System.out.println(6 * 7); } }";
    let answer = daemons.execute(&json!({ "language": "java", "code": code })).await;
    assert_eq!(
        (&answer["stdout"], &answer["compile"]["start"]),
        (&json!("42\n"), &json!("cold")),
        "{answer}"
    );
    wait_until_ready(&daemons, "java").await;
}

/// Returns the processes of pre-warmed sandboxes.
fn waiting(daemons: &Daemons) -> Vec<Process> {
    inventory::processes(&daemons.uids).expect("/proc is readable")
}

fn python(code: &str) -> Value {
    json!({ "language": "python", "code": code })
}

#[tokio::test]
async fn a_pre_warmed_sandbox_serves_one_program_and_is_destroyed() {
    let daemons = start(None).await;
    let code =
        "import os; print(os.getuid()); open('/tmp/left', 'x'); open('/box/left', 'x'); print(os.listdir())";
    let mut users = BTreeSet::new();
    for round in 0_u64..4 {
        wait_until_ready(&daemons, "python").await;
        let pids: Vec<u32> = waiting(&daemons).iter().map(|process| process.pid).collect();
        let answer = daemons.execute(&python(code)).await;
        assert_eq!((&answer["status"], &answer["stderr"]), (&json!("ok"), &json!("")), "{answer}");
        let stdout = answer["stdout"].as_str().expect("text");
        let (user, files) = stdout.split_once('\n').expect("two lines");
        // The user name is unique per execution.
        assert!(users.insert(user.to_owned()), "user {user} had two programs");
        assert_eq!(files.replace(['[', ']', '\'', '\n', ' '], "").split(',').count(), 2, "{files}");
        assert_eq!(count(&daemons, "python").await.hits, round + 1);
        // One of the pre-warmed processes is gone.
        let is_gone = || async { pids.iter().any(|pid| waiting(&daemons).iter().all(|one| one.pid != *pid)) };
        assert!(eventually(is_gone).await);
    }
    let steps = daemons.status().await.steps;
    let prepared = steps.iter().find(|times| times.step == "prepare").expect("the duration of pre-warming");
    assert!(prepared.buckets.iter().sum::<u64>() >= 4, "{prepared:?}");
}

/// Returns a language whose interpreter is never ready.
fn hanging_language(name: &str) -> String {
    format!(
        r##"
        name = "{name}"
        title = "Hanging"
        extensions = ["sh"]
        file_name = "main.sh"
        example = "true"
        version = {{ command = ["bash", "--version"], pattern = "." }}
        editor = {{ mode = "shell", line_comment = "#", indent = 4 }}
        run = {{ command = ["bash", "{{main}}"], warm = {{ command = ["sleep", "600"] }} }}
        self_test = {{ files = [{{ name = "main.sh", content = "true" }}], stdout = "" }}
        "##
    )
}

#[tokio::test]
async fn an_interpreter_that_hangs_does_not_keep_others_from_being_pre_warmed() {
    let settings = Settings { slots: 2, pool: true, ..Settings::default() };
    // One of them is pre-warmed before Python, whatever the order.
    let languages = ["a-hanging", "z-hanging"].map(|name| (name, hanging_language(name))).into();
    let daemons = Daemons::start(&Settings { languages, ..settings }).await.expect("both daemons start");
    wait_until_ready(&daemons, "python").await;
    let answer = daemons.execute(&python("print(1)")).await;
    assert_eq!((&answer["stdout"], &answer["start"]), (&json!("1\n"), &json!("warm")), "{answer}");
    let hanging = || waiting(&daemons).iter().filter(|process| process.name == "sleep").count();
    assert!(eventually(|| async { hanging() == 2 }).await, "{}", daemons.logs());
    // Their programs run without an interpreter.
    let answer = daemons.execute(&json!({ "language": "a-hanging", "code": "echo 1" })).await;
    assert_eq!((&answer["stdout"], &answer["start"]), (&json!("1\n"), &json!("cold")), "{answer}");
}

#[tokio::test]
async fn limits_of_the_request_apply_to_a_pre_warmed_sandbox() {
    let daemons = start(None).await;
    let hold = "x = bytearray(200 << 20); print(len(x))";
    let spin = "while True: pass";
    let fill = "open('/tmp/x', 'wb').write(bytes(4 << 20))";
    for (code, limits, status) in [
        (hold, json!({}), "ok"),
        (hold, json!({ "memory_bytes": 100 << 20 }), "memory"),
        (spin, json!({ "cpu_ms": 300 }), "timeout"),
        (spin, json!({ "wall_ms": 300 }), "timeout"),
        (fill, json!({}), "ok"),
        (fill, json!({ "disk_bytes": 1 << 20 }), "nonzero"),
        (fill, json!({ "file_size_bytes": 1 << 20 }), "nonzero"),
        ("print('x' * 5000)", json!({ "output_bytes": 1000 }), "output_limit"),
    ] {
        wait_until_ready(&daemons, "python").await;
        let before = count(&daemons, "python").await.hits;
        let answer = daemons.execute(&json!({ "language": "python", "code": code, "limits": limits })).await;
        assert_eq!(answer["status"], status, "{code} {limits} {answer}");
        assert_eq!(count(&daemons, "python").await.hits, before + 1, "{code} {limits}");
        let cpu = answer["usage"]["cpu_ms"].as_f64().expect("a number");
        assert!(cpu < 5000.0, "booting was counted: {answer}");
    }
    // The program has the number of processes that the request says, and may have more than the default.
    wait_until_ready(&daemons, "python").await;
    let before = count(&daemons, "python").await.hits;
    let code = "import resource; print(resource.getrlimit(resource.RLIMIT_NPROC))";
    for processes in [3, 120] {
        wait_until_ready(&daemons, "python").await;
        let limits = json!({ "processes": processes });
        let answer = daemons.execute(&json!({ "language": "python", "code": code, "limits": limits })).await;
        assert_eq!(answer["stdout"], format!("({processes}, {processes})\n"), "{answer}");
    }
    assert_eq!(count(&daemons, "python").await.hits, before + 2);
    // Limits that a pre-warmed process cannot receive get a cold sandbox.
    wait_until_ready(&daemons, "python").await;
    let code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])";
    let limits = json!({ "open_files": 33 });
    let answer = daemons.execute(&json!({ "language": "python", "code": code, "limits": limits })).await;
    assert_eq!(answer["stdout"], "33\n", "{answer}");
    assert_eq!(count(&daemons, "python").await.misses, 1);
}

#[tokio::test]
async fn a_main_file_of_any_name_is_run_by_a_pre_warmed_sandbox() {
    let daemons = start(None).await;
    for (language, names, code) in [
        ("python", ["other.py", "dir/prog", "a b é.code"], "import sys; print(__file__, sys.argv)"),
        ("javascript", ["other.js", "dir/prog.cjs", "a b é.mjs"], "console.log(process.argv.slice(1))"),
        ("typescript", ["other.ts", "dir/prog.ts", "é.ts"], "console.log(process.argv.slice(1))"),
    ] {
        for name in names {
            wait_until_ready(&daemons, language).await;
            let before = count(&daemons, language).await;
            let file = json!({ "name": name, "content": code });
            let request = json!({ "language": language, "files": [file], "args": ["x"] });
            let answer = daemons.execute(&request).await;
            let stdout = answer["stdout"].as_str().unwrap_or_default();
            let expected = match language {
                "python" => format!("/box/{name} ['{name}', 'x']\n"),
                "javascript" => format!("[ '/box/{name}', 'x' ]\n"),
                _ => format!("[ '/build/{}', 'x' ]\n", name.replace("ts", "js")),
            };
            assert_eq!(stdout, expected, "{answer}");
            let after = count(&daemons, language).await;
            assert_eq!((after.hits, after.misses), (before.hits + 1, before.misses), "{language} {name}");
        }
    }
}

#[tokio::test]
async fn programs_of_judge0_and_piston_are_run_by_pre_warmed_sandboxes() {
    let daemons = start(None).await;
    let send = async |path: &str, body: &Value| {
        http::post(&daemons.url(path), body, DEADLINE).await.expect("an answer").json
    };
    for (language, id, code) in [
        ("python", 71, "import sys; print(sys.argv[0])"),
        ("javascript", 63, "console.log(require('path').basename(process.argv[1]))"),
        ("typescript", 74, "console.log(require('path').basename(process.argv[1]))"),
    ] {
        let source = match language {
            "python" => "script.py",
            _ => "script.js",
        };
        wait_until_ready(&daemons, language).await;
        let before = count(&daemons, language).await;
        let submission = json!({ "language_id": id, "source_code": code });
        let result = send("/judge0/submissions?wait=true", &submission).await;
        assert_eq!(result["stdout"], format!("{source}\n"), "{result}");
        wait_until_ready(&daemons, language).await;
        let program = json!({ "language": language, "version": "*", "files": [{ "content": code }] });
        let result = send("/api/v2/execute", &program).await;
        assert!(result["run"]["stdout"].as_str().is_some_and(|name| name.starts_with("file0")), "{result}");
        let after = count(&daemons, language).await;
        assert_eq!((after.hits, after.misses), (before.hits + 2, before.misses), "{language}");
    }
}

#[tokio::test]
async fn a_killed_pre_warmed_sandbox_costs_no_execution() {
    let daemons = start(None).await;
    for _ in 0..3 {
        wait_until_ready(&daemons, "python").await;
        let killed = waiting(&daemons);
        for process in &killed {
            // It may have ended meanwhile.
            let _ = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL);
        }
        let are_gone = || async { waiting(&daemons).iter().all(|process| !killed.contains(process)) };
        assert!(eventually(are_gone).await, "{:?}", waiting(&daemons));
        let answer = daemons.execute(&python("print('works')")).await;
        assert_eq!(answer["stdout"], "works\n", "{answer}");
    }
    let free = || async {
        let status = daemons.status().await;
        status.quarantined_uids == 0
    };
    assert!(eventually(free).await, "{:?}", daemons.status().await);
}

#[tokio::test]
async fn more_programs_than_pre_warmed_sandboxes_are_served() {
    let daemons = start(Some(3)).await;
    // The pool is small; it includes the requested language.
    daemons.execute(&python("")).await;
    wait_until_ready(&daemons, "python").await;
    let asked = (0..20).map(|number| {
        let daemons = &daemons;
        async move {
            let answer = daemons.execute(&python(&format!("print({number})"))).await;
            assert_eq!(answer["stdout"], format!("{number}\n"), "{answer}");
        }
    });
    futures_util::future::join_all(asked).await;
    let count = count(&daemons, "python").await;
    assert_eq!(count.hits + count.misses, 21);
    let bounded = || async {
        let prepared = daemons.status().await.warm;
        prepared.iter().map(|count| count.ready).sum::<u32>() <= 3
    };
    assert!(bounded().await);
}

#[tokio::test]
async fn no_pre_warmed_sandbox_outlives_the_daemon() {
    let mut daemons = start(None).await;
    wait_until_ready(&daemons, "python").await;
    let cgroup = daemons.cgroup.clone();
    let uids = daemons.uids.clone();
    daemons.signal_executord(Signal::SIGTERM);
    assert!(daemons.wait_for_end().await.expect("the execution ends").success());
    assert_eq!(inventory::processes(&uids).expect("/proc is readable"), []);
    let groups = || -> Vec<_> {
        inventory::cgroups(&cgroup).into_iter().filter(|group| !group.ends_with(&cgroup)).collect()
    };
    assert!(eventually(|| async { groups().is_empty() }).await, "{:?}", groups());
}

#[tokio::test]
async fn a_build_is_reused_by_its_client_only() {
    let settings = Settings {
        slots: 2,
        more: "build_cache = { enabled = true, max = 2 }".to_owned(),
        ..Settings::default()
    };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let program = |word: &str| {
        format!("#include <cstdio>\nint main(int, char** a) {{ std::printf(\"{word} %s\", a[1]); }}")
    };
    let body = |word: &str, argument: &str| json!({ "language": "cpp", "code": program(word), "runs": [{ "args": [argument] }, { "args": ["again"] }] });
    let compiled = |answer: &Value| answer["compile"]["usage"]["cpu_ms"].as_f64().expect("a number") > 0.0;
    for (word, argument, is_compiled) in [
        ("one", "a", true),
        ("one", "b", false),
        ("two", "a", true),
        ("one", "c", false),
        // The third one replaces the least recently used one.
        ("three", "a", true),
        ("one", "d", false),
        ("two", "b", true),
    ] {
        let answer = daemons.execute(&body(word, argument)).await;
        assert_eq!(answer["runs"][0]["stdout"], format!("{word} {argument}"), "{answer}");
        assert_eq!(answer["runs"][1]["stdout"], format!("{word} again"), "{answer}");
        assert_eq!(compiled(&answer), is_compiled, "{word} {argument} {answer}");
        assert_eq!(answer["compile"]["status"], "ok");
    }
    // Other clients compile separately.
    let request = protocol::ExecuteRequest {
        language: "cpp".to_owned(),
        files: vec![protocol::SourceFile { path: None, content: program("one").into() }],
        runs: vec![protocol::RunRequest { args: vec!["x".to_owned()], ..Default::default() }],
        client: Some("somebody else".to_owned()),
        ..protocol::ExecuteRequest::default()
    };
    let mut client = protocol::Client::connect(&daemons.socket()).await.expect("it listens");
    client.execute(request).await.expect("the program receives it");
    let outcome = loop {
        if let protocol::Event::Finished(outcome) = client.event().await.expect("an event") {
            break outcome;
        }
    };
    assert!(outcome.compile.expect("it was compiled").usage.cpu_time > std::time::Duration::ZERO);
    // Messages of the compiler are repeated, and so are compile errors.
    for _ in 0..2 {
        let warned = json!({ "language": "cpp", "code": "#warning look\nint main() {}" });
        let answer = daemons.execute(&warned).await;
        assert!(answer["compile"]["stderr"].as_str().expect("text").contains("warning"), "{answer}");
        let refused =
            daemons.execute(&json!({ "language": "cpp", "code": "int main() { return x; }" })).await;
        assert_eq!(refused["status"], "compile_error");
    }
    assert!(eventually(|| async { daemons.status().await.running == 0 }).await);
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}
