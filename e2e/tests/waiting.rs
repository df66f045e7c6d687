//! Programs that wait for live input: the server reports it, and their wall clock is paused.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::daemons::{DEADLINE, Daemons, Settings};
use e2e::http;
use e2e::session::Session;
use serde_json::{Value, json};
use tokio::time::sleep;

/// Starts daemons. Python programs are in a user namespace, the others are not: executord looks at both.
async fn start() -> Daemons {
    let settings = Settings { slots: 2, zygotes: Some(true), ..Settings::default() };
    Daemons::start(&settings).await.expect("both daemons start")
}

async fn open(daemons: &Daemons) -> Session {
    Session::open(daemons.address()).await.expect("the session opens")
}

/// Starts a program with pipes or with a terminal.
async fn begin(session: &mut Session, language: &str, code: &str, tty: bool, limits: &Value) {
    let start = json!({"type": "start", "language": language, "code": code, "tty": tty, "limits": limits});
    session.send(&start).await.expect("the message is sent");
}

async fn type_in(session: &mut Session, text: &str) {
    session.type_in(text).await.expect("the message is sent");
}

/// Waits until the server says that the program waits. Returns the event.
async fn until_waiting(session: &mut Session, case: &str) -> Value {
    loop {
        let event = session.event().await.unwrap_or_else(|error| unreachable!("{case}: {error}"));
        let kind = event["type"].as_str().unwrap_or_default();
        assert!(!["finished", "error"].contains(&kind), "{case}: {event}");
        if kind == "waiting_for_input" {
            return event;
        }
    }
}

/// Returns whether the server said that the program waits, and the last event.
async fn end(session: &mut Session) -> (bool, Value) {
    let mut has_waited = false;
    loop {
        let event = session.event().await.unwrap_or_else(|error| unreachable!("{error}"));
        has_waited |= event["type"] == "waiting_for_input";
        if event["type"] == "finished" || event["type"] == "error" {
            return (has_waited, event);
        }
    }
}

/// Programs that ask for a line and repeat it, by language.
const PROMPTS: [(&str, &str); 7] = [
    ("python", "print('name? ', end='')\nprint('hi', input())"),
    (
        "c",
        "#include <stdio.h>\nint main(void) { char s[9]; printf(\"name? \"); scanf(\"%8s\", s); printf(\"hi %s\\n\", s); }",
    ),
    (
        "cpp",
        "#include <iostream>\n#include <string>\nint main() { std::string s; std::cout << \"name? \"; std::cin >> s; \
         std::cout << \"hi \" << s << '\\n'; }",
    ),
    (
        "java",
        "public class Main { public static void main(String[] a) { System.out.print(\"name? \"); \
         System.out.println(\"hi \" + new java.util.Scanner(System.in).next()); } }",
    ),
    (
        "javascript",
        "const rl = require('readline').createInterface({input: process.stdin, output: process.stdout});\n\
         rl.question('name? ', (name) => { console.log('hi', name); rl.close(); });",
    ),
    ("bash", "printf 'name? '; read name; echo hi $name"),
    ("perl", "$| = 1; print 'name? '; print 'hi ', scalar <STDIN>;"),
];

#[tokio::test]
async fn the_server_reports_that_a_program_waits_in_each_language() {
    let daemons = start().await;
    let languages = http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("a response").json;
    let is_available = |name: &str| {
        let all = languages.as_array().cloned().unwrap_or_default();
        all.iter().any(|language| language["name"] == name && language["available"] == true)
    };
    assert!(is_available("python") && is_available("cpp"), "{languages}");
    let mut session = open(&daemons).await;
    for (language, code) in PROMPTS.into_iter().filter(|(language, _)| is_available(language)) {
        for tty in [false, true] {
            let case = format!("{language}, tty {tty}");
            begin(&mut session, language, code, tty, &json!({"input_idle_ms": 10_000})).await;
            let event = until_waiting(&mut session, &case).await;
            assert_eq!((&event["stage"], &event["run"]), (&json!("run"), &json!(0)), "{case}");
            // On a terminal the prompt is there, even if the program does not flush it.
            assert!(!tty || session.stdout.contains("name? "), "{case}: {:?}", session.stdout);
            type_in(&mut session, "Ada\n").await;
            // Node.js does not end before a pipe does, although readline is closed.
            session.send(&json!({"type": "end_of_input"})).await.expect("the message is sent");
            let (_, last) = end(&mut session).await;
            assert_eq!(last["status"], "ok", "{case}: {last}");
            assert!(session.stdout.contains("hi Ada"), "{case}: {:?}", session.stdout);
        }
    }
}

#[tokio::test]
async fn the_wall_clock_stands_still_while_a_program_waits() {
    let daemons = start().await;
    let mut session = open(&daemons).await;
    for tty in [false, true] {
        let code = "import time\nfor _ in range(2): print('got', input())\ntime.sleep(0.2)";
        begin(&mut session, "python", code, tty, &json!({"wall_ms": 1500})).await;
        for answer in ["one\n", "two\n"] {
            until_waiting(&mut session, "python").await;
            sleep(Duration::from_secs(1)).await;
            type_in(&mut session, answer).await;
        }
        let (_, last) = end(&mut session).await;
        assert_eq!(last["status"], "ok", "{last}");
        // Two seconds of waiting do not count.
        let wall = last["usage"]["wall_ms"].as_f64().unwrap_or_default();
        assert!((200.0..1500.0).contains(&wall), "{last}");
    }
}

#[tokio::test]
async fn only_input_is_waited_for() {
    let daemons = start().await;
    let mut session = open(&daemons).await;
    for (language, code, tty) in [
        ("python", "import time\ntime.sleep(60)", true),
        ("python", "import os\nr, w = os.pipe()\nos.read(r, 1)", false),
        ("python", "import threading\nlock = threading.Lock(); lock.acquire(); lock.acquire()", false),
        ("python", "while True: pass", false),
        ("javascript", "setTimeout(() => {}, 60000)", true),
        ("bash", "sleep 60 | cat", false),
    ] {
        begin(&mut session, language, code, tty, &json!({"wall_ms": 800})).await;
        let (has_waited, last) = end(&mut session).await;
        assert!(!has_waited, "{language} {code:?}, tty {tty}");
        let cause = (&last["status"], &last["cause"]["limit"]);
        assert_eq!(cause, (&json!("timeout"), &json!("wall_time")), "{last}");
    }
}

#[tokio::test]
async fn a_program_may_not_wait_without_end() {
    let daemons = start().await;
    let mut session = open(&daemons).await;
    for tty in [false, true] {
        begin(&mut session, "python", "input()\ninput()", tty, &json!({"input_idle_ms": 1200})).await;
        // Input begins the time again.
        until_waiting(&mut session, "first").await;
        sleep(Duration::from_millis(600)).await;
        type_in(&mut session, "line\n").await;
        until_waiting(&mut session, "second").await;
        let (_, last) = end(&mut session).await;
        let cause = &last["cause"];
        assert_eq!((&last["status"], &cause["limit"]), (&json!("timeout"), &json!("input_idle")), "{last}");
        assert_eq!((&cause["allowed"], &cause["unit"]), (&json!(1200.0), &json!("ms")), "{last}");
        assert!(cause["used"].as_f64().is_some_and(|used| used >= 1200.0), "{last}");
    }
    // One that wakes up by itself does not gain time by it.
    let code = "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None)\n\
                signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)\ninput()";
    let limits = json!({"input_idle_ms": 1500, "wall_ms": 60_000});
    begin(&mut session, "python", code, false, &limits).await;
    let (_, last) = end(&mut session).await;
    assert_eq!(last["cause"]["limit"], "input_idle", "{last}");
}

#[tokio::test]
async fn cpu_time_is_limited_also_between_inputs() {
    let daemons = start().await;
    let mut session = open(&daemons).await;
    let code = "while True:\n    input()\n    for _ in range(5_000_000): pass";
    begin(&mut session, "python", code, false, &json!({"cpu_ms": 400})).await;
    until_waiting(&mut session, "python").await;
    type_in(&mut session, &"\n".repeat(1000)).await;
    let (_, last) = end(&mut session).await;
    assert_eq!((&last["status"], &last["cause"]["limit"]), (&json!("timeout"), &json!("cpu_time")), "{last}");
}
