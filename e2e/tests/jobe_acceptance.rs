//! The checks of Jobe's own acceptance test, with programs of our own: what it asserts about each language, and the requests
//! that Moodle's CodeRunner sends, in their order. `make clients` runs the published files themselves.

#![forbid(unsafe_code)]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::daemons::{DEADLINE, Daemons, Settings};
use e2e::http::{self, Answer};
use serde_json::{Value, json};

const BASE: &str = "/jobe/index.php/restapi";

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

/// A run, and what it must answer: outcome, and stdout unless it does not matter.
struct Check(&'static str, &'static str, Value, u8, Option<&'static str>);

const HELLO_C: &str = "#include <stdio.h>\nint main() {\n    printf(\"one\\nIt's two!\\n\");\n}\n";
const FORKS: &str = "#include <stdio.h>\n#include <unistd.h>\nint main() {\n    int made = 0, failed = 0;\n    \
    for (int i = 0; i < 1000; i++) {\n        int pid = fork();\n        if (pid == 0) while (1) {};\n        \
    if (pid < 0) failed++; else made++;\n    }\n    printf(\"%d %d\\n\", made, failed);\n}\n";
const FORK_BOMB: &str = "#include <stdio.h>\n#include <unistd.h>\nint main() {\n    for (int i = 0; i < 2000; i++) \
    if (fork() == 0) return 1;\n    printf(\"49\\n\");\n    return 0;\n}\n";
const RECURSION: &str =
    "int deeper(int i) { return i < 0 ? 0 : deeper(i + 1) + 1; }\nint main() { return deeper(3); }\n";
const MALLOC: &str = "#include <stdio.h>\n#include <stdlib.h>\n#define SIZE 2000000000\nint main() {\n    \
    char *p = malloc(SIZE);\n    puts(p == NULL ? \"refused\" : \"allocated\");\n}\n";
const PAGE: &str = "<html>\n<p><?php echo \"text\"; ?></p>\n</html>\n";
const BROKEN_PAGE: &str = "<html>\n<p><?php echo \"text' ?></p>\n</html>\n";
const JAVA: &str = "\npublic class Test {\n    public static void main(String[] args) {\n        \
    System.out.println(\"Un rôle délétère\");\n    }\n}\n";
const LINTER: &str = "import os, subprocess, sys\nopen('source.py', 'w').write('print(\"checked\")\\n')\nenv = os.environ.copy()\n\
    os.mkdir('Home')\nenv['HOME'] = os.getcwd() + '/Home'\n\
    result = subprocess.check_output([sys.executable, 'source.py'], universal_newlines=True, stderr=subprocess.STDOUT, env=env)\n\
    print(result, end='')\n";

fn checks() -> Vec<Check> {
    let name = |name: &str| json!({ "sourcefilename": name });
    let with = |name: &str, parameters: Value| json!({"sourcefilename": name, "parameters": parameters});
    let slow = "import time\nwhile time.process_time() < 1.2: pass\nprint('done')";
    vec![
        Check("python3", "print(\"Hello\")\n", name("test.py"), 15, Some("Hello\n")),
        Check(
            "python3",
            "print(input())\nprint(input())\n",
            json!({"sourcefilename": "test.py", "input": "Line1\nLine2\n"}),
            15,
            Some("Line1\nLine2\n"),
        ),
        Check("python3", "print(\"Hello\"\n", name("test.py"), 11, Some("")),
        Check("python3", "print([1, 2][2])\n", name("test.py"), 12, Some("")),
        Check(
            "python3",
            "open('out.txt', 'w').write('1 fish\\n')\nprint(open('out.txt').read(), end='')\n",
            name("test.py"),
            15,
            Some("1 fish\n"),
        ),
        Check(
            "python3",
            "\n",
            with("test.py", json!({"interpreterargs": ["-c \"print(\\\"Blah\\\")\""]})),
            15,
            Some("Blah\n"),
        ),
        Check(
            "python3",
            "import sys\nfor arg in sys.argv[1:]:\n    print(arg)\n",
            with("test.py", json!({"runargs": ["Arg1", "Arg2"]})),
            15,
            Some("Arg1\nArg2\n"),
        ),
        Check("python3", slow, with("test.py", json!({"cputime": 20})), 15, Some("done\n")),
        Check("python3", slow, with("test.py", json!({"cputime": 1})), 13, Some("")),
        Check("python3", LINTER, with("prog.py", json!({"memorylimit": 200_000})), 15, Some("checked\n")),
        Check("python3", "print(\"Un rôle délétère\")\n", name("test.py"), 15, Some("Un rôle délétère\n")),
        // By default, imported files leave nothing behind (-B), and the environment does not count (-E).
        Check(
            "python3",
            "import sys\nprint(sys.flags.dont_write_bytecode, sys.flags.ignore_environment)",
            name("test.py"),
            15,
            Some("1 1\n"),
        ),
        Check("c", HELLO_C, name("prog.c"), 15, Some("one\nIt's two!\n")),
        Check("c", "int main() { return 0 }\n", name("prog.c"), 11, Some("")),
        Check("c", HELLO_C, with("prog.c", json!({"compileargs": ["std=c89"]})), 11, Some("")),
        Check(
            "c",
            "#include <stdio.h>\nint main() { char *s = NULL; printf(\"%c\", *s); }\n",
            name("prog.c"),
            12,
            None,
        ),
        Check("c", "int main() { while (1) {}; }\n", with("prog.c", json!({"cputime": 1})), 13, Some("")),
        Check(
            "c",
            "#include <stdio.h>\nint main() { while (1) { printf(\"Hello\"); }; }\n",
            name("prog.c"),
            13,
            None,
        ),
        Check("c", MALLOC, name("prog.c"), 15, Some("refused\n")),
        Check("c", RECURSION, name("prog.c"), 12, Some("")),
        Check("c", FORKS, with("test.c", json!({"numprocs": 10})), 15, Some("9 991\n")),
        Check("c", FORK_BOMB, with("test.c", json!({"numprocs": 1})), 15, Some("49\n")),
        Check(
            "c",
            "#include <stdio.h>\nint main() { printf(\"Hello\\n\\01\\006\\300\\311\\n\"); }\n",
            name("prog.c"),
            15,
            Some("Hello\n\\x01\\x06\\xc0\\xc9\n"),
        ),
        Check("c", "#include <iostream>\nint main() { std::cout << 1; }\n", name("prog.c"), 11, Some("")),
        Check(
            "nodejs",
            "console.log('Hello');\n",
            with("test.js", json!({"memorylimit": 1_000_000})),
            15,
            Some("Hello\n"),
        ),
        Check("nodejs", "s = 'Hello\nconsole.log(s)\n", name("test.js"), 12, Some("")),
        Check(
            "php",
            PAGE,
            with("test.php", json!({"cputime": 15})),
            15,
            Some("<html>\n<p>text</p>\n</html>\n"),
        ),
        Check("php", PAGE, name("test.py"), 15, Some("<html>\n<p>text</p>\n</html>\n")),
        Check("php", BROKEN_PAGE, name("test.php"), 11, Some("")),
        Check(
            "php",
            "<?php echo php_ini_loaded_file() ? 'ini' : 'none';",
            name("test.php"),
            15,
            Some("none"),
        ),
        Check("java", JAVA, with("Test.java", json!({"cputime": 10})), 15, Some("Un rôle délétère\n")),
        Check("java", JAVA, json!({"parameters": {"cputime": 10}}), 15, Some("Un rôle délétère\n")),
        Check("java", "public class Test { void f() { int i = 'x }; }\n", name("Test.java"), 11, Some("")),
        Check(
            "cpp",
            "#include <iostream>\nusing namespace std;\nint main() {\n    cout << \"Hello\\n\";\n}\n",
            name("prog.cpp"),
            15,
            Some("Hello\n"),
        ),
    ]
}

async fn post(daemons: &Daemons, spec: &Value) -> Answer {
    let url = daemons.url(&format!("{BASE}/runs/"));
    http::post(&url, &json!({ "run_spec": spec }), DEADLINE).await.expect("an answer")
}

async fn put(daemons: &Daemons, id: &str, content: &str) -> u16 {
    let body = json!({"file_contents": STANDARD.encode(content)});
    http::put(&daemons.url(&format!("{BASE}/files/{id}")), &body, DEADLINE).await.expect("an answer")
}

#[tokio::test]
async fn all_checks_of_the_acceptance_test_pass() {
    let daemons = start().await;
    let languages =
        http::get(&daemons.url(&format!("{BASE}/languages")), DEADLINE).await.expect("an answer").json;
    for known in ["c", "cpp", "java", "nodejs", "php", "python3"] {
        let is_known = |pair: &Value| pair[0] == known && pair[1].is_string() && pair[2].is_null();
        assert!(languages.as_array().is_some_and(|pairs| pairs.iter().any(is_known)), "{languages}");
    }
    let (mut passed, mut failed) = (0, Vec::new());
    for Check(language, source, more, outcome, stdout) in checks() {
        let mut spec = json!({"language_id": language, "sourcecode": source});
        for (member, value) in more.as_object().into_iter().flatten() {
            spec[member] = value.clone();
        }
        let Answer { status, json: result, .. } = post(&daemons, &spec).await;
        let is_right = status == 200
            && result["outcome"] == outcome
            && stdout.is_none_or(|stdout| result["stdout"] == stdout)
            && (outcome == 11) != (result["cmpinfo"] == "");
        match is_right {
            true => passed += 1,
            false => failed.push(format!("{spec}\n  expected {outcome} {stdout:?}, got {status} {result}")),
        }
    }
    assert!(failed.is_empty(), "{passed} passed\n{}", failed.join("\n"));
    let excessive = json!({"language_id": "c", "sourcecode": HELLO_C, "parameters": {"cputime": 151}});
    let answer = post(&daemons, &excessive).await;
    let message = answer.json.as_str().unwrap_or_default();
    assert!(answer.status == 400 && message.starts_with("cputime exceeds maximum allowed"), "{message}");
    // A submission of ten students at one time.
    let hello = json!({"language_id": "c", "sourcecode": HELLO_C, "sourcefilename": "prog.c"});
    let all = futures_util::future::join_all((0..10).map(|_| post(&daemons, &hello))).await;
    assert!(all.iter().all(|answer| answer.json["outcome"] == 15), "{all:?}");
}

/// CodeRunner runs first, stores all files if one is missing, and runs again. The IDs are MD5 sums, the name of the source
/// file ends with the language, and a job has an ID of its own in a header.
#[tokio::test]
async fn a_question_with_files_is_marked_as_coderunner_does() {
    let daemons = start().await;
    let files = [
        ("a3f6a0b1c2d3e4f5a6b7c8d9e0f10203", "numbers.txt", "1 2 3\n"),
        (
            "b3f6a0b1c2d3e4f5a6b7c8d9e0f10203",
            "tools.py",
            "def total(text):\n    return sum(map(int, text.split()))\n",
        ),
    ];
    let spec = json!({
        "language_id": "python3",
        "sourcecode": "from tools import total\nimport os\nprint(total(open('numbers.txt').read()), input(), sorted(os.listdir()))",
        "sourcefilename": "__tester__.python3",
        "input": "in\n",
        "file_list": files.map(|(id, name, _)| [id, name]),
        "parameters": {"cputime": 10, "memorylimit": 400, "numprocs": 20, "sourcefilename": "ignored"},
    });
    assert_eq!(post(&daemons, &spec).await.status, 404);
    for (id, _, content) in files {
        assert_eq!(put(&daemons, id, content).await, 204);
    }
    let answer = post(&daemons, &spec).await;
    let stdout = "6 in ['__tester__.python3', 'numbers.txt', 'tools.py']\n";
    assert_eq!(
        (answer.status, &answer.json["outcome"], &answer.json["stdout"], &answer.json["stderr"]),
        (200, &json!(15), &json!(stdout), &json!("")),
        "{}",
        answer.json
    );
    // They stay for the next student.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(post(&daemons, &spec).await.json["stdout"], stdout);
    let java = json!({
        "language_id": "java",
        "sourcecode": "public class Blah { public static void main(String[] a) { new Thing(\"bye\").show(); } }",
        "sourcefilename": "Blah.java",
        "file_list": [["c3f6a0b1c2d3e4f5a6b7c8d9e0f10203", "Thing.java", true]],
        "parameters": {"cputime": 10},
    });
    let thing = "public class Thing {\n    String text;\n    public Thing(String text) { this.text = text; }\n    \
        public void show() { System.out.println(text); }\n}\n";
    assert_eq!(put(&daemons, "c3f6a0b1c2d3e4f5a6b7c8d9e0f10203", thing).await, 204);
    let answer = post(&daemons, &java).await.json;
    assert_eq!((&answer["outcome"], &answer["stdout"]), (&json!(15), &json!("bye\n")), "{answer}");
}
