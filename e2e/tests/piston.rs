//! The API of Piston with real daemons and compilers.

#![forbid(unsafe_code)]

use e2e::daemons::{DEADLINE, Daemons, Settings};
use e2e::http::{self, Answer};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

async fn post(daemons: &Daemons, body: &Value) -> Answer {
    http::post(&daemons.url("/api/v2/execute"), body, DEADLINE).await.expect("an answer")
}

/// Runs a program whose request has more fields, and returns the answer.
async fn execute(daemons: &Daemons, language: &str, files: Value, more: Value) -> Value {
    let mut body = json!({"language": language, "version": "*", "files": files});
    for (field, value) in more.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    let answer = post(daemons, &body).await;
    assert_eq!(answer.status, 200, "{body}: {}\n{}", answer.json, daemons.logs());
    answer.json
}

async fn run(daemons: &Daemons, language: &str, code: &str) -> Value {
    execute(daemons, language, json!([{ "content": code }]), json!({})).await["run"].clone()
}

#[tokio::test]
async fn programs_in_each_language_run_with_the_clients_defaults() {
    let daemons = start().await;
    let runtimes =
        http::get(&daemons.url("/api/v2/piston/runtimes"), DEADLINE).await.expect("an answer").json;
    let aliases = |language: &str| {
        let all = runtimes.as_array().expect("a list").iter();
        all.filter(|runtime| runtime["language"] == language).map(|runtime| &runtime["aliases"]).next()
    };
    assert_eq!(aliases("python"), Some(&json!(["py", "py3", "python3"])));
    // What Piston's clients send, with the versions of the public server.
    let defaults = json!({
        "stdin": "4 5", "args": ["a b", ""], "compile_timeout": 10000, "run_timeout": 3000,
        "compile_memory_limit": -1, "run_memory_limit": -1,
    });
    let programs = [
        (
            "python",
            "3.10.0",
            "import sys\nprint(sum(map(int, input().split())), sys.argv[1:])",
            "9 ['a b', '']\n",
        ),
        (
            "javascript",
            "18.15.0",
            "console.log(require('fs').readFileSync(0, 'utf8').trim(), JSON.stringify(process.argv.slice(2)))",
            "4 5 [\"a b\",\"\"]\n",
        ),
        (
            "c++",
            "10.2.0",
            "#include <iostream>\nint main(int c, char** v) { int a, b; std::cin >> a >> b; std::cout << a + b << c << v[1]; }",
            "93a b",
        ),
        (
            "c",
            "10.2.0",
            "#include <stdio.h>\nint main(int c, char **v) { printf(\"%d%s\\n\", c, v[1]); }",
            "3a b\n",
        ),
        (
            "java",
            "15.0.2",
            "class Any { public static void main(String[] a) { System.out.println(a.length + a[0]); } }",
            "2a b\n",
        ),
        ("bash", "5.2.0", "read line; echo \"$line|$1|$#\"", "4 5|a b|2\n"),
    ];
    for (language, version, code, stdout) in programs {
        let mut body = defaults.clone();
        body["language"] = language.into();
        body["version"] = version.into();
        body["files"] = json!([{"content": code}]);
        let answer = post(&daemons, &body).await;
        assert_eq!(answer.status, 200, "{language}: {}", answer.json);
        let run = &answer.json["run"];
        assert_eq!(
            (&run["stdout"], &run["stderr"]),
            (&json!(stdout), &json!("")),
            "{language}: {}",
            answer.json
        );
        assert_eq!((&run["code"], &run["signal"], &run["status"]), (&json!(0), &Value::Null, &Value::Null));
        assert_eq!(answer.json["language"], language);
    }
}

#[tokio::test]
async fn files_are_compiled_and_read_as_piston_does() {
    let daemons = start().await;
    let files = json!([
        {"name": "data.bin", "content": "AP8=", "encoding": "base64"},
        {"name": "pkg/helper.py", "content": "def f(): return open('data.bin', 'rb').read()"},
        {"content": "4869", "encoding": "hex"},
    ]);
    let mut python = vec![json!({"name": "main.py", "content":
        "import os\nfrom pkg.helper import f\nprint(f(), open('file3.code').read(), sorted(os.listdir()), os.environ['HOME'])"})];
    python.extend(files.as_array().expect("a list").clone());
    let answer = execute(&daemons, "python", json!(python), json!({})).await;
    let stdout = answer["run"]["stdout"].as_str().unwrap_or_default();
    assert!(stdout.starts_with("b'\\x00\\xff' Hi ['data.bin', 'file3.code', 'main.py', 'pkg']"), "{answer}");

    let files = json!([
        {"content": "#include \"twice.hpp\"\n#include <cstdio>\nint main() { std::printf(\"%d\", twice(21)); }"},
        {"content": "#include \"twice.hpp\"\nint twice(int n) { return 2 * n; }"},
        {"name": "twice.hpp", "content": "int twice(int n);"},
    ]);
    let answer = execute(&daemons, "cpp", files, json!({})).await;
    assert_eq!((&answer["compile"]["code"], &answer["run"]["stdout"]), (&json!(0), &json!("42")), "{answer}");

    let standard =
        json!([{"content": "#include <cstdio>\nint main() { std::printf(\"%ld\", __cplusplus); }"}]);
    assert_eq!(execute(&daemons, "c++", standard, json!({})).await["run"]["stdout"], "201703");

    for name in ["../x.py", "/etc/x.py", "a/../../x.py"] {
        let body = json!({"language": "python", "version": "3", "files": [{"name": name, "content": ""}]});
        let answer = post(&daemons, &body).await;
        assert_eq!(answer.status, 400, "{name}");
        assert!(answer.json["message"].is_string(), "{}", answer.json);
    }
}

#[tokio::test]
async fn every_ending_has_the_words_of_piston() {
    let daemons = start().await;
    let python = |code: &'static str| run(&daemons, "python", code);
    let check = |run: &Value, code: Value, signal: Value, status: &str, message: &str| {
        assert_eq!(
            (&run["code"], &run["signal"], &run["status"], &run["message"]),
            (&code, &signal, &json!(status), &json!(message)),
            "{run}"
        );
    };
    let run = python("import sys\nsys.stderr.write('e')\nsys.exit(7)").await;
    check(&run, json!(7), Value::Null, "RE", "Exited with error status 7");
    assert_eq!((&run["stderr"], &run["output"]), (&json!("e"), &json!("e")));
    let run = python("import os\nos.abort()").await;
    check(&run, Value::Null, json!("SIGABRT"), "SG", "Caught fatal signal 6");
    let run = python("print('x' * 5000000)").await;
    check(&run, Value::Null, json!("SIGKILL"), "OL", "stdout length exceeded");
    assert!(run["stdout"].as_str().is_some_and(|stdout| stdout.starts_with("xxx")));
    let files = json!([{"content": "print('a', flush=True)\nimport time\ntime.sleep(60)"}]);
    let answer = execute(&daemons, "python", files, json!({"run_timeout": 500})).await;
    check(&answer["run"], Value::Null, json!("SIGKILL"), "TO", "Time limit exceeded (wall clock)");
    assert_eq!(answer["run"]["stdout"], "a\n");
    let files = json!([{"content": "while True: pass"}]);
    let answer = execute(&daemons, "python", files, json!({"run_cpu_time": 300})).await;
    check(&answer["run"], Value::Null, json!("SIGKILL"), "TO", "Time limit exceeded");
    let files = json!([{"content": "x = bytearray(1 << 30)"}]);
    let answer = execute(&daemons, "python", files, json!({"run_memory_limit": 64 << 20})).await;
    check(&answer["run"], Value::Null, json!("SIGKILL"), "SG", "Caught fatal signal 9");
    // A negative limit is the maximum, which is more than the default.
    let files = json!([{"content": "x = b'1' * (700 << 20)\nprint(len(x))"}]);
    let answer = execute(&daemons, "python", files, json!({"run_memory_limit": -1})).await;
    assert_eq!(answer["run"]["stdout"], format!("{}\n", 700 << 20), "{answer}");

    let answer = execute(&daemons, "c++", json!([{"content": "int main() { nothing; }"}]), json!({})).await;
    assert_eq!(answer["compile"], answer["run"]);
    assert_eq!((&answer["run"]["code"], &answer["run"]["stdout"]), (&json!(1), &json!("")));
    assert!(answer["run"]["stderr"].as_str().is_some_and(|text| text.contains("nothing")), "{answer}");
}

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn start(daemons: &Daemons, language: &str, code: &str) -> Self {
        let address = daemons.address();
        let stream = TcpStream::connect(address).await.expect("connect");
        let url = format!("ws://{address}/api/v2/connect");
        let mut socket = Self(client_async(url, stream).await.expect("a WebSocket").0);
        let init = json!({"type": "init", "language": language, "version": "*", "files": [{"content": code}], "args": ["x"]});
        socket.send(&init).await;
        socket
    }

    async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    async fn type_in(&mut self, data: &str) {
        self.send(&json!({"type": "data", "stream": "stdin", "data": data})).await;
    }

    /// Returns the next message, or the code with which the server closes.
    async fn receive(&mut self) -> Value {
        let next = timeout(DEADLINE, self.0.next()).await.expect("a message in time");
        match next.expect("a message").expect("no error") {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            Message::Close(Some(frame)) => json!(u16::from(frame.code)),
            other => json!(format!("{other:?}")),
        }
    }

    /// Returns the kinds of all messages until the server closes, with the output of all stages.
    async fn rest(&mut self) -> (Vec<String>, String) {
        let (mut kinds, mut output) = (Vec::new(), String::new());
        loop {
            let message = self.receive().await;
            match message["type"].as_str() {
                Some("data") => output.push_str(message["data"].as_str().unwrap_or_default()),
                Some("exit") => kinds.push(format!("exit {} {}", message["stage"], message["code"])),
                Some(kind) => kinds.push(format!("{kind} {}", message["stage"])),
                None => {
                    kinds.push(message.to_string());
                    return (kinds, output);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_interactive_program_reads_what_is_typed_even_before_it_runs() {
    let daemons = start().await;
    let mut socket = Socket::start(
        &daemons,
        "c++",
        "#include <iostream>\nint main(int, char** v) { int n, sum = 0; while (std::cin >> n) std::cout << (sum += n) << v[1] << std::endl; }",
    )
    .await;
    // During the compilation.
    socket.type_in("1\n").await;
    socket.type_in("2\n").await;
    socket.send(&json!({"type": "eof"})).await;
    let (kinds, output) = socket.rest().await;
    let expected = [
        "runtime null",
        "stage \"compile\"",
        "exit \"compile\" 0",
        "stage \"run\"",
        "exit \"run\" 0",
        "4999",
    ];
    assert_eq!((kinds, output.as_str()), (expected.map(str::to_owned).to_vec(), "1x\n3x\n"));

    let mut socket = Socket::start(&daemons, "c", "int main(void) { return nothing; }").await;
    let (kinds, output) = socket.rest().await;
    assert_eq!(kinds, ["runtime null", "stage \"compile\"", "exit \"compile\" 1", "4999"]);
    assert!(output.contains("nothing"), "{output}");
}

#[tokio::test]
async fn signals_reach_an_interactive_program() {
    let daemons = start().await;
    let code = "import time\ntry:\n    print('ready', flush=True)\n    while True: time.sleep(0.05)\nexcept KeyboardInterrupt:\n    print('interrupted')";
    let mut socket = Socket::start(&daemons, "python", code).await;
    let mut seen = String::new();
    while !seen.contains("ready") {
        seen.push_str(socket.receive().await["data"].as_str().unwrap_or_default());
    }
    socket.send(&json!({"type": "signal", "signal": "SIGINT"})).await;
    let (kinds, output) = socket.rest().await;
    assert_eq!(
        (kinds, output.as_str()),
        (vec!["exit \"run\" 0".to_owned(), "4999".to_owned()], "interrupted\n")
    );
}
