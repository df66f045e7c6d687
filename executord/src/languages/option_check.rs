//! Checks of the options in a language file, beyond those of its types.

use std::collections::BTreeSet;

use protocol::bounds::{MAX_OPTION_NAME, MAX_OPTION_VALUES, MAX_OPTIONS};

use crate::languages::format::{Command, LanguageFile};
use crate::languages::option_format::{DescribedValue, OptionFormat, SettingFormat};
use crate::languages::options::OPTIONS_PLACEHOLDER;

/// Placeholders in what an option adds.
const PLACEHOLDERS: [&str; 4] = ["value", "launcher", "memory", "stack"];

/// Checks the options of a language file. Whether its defaults are among the values is checked when they are read.
///
/// # Errors
/// A message for the author of the file, which begins with the key.
pub(super) fn check(file: &LanguageFile) -> Result<(), String> {
    if file.options.len() > MAX_OPTIONS {
        return Err(format!("options: there are more than {MAX_OPTIONS}"));
    }
    let mut names = BTreeSet::new();
    for option in &file.options {
        let error = |message: String| Err(format!("options.{}: {message}", option.name));
        if !is_option_name(&option.name) {
            return error("name: must consist of lower-case letters, digits and '_'".to_owned());
        }
        if !names.insert(&option.name) {
            return error("two options have this name".to_owned());
        }
        check_option(option, file).or_else(error)?;
    }
    // Another version can be requested by the aliases of the file without a variant.
    let is_alias = |name: &&String| file.aliases.contains(name) || !file.variant.is_empty();
    match file.alias_options.keys().find(|name| !is_alias(name)) {
        None => Ok(()),
        Some(name) => Err(format!("alias_options.{name}: is not in aliases")),
    }
}

fn check_option(option: &OptionFormat, file: &LanguageFile) -> Result<(), String> {
    let values: Vec<DescribedValue> = option.values.iter().cloned().map(DescribedValue::from).collect();
    if values.len() > MAX_OPTION_VALUES {
        return Err(format!("there are more than {MAX_OPTION_VALUES} values"));
    }
    let mut names = BTreeSet::new();
    for name in values.iter().flat_map(|value| [&value.name].into_iter().chain(&value.aliases)) {
        if !is_value_name(name) {
            return Err(format!(
                "values: {name:?} must consist of letters, digits and . + _ -, and begin with a letter or a digit"
            ));
        }
        if !names.insert(name) {
            return Err(format!("values: {name} is there twice"));
        }
    }
    match (&option.default, values.is_empty()) {
        (SettingFormat::Flag(_), false) => {
            return Err("values: an option whose default is true or false has none".to_owned());
        }
        (SettingFormat::Choice(_) | SettingFormat::Set(_), true) => {
            return Err("values: must have at least one".to_owned());
        }
        _ => {}
    }
    let is_flag = values.is_empty();
    let compile = values.iter().filter_map(|value| value.compile.as_ref()).chain([&option.compile]);
    let run = values.iter().filter_map(|value| value.run.as_ref()).chain([&option.run]);
    check_arguments("compile", compile, file.compile.as_ref(), is_flag)?;
    check_arguments("run", run, Some(&file.run), is_flag)?;
    let environments = values.iter().filter_map(|value| value.environment.as_ref());
    for (name, value) in environments.chain([&option.environment]).flatten() {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(format!("environment: {name:?} or its value is invalid"));
        }
    }
    Ok(())
}

/// Checks what an option adds to the command of a stage.
fn check_arguments<'a>(
    stage: &str,
    lists: impl Iterator<Item = &'a Vec<String>>,
    command: Option<&Command>,
    is_flag: bool,
) -> Result<(), String> {
    for word in lists.flatten() {
        let places = command.iter().flat_map(|command| &command.command);
        if places.filter(|argument| *argument == OPTIONS_PLACEHOLDER).count() != 1 {
            return Err(format!("{stage}: {stage}.command must have {OPTIONS_PLACEHOLDER} once"));
        }
        for placeholder in placeholders(word) {
            if !PLACEHOLDERS.contains(&placeholder) || (placeholder == "value" && is_flag) {
                return Err(format!("{stage}: there is no placeholder {{{placeholder}}} here"));
            }
        }
    }
    Ok(())
}

/// Returns the words in braces.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

fn is_option_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    (1..=MAX_OPTION_NAME).contains(&name.len()) && name.chars().all(is_allowed)
}

/// Returns whether a value has a harmless name: as an argument it cannot be taken for an option.
fn is_value_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || ".+_-".contains(letter);
    (1..=MAX_OPTION_NAME).contains(&name.len())
        && name.chars().all(is_allowed)
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
}
