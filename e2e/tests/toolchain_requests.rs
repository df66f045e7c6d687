//! Arguments of compilers and interpreters, checks of the syntax, and main files alone: what the APIs that are compatible with
//! other servers ask of executord.

#![forbid(unsafe_code)]

use e2e::daemons::{Daemons, Settings};
use e2e::socket::{Execution, Received, program};
use protocol::{Event, ExecuteRequest, Rejection, SourceFile, StageName, Status, ToolchainRequest};

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

async fn execute(daemons: &Daemons, request: ExecuteRequest) -> Received {
    let execution = Execution::begin(&daemons.socket(), request).await.expect("a connection");
    execution.end().await.expect("an outcome")
}

fn with(language: &str, code: &str, toolchain: ToolchainRequest) -> ExecuteRequest {
    ExecuteRequest { toolchain, ..program(language, code) }
}

fn compiler(words: &[&str]) -> ToolchainRequest {
    let compiler_args = words.iter().map(ToString::to_string).collect();
    ToolchainRequest { compiler_args, ..ToolchainRequest::default() }
}

fn interpreter(words: &[&str]) -> ToolchainRequest {
    let interpreter_args = words.iter().map(ToString::to_string).collect();
    ToolchainRequest { interpreter_args, ..ToolchainRequest::default() }
}

fn check() -> ToolchainRequest {
    ToolchainRequest { check: true, ..ToolchainRequest::default() }
}

#[track_caller]
fn printed(received: &Received, stdout: &str) {
    let run = received.status(StageName::Run(0));
    assert_eq!(
        (run, &*String::from_utf8_lossy(&received.stdout)),
        (Some(&Status::Exited(0)), stdout),
        "{received:?}"
    );
}

#[tokio::test]
async fn arguments_reach_the_compiler_and_the_interpreter() {
    let daemons = start().await;
    let c = "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", N); return 0; }";
    let cpp = "#include <iostream>\nint main() { std::cout << N << '\\n'; }";
    for (language, code) in [("c", c), ("cpp", cpp)] {
        // A build from the cache has the arguments of its request.
        for number in ["1", "2", "1"] {
            let request = with(language, code, compiler(&[&format!("-DN={number}")]));
            printed(&execute(&daemons, request).await, &format!("{number}\n"));
        }
    }
    let linked = "#include <pthread.h>\n#include <math.h>\n#include <stdio.h>\nint main(int c, char **v) { printf(\"%.0f\\n\", pow(c + 1, 3)); return 0; }";
    printed(&execute(&daemons, with("c", linked, compiler(&["-lm", "-pthread", "-O1"]))).await, "8\n");
    for (language, code, words, stdout) in [
        ("python", "assert False\nprint(1)", &["-O"][..], "1\n"),
        (
            "python",
            "import sys\nprint(sys.flags.dont_write_bytecode, sys.flags.ignore_environment)",
            &["-BE"],
            "1 1\n",
        ),
        (
            "javascript",
            "console.log(require('v8').getHeapStatistics().heap_size_limit < 200e6)",
            &["--max-old-space-size=64"],
            "true\n",
        ),
        (
            "java",
            "class A { public static void main(String[] a) { System.out.println(System.getProperty(\"x\")); assert a.length > 0; } }",
            &["-Dx=y", "-Xss8m"],
            "y\n",
        ),
    ] {
        printed(&execute(&daemons, with(language, code, interpreter(words))).await, stdout);
    }
    let two = "class A { public static void main(String[] a) { System.out.println(\"A\"); } }\nclass B { public static void main(String[] a) { System.out.println(\"B\"); } }";
    printed(&execute(&daemons, program("java", two)).await, "A\n");
    printed(&execute(&daemons, with("java", two, compiler(&["--main-class=B"]))).await, "B\n");
}

#[tokio::test]
async fn other_arguments_are_refused() {
    let daemons = start().await;
    for (language, words) in [
        (
            "c",
            "-fplugin=./x.so -specs=x -wrapper @x -include/etc/passwd -B. -x -o/tmp/x -I/etc other.c /etc/passwd -Wl,-rpath=/ -E",
        ),
        ("cpp", "-fplugin=./x.so @x -L/tmp -T -M -fdump-tree-all -DX=/etc/passwd -l:x -c -S"),
        ("java", "@x -processor -Xplugin:x -J-Dx -cp . --main-class=../x --module-path=x"),
        ("rust", "-Clinker=/bin/sh --extern=x -L. -Zunpretty -o/tmp/x @x"),
        ("python", "-O"),
    ] {
        for word in words.split(' ') {
            refused(&daemons, with(language, "", compiler(&[word])), &format!("{word:?} of the compiler"))
                .await;
        }
    }
    for (language, words) in [
        ("java", "-javaagent:x.jar -Xbootclasspath/a:. -agentlib:jdwp -XX:OnError=id -cp @x -jar"),
        (
            "javascript",
            "--require=./x.js --require -r --import=x --inspect --experimental-loader=x -e -p --eval=1",
        ),
        ("python", "-c -m -X -i -W -Xpycache_prefix=/tmp x.py -"),
        ("php", "-r -dauto_prepend_file=x -dextension=x.so -c -z"),
        ("c", "-O1"),
    ] {
        for word in words.split(' ') {
            let request = with(language, "", interpreter(&[word]));
            refused(&daemons, request, &format!("{word:?} of the interpreter")).await;
        }
    }
}

async fn refused(daemons: &Daemons, request: ExecuteRequest, about: &str) {
    let received = execute(daemons, request).await;
    let expected = Event::Rejected(Rejection::Invalid(format!("the argument {about} is not allowed")));
    assert_eq!(received.last, Some(expected));
}

#[tokio::test]
async fn a_syntax_check_is_the_compile_stage() {
    let daemons = start().await;
    for (language, right, wrong, message) in [
        ("python", "print(1)", "print(1", "SyntaxError"),
        ("php", "<?php echo 1, \"\\n\";", "<?php echo 1 +;", "syntax error"),
        ("javascript", "console.log(1)", "console.log(1", "SyntaxError"),
    ] {
        let received = execute(&daemons, with(language, right, check())).await;
        printed(&received, "1\n");
        assert_eq!(received.begun, [StageName::Compile, StageName::Run(0)], "{language}");
        assert_eq!(received.status(StageName::Compile), Some(&Status::Exited(0)));
        let received = execute(&daemons, with(language, wrong, check())).await;
        assert_eq!(received.begun, [StageName::Compile], "{language}");
        let Some(Event::Finished(outcome)) = &received.last else { panic!("{received:?}") };
        assert_eq!(outcome.status_name().as_str(), "compile_error", "{language}");
        let output = [received.stdout, received.stderr].concat();
        assert!(String::from_utf8_lossy(&output).contains(message), "{language}: {output:?}");
    }
    // A compiled language has its compiler, and one without a check is run as it is.
    let c = "#include <stdio.h>\nint main(void) { puts(\"1\"); return 0; }";
    printed(&execute(&daemons, with("c", c, check())).await, "1\n");
    let received = execute(&daemons, with("bash", "echo 1", check())).await;
    printed(&received, "1\n");
    assert_eq!(received.begun, [StageName::Run(0)]);
}

#[tokio::test]
async fn the_compiler_gets_the_main_file_alone_if_the_request_says_so() {
    let daemons = start().await;
    let main =
        "#include <stdio.h>\n#include \"other.c\"\nint main(void) { printf(\"%d\\n\", other()); return 0; }";
    let request = |main_only| {
        let toolchain = ToolchainRequest { main_only, ..ToolchainRequest::default() };
        let mut request = with("c", main, toolchain);
        let content = "int other(void) { return 5; }".into();
        request.files.push(SourceFile { path: Some("other.c".to_owned()), content });
        request
    };
    printed(&execute(&daemons, request(true)).await, "5\n");
    let twice = execute(&daemons, request(false)).await;
    assert_eq!(twice.status(StageName::Compile), Some(&Status::Exited(1)));
}
