//! The API of Judge0 with real daemons and compilers.

#![forbid(unsafe_code)]

use e2e::daemons::{DEADLINE, Daemons, Settings, eventually};
use e2e::http::{self, Answer};
use serde_json::{Value, json};

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

async fn post(daemons: &Daemons, path: &str, body: &Value) -> Answer {
    http::post(&daemons.url(&format!("/judge0/{path}")), body, DEADLINE).await.expect("an answer")
}

/// Runs a submission, and returns all fields of its result.
async fn run(daemons: &Daemons, language: u32, source: &str, more: Value) -> Value {
    let mut body = json!({"language_id": language, "source_code": source});
    for (attribute, value) in more.as_object().into_iter().flatten() {
        body[attribute] = value.clone();
    }
    let answer = post(daemons, "submissions?wait=true&fields=*", &body).await;
    assert_eq!(answer.status, 201, "{body}: {}\n{}", answer.json, daemons.logs());
    answer.json
}

#[track_caller]
fn check(result: &Value, status: u32, stdout: Value, message: Value) {
    assert_eq!(
        (&result["status"]["id"], &result["stdout"], &result["message"]),
        (&json!(status), &stdout, &message),
        "{result}"
    );
}

#[tokio::test]
async fn programs_in_each_language_run() {
    let daemons = start().await;
    let more = json!({"stdin": "4 5", "command_line_arguments": "'a b' c"});
    for (ids, source, stdout) in [
        (
            &[71, 92][..],
            "import sys\nprint(sum(map(int, input().split())), sys.argv[1:])",
            "9 ['a b', 'c']\n",
        ),
        (&[63], "console.log(process.argv.slice(2).length)", "2\n"),
        (&[62], "class Other { public static void main(String[] a) { System.out.println(a[0]); } }", "a b\n"),
        (
            &[52, 54, 76],
            "#include <iostream>\nint main(int c, char**) { int a; std::cin >> a; std::cout << a + c; }",
            "7",
        ),
        (&[50, 75], "#include <stdio.h>\nint main(int c, char **v) { puts(v[1]); }", "a b\n"),
        (&[46], "read line; echo \"$line $#\"", "4 5 2\n"),
        (&[43], "just text", "just text"),
    ] {
        for &id in ids {
            let result = run(&daemons, id, source, more.clone()).await;
            check(&result, 3, json!(stdout), Value::Null);
            assert_eq!(result["language"]["id"], id);
        }
    }
}

#[tokio::test]
async fn results_are_those_of_judge0() {
    let daemons = start().await;
    let python = async |source: &str, more: Value| run(&daemons, 71, source, more).await;
    let expected = json!({"expected_output": "1\n2"});
    check(
        &python("print('1 ')\nprint(2)\nprint()", expected.clone()).await,
        3,
        json!("1 \n2\n\n"),
        Value::Null,
    );
    check(&python("print(1)", expected).await, 4, json!("1\n"), Value::Null);
    let nonzero = python("import sys\nsys.stderr.write('e')\nsys.exit(3)", json!({})).await;
    check(&nonzero, 11, Value::Null, json!("Exited with error status 3"));
    assert_eq!((&nonzero["stderr"], &nonzero["exit_code"]), (&json!("e"), &json!(3)));
    let aborted = python("import os\nos.abort()", json!({})).await;
    check(&aborted, 10, Value::Null, json!("Caught fatal signal 6"));
    assert_eq!(aborted["exit_signal"], 6);
    let crash =
        run(&daemons, 50, "int main(void) { volatile int *p = 0; *p = 1; return 0; }", json!({})).await;
    check(&crash, 7, Value::Null, json!("Caught fatal signal 11"));
    let endless = python("print(1, flush=True)\nwhile True: pass", json!({"cpu_time_limit": 0.5})).await;
    check(&endless, 5, json!("1\n"), json!("Time limit exceeded"));
    let asleep = python("import time\ntime.sleep(60)", json!({"wall_time_limit": 1})).await;
    check(&asleep, 5, Value::Null, json!("Time limit exceeded (wall clock)"));
    let memory = python("x = bytearray(200 << 20)", json!({})).await;
    check(&memory, 12, Value::Null, json!("Caught fatal signal 9"));
    let flood = python("print('x' * 100000)", json!({"max_file_size": 64})).await;
    assert_eq!((&flood["status"]["id"], flood["stdout"].as_str().map(str::len)), (&json!(8), Some(65_536)));
    let merged = python(
        "import sys\nprint(1, flush=True)\nprint(2, file=sys.stderr)",
        json!({"redirect_stderr_to_stdout": true}),
    );
    let merged = merged.await;
    check(&merged, 3, json!("1\n2\n"), Value::Null);
    assert_eq!(merged["stderr"], Value::Null);
    let hello = "public class Main { public static void main(String[] a) { System.out.println(1); } }";
    check(&run(&daemons, 62, hello, json!({"memory_limit": 128_000})).await, 3, json!("1\n"), Value::Null);

    let error = run(&daemons, 54, "int main() { nothing; }", json!({})).await;
    check(&error, 6, Value::Null, Value::Null);
    assert!(error["compile_output"].as_str().is_some_and(|text| text.contains("nothing")), "{error}");
    let options = json!({"compiler_options": "-std=c11 -O3 -Wall"});
    let source =
        "#include <stdio.h>\nint main(void) { int unused; printf(\"%ld\", __STDC_VERSION__); return 0; }";
    let warned = run(&daemons, 50, source, options).await;
    check(&warned, 3, json!("201112"), Value::Null);
    assert!(warned["compile_output"].as_str().is_some_and(|text| text.contains("unused")), "{warned}");
    let options = json!({"compiler_options": "-DN=6 '-Wno-unused' -lpthread"});
    let defined = "#include <stdio.h>\nint main(void) { printf(\"%d\", N); return 0; }";
    check(&run(&daemons, 50, defined, options).await, 3, json!("6"), Value::Null);
    for (language, words) in
        [(50, "-fplugin=x.so -specs=x @x -B. x.c"), (62, "-processor -J-Dx @x"), (54, "-Wl,-rpath=.")]
    {
        for word in words.split(' ') {
            let body = json!({"language_id": language, "source_code": "x", "compiler_options": word});
            let answer = post(&daemons, "submissions", &body).await;
            let error = json!({"compiler_options": [format!("{word} is not supported")]});
            assert_eq!((answer.status, answer.json), (422, error));
        }
    }
    let several = python("print(1)", json!({"number_of_runs": 3})).await;
    check(&several, 3, json!("1\n"), Value::Null);
    assert!(several["memory"].as_u64().is_some_and(|memory| memory > 1000), "{several}");
}

#[tokio::test]
async fn a_submission_without_waiting_is_finished_later() {
    let daemons = start().await;
    let body = json!({"submissions": [
        {"language_id": 71, "source_code": "cHJpbnQoaW5wdXQoKSk=", "stdin": "w6k="},
        {"language_id": 71, "source_code": "MS8w"},
    ]});
    let created = post(&daemons, "submissions/batch?base64_encoded=true", &body).await;
    assert_eq!(created.status, 201, "{}", created.json);
    let tokens: Vec<_> = created
        .json
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["token"].as_str().unwrap_or_default())
        .collect();
    let url =
        daemons.url(&format!("/judge0/submissions/batch?base64_encoded=true&tokens={}", tokens.join(",")));
    let batch = async || http::get(&url, DEADLINE).await.expect("an answer").json["submissions"].clone();
    let is_finished = async || {
        let batch = batch().await;
        batch.as_array().is_some_and(|all| all.iter().all(|one| one["status"]["id"].as_u64() > Some(2)))
    };
    assert!(eventually(is_finished).await, "{}", batch().await);
    let batch = batch().await;
    assert_eq!((&batch[0]["stdout"], &batch[0]["status"]["id"]), (&json!("w6kK\n"), &json!(3)));
    assert_eq!(batch[1]["status"]["id"], 11);
}

#[tokio::test]
async fn a_java_submission_with_the_default_limits_gets_a_pre_warmed_machine() {
    let settings = Settings { slots: 2, pool: true, ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let source = "public class Main { public static void main(String[] a) { System.out.println(6 * 7); } }";
    let of_runs = || async {
        let counts = daemons.status().await.warm.into_iter();
        let count = counts.filter(|count| (&*count.language, &*count.stage) == ("java", "run"));
        count.map(|count| (count.ready, count.hits)).next().expect("a stage to run")
    };
    assert!(eventually(|| async { of_runs().await.0 > 0 }).await, "{}", daemons.logs());
    check(&run(&daemons, 62, source, json!({})).await, 3, json!("42\n"), Value::Null);
    assert_eq!(of_runs().await.1, 1);
}
