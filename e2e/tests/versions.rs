//! Versions of languages, and `executor install`, which reloads the daemon and tests what it installed.

#![forbid(unsafe_code)]

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::daemons::{Daemons, Settings, binary};
use e2e::http;
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);

/// Returns a language file of the language `speech`, whose programs are for sh(1) and see the version in `$SPEECH`.
fn speech(variant: &str, version: &str, aliases: &str, more: &str) -> String {
    format!(
        "name = \"speech\"\nvariant = \"{variant}\"\ntitle = \"Speech {version}\"\naliases = [{aliases}]\n\
         extensions = [\"sh\"]\nfile_name = \"main.sh\"\nexample = \"\"\n{more}\n\
         [version]\ncommand = [\"sh\", \"-c\", \"echo version {version}\"]\npattern = 'version ([0-9.]+)'\n\
         [editor]\nmode = \"shell\"\nline_comment = \"#\"\nindent = 4\n\
         [run]\ncommand = [\"sh\", \"{{main}}\"]\nenvironment = {{ SPEECH = \"{version}\" }}\n\
         [self_test]\nargs = [\"Ada\"]\nstdout = \"Ada {version}\\n\"\n\
         [[self_test.files]]\nname = \"main.sh\"\ncontent = 'echo $1 $SPEECH'\n"
    )
}

async fn start() -> Daemons {
    let languages = vec![
        ("speech", speech("", "2.1.0", "\"talk\"", "")),
        ("speech-1", speech("1", "1.9.3", "\"talk-1\"", "")),
        ("speech-3", speech("3", "3.0.7", "\"talk-3\"", "")),
    ];
    Daemons::start(&Settings { languages, ..Settings::default() }).await.expect("both daemons start")
}

/// Runs `executor` with the daemons' socket.
fn executor(daemons: &Daemons, args: &[&str]) -> Output {
    let socket = daemons.socket();
    let mut command = Command::new(binary("executor").expect("it is built"));
    command.arg("--socket").arg(socket).args(args).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_range_selects_the_newest_version_in_it() {
    let daemons = start().await;
    let run = async |fields: Value| {
        let mut body = json!({ "code": "echo $SPEECH" });
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let answer = daemons.post(&body).await.expect("a response");
        let output = answer.json["output"].as_str().map(|output| output.trim().to_owned());
        output.unwrap_or_else(|| answer.json["error"].as_str().unwrap_or_default().to_owned())
    };
    for (fields, output) in [
        (json!({ "language": "speech" }), "2.1.0"),
        (json!({ "language": "TALK" }), "2.1.0"),
        (json!({ "language": "talk-1" }), "1.9.3"),
        (json!({ "language": "speech", "version": "*" }), "3.0.7"),
        (json!({ "language": "speech", "version": "<3" }), "2.1.0"),
        (json!({ "language": "talk", "version": "1.x" }), "1.9.3"),
        (json!({ "language": "speech", "version": "3.0.7" }), "3.0.7"),
    ] {
        assert_eq!(run(fields.clone()).await, output, "{fields}");
    }
    for (version, message) in [
        ("4.x", "no version of speech on this host is in \"4.x\"; it has 2.1.0, 1.9.3, 3.0.7"),
        ("newest!", "\"newest!\" is not a range of versions"),
    ] {
        let message_is = run(json!({ "language": "speech", "version": version })).await;
        assert!(message_is.contains(message), "{message_is}");
    }

    let languages = http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("a response").json;
    let all = languages.as_array().expect("a list");
    let listed: Vec<_> = all.iter().filter(|language| language["name"] == "speech").collect();
    let [language] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(language["version"], "2.1.0");
    assert_eq!(
        language["versions"],
        json!([
            { "version": "3.0.7", "title": "Speech 3.0.7", "default": false, "packages": [] },
            { "version": "2.1.0", "title": "Speech 2.1.0", "default": true, "packages": [] },
            { "version": "1.9.3", "title": "Speech 1.9.3", "default": false, "packages": [] },
        ])
    );
    assert_eq!(language["aliases"], json!(["talk", "talk-3", "talk-1"]));

    // Piston takes the newest version of a range.
    let url = daemons.url("/api/v2/execute");
    for (version, expected) in [("*", "3.0.7"), ("2", "2.1.0"), ("1.9.3", "1.9.3")] {
        let body =
            json!({ "language": "speech", "version": version, "files": [{ "content": "echo $SPEECH" }] });
        let answer = http::post(&url, &body, DEADLINE).await.expect("a response").json;
        assert_eq!(answer["run"]["stdout"], format!("{expected}\n"), "{answer}");
        assert_eq!(answer["version"], expected);
    }

    let file = daemons.directory().join("main.sh");
    fs::write(&file, "echo $SPEECH").expect("a writable directory");
    let file = file.to_str().expect("UTF-8");
    let output = executor(&daemons, &["run", "-l", "speech", "--language-version", "^1.2", file]);
    assert_eq!(text(&output.stdout), "1.9.3\n", "{}", text(&output.stderr));
}

#[tokio::test]
async fn install_reloads_the_daemon_and_tests_the_language() {
    let daemons = start().await;
    let languages = daemons.languages();
    let directory = languages.to_str().expect("UTF-8");
    let file = languages.join("speech-4.toml");
    let install = |name: &str| executor(&daemons, &["install", "--languages", directory, name]);

    fs::write(&file, speech("4", "4.2.0", "", "[install]\napt = [\"bash\"]")).expect("a writable directory");
    let output = install("speech@4");
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    assert!(printed.contains("Installed what 1 languages need: 0 MiB"), "{printed}");
    assert!(printed.contains("language Speech 4.2.0: 4.2.0: self-test passed"), "{printed}");

    // A language that does not work is not reported as installed.
    fs::write(&file, speech("4", "4.2.0", "", "requires = [\"/no/such/file\"]"))
        .expect("a writable directory");
    let output = install("speech@4");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("/no/such/file is not installed"), "{}", text(&output.stdout));

    // A mistake is reported with its line, and changes nothing.
    fs::write(&file, speech("4", "5.0.0", "", "colour = 1")).expect("a writable directory");
    let output = install("speech@4");
    let error = text(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(
        error.contains("speech-4.toml") && error.contains("line 8") && error.contains("colour"),
        "{error}"
    );
    fs::write(&file, speech("4", "5.0.0", "\"python\"", "")).expect("a writable directory");
    let error = text(&install("speech@4").stderr);
    assert!(error.contains(":4: aliases: python is also a name"), "{error}");
    let answer = daemons.execute(&json!({ "language": "speech", "code": "echo $SPEECH" })).await;
    assert_eq!(answer["output"], "2.1.0\n");

    // A name of a package cannot be an option of the package manager.
    fs::write(&file, speech("4", "5.0.0", "", "[install]\napt = [\"--download-only\"]"))
        .expect("a writable directory");
    let output = install("speech@4");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("is not the name of a package of Debian"),
        "{}",
        text(&output.stderr)
    );
}
