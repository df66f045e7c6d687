//! Arguments of compilers and interpreters in requests to the APIs of other servers: declared options of the language where it
//! has them, else words that the language allows. The daemon checks them again.

use protocol::bounds::{MAX_TOOLCHAIN_ARG, MAX_TOOLCHAIN_ARGS};
use protocol::{ArgumentPatterns, Language, OptionSetting, OptionValue};
use regex::{Regex, RegexBuilder};

/// Words that change nothing here: the files are sources of the language, and C is linked with the mathematical library.
const WITHOUT_EFFECT: [&str; 7] = ["-g", "-pipe", "-lm", "-lstdc++", "-xc", "-xc++", "-static-libstdc++"];
/// Words that set a flag.
const FLAGS: [(&str, &str); 5] = [
    ("-Wall", "wall"),
    ("-Wextra", "warnings"),
    ("-Werror", "werror"),
    ("-pedantic", "pedantic"),
    ("-fopenmp", "openmp"),
];

/// What the arguments of a compiler select.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CompilerWords {
    /// Options, each once.
    pub(crate) options: Vec<OptionSetting>,
    /// Words that are no options, in their order.
    pub(crate) words: Vec<String>,
    /// The first word that a compiler would take for a file that does not exist.
    pub(crate) missing_file: Option<String>,
}

impl CompilerWords {
    /// Checks the arguments of the compiler of a language. A later word replaces an earlier one, as for a compiler. A word can
    /// be the name of one of `files`, which are compiled too.
    ///
    /// # Errors
    /// The first word that the language does not allow.
    pub(crate) fn check(words: &[String], language: &Language, files: &[&str]) -> Result<Self, String> {
        let allowed = Allowed::new(&language.arguments.compile);
        let has_options = has_options(&language.name);
        let mut checked = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-x" if has_options => match words.next().map(String::as_str) {
                    Some("c" | "c++") => {}
                    _ => return Err(word.clone()),
                },
                known if has_options && WITHOUT_EFFECT.contains(&known) => {}
                file if files.contains(&file) => checked.words.push(word.clone()),
                file if is_file_name(file) => {
                    checked.missing_file.get_or_insert_with(|| word.clone());
                }
                _ => match option(word).filter(|setting| has_options && offers(language, setting)) {
                    Some(setting) => checked.set(setting),
                    None => checked.words.push(allowed.check(word)?),
                },
            }
            if checked.words.len() > MAX_TOOLCHAIN_ARGS {
                return Err(word.clone());
            }
        }
        Ok(checked)
    }

    /// Adds what later arguments select.
    pub(crate) fn extend(&mut self, later: Self) {
        later.options.into_iter().for_each(|setting| self.set(setting));
        self.words.extend(later.words);
        self.missing_file = self.missing_file.take().or(later.missing_file);
    }

    /// Sets an option.
    fn set(&mut self, setting: OptionSetting) {
        self.options.retain(|other| other.name != setting.name);
        self.options.push(setting);
    }

    /// Sets an option, unless it is set.
    pub(crate) fn set_default(&mut self, name: &str, value: OptionValue) {
        if self.options.iter().all(|setting| setting.name != name) {
            self.options.push(OptionSetting { name: name.to_owned(), value });
        }
    }
}

/// Checks the arguments of the interpreter of a language.
///
/// # Errors
/// The first word that the language does not allow.
pub(crate) fn interpreter_words(words: &[String], language: &Language) -> Result<Vec<String>, String> {
    let allowed = Allowed::new(&language.arguments.run);
    let mut checked = Vec::with_capacity(words.len());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        checked.push(match (word.as_str(), words.as_slice().first()) {
            // Python takes the program from this argument, and also if it is not separate.
            ("-c", Some(program)) => {
                words.next();
                allowed.check(&format!("{word}{program}")).map_err(|_| word.clone())?
            }
            _ => allowed.check(word)?,
        });
    }
    match checked.get(MAX_TOOLCHAIN_ARGS) {
        None => Ok(checked),
        Some(word) => Err(word.clone()),
    }
}

/// Returns whether arguments of the compiler of a language can be options: those of GCC and Clang.
pub(crate) fn has_options(language: &str) -> bool {
    ["c", "cpp", "c-clang", "cpp-clang"].contains(&language)
}

/// The words that match a pattern.
struct Allowed(Option<Regex>);

impl Allowed {
    fn new(patterns: &[String]) -> Self {
        // The daemon has compiled the same expression.
        Self(ArgumentPatterns::expression(patterns).and_then(|all| {
            let built = RegexBuilder::new(&all).unicode(false).build();
            built.inspect_err(|error| tracing::error!(%error, "cannot read the patterns of a language")).ok()
        }))
    }

    fn check(&self, word: &str) -> Result<String, String> {
        let is_allowed =
            word.len() <= MAX_TOOLCHAIN_ARG && self.0.as_ref().is_some_and(|allowed| allowed.is_match(word));
        if is_allowed { Ok(word.to_owned()) } else { Err(word.to_owned()) }
    }
}

/// Returns whether a compiler would take a word for a file of the work directory.
fn is_file_name(word: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.=+-".contains(&byte);
    !word.is_empty() && !word.starts_with('-') && word.bytes().all(is_allowed)
}

/// Returns the option that a word of GCC selects.
fn option(word: &str) -> Option<OptionSetting> {
    let setting = |name: &str, value| Some(OptionSetting { name: name.to_owned(), value });
    let choice = |value: &str| OptionValue::Choice(value.to_owned());
    if let Some((_, name)) = FLAGS.iter().find(|(flag, _)| *flag == word) {
        return setting(name, OptionValue::Flag(true));
    }
    if word == "-O" {
        return setting("optimize", choice("1"));
    }
    if let Some(level) = word.strip_prefix("-O") {
        return setting("optimize", choice(level));
    }
    if let Some(standard) = word.strip_prefix("-std=") {
        return setting("std", choice(standard));
    }
    let sanitizers = word.strip_prefix("-fsanitize=")?;
    setting("sanitize", OptionValue::Set(sanitizers.split(',').map(str::to_owned).collect()))
}

/// Returns whether a language of this host has an option with a value.
fn offers(language: &Language, setting: &OptionSetting) -> bool {
    let Some(option) = language.options.iter().find(|option| option.name == setting.name) else {
        return false;
    };
    let has =
        |name: &String| option.values.iter().any(|value| value.name == *name && value.unavailable.is_none());
    option.unavailable.is_none()
        && match &setting.value {
            OptionValue::Flag(_) => true,
            OptionValue::Choice(name) => has(name),
            OptionValue::Set(names) => names.iter().all(has),
        }
}

#[cfg(test)]
pub(crate) mod tests {
    use protocol::{Availability, Editor, LanguageOption, Limits, OptionChoice};

    use super::*;

    /// Returns a language with some of the options and patterns of the shipped ones.
    pub(crate) fn language(name: &str) -> Language {
        let option = |name: &str, default: OptionValue, values: &[&str]| LanguageOption {
            name: name.to_owned(),
            title: String::new(),
            help: String::new(),
            default,
            values: values
                .iter()
                .map(|&name| OptionChoice { name: name.to_owned(), unavailable: None })
                .collect(),
            unavailable: None,
        };
        let flag = |name: &str| option(name, OptionValue::Flag(false), &[]);
        let choice = |value: &str| OptionValue::Choice(value.to_owned());
        let patterns = |patterns: &[&str]| patterns.iter().map(ToString::to_string).collect();
        let is_compiled = !["python", "javascript", "bash", "php"].contains(&name);
        let (compile, run): (&[&str], &[&str]) = match name {
            "java" => (&["-Xlint", r"--main-class=[A-Za-z.]{1,64}"], &["-ea", "-Xss[0-9]{1,5}m"]),
            "python" => (&[], &["-[BEO]{1,3}", "-c[ -~]{1,250}"]),
            "c" | "cpp" => (&["-D[A-Z]{1,8}(=[0-9]{1,8})?", r"-std=[a-z0-9+]{1,8}", "-l[a-z]{1,16}"], &[]),
            _ => (&[], &[]),
        };
        Language {
            name: name.to_owned(),
            title: name.to_owned(),
            aliases: Vec::new(),
            extensions: Vec::new(),
            file_name: "main".to_owned(),
            availability: Availability::Available { version: "1".to_owned() },
            limits: Limits::RUN,
            compile_limits: is_compiled.then_some(Limits::COMPILE),
            editor: Editor::default(),
            example: String::new(),
            options: if has_options(name) {
                vec![
                    flag("wall"),
                    flag("warnings"),
                    flag("werror"),
                    flag("pedantic"),
                    option("std", choice("c17"), &["c99", "c11", "c17", "c++20"]),
                    option("optimize", choice("2"), &["0", "1", "2", "3"]),
                    option("sanitize", OptionValue::Set(Vec::new()), &["address", "undefined"]),
                ]
            } else {
                Vec::new()
            },
            arguments: ArgumentPatterns { compile: patterns(compile), run: patterns(run) },
            formatter: None,
            judge0_ids: Vec::new(),
            packages: Vec::new(),
            versions: Vec::new(),
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn checked(name: &str, text: &str) -> Result<(Vec<(String, OptionValue)>, String), String> {
        let checked = CompilerWords::check(&words(text), &language(name), &["other.c"])?;
        assert_eq!(checked.missing_file, None, "{text}");
        let options = checked.options.into_iter().map(|one| (one.name, one.value)).collect();
        Ok((options, checked.words.join(" ")))
    }

    #[test]
    fn words_select_options_and_others_must_be_allowed() {
        let choice = |name: &str, value: &str| (name.to_owned(), OptionValue::Choice(value.to_owned()));
        let flag = |name: &str| (name.to_owned(), OptionValue::Flag(true));
        let sanitizers = OptionValue::Set(vec!["address".to_owned(), "undefined".to_owned()]);
        for (text, options, rest) in [
            ("", vec![], ""),
            ("-Wall -Werror -std=c99 -x c", vec![flag("wall"), flag("werror"), choice("std", "c99")], ""),
            ("-O2 -g -O3 -lm", vec![choice("optimize", "3")], ""),
            ("-O -Wextra -pedantic", vec![choice("optimize", "1"), flag("warnings"), flag("pedantic")], ""),
            ("-fsanitize=address,undefined", vec![("sanitize".to_owned(), sanitizers)], ""),
            ("-O1 other.c", vec![choice("optimize", "1")], "other.c"),
            ("-DN=1 -O1 -lpthread -std=c2x", vec![choice("optimize", "1")], "-DN=1 -lpthread -std=c2x"),
        ] {
            assert_eq!(checked("c", text), Ok((options, rest.to_owned())), "{text}");
        }
        for (text, refused) in [
            ("-Wall -Dx=1", "-Dx=1"),
            ("-x assembler", "-x"),
            ("-o /tmp/x", "-o"),
            ("-O9", "-O9"),
            ("-fopenmp", "-fopenmp"),
            ("-fsanitize=address,leak", "-fsanitize=address,leak"),
            ("@file", "@file"),
            ("-fplugin=x.so", "-fplugin=x.so"),
            ("./main.c", "./main.c"),
            ("/etc/passwd", "/etc/passwd"),
        ] {
            assert_eq!(checked("c", text), Err(refused.to_owned()));
        }
        assert_eq!(checked("java", "-Xlint"), Ok((vec![], "-Xlint".to_owned())));
        assert_eq!(checked("java", "-lm"), Err("-lm".to_owned()));
        let missing = CompilerWords::check(&words("-O1 std=c89 x.o"), &language("c"), &[]).unwrap();
        assert_eq!(missing.missing_file.as_deref(), Some("std=c89"));
        let many = vec!["-DX"; MAX_TOOLCHAIN_ARGS + 1].join(" ");
        assert_eq!(checked("c", &many), Err("-DX".to_owned()));
    }

    #[test]
    fn words_of_an_interpreter_must_be_allowed() {
        let check = |name: &str, text: &str| interpreter_words(&words(text), &language(name));
        assert_eq!(check("python", "-BE -O"), Ok(words("-BE -O")));
        assert_eq!(check("python", "-B -c print(1) -E"), Ok(words("-B -cprint(1) -E")));
        assert_eq!(check("python", "-c"), Err("-c".to_owned()));
        assert_eq!(check("python", &format!("-c {}", "x".repeat(260))), Err("-c".to_owned()));
        assert_eq!(check("java", "-c x"), Err("-c".to_owned()));
        assert_eq!(check("c", "-O"), Err("-O".to_owned()));
        assert_eq!(check("c", ""), Ok(vec![]));
    }
}
