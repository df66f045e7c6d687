//! Options of a language: declarations, and selections of a request.

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_OPTION_NAME, MAX_OPTION_VALUES, MAX_TEXT};

/// Option that a language declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageOption {
    /// Name in requests.
    #[serde(deserialize_with = "bounded::string::<_, MAX_OPTION_NAME>")]
    pub name: String,
    /// Name to display.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub title: String,
    /// Description of the option, in one sentence.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub help: String,
    /// Value if a request gives none. Its kind is the kind of the option.
    pub default: OptionValue,
    /// Values that can be selected; none for a flag.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_OPTION_VALUES>")]
    pub values: Vec<OptionChoice>,
    /// Why this host does not offer the option, if it does not.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_TEXT>")]
    pub unavailable: Option<String>,
}

/// Value that can be selected for an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionChoice {
    /// Name in requests.
    #[serde(deserialize_with = "bounded::string::<_, MAX_OPTION_NAME>")]
    pub name: String,
    /// Why this host does not offer the value, if it does not.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_TEXT>")]
    pub unavailable: Option<String>,
}

/// Value of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OptionValue {
    /// On or off.
    Flag(bool),
    /// One of the values that the option declares.
    Choice(#[serde(deserialize_with = "bounded::string::<_, MAX_OPTION_NAME>")] String),
    /// Any number of them.
    Set(#[serde(deserialize_with = "bounded::strings::<_, MAX_OPTION_VALUES, MAX_OPTION_NAME>")] Vec<String>),
}

/// Option that a request sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionSetting {
    /// Name of the option.
    #[serde(deserialize_with = "bounded::string::<_, MAX_OPTION_NAME>")]
    pub name: String,
    /// Value for this request.
    pub value: OptionValue,
}
