//! The tool `list_languages`.

use protocol::{Availability, Language, LanguageOption, OptionValue, Package, PackageSet};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments;
use crate::backend::Backend;
use crate::bounds::MAX_LISTED_PACKAGES;
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
        let sets: Vec<_> =
            sets(language).map(|(of, set)| summary(set, (of != version).then_some(of))).collect();
        let packages =
            if sets.is_empty() { String::new() } else { format!("; packages: {}", sets.join("; ")) };
        format!("{}: {}, {versions}{aliases}{packages}\n", language.name, language.title)
    };
    let text: String = languages.iter().map(line).collect();
    let entries: Vec<_> =
        languages.iter().map(|(language, version)| entry(language, version, MAX_LISTED_PACKAGES)).collect();
    with_structured(vec![ContentBlock::text(text)], json!({"languages": entries}))
}

fn details(language: &Language, version: &str) -> CallToolResult {
    let mut json = entry(language, version, usize::MAX);
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

/// Describes a language with at most this many packages of each set.
fn entry(language: &Language, version: &str, max_packages: usize) -> Value {
    let mut json = json!({
        "name": language.name,
        "title": language.title,
        "version": version,
        "versions": language.versions.iter().map(|one| &one.version).collect::<Vec<_>>(),
        "aliases": language.aliases,
        "file_name": language.file_name,
        "compiled": language.compile_limits.is_some(),
    });
    let sets: Vec<_> = sets(language)
        .map(|(version, set)| {
            let packages: Vec<_> = set.packages.iter().take(max_packages).map(package).collect();
            json!({
                "name": set.name,
                "version": version,
                "default": set.is_default,
                "packages": packages,
                "count": set.packages.len(),
            })
        })
        .collect();
    if !sets.is_empty() {
        json["packages"] = sets.into();
    }
    json
}

/// Returns the package sets of all versions, each with its version, those of the default version first.
fn sets(language: &Language) -> impl Iterator<Item = (&str, &PackageSet)> {
    let (default, others): (Vec<_>, Vec<_>) = language.versions.iter().partition(|one| one.is_default);
    default
        .into_iter()
        .chain(others)
        .flat_map(|one| one.packages.iter().map(|set| (one.version.as_str(), set)))
}

/// Returns a set as a part of a line, with its version if that is not the default version of the language.
fn summary(set: &PackageSet, version: Option<&str>) -> String {
    let names: Vec<_> =
        set.packages.iter().take(MAX_LISTED_PACKAGES).map(|package| package.name.as_str()).collect();
    let default = if set.is_default { ", the default" } else { "" };
    let version = version.map(|version| format!(" of {version}")).unwrap_or_default();
    let more = match set.packages.len().saturating_sub(MAX_LISTED_PACKAGES) {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    format!("{}{version}{default} ({}{more})", set.name, names.join(", "))
}

fn package(package: &Package) -> String {
    match &package.version {
        Some(version) => format!("{} {version}", package.name),
        None => package.name.clone(),
    }
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

#[cfg(test)]
mod tests {
    use protocol::{ArgumentPatterns, Editor, Limits, ToolchainVersion};

    use super::*;

    fn set(name: &str, is_default: bool, packages: &[&str]) -> PackageSet {
        let package = |name: &&str| Package { name: (*name).to_owned(), version: Some("1.0".to_owned()) };
        PackageSet { name: name.to_owned(), is_default, packages: packages.iter().map(package).collect() }
    }

    /// Returns Python with two versions, one of which is the default and has these package sets.
    fn python(sets: Vec<PackageSet>) -> Vec<(Language, String)> {
        let of_pypy = vec![set("old", false, &["six"])];
        let version = |version: &str, is_default, packages| ToolchainVersion {
            version: version.to_owned(),
            is_default,
            packages,
            ..ToolchainVersion::default()
        };
        let language = Language {
            name: "python".to_owned(),
            title: "Python".to_owned(),
            aliases: Vec::new(),
            extensions: Vec::new(),
            file_name: "main.py".to_owned(),
            availability: Availability::Available { version: "3.11".to_owned() },
            limits: Limits::RUN,
            compile_limits: None,
            editor: Editor::default(),
            example: String::new(),
            options: Vec::new(),
            arguments: ArgumentPatterns::default(),
            formatter: None,
            versions: vec![version("7.3", false, of_pypy), version("3.11", true, sets.clone())],
            judge0_ids: Vec::new(),
            packages: sets,
        };
        vec![(language, "3.11".to_owned())]
    }

    #[test]
    fn the_list_has_the_package_sets_of_all_versions() {
        let sets = vec![set("data", true, &["numpy", "pandas"]), set("web", false, &["requests"])];
        let result = list(&python(sets));
        let text = &result.content[0].as_text().unwrap().text;
        let packages = "data, the default (numpy, pandas); web (requests); old of 7.3 (six)";
        assert_eq!(text, &format!("python: Python, 3.11 or 7.3; packages: {packages}\n"));
        let listed = &result.structured_content.unwrap()["languages"][0]["packages"];
        assert_eq!(
            listed[0],
            json!({"name": "data", "version": "3.11", "default": true, "packages": ["numpy 1.0", "pandas 1.0"], "count": 2})
        );
        assert_eq!((&listed[2]["name"], &listed[2]["version"]), (&json!("old"), &json!("7.3")));
    }

    #[test]
    fn the_list_is_short_and_the_description_of_a_language_complete() {
        let names = ["a"; MAX_LISTED_PACKAGES + 2];
        let languages = python(vec![set("large", false, &names)]);
        let result = list(&languages);
        assert!(result.content[0].as_text().unwrap().text.contains(", a, and 2 more); old of 7.3"));
        let packages = |result: CallToolResult| {
            let set = &result.structured_content.unwrap()["languages"][0]["packages"][0];
            (set["packages"].as_array().unwrap().len(), set["count"].clone())
        };
        assert_eq!(packages(result), (MAX_LISTED_PACKAGES, json!(names.len())));
        let (language, version) = &languages[0];
        assert_eq!(packages(details(language, version)), (names.len(), json!(names.len())));
    }
}
