//! Options of languages and environment variables reach the compiler and the program, and nothing else does.

#![forbid(unsafe_code)]

use e2e::daemons::{DEADLINE, Daemons, Settings};
use e2e::differential::pool;
use e2e::http;
use serde_json::{Value, json};

async fn start() -> Daemons {
    Daemons::start(&Settings::from_environment()).await.expect("both daemons start")
}

/// Returns the answer for a program with these options. `scripts/setup-test.sh` installs all languages.
async fn run(daemons: &Daemons, language: &str, options: Value, code: &str) -> Value {
    let request = json!({ "language": language, "code": code, "options": options });
    let answer = daemons.post(&request).await.expect("an answer");
    assert_eq!(answer.status, 200, "{request}: {}", answer.json);
    answer.json
}

#[track_caller]
fn check_output(answer: Value, stdout: &str) {
    assert_eq!((&answer["status"], &answer["stdout"]), (&"ok".into(), &stdout.into()), "{answer}");
}

/// Returns the message of a request that is refused as invalid.
async fn refusal(daemons: &Daemons, request: &Value) -> String {
    let answer = daemons.post(request).await.expect("an answer");
    assert_eq!((answer.status, &answer.json["code"]), (400, &"invalid_request".into()), "{}", answer.json);
    answer.json["error"].as_str().expect("a text").to_owned()
}

/// Returns the option of this name from the list of languages.
async fn described(daemons: &Daemons, language: &str, option: &str) -> Value {
    let languages = http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("a list").json;
    let named = |list: &Value, name: &str| {
        list.as_array().expect("a list").iter().find(|item| item["name"] == name).expect(name).clone()
    };
    named(&named(&languages, language)["options"], option)
}

const PRINT_C_VERSION: &str = "#include <stdio.h>\nint main(void) {\n#ifdef __STDC_VERSION__\n\
    printf(\"%ld \", __STDC_VERSION__);\n#endif\n#ifdef __STRICT_ANSI__\nputs(\"strict\");\n#else\nputs(\"gnu\");\n#endif\nreturn 0; }";
/// C++20 reserves these names for coroutines.
const NAMES_OF_COROUTINES: &str = "#include <iostream>\nint main() { int co_await = 1, co_yield = 2;\n\
    #ifdef __cpp_impl_coroutine\nstd::cout << \"coroutines \";\n#endif\nstd::cout << co_await + co_yield << '\\n'; }";
const PRINT_CPP_VERSION: &str = "#include <iostream>\nint main() { std::cout << __cplusplus;\n\
    #ifdef __STRICT_ANSI__\nstd::cout << \" strict\\n\";\n#else\nstd::cout << \" gnu\\n\";\n#endif\n}";

/// Prints the options of the compiler, which Go records in each program.
const PRINT_GO_FLAGS: &str = "package main\nimport (\n\"fmt\"\n\"runtime/debug\"\n)\nfunc main() {\n\
    info, _ := debug.ReadBuildInfo()\nfor _, setting := range info.Settings {\n\
    if setting.Key == \"-gcflags\" { fmt.Println(setting.Value) }\n}\n}";

#[tokio::test]
async fn each_standard_of_c_is_the_one_that_was_asked_for() {
    let daemons = start().await;
    for language in ["c", "c-clang"] {
        for (std, printed) in [
            ("c89", "strict"),
            ("c99", "199901 strict"),
            ("c11", "201112 strict"),
            ("c17", "201710 strict"),
            ("c18", "201710 strict"),
            ("gnu89", "gnu"),
            ("gnu99", "199901 gnu"),
            ("gnu11", "201112 gnu"),
            ("gnu17", "201710 gnu"),
            ("c23", "202000 strict"),
            ("c2x", "202000 strict"),
            ("gnu23", "202000 gnu"),
        ] {
            let answer = run(&daemons, language, json!({ "std": std }), PRINT_C_VERSION).await;
            check_output(answer, &format!("{printed}\n"));
        }
        check_output(run(&daemons, language, json!({}), PRINT_C_VERSION).await, "201710 gnu\n");
    }
}

#[tokio::test]
async fn each_standard_of_cpp_is_the_one_that_was_asked_for() {
    let daemons = start().await;
    for language in ["cpp", "cpp-clang"] {
        for (std, printed) in [
            ("c++98", "199711 strict"),
            ("c++03", "199711 strict"),
            ("c++11", "201103 strict"),
            ("c++14", "201402 strict"),
            ("c++17", "201703 strict"),
            ("c++20", "202002 strict"),
            ("c++2a", "202002 strict"),
            ("gnu++17", "201703 gnu"),
            ("gnu++20", "202002 gnu"),
        ] {
            let answer = run(&daemons, language, json!({ "std": std }), PRINT_CPP_VERSION).await;
            check_output(answer, &format!("{printed}\n"));
        }
        check_output(run(&daemons, language, json!({}), PRINT_CPP_VERSION).await, "202002 strict\n");
        // With g++ and without, because the second has no precompiled header.
        for std in ["c++17", "gnu++17"] {
            check_output(run(&daemons, language, json!({ "std": std }), NAMES_OF_COROUTINES).await, "3\n");
        }
    }
    // `if consteval` and the literal suffix for std::size_t are of C++23.
    let code = "#include <iostream>\nconstexpr int f() { if consteval { return 1; } else { return 2; } }\n\
        int main() { constexpr int x = f(); auto n = 3uz; std::cout << x << n << (__cplusplus > 202002L) << '\\n'; }";
    check_output(run(&daemons, "cpp", json!({ "std": "c++23" }), code).await, "131\n");
    let answer = run(&daemons, "cpp", json!({ "std": "c++17" }), "int main() { auto [a, b] = 1; }").await;
    assert_eq!(answer["status"], "compile_error");
    let concept = "template <class T> concept C = true; int main() {}";
    let answer = run(&daemons, "cpp", json!({ "std": "c++17" }), concept).await;
    assert_eq!(answer["status"], "compile_error", "concepts are of C++20");
}

#[tokio::test]
async fn the_name_of_a_standard_selects_it_and_a_request_may_select_another() {
    let daemons = start().await;
    for (language, code, printed) in [
        ("C++11", PRINT_CPP_VERSION, "201103 strict"),
        ("c++14", PRINT_CPP_VERSION, "201402 strict"),
        ("c++17", PRINT_CPP_VERSION, "201703 strict"),
        ("cpp17", PRINT_CPP_VERSION, "201703 strict"),
        ("c++20", PRINT_CPP_VERSION, "202002 strict"),
        ("c99", PRINT_C_VERSION, "199901 gnu"),
        ("GNU11", PRINT_C_VERSION, "201112 gnu"),
        ("c89", PRINT_C_VERSION, "gnu"),
        ("c17", PRINT_C_VERSION, "201710 gnu"),
    ] {
        check_output(run(&daemons, language, json!({}), code).await, &format!("{printed}\n"));
    }
    let answer = run(&daemons, "c++17", json!({ "std": "gnu++14" }), PRINT_CPP_VERSION).await;
    check_output(answer, "201402 gnu\n");
    let answer = run(&daemons, "c++11", json!({ "warnings": true }), PRINT_CPP_VERSION).await;
    check_output(answer, "201103 strict\n");
}

#[tokio::test]
async fn a_value_that_the_compiler_does_not_know_is_not_offered() {
    let daemons = start().await;
    let std = described(&daemons, "cpp", "std").await;
    assert_eq!(
        (&std["type"], &std["default"], &std["available"]),
        (&"choice".into(), &"c++20".into(), &true.into())
    );
    let values = std["values"].as_array().expect("values");
    let value = |name: &str| values.iter().find(|value| value["name"] == name).expect(name);
    assert_eq!(value("c++23")["available"], true);
    if value("c++26")["available"] == false {
        let reason = value("c++26")["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("it requires version 14, and 1"), "{reason}");
        for request in [
            json!({ "language": "cpp", "code": "", "options": { "std": "c++26" } }),
            json!({ "language": "c++26", "code": "" }),
        ] {
            let message = refusal(&daemons, &request).await;
            assert_eq!(message, format!("options.std: c++26 is not available: {reason}"));
        }
    }
}

#[tokio::test]
async fn the_levels_of_optimization_and_the_warnings_reach_the_compiler() {
    let daemons = start().await;
    let code = "#include <stdio.h>\nint main(void) {\n#ifdef __OPTIMIZE_SIZE__\nputs(\"size\");\n#elif defined __FAST_MATH__\n\
        puts(\"fast\");\n#elif defined __OPTIMIZE__\nputs(\"yes\");\n#else\nputs(\"no\");\n#endif\n}";
    for language in ["c", "cpp", "c-clang", "cpp-clang"] {
        for (level, printed) in
            [("0", "no"), ("1", "yes"), ("2", "yes"), ("3", "yes"), ("s", "size"), ("fast", "fast")]
        {
            check_output(
                run(&daemons, language, json!({ "optimize": level }), code).await,
                &format!("{printed}\n"),
            );
        }
        let careless = "int main(int count, char **words) { int unused; long long x = 0x7fffffff; return x < sizeof x; }";
        let plain = run(&daemons, language, json!({}), careless).await;
        let warned = run(&daemons, language, json!({ "warnings": true }), careless).await;
        assert_eq!(plain["compile"]["stderr"], "", "{plain}");
        let messages = warned["compile"]["stderr"].as_str().expect("messages");
        assert!(messages.contains("unused") && messages.contains("warning"), "{warned}");
        assert_eq!(warned["status"], plain["status"], "warnings are no errors");
        let pedantic = run(
            &daemons,
            language,
            json!({ "pedantic": true }),
            "int main() { int n = 1; typeof(n) *p; int a[n]; (void)a; (void)p; }",
        )
        .await;
        let is_cpp = language.starts_with("cpp");
        assert!(
            !is_cpp || pedantic["status"] == "compile_error" || pedantic["compile"]["stderr"] != "",
            "{pedantic}"
        );
    }
}

#[tokio::test]
async fn sanitizers_find_what_they_are_for() {
    let daemons = start().await;
    let beyond = "#include <stdlib.h>\nint main(int n, char **w) { volatile int *p = malloc(4); p[n] = 1; int r = p[n]; free((void *)p); return r - 1; }";
    let overflow =
        "#include <limits.h>\nint main(int n, char **w) { volatile int x = INT_MAX; x = x + n; return 0; }";
    let race = "#include <pthread.h>\nint x; void *f(void *p) { for (int i = 0; i < 1000; i++) x++; return p; }\n\
        int main(void) { pthread_t a, b; pthread_create(&a, 0, f, 0); pthread_create(&b, 0, f, 0);\n\
        pthread_join(a, 0); pthread_join(b, 0); return 0; }";
    for language in ["c", "c-clang"] {
        for (sanitizer, code, message) in [
            ("address", beyond, "AddressSanitizer: heap-buffer-overflow"),
            ("undefined", overflow, "signed integer overflow"),
            ("thread", race, "ThreadSanitizer: data race"),
        ] {
            let answer = run(&daemons, language, json!({ "sanitize": [sanitizer] }), code).await;
            let stderr = answer["stderr"].as_str().expect("a text");
            assert!(
                stderr.contains(message) && stderr.contains("main.c"),
                "{language} {sanitizer}: {answer}"
            );
            // A correct program prints nothing more and succeeds.
            let correct = "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *p = malloc(10); puts(\"fine\"); (void)p; return 0; }";
            let answer = run(&daemons, language, json!({ "sanitize": [sanitizer] }), correct).await;
            assert_eq!((&answer["stdout"], &answer["stderr"]), (&"fine\n".into(), &"".into()), "{answer}");
        }
        let both = run(&daemons, language, json!({ "sanitize": ["undefined", "address"] }), beyond).await;
        assert!(both["stderr"].as_str().expect("a text").contains("heap-buffer-overflow"), "{both}");
    }
}

#[tokio::test]
async fn openmp_runs_threads() {
    let daemons = start().await;
    let code = "#include <omp.h>\n#include <stdio.h>\nint main(void) { int sum = 0;\n\
        #pragma omp parallel for reduction(+:sum) num_threads(4)\nfor (int i = 0; i < 100; i++) sum += i * (omp_get_num_threads() == 4);\n\
        printf(\"%d\\n\", sum); }";
    for language in ["c", "cpp", "c-clang", "cpp-clang"] {
        let option = described(&daemons, language, "openmp").await;
        assert_eq!(option["available"], true, "{language}: {option}");
        check_output(run(&daemons, language, json!({ "openmp": true }), code).await, "4950\n");
    }
}

#[tokio::test]
async fn the_options_of_other_languages_work() {
    let daemons = start().await;
    for (language, options, code, stdout) in [
        (
            "java",
            json!({ "preview": true }),
            "public class A { public static void main(String[] a) { Object o = 5;\n\
             System.out.println(switch (o) { case Integer i -> \"int \" + i; default -> \"other\"; }); } }",
            "int 5\n",
        ),
        (
            "java",
            json!({ "assertions": true }),
            "public class A { public static void main(String[] a) { try { assert a.length > 5; System.out.println(0); }\n\
             catch (AssertionError e) { System.out.println(1); } } }",
            "1\n",
        ),
        (
            "java",
            json!({ "release": "8" }),
            "public class A { public static void main(String[] a) { int var = 1; System.out.println(var); } }",
            "1\n",
        ),
        ("python", json!({ "optimize": "1" }), "print(__debug__)\nassert False", "False\n"),
        ("python", json!({ "optimize": "2" }), "def f():\n    'doc'\nprint(f.__doc__)", "None\n"),
        ("python", json!({ "unbuffered": true }), "import sys\nprint(sys.stdout.write_through)", "True\n"),
        ("python", json!({}), "import sys\nprint(sys.stdout.write_through, __debug__)", "False True\n"),
        ("rust", json!({ "edition": "2018" }), "fn main() { let gen = 1; println!(\"{gen}\"); }", "1\n"),
        (
            "rust",
            json!({ "edition": "2015" }),
            "fn main() { let async = 1; println!(\"{}\", async); }",
            "1\n",
        ),
        (
            "rust",
            json!({ "debug_assertions": true, "optimize": "0" }),
            "fn main() { println!(\"{}\", cfg!(debug_assertions)); }",
            "true\n",
        ),
        ("rust", json!({}), "fn main() { println!(\"{}\", cfg!(debug_assertions)); }", "false\n"),
        ("go", json!({ "optimize": "0" }), PRINT_GO_FLAGS, "-N -l\n"),
        ("go", json!({}), PRINT_GO_FLAGS, ""),
        ("ruby", json!({ "warnings": true }), "p $VERBOSE", "true\n"),
        ("perl", json!({ "warnings": true }), "print $^W, \"\\n\";", "1\n"),
    ] {
        check_output(run(&daemons, language, options, code).await, stdout);
    }
    let strict = "function f(x) { return x }\nconsole.log(f(1))";
    check_output(run(&daemons, "typescript", json!({}), strict).await, "1\n");
    let answer = run(&daemons, "typescript", json!({ "strict": true }), strict).await;
    assert_eq!(answer["status"], "compile_error");
    assert!(answer["compile"]["stderr"].as_str().expect("messages").contains("implicitly has an 'any' type"));
    let answer = run(
        &daemons,
        "java",
        json!({ "release": "8" }),
        "class A { public static void main(String[] a) { var x = 1; } }",
    )
    .await;
    assert_eq!(answer["status"], "compile_error", "var is of Java 10");
    let answer = run(
        &daemons,
        "java",
        json!({ "release": "11", "preview": true }),
        "class A { public static void main(String[] a) {} }",
    )
    .await;
    assert_eq!(answer["status"], "compile_error", "{answer}");
    let messages = answer["compile"]["stderr"].as_str().expect("messages");
    assert!(messages.starts_with("error: invalid source release"), "{messages}");
}

#[tokio::test]
async fn a_request_with_an_undeclared_option_is_refused() {
    let daemons = start().await;
    let message = async |language: &str, options: Value| {
        refusal(&daemons, &json!({ "language": language, "code": "", "options": options })).await
    };
    assert_eq!(message("bash", json!({ "x": true })).await, "options.x: the language has no options");
    assert_eq!(
        message("python", json!({ "std": "c99" })).await,
        "options.std: unknown option; the options are unbuffered, optimize, warnings"
    );
    assert_eq!(
        message("python", json!({ "unbuffered": "true" })).await,
        "options.unbuffered: it must be true or false"
    );
    assert_eq!(
        message("python", json!({ "optimize": true })).await,
        "options.optimize: it must be one of \"0\", \"1\", \"2\""
    );
    let sanitizers = "options.sanitize: it must be a list of \"address\", \"undefined\", \"thread\"";
    assert_eq!(message("c", json!({ "sanitize": "address" })).await, sanitizers);
    assert_eq!(message("c", json!({ "sanitize": ["address", "leak"] })).await, sanitizers);
    for injected in [
        "c++17 -fplugin=/box/x.so",
        "c++17\u{0}",
        "c++17\n-DX",
        "-DX",
        "@/box/options",
        "",
        " c++17",
        "c++17\"",
        "C++17",
        "{launcher}",
        "$(id)",
        "c++17,-wrapper",
        "../c++17",
    ] {
        let refused = message("cpp", json!({ "std": injected })).await;
        assert!(refused.starts_with("options.std: it must be one of \"c++98\""), "{injected:?}: {refused}");
    }
    for (name, expected) in [
        ("-std", "options.-std: unknown option"),
        ("std=c++17", "options.std=c++17: unknown"),
        ("", "options.: unknown"),
    ] {
        let refused = message("cpp", json!({ name: true })).await;
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[tokio::test]
async fn a_program_sees_the_variables_of_its_request() {
    for settings in [Settings::default(), Settings { pool: true, ..Settings::default() }] {
        let daemons = Daemons::start(&settings).await.expect("both daemons start");
        for (language, code) in [
            ("bash", "echo \"$GREETING $EMPTY.$ONLINE_JUDGE\""),
            (
                "python",
                "import os\nprint(os.environ['GREETING'], os.environ['EMPTY'] + '.' + os.getenv('ONLINE_JUDGE'))",
            ),
            (
                "javascript",
                "console.log(process.env.GREETING, process.env.EMPTY + '.' + process.env.ONLINE_JUDGE)",
            ),
            (
                "c",
                "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { printf(\"%s %s.%s\\n\", getenv(\"GREETING\"), getenv(\"EMPTY\"), getenv(\"ONLINE_JUDGE\")); }",
            ),
            (
                "java",
                "class A { public static void main(String[] a) { System.out.println(System.getenv(\"GREETING\") + \" \" + System.getenv(\"EMPTY\") + \".\" + System.getenv(\"ONLINE_JUDGE\")); } }",
            ),
        ] {
            let environment = json!({ "GREETING": "hello\nwörld = 1", "EMPTY": "", "ONLINE_JUDGE": "C" });
            let request = json!({ "language": language, "code": code, "environment": environment });
            let answer = daemons.execute(&request).await;
            assert_eq!(answer["stdout"], "hello\nwörld = 1 .C\n", "{language}: {answer}");
            // The next program does not see them.
            let answer = daemons.execute(&json!({ "language": "bash", "code": "echo $GREETING" })).await;
            assert_eq!(answer["stdout"], "\n");
        }
        let request = json!({ "language": "bash", "code": "echo $A $B", "environment": { "A": "1", "B": "2" },
            "runs": [{}, { "environment": { "B": "3" } }] });
        let answer = daemons.execute(&request).await;
        assert_eq!(
            (&answer["runs"][0]["stdout"], &answer["runs"][1]["stdout"]),
            (&"1 2\n".into(), &"1 3\n".into())
        );
    }
}

#[tokio::test]
async fn the_largest_environment_arrives() {
    let daemons = start().await;
    let value = "x".repeat(1000);
    let environment: serde_json::Map<_, _> =
        (0..64).map(|n| (format!("V{n}"), value.clone().into())).collect();
    let code = "for n in $(seq 0 63); do v=V$n; [ ${#v} -gt 0 ] && printf %s \"${!v}\"; done | wc -c";
    let answer =
        daemons.execute(&json!({ "language": "bash", "code": code, "environment": environment })).await;
    assert_eq!(answer["stdout"], "64000\n", "{answer}");
}

#[tokio::test]
async fn a_variable_that_changes_how_a_program_starts_is_refused() {
    let daemons = start().await;
    let message = async |environment: Value| {
        refusal(&daemons, &json!({ "language": "python", "code": "", "environment": environment })).await
    };
    for (name, reason) in [
        ("LD_PRELOAD", "it changes the dynamic loader or the C library"),
        ("LD_LIBRARY_PATH", "it changes the dynamic loader or the C library"),
        ("GLIBC_TUNABLES", "it changes the dynamic loader or the C library"),
        ("MALLOC_PERTURB_", "it changes the dynamic loader or the C library"),
        ("PATH", "Executor sets it"),
        ("HOME", "Executor sets it"),
        ("BASH_ENV", "it changes how a shell reads a script"),
        ("PYTHONPATH", "it changes how an interpreter starts"),
        ("NODE_OPTIONS", "it changes how an interpreter starts"),
        ("JAVA_TOOL_OPTIONS", "it changes how an interpreter starts"),
        ("PERL5OPT", "it changes how an interpreter starts"),
        ("RUBYOPT", "it changes how an interpreter starts"),
        ("LUA_INIT_5_4", "it changes how an interpreter starts"),
    ] {
        let expected = format!("environment: the variable {name:?} cannot be set: {reason}");
        assert_eq!(message(json!({ name: "x" })).await, expected);
    }
    for name in ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n", "BASH_FUNC_x%%", "A\u{0}"] {
        let refused = message(json!({ name: "x" })).await;
        assert!(
            refused.ends_with("must consist of letters, digits and _, and not begin with a digit"),
            "{refused}"
        );
    }
    let refused = message(json!({ "A": "x\u{0}LD_PRELOAD=/box/x.so" })).await;
    assert_eq!(refused, "environment: the variable \"A\" contains a NUL character");
    assert_eq!(
        message(json!({ "A": "x".repeat(1 << 20) })).await,
        "`environment.A` must be at most 32768 bytes long"
    );
    let request =
        json!({ "language": "python", "code": "", "runs": [{}, { "environment": { "LD_PRELOAD": "" } }] });
    let refused = refusal(&daemons, &request).await;
    assert!(
        refused.starts_with("runs[1].environment: the variable \"LD_PRELOAD\" cannot be set"),
        "{refused}"
    );
    // Names are case-sensitive, and other variables of the same interpreters are harmless.
    let code = "import os\nprint(os.environ['path'], os.environ['PYTHONHASHSEED'])";
    let environment = json!({ "path": "mine", "PYTHONHASHSEED": "0" });
    let answer =
        daemons.execute(&json!({ "language": "python", "code": code, "environment": environment })).await;
    assert_eq!(answer["stdout"], "mine 0\n", "{answer}");
}

#[tokio::test]
async fn the_default_options_keep_the_pre_warmed_sandboxes() {
    let daemons =
        Daemons::start(&Settings { pool: true, ..Settings::default() }).await.expect("both daemons start");
    let hits = async |language: &str, stage: &str| {
        let status = daemons.status().await;
        let count = status.warm.iter().find(|count| count.language == language && count.stage == stage);
        count.map_or((0, 0), |count| (count.hits, count.misses))
    };
    pool::ready(&daemons, "python", &["run"]).await.expect("it becomes warm");
    let before = hits("python", "run").await;
    let request = |options: Value| json!({ "language": "python", "code": "print(1)", "options": options });
    daemons.execute(&request(json!({ "unbuffered": false, "optimize": "0" }))).await;
    let after = hits("python", "run").await;
    assert_eq!(after, (before.0 + 1, before.1), "explicit defaults are defaults");
    daemons.execute(&request(json!({ "unbuffered": true }))).await;
    assert_eq!(hits("python", "run").await, after, "a pre-warmed interpreter has the default options");
}
