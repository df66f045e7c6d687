//! What programs of each language can rely on: names, sources from other systems, the stack, and the host's libraries.

#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use e2e::daemons::{Daemons, Settings};
use e2e::differential::pool;
use serde_json::{Value, json};

/// Runs of a program whose result must not vary.
const ROUNDS: usize = 20;

async fn start(settings: &Settings) -> Daemons {
    Daemons::start(settings).await.expect("both daemons start")
}

async fn cold() -> Daemons {
    start(&Settings::default()).await
}

async fn pre_warmed() -> Daemons {
    start(&Settings { pool: true, ..Settings::default() }).await
}

fn program(language: &str, code: &str) -> Value {
    json!({ "language": language, "code": code })
}

/// Runs a program that must succeed with this output.
async fn prints(daemons: &Daemons, request: Value, stdout: &str) {
    let answer = daemons.execute(&request).await;
    assert_eq!((&answer["status"], &answer["stdout"]), (&"ok".into(), &stdout.into()), "{request}: {answer}");
}

#[tokio::test]
async fn usual_names_of_languages_are_found_in_any_case() {
    let daemons = cold().await;
    for (name, code) in [
        ("C++17", "int main() {}"),
        ("cpp20", "int main() {}"),
        ("C++1z", "int main() { static_assert(__cplusplus == 201703); }"),
        ("C99", "int main(void) {}"),
        ("Py3", "pass"),
        ("Python3", "pass"),
        ("Node.js", ""),
        ("NodeJS", ""),
        ("JS", ""),
        ("TS", ""),
        ("Shell", ""),
        ("RB", ""),
        ("PL", ""),
    ] {
        prints(&daemons, program(name, code), "").await;
    }
}

/// Programs of several lines that print `1` and `2`.
const LINES: [(&str, &str); 13] = [
    ("bash", "echo 1\n\nif true; then\n  cat <<END\n2\nEND\nfi\n"),
    (
        "c",
        "#include <stdio.h>\n#define TWO \\\n  2\nint main(void) {\n  puts(\"1\"); printf(\"%d\\n\", TWO);\n}\n",
    ),
    (
        "cpp",
        "#include <iostream>\nint main() {\n  std::cout << \"1\\n\"; // one\n  std::cout << \"2\\n\";\n}\n",
    ),
    ("go", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(1) // one\n\tfmt.Println(2)\n}\n"),
    (
        "java",
        "public class A {\n  public static void main(String[] a) {\n    System.out.println(1);\n    System.out.println(2);\n  }\n}\n",
    ),
    ("javascript", "console.log(1); // one\nconsole.log(2)\n"),
    ("lua", "print(1) -- one\nprint(2)\n"),
    ("perl", "print \"1\\n\"; # one\nprint <<END;\n2\nEND\n"),
    ("php", "<?php\necho \"1\\n\"; // one\necho \"2\\n\";\n"),
    ("python", "print(1) # one\nif True:\n    print(2)\n"),
    ("ruby", "puts 1 # one\nputs <<END\n2\nEND\n"),
    ("rust", "fn main() {\n    println!(\"1\"); // one\n    println!(\"2\");\n}\n"),
    ("typescript", "console.log(1) // one\nconst two: number = 2\nconsole.log(two)\n"),
];

#[tokio::test]
async fn sources_from_windows_run() {
    // A pre-warmed sandbox receives the same files as a cold one.
    for (daemons, variants) in [(cold().await, 3), (pre_warmed().await, 1)] {
        for (language, code) in LINES {
            let windows = code.replace('\n', "\r\n");
            let sources = [format!("\u{feff}{windows}"), format!("\u{feff}{code}"), windows];
            for code in &sources[..variants] {
                let answer = daemons.execute(&program(language, code)).await;
                let stdout = answer["stdout"].as_str().unwrap_or_default().replace('\r', "");
                assert_eq!((&answer["status"], &*stdout), (&"ok".into(), "1\n2\n"), "{language}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn programs_for_online_judges_recognize_one() {
    for daemons in [cold().await, pre_warmed().await] {
        for (language, code) in [
            ("c", "#include <stdio.h>\nint main(void) {\n#ifdef ONLINE_JUDGE\nputs(\"judge\");\n#endif\n}"),
            (
                "cpp",
                "#include <iostream>\nint main() {\n#ifdef ONLINE_JUDGE\nstd::cout << \"judge\\n\";\n#endif\n}",
            ),
            (
                "cpp",
                "#include <bits/stdc++.h>\nint main() {\n#ifdef ONLINE_JUDGE\nputs(\"judge\");\n#endif\n}",
            ),
            ("python", "import os\nprint('judge' if 'ONLINE_JUDGE' in os.environ else '')"),
            (
                "java",
                "class A { public static void main(String[] a) {\n\
                 System.out.println(System.getenv(\"ONLINE_JUDGE\") != null ? \"judge\" : \"\"); } }",
            ),
            (
                "java",
                "class A { public static void main(String[] a) {\n\
                 System.out.println(System.getProperty(\"ONLINE_JUDGE\") != null ? \"judge\" : \"\"); } }",
            ),
            ("javascript", "console.log(process.env.ONLINE_JUDGE ? 'judge' : '')"),
            ("bash", "echo ${ONLINE_JUDGE:+judge}"),
        ] {
            prints(&daemons, program(language, code), "judge\n").await;
        }
    }
}

/// splice(2) is refused in a way for which programs read and write instead.
#[tokio::test]
async fn a_pipe_into_a_program_without_output_works() {
    let daemons = start(&Settings::default()).await;
    let code = "echo hello | grep hello >/dev/null && echo found";
    prints(&daemons, program("bash", code), "found\n").await;
    let code = "package main\nimport (\"io\"; \"os\")\nfunc main() { io.Copy(os.Stdout, os.Stdin) }";
    let mut copy = program("go", code);
    copy["stdin"] = "copied\n".into();
    prints(&daemons, copy, "copied\n").await;
}

#[tokio::test]
async fn deep_recursion_has_the_same_result_each_time() {
    let java = "public class M { static int d(int n) { return n == 0 ? 0 : 1 + d(n - 1); }\n\
                public static void main(String[] a) { System.out.println(d(100000)); } }";
    let in_thread = "public class M { static int d(int n) { return n == 0 ? 0 : 1 + d(n - 1); }\n\
                     public static void main(String[] a) { new Thread(() -> System.out.println(d(100000))).start(); } }";
    let node = "function d(n) { return n === 0 ? 0 : 1 + d(n - 1) }\nconsole.log(d(100000))";
    for (daemons, kind) in [(cold().await, "cold"), (pre_warmed().await, "warm")] {
        for (language, code) in
            [("java", java), ("java", in_thread), ("javascript", node), ("typescript", node)]
        {
            if kind == "warm" {
                pool::ready(&daemons, language, &["run"]).await.expect("a pre-warmed sandbox");
            }
            let kept = json!({ "language": language, "code": code, "keep": "60s" });
            let build = daemons.execute(&kept).await["build"].clone();
            for _ in 0..ROUNDS {
                prints(&daemons, json!({ "build": build }), "100000\n").await;
            }
        }
    }
}

/// The stack must be nearly empty when the program begins, because its pages count as memory of the program.
#[tokio::test]
async fn a_pre_warmed_interpreter_has_not_used_its_stack() {
    const MOST: u64 = 32 << 20;
    let daemons = pre_warmed().await;
    for language in ["python", "javascript", "typescript", "java"] {
        pool::ready(&daemons, language, &["run"]).await.expect("a pre-warmed sandbox");
        let code = if language == "java" { "class M { public static void main(String[] a) {} }" } else { "" };
        let answer = daemons.execute(&program(language, code)).await;
        let run = &answer["runs"][0];
        assert_eq!((&answer["status"], &run["start"]), (&"ok".into(), &"warm".into()), "{answer}");
        assert!(run["usage"]["memory_bytes"].as_u64().is_some_and(|memory| memory < MOST), "{answer}");
    }
}

#[tokio::test]
async fn a_recursion_without_end_is_an_error_of_the_program() {
    for daemons in [cold().await, pre_warmed().await] {
        for (language, code, message) in [
            (
                "java",
                "class M { static int d(int n) { return 1 + d(n + 1); }\n\
                 public static void main(String[] a) { System.out.println(d(0)); } }",
                "StackOverflowError",
            ),
            ("javascript", "function d() { return 1 + d() }\nd()", "Maximum call stack size exceeded"),
            (
                "typescript",
                "function d(): number { return 1 + d() }\nd()",
                "Maximum call stack size exceeded",
            ),
        ] {
            let answer = daemons.execute(&program(language, code)).await;
            let stderr = answer["stderr"].as_str().unwrap_or_default();
            assert!(answer["status"] == "nonzero" && stderr.contains(message), "{answer}");
        }
    }
}

#[tokio::test]
async fn the_stack_of_a_compiled_program_is_as_large_as_its_memory() {
    let daemons = cold().await;
    // Uses 100 MiB of the stack, in frames of 1 KiB that no compiler removes.
    let code = "#include <cstdio>\nint d(int n) { volatile char room[1000]; room[n % 1000] = n;\n\
                return n == 0 ? 0 : d(n - 1) + (room[n % 1000] == (char)n); }\n\
                int main() { std::printf(\"%d\\n\", d(100000)); }";
    prints(&daemons, program("cpp", code), "100000\n").await;
    let mut less = program("cpp", code);
    less["limits"] = json!({ "stack_bytes": 16 << 20 });
    let answer = daemons.execute(&less).await;
    assert_eq!(
        (&answer["status"], &answer["signal_name"]),
        (&"signal".into(), &"SIGSEGV".into()),
        "{answer}"
    );
    let limit = "#include <cstdio>\n#include <sys/resource.h>\nint main() { rlimit l; getrlimit(RLIMIT_STACK, &l);\n\
                 std::printf(\"%lu\\n\", l.rlim_cur >> 20); }";
    for (limits, expected) in [
        (json!({}), "256\n"),
        (json!({ "memory_bytes": 512 << 20 }), "512\n"),
        (json!({ "memory_bytes": 100 << 20 }), "100\n"),
        (json!({ "stack_bytes": 8 << 20 }), "8\n"),
        (json!({ "stack_bytes": 512 << 20 }), "256\n"),
    ] {
        let mut request = program("cpp", limit);
        request["limits"] = limits;
        prints(&daemons, request, expected).await;
    }
}

#[tokio::test]
async fn a_pre_warmed_interpreter_has_the_stack_that_the_request_allows() {
    let daemons = pre_warmed().await;
    let code =
        "import resource\nprint(*(limit >> 20 for limit in resource.getrlimit(resource.RLIMIT_STACK)))";
    let mut hits = pool::ready(&daemons, "python", &["run"]).await.expect("a pre-warmed sandbox").hits;
    for (limits, expected) in [
        (json!({}), "256 256\n"),
        (json!({ "memory_bytes": 512 << 20 }), "256 256\n"),
        (json!({ "memory_bytes": 100 << 20 }), "100 100\n"),
        (json!({ "stack_bytes": 8 << 20 }), "8 8\n"),
    ] {
        pool::ready(&daemons, "python", &["run"]).await.expect("a pre-warmed sandbox");
        let mut request = program("python", code);
        request["limits"] = limits;
        prints(&daemons, request, expected).await;
        hits += 1;
    }
    let counts = pool::counted(&daemons, "python", &["run"]).await.expect("the counts");
    assert_eq!(counts.hits, hits);
    // Another stack needs another JVM, and another Node.
    for (language, code) in [
        ("javascript", "let n = 0; function d() { n++; d() }\ntry { d() } catch { console.log(n < 100000) }"),
        (
            "java",
            "class M { static int n; static void d() { n++; d(); }\n\
             public static void main(String[] a) { try { d(); } catch (StackOverflowError e) { System.out.println(n < 400000); } } }",
        ),
    ] {
        let mut request = program(language, code);
        request["limits"] = json!({ "stack_bytes": 4 << 20 });
        prints(&daemons, request, "true\n").await;
    }
}

#[tokio::test]
async fn typescript_awaits_at_the_top_level() {
    for daemons in [cold().await, pre_warmed().await] {
        let code = "import { setTimeout as sleep } from 'node:timers/promises';\n\
                    import { two } from './two';\n\
                    const x: number = await Promise.resolve(42);\n\
                    await sleep(1);\n\
                    for await (const y of [1, two]) console.log(y);\n\
                    console.log(x, typeof require, __filename.endsWith('main.js'));\n\
                    export {};";
        let files = json!([
            { "name": "main.ts", "content": code },
            { "name": "two.ts", "content": "export const two = 2" },
        ]);
        let request = json!({ "language": "typescript", "files": files });
        prints(&daemons, request, "1\n2\n42 function true\n").await;
        let lines = "const x: number = 1;\nawait 0;\nthrow new Error('third');";
        let answer = daemons.execute(&program("typescript", lines)).await;
        let stderr = answer["stderr"].as_str().unwrap_or_default();
        assert!(answer["status"] == "nonzero" && stderr.contains("main.ts:3"), "{answer}");
        // Other errors are reported, and not those that are none.
        let answer = daemons.execute(&program("typescript", "await 0;\nlet x: number = 'a';")).await;
        let stderr = answer["stderr"].as_str().unwrap_or_default();
        assert!(stderr.contains("TS2322") && !stderr.contains("TS1309"), "{answer}");
        let answer = daemons.execute(&program("typescript", "function f() { await 0 }\nawait f()")).await;
        assert!(answer["stderr"].as_str().unwrap_or_default().contains("TS1308"), "{answer}");
    }
}

/// Runs a command that must succeed.
fn succeed(command: &mut Command) {
    let output = command.output().expect("the command can be started");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn one_key_adds_libraries() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a directory");
    let write = |name: &str, text: &str| {
        let path = path.join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a writable directory");
        fs::write(path, text).expect("a writable file");
    };
    write("include/own/seven.h", "#define SEVEN 7\n");
    write(
        "source/own/Seven.java",
        "package own; public class Seven { public static int get() { return 7; } }",
    );
    succeed(
        Command::new("javac").arg("-d").arg(path.join("classes")).arg(path.join("source/own/Seven.java")),
    );
    let jar = path.join("seven.jar");
    succeed(Command::new("jar").arg("cf").arg(&jar).arg("-C").arg(path.join("classes")).arg("."));
    let more =
        "libraries = { java = [\"/opt/seven.jar\"], c = [\"/opt/include\"], cpp = [\"/opt/include\"] }";
    let host = format!("mount --bind {} /opt", path.display());
    for pool in [false, true] {
        let settings =
            Settings { pool, more: more.to_owned(), host: Some(host.clone()), ..Settings::default() };
        let daemons = start(&settings).await;
        if pool {
            pool::ready(&daemons, "java", &["compile", "run"]).await.expect("pre-warmed sandboxes");
        }
        let java = "class A { public static void main(String[] a) { System.out.println(own.Seven.get()); } }";
        prints(&daemons, program("java", java), "7\n").await;
        let c = "#include <own/seven.h>\n#include <stdio.h>\nint main(void) { printf(\"%d\\n\", SEVEN); }";
        prints(&daemons, program("c", c), "7\n").await;
        prints(&daemons, program("cpp", &c.replace("(void)", "()")), "7\n").await;
    }
}

#[tokio::test]
async fn global_modules_of_npm_and_configuration_of_debian_are_visible() {
    let host = "mkdir -p $DIRECTORY/modules/greet $DIRECTORY/modules/only $DIRECTORY/fonts $DIRECTORY/upper $DIRECTORY/overlay\n\
                echo 'exports.greet = () => \"hello\"' >$DIRECTORY/modules/greet/index.js\n\
                echo 'exports.name = \"only\"' >$DIRECTORY/modules/only/index.js\n\
                cp -r /usr/lib/node_modules/. $DIRECTORY/modules\n\
                mkdir -p $DIRECTORY/local/node_modules/local $DIRECTORY/local/node_modules/greet\n\
                echo 'exports.name = \"world\"' >$DIRECTORY/local/node_modules/local/index.js\n\
                echo 'exports.greet = () => \"hi\"' >$DIRECTORY/local/node_modules/greet/index.js\n\
                chmod -R a+rX $DIRECTORY/modules $DIRECTORY/local\n\
                mount --bind $DIRECTORY/modules /usr/lib/node_modules\n\
                mount --bind $DIRECTORY/local /usr/local/lib\n\
                mount -t tmpfs tmpfs $DIRECTORY/overlay\n\
                mkdir $DIRECTORY/overlay/upper $DIRECTORY/overlay/work\n\
                echo 'backend: Agg' >$DIRECTORY/overlay/upper/matplotlibrc\n\
                mount -t overlay overlay -o lowerdir=/etc,upperdir=$DIRECTORY/overlay/upper,workdir=$DIRECTORY/overlay/work /etc";
    let daemons = start(&Settings { host: Some(host.to_owned()), ..Settings::default() }).await;
    // The modules of both directories; the later one, of the administrator, comes first.
    let script = "console.log(require('greet').greet(), require('local').name, require('only').name)";
    prints(&daemons, program("javascript", script), "hi world only\n").await;
    let module = json!({
        "language": "javascript",
        "filename": "main.mjs",
        "code": "import { greet } from 'greet'; import { name } from 'local'; console.log(greet(), name)",
    });
    prints(&daemons, module, "hi world\n").await;
    prints(&daemons, program("python", "print(open('/etc/matplotlibrc').read(), end='')"), "backend: Agg\n")
        .await;
}
