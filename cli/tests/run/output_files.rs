//! The output files of a program.

use protocol::{Event, OmittedFiles, StageName, Status};
use serde_json::json;

use crate::fake_daemon::FakeDaemon;

#[test]
fn output_files_are_written_below_the_directory() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        assert_eq!((&request.outputs[..], request.artifacts), (&["*.csv".to_owned()][..], true));
        let run = StageName::Run(0);
        connection.start().await;
        for (name, size, parts) in [
            ("a/b.csv", 4, [&b"1,"[..], b"2\n"]),
            ("main.py", 4, [b"pass", b""]),
            ("cut\u{1b}", 9, [b"x", b""]),
        ] {
            connection.send(Event::OutputFile { stage: run, name: name.into(), size }).await;
            for part in parts {
                connection.send(Event::OutputFileChunk { stage: run, bytes: part.into() }).await;
            }
        }
        let omitted = OmittedFiles { not_regular: 2, ..OmittedFiles::default() };
        connection.send(Event::OutputFilesEnd { stage: run, omitted }).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("main.py", "pass");
    let arguments =
        ["run", "-l", "python", "--out", "results", "--output", "*.csv", "--artifacts", "main.py"];
    let ran = daemon.run(&arguments);
    let messages = "executor: output file cut\\u{1b} was cut: 1 of 9 bytes\n\
                    executor: output files left out: 2 (not a regular file)\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), messages));
    let results = daemon.path().join("results");
    assert_eq!(std::fs::read_to_string(results.join("a/b.csv")).unwrap(), "1,2\n");
    assert_eq!(std::fs::read_to_string(results.join("cut\u{1b}")).unwrap(), "x");
    // An unchanged source is not an output.
    assert!(!results.join("main.py").exists());

    let json =
        daemon.run(&["run", "-l", "python", "--json", "--output", "*.csv", "--artifacts", "main.py"]).json();
    let expected = json!([
        {"name": "a/b.csv", "size": 4, "content": "1,2\n", "truncated": false},
        {"name": "main.py", "size": 4, "content": "pass", "truncated": false},
        {"name": "cut\u{1b}", "size": 9, "content": "x", "truncated": true},
    ]);
    assert_eq!((&json["output_files"], &json["runs"][0]["output_files"]), (&expected, &expected));
    assert_eq!(json["output_files_omitted"]["not_regular"], 2);
}

#[test]
fn a_name_that_leaves_the_directory_is_refused() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        assert_eq!(request.outputs, ["**"]);
        let stage = StageName::Run(0);
        connection.start().await;
        connection.send(Event::OutputFile { stage, name: "../escaped".into(), size: 0 }).await;
        connection.send(Event::OutputFilesEnd { stage, omitted: OmittedFiles::default() }).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("main.py", "");
    let ran = daemon.run(&["run", "-l", "python", "--out", "results", "main.py"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.contains("write results/../escaped: the name leaves the directory"), "{}", ran.stderr);
    assert!(!daemon.path().join("escaped").exists());
    let ran = daemon.run(&["run", "-l", "python", "--output", "*", "main.py"]);
    assert_eq!((ran.code, ran.stderr.contains("require --out or --json")), (Some(2), true), "{}", ran.stderr);
}
