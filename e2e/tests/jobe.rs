//! The API of Jobe with real daemons and compilers.

#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::daemons::{DEADLINE, Daemons, Settings};
use e2e::http::{self, Answer};
use serde_json::{Value, json};

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

async fn post(daemons: &Daemons, spec: &Value) -> Answer {
    let url = daemons.url("/jobe/index.php/restapi/runs");
    http::post(&url, &json!({ "run_spec": spec }), DEADLINE).await.expect("an answer")
}

/// Runs a program whose run_spec has more members.
async fn run_with(daemons: &Daemons, language: &str, source: &str, more: Value) -> Value {
    let mut spec = json!({"language_id": language, "sourcecode": source});
    for (member, value) in more.as_object().into_iter().flatten() {
        spec[member] = value.clone();
    }
    let answer = post(daemons, &spec).await;
    assert_eq!(answer.status, 200, "{spec}: {}\n{}", answer.json, daemons.logs());
    answer.json
}

async fn run(daemons: &Daemons, language: &str, source: &str) -> Value {
    run_with(daemons, language, source, json!({})).await
}

#[track_caller]
fn check(result: &Value, outcome: u8, stdout: &str, stderr: &str) {
    assert_eq!(
        (&result["outcome"], &result["stdout"], &result["stderr"]),
        (&json!(outcome), &json!(stdout), &json!(stderr)),
        "{result}"
    );
}

#[tokio::test]
async fn programs_in_each_language_run() {
    let daemons = start().await;
    for (language, source, stdout) in [
        ("python3", "print(input(), input())", "a b\n"),
        ("c", "#include <stdio.h>\nint main(void) { char s[9]; if (gets_s(s)) puts(s); return 3; }", "a\n"),
        ("cpp", "#include <iostream>\nint main() { std::string s; std::cin >> s; std::cout << s; }", "a"),
        (
            "java",
            "public class Any { public static void main(String[] a) { System.out.println(new java.util.Scanner(System.in).next()); } }",
            "a\n",
        ),
        ("nodejs", "console.log(require('fs').readFileSync(0, 'utf8'))", "a\nb\n\n"),
        ("php", "<?php echo fgets(STDIN);", "a\n"),
    ] {
        let source = source.replace("gets_s(s)", "fgets(s, 3, stdin)").replace("puts(s)", "fputs(s, stdout)");
        let result = run_with(&daemons, language, &source, json!({"input": "a\nb\n"})).await;
        assert_eq!(result["cmpinfo"], "", "{language}: {result}");
        check(&result, 15, stdout, "");
        assert_eq!(result["run_id"], Value::Null);
    }
}

#[tokio::test]
async fn outcomes_are_those_of_jobe() {
    let daemons = start().await;
    check(&run(&daemons, "python3", "import sys\nprint(1)\nsys.stderr.write('w')").await, 12, "1\n", "w");
    let exception = run(&daemons, "python3", "print(1)\n1/0").await;
    assert_eq!((&exception["outcome"], &exception["stdout"]), (&json!(12), &json!("1\n")));
    assert!(
        exception["stderr"].as_str().is_some_and(|text| text.contains("ZeroDivisionError")),
        "{exception}"
    );
    let segfault = "int main(void) { int *p = (int *)8; *p = 1; return 0; }";
    check(&run(&daemons, "c", segfault).await, 12, "", "");
    check(&run(&daemons, "c", "#include <stdlib.h>\nint main(void) { abort(); }").await, 12, "", "Aborted\n");
    let endless = json!({"parameters": {"cputime": 1}});
    let result =
        run_with(&daemons, "python3", "print(1, flush=True)\nwhile True: pass", endless.clone()).await;
    check(&result, 13, "1\n", "");
    let asleep = run_with(&daemons, "python3", "import time\ntime.sleep(60)", endless).await;
    check(&asleep, 13, "", "");
    let flood = run(&daemons, "python3", "while True: print('x' * 1000)").await;
    assert_eq!((&flood["outcome"], &flood["stderr"]), (&json!(13), &json!("")));
    assert!(flood["stdout"].as_str().is_some_and(|text| text.len() == 2 << 20), "2 MiB of output");
    check(&run(&daemons, "python3", "import os\nos.write(1, b'a\\xff\\n')").await, 15, "a\\xff\n", "");
    check(&run(&daemons, "python3", "print('é')").await, 15, "é\n", "");
}

#[tokio::test]
async fn any_message_of_a_compiler_is_an_error() {
    let daemons = start().await;
    for (language, source, word) in [
        ("c", "int main(void) { return nothing; }", "nothing"),
        ("c", "int main(void) { int unused; return 0; }", "unused"),
        ("cpp", "int main() { int unused; }", "unused"),
        ("java", "public class A { public static void main(String[] a) { nothing(); } }", "nothing"),
        ("python3", "print('x'\n", "SyntaxError"),
        ("php", "<?php echo 1 +;", "syntax error"),
    ] {
        let result = run(&daemons, language, source).await;
        check(&result, 11, "", "");
        assert!(result["cmpinfo"].as_str().is_some_and(|text| text.contains(word)), "{language}: {result}");
    }
    let nodejs = run(&daemons, "nodejs", "console.log(").await;
    assert_eq!((&nodejs["outcome"], &nodejs["cmpinfo"]), (&json!(12), &json!("")));
}

#[tokio::test]
async fn arguments_and_limits_are_those_of_the_request() {
    let daemons = start().await;
    let parameters = |parameters: Value| json!({ "parameters": parameters });
    let source = "#include <stdio.h>\nint main(int c, char **v) { printf(\"%d %s\\n\", c, v[1]); return 0; }";
    let given = parameters(json!({"runargs": ["\"a b\" c"]}));
    check(&run_with(&daemons, "c", source, given).await, 15, "3 a b\n", "");
    let write = "open('big', 'wb').write(b'x' * 3000000)\nprint(1)";
    check(&run_with(&daemons, "python3", write, parameters(json!({"disklimit": 20}))).await, 15, "1\n", "");
    let small = run_with(&daemons, "python3", write, parameters(json!({"disklimit": 2}))).await;
    assert_eq!(small["outcome"], 12, "{small}");
    let allocate = "x = bytearray(300 << 20)\nprint(len(x) >> 20)";
    check(&run_with(&daemons, "python3", allocate, json!({})).await, 15, "300\n", "");
    let little = run_with(&daemons, "python3", allocate, parameters(json!({"memorylimit": 100}))).await;
    assert_eq!(little["outcome"], 12, "{little}");
    let allocate = "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { puts(malloc(2000000000) ? \"yes\" : \"no\"); return 0; }";
    check(&run(&daemons, "c", allocate).await, 15, "no\n", "");
    check(&run_with(&daemons, "c", allocate, parameters(json!({"memorylimit": 0}))).await, 15, "yes\n", "");
    let standard =
        "#include <stdio.h>\nint main(void) { int unused; printf(\"%ld\\n\", __STDC_VERSION__); return 0; }";
    let given = parameters(json!({"compileargs": ["-std=c11", "-O2"], "linkargs": ["-lm"]}));
    check(&run_with(&daemons, "c", standard, given).await, 15, "201112\n", "");
    let defined = "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", N); return 0; }";
    for number in [7, 8] {
        let given =
            parameters(json!({"compileargs": [format!("-DN={number}"), "-Wall"], "linkargs": ["-lpthread"]}));
        check(&run_with(&daemons, "c", defined, given).await, 15, &format!("{number}\n"), "");
    }
    let given = parameters(json!({"interpreterargs": ["-c \"print(\\\"Blah\\\")\""]}));
    check(&run_with(&daemons, "python3", "", given).await, 15, "Blah\n", "");
    let given = parameters(json!({"interpreterargs": ["-O"]}));
    check(&run_with(&daemons, "python3", "assert False\nprint(1)", given).await, 15, "1\n", "");
    let two = "class A { public static void main(String[] a) { System.out.println(1); } }\nclass B { public static void main(String[] a) { System.out.println(2); } }";
    let given = parameters(json!({"main_class": "B", "interpreterargs": ["-Xrs", "-Xss8m", "-Xmx200m"]}));
    check(&run_with(&daemons, "java", two, given).await, 15, "2\n", "");
}

#[tokio::test]
async fn arguments_that_read_files_or_run_programs_are_refused() {
    let daemons = start().await;
    for (language, list, words) in [
        ("c", "compileargs", "-fplugin=x.so -specs=x -wrapper @x -B. -I/etc /etc/passwd"),
        ("c", "compileargs", "-include -xassembler --sysroot=/"),
        ("cpp", "linkargs", "-Wl,-rpath=. -L. -Tx.ld ./x.o -l:x"),
        ("java", "compileargs", "-processor -Xplugin:x @x"),
        ("java", "interpreterargs", "-javaagent:x.jar -Xbootclasspath/a:. -cp -jar"),
        ("nodejs", "interpreterargs", "--require=./x.js -r --import=x --inspect"),
        ("python3", "interpreterargs", "-c -m -i x.py"),
    ] {
        for word in words.split(' ') {
            let spec = json!({"language_id": language, "sourcecode": "", "parameters": { list: [word] }});
            let answer = post(&daemons, &spec).await;
            let message = format!("parameter {list}: {word} is not supported by this server");
            assert_eq!((answer.status, answer.json), (400, json!(message)));
        }
    }
}

#[tokio::test]
async fn files_of_a_run_are_in_its_directory() {
    let daemons = start().await;
    let put = async |id: &str, content: &str| {
        let url = daemons.url(&format!("/jobe/index.php/restapi/files/{id}"));
        let body = json!({"file_contents": STANDARD.encode(content)});
        http::put(&url, &body, DEADLINE).await.expect("an answer")
    };
    let list = json!({"file_list": [["0123456789abcdef", "data.txt"]]});
    let spec = json!({"language_id": "python3", "sourcecode": "", "file_list": list["file_list"]});
    assert_eq!(post(&daemons, &spec).await.status, 404);
    assert_eq!(put("0123456789abcdef", "content").await, 204);
    let read = "import os\nprint(open('data.txt').read(), sorted(os.listdir()))";
    let result = run_with(&daemons, "python3", read, list).await;
    check(&result, 15, "content ['data.txt', 'prog.py']\n", "");
    assert_eq!(put("00000000thing", "public class Thing { static int six() { return 6; } }").await, 204);
    let java =
        "public class Main { public static void main(String[] a) { System.out.println(Thing.six()); } }";
    let list = json!({"file_list": [["00000000thing", "Thing.java"]]});
    check(&run_with(&daemons, "java", java, list).await, 15, "6\n", "");
    // Only the source file is compiled; it may include the others.
    assert_eq!(put("0000000other", "int other(void) { return 5; }").await, 204);
    let c =
        "#include <stdio.h>\n#include \"other.c\"\nint main(void) { printf(\"%d\\n\", other()); return 0; }";
    let list = json!({"file_list": [["0000000other", "other.c"]]});
    check(&run_with(&daemons, "c", c, list.clone()).await, 15, "5\n", "");
    // Or the arguments name them.
    let c = "#include <stdio.h>\nint other(void);\nint main(void) { printf(\"%d\\n\", other()); return 0; }";
    let named = json!({"file_list": list["file_list"], "parameters": {"compileargs": ["other.c"]}});
    check(&run_with(&daemons, "c", c, named).await, 15, "5\n", "");
    let missing = run_with(&daemons, "c", c, json!({"parameters": {"compileargs": ["other.c"]}})).await;
    assert_eq!(
        (&missing["outcome"], &missing["cmpinfo"]),
        (&json!(11), &json!("error: other.c: No such file or directory\n"))
    );
}
