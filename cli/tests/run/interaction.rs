//! Input, signals and the terminal of a running program.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use protocol::{Event, ProgramSignal, Request, StageName, Status, Stdin, StreamName};

use crate::fake_daemon::{FakeDaemon, Finished, report};

#[test]
fn input_is_sent_while_the_program_runs() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive_execute().await.runs[0].stdin, Stdin::Live);
        connection.start().await;
        let mut received = 0;
        while let Some(Request::Input(bytes)) = connection.receive().await {
            assert!(bytes.len() <= protocol::bounds::MAX_INPUT_CHUNK);
            received += bytes.len();
            connection.print(StreamName::Stdout, bytes.slice(..1)).await;
        }
        connection.print(StreamName::Stderr, format!("{received}\n")).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    let long = vec![b'x'; 3_000_000];
    let ran = daemon.run_with_stdin(&["run", "-l", "python", "a.py"], &long);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "3000000\n"));

    daemon.file("input.txt", "from a file");
    let ran = daemon.run(&["run", "-l", "python", "--stdin", "input.txt", "a.py"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "11\n"));
}

#[test]
fn an_interactive_program_needs_no_end_of_input() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.print(StreamName::Stdout, "name?\n").await;
        let received = connection.receive().await;
        let Some(Request::Input(name)) = received else { unreachable!("received {received:?}") };
        connection.print(StreamName::Stdout, name).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    let mut child = daemon
        .command(&["run", "-l", "python", "a.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "name?\n");
    std::io::Write::write_all(&mut stdin, b"Ada\n").unwrap();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "name?\nAda\n");
    // It exits although its stdin is still open.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

#[test]
fn empty_input_is_in_the_request() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive_execute().await.runs[0].stdin, Stdin::default());
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    let output = daemon.command(&["run", "-l", "python", "a.py"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_first_interrupt_goes_to_the_program() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.print(StreamName::Stdout, "running\n").await;
        let interrupt = Request::Signal(ProgramSignal::Interrupt);
        while connection.receive().await.expect("the client waits for the end") != interrupt {}
        connection.print(StreamName::Stdout, "goodbye\n").await;
        connection.finish(Status::Signaled(2)).await;
    });
    let ran = interrupt(&daemon, 1);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), "goodbye\n"));
}

#[test]
fn the_second_interrupt_cancels_and_the_third_does_not_wait() {
    for ends in [true, false] {
        let daemon = FakeDaemon::new(move |mut connection| async move {
            connection.receive_execute().await;
            connection.start().await;
            connection.print(StreamName::Stdout, "running\n").await;
            // Ignores everything except a cancellation, or that as well, until the client disconnects.
            while let Some(request) = connection.receive().await {
                match request {
                    Request::Signal(ProgramSignal::Interrupt) => {
                        connection.print(StreamName::Stdout, "no\n").await;
                    }
                    Request::Cancel if ends => return connection.finish(Status::Cancelled).await,
                    Request::Cancel => connection.print(StreamName::Stdout, "received\n").await,
                    _ => {}
                }
            }
        });
        let ran = interrupt(&daemon, if ends { 2 } else { 3 });
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), if ends { "no\n" } else { "received\n" }));
    }
}

#[test]
fn an_interrupt_while_no_program_runs_cancels() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.send(Event::StageFinished(report(StageName::Run(0), Status::Exited(0)))).await;
        connection.print(StreamName::Stdout, "between\n").await;
        while connection.receive().await.expect("the client waits for the end") != Request::Cancel {}
        connection.finish(Status::Cancelled).await;
    });
    let ran = interrupt(&daemon, 1);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""));
}

#[test]
fn a_terminal_can_be_requested() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        connection.start().await;
        let size =
            format!("{:?}", request.runs[0].terminal.map(|size| (size.columns.get(), size.rows.get())));
        connection.print(StreamName::Stdout, size).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    // Without a terminal on stdout or stdin it has the default size.
    assert_eq!(daemon.run(&["run", "-t", "-l", "python", "a.py"]).stdout, "Some((80, 24))");
    assert_eq!(daemon.run(&["run", "-l", "python", "a.py"]).stdout, "None");
}

/// Runs a program and sends SIGINT after each of the first `times` lines of output.
fn interrupt(daemon: &FakeDaemon, times: usize) -> Finished {
    daemon.file("a.py", "");
    let mut child = daemon
        .command(&["run", "-l", "python", "a.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("executor starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    for _ in 0..times {
        text.clear();
        stdout.read_line(&mut text).expect("text");
        let pid = child.id().to_string();
        // The shell's builtin: a minimal Debian has no kill(1).
        assert!(
            Command::new("sh").args(["-c", "kill -INT $0", &pid]).status().expect("kill starts").success()
        );
    }
    if times == 1 {
        text.clear();
    }
    stdout.read_to_string(&mut text).expect("text");
    let code = child.wait().expect("executor ends").code();
    Finished { code, stdout: text, stderr: String::new() }
}

#[test]
fn a_closed_stdout_ends_the_command_without_a_message() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        // Until the client disconnects, which cancels the execution.
        while connection.try_print("y\n").await {}
    });
    daemon.file("a.py", "");
    let mut child = daemon
        .command(&["run", "-l", "python", "a.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ran = Finished::new(child.wait_with_output().unwrap());
    assert_eq!((line.as_str(), ran.code, ran.stderr.as_str()), ("y\n", Some(141), ""));
}
