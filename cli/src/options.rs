//! Options and environment variables on the command line: `std=c++23`, `warnings`, `sanitize=address,undefined`.

use std::str::FromStr;

use protocol::bounds::{
    MAX_OPTION_NAME, MAX_VARIABLE, MAX_VARIABLE_NAME, MAX_VARIABLES, MAX_VARIABLES_TOTAL,
};
use protocol::{Language, OptionSetting, OptionValue, Variable};

use crate::failure::Failure;
use crate::server::Connection;

/// One `--option NAME[=VALUE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionArgument {
    name: String,
    value: Option<String>,
}

/// One `--env NAME=VALUE`.
#[derive(Clone, Debug)]
pub(crate) struct VariableArgument {
    name: String,
    value: String,
}

impl FromStr for OptionArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if text.len() > MAX_OPTION_NAME {
            return Err(format!("an option has at most {MAX_OPTION_NAME} bytes"));
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

impl FromStr for VariableArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("a variable is NAME=VALUE, for example TZ=UTC")?;
        if name.len() > MAX_VARIABLE_NAME || value.len() > MAX_VARIABLE {
            return Err(format!(
                "a variable has at most {MAX_VARIABLE_NAME} bytes in its name and {MAX_VARIABLE} in its value"
            ));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// Returns the options as settings of a request. What a value means depends on the language's declaration, for which the
/// server is asked. It also refuses options and values that do not exist, and names those that do.
pub(crate) async fn settings(
    server: &mut Connection,
    language: &str,
    options: &[OptionArgument],
) -> Result<Vec<OptionSetting>, Failure> {
    if options.is_empty() {
        return Ok(Vec::new());
    }
    let languages = server.languages().await?;
    let language = Language::find(&languages, language);
    Ok(last_of_each(options).map(|option| setting(option, language)).collect())
}

/// Returns the variables of a request. The last one of a name wins.
pub(crate) fn variables(arguments: &[VariableArgument]) -> Result<Vec<Variable>, Failure> {
    let is_last = |index: usize, name: &str| arguments[index + 1..].iter().all(|other| other.name != name);
    let last = arguments.iter().enumerate().filter(|(index, argument)| is_last(*index, &argument.name));
    let variables: Vec<_> = last
        .map(|(_, argument)| Variable { name: argument.name.clone(), value: argument.value.clone() })
        .collect();
    let total: usize = variables.iter().map(|variable| variable.name.len() + variable.value.len()).sum();
    if variables.len() > MAX_VARIABLES || total > MAX_VARIABLES_TOTAL {
        return Err(Failure::Usage(format!(
            "--env can be given {MAX_VARIABLES} times, with {MAX_VARIABLES_TOTAL} bytes in total"
        )));
    }
    Ok(variables)
}

fn last_of_each(options: &[OptionArgument]) -> impl Iterator<Item = &OptionArgument> {
    let is_last = |index: usize, name: &str| options[index + 1..].iter().all(|other| other.name != name);
    options
        .iter()
        .enumerate()
        .filter(move |(index, option)| is_last(*index, &option.name))
        .map(|(_, option)| option)
}

/// Returns a setting of the kind that the language declares. Without a declaration, the daemon refuses it anyway.
fn setting(option: &OptionArgument, language: Option<&Language>) -> OptionSetting {
    let declared = language.and_then(|known| known.options.iter().find(|known| known.name == option.name));
    let value = match (declared.map(|declared| &declared.default), option.value.as_deref()) {
        (_, None) | (Some(OptionValue::Flag(_)), Some("true")) => OptionValue::Flag(true),
        (Some(OptionValue::Flag(_)), Some("false")) => OptionValue::Flag(false),
        (Some(OptionValue::Set(_)), Some(values)) => {
            let values = values.split(',').filter(|value| !value.is_empty());
            OptionValue::Set(values.map(str::to_owned).collect())
        }
        (_, Some(value)) => OptionValue::Choice(value.to_owned()),
    };
    OptionSetting { name: option.name.clone(), value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ArgumentPatterns, Availability, Editor, LanguageOption, Limits};

    fn language() -> Language {
        let option = |name: &str, default| LanguageOption {
            name: name.to_owned(),
            title: String::new(),
            help: String::new(),
            default,
            values: Vec::new(),
            unavailable: None,
        };
        Language {
            name: "c".to_owned(),
            title: "C".to_owned(),
            aliases: Vec::new(),
            extensions: Vec::new(),
            file_name: String::new(),
            availability: Availability::Available { version: "12".to_owned() },
            limits: Limits::RUN,
            compile_limits: None,
            editor: Editor::default(),
            example: String::new(),
            options: vec![
                option("warnings", OptionValue::Flag(false)),
                option("std", OptionValue::Choice("c17".to_owned())),
                option("sanitize", OptionValue::Set(Vec::new())),
            ],
            arguments: ArgumentPatterns::default(),
            formatter: None,
            judge0_ids: Vec::new(),
            packages: Vec::new(),
            versions: Vec::new(),
        }
    }

    #[test]
    fn an_option_has_the_kind_that_its_language_declares() {
        let language = language();
        let value = |text: &str| setting(&text.parse().unwrap(), Some(&language)).value;
        let choice = |name: &str| OptionValue::Choice(name.to_owned());
        assert_eq!(value("warnings"), OptionValue::Flag(true));
        assert_eq!(value("warnings=true"), OptionValue::Flag(true));
        assert_eq!(value("warnings=false"), OptionValue::Flag(false));
        assert_eq!(value("warnings=no"), choice("no"));
        assert_eq!(value("std=c99"), choice("c99"));
        assert_eq!(value("std"), OptionValue::Flag(true));
        let set = OptionValue::Set(vec!["address".to_owned(), "undefined".to_owned()]);
        assert_eq!(value("sanitize=address,undefined"), set);
        assert_eq!(value("sanitize="), OptionValue::Set(Vec::new()));
        assert_eq!(value("unknown=1"), choice("1"));
    }

    #[test]
    fn the_last_of_a_name_wins() {
        let options = ["std=c99", "warnings", "std=c11"].map(|text| text.parse::<OptionArgument>().unwrap());
        let names: Vec<_> = last_of_each(&options).map(|option| option.value.as_deref()).collect();
        assert_eq!(names, [None, Some("c11")]);
        let variables = variables(&["A=1", "B==", "A="].map(|text| text.parse().unwrap())).unwrap();
        let pairs: Vec<_> = variables.iter().map(|variable| (&*variable.name, &*variable.value)).collect();
        assert_eq!(pairs, [("B", "="), ("A", "")]);
    }

    #[test]
    fn arguments_beyond_a_bound_are_refused() {
        assert!("A".parse::<VariableArgument>().is_err());
        assert!(format!("A={}", "x".repeat(MAX_VARIABLE)).parse::<VariableArgument>().is_ok());
        assert!(format!("A={}", "x".repeat(MAX_VARIABLE + 1)).parse::<VariableArgument>().is_err());
        assert!("x".repeat(MAX_OPTION_NAME + 1).parse::<OptionArgument>().is_err());
        let many = |count: usize| -> Vec<VariableArgument> {
            (0..count).map(|number| format!("A{number}=").parse().unwrap()).collect()
        };
        assert!(variables(&many(MAX_VARIABLES)).is_ok() && variables(&many(MAX_VARIABLES + 1)).is_err());
    }
}
