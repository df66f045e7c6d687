//! Output files: what a program leaves behind comes back byte for byte, however the program ended.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

use e2e::answer::file_content;
use e2e::daemons::{Daemons, Settings, binary, eventually};
use e2e::differential::pool;
use e2e::inventory;
use e2e::session::Session;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

/// Daemons whose sandboxes are all of one kind, as far as the language has it.
struct Kind {
    name: &'static str,
    settings: Settings,
    /// How a Python program starts in such a sandbox.
    start: &'static str,
}

/// Returns every kind of sandbox that a program can run in.
fn kinds() -> [Kind; 3] {
    let kind = |name, pool, zygotes, start| Kind {
        name,
        settings: Settings { pool, zygotes: Some(zygotes), ..Settings::default() },
        start,
    };
    [
        kind("made for its program", false, false, "cold"),
        kind("pre-warmed", true, false, "warm"),
        kind("forked from a zygote", false, true, "warm"),
    ]
}

impl Kind {
    async fn start(&self) -> Daemons {
        Daemons::start(&self.settings).await.expect("both daemons start")
    }

    /// Executes a Python program in a sandbox of this kind.
    async fn execute_python(&self, daemons: &Daemons, request: &Value) -> Value {
        if self.settings.pool {
            pool::ready(daemons, "python", &["run"]).await.expect("a pre-warmed sandbox");
        }
        let answer = daemons.execute(request).await;
        assert_eq!(answer["start"], self.start, "{}: {answer}", self.name);
        answer
    }
}

/// Returns the content of an output file.
fn content(file: &Value) -> Vec<u8> {
    file_content(file).unwrap_or_else(|| unreachable!("text or base64: {file}"))
}

/// Returns name and content of all output files of a stage, or of an answer.
fn files(stage: &Value) -> Vec<(String, Vec<u8>)> {
    let files = stage["output_files"].as_array().unwrap_or_else(|| unreachable!("output files: {stage}"));
    let entry = |file: &Value| (file["name"].as_str().expect("a name").to_owned(), content(file));
    files.iter().map(entry).collect()
}

/// All byte values, 100 times: what [`WRITERS`] write to `data.bin`.
fn all_bytes() -> Vec<u8> {
    (0..=255).cycle().take(25_600).collect()
}

/// Programs that write all byte values to `data.bin` and a table to `results/deep/table.csv`.
const WRITERS: [(&str, &str); 6] = [
    (
        "python",
        "import os\nos.makedirs('results/deep')\nopen('data.bin', 'wb').write(bytes(range(256)) * 100)\n\
         open('results/deep/table.csv', 'w').write('a,b\\n1,é\\n')",
    ),
    (
        "javascript",
        "const fs = require('fs');\nfs.mkdirSync('results/deep', { recursive: true });\n\
         fs.writeFileSync('data.bin', Buffer.from(Array.from({ length: 25600 }, (_, i) => i % 256)));\n\
         fs.writeFileSync('results/deep/table.csv', 'a,b\\n1,é\\n');",
    ),
    (
        "c",
        "#include <stdio.h>\n#include <sys/stat.h>\nint main(void) {\n  mkdir(\"results\", 0700);\n\
         mkdir(\"results/deep\", 0700);\n  FILE *f = fopen(\"data.bin\", \"wb\");\n\
         for (int i = 0; i < 25600; i++) fputc(i % 256, f);\n  fclose(f);\n\
         f = fopen(\"results/deep/table.csv\", \"w\");\n  fputs(\"a,b\\n1,é\\n\", f);\n  fclose(f);\n}",
    ),
    (
        "cpp",
        "#include <filesystem>\n#include <fstream>\nint main() {\n\
         std::filesystem::create_directories(\"results/deep\");\n\
         std::ofstream data(\"data.bin\", std::ios::binary);\n\
         for (int i = 0; i < 25600; i++) data.put(static_cast<char>(i % 256));\n\
         std::ofstream(\"results/deep/table.csv\") << \"a,b\\n1,é\\n\";\n}",
    ),
    (
        "java",
        "import java.nio.file.*;\npublic class Main { public static void main(String[] a) throws Exception {\n\
         Files.createDirectories(Path.of(\"results/deep\"));\n  byte[] all = new byte[25600];\n\
         for (int i = 0; i < all.length; i++) all[i] = (byte) i;\n  Files.write(Path.of(\"data.bin\"), all);\n\
         Files.writeString(Path.of(\"results/deep/table.csv\"), \"a,b\\n1,é\\n\"); } }",
    ),
    (
        "bash",
        "mkdir -p results/deep\nfor _ in {1..100}; do for i in {0..255}; do printf -v h %x $i; printf \"\\\\x$h\"; done; \
         done > data.bin\nprintf 'a,b\\n1,é\\n' > results/deep/table.csv",
    ),
];

#[tokio::test]
async fn files_of_every_language_come_back_byte_for_byte() {
    for kind in kinds() {
        let daemons = kind.start().await;
        for (language, code) in WRITERS {
            let request =
                json!({"language": language, "code": code, "outputs": ["data.bin", "results/**/*.csv"]});
            let answer = match language {
                "python" => kind.execute_python(&daemons, &request).await,
                _ => daemons.execute(&request).await,
            };
            assert_eq!(answer["status"], "ok", "{language}, {}: {answer}", kind.name);
            let expected = [
                ("data.bin".to_owned(), all_bytes()),
                ("results/deep/table.csv".to_owned(), "a,b\n1,é\n".into()),
            ];
            assert_eq!(files(&answer), expected, "{language}, {}", kind.name);
            assert_eq!(answer["output_files"], answer["runs"][0]["output_files"], "{language}");
            assert_eq!(answer["output_files"][1]["content"], "a,b\n1,é\n");
            assert!(answer["output_files_omitted"].is_null(), "{language}: {answer}");
        }
        let answer = daemons.execute(&json!({"language": "python", "code": "open('x', 'w')"})).await;
        assert!(answer.get("output_files").is_none(), "{answer}");
        assert_nothing_is_left(&daemons).await;
    }
}

#[tokio::test]
async fn files_come_back_however_the_program_ended() {
    for kind in kinds() {
        let daemons = kind.start().await;
        files_come_back_from(&kind, &daemons).await;
        assert_nothing_is_left(&daemons).await;
    }
}

async fn files_come_back_from(kind: &Kind, daemons: &Daemons) {
    let keep = "import os, signal, sys, time\nopen('kept', 'wb').write(b'kept\\xff')\n";
    for (name, then, limits, status) in [
        ("exit", "sys.exit(3)", json!({}), "nonzero"),
        ("crash", "os.kill(os.getpid(), signal.SIGSEGV)", json!({}), "signal"),
        ("CPU", "while True: pass", json!({"cpu_ms": 300}), "timeout"),
        ("sleep", "time.sleep(100)", json!({"wall_ms": 500}), "timeout"),
        (
            "SIGTERM is ignored",
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)",
            json!({"wall_ms": 500}),
            "timeout",
        ),
        (
            "memory",
            "x = []\nwhile True: x.append(bytearray(1 << 20))",
            json!({"memory_bytes": 64 << 20}),
            "memory",
        ),
        ("output", "while True: print('x' * 1000)", json!({"output_bytes": 10_000}), "output_limit"),
        (
            "children",
            "os.fork() or time.sleep(100)\nos.fork() or (os.setsid(), time.sleep(100))",
            json!({}),
            "ok",
        ),
    ] {
        let code = format!("{keep}{then}");
        let request = json!({"language": "python", "code": code, "limits": limits, "outputs": ["kept"]});
        let answer = kind.execute_python(daemons, &request).await;
        assert_eq!(answer["status"], status, "{name}, {}: {answer}", kind.name);
        assert_eq!(files(&answer), [("kept".to_owned(), b"kept\xff".to_vec())], "{name}, {}", kind.name);
    }
    let compile_error = json!({"language": "c", "code": "nonsense", "outputs": ["*"], "artifacts": true});
    let answer = daemons.execute(&compile_error).await;
    assert_eq!(answer["status"], "compile_error", "{answer}");
    assert_eq!(files(&answer), []);
}

/// Sends a request for lines of JSON. HTTP/1.0, so that the response is not chunked.
async fn post_live(daemons: &Daemons, body: &Value) -> String {
    let body = body.to_string();
    let mut stream = TcpStream::connect(daemons.address()).await.expect("webd listens");
    let request = format!(
        "POST /api/execute HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("a response");
    response
}

async fn assert_nothing_is_left(daemons: &Daemons) {
    // Collectors have another real uid, and the same effective one.
    let processes = || inventory::processes(&daemons.uids).expect("/proc is readable");
    let is_idle = || async { daemons.status().await.running == 0 };
    assert!(eventually(is_idle).await);
    let status = daemons.status().await;
    assert_eq!(status.quarantined_uids, 0, "{}\n{:?}", daemons.logs(), processes());
}

#[tokio::test]
async fn each_run_has_its_own_files() {
    for kind in kinds() {
        let daemons = kind.start().await;
        each_run_has_its_own(&daemons).await;
        assert_nothing_is_left(&daemons).await;
    }
}

async fn each_run_has_its_own(daemons: &Daemons) {
    let runs: Vec<_> = (0..4).map(|number| json!({"args": [format!("{number}")]})).collect();
    let code = "import sys\nopen(f'out{sys.argv[1]}', 'w').write(sys.argv[1] * 3)";
    let request = json!({"language": "python", "code": code, "runs": runs, "outputs": ["out*"]});
    let answer = daemons.execute(&request).await;
    for number in 0..4 {
        let expected = [(format!("out{number}"), number.to_string().repeat(3).into_bytes())];
        assert_eq!(files(&answer["runs"][number]), expected, "{answer}");
    }
    assert_eq!(files(&answer), files(&answer["runs"][0]));

    let compact =
        json!({"language": "python", "code": code, "runs": runs, "outputs": ["out*"], "compact": true});
    let answer = daemons.execute(&compact).await;
    assert!(answer.get("output_files").is_none(), "{answer}");
    assert_eq!(files(&answer["runs"][3])[0].1, b"333");
}

#[tokio::test]
async fn artifacts_are_what_the_compiler_built() {
    let daemons = start().await;
    let code = "#include <stdio.h>\nint main(void) { puts(\"built\"); }";
    let answer = daemons.execute(&json!({"language": "c", "code": code, "artifacts": true})).await;
    assert_eq!(answer["stdout"], "built\n", "{answer}");
    let built = files(&answer["compile"]);
    let program = built.iter().find(|(_, content)| content.starts_with(b"\x7fELF"));
    let (_, program) = program.unwrap_or_else(|| unreachable!("a program: {answer}"));
    // It is the whole program: it runs elsewhere.
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("program");
    std::fs::write(&path, program).expect("a writable directory");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("a file");
    let output = Command::new(&path).output().expect("it starts");
    assert_eq!(output.stdout, b"built\n");
    assert!(answer["runs"][0].get("output_files").is_none(), "{answer}");
}

#[tokio::test]
async fn files_beyond_the_limits_are_cut_or_counted() {
    let daemons = start().await;
    let code = "import os\nfor i in range(8): open(f'f{i}', 'w').write('x' * 1000)\nos.symlink('f0', 'link')";
    let limits = json!({"output_files": 3, "output_file_bytes": 600, "output_files_bytes": 1500});
    let request =
        |outputs: Value| json!({"language": "python", "code": code, "limits": limits, "outputs": outputs});
    let answer = daemons.execute(&request(json!(["f*"]))).await;
    let lengths: Vec<_> = files(&answer).iter().map(|(_, content)| content.len()).collect();
    assert_eq!(lengths, [600, 600, 300], "{answer}");
    assert!(
        answer["output_files"]
            .as_array()
            .expect("files")
            .iter()
            .all(|file| { file["size"] == 1000 && file["truncated"] == true })
    );
    assert_eq!(answer["output_files_omitted"]["too_many"], 5, "{answer}");
    assert_eq!(answer["limits"]["output_files"], 3);
    let answer = daemons.execute(&request(json!(["link"]))).await;
    assert_eq!((files(&answer), &answer["output_files_omitted"]["not_regular"]), (Vec::new(), &json!(1)));

    for (outputs, reason) in [
        (json!(["../x"]), "`outputs`: the pattern \"../x\" contains . or .."),
        (json!(["/etc/passwd"]), "is absolute"),
        (json!(["a", ""]), "`outputs`"),
        (json!(["[a"]), "contains a [ without its ]"),
        (json!("x"), "outputs"),
        (json!(vec!["x"; 33]), "outputs"),
    ] {
        let answer = daemons.post(&request(outputs.clone())).await.expect("a response");
        assert_eq!(answer.status, 400, "{outputs}: {}", answer.json);
        assert!(answer.json["error"].as_str().expect("a text").contains(reason), "{}", answer.json);
    }
}

#[tokio::test]
async fn an_event_has_each_file_at_the_end_of_its_run() {
    let daemons = start().await;
    let code =
        "open('a.txt', 'w').write('text')\nopen('b.bin', 'wb').write(bytes(range(256)) * 800)\nprint('done')";
    let start = json!({"type": "start", "language": "python", "code": code, "outputs": ["*.txt", "*.bin", "x"],
        "limits": {"output_files": 1}});
    let mut session = Session::open(daemons.address()).await.expect("the session opens");
    for _ in 0..2 {
        session.send(&start).await.expect("the message is sent");
        let mut types = Vec::new();
        loop {
            let event = session.event().await.expect("an event");
            let kind = event["type"].as_str().expect("a type").to_owned();
            assert_ne!(kind, "error", "{event}");
            match kind.as_str() {
                "output_file" => {
                    assert_eq!((&event["stage"], &event["run"]), (&json!("run"), &json!(0)));
                    assert_eq!((&event["name"], &event["content"]), (&json!("a.txt"), &json!("text")));
                }
                "stage_finished" => assert_eq!(event["output_files_omitted"]["too_many"], 1, "{event}"),
                _ => {}
            }
            types.push(kind);
            if types.last().is_some_and(|kind| kind == "finished") {
                break;
            }
        }
        let after: Vec<_> = types.iter().skip_while(|kind| *kind != "output").collect();
        assert_eq!(after, ["output", "output_file", "stage_finished", "finished"]);
    }
    // A large file is one message too.
    let large = json!({"type": "start", "language": "python", "outputs": ["large"],
        "code": "open('large', 'wb').write(b'\\xff' * (5 << 20))",
        "limits": {"output_file_bytes": 6 << 20, "output_files_bytes": 6 << 20}});
    session.send(&large).await.expect("the message is sent");
    loop {
        let event = session.event().await.expect("an event");
        if event["type"] == "output_file" {
            assert_eq!(content(&event), vec![0xff; 5 << 20]);
            assert_eq!(event["truncated"], false);
            break;
        }
        assert_ne!(event["type"], "finished", "no file: {event}");
    }
}

#[tokio::test]
async fn an_event_stream_has_the_files_and_executions_without_a_client_leave_nothing() {
    let daemons = start().await;
    let body = json!({"language": "python", "outputs": ["*.bin"],
        "code": "open('b.bin', 'wb').write(bytes(range(256)) * 1000)"});
    let text = post_live(&daemons, &body).await;
    let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let file = events.iter().find(|event| event["type"] == "output_file").expect("a file");
    assert_eq!(content(file), (0..=255).cycle().take(256_000).collect::<Vec<u8>>());
    assert_eq!(events.last().expect("events")["type"], "finished");
    assert_nothing_is_left(&daemons).await;
}

#[tokio::test]
async fn the_command_line_writes_files_below_a_directory() {
    let daemons = start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("main.py");
    let code = "import os\nos.makedirs('plots')\nopen('plots/p.bin', 'wb').write(bytes(range(256)))\n\
                open('t.csv', 'w').write('1,2\\n')\nopen('.hidden', 'w').write('x')";
    std::fs::write(&source, code).expect("a writable directory");
    let out = directory.path().join("out");
    let run = |arguments: &[&str]| {
        let executor = binary("executor").expect("the binary is built");
        let output = Command::new(executor)
            .args(["--socket", daemons.socket().to_str().expect("UTF-8"), "run", "--out"])
            .arg(&out)
            .args(arguments)
            .arg(&source)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{output:?}");
    };
    run(&["--output", "plots/*"]);
    let read = |name: &str| std::fs::read(Path::new(&out).join(name)).ok();
    assert_eq!(read("plots/p.bin"), Some((0..=255).collect()));
    assert_eq!(read("t.csv"), None);
    run(&[]);
    assert_eq!(read("t.csv"), Some(b"1,2\n".to_vec()));
    assert_eq!((read("main.py"), read(".hidden")), (None, None));
}
