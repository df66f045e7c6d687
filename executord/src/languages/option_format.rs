//! The format of the options in a language file. docs/languages.md describes each key.

use std::collections::BTreeMap;

use protocol::OptionValue;
use serde::Deserialize;

/// An option that requests can set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionFormat {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) help: String,
    pub(super) default: SettingFormat,
    #[serde(default)]
    pub(super) values: Vec<ValueFormat>,
    #[serde(default)]
    pub(super) compile: Vec<String>,
    #[serde(default)]
    pub(super) run: Vec<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    pub(super) since: Option<String>,
    #[serde(default)]
    pub(super) requires: Vec<String>,
}

/// A value as a language file writes it. Its type is the kind of the option.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a value is true, false, a name, or a list of names")]
pub(super) enum SettingFormat {
    /// On or off.
    Flag(bool),
    /// One of the values.
    Choice(String),
    /// Any number of the values.
    Set(Vec<String>),
}

impl From<SettingFormat> for OptionValue {
    fn from(setting: SettingFormat) -> Self {
        match setting {
            SettingFormat::Flag(is_on) => Self::Flag(is_on),
            SettingFormat::Choice(name) => Self::Choice(name),
            SettingFormat::Set(names) => Self::Set(names),
        }
    }
}

/// A value that can be selected.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a value is a name, or a table with name, aliases, argument, compile, run, environment, since, requires"
)]
pub(super) enum ValueFormat {
    /// One that adds what the option adds.
    Name(String),
    /// One that differs.
    Described(DescribedValue),
}

/// A value that differs from the others of its option.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DescribedValue {
    pub(super) name: String,
    /// Other names in requests.
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    /// What `{value}` stands for, if it is not the name.
    pub(super) argument: Option<String>,
    /// In place of those of the option.
    pub(super) compile: Option<Vec<String>>,
    pub(super) run: Option<Vec<String>>,
    pub(super) environment: Option<BTreeMap<String, String>>,
    pub(super) since: Option<String>,
    #[serde(default)]
    pub(super) requires: Vec<String>,
}

impl From<ValueFormat> for DescribedValue {
    fn from(value: ValueFormat) -> Self {
        match value {
            ValueFormat::Name(name) => Self { name, ..Self::default() },
            ValueFormat::Described(described) => described,
        }
    }
}
