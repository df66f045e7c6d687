//! Large input as multipart/form-data: it arrives unchanged, within its bounds, and leaves nothing.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::daemons::{DEADLINE, Daemons, Settings, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const MIB: usize = 1024 * 1024;
const MAX_UPLOAD: usize = 64 * MIB;
/// SHA-256 of [`numbered`] of [`MAX_UPLOAD`] bytes.
const MAX_UPLOAD_HASH: &str = "a3e54211c584fab26568bf2161740404abfce287b56cba228ff1980bcbc04ea8";
/// Prints the length and the hash of its input.
const HASHES: &str = "import hashlib, sys\nhash, length = hashlib.sha256(), 0\nwhile block := sys.stdin.buffer.read(65536):\n    \
                      hash.update(block)\n    length += len(block)\nprint(length, hash.hexdigest())";

/// Bytes that differ in each block of 64 KiB.
fn numbered(length: usize) -> Vec<u8> {
    let blocks = (0_u32..).flat_map(|block| block.to_le_bytes().repeat(16_384));
    blocks.take(length).collect()
}

/// Parts before they are sent: each has a name and its content.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn request(request: &Value) -> Self {
        Self::default().part("request", request.to_string().as_bytes())
    }

    fn part(mut self, name: &str, content: &[u8]) -> Self {
        let head =
            format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"--limit--\r\n");
        self.0
    }
}

/// A request that is being sent.
struct Sending(TcpStream);

impl Sending {
    /// Sends the head of a request whose body has `length` bytes.
    async fn begin(daemons: &Daemons, length: usize, headers: &str) -> Self {
        let mut stream = TcpStream::connect(daemons.address()).await.expect("webd listens");
        let head = format!(
            "POST /api/execute HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: multipart/form-data; boundary=limit\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("webd reads");
        Self(stream)
    }

    /// Sends bytes of the body. webd may answer, and close the connection, before it has read all of them.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Returns the status and the body of the answer.
    async fn answer(mut self) -> (u16, String) {
        let mut answer = Vec::new();
        // After an early answer the connection may be reset, when everything was read.
        let _ = timeout(DEADLINE, self.0.read_to_end(&mut answer)).await.expect("an answer in time");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        (status.expect("an answer"), body.unwrap_or_default())
    }
}

async fn post(daemons: &Daemons, body: &[u8], headers: &str) -> (u16, String) {
    let mut sending = Sending::begin(daemons, body.len(), headers).await;
    sending.send(body).await;
    sending.answer().await
}

/// Sends a request that is executed.
async fn execute(daemons: &Daemons, body: &[u8]) -> Value {
    let (status, text) = post(daemons, body, "").await;
    assert_eq!(status, 200, "{text}\n{}", daemons.logs());
    serde_json::from_str(&text).expect("JSON")
}

/// Sends a request that is refused. Returns the status, the code and the message.
async fn refused(daemons: &Daemons, body: &[u8], headers: &str) -> (u16, String, String) {
    let (status, text) = post(daemons, body, headers).await;
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("error"))
}

async fn start(settings: Settings) -> Daemons {
    Daemons::start(&settings).await.expect("both daemons start")
}

fn hashes() -> Value {
    json!({ "language": "python", "code": HASHES, "limits": { "cpu_ms": 30_000, "wall_ms": 60_000 } })
}

/// Returns the peak memory of a process in bytes; see proc_pid_status(5).
fn peak_memory(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a number");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).expect("a number") * 1024
}

#[tokio::test]
async fn the_largest_input_arrives_unchanged_and_is_not_held_by_webd() {
    let daemons = start(Settings::default()).await;
    let request = hashes();
    execute(&daemons, &Parts::request(&request).part("stdin", b"warm-up").end()).await;
    let pids = [daemons.webd_pid(), daemons.executord_pid()];
    let before = pids.map(peak_memory);
    let body = Parts::request(&request).part("stdin", &numbered(MAX_UPLOAD)).end();
    let answer = execute(&daemons, &body).await;
    assert_eq!(answer["stdout"], format!("{MAX_UPLOAD} {MAX_UPLOAD_HASH}\n"), "{answer}");
    for (pid, before) in pids.into_iter().zip(before) {
        let growth = peak_memory(pid).saturating_sub(before);
        assert!(growth < 24 * MIB, "{pid} grew by {growth} bytes");
    }

    let body = Parts::request(&request).part("stdin", &numbered(MAX_UPLOAD + 1)).end();
    let (status, code, message) = refused(&daemons, &body, "").await;
    assert_eq!((status, code.as_str()), (413, "too_large"), "{message}");
    assert!(message.contains("the part `stdin` is longer than 67108864 bytes"), "{message}");
    let is_idle = || async { daemons.status().await.running == 0 };
    assert!(eventually(is_idle).await);
}

#[tokio::test]
async fn each_run_gets_its_part_in_any_order() {
    let daemons = start(Settings::from_environment()).await;
    let reads = "import sys\nprint(sys.argv[1:], sys.stdin.read())";
    let runs = json!([{ "args": ["a"] }, { "stdin": "inline" }, { "args": ["c"] }]);
    let request = json!({ "language": "python", "code": reads, "runs": runs });
    let body = Parts::request(&request).part("stdin[2]", b"third\r\n--x").part("stdin[0]", b"").end();
    let answer = execute(&daemons, &body).await;
    let outputs: Vec<_> = answer["runs"].as_array().into_iter().flatten().map(|run| &run["stdout"]).collect();
    assert_eq!(outputs, ["['a'] \n", "[] inline\n", "['c'] third\r\n--x\n"], "{answer}");

    // A program need not read its input, and a live answer is as usual.
    let request = json!({ "language": "python", "code": "print(1)" });
    let body = Parts::request(&request).part("stdin", &numbered(4 * MIB)).end();
    let (status, events) = post(&daemons, &body, "Accept: application/x-ndjson\r\n").await;
    assert!(
        status == 200 && events.contains(r#""data":"1\n""#) && events.contains(r#""type":"finished""#),
        "{events}"
    );
}

#[tokio::test]
async fn a_body_that_is_not_valid_is_refused_by_the_name_of_its_part() {
    let daemons = start(Settings::default()).await;
    let one = json!({ "language": "python", "code": "" });
    let two = json!({ "language": "python", "code": "", "runs": [{}, { "stdin": "x" }] });
    let twice = "unexpected part `request`";
    for (body, expected) in [
        (Parts::default().part("stdin", b"x").end(), "the first part must be `request`"),
        (Parts::request(&one).end(), "the part `stdin` is missing"),
        (Parts::request(&one).part("stdin", b"").part("stdin", b"").end(), "there are two parts `stdin`"),
        (Parts::request(&one).part("stdin", b"").part("request", b"{}").end(), twice),
        (Parts::request(&one).part("stdin[0]", b"").end(), "unexpected part `stdin[0]`"),
        (Parts::request(&two).part("stdin", b"").end(), "unexpected part `stdin`"),
        (Parts::request(&two).part("stdin[2]", b"").end(), "unexpected part `stdin[2]`"),
        (Parts::request(&two).part("stdin[1]", b"").end(), "the part `stdin[1]` and `stdin`"),
        (Parts::request(&two).end(), "the part `stdin[0]` is missing"),
        (Parts::request(&json!({ "language": "python" })).end(), "`code` or `files` is required"),
        (Parts::request(&json!({ "code": "" })).part("stdin", b"").end(), "`language` is required"),
        (Parts::request(&one).part("stdin", b"no end").0, "incomplete"),
        (Vec::new(), "incomplete"),
    ] {
        let (status, code, message) = refused(&daemons, &body, "").await;
        assert!(
            status == 400 && code == "invalid_request" && message.contains(expected),
            "{expected}: {status} {message}"
        );
    }
    // The daemon refuses the request while the input is being sent.
    let unknown = json!({ "language": "none", "code": "" });
    let body = Parts::request(&unknown).part("stdin", &numbered(8 * MIB)).end();
    let (status, code, message) = refused(&daemons, &body, "").await;
    assert_eq!((status, code.as_str()), (400, "unsupported_language"), "{message}");
    // A browser sends a form to any server.
    let body = Parts::request(&one).part("stdin", b"").end();
    let (status, code, _) = refused(&daemons, &body, "Origin: https://elsewhere.example\r\n").await;
    assert_eq!((status, code.as_str()), (403, "forbidden_origin"));
    let (status, _) = post(&daemons, &body, "Origin: http://localhost\r\n").await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn uploads_wait_for_nobody_hold_no_slot_and_leave_nothing() {
    let more = "uploads = { memory_per_client = \"64MiB\" }\n".to_owned();
    let daemons = start(Settings { slots: 1, more, ..Settings::default() }).await;
    let whole = Parts::request(&hashes()).part("stdin", &numbered(MAX_UPLOAD)).end();
    let half = || async {
        let mut sending = Sending::begin(&daemons, whole.len(), "").await;
        sending.send(&whole[..whole.len() / 2]).await;
        sending
    };
    let first = half().await;
    let answer = daemons.execute(&json!({ "language": "python", "code": "print(6 * 7)" })).await;
    assert_eq!(answer["stdout"], "42\n", "{answer}");
    // An answer comes before its cleanup. Then only the upload is left, which has no slot.
    let is_idle = || async {
        let status = daemons.status().await;
        (status.running, status.queued) == (0, 0)
    };
    assert!(eventually(is_idle).await);
    // The client holds as much as it may.
    let (status, code, message) = refused(&daemons, &whole, "").await;
    assert_eq!((status, code.as_str()), (429, "busy"), "{message}");
    // A request that needs more than that will never be possible.
    let two = json!({ "language": "python", "code": "", "runs": [{}, {}] });
    let input = numbered(MAX_UPLOAD / 2 + 1);
    drop(first);
    let fits = || async { post(&daemons, &whole, "").await.0 == 200 };
    assert!(eventually(fits).await, "a disconnect frees the memory\n{}", daemons.logs());
    let body = Parts::request(&two).part("stdin[0]", &input).part("stdin[1]", &input).end();
    let (status, code, message) = refused(&daemons, &body, "").await;
    assert_eq!((status, code.as_str()), (413, "too_large"), "{message}");
    assert!(fits().await);
    let status = daemons.status().await;
    assert_eq!((status.queued, status.quarantined_uids), (0, 0));
}

#[tokio::test]
async fn hostile_bodies_cost_little() {
    let webd = "timeouts.upload = \"2s\"\n".to_owned();
    let daemons = start(Settings { webd, ..Settings::default() }).await;
    let one = json!({ "language": "python", "code": "print(1)" });
    let before = [daemons.webd_pid(), daemons.executord_pid()].map(peak_memory);

    let many =
        (0..10_000).fold(Parts::request(&one), |parts, number| parts.part(&format!("p{number}"), b"x"));
    let same = (0..10_000).fold(Parts::request(&one), |parts, _| parts.part("stdin", b"x"));
    for (name, body, expected) in [
        ("10,000 parts", many.end(), "unexpected part `p0`"),
        ("10,000 times the same part", same.end(), "two parts `stdin`"),
        (
            "a long header",
            [Parts::request(&one).0, b"--limit\r\nX: ".to_vec(), vec![b'x'; 32 * MIB]].concat(),
            "headers of a part",
        ),
        (
            "many headers",
            [Parts::request(&one).0, b"--limit\r\n".to_vec(), b"X: y\r\n".repeat(1_000_000)].concat(),
            "headers of a part",
        ),
        ("no boundary", vec![b'x'; 32 * MIB], "headers of a part"),
        ("a long name", Parts::request(&one).part(&"n".repeat(60_000), b"").end(), "unexpected part `nnn"),
    ] {
        let (status, _, message) = refused(&daemons, &body, "").await;
        assert!(
            status == 400 && message.contains(expected) && message.len() < 600,
            "{name}: {status} {message}"
        );
    }

    // A part that never ends, a byte at a time.
    let mut slow = Sending::begin(&daemons, 64 * MIB, "").await;
    slow.send(&Parts::request(&one).0).await;
    slow.send(b"--limit\r\nContent-Disposition: form-data; name=\"stdin\"\r\n\r\n").await;
    for _ in 0..40 {
        slow.send(b"x").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, text) = slow.answer().await;
    assert!(status == 408 && text.contains("request_timeout"), "{status} {text}");

    for (pid, before) in [daemons.webd_pid(), daemons.executord_pid()].into_iter().zip(before) {
        let growth = peak_memory(pid).saturating_sub(before);
        assert!(growth < 24 * MIB, "{pid} grew by {growth} bytes");
    }
    let answer = daemons.execute(&one).await;
    assert_eq!(answer["stdout"], "1\n", "{answer}");
}

/// Returns a request whose two runs print the length and the hash of their input.
fn judged(judge: &str, code: &str, limits: &Value) -> Value {
    let mut request = hashes();
    request[judge] = json!({ "language": "python", "code": code, "limits": limits });
    request["runs"] = json!([{}, { "stdin": "short", "expected_stdout": "second" }]);
    request
}

#[tokio::test]
async fn an_upload_is_judged_like_any_other_input() {
    let daemons = start(Settings::from_environment()).await;
    let input = numbered(20 * MIB + 1);

    let mut compared = hashes();
    compared["runs"] = json!([{ "expected_stdout": "3 no hash" }, { "stdin": "", "expected_stdout": "" }]);
    compared["compare"] = json!("tokens");
    let answer = execute(&daemons, &Parts::request(&compared).part("stdin[0]", b"abc").end()).await;
    let difference =
        json!({ "line": 1, "column": 3, "expected": "no", "actual": answer["difference"]["actual"] });
    assert_eq!(
        (&answer["verdict"], &answer["difference"]),
        (&json!("wrong_answer"), &difference),
        "{answer}"
    );

    // The checker reads the input, hashes it, and compares the result with the output of the solution.
    let checker = "import hashlib, sys\ninput, output, answer = (open(path, 'rb').read() for path in sys.argv[1:])\n\
        expected = f'{len(input)} {hashlib.sha256(input).hexdigest()}'\n\
        print(len(input), answer.decode(), file=sys.stderr)\nsys.exit(output.decode().strip() != expected)";
    let request = judged("checker", checker, &json!({}));
    let answer = execute(&daemons, &Parts::request(&request).part("stdin[0]", &input).end()).await;
    let verdicts: Vec<_> = answer["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| (run["verdict"].as_str(), run["verdict_message"].as_str()))
        .collect();
    let expected = [(Some("accepted"), Some("20971521")), (Some("accepted"), Some("5 second"))];
    assert_eq!(verdicts, expected, "{answer}\n{}", daemons.logs());

    // An interactor reads it too, while the stdin of the solution is the dialogue.
    let interactor = "import os, sys\nprint('from the interactor', flush=True)\nos.close(1)\n\
        data = open(sys.argv[1], 'rb').read()\nlength = sys.stdin.readline().split()[0]\n\
        print(len(data), length, file=sys.stderr)\nsys.exit(length != '20')";
    let request = judged("interactor", interactor, &json!({}));
    let answer = execute(&daemons, &Parts::request(&request).part("stdin[0]", &input).end()).await;
    assert_eq!(answer["runs"][0]["verdict_message"], "20971521 20", "{answer}");
    assert_eq!(answer["runs"][1]["verdict_message"], "5 20", "{answer}");
    assert_eq!(answer["verdict"], "accepted", "{answer}");
    let is_idle = || async { daemons.status().await.running == 0 };
    assert!(eventually(is_idle).await);
    assert_eq!(daemons.status().await.quarantined_uids, 0, "{}", daemons.logs());
}

#[tokio::test]
async fn a_checker_without_room_for_an_upload_is_named() {
    let daemons = start(Settings::default()).await;
    let input = numbered(MAX_UPLOAD);
    let checker = "import os, sys\nsys.exit(os.path.getsize(sys.argv[1]) != 64 << 20)";
    let body = |limits: Value| {
        let mut request = hashes();
        request["checker"] = json!({ "language": "python", "code": checker, "limits": limits });
        Parts::request(&request).part("stdin", &input).end()
    };
    let (status, code, message) = refused(&daemons, &body(json!({})), "").await;
    assert_eq!((status, &*code), (400, "invalid_request"), "{message}");
    assert!(
        message.starts_with("checker: the files need ") && message.ends_with("and 64 MiB are allowed"),
        "{message}"
    );
    let answer = execute(&daemons, &body(json!({ "disk_bytes": 80 * MIB }))).await;
    assert_eq!(answer["verdict"], "accepted", "{answer}");
    let has_no_upload = || async {
        let files =
            std::fs::read_dir(format!("/proc/{}/fd", daemons.executord_pid())).expect("executord runs");
        let mut targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        !targets.any(|target| target.to_string_lossy().starts_with("/memfd:stdin"))
    };
    assert!(eventually(has_no_upload).await);
}
