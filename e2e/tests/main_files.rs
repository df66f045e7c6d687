//! Main files of any name are programs of the requested language.

#![forbid(unsafe_code)]

use e2e::daemons::{Daemons, Settings};
use serde_json::{Value, json};

/// A program in each language that prints `ran`, and the extension of its sources.
const PROGRAMS: [(&str, &str, &str); 13] = [
    ("bash", "sh", "echo ran"),
    // `new` is not a name in C++.
    ("c", "c", "#include <stdio.h>\nint main(void) { int new = 1; puts(new ? \"ran\" : \"\"); }"),
    ("cpp", "cpp", "#include <cstdio>\nint main() { auto text = \"ran\"; std::puts(text); }"),
    ("go", "go", "package main\nimport \"os\"\nfunc main() { os.Stdout.WriteString(\"ran\\n\") }"),
    (
        "java",
        "java",
        "public class Any { public static void main(String[] a) { System.out.println(\"ran\"); } }",
    ),
    ("javascript", "js", "console.log('ran')"),
    ("lua", "lua", "print('ran')"),
    ("perl", "pl", "print \"ran\\n\";"),
    ("php", "php", "<?php echo \"ran\\n\";"),
    ("python", "py", "print('ran')"),
    ("ruby", "rb", "puts 'ran'"),
    ("rust", "rs", "fn main() { println!(\"ran\"); }"),
    ("typescript", "ts", "const text: string = 'ran'; console.log(text)"),
];

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

async fn run(daemons: &Daemons, language: &str, name: &str, code: &str) -> Value {
    daemons.execute(&json!({ "language": language, "filename": name, "code": code })).await
}

#[tokio::test]
async fn a_main_file_of_any_name_is_a_program_of_the_requested_language() {
    let daemons = start().await;
    for (language, extension, program) in PROGRAMS {
        let upper = format!("PROG.{}", extension.to_uppercase());
        let names =
            ["solution", "file0.code", &upper, "a.txt", "x.cpp", "a b", "dir/file0.code", "x.o", "x.json"];
        for name in names {
            let answer = run(&daemons, language, name, program).await;
            assert_eq!(
                (&answer["status"], &answer["stdout"]),
                (&"ok".into(), &"ran\n".into()),
                "{name}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn names_that_a_toolchain_could_take_for_something_else_are_sources() {
    let daemons = start().await;
    for (language, name) in [
        ("javascript", "inspect"),
        ("javascript", "package.json"),
        ("javascript", "main.node"),
        ("javascript", "main.wasm"),
        ("java", "Main.class"),
        ("java", "main.jar"),
        ("python", "main.pyc"),
        ("python", "main.zip"),
        ("python", "sitecustomize.py"),
        ("python", "usercustomize.py"),
        ("cpp", "main.h"),
        ("cpp", "main.s"),
        ("cpp", "main.so"),
        ("c", "main.d"),
        ("c", "lib.a"),
        ("typescript", "tsconfig.json"),
        ("typescript", "main.js"),
        ("typescript", "types.d.ts"),
        ("typescript", "main.d"),
        // Go ignores or rejects these.
        ("go", ".hidden.go"),
        ("go", ".hidden"),
        ("go", "_x.go"),
        ("go", "p_test.go"),
        ("go", "dir/p_test.go"),
        ("go", "$(id).go"),
        ("go", "+a.go"),
        // A word with a plus is an option for bash.
        ("bash", "+a.sh"),
        // As a placeholder of the language file.
        ("python", "{stack}.py"),
        ("php", "main.phar"),
    ] {
        let (_, _, program) = PROGRAMS.into_iter().find(|one| one.0 == language).expect("a language");
        let answer = run(&daemons, language, name, program).await;
        assert_eq!(
            (&answer["status"], &answer["stdout"]),
            (&"ok".into(), &"ran\n".into()),
            "{name}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_no_program_has_the_messages_of_its_compiler() {
    let daemons = start().await;
    for (language, name, code) in [
        ("cpp", "x.ld", "INCLUDE /proc/self/environ\n"),
        ("cpp", "x.o", "garbage"),
        ("c", "x.a", "!<arch>\n"),
        ("c", "x.go", "package main"),
        ("java", "Main.class", "garbage"),
        ("typescript", "solution", "let x: number = 'a'"),
        ("rust", "x.rlib", "garbage"),
    ] {
        let answer = run(&daemons, language, name, code).await;
        let (status, stderr) = (&answer["status"], answer["stderr"].as_str().unwrap_or_default());
        assert_eq!(status, "compile_error", "{name}: {answer}");
        assert!(stderr.contains(name) && stderr.contains("error"), "{name}: {answer}");
        for wrong in ["linker script", "ld:", "goroutine", "panic", "PATH="] {
            assert!(!stderr.contains(wrong), "{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_completed_is_rejected_with_the_accepted_extensions() {
    let daemons = start().await;
    let name = "x".repeat(254);
    let answer =
        daemons.post(&json!({ "language": "c", "filename": name, "code": "" })).await.expect("an answer");
    let message = answer.json["error"].as_str().unwrap_or_default();
    assert!(answer.status == 400 && message.ends_with("should end in .c"), "{}", answer.json);
}
