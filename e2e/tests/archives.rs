//! Archives of a request: additional files and programs of several files in the API of Judge0.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::{Command, Stdio};

use e2e::daemons::{DEADLINE, Daemons, Settings};
use e2e::http::{self, Answer};
use serde_json::{Value, json};

/// Writes an archive in base64, from a list of names, modes and contents. A number is the length of a content of zeros.
const ZIP: &str = "
import base64, io, json, sys, zipfile
data = io.BytesIO()
with zipfile.ZipFile(data, 'w', zipfile.ZIP_DEFLATED) as archive:
    for name, mode, content in json.load(sys.stdin):
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, bytes(content) if isinstance(content, int) else content)
print(base64.b64encode(data.getvalue()).decode())
";

/// Returns an archive in base64, as Python writes it.
fn zip(files: &Value) -> String {
    let mut python = Command::new("python3")
        .args(["-c", ZIP])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = python.stdin.take().expect("a pipe");
    stdin.write_all(files.to_string().as_bytes()).expect("Python reads");
    drop(stdin);
    let output = python.wait_with_output().expect("Python ends");
    String::from_utf8(output.stdout).expect("base64")
}

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

async fn post(daemons: &Daemons, body: &Value) -> Answer {
    let url = daemons.url("/judge0/submissions?wait=true&fields=*");
    http::post(&url, body, DEADLINE).await.expect("an answer")
}

async fn run(daemons: &Daemons, body: Value) -> Value {
    let answer = post(daemons, &body).await;
    assert_eq!(answer.status, 201, "{}\n{}", answer.json, daemons.logs());
    answer.json
}

#[track_caller]
fn check(result: &Value, status: u32, stdout: &str) {
    assert_eq!((&result["status"]["id"], &result["stdout"]), (&json!(status), &json!(stdout)), "{result}");
}

#[tokio::test]
async fn programs_find_the_files_of_their_archive() {
    let daemons = start().await;
    let files = json!([
        ["number.h", 0o100_644, "#define NUMBER 7\n"],
        ["package/__init__.py", 0o100_644, "name = 'package'\n"],
        ["./data.txt", 0o100_600, "text"],
        ["script.py", 0o100_644, "print('the source of the request wins')"],
        ["tool", 0o100_755, "#!/bin/sh\necho tool\n"],
    ]);
    let files = zip(&files);
    let c =
        "#include <stdio.h>\n#include \"number.h\"\nint main(void) { printf(\"%d\\n\", NUMBER); return 0; }";
    let body = json!({"language_id": 50, "source_code": c, "additional_files": files});
    check(&run(&daemons, body).await, 3, "7\n");
    let python = "import os, subprocess\nfrom package import name\nprint(name, open('data.txt').read(), sorted(os.listdir()))\n\
        print(subprocess.run(['./tool'], capture_output=True, text=True).stdout, end='')";
    let body = json!({
        "language_id": 71, "source_code": python, "additional_files": files, "number_of_runs": 2, "max_file_size": 1,
    });
    let result = run(&daemons, body).await;
    let listed = "package text ['data.txt', 'number.h', 'package', 'script.py', 'tool']\ntool\n";
    check(&result, 3, listed);
    assert_eq!(
        result["additional_files"].as_str().map(|text| text.replace('\n', "")),
        Some(files.trim().to_owned())
    );
}

#[tokio::test]
async fn a_program_of_several_files_has_its_own_scripts() {
    let daemons = start().await;
    let main = "#include <stdio.h>\nint square(int);\nint main(int c, char **v) { int n; scanf(\"%d\", &n); printf(\"%s %d\\n\", v[1], square(n)); return 0; }";
    let square = "int square(int n) { return n * n; }";
    let program = |compile: &str, run: &str| {
        // The mode that Python's zipfile writes.
        let script = |name: &str, text: &str| json!([name, 0o100_600, text]);
        zip(&json!([
            script("main.c", main),
            script("square.c", square),
            script("compile", compile),
            script("run", run)
        ]))
    };
    let body = |files: String| json!({"language_id": 89, "additional_files": files, "stdin": "5", "command_line_arguments": "'a b'"});
    let built = program(
        "echo building\numask 077\nmkdir .private\ngcc -o .private/program main.c square.c",
        "./.private/program \"$@\"\n",
    );
    let result = run(&daemons, body(built)).await;
    check(&result, 3, "a b 25\n");
    assert_eq!((&result["compile_output"], &result["language"]["id"]), (&json!("building\n"), &json!(89)));
    let broken = run(&daemons, body(program("echo wrong >&2\nexit 3", "true"))).await;
    assert_eq!(
        (&broken["status"]["id"], &broken["compile_output"]),
        (&json!(6), &json!("wrong\n")),
        "{broken}"
    );
    let interpreted = zip(&json!([["run.sh", 0o100_644, "read -r n\necho \"$n $1\"\n"]]));
    check(&run(&daemons, body(interpreted)).await, 3, "5 a b\n");
    let nothing = run(&daemons, body(zip(&json!([["other", 0o100_644, ""]])))).await;
    assert_eq!((&nothing["status"]["id"], &nothing["exit_code"]), (&json!(11), &json!(127)), "{nothing}");
    for (more, attribute) in [("source_code", "source_code"), ("none", "additional_files")] {
        let files = if attribute == "source_code" { "UEsFBg==" } else { "" };
        let body = json!({"language_id": 89, more: "x", "additional_files": files});
        let answer = post(&daemons, &body).await;
        assert!(answer.status == 422 && answer.json.get(attribute).is_some(), "{}", answer.json);
    }
}

#[tokio::test]
async fn hostile_archives_harm_nobody() {
    let daemons = start().await;
    let list = "import os\nprint(sorted(os.listdir()), os.path.exists('/tmp/planted'), os.path.exists('/box/../planted'))";
    let body = |source: &str, files: &str| json!({"language_id": 71, "source_code": source, "additional_files": files});
    let names = json!([
        ["../planted", 0o100_644, "x"],
        ["/tmp/planted", 0o100_644, "x"],
        ["a/../../planted", 0o100_644, "x"],
        ["link", 0o120_777, "/etc/passwd"],
        ["fifo", 0o010_644, ""],
        ["good", 0o100_644, "x"],
    ]);
    let result = run(&daemons, body(list, &zip(&names))).await;
    check(&result, 3, "['good', 'script.py'] False False\n");
    let reported = result["stderr"].as_str().unwrap_or_default().lines().count();
    assert_eq!(reported, 5, "{result}");

    // 64 MiB of zeros in 64 KiB, and as many files as fit.
    let bomb = run(&daemons, body(list, &zip(&json!([["zeros", 0o100_644, 64 << 20]])))).await;
    check(&bomb, 3, "['script.py'] False False\n");
    let many: Vec<_> = (0..30).map(|number| json!([format!("f{number}"), 0o100_644, 10 << 20])).collect();
    let full = run(&daemons, body("print(1)", &zip(&json!(many)))).await;
    assert!(full["status"]["id"].as_u64().is_some_and(|id| id > 2), "{full}");

    let damaged = run(&daemons, body("print(1)", "bm90IGEgemlw")).await;
    check(&damaged, 3, "1\n");
    assert_eq!(damaged["stderr"], "additional files: not a zip archive\n");
    check(&run(&daemons, json!({"language_id": 71, "source_code": "print(2)"})).await, 3, "2\n");
}

#[tokio::test]
async fn a_submission_can_be_a_multipart_body() {
    let daemons = start().await;
    let url = daemons.url("/judge0/submissions?wait=true");
    let output = Command::new("curl")
        .args([
            "--silent",
            "--max-time",
            "30",
            "-F",
            "source_code=print(input())",
            "-F",
            "language_id=71",
            "-F",
            "stdin=multi part",
        ])
        .arg(url.to_string())
        .output()
        .expect("curl runs");
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    check(&result, 3, "multi part\n");
}
