//! The arguments of a compiler or an interpreter that requests may add to those of the language file. They are for the APIs
//! that are compatible with other servers; `docs/languages.md` describes the patterns.

use protocol::ArgumentPatterns;
use protocol::bounds::{MAX_ARGUMENT_PATTERN, MAX_ARGUMENT_PATTERNS};
use regex::{Regex, RegexBuilder};

use crate::languages::format::{ArgumentsFormat, LanguageFile};
use crate::languages::stage_kind::StageKind;

/// In the command of a stage: the arguments of the request.
pub(crate) const ARGUMENTS_PLACEHOLDER: &str = "{arguments}";

/// The arguments that requests may add, by stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedArguments {
    patterns: ArgumentPatterns,
    compile: Option<Regex>,
    run: Option<Regex>,
}

impl AllowedArguments {
    /// Reads the patterns of a language file that was [`check`]ed.
    ///
    /// # Errors
    /// A message for the author of the file, if a pattern is not valid.
    pub(super) fn new(format: ArgumentsFormat) -> Result<Self, String> {
        let ArgumentsFormat { compile, run } = format;
        let whole = |patterns: &[String]| -> Result<Option<Regex>, String> {
            ArgumentPatterns::expression(patterns).map(|all| expression(&all)).transpose()
        };
        Ok(Self {
            compile: whole(&compile).map_err(|message| format!("arguments.compile: {message}"))?,
            run: whole(&run).map_err(|message| format!("arguments.run: {message}"))?,
            patterns: ArgumentPatterns { compile, run },
        })
    }

    /// Checks that each of `arguments` matches a pattern of the stage.
    ///
    /// # Errors
    /// A message for the client, which names the first argument that does not.
    pub(crate) fn check<'a>(
        &self,
        stage: StageKind,
        mut arguments: impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        let (allowed, program) = match stage {
            StageKind::Compile => (&self.compile, "compiler"),
            StageKind::Run => (&self.run, "interpreter"),
            StageKind::Check => (&None, "syntax check"),
            StageKind::Format => (&None, "formatter"),
        };
        let is_refused =
            |argument: &&String| !allowed.as_ref().is_some_and(|allowed| allowed.is_match(argument));
        match arguments.find(is_refused) {
            None => Ok(()),
            Some(argument) => Err(format!("the argument {argument:?} of the {program} is not allowed")),
        }
    }

    /// Returns the patterns.
    pub(super) const fn patterns(&self) -> &ArgumentPatterns {
        &self.patterns
    }
}

/// Checks the patterns of a language file, and that the commands have a place for the arguments.
///
/// # Errors
/// A message for the author of the file, which begins with the key.
pub(super) fn check(file: &LanguageFile) -> Result<(), String> {
    let compile = file.compile.as_ref().map(|stage| &stage.command);
    let stages = [
        ("compile", &file.arguments.compile, compile),
        ("run", &file.arguments.run, Some(&file.run.command)),
    ];
    for (stage, patterns, command) in stages {
        let error = |message: String| Err(format!("arguments.{stage}: {message}"));
        if patterns.len() > MAX_ARGUMENT_PATTERNS {
            return error(format!("there are more than {MAX_ARGUMENT_PATTERNS} patterns"));
        }
        for pattern in patterns {
            if !pattern.starts_with(ArgumentPatterns::FIRST) || pattern.len() > MAX_ARGUMENT_PATTERN {
                return error(format!(
                    "{pattern:?} must begin with '-' and have at most {MAX_ARGUMENT_PATTERN} bytes"
                ));
            }
            // By itself: otherwise a parenthesis could end the group that anchors it.
            expression(pattern).map(drop).or_else(error)?;
        }
        let is_place = |argument: &&String| *argument == ARGUMENTS_PLACEHOLDER;
        let places = command.map_or(0, |command| command.iter().filter(is_place).count());
        if places != usize::from(!patterns.is_empty()) {
            return error(match patterns.is_empty() {
                true => format!("must have patterns, because {stage}.command has {ARGUMENTS_PLACEHOLDER}"),
                false => format!("{stage}.command must have {ARGUMENTS_PLACEHOLDER} once"),
            });
        }
    }
    Ok(())
}

fn expression(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).unicode(false).build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{AllowedArguments, ArgumentsFormat, StageKind};
    use crate::languages::shipped::shipped;

    fn allowed(compile: &[&str]) -> Result<AllowedArguments, String> {
        let compile = compile.iter().map(ToString::to_string).collect();
        AllowedArguments::new(ArgumentsFormat { compile, run: Vec::new() })
    }

    #[test]
    fn a_pattern_is_for_the_whole_argument() {
        let allowed = allowed(&["-O[0-3]", "-(a|-c)|@b"]).unwrap();
        let check = |argument: &str| allowed.check(StageKind::Compile, [argument.to_owned()].iter());
        for argument in ["-O2", "-a", "--c"] {
            assert_eq!(check(argument), Ok(()), "{argument}");
        }
        for argument in ["O2", "-O2x", "x-O2", "-O2\n", "-O2 ", "-O4", "@b", "", "-", "-é"] {
            let message = format!("the argument {argument:?} of the compiler is not allowed");
            assert_eq!(check(argument), Err(message));
        }
        let run = allowed.check(StageKind::Run, ["-O2".to_owned()].iter());
        assert_eq!(run, Err("the argument \"-O2\" of the interpreter is not allowed".to_owned()));
        assert_eq!(allowed.check(StageKind::Run, [].iter()), Ok(()));
    }

    #[test]
    fn shipped_languages_allow_what_requests_often_have() {
        let registry = shipped();
        let allows = |language: &str, stage, argument: &str| {
            registry.find(language).unwrap().arguments.check(stage, [argument.to_owned()].iter()).is_ok()
        };
        let (compile, run) = (StageKind::Compile, StageKind::Run);
        for language in ["c", "cpp", "c-clang", "cpp-clang"] {
            for argument in [
                "-O",
                "-O2",
                "-Ofast",
                "-g",
                "-ggdb3",
                "-std=c99",
                "-std=gnu++17",
                "-Wall",
                "-Wno-unused-variable",
                "-Wformat=2",
                "-Werror=return-type",
                "-lm",
                "-lpthread",
                "-DN=10",
                "-DDEBUG",
                "-UNDEBUG",
                "-ansi",
                "-pedantic-errors",
                "-fno-strict-aliasing",
                "-fmax-errors=5",
                "-ftemplate-depth=2000",
                "-static",
                "-march=native",
                "-mavx2",
                "-pthread",
                "-w",
                "-s",
            ] {
                assert!(allows(language, compile, argument), "{language} {argument}");
                assert!(!allows(language, run, argument), "{language} {argument}");
            }
        }
        for (language, stage, argument) in [
            ("java", compile, "-Xlint:unchecked"),
            ("java", compile, "-nowarn"),
            ("java", compile, "--main-class=org.example.Main$Inner"),
            ("java", run, "-Xrs"),
            ("java", run, "-Xss8m"),
            ("java", run, "-Xmx200m"),
            ("java", run, "-ea"),
            ("java", run, "-Dfile.encoding=UTF-8"),
            ("python", run, "-BE"),
            ("python", run, "-O"),
            ("python", run, "-Wignore"),
            ("python", run, "-cprint(\"x\")"),
            ("python", run, "-Xutf8"),
            ("javascript", run, "--use_strict"),
            ("javascript", run, "--max-old-space-size=200"),
            ("javascript", run, "--stack-size=4000"),
            ("php", run, "--no-php-ini"),
            ("php", run, "-dmemory_limit=64M"),
            ("rust", compile, "-Copt-level=3"),
        ] {
            assert!(allows(language, stage, argument), "{language} {argument}");
        }
    }

    #[test]
    fn no_shipped_language_allows_files_plugins_and_programs() {
        let registry = shipped();
        for toolchain in registry.all() {
            for stage in [StageKind::Compile, StageKind::Run] {
                let of_compilers = OF_COMPILERS.iter().filter(|_| stage == StageKind::Compile);
                for argument in DANGEROUS.iter().chain(of_compilers) {
                    let check = toolchain.arguments.check(stage, [(*argument).to_owned()].iter());
                    assert!(check.is_err(), "{} {argument}", toolchain.name);
                }
            }
        }
    }

    /// Arguments that read or write a file of the client's choice, run another program, or take the next argument.
    const DANGEROUS: &[&str] = &[
        "@args",
        "@/etc/passwd",
        "main.c",
        "/etc/passwd",
        "-",
        "--",
        "-o",
        "-o/tmp/x",
        "-I/etc",
        "-I.",
        "-L",
        "-L/tmp",
        "-l",
        "-l:/etc/passwd",
        "-B/tmp",
        "-B.",
        "-c",
        "-M",
        "-MD",
        "-MF/tmp/x",
        "-x",
        "-xassembler",
        "-include",
        "-include/etc/passwd",
        "-imacros",
        "-isystem",
        "-iquote.",
        "-idirafter.",
        "--include=/etc/passwd",
        "-fplugin",
        "-fplugin=x.so",
        "-fplugin-arg-x-y",
        "-specs",
        "-specs=x",
        "--specs=x",
        "-wrapper",
        "-Wl,-rpath=.",
        "-Wl,--plugin",
        "-Wa,-a",
        "-Wp,-MD,x",
        "-Xlinker",
        "-Xclang",
        "-Xassembler",
        "-Xpreprocessor",
        "-T",
        "-Tx.ld",
        "-fuse-ld=/tmp/x",
        "-fdump-tree-all",
        "-save-temps",
        "-dumpdir",
        "-aux-info",
        "--sysroot=/",
        "-nostdinc",
        "-DX=@y",
        "-DX=/etc",
        "-Dx=$(id)",
        "-Dx=`id`",
        "-D",
        "-U",
        "-fprofile-use=x",
        "-J-javaagent:x.jar",
        "-Xbootclasspath/p:.",
        "-Xbootclasspath:x",
        "-javaagent:x.jar",
        "-agentlib:jdwp",
        "-agentpath:x",
        "--class-path=.",
        "-processor",
        "-processorpath",
        "-Xplugin:x",
        "--main-class=../x",
        "-XX:OnError=id",
        "-XX:+UnlockDiagnosticVMOptions",
        "-Xlog:gc:file=x",
        "--require",
        "--require=x",
        "-r",
        "--import=x",
        "--inspect",
        "-dauto_prepend_file=x",
        "-m",
        "-i",
    ];

    /// Letters that only set flags of an interpreter, but that change what a compiler writes, or take the next argument.
    const OF_COMPILERS: &[&str] = &["-B", "-I", "-E", "-S", "-R", "-u", "-b", "-cp", "-classpath"];
}
