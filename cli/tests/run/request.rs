//! The requests of `executor run`: program, language, options, limits and kept programs.

use std::time::Duration;

use protocol::{
    Availability, ByteCount, Editor, Event, Language, LanguageOption, Limits, LimitsRequest, OptionSetting,
    OptionValue, Request, Status, Variable,
};

use crate::fake_daemon::FakeDaemon;

#[test]
fn options_and_variables_are_sent_as_the_language_declares_them() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive().await, Some(Request::Languages));
        connection.send(Event::Languages(vec![language("c", &["c"]), language("cpp", &["cpp"])])).await;
        let request = connection.receive_execute().await;
        let setting = |name: &str, value| OptionSetting { name: name.into(), value };
        let expected = [
            setting("std", OptionValue::Choice("c99".into())),
            setting("warnings", OptionValue::Flag(true)),
            setting("sanitize", OptionValue::Set(vec!["address".into(), "undefined".into()])),
            setting("x", OptionValue::Choice("y".into())),
        ];
        assert_eq!(request.options, expected);
        let variable = |name: &str, value: &str| Variable { name: name.into(), value: value.into() };
        assert_eq!(request.runs[0].environment, [variable("TZ", "UTC"), variable("EMPTY", "")]);
        connection.finish(Status::Exited(0)).await;
    });
    let options = ["std=c99", "warnings", "sanitize=address,undefined", "x=y"];
    let mut arguments = vec!["run", "-l", "C"];
    arguments.extend(options.iter().flat_map(|option| ["--option", option]));
    arguments.extend(["--env", "TZ=UTC", "--env", "EMPTY=", "-"]);
    let ran = daemon.run_with_stdin(&arguments, b"int main(void) {}");
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    let ran = daemon.run_with_stdin(&["run", "-l", "c", "--env", "TZ", "-"], b"");
    assert!(ran.code == Some(2) && ran.stderr.contains("a variable is NAME=VALUE"), "{}", ran.stderr);
}

#[test]
fn the_request_has_everything_from_the_command_line() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        assert_eq!(request.language, "python");
        let files: Vec<_> = request
            .files
            .iter()
            .map(|file| (file.path.as_deref().unwrap_or("?"), &file.content[..]))
            .collect();
        assert_eq!(files, [("main.py", &b"import b"[..]), ("lib/b.py", &b"x = 1"[..])]);
        assert_eq!(request.runs.len(), 1);
        assert_eq!(request.runs[0].args, ["-v", "two words"]);
        assert_eq!(request.client, None);
        let limits = LimitsRequest {
            cpu_time: Some(Duration::from_secs(5)),
            memory: Some(ByteCount::mib(256)),
            ..LimitsRequest::default()
        };
        assert_eq!(request.limits, limits);
        connection.finish(Status::Exited(42)).await;
    });
    daemon.file("src/main.py", "import b");
    daemon.file("src/lib/b.py", "x = 1");
    let ran = daemon.run(&[
        "run",
        "-l",
        "python",
        "--limit",
        "cpu=5s",
        "--limit",
        "memory=256MiB",
        "--file",
        "src/lib/b.py",
        "src/main.py",
        "--",
        "-v",
        "two words",
    ]);
    assert_eq!(ran.code, Some(42), "{}", ran.stderr);
}

#[test]
fn the_extension_selects_the_language() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive().await, Some(Request::Languages));
        connection.send(Event::Languages(vec![language("c", &["c"]), language("cpp", &["cpp", "cc"])])).await;
        if connection.receive_execute_or_end().await.is_some_and(|language| language == "cpp") {
            connection.finish(Status::Exited(0)).await;
        }
    });
    daemon.file("a.CC", "int main() {}");
    daemon.file("a.xyz", "?");
    daemon.file("Makefile", "?");
    assert_eq!(daemon.run(&["run", "a.CC"]).code, Some(0));
    let unknown = daemon.run(&["run", "a.xyz"]);
    assert_eq!(unknown.code, Some(2));
    assert_eq!(
        unknown.stderr,
        "error: --language is required: no language of the server has the extension .xyz\n"
    );
    let without = daemon.run(&["run", "Makefile"]);
    assert_eq!((without.code, without.stderr.contains("--language")), (Some(2), true), "{}", without.stderr);
}

#[test]
fn a_missing_file_is_named_in_the_error() {
    let daemon = FakeDaemon::that_ends_with(Status::Exited(0));
    let ran = daemon.run(&["run", "-l", "python", "none.py"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stderr, "error: open none.py: No such file or directory (os error 2)\n");
    assert_eq!(daemon.run(&["run", "-"]).code, Some(2), "the language of stdin is unknown");
    assert_eq!(daemon.run(&["run", "-l", "python", "--stdin", "-", "-"]).code, Some(2));
    assert_eq!(daemon.run(&["run", "--limit", "cpu=much", "a.py"]).code, Some(2));
}

fn option(name: &str, default: OptionValue) -> LanguageOption {
    LanguageOption {
        name: name.into(),
        title: name.into(),
        help: String::new(),
        default,
        values: Vec::new(),
        unavailable: None,
    }
}

fn language(name: &str, extensions: &[&str]) -> Language {
    Language {
        versions: Vec::new(),
        judge0_ids: Vec::new(),
        packages: Vec::new(),
        name: name.into(),
        title: name.into(),
        aliases: Vec::new(),
        extensions: extensions.iter().map(ToString::to_string).collect(),
        file_name: format!("main.{}", extensions[0]),
        availability: Availability::Available { version: "1".into() },
        limits: Limits::RUN,
        compile_limits: None,
        editor: Editor::default(),
        example: String::new(),
        options: vec![
            option("std", OptionValue::Choice("c17".into())),
            option("warnings", OptionValue::Flag(false)),
            option("sanitize", OptionValue::Set(Vec::new())),
        ],
        arguments: protocol::ArgumentPatterns::default(),
        formatter: None,
    }
}

#[test]
fn a_kept_program_is_run_again_by_its_id() {
    let build = protocol::BuildId([0xa5; 32]);
    let daemon = FakeDaemon::new(move |mut connection| async move {
        let request = connection.receive_execute().await;
        connection.start().await;
        if let Some(keep) = request.keep {
            assert_eq!((keep, request.build), (std::time::Duration::from_secs(60), None));
            connection.send(Event::BuildKept(build)).await;
        } else {
            assert_eq!((request.build, request.language.as_str(), request.files.len()), (Some(build), "", 0));
        }
        connection.finish(Status::Exited(0)).await;
    });
    let file = daemon.file("main.c", "int main() {}").display().to_string();
    let id = "a5".repeat(32);
    let kept = daemon.run(&["run", "-l", "c", "--keep", "60s", &file]);
    assert_eq!((kept.code, kept.stderr), (Some(0), format!("build: {id}\n")));
    assert_eq!(daemon.run(&["run", "-l", "c", "--keep", "1m", "--json", &file]).json()["build"], id);
    assert_eq!(daemon.run(&["run", "--build", &id]).code, Some(0));
    for invalid in [&["run", "--build", "a5"][..], &["run", "--build", &id, &file], &["run"]] {
        assert_eq!(daemon.run(invalid).code, Some(2), "{invalid:?}");
    }
}
