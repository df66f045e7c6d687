//! Interactive programs over a WebSocket, with pipes and with a terminal.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::daemons::{Daemons, Settings, eventually};
use e2e::inventory;
use e2e::session::Session;
use serde_json::{Value, json};
use tokio::time::timeout;

const LONG: u64 = 110_000;

async fn start() -> Daemons {
    Daemons::start(&Settings { slots: 1, ..Settings::default() }).await.expect("both daemons start")
}

async fn open(daemons: &Daemons) -> Session {
    Session::open(daemons.address()).await.expect("the session opens")
}

/// Opens a session in which `code` runs.
async fn run(daemons: &Daemons, language: &str, code: &str, tty: bool) -> Session {
    let mut session = open(daemons).await;
    begin(&mut session, language, code, tty).await;
    session
}

async fn begin(session: &mut Session, language: &str, code: &str, tty: bool) {
    let limits = json!({"wall_ms": LONG, "cpu_ms": LONG});
    let start = json!({"type": "start", "language": language, "code": code, "tty": tty, "limits": limits});
    session.send(&start).await.expect("the message is sent");
}

async fn send(session: &mut Session, frame: Value) {
    session.send(&frame).await.expect("the message is sent");
}

async fn type_in(session: &mut Session, text: &str) {
    session.type_in(text).await.expect("the message is sent");
}

async fn until(session: &mut Session, text: &str) -> String {
    session.until_written(text).await.unwrap_or_else(|error| unreachable!("{error}"))
}

/// Sends Ctrl+C, repeatedly if it has no effect: a signal just before Python reads is handled only after the read.
async fn interrupt_until(session: &mut Session, text: &str) {
    loop {
        type_in(session, "\x03").await;
        if timeout(Duration::from_secs(2), until(session, text)).await.is_ok() {
            return;
        }
    }
}

async fn end(session: &mut Session) -> Value {
    session.end().await.unwrap_or_else(|error| unreachable!("{error}: {session:?}"))
}

async fn signal(session: &mut Session, name: &str) {
    send(session, json!({"type": "signal", "signal": name})).await;
}

async fn assert_nothing_runs(daemons: &Daemons) {
    let processes = || inventory::processes(&daemons.uids).expect("/proc is readable");
    let is_idle = || async { daemons.status().await.running == 0 && processes().is_empty() };
    assert!(eventually(is_idle).await, "{:?}", processes());
}

#[tokio::test]
async fn a_program_with_pipes_is_interactive() {
    let daemons = start().await;
    let code = "import os, sys\nassert not os.isatty(0)\nprint('name?', flush=True)\nname = input()\n\
                print('hi', name, file=sys.stderr)\nprint(sys.stdin.read().upper())";
    let mut session = run(&daemons, "python", code, false).await;
    until(&mut session, "name?\n").await;
    type_in(&mut session, "you\nand").await;
    send(&mut session, json!({"type": "stdin", "data": "IGFsbA==", "encoding": "base64"})).await;
    send(&mut session, json!({"type": "end_of_input"})).await;
    assert_eq!(end(&mut session).await["status"], "ok");
    assert_eq!((&*session.stdout, &*session.stderr), ("AND ALL\n", "hi you\n"));

    // The next execution on the same connection receives signals.
    let code = "trap 'echo one' USR1; trap 'echo two' USR2; trap 'echo int; exit 3' INT\necho ready\n\
                while :; do sleep 0.05; done";
    begin(&mut session, "bash", code, false).await;
    until(&mut session, "ready\n").await;
    for (name, received) in [("USR1", "one\n"), ("USR2", "two\n"), ("INT", "int\n")] {
        signal(&mut session, name).await;
        until(&mut session, received).await;
    }
    assert_eq!(end(&mut session).await["exit_code"], 3);

    for (name, number) in [("INT", 2), ("TERM", 15), ("QUIT", 3), ("HUP", 1), ("KILL", 9)] {
        let code = "import os, signal\nfor n in (1, 2, 3, 15): signal.signal(n, signal.SIG_DFL)\n\
                    os.write(1, b'ready\\n')\nsignal.pause()";
        begin(&mut session, "python", code, false).await;
        until(&mut session, "ready\n").await;
        signal(&mut session, name).await;
        let last = end(&mut session).await;
        assert_eq!((&last["status"], &last["signal"]), (&json!("signal"), &json!(number)), "{last}");
    }
    // Signals reach the whole process group and no other process.
    begin(&mut session, "python", &in_groups(), false).await;
    until(&mut session, "ready\n").await;
    signal(&mut session, "INT").await;
    assert_eq!(end(&mut session).await["status"], "ok");
    assert!(session.stdout.contains("parent") && session.stdout.contains("child"), "{}", session.stdout);
    assert!(!session.stdout.contains("other"), "{}", session.stdout);
    assert_nothing_runs(&daemons).await;
}

/// A parent and a child in one process group, and a process outside of it; each prints when it receives SIGINT.
fn in_groups() -> String {
    "import os, signal, sys, time\n\
     def tell(who):\n    \
         def handler(*_):\n        \
             os.write(1, who.encode() + b'\\n')\n        \
             if who != 'other': os._exit(0)\n    \
         signal.signal(signal.SIGINT, handler)\n\
     read, write = os.pipe()\n\
     if os.fork() == 0:\n    \
         tell('child'); os.write(write, b'.')\n    \
         while True: time.sleep(0.05)\n\
     if os.fork() == 0:\n    \
         os.setsid(); tell('other'); os.write(write, b'.')\n    \
         while True: time.sleep(0.05)\n\
     def handler(*_):\n    \
         os.write(1, b'parent\\n')\n\
     signal.signal(signal.SIGINT, handler)\n\
     while len(os.read(read, 1)) + len(os.read(read, 1)) < 2: pass\n\
     os.write(1, b'ready\\n')\n\
     os.wait()\n"
        .to_owned()
}

#[tokio::test]
async fn cancel_takes_effect_at_once() {
    let daemons = start().await;
    let mut session = run(&daemons, "bash", "echo stuck; sleep 600", false).await;
    until(&mut session, "stuck\n").await;
    type_in(&mut session, &"x".repeat(1 << 20)).await;
    send(&mut session, json!({"type": "cancel"})).await;
    assert_eq!(end(&mut session).await["status"], "cancelled");
    for tty in [false, true] {
        begin(&mut session, "python", "import os\nwhile True: os.write(1, b'x' * 4096)", tty).await;
        until(&mut session, "x").await;
        send(&mut session, json!({"type": "cancel"})).await;
        let status = end(&mut session).await["status"].clone();
        // It may have reached its output limit before it was stopped.
        assert!(["cancelled", "output_limit"].contains(&status.as_str().unwrap_or_default()), "{status}");
    }
    // A terminal whose program does not read.
    begin(&mut session, "bash", "echo stuck; exec sleep 600", true).await;
    until(&mut session, "stuck\r\n").await;
    type_in(&mut session, &"line\n".repeat(100_000)).await;
    send(&mut session, json!({"type": "cancel"})).await;
    assert_eq!(end(&mut session).await["status"], "cancelled");
    drop(session);
    assert_nothing_runs(&daemons).await;
}

#[tokio::test]
async fn a_program_has_a_terminal() {
    let daemons = start().await;
    let code = "import os, signal, sys, termios, time\n\
                print(all(os.isatty(fd) for fd in (0, 1, 2)), os.ttyname(0), os.environ['TERM'])\n\
                print(os.open('/dev/tty', os.O_RDWR) > 2, os.getpgrp() == os.tcgetpgrp(0), os.getsid(0) == os.getpid())\n\
                print(tuple(os.get_terminal_size()), sorted(os.listdir('/dev/pts')))\n\
                print('errors', file=sys.stderr)\n\
                sizes = []\n\
                signal.signal(signal.SIGWINCH, lambda *_: sizes.append(tuple(os.get_terminal_size())))\n\
                print('you said', input('name? '))\n\
                try:\n    input('again? ')\nexcept KeyboardInterrupt: print('interrupted')\n\
                try:\n    input('and again? ')\nexcept EOFError: print('end of input')\n\
                while not sizes: time.sleep(0.01)\n\
                print('now', *sizes, flush=True)\nprint('done')";
    let mut session = open(&daemons).await;
    let start =
        json!({"type": "start", "language": "python", "code": code, "tty": true, "columns": 100, "rows": 30});
    send(&mut session, start).await;
    let first = until(&mut session, "name? ").await;
    assert_eq!(
        first,
        "True /dev/pts/0 xterm-256color\r\nTrue True True\r\n(100, 30) ['0', 'ptmx']\r\nerrors\r\nname? "
    );
    type_in(&mut session, "Zoë\x7f\x7f\x7foe\n").await;
    let answer = until(&mut session, "again? ").await;
    assert!(answer.ends_with("you said oe\r\nagain? "), "{answer:?}");
    type_in(&mut session, "half a line").await;
    interrupt_until(&mut session, "interrupted\r\nand again? ").await;
    type_in(&mut session, "\x04").await;
    until(&mut session, "end of input\r\n").await;
    send(&mut session, json!({"type": "resize", "columns": 132, "rows": 43})).await;
    until(&mut session, "now (132, 43)\r\n").await;
    let last = end(&mut session).await;
    assert_eq!((&last["status"], &*session.stdout, &*session.stderr), (&json!("ok"), "done\r\n", ""));
    assert_nothing_runs(&daemons).await;
}

#[tokio::test]
async fn an_interpreter_is_interactive_on_a_terminal() {
    let daemons = start().await;
    let mut session = run(&daemons, "python", "import code\ncode.interact(banner='ready')", true).await;
    until(&mut session, ">>> ").await;
    type_in(&mut session, "6 * 7\n").await;
    until(&mut session, "42\r\n").await;
    until(&mut session, ">>> ").await;
    // In short sleeps: Python handles a signal that comes just before a sleep, or a read, only after it.
    type_in(&mut session, "import time\n").await;
    until(&mut session, ">>> ").await;
    for by_key in [true, false] {
        type_in(&mut session, "print('go' + 'ing'); [time.sleep(0.05) for _ in iter(int, 1)]\n").await;
        until(&mut session, "going\r\n").await;
        if by_key {
            type_in(&mut session, "\x03").await;
        } else {
            signal(&mut session, "INT").await;
        }
        until(&mut session, "KeyboardInterrupt\r\n").await;
        until(&mut session, ">>> ").await;
    }
    send(&mut session, json!({"type": "end_of_input"})).await;
    assert_eq!(end(&mut session).await["status"], "ok");

    // A shell with jobs: Ctrl+C goes to the foreground job, Ctrl+Z stops it. The job uses bash and not dash: dash starts
    // programs with vfork(2), and if the stop comes before the exec, only the child stops while the parent waits for it.
    begin(&mut session, "bash", "exec bash --norc --noprofile -i", true).await;
    until(&mut session, "$ ").await;
    let job = "bash -c 'trap \"echo ba\"\"ck\" CONT; echo go\"\"ing; while :; do sleep 0.05; done'\n";
    type_in(&mut session, job).await;
    until(&mut session, "going\r\n").await;
    type_in(&mut session, "\x1a").await;
    until(&mut session, "Stopped").await;
    until(&mut session, "$ ").await;
    type_in(&mut session, "fg\n").await;
    until(&mut session, "back\r\n").await;
    type_in(&mut session, "\x03").await;
    until(&mut session, "$ ").await;
    type_in(&mut session, "echo $((6 * 7)); exit 5\n").await;
    until(&mut session, "42\r\n").await;
    assert_eq!(end(&mut session).await["exit_code"], 5);
    assert_nothing_runs(&daemons).await;
}

#[tokio::test]
async fn only_a_session_with_tty_has_a_terminal() {
    let daemons = start().await;
    // Without `tty` there is no terminal.
    let look = "import os\nfor path in ('/dev/tty', '/dev/pts', '/dev/ptmx'): print(os.path.lexists(path))\n\
                print(os.isatty(0) or os.isatty(1), os.environ.get('TERM'))";
    let answer = daemons.execute(&json!({"language": "python", "code": look})).await;
    assert_eq!(answer["output"], "False\nFalse\nFalse\nFalse None\n", "{answer}");
    // The compiler has no terminal.
    let warns = "#warning look\n#include <stdio.h>\n#include <unistd.h>\nint main() { printf(\"%d\\n\", isatty(0)); }";
    let mut session = run(&daemons, "cpp", warns, true).await;
    assert_eq!(end(&mut session).await["status"], "ok");
    assert_eq!(session.stdout, "1\r\n");
    assert!(session.stderr.contains("look"), "{}", session.stderr);
    // Given input ends, also within a line.
    for (stdin, came) in [("", "''"), ("a\nb\n", "'a\\nb\\n'"), ("half", "'half'")] {
        let code = "import sys, termios\nprint(repr(sys.stdin.read()))";
        let start = json!({"type": "start", "language": "python", "code": code, "tty": true, "stdin": stdin});
        send(&mut session, start).await;
        assert_eq!(end(&mut session).await["status"], "ok", "{stdin:?}");
        assert!(session.stdout.ends_with(&format!("{came}\r\n")), "{:?}", session.stdout);
    }
    // Its output has the usual limits.
    let start = json!({"type": "start", "language": "python", "code": "while True: print('x' * 99)", "tty": true,
        "limits": {"output_bytes": 10_000}});
    send(&mut session, start).await;
    let last = end(&mut session).await;
    assert_eq!((&last["status"], session.stdout.len()), (&json!("output_limit"), 10_000));
    // Remaining processes with the terminal do not delay the end.
    begin(&mut session, "bash", "setsid sleep 600 & sleep 600 & echo end", true).await;
    assert_eq!(end(&mut session).await["status"], "ok");
    assert_eq!(session.stdout, "end\r\n");
    // Output after closing and reopening the terminal is received.
    begin(&mut session, "bash", "exec 0<&- 1>&- 2>&-; sleep 0.2; echo back > /dev/tty", true).await;
    assert_eq!(end(&mut session).await["status"], "ok");
    assert_eq!(session.stdout, "back\r\n");
    // A disconnect ends the execution.
    begin(&mut session, "bash", "trap '' HUP TERM INT; echo on; while :; do sleep 600; done", true).await;
    until(&mut session, "on\r\n").await;
    drop(session);
    assert_nothing_runs(&daemons).await;
}
