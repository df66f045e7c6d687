//! Limits as JSON: the same names in a request, in an answer and in the list of languages. They come from the table of
//! limits in `protocol`.

use std::time::Duration;

use protocol::quantity::{Kind, Value};
use protocol::{ByteCount, Limits, LimitsRequest, each_limit};
use serde::{Deserialize, Serialize};

use crate::api::executor::number::Number;
use crate::http::error::ApiError;

macro_rules! json_types {
    ($($name:ident: $type:ident {
        json: $json:ident, cli: $cli:literal, help: $help:literal, $($values:tt)*
    })*) => {
        /// The limits of a stage, after defaults and maximums were applied.
        #[derive(Clone, Debug, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub(crate) struct LimitsJson {
            $(#[doc = $help] $json: u64,)*
        }

        /// The limits of a request; missing ones get the defaults of the language.
        #[derive(Debug, Default, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub(crate) struct LimitsRequestJson {
            $(#[doc = $help] #[cfg_attr(test, schemars(with = "Option<u64>"))] $json: Option<Number>,)*
        }

        impl From<&Limits> for LimitsJson {
            fn from(limits: &Limits) -> Self {
                Self { $($json: limits.$name.number(),)* }
            }
        }

        impl LimitsRequestJson {
            /// Converts the limits. `field` is the field of the request that has them, for messages.
            ///
            /// # Errors
            /// A 400 that names the limit.
            pub(crate) fn into_request(self, field: &str) -> Result<LimitsRequest, ApiError> {
                Ok(LimitsRequest { $($name: parse::<$type>(field, stringify!($json), self.$json)?,)* })
            }
        }
    };
}

each_limit!(json_types);

/// Converts a number. The daemon lowers a limit to the administrator's maximum, so no number is too large. A part of a
/// millisecond or of a byte counts as a whole one; there is no part of a process or of a file.
fn parse<T: Value>(field: &str, key: &str, number: Option<Number>) -> Result<Option<T>, ApiError> {
    let Some(number) = number else { return Ok(None) };
    let invalid = |problem: &str| ApiError::invalid_request(format!("`{field}.{key}` must be {problem}"));
    match number {
        Number::Whole(0) | Number::Negative => Err(invalid("at least 1")),
        Number::Fraction { .. } if T::KIND == Kind::Count => Err(invalid("a whole number")),
        Number::Whole(number) | Number::Fraction { next: number } => Ok(Some(T::from_number(number))),
    }
}
