//! The `parameters` of a run: limits, and arguments of the compiler, of the interpreter and of the program.

use std::time::Duration;

use protocol::{ByteCount, Language, LimitsRequest, OptionValue};
use serde::Deserialize;

use crate::api::jobe::defaults::LanguageDefaults;
use crate::api::jobe::error::JobeError;
use crate::api::lenient_json::{List, Scalar};
use crate::domain::toolchain_words::{self, CompilerWords, has_options};

/// The language whose parameters can name a class.
const JAVA: &str = "java";
/// Elements of one list of arguments.
const MAX_ARGUMENTS: usize = 256;
/// Seconds of CPU time that a request may ask for.
const MAX_CPU_TIME: f64 = 120.0;
/// Bytes of a megabyte.
const MEGABYTE: u64 = 1024 * 1024;
/// Memory of a program in addition to its address space: its files, and buffers of the kernel.
const OTHER_MEMORY: u64 = 64;

/// The parameters as JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters {
    cputime: Scalar,
    memorylimit: Scalar,
    numprocs: Scalar,
    disklimit: Scalar,
    streamsize: Scalar,
    compileargs: List<Scalar, MAX_ARGUMENTS>,
    linkargs: List<Scalar, MAX_ARGUMENTS>,
    interpreterargs: List<Scalar, MAX_ARGUMENTS>,
    runargs: List<Scalar, MAX_ARGUMENTS>,
    main_class: Scalar,
}

impl Parameters {
    /// Returns the limits of a run.
    ///
    /// # Errors
    /// 400 for too much CPU time.
    pub(crate) fn limits(&self, language: &LanguageDefaults) -> Result<LimitsRequest, JobeError> {
        let cpu_time = number(&self.cputime).filter(|&seconds| seconds > 0.0).unwrap_or(5.0);
        if cpu_time > MAX_CPU_TIME {
            let message =
                format!("cputime exceeds maximum allowed on this Jobe server ({MAX_CPU_TIME} secs)");
            return Err(JobeError::invalid(message));
        }
        let cpu_time = Duration::from_secs_f64(cpu_time).max(Duration::from_millis(1));
        let address_space = match number(&self.memorylimit) {
            _ if language.address_space.is_none() => None,
            None => language.address_space,
            Some(limit) => Some(whole(limit)).filter(|&limit| limit > 0),
        };
        let processes = number(&self.numprocs).map_or(30, whole).max(u64::from(language.min_processes));
        let file_size = match number(&self.disklimit) {
            Some(limit) if limit < 0.0 => None,
            limit => Some(ByteCount(limit.map_or(20, whole).max(1).saturating_mul(MEGABYTE))),
        };
        let output = number(&self.streamsize).filter(|&limit| limit > 0.0).unwrap_or(2.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; `as` saturates"
        )]
        let output = (output * 1_048_576.0) as u64;
        Ok(LimitsRequest {
            cpu_time: Some(cpu_time),
            wall_time: Some(cpu_time * 2),
            memory: Some(match address_space {
                Some(limit) => ByteCount(limit.saturating_add(OTHER_MEMORY).saturating_mul(MEGABYTE)),
                // The daemon lowers it to its maximum.
                None => ByteCount(u64::MAX),
            }),
            address_space: address_space.map(|limit| ByteCount(limit.saturating_mul(MEGABYTE))),
            processes: Some(u32::try_from(processes).unwrap_or(u32::MAX)),
            file_size,
            disk: file_size,
            output: Some(ByteCount(output.max(1))),
            ..LimitsRequest::default()
        })
    }

    /// Returns the arguments of the program.
    ///
    /// # Errors
    /// 400 if the list is not one, or if a quotation mark is not closed.
    pub(crate) fn program_arguments(&self) -> Result<Vec<String>, JobeError> {
        Ok(words("runargs", &self.runargs)?.unwrap_or_default())
    }

    /// Returns the options that the arguments of the compiler select; `files` are the names of the files in
    /// `file_list`. What the request gives replaces the defaults, but the compilers of C and C++ never optimize by
    /// default. An interpreted language has no compiler, and ignores them.
    ///
    /// # Errors
    /// 400 for arguments that the language does not allow.
    pub(crate) fn compiler_words(
        &self,
        defaults: &LanguageDefaults,
        language: &Language,
        files: &[&str],
    ) -> Result<CompilerWords, JobeError> {
        let given = words("compileargs", &self.compileargs)?;
        let linked = words("linkargs", &self.linkargs)?.unwrap_or_default();
        if language.compile_limits.is_none() {
            return Ok(CompilerWords::default());
        }
        let given =
            given.unwrap_or_else(|| defaults.compile_args.iter().map(|&word| word.to_owned()).collect());
        let check = |name: &str, words: &[String]| {
            CompilerWords::check(words, language, files).map_err(|word| unsupported(name, &word))
        };
        let mut checked = check("compileargs", &given)?;
        checked.extend(check("linkargs", &linked)?);
        if let Some(class) =
            self.main_class.to_text().filter(|class| !class.is_empty() && defaults.own == JAVA)
        {
            checked.extend(check("main_class", &[format!("--main-class={class}")])?);
        }
        if has_options(&language.name) {
            checked.set_default("optimize", OptionValue::Choice("0".to_owned()));
        }
        Ok(checked)
    }

    /// Returns the arguments of the interpreter or virtual machine. Arguments of the request replace the defaults.
    ///
    /// # Errors
    /// 400 for arguments that the language does not allow.
    pub(crate) fn interpreter_words(
        &self,
        defaults: &LanguageDefaults,
        language: &Language,
    ) -> Result<Vec<String>, JobeError> {
        const NAME: &str = "interpreterargs";
        let check = |words: &[String]| toolchain_words::interpreter_words(words, language);
        match words(NAME, &self.interpreterargs)? {
            Some(given) => check(&given).map_err(|word| unsupported(NAME, &word)),
            None => {
                let defaults = defaults.interpreter_args.iter().map(|&word| vec![word.to_owned()]);
                // The administrator may have changed what the language allows.
                Ok(defaults.filter_map(|word| check(&word).ok()).flatten().collect())
            }
        }
    }
}

fn unsupported(name: &str, word: &str) -> JobeError {
    JobeError::invalid(format!("parameter {name}: {word} is not supported by this server"))
}

/// Returns a parameter that is a number, or a text that consists of one.
fn number(value: &Scalar) -> Option<f64> {
    let number = match value {
        Scalar::Text(text) => text.trim().parse().ok(),
        value => value.as_number(),
    };
    number.filter(|number: &f64| number.is_finite())
}

fn whole(number: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let whole = number.ceil() as u64;
    whole
}

/// Returns the words of a shell in the elements of a list, joined by blanks. Nothing is expanded. `None` if there is no
/// list.
fn words(name: &str, list: &List<Scalar, MAX_ARGUMENTS>) -> Result<Option<Vec<String>>, JobeError> {
    let invalid = |problem: &str| JobeError::invalid(format!("parameter {name} {problem}"));
    let elements = match list {
        List::Missing => return Ok(None),
        List::Elements(elements) => elements,
        List::TooLong => return Err(invalid("has too many elements")),
        List::Other => return Err(invalid("is not a list")),
    };
    let texts: Option<Vec<_>> = elements.iter().map(Scalar::to_text).collect();
    let joined = texts.ok_or_else(|| invalid("is not a list of texts"))?.join(" ");
    shlex::split(&joined).map(Some).ok_or_else(|| invalid("has a quotation mark that is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::lenient_json;
    use crate::domain::toolchain_words::tests::language;

    fn parameters(json: &str) -> Parameters {
        lenient_json::parse(json.as_bytes()).unwrap()
    }

    fn limits(own: &str, json: &str) -> LimitsRequest {
        parameters(json).limits(LanguageDefaults::of(own).unwrap()).unwrap()
    }

    #[test]
    fn limits_have_the_defaults_of_jobe() {
        let c = limits("c", "{}");
        assert_eq!((c.cpu_time, c.wall_time), (Some(Duration::from_secs(5)), Some(Duration::from_secs(10))));
        assert_eq!((c.memory, c.processes), (Some(ByteCount::mib(464)), Some(30)));
        assert_eq!(c.address_space, Some(ByteCount::mib(400)));
        assert_eq!((c.file_size, c.output), (Some(ByteCount::mib(20)), Some(ByteCount::mib(2))));
        assert_eq!(limits("python", "{}").memory, Some(ByteCount::mib(1064)));
        let java = limits("java", r#"{"memorylimit":100,"numprocs":3}"#);
        assert_eq!((java.memory, java.processes), (Some(ByteCount(u64::MAX)), Some(256)));
        assert_eq!(java.address_space, None);
    }

    #[test]
    fn limits_are_numbers_in_their_units() {
        let json = r#"{"cputime":"0.5","memorylimit":50,"numprocs":2,"disklimit":1,"streamsize":0.02}"#;
        let given = limits("c", json);
        assert_eq!(given.cpu_time, Some(Duration::from_millis(500)));
        assert_eq!(given.wall_time, Some(Duration::from_secs(1)));
        assert_eq!((given.memory, given.processes), (Some(ByteCount::mib(114)), Some(2)));
        assert_eq!((given.file_size, given.output), (Some(ByteCount::mib(1)), Some(ByteCount(20_971))));
        assert_eq!(limits("c", r#"{"disklimit":-1}"#).file_size, None);
        let unlimited = limits("c", r#"{"memorylimit":0}"#);
        assert_eq!((unlimited.memory, unlimited.address_space), (Some(ByteCount(u64::MAX)), None));
        let no_numbers =
            r#"{"cputime":"x","memorylimit":[],"numprocs":null,"disklimit":{},"streamsize":"big"}"#;
        assert_eq!(limits("c", no_numbers), limits("c", "{}"));
        assert_eq!(limits("c", r#"{"cputime":120}"#).cpu_time, Some(Duration::from_secs(120)));
        let error = parameters(r#"{"cputime":121}"#).limits(LanguageDefaults::of("c").unwrap()).unwrap_err();
        assert_eq!(error.message, "cputime exceeds maximum allowed on this Jobe server (120 secs)");
    }

    #[test]
    fn arguments_are_shell_words() {
        let arguments = |json: &str| parameters(json).program_arguments().map_err(|error| error.message);
        assert_eq!(arguments("{}"), Ok(vec![]));
        assert_eq!(
            arguments(r#"{"runargs":["\"x"]}"#),
            Err("parameter runargs has a quotation mark that is not closed".to_owned())
        );
        let json = r#"{"runargs":["\"a b\" c",1,"$HOME *"],"compileargs":[]}"#;
        assert_eq!(arguments(json).unwrap(), ["a b", "c", "1", "$HOME", "*"]);
    }

    #[test]
    fn arguments_of_a_toolchain_replace_the_defaults() {
        let compiler = |own: &str, json: &str| {
            let defaults = LanguageDefaults::of(own).unwrap();
            let checked = parameters(json).compiler_words(defaults, &language(own), &["other.c"]);
            let names = |checked: CompilerWords| {
                let options = checked.options.into_iter().map(|one| format!("{} {:?}", one.name, one.value));
                format!("{} / {}", options.collect::<Vec<_>>().join("; "), checked.words.join(" "))
            };
            checked.map(names).map_err(|error| error.message)
        };
        let standard = r#"std Choice("c99"); optimize Choice("0") / "#;
        assert_eq!(compiler("c", "{}").unwrap(), format!("wall Flag(true); werror Flag(true); {standard}"));
        assert_eq!(compiler("c", r#"{"compileargs":[]}"#).unwrap(), r#"optimize Choice("0") / "#);
        let given = r#"{"compileargs":["-O2 -std=c11 -DN=1"],"linkargs":["-lm -lpthread"]}"#;
        assert_eq!(
            compiler("c", given).unwrap(),
            r#"optimize Choice("2"); std Choice("c11") / -DN=1 -lpthread"#
        );
        assert_eq!(
            compiler("c", r#"{"compileargs":["other.c"]}"#).unwrap(),
            r#"optimize Choice("0") / other.c"#
        );
        let java = r#"{"compileargs":["-Xlint"],"main_class":"org.example.Main"}"#;
        assert_eq!(compiler("java", java).unwrap(), " / -Xlint --main-class=org.example.Main");
        // As in Jobe, what a language has no use for is ignored.
        assert_eq!(compiler("python", r#"{"compileargs":["-O2"],"main_class":"X"}"#).unwrap(), " / ");
        for (own, json, message) in [
            ("c", r#"{"linkargs":"-lm"}"#, "parameter linkargs is not a list"),
            ("python", r#"{"linkargs":"-lm"}"#, "parameter linkargs is not a list"),
            ("c", r#"{"linkargs":[[]]}"#, "parameter linkargs is not a list of texts"),
            ("c", r#"{"compileargs":["-Dx"]}"#, "parameter compileargs: -Dx is not supported by this server"),
            ("c", r#"{"linkargs":["./x.o"]}"#, "parameter linkargs: ./x.o is not supported by this server"),
            (
                "java",
                r#"{"compileargs":["-O2"]}"#,
                "parameter compileargs: -O2 is not supported by this server",
            ),
            (
                "java",
                r#"{"main_class":"../X"}"#,
                "parameter main_class: --main-class=../X is not supported by this server",
            ),
        ] {
            assert_eq!(compiler(own, json), Err(message.to_owned()));
        }
        let interpreter = |own: &str, json: &str| {
            let defaults = LanguageDefaults::of(own).unwrap();
            parameters(json).interpreter_words(defaults, &language(own)).map_err(|error| error.message)
        };
        assert_eq!(interpreter("python", "{}"), Ok(vec!["-BE".to_owned()]));
        assert_eq!(interpreter("java", "{}"), Ok(vec![]));
        assert_eq!(interpreter("python", r#"{"interpreterargs":["-BE"]}"#), Ok(vec!["-BE".to_owned()]));
        assert_eq!(interpreter("python", r#"{"interpreterargs":[]}"#), Ok(vec![]));
        assert_eq!(
            interpreter("python", r#"{"interpreterargs":["-c \"print(1)\""]}"#),
            Ok(vec!["-cprint(1)".to_owned()])
        );
    }
}
