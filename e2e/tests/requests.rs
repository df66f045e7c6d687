//! Requests over HTTP and on the socket are carried out exactly, or rejected with a message.

#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::answer::contradictions;
use e2e::daemons::{DEADLINE, Daemons, Settings, eventually};
use e2e::http;
use e2e::socket::{Execution, program};
use protocol::bounds::{MAX_ARG, MAX_ARGS, MAX_FILES, MAX_RUNS};
use protocol::{ClientError, Event, ExecuteRequest, Rejection, RunRequest, SourceFile, StageName, Status};
use serde_json::{Value, json};

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

/// A language whose toolchain does not exist.
const NOT_THERE: &str = r##"
name = "klingon"
title = "Klingon"
aliases = ["tlh"]
extensions = ["tlh"]
file_name = "main.tlh"
example = "nuqneH"
version = { command = ["klingonc-that-nobody-has", "--version"], pattern = "." }
editor = { mode = "plaintext", line_comment = "#", indent = 2 }
run = { command = ["klingonc-that-nobody-has", "{main}"] }
self_test = { files = [{ name = "main.tlh", content = "" }], stdout = "" }
"##;

/// Returns the code and message of a 400 response, or `None` if the request was executed.
async fn refused(daemons: &Daemons, request: &Value) -> Option<(String, String)> {
    let answer = daemons.post(request).await.expect("a response");
    match answer.status {
        200 => None,
        400 | 413 => {
            let text = |name: &str| answer.json[name].as_str().expect("words").to_owned();
            Some((text("code"), text("error")))
        }
        other => unreachable!("HTTP {other}: {} for {request}", answer.json),
    }
}

/// Returns the rejection of the same request on the socket.
async fn rejection(daemons: &Daemons, request: ExecuteRequest) -> Rejection {
    let received = Execution::begin(&daemons.socket(), request)
        .await
        .expect("executord accepts the connection")
        .end()
        .await;
    match received.expect("a response").last {
        Some(Event::Rejected(rejection)) => rejection,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn a_language_has_its_names_and_no_others() {
    let settings =
        Settings { languages: vec![("klingon", NOT_THERE.to_owned())], ..Settings::from_environment() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    for name in
        ["cobol", "", " ", "-python", "python 2", "pyth\u{f6}n", "py\u{0}", "../python", "python.toml"]
            .map(str::to_owned)
            .into_iter()
            .chain(["x".repeat(64), "x".repeat(65), "x".repeat(100_000)])
    {
        let answer =
            daemons.post(&json!({ "code": "print(1)", "language": name })).await.expect("a response");
        assert_eq!(answer.status, 400, "{name:?}");
        let text = |field: &str| answer.json[field].as_str().expect("a text");
        assert_eq!(
            (text("error"), text("code")),
            ("Unsupported language", "unsupported_language"),
            "{name:?}"
        );
        let requested = text("requested").trim_end_matches('…');
        assert!(name.starts_with(requested) && requested.len() == name.len().min(64), "{requested:?}");
        let available = answer.json["available"].as_array().expect("a list");
        assert!(available.contains(&json!("python")) && !available.contains(&json!("klingon")));
        if name.len() <= 64 {
            assert_eq!(rejection(&daemons, program(&name, "print(1)")).await, Rejection::UnknownLanguage);
        }
    }

    for name in ["Python", "PYTHON", "Py", "python ", "python-3", "CPython 3", "Python (3)"] {
        let answer = daemons.execute(&json!({ "language": name, "code": "print(6 * 7)" })).await;
        assert_eq!(answer["stdout"], "42\n", "{name}: {answer}");
    }

    for name in ["klingon", "tlh", "TLH"] {
        let words =
            "Klingon is not available: klingonc-that-nobody-has is not in /usr/local/bin, /usr/bin, /bin";
        let answer = refused(&daemons, &json!({ "code": "", "language": name })).await;
        assert_eq!(answer, Some(("language_unavailable".to_owned(), words.to_owned())));
        assert_eq!(rejection(&daemons, program(name, "")).await.to_string(), words);
    }

    let languages = http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("a response").json;
    for language in languages.as_array().expect("a list") {
        let text = |name: &str| language[name].as_str().expect("a text");
        if text("name") == "klingon" {
            continue;
        }
        assert_eq!(language["available"], true, "{language}");
        let alias = language["aliases"][0].as_str().unwrap_or(text("name"));
        let answer = daemons.execute(&json!({ "language": alias, "code": text("example") })).await;
        assert_eq!((&answer["status"], &answer["stderr"]), (&json!("ok"), &json!("")), "{alias}: {answer}");
        assert_ne!(answer["stdout"], "", "{alias}");
    }
}

#[tokio::test]
async fn file_names_stay_in_the_work_directory() {
    let daemons = start().await;
    let long = "x".repeat(255);
    let deep = ["d"; 16].join("/");
    let inside = [
        "data",
        "a/b/c.txt",
        ".hidden",
        "..a",
        "a..",
        "Größe.txt",
        "with space",
        "back\\slash",
        "quote\"'",
        "$HOME",
        "*",
        "~",
        "con",
        "a-b",
        "a@b",
        "\u{1f980}",
        &long,
        &deep,
    ];
    let mut files = vec![json!({
        "name": "main.py",
        "content": "import os\nfor top, _, names in os.walk('.'):\n    for name in names:\n        \
                    path = os.path.join(top, name)[2:]\n        \
                    if path != 'main.py': assert open(path).read() == 'in ' + path, path; print('ok')",
    })];
    files.extend(inside.iter().map(|name| json!({ "name": name, "content": format!("in {name}") })));
    let answer = daemons.execute(&json!({ "language": "python", "files": files })).await;
    assert_eq!((&answer["stdout"], &answer["stderr"]), (&json!("ok\n".repeat(inside.len())), &json!("")));

    let too_long = ["x".repeat(256), "x/".repeat(600) + "x", ["d"; 17].join("/")];
    for name in [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "/box/x",
        "../x",
        "a/../x",
        "a/./b",
        "./a",
        "a//b",
        "a/",
        "a\u{0}b",
        "a\nb",
        "\u{1b}[31m",
        "\u{7f}",
        "-rf",
        "a/-x",
        "@file",
        "a/@file",
    ]
    .into_iter()
    .chain(too_long.iter().map(String::as_str))
    {
        let as_data = json!({ "language": "python", "files": [
            { "name": "main.py", "content": "print(1)" }, { "name": name, "content": "" }] });
        let as_main = json!({ "language": "python", "filename": name, "code": "print(1)" });
        for request in [as_data, as_main] {
            let (code, words) =
                refused(&daemons, &request).await.unwrap_or_else(|| unreachable!("{name:?} was let in"));
            assert_eq!(code, "invalid_request", "{name:?}: {words}");
            assert!(words.contains("file name"), "{name:?}: {words}");
        }
        if name.len() <= 1024 {
            let mut request = program("python", "print(1)");
            request.files.push(SourceFile { path: Some(name.to_owned()), content: "".into() });
            assert!(matches!(rejection(&daemons, request).await, Rejection::Invalid(_)), "{name:?}");
        }
    }
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_a_message() {
    let daemons = start().await;
    let file = |name: &str, content: &str| json!({ "name": name, "content": content });
    let main = || file("main.py", "print(1)");
    let with = |files: Value| json!({ "language": "python", "files": files });
    let with_args = |args: Value| json!({ "language": "python", "code": "", "args": args });
    let megabytes = |count: usize| "#".repeat(count << 20);
    for (request, code, words) in [
        (with(json!([main(), file("main.py", "2")])), "invalid_request", "two files are named main.py"),
        (
            with(json!([main(), file("a", ""), file("a/b", "")])),
            "invalid_request",
            "a is both a file and a directory",
        ),
        (
            with(json!([main(), file("a/b", ""), file("a", "")])),
            "invalid_request",
            "a is both a file and a directory",
        ),
        (
            with(json!([main(), file("main.py/x", "")])),
            "invalid_request",
            "main.py is both a file and a directory",
        ),
        (
            with(json!([{ "content": "1" }, { "content": "2" }])),
            "invalid_request",
            "only the first file may have no name",
        ),
        (with(json!([])), "invalid_request", "at least one file"),
        (
            with(json!([file("main.py", "print(1)\u{0}")])),
            "invalid_request",
            "main.py contains a NUL character",
        ),
        (with(json!([main(), file("b.py", "\u{0}")])), "invalid_request", "b.py contains a NUL character"),
        (
            json!({ "language": "python", "code": "\u{0}" }),
            "invalid_request",
            "main.py contains a NUL character",
        ),
        (with_args(json!(["a\u{0}b"])), "invalid_request", "an argument contains a NUL character"),
        (with(json!(vec![main(); MAX_FILES + 1])), "invalid_request", "at most 128 elements"),
        (with_args(json!(vec!["x"; MAX_ARGS + 1])), "invalid_request", "at most 256 elements"),
        (with_args(json!(["x".repeat(MAX_ARG + 1)])), "invalid_request", "at most 65536 bytes"),
        (
            with_args(json!(vec!["x".repeat(MAX_ARG); 9])),
            "invalid_request",
            "at most 524288 bytes long in total",
        ),
        (
            json!({ "language": "python", "code": "", "runs": vec![json!({}); MAX_RUNS + 1] }),
            "invalid_request",
            "at most 64 elements",
        ),
        (json!({ "language": "python", "code": "", "runs": [] }), "invalid_request", "at least one run"),
        (
            json!({ "language": "python", "code": "", "runs": [{}], "stdin": "1" }),
            "invalid_request",
            "must be in each run",
        ),
        (
            json!({ "language": "python", "code": megabytes(5) }),
            "too_large",
            "larger than 4194304 bytes (4 MiB) in total",
        ),
        (json!({ "language": "python", "code": "", "stdin": megabytes(9) }), "too_large", "bytes"),
        (json!({ "language": "python", "code": megabytes(17) }), "too_large", "bytes"),
    ] {
        let shown: String = request.to_string().chars().take(200).collect();
        let (said, said_words) =
            refused(&daemons, &request).await.unwrap_or_else(|| unreachable!("taken: {shown}"));
        assert_eq!(said, code, "{shown}: {said_words}");
        assert!(said_words.contains(words), "{words:?} is not in {said_words:?}");
    }
    // Accepted up to the maximum: data with NUL, and the maximum number of everything.
    let mut files = vec![main(), file("nul.dat", "\u{0}")];
    files.extend((2..MAX_FILES).map(|number| file(&format!("d{number}/f"), "")));
    assert_eq!(refused(&daemons, &with(files.into())).await, None);
    let print = |args: Value| json!({ "language": "python", "code": "import sys\nprint(len(sys.argv), sum(map(len, sys.argv)))", "args": args });
    assert_eq!(daemons.execute(&print(json!(vec!["x"; MAX_ARGS]))).await["stdout"], "257 263\n");
    assert_eq!(daemons.execute(&print(json!(vec!["x".repeat(MAX_ARG); 8]))).await["stdout"], "9 524295\n");

    // On the socket, a frame beyond a bound is invalid, and the daemon closes the connection before reading it.
    let many = |files: usize, runs: usize, args: usize| {
        let file = SourceFile { path: Some("x".to_owned()), content: "".into() };
        let run = RunRequest { args: vec!["x".to_owned(); args], ..RunRequest::default() };
        ExecuteRequest { files: vec![file; files], runs: vec![run; runs], ..program("python", "") }
    };
    for request in [many(MAX_FILES + 1, 1, 0), many(1, MAX_RUNS + 1, 0), many(1, 1, MAX_ARGS + 1)] {
        let received = Execution::begin(&daemons.socket(), request)
            .await
            .expect("executord accepts the connection")
            .end()
            .await;
        assert!(matches!(received, Err(ClientError::Closed)), "{received:?}");
    }
    for (request, words) in [
        (many(0, 1, 0), "at least one source file is required"),
        (many(1, 0, 0), "at least one run is required"),
        (many(2, 1, 0), "two files are named x"),
    ] {
        assert_eq!(rejection(&daemons, request).await, Rejection::Invalid(words.to_owned()));
    }
    assert!(eventually(|| async { daemons.status().await.running == 0 }).await);
}

/// A program in one language with the same output as those in the others.
struct InLanguage {
    language: &'static str,
    code: &'static str,
}

#[tokio::test]
async fn files_are_in_the_writable_work_directory() {
    let daemons = start().await;
    let programs = vec![
        InLanguage {
            language: "python",
            code: "import os\nprint(os.getcwd(), open('data/deep/words.txt').read(), os.path.getsize('bytes.bin'))\n\
                   os.makedirs('out/new')\nopen('out/new/f', 'w').write('kept')\nopen('data/deep/words.txt', 'a').write('!')\n\
                   print(open('out/new/f').read(), open('data/deep/words.txt').read())",
        },
        InLanguage {
            language: "javascript",
            code: "const fs = require('fs');\nconst read = name => fs.readFileSync(name, 'utf8');\n\
                   console.log(process.cwd(), read('data/deep/words.txt'), fs.statSync('bytes.bin').size);\n\
                   fs.mkdirSync('out/new', { recursive: true });\nfs.writeFileSync('out/new/f', 'kept');\n\
                   fs.appendFileSync('data/deep/words.txt', '!');\nconsole.log(read('out/new/f'), read('data/deep/words.txt'));",
        },
        InLanguage {
            language: "typescript",
            code: "import * as fs from 'fs';\nconst read = (name: string): string => fs.readFileSync(name, 'utf8');\n\
                   console.log(process.cwd(), read('data/deep/words.txt'), fs.statSync('bytes.bin').size);\n\
                   fs.mkdirSync('out/new', { recursive: true });\nfs.writeFileSync('out/new/f', 'kept');\n\
                   fs.appendFileSync('data/deep/words.txt', '!');\nconsole.log(read('out/new/f'), read('data/deep/words.txt'));",
        },
        InLanguage {
            language: "cpp",
            code: "#include <filesystem>\n#include <fstream>\n#include <iostream>\n#include <iterator>\n\
                   namespace fs = std::filesystem;\n\
                   std::string read(const char *name) { std::ifstream f(name); return { std::istreambuf_iterator<char>(f), {} }; }\n\
                   int main() { std::cout << fs::current_path().string() << ' ' << read(\"data/deep/words.txt\") << ' ' << fs::file_size(\"bytes.bin\") << '\\n';\n\
                   fs::create_directories(\"out/new\"); std::ofstream(\"out/new/f\") << \"kept\";\n\
                   std::ofstream(\"data/deep/words.txt\", std::ios::app) << '!';\n\
                   std::cout << read(\"out/new/f\") << ' ' << read(\"data/deep/words.txt\") << '\\n'; }",
        },
        InLanguage {
            language: "c",
            code: "#include <stdio.h>\n#include <sys/stat.h>\n#include <unistd.h>\n\
                   static char text[100];\n\
                   static char *contents(const char *name) { FILE *f = fopen(name, \"r\"); text[fread(text, 1, 99, f)] = 0; fclose(f); return text; }\n\
                   static void add(const char *name, const char *words) { FILE *f = fopen(name, \"a\"); fputs(words, f); fclose(f); }\n\
                   int main(void) { char here[100]; struct stat s; stat(\"bytes.bin\", &s);\n\
                   printf(\"%s %s %ld\\n\", getcwd(here, 100), contents(\"data/deep/words.txt\"), (long)s.st_size);\n\
                   mkdir(\"out\", 0700); mkdir(\"out/new\", 0700); add(\"out/new/f\", \"kept\"); add(\"data/deep/words.txt\", \"!\");\n\
                   printf(\"%s \", contents(\"out/new/f\")); printf(\"%s\\n\", contents(\"data/deep/words.txt\")); }",
        },
        InLanguage {
            language: "java",
            code: "import java.nio.file.*;\n\
                   public class Anything { static String read(String name) throws Exception { return Files.readString(Path.of(name)); }\n\
                   public static void main(String[] a) throws Exception {\n\
                   System.out.println(Path.of(\"\").toAbsolutePath() + \" \" + read(\"data/deep/words.txt\") + \" \" + Files.size(Path.of(\"bytes.bin\")));\n\
                   Files.createDirectories(Path.of(\"out/new\")); Files.writeString(Path.of(\"out/new/f\"), \"kept\");\n\
                   Files.writeString(Path.of(\"data/deep/words.txt\"), \"!\", StandardOpenOption.APPEND);\n\
                   System.out.println(read(\"out/new/f\") + \" \" + read(\"data/deep/words.txt\")); } }",
        },
        InLanguage {
            language: "bash",
            code: "echo \"$PWD $(cat data/deep/words.txt) $(stat -c %s bytes.bin)\"\nmkdir -p out/new\nprintf kept > out/new/f\n\
                   printf ! >> data/deep/words.txt\necho \"$(cat out/new/f) $(cat data/deep/words.txt)\"",
        },
        InLanguage {
            language: "perl",
            code: "use Cwd;\nsub contents { local (@ARGV, $/) = @_; <> }\n\
                   print getcwd, ' ', contents('data/deep/words.txt'), ' ', -s 'bytes.bin', \"\\n\";\nmkdir 'out'; mkdir 'out/new';\n\
                   open my $f, '>', 'out/new/f'; print $f 'kept'; close $f; open $f, '>>', 'data/deep/words.txt'; print $f '!'; close $f;\n\
                   print contents('out/new/f'), ' ', contents('data/deep/words.txt'), \"\\n\";",
        },
    ];
    for InLanguage { language, code } in programs {
        let files = json!([
            { "content": code },
            { "name": "data/deep/words.txt", "content": "some words" },
            { "name": "bytes.bin", "content": STANDARD.encode([0, 255, 10, 13]), "encoding": "base64" },
        ]);
        let answer = daemons.execute(&json!({ "language": language, "files": files })).await;
        let expected = "/box some words 4\nkept some words!\n";
        assert_eq!(
            (&answer["stdout"], &answer["stderr"]),
            (&json!(expected), &json!("")),
            "{language}: {answer}"
        );
    }
}

#[tokio::test]
async fn arguments_are_passed_unchanged() {
    let daemons = start().await;
    let args = [
        "@x",
        "-o",
        "",
        "--",
        "--help",
        "-version",
        "-cp",
        "@/etc/passwd",
        "-e",
        "-",
        "$HOME",
        "*",
        "a b",
        "\"quoted'",
        "\\",
        "tab\there",
        "new\nline",
        "\u{fc}\u{1f980}",
        "a=b",
        ";",
        "&&",
    ];
    let expected: String = args.iter().map(|arg| format!("[{arg}]\n")).collect();
    let programs = vec![
        InLanguage { language: "python", code: "import sys\nfor arg in sys.argv[1:]: print(f'[{arg}]')" },
        InLanguage {
            language: "javascript",
            code: "for (const arg of process.argv.slice(2)) console.log(`[${arg}]`);",
        },
        InLanguage {
            language: "typescript",
            code: "for (const arg of process.argv.slice(2)) console.log(`[${arg}]`);",
        },
        InLanguage {
            language: "cpp",
            code: "#include <iostream>\nint main(int n, char **args) { for (int i = 1; i < n; i++) std::cout << '[' << args[i] << \"]\\n\"; }",
        },
        InLanguage {
            language: "c",
            code: "#include <stdio.h>\nint main(int n, char **args) { for (int i = 1; i < n; i++) printf(\"[%s]\\n\", args[i]); }",
        },
        InLanguage {
            language: "java",
            code: "class A { public static void main(String[] args) { for (var arg : args) System.out.println(\"[\" + arg + \"]\"); } }",
        },
        InLanguage { language: "bash", code: "printf '[%s]\\n' \"$@\"" },
        InLanguage { language: "perl", code: "print \"[$_]\\n\" for @ARGV;" },
    ];
    for InLanguage { language, code } in programs {
        let answer = daemons.execute(&json!({ "language": language, "code": code, "args": args })).await;
        assert_eq!(
            (&answer["stdout"], &answer["stderr"]),
            (&json!(expected), &json!("")),
            "{language}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_program_can_have_a_file_name_and_several_files() {
    let daemons = start().await;
    let main = |name: &str| {
        format!(
            "class {name} {{ public static void main(String[] a) {{ System.out.println(Helper.text()); }} }}"
        )
    };
    let helper = "class Helper { static String text() { return \"helped\"; } }";
    let print = "System.out.println(\"helped\");";
    let cases = [
        (
            "a name of its own",
            json!({ "language": "python", "filename": "sub/solution.py", "code": "import sys\nprint('helped') if sys.argv[0] == 'sub/solution.py' else print(sys.argv)" }),
        ),
        (
            "a module next to it",
            json!({ "language": "python", "files": [
            { "name": "app.py", "content": "from lib.helper import text\nprint(text())" },
            { "name": "lib/__init__.py", "content": "" }, { "name": "lib/helper.py", "content": "def text(): return 'helped'" }] }),
        ),
        (
            "modules of Node",
            json!({ "language": "javascript", "files": [
            { "name": "app.mjs", "content": "import text from './lib/text.cjs';\nconsole.log(text());" },
            { "name": "lib/text.cjs", "content": "module.exports = () => 'helped';" }] }),
        ),
        (
            "JSON next to it",
            json!({ "language": "javascript", "files": [
            { "name": "a.js", "content": "console.log(require('./b.json').text);" }, { "name": "b.json", "content": "{\"text\": \"helped\"}" }] }),
        ),
        (
            "C++ by another name",
            json!({ "language": "cpp", "filename": "my prog.cxx", "code": "#include <iostream>\nint main() { std::cout << \"helped\" << std::endl; }" }),
        ),
        (
            "C++ in several files",
            json!({ "language": "cpp", "files": [
            { "name": "app.cpp", "content": "#include \"lib/text.h\"\n#include <iostream>\nint main() { std::cout << text() << more() << std::endl; }" },
            { "name": "lib/text.h", "content": "#pragma once\nconst char *text();\nconst char *more();" },
            { "name": "lib/text.cpp", "content": "#include \"text.h\"\nconst char *text() { return \"hel\"; }" },
            { "name": "lib/more.cc", "content": "#include \"text.h\"\nconst char *more() { return \"ped\"; }" },
            { "name": "lib/broken.txt", "content": "not for the compiler" }] }),
        ),
        (
            "C in several files",
            json!({ "language": "c", "files": [
            { "name": "app.c", "content": "#include <stdio.h>\n#include \"text.h\"\nint main(void) { puts(text()); }" },
            { "name": "text.h", "content": "const char *text(void);" },
            { "name": "text.c", "content": "#include \"text.h\"\nconst char *text(void) { return \"helped\"; }" }] }),
        ),
        (
            "Java: a public class of any name",
            json!({ "language": "java", "code": format!("public class Solution {{ public static void main(String... a) {{ {print} }} }}") }),
        ),
        (
            "Java: a class without public",
            json!({ "language": "java", "code": format!("{helper}\n{}", main("Start")) }),
        ),
        (
            "Java: a package",
            json!({ "language": "java", "code": format!("package org.example.app;\npublic class Main {{ public static void main(String[] a) {{ {print} }} }}") }),
        ),
        (
            "Java: a record, an interface and an enum",
            json!({ "language": "java", "code":
            "interface Says { String it(); }\nenum Word implements Says { HELPED; public String it() { return \"helped\"; } }\n\
             record Pair(Says a) {}\npublic class Test { public static void main(String[] a) { System.out.println(new Pair(Word.HELPED).a().it()); } }" }),
        ),
        (
            "Java: a main in an interface",
            json!({ "language": "java", "code": format!("public interface App {{ static void main(String[] a) {{ {print} }} }}") }),
        ),
        (
            "Java: a file name that is no class",
            json!({ "language": "java", "filename": "week 1.java", "code": format!("public class Other {{ public static void main(String[] a) {{ {print} }} }}") }),
        ),
        (
            "Java: several files",
            json!({ "language": "java", "files": [
            { "name": "App.java", "content": main("App") }, { "name": "Helper.java", "content": helper }] }),
        ),
        (
            "Java: several packages",
            json!({ "language": "java", "files": [
            { "name": "app/Main.java", "content": format!("package app;\nimport lib.deep.Text;\npublic class Main {{ public static void main(String[] a) {{ System.out.println(Text.IT); }} }}") },
            { "name": "lib/deep/Text.java", "content": "package lib.deep;\npublic class Text { public static final String IT = \"helped\"; }" }] }),
        ),
        (
            "Java: the main class in another file",
            json!({ "language": "java", "files": [
            { "name": "Helper.java", "content": helper }, { "name": "App.java", "content": main("App") }] }),
        ),
        (
            "Java: a resource",
            json!({ "language": "java", "files": [
            { "name": "A.java", "content": "class A { public static void main(String[] a) throws Exception { System.out.write(A.class.getResourceAsStream(\"/res/t\").readAllBytes()); System.out.println(); } }" },
            { "name": "res/t", "content": "helped" }] }),
        ),
    ];
    for (name, request) in cases {
        let answer = daemons.execute(&request).await;
        let expected = json!({ "status": "ok", "stdout": "helped\n", "stderr": "" });
        assert_eq!(contradictions(&expected, &answer), Vec::<String>::new(), "{name}: {}", answer["output"]);
    }
}

#[tokio::test]
async fn input_and_output_are_bytes() {
    let daemons = start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let code = "import sys\ndata = sys.stdin.buffer.read()\nsys.stdout.buffer.write(data)\nsys.stdout.flush()\n\
                sys.stderr.buffer.write(data[:1000][::-1])";
    let backwards: Vec<u8> = bytes[..1000].iter().rev().copied().collect();
    let mut request = json!({
        "language": "python", "code": code, "stdin": STANDARD.encode(&bytes), "stdin_encoding": "base64", "encoding": "base64",
    });
    let answer = daemons.execute(&request).await;
    let decoded = |name: &str| STANDARD.decode(answer[name].as_str().expect("base64")).expect("base64");
    assert!(decoded("stdout_base64") == bytes);
    assert!(decoded("stderr_base64") == backwards);
    assert!(decoded("output_base64") == [&bytes[..], &backwards].concat());

    request["encoding"] = "utf8".into();
    let answer = daemons.execute(&request).await;
    assert!(answer["stdout"] == String::from_utf8_lossy(&bytes).as_ref());
    assert!(answer["stdout_base64"].is_null());

    // Text is passed unchanged, and a program that does not read its input does not wait.
    let large = "\u{e9}\u{1f980} ".repeat(300_000);
    let request = json!({ "language": "python", "code": "print('not read')", "stdin": large });
    assert_eq!(daemons.execute(&request).await["stdout"], "not read\n");
    let request = json!({ "language": "javascript", "code": "console.log(require('fs').readFileSync(0, 'utf8').length)", "stdin": large });
    assert_eq!(daemons.execute(&request).await["stdout"], "1200000\n");
    let request = json!({ "language": "python", "code": "print(repr(input()))" });
    assert_eq!(daemons.execute(&request).await["exit_code"], 1, "without stdin there is end of file at once");
}

/// Prints its input and what it finds, and then leaves something in every writable directory.
const MESSY: [InLanguage; 2] = [
    InLanguage {
        language: "python",
        code: "import ctypes, os, subprocess, sys\n\
               print(sys.argv[1:], sys.stdin.read(), sorted(os.listdir('.')), os.listdir('/tmp'), os.listdir('/dev/shm'))\n\
               print(len([name for name in os.listdir('/proc') if name.isdigit() and int(name) > 1]), 'process')\n\
               print(ctypes.CDLL(None).shmget(42, 4096, 0), 'segment')\n\
               ctypes.CDLL(None).shmget(42, 4096, 0o1666)\n\
               for place in '.', '/tmp', '/dev/shm': open(place + '/left', 'w').write('x')\n\
               open('main.py', 'w').write('print(\"changed\")')\n\
               subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=subprocess.DEVNULL)\n\
               sys.exit(int(sys.argv[1]))",
    },
    InLanguage {
        language: "cpp",
        code: "#include <filesystem>\n#include <fstream>\n#include <iostream>\n#include <iterator>\n#include <set>\n#include <sys/shm.h>\n#include <unistd.h>\n\
               namespace fs = std::filesystem;\n\
               void list(const char *place) { std::set<std::string> names; for (auto &e : fs::directory_iterator(place)) names.insert(\"'\" + e.path().filename().string() + \"'\");\n\
               std::cout << \" [\"; for (auto &name : names) std::cout << name; std::cout << ']'; }\n\
               int main(int n, char **args) { std::cout << '['; for (int i = 1; i < n; i++) std::cout << (i > 1 ? \", \" : \"\") << \"'\" << args[i] << \"'\";\n\
               std::cout << \"] \" << std::string(std::istreambuf_iterator<char>(std::cin), {}); list(\".\"); list(\"/tmp\"); list(\"/dev/shm\");\n\
               int processes = 0; for (auto &e : fs::directory_iterator(\"/proc\")) processes += std::atoi(e.path().filename().c_str()) > 1;\n\
               std::cout << '\\n' << processes << \" process\\n\" << shmget(42, 4096, 0) << \" segment\\n\"; std::cout.flush();\n\
               shmget(42, 4096, IPC_CREAT | 0666);\n\
               for (auto place : {\"left\", \"/tmp/left\", \"/dev/shm/left\", \"main.cpp\"}) std::ofstream(place) << 'x';\n\
               std::ofstream build(\"/build/left\"); std::ofstream program(\"/build/main\"); if (build || program) std::cout << \"/build is writable\\n\";\n\
               if (fork() == 0) { setsid(); close(1); close(2); sleep(600); }\n\
               return std::atoi(args[1]); }",
    },
];

#[tokio::test]
async fn runs_share_a_compilation_and_nothing_else() {
    let daemons = start().await;
    for InLanguage { language, code } in MESSY {
        let file = if language == "cpp" { "main.cpp" } else { "main.py" };
        let said = |code: u32, stdin: &str| {
            format!("['{code}', 'arg'] {stdin} ['{file}'] [] []\n1 process\n-1 segment\n")
        };
        let run = |code: u32, stdin: &str| json!({ "args": [code.to_string(), "arg"], "stdin": stdin });
        let request = json!({ "language": language, "code": code, "runs": [run(0, "one"), run(3, "two"), run(0, "three")] });
        let answer = daemons.execute(&request).await;
        let expected = [(0, "one"), (3, "two"), (0, "three")].map(|(code, stdin)| json!({
            "status": if code == 0 { "ok" } else { "nonzero" }, "exit_code": code, "stdout": said(code, stdin), "stderr": "",
        }));
        for (number, expected) in expected.iter().enumerate() {
            assert_eq!(
                contradictions(expected, &answer["runs"][number]),
                Vec::<String>::new(),
                "{language} run {number}: {answer}"
            );
        }
        assert_eq!(answer["runs"].as_array().map(Vec::len), Some(3));
        // The top-level fields are those of the first run that did not succeed.
        assert_eq!(contradictions(&expected[1], &answer), Vec::<String>::new());
        assert_eq!(answer["compile"].is_null(), language == "python");

        let numbers = 0..u32::try_from(MAX_RUNS).expect("small");
        let mut request = program(language, code);
        let args = |number: u32| vec![number.to_string(), "arg".to_owned()];
        request.runs = numbers
            .clone()
            .map(|number| RunRequest { args: args(number), ..RunRequest::default() })
            .collect();
        let received = Execution::begin(&daemons.socket(), request)
            .await
            .expect("executord accepts the connection")
            .end()
            .await;
        let received = received.expect("a response");
        let compiled = (language == "cpp").then_some(StageName::Compile);
        let stages: Vec<_> = compiled.into_iter().chain(numbers.clone().map(StageName::Run)).collect();
        let mut begun = received.begun.clone();
        begun.sort_by_key(|stage| match stage {
            StageName::Compile => None,
            StageName::Run(number) => Some(*number),
        });
        assert_eq!(begun, stages, "compiled once");
        // Runs at the same time begin in any order.
        assert!(compiled.is_none_or(|stage| received.begun[0] == stage), "compiled before the runs");
        for number in numbers.clone() {
            let stdout = received.stdout_of(StageName::Run(number));
            assert_eq!(String::from_utf8_lossy(stdout), said(number, ""));
        }
        for number in numbers {
            let code = i32::try_from(number).expect("small");
            assert_eq!(received.status(StageName::Run(number)), Some(&Status::Exited(code)));
        }
    }
}
