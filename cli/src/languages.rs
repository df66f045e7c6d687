//! `executor languages`.

use std::process::ExitCode;

use protocol::{Availability, Language, LanguageOption, OptionValue};
use serde_json::json;

use crate::failure::Failure;
use crate::language_details::describe;
use crate::output::Output;
use crate::packages::set_as_json;
use crate::server::Server;

/// Prints all languages, or the one with this name or alias.
pub(crate) async fn languages(server: &Server, name: Option<&str>, json: bool) -> Result<ExitCode, Failure> {
    let languages = server.connect().await?.languages().await?;
    let mut out = Output::stdout();
    let text = match (name, json) {
        (None, true) => format!("{:#}\n", json!(languages.iter().map(as_json).collect::<Vec<_>>())),
        (None, false) => table(&languages, &out),
        (Some(name), _) => {
            let language = Language::find(&languages, name).ok_or_else(|| {
                Failure::Usage(format!("no language is called {name:?}; `executor languages` lists them"))
            })?;
            if json { format!("{:#}\n", as_json(language)) } else { describe(language, &out) }
        }
    };
    out.write(text.as_bytes()).await?;
    Ok(ExitCode::SUCCESS)
}

fn table(languages: &[Language], out: &Output) -> String {
    let width = |cell: fn(&Language) -> String, title: &str| {
        languages
            .iter()
            .map(|language| cell(language).chars().count())
            .chain([title.len()])
            .max()
            .unwrap_or(0)
    };
    let (names, aliases) = (width(name, "NAME"), width(aliases, "ALIASES"));
    let mut table = format!("{:names$}  {:aliases$}  VERSION\n", "NAME", "ALIASES");
    for language in languages {
        let version = match &language.availability {
            Availability::Available { version } => version.clone(),
            Availability::Unavailable { reason } => out.red(&format!("not available: {reason}")),
        };
        table += &format!("{:names$}  {:aliases$}  {version}\n", name(language), self::aliases(language));
    }
    table
}

fn name(language: &Language) -> String {
    language.name.clone()
}

fn aliases(language: &Language) -> String {
    match language.aliases.as_slice() {
        [] => "-".into(),
        aliases => aliases.join(", "),
    }
}

fn as_json(language: &Language) -> serde_json::Value {
    let (available, version, reason) = match &language.availability {
        Availability::Available { version } => (true, Some(version), None),
        Availability::Unavailable { reason } => (false, None, Some(reason)),
    };
    json!({
        "name": language.name,
        "title": language.title,
        "aliases": language.aliases,
        "extensions": language.extensions,
        "available": available,
        "version": version,
        "reason": reason,
        "options": language.options.iter().map(option_as_json).collect::<Vec<_>>(),
        "packages": language.packages.iter().map(set_as_json).collect::<Vec<_>>(),
    })
}

fn option_as_json(option: &LanguageOption) -> serde_json::Value {
    let available = |unavailable: &Option<String>| unavailable.is_none();
    let values = option.values.iter().map(|value| {
        json!({ "name": value.name, "available": available(&value.unavailable), "reason": value.unavailable })
    });
    let (kind, default) = match &option.default {
        OptionValue::Flag(is_on) => ("flag", json!(is_on)),
        OptionValue::Choice(name) => ("choice", json!(name)),
        OptionValue::Set(names) => ("set", json!(names)),
    };
    json!({
        "name": option.name,
        "title": option.title,
        "help": option.help,
        "type": kind,
        "default": default,
        "values": values.collect::<Vec<_>>(),
        "available": available(&option.unavailable),
        "reason": option.unavailable,
    })
}
