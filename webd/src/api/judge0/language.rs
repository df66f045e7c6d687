//! The languages of Judge0 and their ids.

use std::borrow::Cow;

use protocol::Language;

/// A language of Judge0.
#[derive(Clone, Debug)]
pub(crate) struct Judge0Language {
    pub(crate) id: u32,
    /// Name without the version.
    pub(crate) name: Cow<'static, str>,
    /// Name for the daemon.
    pub(crate) own: Cow<'static, str>,
    /// Name of the source file; `None` for a program of several files.
    pub(crate) source_file: Option<Cow<'static, str>>,
    pub(crate) compile_cmd: Option<Cow<'static, str>>,
    pub(crate) run_cmd: Cow<'static, str>,
}

/// Id of programs of several files, which come with the commands that compile and run them.
pub(crate) const MULTI_FILE: u32 = 89;
/// Id of a text, which is printed.
pub(crate) const PLAIN_TEXT: u32 = 43;

/// The languages whose names, files and commands are those of Judge0.
struct Known {
    id: u32,
    name: &'static str,
    own: &'static str,
    source_file: Option<&'static str>,
    compile_cmd: Option<&'static str>,
    run_cmd: &'static str,
}

const C: Known = Known {
    id: 0,
    name: "C",
    own: "c",
    source_file: Some("main.c"),
    compile_cmd: Some("gcc %s main.c"),
    run_cmd: "./a.out",
};
const CPP: Known = Known {
    name: "C++",
    own: "cpp",
    source_file: Some("main.cpp"),
    compile_cmd: Some("g++ %s main.cpp"),
    ..C
};
const JAVA: Known = Known {
    name: "Java",
    own: "java",
    source_file: Some("Main.java"),
    compile_cmd: Some("javac %s Main.java"),
    run_cmd: "java Main",
    ..C
};
const PYTHON: Known = interpreted("Python", "python", "script.py", "python3 script.py");
const JAVASCRIPT: Known = interpreted("JavaScript", "javascript", "script.js", "node script.js");

const fn interpreted(
    name: &'static str,
    own: &'static str,
    source_file: &'static str,
    run_cmd: &'static str,
) -> Known {
    Known { id: 0, name, own, source_file: Some(source_file), compile_cmd: None, run_cmd }
}

const fn with_id(id: u32, language: Known) -> Known {
    Known { id, ..language }
}

/// The languages of version 1.13.1 that are not in language files, then the ids that the hosted service has for newer versions.
const KNOWN: [Known; 33] = [
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
        Known {
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
        Known {
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
        Known {
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
        Known {
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
    /// Returns the languages that this server can have: those of Judge0, then the ids in the language files of `languages`.
    pub(crate) fn all(languages: &[Language]) -> impl Iterator<Item = Self> {
        let known = KNOWN.iter().map(Self::from);
        let of_file = |language: &Language, id: u32| {
            let is_known = KNOWN.iter().any(|known| known.id == id);
            (!is_known).then(|| Self::of_file(language, id))
        };
        let ids =
            languages.iter().flat_map(|language| language.judge0_ids.iter().map(move |&id| (language, id)));
        known.chain(ids.filter_map(move |(language, id)| of_file(language, id)))
    }

    /// Returns the language with an id.
    pub(crate) fn find(id: u32, languages: &[Language]) -> Option<Self> {
        Self::all(languages).find(|language| language.id == id)
    }

    /// Returns the language of a language file. Its commands are for people only.
    fn of_file(language: &Language, id: u32) -> Self {
        let (name, file) = (&language.name, &language.file_name);
        let is_compiled = language.compile_limits.is_some();
        Self {
            id,
            name: language.title.clone().into(),
            own: name.clone().into(),
            source_file: Some(file.clone().into()),
            compile_cmd: is_compiled.then(|| format!("{name} %s {file}").into()),
            run_cmd: if is_compiled { "./main".into() } else { format!("{name} {file}").into() },
        }
    }

    /// Returns whether the options of a compiler apply to it.
    pub(crate) const fn is_compiled(&self) -> bool {
        self.compile_cmd.is_some()
    }
}

impl From<&Known> for Judge0Language {
    fn from(known: &Known) -> Self {
        Self {
            id: known.id,
            name: known.name.into(),
            own: known.own.into(),
            source_file: known.source_file.map(Into::into),
            compile_cmd: known.compile_cmd.map(Into::into),
            run_cmd: known.run_cmd.into(),
        }
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
                KNOWN.iter().filter(|language| language.own == own).map(|one| one.id).collect();
            assert_eq!(found, ids, "{own}");
        }
        assert!(is_archived(1) && is_archived(42) && !is_archived(0) && !is_archived(43));
    }

    #[test]
    fn language_files_add_ids_but_replace_none() {
        let language = |name: &str, ids: &[u32]| Language {
            title: name.to_uppercase(),
            judge0_ids: ids.to_vec(),
            packages: Vec::new(),
            ..crate::domain::toolchain_words::tests::language(name)
        };
        let languages = [language("python", &[71]), language("cobol", &[77]), language("bash", &[])];
        let cobol = Judge0Language::find(77, &languages).unwrap();
        assert_eq!((&*cobol.own, &*cobol.name, cobol.is_compiled()), ("cobol", "COBOL", true));
        assert_eq!(Judge0Language::find(71, &languages).unwrap().name, "Python");
        assert_eq!(Judge0Language::all(&languages).filter(|one| one.id == 71).count(), 1);
        assert!(Judge0Language::find(78, &languages).is_none());
    }
}
