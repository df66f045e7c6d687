//! `GET /api/languages`, from JSON to the type of the daemon.

use protocol::{
    ArgumentPatterns, Availability, Editor, Language, LanguageOption, Limits, OptionChoice, OptionValue,
    Package, PackageSet,
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
    example: String,
    #[serde(default)]
    options: Vec<OptionJson>,
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
            // No command needs the defaults of a remote language; the server applies them.
            limits: Limits::RUN,
            compile_limits: None,
            editor: Editor::default(),
            example: language.example,
            options: language.options.into_iter().map(LanguageOption::from).collect(),
            arguments: ArgumentPatterns::default(),
            formatter: None,
            versions: Vec::new(),
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
    fn a_language_has_its_options() {
        let json = r#"[{"name":"c","title":"C","aliases":["c17"],"extensions":["c"],"file_name":"main.c","available":true,
            "version":"gcc 12","limits":{"cpu_ms":1},"compile_limits":null,"editor":{"mode":"c","line_comment":"//","indent":4},
            "example":"int main;","options":[
              {"name":"wall","title":"W","help":"H","type":"flag","default":false,"values":[],"available":true},
              {"name":"sanitize","title":"S","help":"H","type":"set","default":["address"],"available":false,"reason":"no library",
               "values":[{"name":"address","available":true},{"name":"thread","available":false,"reason":"no kernel"}]}]},
           {"name":"go","title":"Go","aliases":[],"extensions":[],"file_name":"main.go","available":false,"reason":"not installed"}]"#;
        let languages: Vec<LanguageJson> = serde_json::from_str(json).unwrap();
        let languages: Vec<Language> = languages.into_iter().map(Language::from).collect();
        assert_eq!(languages[0].availability, Availability::Available { version: "gcc 12".to_owned() });
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
