//! The tool `list_languages`.

use protocol::{Availability, Language, LanguageOption, OptionValue};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments;
use crate::backend::Backend;
use crate::refusal::Refusal;
use crate::run_code::with_structured;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    language: Option<String>,
}

/// Lists the languages that are available, or describes one of them.
pub(crate) async fn call(
    backend: &impl Backend,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Refusal> {
    let Arguments { language } = arguments::parse(arguments)?;
    let languages = available(backend.languages().await?);
    match language {
        None => Ok(list(&languages)),
        Some(name) => match languages.iter().find(|(language, _)| language.is_called(&name)) {
            Some((language, version)) => Ok(details(language, version)),
            None => Err(Refusal {
                available: Some(names(&languages)),
                ..Refusal::new(Refusal::UNSUPPORTED_LANGUAGE, "no such language")
            }),
        },
    }
}

/// Adds the names of the available languages to the refusal of a language that does not exist.
pub(crate) async fn explained(mut refusal: Refusal, backend: &impl Backend) -> Refusal {
    if refusal.code == Refusal::UNSUPPORTED_LANGUAGE && refusal.available.is_none() {
        refusal.available = backend.languages().await.ok().map(|languages| names(&available(languages)));
    }
    refusal
}

/// Returns the languages that can be used, with their versions.
fn available(languages: Vec<Language>) -> Vec<(Language, String)> {
    let with_version = |language: Language| match &language.availability {
        Availability::Available { version } => {
            let version = version.clone();
            Some((language, version))
        }
        Availability::Unavailable { .. } => None,
    };
    languages.into_iter().filter_map(with_version).collect()
}

fn names(languages: &[(Language, String)]) -> Vec<String> {
    languages.iter().map(|(language, _)| language.name.clone()).collect()
}

fn list(languages: &[(Language, String)]) -> CallToolResult {
    let line = |(language, version): &(Language, String)| {
        let aliases = if language.aliases.is_empty() {
            String::new()
        } else {
            format!(" (also {})", language.aliases.join(", "))
        };
        let others = language.versions.iter().filter(|one| !one.is_default).map(|one| one.version.as_str());
        let versions = [version.as_str()].into_iter().chain(others).collect::<Vec<_>>().join(" or ");
        format!("{}: {}, {versions}{aliases}\n", language.name, language.title)
    };
    let text: String = languages.iter().map(line).collect();
    let entries: Vec<_> = languages.iter().map(|(language, version)| entry(language, version)).collect();
    with_structured(vec![ContentBlock::text(text)], json!({"languages": entries}))
}

fn details(language: &Language, version: &str) -> CallToolResult {
    let mut json = entry(language, version);
    json["options"] =
        language.options.iter().filter(|option| option.unavailable.is_none()).map(option).collect();
    json["limits"] = json!({
        "cpu_ms": milliseconds(language.limits.cpu_time),
        "wall_ms": milliseconds(language.limits.wall_time),
        "memory_bytes": language.limits.memory.bytes(),
    });
    json["example"] = language.example.as_str().into();
    let structured = json!({"languages": [json]});
    let text = serde_json::to_string_pretty(&structured["languages"][0]).unwrap_or_default();
    with_structured(vec![ContentBlock::text(text)], structured)
}

fn entry(language: &Language, version: &str) -> Value {
    json!({
        "name": language.name,
        "title": language.title,
        "version": version,
        "versions": language.versions.iter().map(|one| &one.version).collect::<Vec<_>>(),
        "aliases": language.aliases,
        "file_name": language.file_name,
        "compiled": language.compile_limits.is_some(),
    })
}

fn option(option: &LanguageOption) -> Value {
    let values: Vec<_> =
        option.values.iter().filter(|value| value.unavailable.is_none()).map(|value| &value.name).collect();
    let (kind, default) = match &option.default {
        OptionValue::Flag(is_on) => ("flag", json!(is_on)),
        OptionValue::Choice(name) => ("choice", json!(name)),
        OptionValue::Set(names) => ("set", json!(names)),
    };
    json!({"name": option.name, "help": option.help, "type": kind, "default": default, "values": values})
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
