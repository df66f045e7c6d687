//! The languages of Judge0 and their ids.

/// A language of Judge0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge0Language {
    pub(crate) id: u32,
    /// Name without the version.
    pub(crate) name: &'static str,
    /// Name for the daemon.
    pub(crate) own: &'static str,
    /// Name of the source file; `None` for a program of several files.
    pub(crate) source_file: Option<&'static str>,
    pub(crate) compile_cmd: Option<&'static str>,
    pub(crate) run_cmd: &'static str,
}

/// Id of programs of several files, which come with the commands that compile and run them.
pub(crate) const MULTI_FILE: u32 = 89;
/// Id of a text, which is printed.
pub(crate) const PLAIN_TEXT: u32 = 43;

const C: Judge0Language = Judge0Language {
    id: 0,
    name: "C",
    own: "c",
    source_file: Some("main.c"),
    compile_cmd: Some("gcc %s main.c"),
    run_cmd: "./a.out",
};
const CPP: Judge0Language = Judge0Language {
    name: "C++",
    own: "cpp",
    source_file: Some("main.cpp"),
    compile_cmd: Some("g++ %s main.cpp"),
    ..C
};
const JAVA: Judge0Language = Judge0Language {
    name: "Java",
    own: "java",
    source_file: Some("Main.java"),
    compile_cmd: Some("javac %s Main.java"),
    run_cmd: "java Main",
    ..C
};
const PYTHON: Judge0Language = interpreted("Python", "python", "script.py", "python3 script.py");
const JAVASCRIPT: Judge0Language = interpreted("JavaScript", "javascript", "script.js", "node script.js");

const fn interpreted(
    name: &'static str,
    own: &'static str,
    source_file: &'static str,
    run_cmd: &'static str,
) -> Judge0Language {
    Judge0Language { id: 0, name, own, source_file: Some(source_file), compile_cmd: None, run_cmd }
}

const fn with_id(id: u32, language: Judge0Language) -> Judge0Language {
    Judge0Language { id, ..language }
}

/// The languages of version 1.13.1 that this server can have, then the ids that the hosted service has for newer versions.
pub(crate) const LANGUAGES: [Judge0Language; 33] = [
    with_id(PLAIN_TEXT, interpreted("Plain Text", "bash", "text.txt", "cat text.txt")),
    with_id(46, interpreted("Bash", "bash", "script.sh", "bash script.sh")),
    with_id(48, C),
    with_id(49, C),
    with_id(50, C),
    with_id(52, CPP),
    with_id(53, CPP),
    with_id(54, CPP),
    with_id(
        60,
        Judge0Language {
            name: "Go",
            own: "go",
            source_file: Some("main.go"),
            compile_cmd: Some("go build %s main.go"),
            run_cmd: "./main",
            ..C
        },
    ),
    with_id(62, JAVA),
    with_id(63, JAVASCRIPT),
    with_id(64, interpreted("Lua", "lua", "script.lua", "lua script.lua")),
    with_id(68, interpreted("PHP", "php", "script.php", "php script.php")),
    with_id(71, PYTHON),
    with_id(72, interpreted("Ruby", "ruby", "script.rb", "ruby script.rb")),
    with_id(
        73,
        Judge0Language {
            name: "Rust",
            own: "rust",
            source_file: Some("main.rs"),
            compile_cmd: Some("rustc %s main.rs"),
            run_cmd: "./main",
            ..C
        },
    ),
    with_id(
        74,
        Judge0Language {
            name: "TypeScript",
            own: "typescript",
            source_file: Some("script.ts"),
            compile_cmd: Some("tsc %s script.ts"),
            run_cmd: "node script.js",
            ..C
        },
    ),
    with_id(75, C),
    with_id(76, CPP),
    with_id(85, interpreted("Perl", "perl", "script.pl", "perl script.pl")),
    with_id(91, JAVA),
    with_id(92, PYTHON),
    with_id(93, JAVASCRIPT),
    with_id(97, JAVASCRIPT),
    with_id(100, PYTHON),
    with_id(102, JAVASCRIPT),
    with_id(103, C),
    with_id(104, C),
    with_id(105, CPP),
    with_id(109, PYTHON),
    with_id(110, C),
    with_id(113, PYTHON),
    with_id(
        MULTI_FILE,
        Judge0Language {
            name: "Multi-file program",
            own: "multi_file",
            source_file: None,
            compile_cmd: None,
            run_cmd: "bash run",
            ..C
        },
    ),
];

/// The languages of versions before 1.0, which 1.13.1 lists and does not run. Their ids begin with 1.
pub(crate) const ARCHIVED: [&str; 42] = [
    "Bash (4.4)",
    "Bash (4.0)",
    "Basic (fbc 1.05.0)",
    "C (gcc 7.2.0)",
    "C (gcc 6.4.0)",
    "C (gcc 6.3.0)",
    "C (gcc 5.4.0)",
    "C (gcc 4.9.4)",
    "C (gcc 4.8.5)",
    "C++ (g++ 7.2.0)",
    "C++ (g++ 6.4.0)",
    "C++ (g++ 6.3.0)",
    "C++ (g++ 5.4.0)",
    "C++ (g++ 4.9.4)",
    "C++ (g++ 4.8.5)",
    "C# (mono 5.4.0.167)",
    "C# (mono 5.2.0.224)",
    "Clojure (1.8.0)",
    "Crystal (0.23.1)",
    "Elixir (1.5.1)",
    "Erlang (OTP 20.0)",
    "Go (1.9)",
    "Haskell (ghc 8.2.1)",
    "Haskell (ghc 8.0.2)",
    "Insect (5.0.0)",
    "Java (OpenJDK 9 with Eclipse OpenJ9)",
    "Java (OpenJDK 8)",
    "Java (OpenJDK 7)",
    "JavaScript (nodejs 8.5.0)",
    "JavaScript (nodejs 7.10.1)",
    "OCaml (4.05.0)",
    "Octave (4.2.0)",
    "Pascal (fpc 3.0.0)",
    "Python (3.6.0)",
    "Python (3.5.3)",
    "Python (2.7.9)",
    "Python (2.6.9)",
    "Ruby (2.4.0)",
    "Ruby (2.3.3)",
    "Ruby (2.2.6)",
    "Ruby (2.1.9)",
    "Rust (1.20.0)",
];

impl Judge0Language {
    /// Returns the language with an id.
    pub(crate) fn find(id: u32) -> Option<&'static Self> {
        LANGUAGES.iter().find(|language| language.id == id)
    }

    /// Returns whether the options of a compiler apply to it.
    pub(crate) const fn is_compiled(&self) -> bool {
        self.compile_cmd.is_some()
    }
}

/// Returns whether an id is that of a language that is archived.
pub(crate) fn is_archived(id: u32) -> bool {
    (1..=ARCHIVED.len()).contains(&(id as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_judge0() {
        for (own, ids) in [
            ("python", &[71, 92, 100, 109, 113][..]),
            ("javascript", &[63, 93, 97, 102]),
            ("java", &[62, 91]),
            ("cpp", &[52, 53, 54, 76, 105]),
            ("c", &[48, 49, 50, 75, 103, 104, 110]),
            ("typescript", &[74]),
            ("multi_file", &[89]),
        ] {
            let found: Vec<_> =
                LANGUAGES.iter().filter(|language| language.own == own).map(|one| one.id).collect();
            assert_eq!(found, ids, "{own}");
        }
        assert!(is_archived(1) && is_archived(42) && !is_archived(0) && !is_archived(43));
    }
}
