//! The options of a language: the values that a request can select, and the arguments that each adds to the commands.
//!
//! A request names values only. The words that reach a compiler or an interpreter are those of the language file.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::{LanguageOption, OptionChoice, OptionSetting, OptionValue};

use crate::languages::host::why_missing;
use crate::languages::option_format::{DescribedValue, OptionFormat};
use crate::languages::stage_kind::StageKind;

/// In the command of a stage: the arguments that the options add.
pub(crate) const OPTIONS_PLACEHOLDER: &str = "{options}";
/// The name of the only value of a flag.
const ON: &str = "true";

/// The options of a language, in the order of its file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options(Vec<DeclaredOption>);

#[derive(Clone, Debug)]
struct DeclaredOption {
    name: String,
    title: String,
    help: String,
    default: OptionValue,
    /// The values; for a flag the one that means that it is on.
    choices: Vec<Choice>,
    requirement: Requirement,
}

#[derive(Clone, Debug)]
struct Choice {
    name: String,
    aliases: Vec<String>,
    additions: Additions,
    requirement: Requirement,
}

/// What a value adds to the commands of the stages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Additions {
    compile: StageAdditions,
    run: StageAdditions,
    /// Those of all other stages. Always empty: options are for the program that is run.
    other: StageAdditions,
}

/// What options add to the command of one stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageAdditions {
    /// Arguments in place of `{options}`.
    pub(crate) arguments: Vec<String>,
    /// Environment variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// Arguments of the request in place of `{arguments}`.
    pub(crate) requested: Vec<String>,
}

/// What a host must have so that a value can be selected.
#[derive(Clone, Debug, Default)]
struct Requirement {
    /// The first version of the toolchain that knows it.
    since: Option<String>,
    /// What of it is not installed.
    missing: Option<String>,
}

impl Additions {
    pub(crate) const fn of(&self, stage: StageKind) -> &StageAdditions {
        match stage {
            StageKind::Compile => &self.compile,
            StageKind::Run => &self.run,
            StageKind::Check | StageKind::Format => &self.other,
        }
    }

    /// Returns these additions with arguments of a request, which the language allows.
    pub(crate) fn with_requested(mut self, compile: &[String], run: &[String]) -> Self {
        self.compile.requested = compile.to_vec();
        self.run.requested = run.to_vec();
        self
    }

    fn add(&mut self, more: &Self) {
        for (stage, more) in [(&mut self.compile, &more.compile), (&mut self.run, &more.run)] {
            stage.arguments.extend(more.arguments.iter().cloned());
            let variables = more.environment.iter();
            stage.environment.extend(variables.map(|(name, value)| (name.clone(), value.clone())));
        }
    }
}

impl Options {
    /// Reads the options of a language file.
    ///
    /// # Errors
    /// A message for the author of the file, if a default is not among the values.
    pub(super) fn new(options: Vec<OptionFormat>, launcher: Option<&Path>) -> Result<Self, String> {
        let options = options.into_iter().map(|option| DeclaredOption::new(option, launcher));
        let options = Self(options.collect());
        let defaults = options.0.iter().map(|option| option.check(&option.default));
        defaults.collect::<Result<(), _>>().map_err(|message| format!("default of {message}"))?;
        Ok(options)
    }

    /// Checks that there are these options, and that they can have these values.
    pub(super) fn check(&self, settings: &[OptionSetting]) -> Result<(), String> {
        for (index, OptionSetting { name, value }) in settings.iter().enumerate() {
            let option = self.0.iter().find(|option| option.name == *name);
            option.ok_or_else(|| self.unknown(name))?.check(value)?;
            if settings[..index].iter().any(|other| other.name == *name) {
                return Err(format!("options.{name}: is given twice"));
            }
        }
        Ok(())
    }

    /// Returns the arguments that the default values add.
    pub(super) fn defaults(&self) -> Additions {
        let mut additions = Additions::default();
        for option in &self.0 {
            option.selected(&option.default).for_each(|choice| additions.add(&choice.additions));
        }
        additions
    }

    /// Returns the arguments and variables that the values of a request add. Options that it does not set have the
    /// values that are `implied` by the name of the language, or else their defaults.
    ///
    /// # Errors
    /// A message for the client, which names the options or the values that there are.
    pub(crate) fn select(
        &self,
        settings: &[OptionSetting],
        implied: &[OptionSetting],
        version: &str,
    ) -> Result<Additions, String> {
        self.check(settings)?;
        let find = |settings: &[OptionSetting], option: &DeclaredOption| {
            settings.iter().find(|setting| setting.name == option.name).map(|setting| setting.value.clone())
        };
        let mut additions = Additions::default();
        for option in &self.0 {
            let value = find(settings, option).or_else(|| find(implied, option));
            let value = value.unwrap_or_else(|| option.default.clone());
            for choice in option.selected(&value) {
                if value != option.default {
                    option.require(choice, version)?;
                }
                additions.add(&choice.additions);
            }
        }
        Ok(additions)
    }

    /// Returns what clients may know of the options, given the version of the toolchain, if it works.
    pub(super) fn describe(&self, version: Option<&str>) -> Vec<LanguageOption> {
        self.0.iter().map(|option| option.describe(version)).collect()
    }

    fn unknown(&self, name: &str) -> String {
        let names: Vec<_> = self.0.iter().map(|option| option.name.as_str()).collect();
        match names.as_slice() {
            [] => format!("options.{name}: the language has no options"),
            names => format!("options.{name}: unknown option; the options are {}", names.join(", ")),
        }
    }
}

impl DeclaredOption {
    fn new(option: OptionFormat, launcher: Option<&Path>) -> Self {
        let default = OptionValue::from(option.default.clone());
        let mut values: Vec<DescribedValue> =
            option.values.iter().cloned().map(DescribedValue::from).collect();
        if matches!(default, OptionValue::Flag(_)) {
            values = vec![DescribedValue { name: ON.to_owned(), ..DescribedValue::default() }];
        }
        let choices = values.into_iter().map(|value| Choice::new(value, &option, launcher)).collect();
        Self {
            name: option.name,
            title: option.title,
            help: option.help,
            default,
            choices,
            requirement: Requirement::new(option.since, &option.requires, launcher),
        }
    }

    /// Checks that a value is of the right kind, and declared.
    fn check(&self, value: &OptionValue) -> Result<(), String> {
        let is_declared = |name: &String| self.choices.iter().any(|choice| choice.has_name(name));
        let is_valid = match (value, &self.default) {
            (OptionValue::Flag(_), OptionValue::Flag(_)) => true,
            (OptionValue::Choice(name), OptionValue::Choice(_)) => is_declared(name),
            (OptionValue::Set(names), OptionValue::Set(_)) => names.iter().all(is_declared),
            _ => false,
        };
        let names: Vec<_> = self.choices.iter().map(|choice| format!("\"{}\"", choice.name)).collect();
        let names = names.join(", ");
        match &self.default {
            _ if is_valid => Ok(()),
            OptionValue::Flag(_) => Err(format!("options.{}: it must be true or false", self.name)),
            OptionValue::Choice(_) => Err(format!("options.{}: it must be one of {names}", self.name)),
            OptionValue::Set(_) => Err(format!("options.{}: it must be a list of {names}", self.name)),
        }
    }

    /// Returns the choices that a valid value selects, in the order of the language file.
    fn selected(&self, value: &OptionValue) -> impl Iterator<Item = &Choice> {
        self.choices.iter().filter(move |choice| match value {
            OptionValue::Flag(is_on) => *is_on,
            OptionValue::Choice(name) => choice.has_name(name),
            OptionValue::Set(names) => names.iter().any(|name| choice.has_name(name)),
        })
    }

    fn require(&self, choice: &Choice, version: &str) -> Result<(), String> {
        let reason = self.requirement.why_unmet(version).or_else(|| choice.requirement.why_unmet(version));
        match reason {
            None => Ok(()),
            Some(reason) => Err(format!("options.{}: {} is not available: {reason}", self.name, choice.name)),
        }
    }

    fn describe(&self, version: Option<&str>) -> LanguageOption {
        let values = self.choices.iter().map(|choice| OptionChoice {
            name: choice.name.clone(),
            unavailable: version.and_then(|version| choice.requirement.why_unmet(version)),
        });
        LanguageOption {
            name: self.name.clone(),
            title: self.title.clone(),
            help: self.help.clone(),
            default: self.default.clone(),
            values: match self.default {
                OptionValue::Flag(_) => Vec::new(),
                _ => values.collect(),
            },
            unavailable: version.and_then(|version| self.requirement.why_unmet(version)),
        }
    }
}

impl Choice {
    /// Reads a value: it adds what it describes, or else what its option does.
    fn new(value: DescribedValue, option: &OptionFormat, launcher: Option<&Path>) -> Self {
        let argument = value.argument.as_ref().unwrap_or(&value.name);
        let arguments = |own: Option<Vec<String>>, shared: &[String]| -> Vec<String> {
            let words = own.unwrap_or_else(|| shared.to_vec());
            words.into_iter().map(|word| word.replace("{value}", argument)).collect()
        };
        Self {
            additions: Additions {
                compile: StageAdditions {
                    arguments: arguments(value.compile, &option.compile),
                    ..StageAdditions::default()
                },
                run: StageAdditions {
                    arguments: arguments(value.run, &option.run),
                    environment: value.environment.unwrap_or_else(|| option.environment.clone()),
                    ..StageAdditions::default()
                },
                ..Additions::default()
            },
            requirement: Requirement::new(value.since, &value.requires, launcher),
            name: value.name,
            aliases: value.aliases,
        }
    }

    fn has_name(&self, name: &String) -> bool {
        self.name == *name || self.aliases.contains(name)
    }
}

impl Requirement {
    fn new(since: Option<String>, requires: &[String], launcher: Option<&Path>) -> Self {
        Self { since, missing: requires.iter().find_map(|required| why_missing(required, launcher)) }
    }

    /// Returns why it cannot be used with this version of the toolchain, or `None` if it can.
    fn why_unmet(&self, version: &str) -> Option<String> {
        let since = self.since.as_ref().filter(|since| numbers(version) < numbers(since));
        let too_old = since.map(|since| format!("it requires version {since}, and {version} is installed"));
        too_old.or_else(|| self.missing.clone())
    }
}

/// Returns the numbers of a version, which compare as versions do: 9.10 is later than 9.9.
fn numbers(version: &str) -> Vec<u64> {
    let words = version.split(|letter: char| !letter.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use protocol::{OptionSetting, OptionValue};

    use super::{Options, StageKind, numbers};
    use crate::languages::option_format::OptionFormat;

    const FILE: &str = r#"
        [[options]]
        name = "std"
        title = "Standard"
        help = ""
        default = "c17"
        values = ["c99", "c17", { name = "c23", aliases = ["c2x"], argument = "c2x", since = "14" }]
        compile = ["-std={value}"]
        [[options]]
        name = "sanitize"
        title = "Sanitizers"
        help = ""
        default = []
        values = [{ name = "address", environment = { ASAN = "x" } }, "thread"]
        compile = ["-fsanitize={value}"]
        [[options]]
        name = "openmp"
        title = "OpenMP"
        help = ""
        default = false
        compile = ["-fopenmp"]
        run = ["--threads"]
        requires = ["/usr/no/such*/library"]
        [[options]]
        name = "assertions"
        title = "Assertions"
        help = ""
        default = true
        run = ["-ea"]
    "#;

    #[derive(serde::Deserialize)]
    struct File {
        options: Vec<OptionFormat>,
    }

    fn options() -> Options {
        Options::new(toml::from_str::<File>(FILE).unwrap().options, None).unwrap()
    }

    fn choice(name: &str) -> OptionValue {
        OptionValue::Choice(name.to_owned())
    }

    fn set(names: &[&str]) -> OptionValue {
        OptionValue::Set(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn settings(settings: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
        let setting = |(name, value): &(&str, OptionValue)| OptionSetting {
            name: (*name).to_owned(),
            value: value.clone(),
        };
        settings.iter().map(setting).collect()
    }

    /// Returns the arguments of both stages and the variables that these settings add, or the message.
    fn select(requested: &[(&str, OptionValue)], implied: &[(&str, OptionValue)]) -> Result<String, String> {
        let additions = options().select(&settings(requested), &settings(implied), "12.2.0")?;
        let [compile, run] = [StageKind::Compile, StageKind::Run].map(|stage| additions.of(stage));
        let variables: Vec<_> = run.environment.keys().cloned().collect();
        Ok(format!("{} / {} / {}", compile.arguments.join(" "), run.arguments.join(" "), variables.join(" ")))
    }

    #[test]
    fn a_value_adds_the_words_of_the_language_file() {
        let flag = OptionValue::Flag;
        for (requested, expected) in [
            (&[][..], "-std=c17 / -ea / "),
            (&[("std", choice("c17")), ("assertions", flag(true))], "-std=c17 / -ea / "),
            (&[("std", choice("c99")), ("assertions", flag(false))], "-std=c99 /  / "),
            (&[("sanitize", set(&[]))], "-std=c17 / -ea / "),
            // In the order of the language file, and each once.
            (
                &[("sanitize", set(&["thread", "address", "thread"]))],
                "-std=c17 -fsanitize=address -fsanitize=thread / -ea / ASAN",
            ),
        ] {
            assert_eq!(select(requested, &[]), Ok(expected.to_owned()), "{requested:?}");
        }
        assert_eq!(options().defaults(), options().select(&[], &[], "12.2.0").unwrap());
    }

    #[test]
    fn a_request_overrides_what_the_name_of_the_language_implies() {
        let implied = &[("std", choice("c99"))];
        assert_eq!(select(&[], implied), Ok("-std=c99 / -ea / ".to_owned()));
        assert_eq!(select(&[("std", choice("c17"))], implied), Ok("-std=c17 / -ea / ".to_owned()));
    }

    #[test]
    fn a_value_that_is_not_declared_is_refused_with_those_that_are() {
        let flag = OptionValue::Flag;
        let values = r#"options.std: it must be one of "c99", "c17", "c23""#;
        let list = r#"options.sanitize: it must be a list of "address", "thread""#;
        for (requested, expected) in [
            (
                &[("x", flag(true))][..],
                "options.x: unknown option; the options are std, sanitize, openmp, assertions",
            ),
            (&[("std", choice("c11"))], values),
            (&[("std", choice("-std=c99"))], values),
            (&[("std", choice("c99 -DX"))], values),
            (&[("std", choice(""))], values),
            (&[("std", flag(true))], values),
            (&[("std", set(&["c99"]))], values),
            (&[("sanitize", choice("address"))], list),
            (&[("sanitize", set(&["address", "x"]))], list),
            (&[("openmp", choice("true"))], "options.openmp: it must be true or false"),
            (&[("std", choice("c99")), ("std", choice("c99"))], "options.std: is given twice"),
            (
                &[("std", choice("c2x"))],
                "options.std: c23 is not available: it requires version 14, and 12.2.0 is installed",
            ),
            (
                &[("openmp", flag(true))],
                "options.openmp: true is not available: /usr/no/such*/library is not installed",
            ),
        ] {
            assert_eq!(select(requested, &[]), Err(expected.to_owned()), "{requested:?}");
        }
        let none = Options::default().select(&settings(&[("x", flag(true))]), &[], "1");
        assert_eq!(none, Err("options.x: the language has no options".to_owned()));
    }

    #[test]
    fn the_description_says_what_this_host_offers() {
        let described = options().describe(Some("12.2.0"));
        let std = &described[0];
        assert_eq!(std.default, choice("c17"));
        let values: Vec<_> =
            std.values.iter().map(|value| (&*value.name, value.unavailable.is_none())).collect();
        assert_eq!(values, [("c99", true), ("c17", true), ("c23", false)]);
        assert!(options().describe(Some("14.1"))[0].values.iter().all(|value| value.unavailable.is_none()));
        assert_eq!(described[2].unavailable.as_deref(), Some("/usr/no/such*/library is not installed"));
        assert!(described[2].values.is_empty());
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(numbers("9.10") > numbers("9.9") && numbers("12.2.0") > numbers("12"));
        assert!(numbers("1.85.0") >= numbers("1.85") && numbers("17.0.15") < numbers("21"));
        assert!(numbers("1.8.0_392") < numbers("17"));
    }
}
