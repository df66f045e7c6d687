//! `executor languages NAME`: one language with its options.

use protocol::{Availability, Language, LanguageOption, OptionValue};

use crate::output::Output;
use crate::packages::summary;

/// Columns of the table of options.
const COLUMNS: usize = 3;

/// Returns the lines about a language.
pub(crate) fn describe(language: &Language, out: &Output) -> String {
    let version = match &language.availability {
        Availability::Available { version } => version.clone(),
        Availability::Unavailable { reason } => out.red(&format!("not available: {reason}")),
    };
    let extensions: Vec<_> = language.extensions.iter().map(|extension| format!(".{extension}")).collect();
    let mut text = String::new();
    for (label, value) in [
        ("name", language.name.clone()),
        ("title", language.title.clone()),
        ("version", version),
        ("aliases", list(&language.aliases)),
        ("extensions", list(&extensions)),
    ] {
        text += &format!("{label:12}{value}\n");
    }
    for set in &language.packages {
        text += &format!("{:12}{}\n", "packages", summary(set));
    }
    if language.options.is_empty() {
        return text + "options     -\n";
    }
    text + "\n" + &table(&language.options) + &unavailable(&language.options, out)
}

fn table(options: &[LanguageOption]) -> String {
    let heads = ["OPTION", "DEFAULT", "VALUES"].map(str::to_owned);
    let rows: Vec<[String; COLUMNS]> = [heads].into_iter().chain(options.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (names, defaults) = (width(0), width(1));
    rows.iter()
        .map(|[name, default, values]| format!("{name:names$}  {default:defaults$}  {values}\n"))
        .collect()
}

fn row(option: &LanguageOption) -> [String; COLUMNS] {
    let available = option.values.iter().filter(|value| value.unavailable.is_none());
    let values: Vec<_> = available.map(|value| value.name.clone()).collect();
    let (default, values) = match &option.default {
        OptionValue::Flag(is_on) => (is_on.to_string(), "true, false".to_owned()),
        OptionValue::Choice(name) => (name.clone(), list(&values)),
        OptionValue::Set(names) => (list(names), format!("any of {}", list(&values))),
    };
    [option.name.clone(), default, values]
}

/// Returns the lines about options and values that this host does not offer.
fn unavailable(options: &[LanguageOption], out: &Output) -> String {
    let mut lines = String::new();
    for option in options {
        let of_values = option.values.iter().filter_map(|value| {
            Some((format!("{}={}", option.name, value.name), value.unavailable.as_ref()?))
        });
        let of_option = option.unavailable.iter().map(|reason| (option.name.clone(), reason));
        for (what, reason) in of_option.chain(of_values) {
            lines += &format!("{what} is {}\n", out.red(&format!("not available: {reason}")));
        }
    }
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}
