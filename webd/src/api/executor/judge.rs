//! How runs are judged, as JSON in a request: comparisons, checkers and interactors.

use std::fmt;

use protocol::bounds::{MAX_FILES, MAX_LANGUAGE_NAME};
use protocol::{Compare, Judge, JudgeProgram, Tolerance};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::api::executor::limits::LimitsRequestJson;
use crate::api::executor::sources::{File, SourceFields};
use crate::api::strict_json::{AtMost, Object};
use crate::http::error::ApiError;

/// How the output of a run is compared with the expected output.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(untagged))]
pub(crate) enum CompareJson {
    /// By name.
    Name(CompareName),
    /// Numbers within an error.
    Float(FloatCompare),
}

/// A comparison without a parameter.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum CompareName {
    Exact,
    Lines,
    Tokens,
}

/// The comparison of numbers.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct FloatCompare {
    /// The largest absolute or relative error.
    float: f64,
}

impl<'de> Deserialize<'de> for CompareJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrObject;

        impl<'de> Visitor<'de> for NameOrObject {
            type Value = CompareJson;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("`exact`, `lines`, `tokens` or an object such as {\"float\": 1e-6}")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<CompareJson, E> {
                let known = match name {
                    "exact" => CompareName::Exact,
                    "lines" => CompareName::Lines,
                    "tokens" => CompareName::Tokens,
                    _ => return Err(E::invalid_value(serde::de::Unexpected::Str(name), &self)),
                };
                Ok(CompareJson::Name(known))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<CompareJson, A::Error> {
                FloatCompare::deserialize(MapAccessDeserializer::new(fields)).map(CompareJson::Float)
            }
        }

        deserializer.deserialize_any(NameOrObject)
    }
}

impl CompareJson {
    /// Converts the comparison. `prefix` comes before the name of the field in messages.
    ///
    /// # Errors
    /// A 400 that names the field.
    pub(super) fn into_compare(self, prefix: &str) -> Result<Compare, ApiError> {
        Ok(match self {
            Self::Name(CompareName::Exact) => Compare::Exact,
            Self::Name(CompareName::Lines) => Compare::Lines,
            Self::Name(CompareName::Tokens) => Compare::Tokens,
            Self::Float(FloatCompare { float }) => match Tolerance::new(float) {
                Some(tolerance) => Compare::Float(tolerance),
                None => {
                    let message = format!("`{prefix}compare.float` must be at least 0");
                    return Err(ApiError::invalid_request(message));
                }
            },
        })
    }
}

/// A checker or an interactor.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeProgramJson {
    language: String,
    code: Option<String>,
    filename: Option<String>,
    files: Option<AtMost<Object<File>, MAX_FILES>>,
    limits: Option<Object<LimitsRequestJson>>,
}

/// When the runs of a request stop.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum StopOn {
    /// After the first run that failed.
    FirstFailure,
}

/// The fields of a request that say what judges its runs.
#[derive(Debug)]
pub(super) struct JudgeFields {
    pub(super) checker: Option<Object<JudgeProgramJson>>,
    pub(super) interactor: Option<Object<JudgeProgramJson>>,
    pub(super) transcript: Option<bool>,
}

impl JudgeFields {
    /// Converts the fields.
    ///
    /// # Errors
    /// A 400 with a message that names the field.
    pub(super) fn into_judge(self) -> Result<Judge, ApiError> {
        if self.transcript.is_some() && self.interactor.is_none() {
            return Err(ApiError::invalid_request("`transcript` requires `interactor`"));
        }
        match (self.checker, self.interactor) {
            (None, None) => Ok(Judge::Comparison),
            (Some(Object(checker)), None) => Ok(Judge::Checker(Box::new(checker.into_program("checker")?))),
            (None, Some(Object(interactor))) => Ok(Judge::Interactor {
                program: Box::new(interactor.into_program("interactor")?),
                transcript: self.transcript.unwrap_or_default(),
            }),
            (Some(_), Some(_)) => {
                Err(ApiError::invalid_request("`checker` and `interactor` must not be used together"))
            }
        }
    }
}

impl JudgeProgramJson {
    fn into_program(self, field: &str) -> Result<JudgeProgram, ApiError> {
        let language = self.language;
        if language.len() > MAX_LANGUAGE_NAME {
            return Err(ApiError::invalid_request(format!("`{field}.language` is not a known language")));
        }
        let Object(limits) = self.limits.unwrap_or(Object(LimitsRequestJson::default()));
        let sources = SourceFields { code: self.code, filename: self.filename, files: self.files };
        Ok(JudgeProgram {
            language,
            files: sources.into_files(&format!("{field}."))?,
            limits: limits.into_request(&format!("{field}.limits"))?,
        })
    }
}
