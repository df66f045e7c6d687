//! Defaults of Jobe for each language.

/// A language with a name or with defaults of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LanguageDefaults {
    /// The name in requests.
    pub(crate) id: &'static str,
    /// The name for the daemon.
    pub(crate) own: &'static str,
    /// Name of the source file; `None` for the name that the language requires, whatever the request says.
    pub(crate) file_name: Option<&'static str>,
    pub(crate) compile_args: &'static [&'static str],
    /// Java has none of Jobe's (`-Xrs -Xss8m -Xmx200m`), because a pre-warmed virtual machine has its own. Nor has Node.js
    /// (`--use_strict`), because that has no effect on a CommonJS file in Node.js 20.
    pub(crate) interpreter_args: &'static [&'static str],
    /// Megabytes of address space; `None` for no limit, also if the request asks for one.
    pub(crate) address_space: Option<u64>,
    /// Processes that a program needs in any case.
    pub(crate) min_processes: u32,
    /// Whether the syntax is checked before a program is run, as if the language was compiled.
    pub(crate) syntax_check: bool,
    /// Whether only the source file is compiled, and not the files of `file_list`.
    pub(crate) main_only: bool,
}

/// The languages that Jobe has. The others of this server have their own names, and the defaults of [`other`].
const LANGUAGES: [LanguageDefaults; 6] = [
    LanguageDefaults {
        compile_args: &["-Wall", "-Werror", "-std=c99", "-x", "c"],
        main_only: true,
        ..language("c", "c", "prog.c")
    },
    LanguageDefaults {
        compile_args: &["-Wall", "-Werror"],
        main_only: true,
        ..language("cpp", "cpp", "prog.cpp")
    },
    // The virtual machine starts a thread for each processor, and reserves gigabytes.
    LanguageDefaults {
        file_name: None,
        address_space: None,
        min_processes: 256,
        ..language("java", "java", "prog.java")
    },
    // Node.js reserves gigabytes.
    LanguageDefaults { address_space: None, ..language("nodejs", "javascript", "prog.js") },
    LanguageDefaults {
        interpreter_args: &["--no-php-ini"],
        syntax_check: true,
        ..language("php", "php", "prog.php")
    },
    LanguageDefaults {
        interpreter_args: &["-BE"],
        address_space: Some(1000),
        syntax_check: true,
        ..language("python3", "python", "prog.py")
    },
];

const fn language(id: &'static str, own: &'static str, file_name: &'static str) -> LanguageDefaults {
    LanguageDefaults {
        id,
        own,
        file_name: Some(file_name),
        compile_args: &[],
        interpreter_args: &[],
        address_space: Some(400),
        min_processes: 1,
        syntax_check: false,
        main_only: false,
    }
}

impl LanguageDefaults {
    /// Returns the defaults of a language by its name for the daemon.
    pub(crate) fn of(own: &str) -> Option<&'static Self> {
        LANGUAGES.iter().find(|language| language.own == own)
    }

    /// Returns the defaults of a language that Jobe does not have. The runtimes of Go and of TypeScript reserve much
    /// address space.
    pub(crate) const fn other() -> Self {
        Self { file_name: None, address_space: None, ..language("", "", "") }
    }

    /// Returns the name of a language in requests.
    pub(crate) fn id_of(own: &str) -> &str {
        Self::of(own).map_or(own, |language| language.id)
    }
}

/// Name of the source file of Java, which is replaced by the one that its class requires.
pub(crate) const IGNORED_FILE_NAME: &str = "prog.java";
