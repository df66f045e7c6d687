//! `GET /api/languages`, from JSON to the type of the daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::quantity::Value;
use protocol::{
    ArgumentPatterns, Availability, ByteCount, Editor, Language, LanguageOption, Limits, OptionChoice,
    OptionValue, Package, PackageSet, ToolchainVersion, each_limit,
};
use serde::Deserialize;

/// A language. Fields that a newer server adds are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct LanguageJson {
    name: String,
    title: String,
    aliases: Vec<String>,
    extensions: Vec<String>,
    file_name: String,
    version: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    limits: LimitsJson,
    compile_limits: Option<LimitsJson>,
    #[serde(default)]
    example: String,
    #[serde(default)]
    options: Vec<OptionJson>,
    #[serde(default)]
    versions: Vec<VersionJson>,
    #[serde(default)]
    packages: Vec<PackageSetJson>,
}

/// Limits by their names in the API.
type LimitsJson = BTreeMap<String, u64>;

/// A version of a language.
#[derive(Debug, Deserialize)]
struct VersionJson {
    version: String,
    title: String,
    default: bool,
    #[serde(default)]
    packages: Vec<PackageSetJson>,
}

/// A package set.
#[derive(Debug, Deserialize)]
struct PackageSetJson {
    name: String,
    default: bool,
    packages: Vec<PackageJson>,
}

#[derive(Debug, Deserialize)]
struct PackageJson {
    name: String,
    version: Option<String>,
}

/// An option of a language.
#[derive(Debug, Deserialize)]
struct OptionJson {
    name: String,
    title: String,
    help: String,
    default: DefaultJson,
    #[serde(default)]
    values: Vec<ChoiceJson>,
    reason: Option<String>,
}

/// The kind of a default is that of the option.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum DefaultJson {
    Flag(bool),
    Choice(String),
    Set(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct ChoiceJson {
    name: String,
    reason: Option<String>,
}

macro_rules! from_json {
    ($($name:ident: $type:ident { json: $json:ident, $($values:tt)* })*) => {
        /// Returns limits; those that an older server does not name are as in `defaults`.
        fn limits(json: &LimitsJson, defaults: Limits) -> Limits {
            let number = |name: &str| json.get(name).copied();
            Limits { $($name: number(stringify!($json)).map_or(defaults.$name, <$type>::from_number),)* }
        }
    };
}

each_limit!(from_json);

impl From<VersionJson> for ToolchainVersion {
    fn from(version: VersionJson) -> Self {
        Self {
            version: version.version,
            title: version.title,
            is_default: version.default,
            packages: version.packages.into_iter().map(PackageSet::from).collect(),
        }
    }
}

impl From<PackageSetJson> for PackageSet {
    fn from(set: PackageSetJson) -> Self {
        let package = |package: PackageJson| Package { name: package.name, version: package.version };
        let packages = set.packages.into_iter().map(package).collect();
        Self { name: set.name, is_default: set.default, packages }
    }
}

impl From<LanguageJson> for Language {
    fn from(language: LanguageJson) -> Self {
        let reason = language.reason.unwrap_or_default();
        let availability = match language.version {
            Some(version) => Availability::Available { version },
            None => Availability::Unavailable { reason },
        };
        Self {
            name: language.name,
            title: language.title,
            aliases: language.aliases,
            extensions: language.extensions,
            file_name: language.file_name,
            availability,
            limits: limits(&language.limits, Limits::RUN),
            compile_limits: language.compile_limits.map(|json| limits(&json, Limits::COMPILE)),
            editor: Editor::default(),
            example: language.example,
            options: language.options.into_iter().map(LanguageOption::from).collect(),
            arguments: ArgumentPatterns::default(),
            formatter: None,
            versions: language.versions.into_iter().map(ToolchainVersion::from).collect(),
            judge0_ids: Vec::new(),
            packages: language.packages.into_iter().map(PackageSet::from).collect(),
        }
    }
}

impl From<OptionJson> for LanguageOption {
    fn from(option: OptionJson) -> Self {
        Self {
            name: option.name,
            title: option.title,
            help: option.help,
            default: match option.default {
                DefaultJson::Flag(is_on) => OptionValue::Flag(is_on),
                DefaultJson::Choice(name) => OptionValue::Choice(name),
                DefaultJson::Set(names) => OptionValue::Set(names),
            },
            values: option
                .values
                .into_iter()
                .map(|value| OptionChoice { name: value.name, unavailable: value.reason })
                .collect(),
            unavailable: option.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_its_limits_options_and_versions() {
        let json = r#"[{"name":"c","title":"C","aliases":["c17"],"extensions":["c"],"file_name":"main.c","available":true,
            "version":"gcc 12","limits":{"cpu_ms":1},"compile_limits":{"memory_bytes":2},"editor":{"mode":"c","line_comment":"//","indent":4},
            "versions":[{"version":"gcc 12","title":"C","default":true,"packages":[{"name":"m","default":true,"packages":[]}]}],
            "example":"int main;","options":[
              {"name":"wall","title":"W","help":"H","type":"flag","default":false,"values":[],"available":true},
              {"name":"sanitize","title":"S","help":"H","type":"set","default":["address"],"available":false,"reason":"no library",
               "values":[{"name":"address","available":true},{"name":"thread","available":false,"reason":"no kernel"}]}]},
           {"name":"go","title":"Go","aliases":[],"extensions":[],"file_name":"main.go","available":false,"reason":"not installed"}]"#;
        let languages: Vec<LanguageJson> = serde_json::from_str(json).unwrap();
        let languages: Vec<Language> = languages.into_iter().map(Language::from).collect();
        assert_eq!(languages[0].availability, Availability::Available { version: "gcc 12".to_owned() });
        let limits = Limits { cpu_time: Duration::from_millis(1), ..Limits::RUN };
        assert_eq!(languages[0].limits, limits);
        let limits = Limits { memory: ByteCount(2), ..Limits::COMPILE };
        assert_eq!(languages[0].compile_limits.as_ref(), Some(&limits));
        assert_eq!(languages[0].versions[0].packages[0].name, "m");
        assert_eq!((&languages[1].limits, &languages[1].compile_limits), (&Limits::RUN, &None));
        let [wall, sanitize] = languages[0].options.as_slice() else { unreachable!("{languages:?}") };
        assert_eq!(wall.default, OptionValue::Flag(false));
        assert_eq!(sanitize.default, OptionValue::Set(vec!["address".to_owned()]));
        assert_eq!(sanitize.unavailable.as_deref(), Some("no library"));
        assert_eq!(sanitize.values[1].unavailable.as_deref(), Some("no kernel"));
        assert_eq!(
            languages[1].availability,
            Availability::Unavailable { reason: "not installed".to_owned() }
        );
    }
}
