//! Faster compilation changes neither the program nor the messages of the compiler.

#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::process::Command;

use e2e::corpus;
use e2e::daemons::{self, Daemons, Settings};
use e2e::differential::programs::{self, Program};
use e2e::differential::{compilers, pool};
use regex::Regex;
use serde_json::{Value, json};

/// Number of programs of the corpus that are compiled both ways, if there is a corpus.
const SAMPLE: usize = 12;

async fn start() -> Daemons {
    let settings = Settings {
        languages: vec![("gxx", compilers::plain()), ("never-plain", compilers::never_plain("never-plain"))],
        launchers: vec![("never-plain", "cpp".into())],
        ..Settings::default()
    };
    Daemons::start(&settings).await.expect("both daemons start")
}

/// Removes from a response what differs between executions: times, the id, the order of the two streams, and the names
/// of the compiler's temporary files.
fn comparable(mut answer: Value) -> Value {
    fn forget(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| {
                    !["usage", "id", "output", "start", "start_ms", "queue_ms"].contains(&name.as_str())
                });
                fields.values_mut().for_each(forget);
            }
            Value::Array(items) => items.iter_mut().for_each(forget),
            Value::String(text) => {
                let scratch = Regex::new("/tmp/cc[A-Za-z0-9]{6}").expect("a pattern");
                *text = scratch.replace_all(text, "/tmp/cc").into_owned();
            }
            _ => {}
        }
    }
    forget(&mut answer);
    answer
}

/// Returns the response, after verifying that it is the same both ways.
async fn both(daemons: &Daemons, request: Value) -> Value {
    same(daemons, daemons, request).await
}

/// Returns the response, after verifying that `plain` with g++ alone and `daemons` give the same.
async fn same(plain: &Daemons, daemons: &Daemons, mut request: Value) -> Value {
    let mut answers = Vec::new();
    for (daemons, language) in [(plain, "gxx"), (daemons, "cpp")] {
        request["language"] = language.into();
        answers.push(comparable(daemons.execute(&request).await));
    }
    assert_eq!(answers[0], answers[1], "{request}");
    answers.remove(0)
}

#[tokio::test]
async fn the_precompiled_headers_are_used() {
    let daemons = start().await;
    let f =
        "#include <vector>\n#include <iostream>\nvoid f() { std::vector v{1, 2}; std::cout << v.size(); }";
    let files = json!([
        { "name": "main.cpp", "content": "#include <bits/stdc++.h>\nvoid f();\nint main() { f(); std::cout << 1; }" },
        { "name": "f.cc", "content": f },
        { "name": "g.cxx", "content": "int g() { return 1; }" },
    ]);
    let answer = daemons.execute(&json!({ "language": "never-plain", "files": files })).await;
    assert_eq!((&answer["status"], &answer["output"]), (&"ok".into(), &"21".into()), "{answer}");
    let refused =
        json!({ "language": "never-plain", "code": "#include <iostream>\nint main() { return x; }" });
    let answer = daemons.execute(&refused).await;
    assert_eq!(answer["output"], "g++-that-nobody-has: No such file or directory\n", "{answer}");
}

#[tokio::test]
async fn cpp17_has_precompiled_headers_too() {
    let daemons = start().await;
    let request = |standard: &str, code: &str| json!({ "options": { "std": standard }, "code": code });
    for (standard, header, output) in [
        ("c++17", "iostream", "201703"),
        ("c++17", "bits/stdc++.h", "201703"),
        ("c++20", "iostream", "202002"),
        ("c++14", "iostream", "g++-that-nobody-has: No such file or directory\n"),
        ("gnu++17", "iostream", "g++-that-nobody-has: No such file or directory\n"),
    ] {
        let mut request =
            request(standard, &format!("#include <{header}>\nint main() {{ std::cout << __cplusplus; }}"));
        request["language"] = "never-plain".into();
        let answer = daemons.execute(&request).await;
        assert_eq!(answer["output"], output, "{standard} {header}: {answer}");
    }
    for code in [
        "#include <iostream>\n#include <map>\nint main() { std::map<int, int> m{{1, 2}}; for (auto [a, b] : m) std::cout << a << b; }",
        "#include <bits/stdc++.h>\nusing namespace std;\nint main() { int data = 1, size = 2; optional<int> o; cout << data + size << o.has_value(); }",
        // Names and rules that C++20 has changed.
        "#include <iostream>\nint main() { int concept = 1, requires = 2; std::cout << concept + requires; }",
        "#include <iostream>\nint main() { std::cout << u8\"text\" << (sizeof(u8'a') == sizeof(char8_t)); }",
        "#include <iostream>\n#include <string>\nint main() { std::string s; s.reserve(); std::cout << s.starts_with(\"\"); }",
        "#include <bits/stdc++.h>\nint main() { std::vector<int> v{2, 1}; std::random_shuffle(v.begin(), v.end()); }",
        "#include <bits/stdc++.h>\nint main() { std::cout << std::is_pod<int>::value << std::accumulate(\"\", \"\", 0) }",
    ] {
        both(&daemons, request("c++17", code)).await;
    }
}

/// Returns the set of headers that are precompiled for `main.cpp` among these files, or `None`.
fn precompiled(files: &[(&str, &str)]) -> io::Result<Option<String>> {
    let (launcher, directory) = (daemons::precompiled_headers(None)?, tempfile::tempdir()?);
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(directory.path()))?;
        fs::write(path, content)?;
    }
    let mut compile = Command::new(launcher.join("compile"));
    compile.args(["--which", "main.cpp"]).current_dir(&directory).env_clear();
    let output = compile.env("PATH", "/usr/local/bin:/usr/bin:/bin").output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{output:?}")));
    }
    let number = String::from_utf8_lossy(&output.stdout);
    let record = fs::read_to_string(launcher.join("recorded/record"))?;
    let line = record.lines().rev().find_map(|line| line.strip_prefix(&format!("{} ", number.trim_end())));
    Ok(line.filter(|_| !number.is_empty()).map(str::to_owned))
}

#[test]
fn usual_sets_of_headers_are_precompiled() {
    for (included, expected) in [
        ("iostream string", "iostream"),
        ("algorithm iostream string", "algorithm iostream"),
        ("iostream map string", "iostream map"),
        ("cmath iomanip iostream", "cmath iostream"),
        ("iostream vector string algorithm cmath", "algorithm cmath iostream vector"),
        ("algorithm iostream ranges string_view", "algorithm iostream ranges"),
        ("array algorithm charconv iostream optional", "algorithm charconv iostream optional"),
        ("bits/stdc++.h", "bits/stdc++.h"),
    ] {
        let main: String = included.split(' ').map(|name| format!("#include <{name}>\n")).collect();
        assert_eq!(precompiled(&[("main.cpp", &main)]).unwrap().as_deref(), Some(expected), "{included}");
    }
}

#[test]
fn a_header_of_the_program_is_followed_to_the_headers_that_it_includes() {
    let (once, guard) = ("#pragma once\n", "// Shapes.\n#ifndef SHAPES_H\n#define SHAPES_H\n");
    for (main, header, expected) in [
        (
            "#include \"own.h\"",
            [once, "#include <memory>\n#include <string>\nstruct A;\n"],
            Some("memory string"),
        ),
        ("#include \"own.h\"", [guard, "\n#include <string>\nstruct A;\n#endif\n"], Some("string")),
        ("#include \"own.h\"", ["", "#include <string>\n"], Some("string")),
        (
            "#include <iostream>\n#include \"own.h\"",
            [once, "#include <vector>\nint a;\n"],
            Some("iostream vector"),
        ),
        ("#include \"lib/own.h\"", [once, "#include \"next.h\"\n"], Some("vector")),
        // What follows the header comes after what is in it.
        ("#include \"own.h\"\n#include <vector>", [once, "#include <string>\nint a;\n"], Some("string")),
        ("#include \"own.h\"", ["", "#include \"own.h\"\n#include <string>\n"], None),
        ("#include \"own.h\"", [once, "#define NDEBUG\n#include <string>\n"], None),
        ("#include \"own.h\"", ["#ifndef NDEBUG\n#define NDEBUG\n", "#include <string>\n"], None),
        ("#include \"own.h\"", ["#ifndef _STRING_H\n#define _STRING_H\n", "#include <string>\n"], None),
        ("#include \"own.h\"", ["#ifndef A_H\n#define B_H\n", "#include <string>\n"], None),
        ("#include \"own.h\"", [once, "#if 0\n#include <string>\n#endif\n"], None),
        ("#include \"own.h\"", [once, "// ??/\n#include <string>\n"], None),
        ("int a;\n#include \"own.h\"", [once, "#include <string>\n"], None),
        ("#include \"other.h\"", [once, "#include <string>\n"], None),
        ("#include \"lib\"", [once, "#include <string>\n"], None),
        ("#include \"/dev/zero\"", [once, "#include <string>\n"], None),
    ] {
        let (main, header) = (format!("{main}\nint main() {{}}\n"), header.concat());
        let files = [
            ("main.cpp", &*main),
            ("own.h", &*header),
            ("lib/own.h", &*header),
            ("lib/next.h", "#include <vector>\n"),
            ("next.h", "#include <iostream>\n"),
        ];
        assert_eq!(precompiled(&files).unwrap().as_deref(), expected, "{main}{header}");
    }
}

#[tokio::test]
async fn precompiled_headers_change_no_program() {
    let daemons = start().await;
    for code in [
        // Everything that may precede headers or be between them.
        "// a\n/* b\n */ #include <iostream> // c\n\n # include <vector> /* d */\n\
         int main() { std::vector v{1, 2}; std::cout << v.size() << __LINE__ << __FILE__ << __INCLUDE_LEVEL__; }",
        "#include <iostream>\r\n#include <string>\r\nint main() { std::string s{\"x\"}; std::cout << s; }\r\n",
        // Headers included twice, and in another order.
        "#include <vector>\n#include <algorithm>\n#include <iostream>\n#include <algorithm>\n\
         int main() { std::vector v{2, 1}; std::ranges::sort(v); std::cout << v[0] << std::endl; }",
        // A macro, a pragma, a condition or an own file before a header affects the header.
        "#define NDEBUG\n#include <cassert>\n#include <iostream>\nint main() { assert(false); std::cout << 1; }",
        "#include <cstdio>\n#define NDEBUG\n#include <cassert>\nint main() { assert(false); std::puts(\"1\"); }",
        "#define _GLIBCXX_DEBUG\n#include <vector>\n#include <iostream>\n\
         int main() { std::cout << sizeof(std::vector<int>::iterator); }",
        "#pragma GCC optimize(\"O0\")\n#include <iostream>\nint main() { std::cout << 1; }",
        "#if 0\n#include <iostream>\n#endif\n#include <cstdio>\nint main() { std::puts(\"1\"); }",
        "#include \"own.h\"\n#include <iostream>\nint main() { std::cout << OWN; }",
        "#include \"class.h\"\n#include <iostream>\nint main() { std::cout << Own{\"a\"}.text << OWN << sizeof(std::string); }",
        "#include \"private.h\"\n#include <iostream>\nint main() { std::cout << sizeof(std::string) << __COUNTER__; }",
        "/* \\\n */ #include <iostream>\nint main() { std::cout << 1; }",
        "/* *\\\n/ #include <cstdio>\n/* */\nint main() { std::puts(\"1\"); }",
        "// \\\n#include <iostream>\n#include <cstdio>\nint main() { std::puts(\"1\"); }",
        // Own names that a header defines too.
        "#include <iostream>\nint count, distance, y1; int main() { std::cout << count + distance + y1; }",
        "#include <bits/stdc++.h>\nusing namespace std;\nint main() { map<string, int> m; cout << ++m[\"a\"]; }",
        // Specializations and overloads after their use.
        "#include <iostream>\n#include <functional>\nstruct T { int v; };\n\
         template <> struct std::hash<T> { size_t operator()(T t) const { return t.v; } };\n\
         std::ostream& operator<<(std::ostream& o, T t) { return o << t.v; }\n\
         int main() { std::cout << T{3} << std::hash<T>{}(T{4}); }",
        // Exceptions through precompiled instances, and how they end.
        "#include <iostream>\n#include <vector>\nint main() { std::vector<int> v; std::cout << v.at(1); }",
        "#include <iostream>\nint main() { std::cerr << 1; std::cout << 2; return 3; }",
        "#include <iostream>\nint main() { int* volatile p = nullptr; std::cout << *p; }",
        "#include <cmath>\n#include <iomanip>\n#include <iostream>\n\
         int main() { double x = 0.1; for (int i = 0; i < 50; i++) x = std::sin(x) * 3.7 + std::fma(x, x, 1e-3);\n\
         std::cout << std::setprecision(17) << x; }",
    ] {
        let class = "#ifndef CLASS_H\n#define CLASS_H\n#include <string>\n#include \"own.h\"\nstruct Own { std::string text; };\n#endif\n";
        let files = json!([
            { "name": "main.cpp", "content": code },
            { "name": "own.h", "content": "#define OWN 7\n" },
            { "name": "class.h", "content": class },
            { "name": "private.h", "content": "#pragma once\n#define private public\n#include <string>\n" },
        ]);
        let answer = both(&daemons, json!({ "files": files })).await;
        assert_ne!(answer["status"], "compile_error", "{code}: {answer}");
    }
}

#[tokio::test]
async fn compiler_messages_are_the_same() {
    let daemons = start().await;
    let main = |code: &str| json!({ "files": [{ "name": "main.cpp", "content": code }] });
    for code in [
        "#include <iostream>\nint main() { std::cout << undeclared; }",
        "#include <iostream>\nint main() { std::cout << 1 }",
        "#include <iostream>\nstruct T {};\nint main() { std::cout << T{}; }",
        "#include <vector>\n#include <iostream>\nint main() { std::vector<int> v; v.push_back(\"x\"); }",
        "#include <algorithm>\n#include <list>\nint main() { std::list<int> l; std::sort(l.begin(), l.end()); }",
        "#include <iostream>\n#include <no-such-header>\nint main() {}",
        "#include <iostream>\n#error no\n",
        "#include <iostream>\nint missing();\nint main() { return missing(); }",
        "#include <iostream>\nint main() { return 0; }\nint main() { return 1; }",
        "#include <iostream>",
        "",
        // Warnings; the program runs.
        "#include <iostream>\n#warning careful\nint main() { std::cout << 1; }",
        "#include <iostream>\nint f() {}\nint main() { std::cout << 1 / 0; }",
        "#include <iostream>\nint main() { char c = 300; std::cout << (int)c; }",
        "#include <iostream>\n#pragma message \"hello\"\nint main() { std::cout << 1; }",
    ] {
        both(&daemons, main(code)).await;
    }
    let files = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, content)| json!({ "name": name, "content": content }));
        json!({ "files": files.collect::<Vec<_>>() })
    };
    for several in [
        &[
            ("main.cpp", "#include <iostream>\nint f();\nint main() { std::cout << f(); }"),
            ("f.cc", "#include <vector>\nint f() { return 1; }"),
        ][..],
        &[
            ("main.cpp", "#include <iostream>\nint f();\nint main() { std::cout << f() }"),
            ("a/f.cxx", "int f() { return x; }"),
        ],
        &[("main.cpp", "int f() { return 1; }\nint main() {}"), ("f.cpp", "int f() { return 1; }")],
        &[
            ("a/main.cpp", "#include \"b.h\"\n#include <iostream>\nint main() { std::cout << B; }"),
            ("a/b.h", "#define B 1\n"),
        ],
        &[("main.cpp", "#include <iostream>\nint main() { std::cout << 1; }"), ("iostream", "#error mine\n")],
        &[("program.c", "#include <stdio.h>\nint main() { puts(\"c\"); }")],
    ] {
        both(&daemons, files(several)).await;
    }
}

#[tokio::test]
async fn a_pre_warmed_compiler_has_the_same_messages_and_results() {
    let plain = start().await;
    let settings = Settings {
        pool: true,
        languages: vec![("never-plain", compilers::never_plain("never-plain"))],
        launchers: vec![("never-plain", "cpp".into())],
        ..Settings::default()
    };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let hello = "#include <iostream>\nint main() { std::cout << __LINE__ << __FILE__ << __INCLUDE_LEVEL__; }";
    let main = |code: &str| vec![("main.cpp", code.to_owned())];
    let long = |bytes: usize| format!("{hello}\n//{}", "x".repeat(bytes - hello.len() - 3));
    for files in [
        main(hello),
        main(&hello.replace("<iostream>", "<bits/stdc++.h>")),
        main(&hello.replace("#include", "#include <map>\n#include")),
        main("int main() { return 3; }"),
        main(""),
        main("#include <iostream>"),
        // As long as the compiler's buffer, and longer.
        main(&long(64 << 10)),
        main(&long((64 << 10) + 1)),
        main(&long(300 << 10)),
        // Text that would reveal the difference.
        main(&format!("{hello}\n//\\")),
        main(&format!("{hello}\n// ??/\n\n")),
        main(&format!("\u{feff}{hello}")),
        main(&format!("{hello}\r")),
        main(&hello.replace("__LINE__", "sizeof(__TIMESTAMP__)")),
        // Messages about it and about its end.
        main("#include <iostream>\nint main() { std::cout << undeclared; }"),
        main("#include <iostream>\nint main() { std::cout << 1;"),
        main("#include <iostream>\n#if 1\nint main() {}\n"),
        main("#include <iostream>\nint main() {}\n/*"),
        main("#include <iostream>\nint main() {}\nauto text = R\"(a"),
        main("#pragma once\n#include <iostream>\nint main() { std::cout << 1; }"),
        main("#include <iostream>\nint missing();\nint main() { return missing(); }"),
        // Additional files.
        vec![
            ("main.cpp", "#include \"main.h\"\nint main() { return MINE; }".to_owned()),
            ("main.h", "#define MINE 4\n".to_owned()),
        ],
        vec![("main.cpp", hello.to_owned()), ("iostream", "#error mine\n".to_owned())],
        vec![
            ("main.cpp", "int f();\nint main() { return f(); }".to_owned()),
            ("f.cc", "int f() { return 5; }".to_owned()),
        ],
        vec![("other.cpp", hello.to_owned())],
    ] {
        pool::ready(&daemons, "cpp", &["compile"]).await.expect("a pre-warmed compiler");
        let files: Vec<Value> =
            files.iter().map(|(name, content)| json!({ "name": name, "content": content })).collect();
        same(&plain, &daemons, json!({ "files": files })).await;
    }
    let counts = pool::counted(&daemons, "cpp", &["compile"]).await.expect("the counts");
    // Only another language name bypasses the launcher.
    assert_eq!((counts.hits, counts.misses), (24, 1));
    // It does not need g++ at all.
    pool::ready(&daemons, "never-plain", &["compile"]).await.expect("a pre-warmed compiler");
    let answer = daemons.execute(&json!({ "language": "never-plain", "code": hello })).await;
    assert_eq!((&answer["status"], &answer["output"]), (&"ok".into(), &"2main.cpp0".into()), "{answer}");
}

#[tokio::test]
async fn programs_are_compiled_the_same_way() {
    let own = programs::own().expect("readable programs");
    let real = corpus::sample(cpp_of_corpus(), SAMPLE);
    let own = own.iter().filter(|program| program.language == "cpp").map(Program::request);
    let daemons = start().await;
    for request in own.chain(real.iter().map(corpus::Program::request)) {
        both(&daemons, request).await;
    }
}

/// Returns the programs of the corpus, which is not part of this repository, or none.
fn cpp_of_corpus() -> Vec<corpus::Program> {
    let mut programs = corpus::load().unwrap_or_default();
    programs.retain(|program| program.language == "cpp");
    programs
}
