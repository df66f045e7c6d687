//! Package sets: installed by `executor packages`, chosen by requests, and visible to programs of their language only.

#![forbid(unsafe_code)]

mod fixtures;
mod long;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::daemons::{Daemons, Settings, binary};
use e2e::differential::pool;
use e2e::{http, package_sets};
use serde_json::{Value, json};

use crate::fixtures::{Fixtures, registry};

const DEADLINE: Duration = Duration::from_secs(20);

fn settings() -> Settings {
    Settings { pool: true, ..Settings::default() }
}

async fn start() -> Daemons {
    Daemons::start(&settings()).await.expect("both daemons start")
}

/// Runs `executor packages` with the language files and the package sets of the daemons.
fn packages(daemons: &Daemons, variables: &[(&str, String)], args: &[&str]) -> Output {
    let mut command = package_sets::command(daemons, args);
    command.envs(variables.iter().map(|(name, value)| (name, value))).output().expect("it starts")
}

/// Runs `executor packages`, which must succeed, and returns what it prints.
fn change(daemons: &Daemons, variables: &[(&str, String)], args: &[&str]) -> String {
    let output = packages(daemons, variables, args);
    assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn sets(daemons: &Daemons) -> std::path::PathBuf {
    daemons.directory().join("packages")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a program, with a package set or without naming one.
async fn run(daemons: &Daemons, language: &str, set: Option<&str>, code: &str) -> Value {
    let mut body = json!({ "language": language, "code": code });
    if let Some(set) = set {
        body["packages"] = set.into();
    }
    daemons.execute(&body).await
}

async fn packages_of(daemons: &Daemons, language: &str) -> Value {
    let languages = http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("a response").json;
    let all = languages.as_array().expect("a list");
    all.iter().find(|one| one["name"] == language).expect("the language exists")["packages"].clone()
}

/// Says which set a Python program sees, and that it cannot change it.
const PYTHON: &str = r#"
import os, tiny
directory = os.path.dirname(tiny.__file__)
assert directory.startswith("/packages/lib/python3"), directory
for path in [tiny.__file__, directory + "/new"]:
    try:
        open(path, "w")
        print("written", path)
    except OSError:
        pass
    os.stat(directory).st_uid == 0 or print("owned by", os.stat(directory).st_uid)
print(tiny.VERSION)
"#;

#[tokio::test]
async fn package_sets_of_python_are_installed_chosen_and_removed() {
    let daemons = start().await;
    let fixtures = Fixtures::new(daemons.directory());
    let pip = fixtures.pip();
    let add = |args: &[&'static str]| -> Vec<&'static str> {
        [&["add", "--user", "nobody", "--set", "web", "python"], args].concat()
    };
    assert_eq!(packages_of(&daemons, "python").await, json!([]));
    let answer = run(&daemons, "python", None, "import tiny").await;
    assert_eq!((&answer["status"], &answer["hint"]), (&json!("nonzero"), &Value::Null), "no set has it");

    let printed = change(&daemons, &pip, &add(&["--preload", "tiny", "tiny==1.2"]));
    assert_eq!(printed, "Python has the package set web: tiny 1.2\n");
    let set = |default: bool, version: &str| json!([{ "name": "web", "default": default, "packages": [{ "name": "tiny", "version": version }] }]);
    assert_eq!(packages_of(&daemons, "python").await, set(false, "1.2"));
    let answer = run(&daemons, "python", Some("web"), PYTHON).await;
    assert_eq!((&answer["output"], &answer["stderr"]), (&json!("1.2\n"), &json!("")), "{answer}");

    // A failed import names the set that has the module, or all sets.
    let answer = run(&daemons, "python", None, "import tiny").await;
    assert_eq!(answer["hint"], "tiny is in the package set web of Python", "{answer}");
    assert!(!answer["stderr"].as_str().expect("text").contains("package set"), "{answer}");
    let answer = run(&daemons, "python", Some("web"), "import torch").await;
    let hint = "no package set of Python on this server has torch; it has the sets: web (tiny)";
    assert_eq!((&answer["hint"], &answer["runs"][0]["hint"]), (&json!(hint), &json!(hint)));
    let answer = run(&daemons, "python", None, "raise SystemExit(1)").await;
    assert_eq!(answer.get("hint"), None);

    let refused = daemons.post(&json!({ "language": "python", "code": "1", "packages": "x" })).await;
    let refused = refused.expect("a response");
    let message = "`packages`: there is no package set \"x\" of Python; available: web, none";
    assert_eq!((refused.status, &refused.json["error"]), (400, &json!(message)), "{}", refused.json);

    // The set of pre-warmed interpreters is that of the request, with what is imported before.
    pool::ready(&daemons, "python:web", &["run"]).await.expect("an interpreter is pre-warmed with the set");
    let answer = run(&daemons, "python", Some("web"), "import sys; print('tiny' in sys.modules)").await;
    assert_eq!((&answer["start"], &answer["output"]), (&json!("warm"), &json!("True\n")), "{answer}");
    let answer = run(&daemons, "python", Some("none"), "import sys; print('tiny' in sys.modules)").await;
    assert_eq!(answer["output"], "False\n");

    // An installation that fails changes nothing; one that succeeds replaces the version.
    let output = packages(&daemons, &pip, &add(&["no-such-package"]));
    assert_eq!(output.status.code(), Some(125), "{}", text(&output.stderr));
    assert_eq!(packages_of(&daemons, "python").await, set(false, "1.2"));
    change(&daemons, &pip, &add(&["tiny==1.3"]));
    assert_eq!(run(&daemons, "python", Some("web"), PYTHON).await["output"], "1.3\n");

    // The default set, and the command line.
    change(&daemons, &[], &["default", "python", "web"]);
    assert_eq!(packages_of(&daemons, "python").await, set(true, "1.3"));
    assert_eq!(run(&daemons, "python", None, PYTHON).await["output"], "1.3\n");
    assert_eq!(
        run(&daemons, "bash", None, "ls -d /packages 2>&1 | wc -l; ls /packages").await["exit_code"],
        2
    );
    let file = daemons.directory().join("main.py");
    std::fs::write(&file, "import tiny").expect("a writable directory");
    let mut command = Command::new(binary("executor").expect("it is built"));
    command.arg("--socket").arg(daemons.socket()).args(["run", "--packages", "none"]).arg(&file);
    let error = text(&command.output().expect("it starts").stderr);
    assert!(error.contains("hint: tiny is in the package set web of Python"), "{error}");

    assert_eq!(change(&daemons, &[], &["list"]), "python  web (default): tiny 1.3\n");
    change(&daemons, &[], &["remove", "python", "web"]);
    assert_eq!(packages_of(&daemons, "python").await, json!([]));
    assert_eq!(run(&daemons, "python", None, "import tiny").await["status"], "nonzero");
}

#[tokio::test]
async fn package_sets_of_npm_jar_files_and_headers_are_visible_to_their_language() {
    let daemons = start().await;
    let fixtures = Fixtures::new(daemons.directory());
    let npm =
        [("NPM_CONFIG_REGISTRY", registry(fixtures.npm_archive())), ("NO_PROXY", "127.0.0.1".to_owned())];
    let printed = change(&daemons, &npm, &["add", "--user", "nobody", "javascript", "tiny"]);
    assert_eq!(printed, "JavaScript has the package set default: tiny 1.0.0\n");
    let answer = run(&daemons, "javascript", None, "console.log(require('tiny'))").await;
    assert_eq!(answer["output"], "from npm\n", "{answer}");
    let answer = run(&daemons, "javascript", Some("none"), "require('tiny')").await;
    assert_eq!(answer["hint"], "tiny is in the package set default of JavaScript", "{answer}");
    // A script of the package would have written this file.
    assert!(!Path::new(fixtures::SCRIPT_RAN).exists());

    let jar = fixtures.jar().display().to_string();
    change(&daemons, &[], &["add", "java", &jar]);
    let code = "public class Main { public static void main(String[] args) throws Exception {\n\
                System.out.print(new String(Main.class.getResourceAsStream(\"/tiny.txt\").readAllBytes())); } }";
    assert_eq!(run(&daemons, "java", None, code).await["output"], "from a jar\n");
    assert_eq!(
        packages_of(&daemons, "java").await[0]["packages"],
        json!([{ "name": "tiny", "version": "2.0" }])
    );

    let headers = fixtures.headers().display().to_string();
    change(&daemons, &[], &["add", "--set", "math", "cpp", &headers]);
    let code = "#include <tiny/tiny.hpp>\n#include <iostream>\nint main() { std::cout << tiny::text; }";
    assert_eq!(run(&daemons, "cpp", Some("math"), code).await["output"], "from a header\n");
    let answer = run(&daemons, "cpp", None, code).await;
    assert_eq!(answer["hint"], "tiny/tiny.hpp is in the package set math of C++", "{answer}");
    assert_eq!(answer["compile"]["hint"], answer["hint"]);
    assert_eq!(run(&daemons, "c", None, "int main() {}").await["status"], "ok");
}
