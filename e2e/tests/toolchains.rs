//! Every toolchain that `executor install --all` installs: `make languages-all`.

#![forbid(unsafe_code)]

use e2e::attacks::starters::{Starters, shipped_language_files};
use e2e::daemons::{BASE_LANGUAGES, DEADLINE, Daemons, Settings};
use e2e::http;
use serde_json::{Value, json};

async fn start() -> Daemons {
    let files = shipped_language_files().expect("the language files");
    let more_languages = files.into_iter().filter(|name| !BASE_LANGUAGES.contains(&&**name)).collect();
    let settings = Settings { more_languages, ..Settings::from_environment() };
    Daemons::start(&settings).await.expect("both daemons start")
}

async fn languages(daemons: &Daemons) -> Value {
    http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("a response").json
}

const CLANG: &str = "#include <stdio.h>\nint main(void) { printf(\"%d\", __clang_major__); }";
const GNU: &str = "#include <stdio.h>\nint main(void) { printf(\"%d\", __GNUC__); }";
const LUA: &str = "io.write(_VERSION)";
const PYTHON: &str = "import platform; print(platform.python_implementation(), end='')";

/// A version of a language, as a range or by an alias, and what a program says about its toolchain.
const VERSIONS: [(&str, &str, &str, &str); 20] = [
    ("c", "11.x", GNU, "11"),
    ("c", "12.x", GNU, "12"),
    ("c", "", GNU, "12"),
    ("gcc-11", "", GNU, "11"),
    ("cpp", "11.x", GNU, "11"),
    ("cpp", "12.x", GNU, "12"),
    ("g++-11", "", GNU, "11"),
    ("c-clang", "14.x", CLANG, "14"),
    ("c-clang", "16.x", CLANG, "16"),
    ("clang-16", "", CLANG, "16"),
    ("cpp-clang", "14.x", CLANG, "14"),
    ("cpp-clang", "16.x", CLANG, "16"),
    ("clang++-16", "", CLANG, "16"),
    ("lua", "5.1.x", LUA, "Lua 5.1"),
    ("lua", "5.3.x", LUA, "Lua 5.3"),
    ("lua", "5.4.x", LUA, "Lua 5.4"),
    ("lua", "<5.4", LUA, "Lua 5.3"),
    ("python", "3.11.x", PYTHON, "CPython"),
    ("python", "3.9.x", PYTHON, "PyPy"),
    ("pypy3", "", PYTHON, "PyPy"),
];

#[tokio::test]
async fn each_version_runs_the_toolchain_of_its_range() {
    let daemons = start().await;
    for (language, version, code, output) in VERSIONS {
        let mut body = json!({ "language": language, "code": code });
        if !version.is_empty() {
            body["version"] = version.into();
        }
        let answer = daemons.execute(&body).await;
        assert_eq!(
            (&answer["status"], &answer["output"]),
            (&json!("ok"), &json!(output)),
            "{language} {version}"
        );
    }
}

#[tokio::test]
async fn examples_run_from_main_files_of_other_names() {
    let daemons = start().await;
    let mut failures = Vec::new();
    for language in languages(&daemons).await.as_array().expect("a list") {
        let name = language["name"].as_str().expect("a name");
        let extension = language["extensions"][0].as_str().expect("an extension");
        let body = json!({ "language": name, "code": language["example"] });
        let expected = daemons.execute(&body).await;
        // The file names of these are part of the language.
        if name == "multi_file" {
            continue;
        }
        let stems =
            ["prog", "my-program_2", ".hidden", "_x", "a b", "p_test", "dir/prog", "+a", "a:b", "#a", " é'"];
        let mut names: Vec<_> = stems.iter().map(|stem| format!("{stem}.{extension}")).collect();
        names.extend(["solution", ".hidden", "a b", "a.txt "].map(str::to_owned));
        // The longest name that a file may have.
        names.push(format!("{}.{extension}", "x".repeat(254 - extension.len())));
        for file in names {
            let mut body = body.clone();
            body["filename"] = file.clone().into();
            let answer = daemons.execute(&body).await;
            if (&answer["status"], &answer["output"]) != (&json!("ok"), &expected["output"]) {
                failures.push(format!("{name} as {file}: {} {}", answer["status"], answer["output"]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn examples_run_with_other_line_ends() {
    let daemons = start().await;
    let mut failures = Vec::new();
    for language in languages(&daemons).await.as_array().expect("a list") {
        let name = language["name"].as_str().expect("a name");
        // It copies the text outside of its macros.
        if name == "m4" {
            continue;
        }
        let code = language["example"].as_str().expect("an example");
        let windows = code.replace('\n', "\r\n");
        let expected = daemons.execute(&json!({ "language": name, "code": code })).await;
        for (ends, code) in
            [("CRLF", windows.as_str()), ("no last", code.trim_end()), ("CRLF, no last", windows.trim_end())]
        {
            let answer = daemons.execute(&json!({ "language": name, "code": code })).await;
            if (&answer["status"], &answer["output"]) != (&json!("ok"), &expected["output"]) {
                failures.push(format!("{name} with {ends}: {} {}", answer["status"], answer["output"]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn each_starter_of_attacks_executes_a_command() {
    let daemons = start().await;
    let starters = Starters::load().expect("the starters").installed(&languages(&daemons).await);
    let mut failures = Vec::new();
    for starter in starters {
        let answer = daemons.execute(&starter.greeting()).await;
        let output = answer["output"].as_str().unwrap_or_default();
        if (&answer["status"], output.trim()) != (&json!("ok"), "hello") {
            failures.push(format!("{}: {} {output}", starter.language, answer["status"]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
