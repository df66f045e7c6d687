//! `POST /api/format`: the formatters of the languages, and formatters that fail.

#![forbid(unsafe_code)]

use e2e::daemons::{DEADLINE, Daemons, Settings};
use e2e::http::{self, Answer};
use serde_json::{Value, json};

/// Languages of which the formatter must be installed (scripts/setup-test.sh), with code and how it is formatted.
const FORMATTED: [(&str, &str, &str); 10] = [
    ("python", "import  sys\nprint( 'a',\n  1 )", "import sys\n\nprint(\"a\", 1)\n"),
    ("c", "int main(void){return 0;}", "int main(void) { return 0; }"),
    ("c++17", "int main(){if(1)\nreturn 0;}", "int main() {\n    if (1)\n        return 0;\n}"),
    ("javascript", "let  a = 'x'", "let a = \"x\";\n"),
    ("ts", "let a:number=1\nif(a){a=2}", "let a: number = 1;\nif (a) {\n    a = 2;\n}\n"),
    (
        "java",
        "class Main{String s=\"\"\"\n  a  b\n  \"\"\";}",
        "class Main {\n\n    String s = \"\"\"\n    a  b\n    \"\"\";\n}\n",
    ),
    ("go", "package main\nfunc main(){\n}", "package main\n\nfunc main() {\n}\n"),
    ("rust", "fn main(){let x=1;}", "fn main() {\n    let x = 1;\n}\n"),
    ("bash", "if true;then\necho  a\nfi", "if true; then\n    echo a\nfi\n"),
    ("perl", "if(1){print  1}", "if (1) { print 1 }\n"),
];

/// A language whose programs cannot be run, and whose formatter is this command.
fn language(name: &str, command: &Value) -> String {
    format!(
        r##"
name = "{name}"
title = "Language {name}"
extensions = ["{name}"]
file_name = "main.{name}"
example = ""
version = {{ command = ["sh", "-c", "echo 1"], pattern = "1" }}
editor = {{ mode = "plaintext", line_comment = "#", indent = 4 }}
compile = {{ command = ["false"] }}
run = {{ command = ["false"] }}
formatter = {{ command = {command}, limits = {{ wall_time = "2s" }} }}
self_test = {{ stdout = "", files = [{{ name = "main.{name}", content = "" }}] }}
"##
    )
}

async fn format(daemons: &Daemons, body: &Value) -> Answer {
    http::post(&daemons.url("/api/format"), body, DEADLINE).await.expect("an answer")
}

#[tokio::test]
async fn formatters_of_the_shipped_languages() {
    let daemons = Daemons::start(&Settings::default()).await.expect("both daemons start");
    let languages = http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("the languages").json;
    let formatter = |name: &str| {
        let all = languages.as_array().expect("a list");
        all.iter().find(|language| language["name"] == name).expect("the language")["formatter"].clone()
    };
    assert_eq!([formatter("cpp"), formatter("lua")], [json!("clang-format"), Value::Null]);
    for (language, code, formatted) in FORMATTED {
        let answer = format(&daemons, &json!({"language": language, "code": code})).await;
        assert_eq!((answer.status, &answer.json), (200, &json!({"code": formatted})), "{language}");
        let again = format(&daemons, &json!({"language": language, "code": formatted})).await;
        assert_eq!(again.json["code"], formatted, "{language}: formatted twice");
    }
    let header = json!({"language": "cpp", "code": "struct  A;", "filename": "a.h"});
    assert_eq!(format(&daemons, &header).await.json["code"], "struct A;");
    for (language, code, message) in [
        ("python", "if True\n", "Cannot parse: 1:7"),
        ("rust", "fn main({}", "error:"),
        ("typescript", "let = ", "SyntaxError"),
        ("bash", "if true; then", "must be followed by"),
    ] {
        let answer = format(&daemons, &json!({"language": language, "code": code})).await;
        assert_eq!((answer.status, &answer.json["code"]), (422, &json!("not_formatted")), "{answer:?}");
        let error = answer.json["error"].as_str().unwrap_or_default();
        assert!(error.contains(message), "{language}: {error}");
    }
    for (body, message) in [
        (json!({"language": "lua", "code": ""}), "this server has no formatter for Lua"),
        (json!({"code": ""}), "missing field `language`"),
        (json!({"language": "c"}), "missing field `code`"),
        (json!({"language": "c", "code": "", "filename": "../x"}), "../x"),
        (json!({"language": "c", "code": "", "args": []}), "unknown field `args`"),
    ] {
        let answer = format(&daemons, &body).await;
        let error = answer.json["error"].as_str().unwrap_or_default();
        assert!(answer.status == 400 && error.contains(message), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_formatter_runs_in_a_sandbox_with_limits() {
    let sandboxed = r#"echo "$(id -u)"; touch /usr/x /etc/x 2>/dev/null && echo writable; ls; cat"#;
    let languages = [
        ("where", json!(["sh", "-c", sandboxed])),
        ("refuses", json!(["sh", "-c", "echo 'line 1: no' >&2; exit 3"])),
        ("silent", json!(["sh", "-c", "exit 4"])),
        ("endless", json!(["sleep", "60"])),
        ("flood", json!(["yes"])),
        ("binary", json!(["sh", "-c", "printf '\\377'"])),
        ("missing", json!(["no-such-program"])),
    ];
    let files = languages.iter().map(|(name, command)| (*name, language(name, command)));
    let settings = Settings { languages: files.collect(), ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let answer = format(&daemons, &json!({"language": "where", "code": "a\nb", "filename": "x.where"})).await;
    let code = answer.json["code"].as_str().unwrap_or_default();
    let (uid, rest) = code.split_once('\n').unwrap_or_default();
    assert!(uid.parse().is_ok_and(|uid| daemons.uids.contains(&uid)), "{answer:?}");
    assert_eq!(rest, "x.where\na\nb");
    for (name, message) in [
        ("refuses", "line 1: no"),
        ("silent", "the formatter failed: its status is `nonzero`"),
        ("endless", "the formatter failed: it exceeded its limit `wall_time`"),
        ("flood", "the formatter failed: it exceeded its limit `output`"),
        ("binary", "the formatter failed: its output is not UTF-8"),
    ] {
        let answer = format(&daemons, &json!({"language": name, "code": ""})).await;
        let expected = json!({"error": message, "code": "not_formatted"});
        assert_eq!((answer.status, &answer.json), (422, &expected), "{name}");
    }
    let answer = format(&daemons, &json!({"language": "missing", "code": ""})).await;
    assert_eq!(answer.json["error"], "this server has no formatter for Language missing");
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}
