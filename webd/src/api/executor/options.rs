//! Options of a language, and environment variables, as JSON: those in a request, and those that a language offers.

use std::fmt;

use protocol::bounds::{
    MAX_OPTION_NAME, MAX_OPTION_VALUES, MAX_OPTIONS, MAX_VARIABLE, MAX_VARIABLE_NAME, MAX_VARIABLES,
    MAX_VARIABLES_TOTAL,
};
use protocol::{LanguageOption, OptionChoice, OptionSetting, OptionValue, Variable};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::api::strict_json::Entries;
use crate::http::error::ApiError;

/// The options of a request.
pub(crate) type OptionsJson = Entries<OptionValueJson, MAX_OPTIONS>;
/// The environment variables of a run.
pub(crate) type EnvironmentJson = Entries<String, MAX_VARIABLES>;

/// The value of an option.
#[derive(Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "ValueSchema"))]
pub(crate) struct OptionValueJson(OptionValue);

#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum ValueSchema {
    Flag(bool),
    Choice(String),
    Set(Vec<String>),
}

/// An option of a language.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LanguageOptionJson {
    name: String,
    title: String,
    help: String,
    #[serde(rename = "type")]
    kind: OptionKind,
    default: OptionValueJson,
    values: Vec<OptionChoiceJson>,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The kind of an option: what its value is.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum OptionKind {
    Flag,
    Choice,
    Set,
}

/// A value of an option.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OptionChoiceJson {
    name: String,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Returns the options of a request as settings for the daemon.
///
/// # Errors
/// A 400 for a name or a value that is too long.
pub(crate) fn settings(options: OptionsJson) -> Result<Vec<OptionSetting>, ApiError> {
    let too_long = |field: &str| {
        Err(ApiError::invalid_request(format!(
            "a name in `{field}` must be at most {MAX_OPTION_NAME} bytes long"
        )))
    };
    let Entries(options) = options;
    let mut settings = Vec::with_capacity(options.len());
    for (name, OptionValueJson(value)) in options {
        let values = match &value {
            OptionValue::Flag(_) => &[],
            OptionValue::Choice(value) => std::slice::from_ref(value),
            OptionValue::Set(values) => values.as_slice(),
        };
        if name.len() > MAX_OPTION_NAME {
            return too_long("options");
        }
        if values.iter().any(|value| value.len() > MAX_OPTION_NAME) {
            return too_long(&format!("options.{name}"));
        }
        settings.push(OptionSetting { name, value });
    }
    Ok(settings)
}

/// Returns the environment variables of a run: those of the request, and those of the run, which replace them. `field`
/// is the name of the field in messages.
///
/// # Errors
/// A 400 if they exceed a bound.
pub(crate) fn variables(
    common: &[(String, String)],
    own: Option<EnvironmentJson>,
    field: &str,
) -> Result<Vec<Variable>, ApiError> {
    let own = own.map(|Entries(own)| own).unwrap_or_default();
    let is_replaced = |name: &String| own.iter().any(|(other, _)| other == name);
    let mut all: Vec<_> = common.iter().filter(|(name, _)| !is_replaced(name)).cloned().collect();
    all.extend(own);
    let error = |message: String| Err(ApiError::invalid_request(message));
    if all.len() > MAX_VARIABLES {
        return error(format!("`{field}` must have at most {MAX_VARIABLES} variables"));
    }
    if all.iter().any(|(name, _)| name.len() > MAX_VARIABLE_NAME) {
        return error(format!("a name in `{field}` must be at most {MAX_VARIABLE_NAME} bytes long"));
    }
    if let Some((name, _)) = all.iter().find(|(_, value)| value.len() > MAX_VARIABLE) {
        return error(format!("`{field}.{name}` must be at most {MAX_VARIABLE} bytes long"));
    }
    if all.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_VARIABLES_TOTAL {
        return error(format!("`{field}` must be at most {MAX_VARIABLES_TOTAL} bytes long in total"));
    }
    Ok(all.into_iter().map(|(name, value)| Variable { name, value }).collect())
}

impl From<LanguageOption> for LanguageOptionJson {
    fn from(option: LanguageOption) -> Self {
        Self {
            name: option.name,
            title: option.title,
            help: option.help,
            kind: match option.default {
                OptionValue::Flag(_) => OptionKind::Flag,
                OptionValue::Choice(_) => OptionKind::Choice,
                OptionValue::Set(_) => OptionKind::Set,
            },
            default: OptionValueJson(option.default),
            values: option.values.into_iter().map(OptionChoiceJson::from).collect(),
            available: option.unavailable.is_none(),
            reason: option.unavailable,
        }
    }
}

impl From<OptionChoice> for OptionChoiceJson {
    fn from(choice: OptionChoice) -> Self {
        Self { name: choice.name, available: choice.unavailable.is_none(), reason: choice.unavailable }
    }
}

impl Serialize for OptionValueJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            OptionValue::Flag(is_on) => serializer.serialize_bool(*is_on),
            OptionValue::Choice(name) => serializer.serialize_str(name),
            OptionValue::Set(names) => serializer.collect_seq(names),
        }
    }
}

impl<'de> Deserialize<'de> for OptionValueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = OptionValue;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "true, false, a string, or an array of at most {MAX_OPTION_VALUES} strings")
    }

    fn visit_bool<E: Error>(self, is_on: bool) -> Result<OptionValue, E> {
        Ok(OptionValue::Flag(is_on))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<OptionValue, E> {
        Ok(OptionValue::Choice(name.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<OptionValue, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = elements.next_element()? {
            if names.len() == MAX_OPTION_VALUES {
                return Err(A::Error::invalid_length(MAX_OPTION_VALUES + 1, &self));
            }
            names.push(name);
        }
        Ok(OptionValue::Set(names))
    }
}
