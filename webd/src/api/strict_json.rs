//! JSON parsing that is stricter than serde's: an object must be an object (serde also accepts an array of the field
//! values), and a list is refused at the first element beyond its limit instead of after all are in memory. Errors name
//! the field.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

/// The byte order mark U+FEFF in UTF-8. RFC 8259, section 8.1: a parser may ignore it, and editors and .NET clients send it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a text is not the expected JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// It is not JSON.
    Syntax(String),
    /// It is JSON with other fields or values.
    Data(String),
}

/// Parses an object.
///
/// # Errors
/// [`JsonError`] with a message that names the field, if there is one.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, JsonError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    let Object(parsed): Object<T> = parsed.map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let message = explained(error.to_string());
        let message = match known_part(&path) {
            Some(field) if !message.contains(&format!("`{field}`")) => format!("`{field}`: {message}"),
            _ => message,
        };
        match error.classify() {
            Category::Data => JsonError::Data(message),
            _ => JsonError::Syntax(message),
        }
    })?;
    deserializer.end().map_err(|error| JsonError::Syntax(error.to_string()))?;
    Ok(parsed)
}

/// Returns the field at a path of `serde_path_to_error`, which is `.` for the whole text and ends in `?` where a name should begin.
fn known_part(path: &str) -> Option<&str> {
    let known = path.trim_end_matches('?').trim_end_matches('.');
    (!known.is_empty()).then_some(known)
}

/// Explains a message of serde_json that names only a detail of its parser.
fn explained(message: String) -> String {
    let is_half_a_pair = ["lone leading surrogate", "unexpected end of hex escape"]
        .iter()
        .any(|beginning| message.starts_with(beginning));
    if is_half_a_pair { format!("half of a surrogate pair is not a character: {message}") } else { message }
}

/// A `T` that must be a JSON object.
#[derive(Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(transparent))]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMap<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer.deserialize_map(OnlyMap(PhantomData)).map(Object)
    }
}

/// A list of at most `MAX` elements.
#[derive(Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(transparent))]
pub(crate) struct AtMost<T, const MAX: usize>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Elements<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                write!(formatter, "an array of at most {MAX} elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element()? {
                    if list.len() == MAX {
                        return Err(A::Error::invalid_length(MAX + 1, &self));
                    }
                    list.push(element);
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(Elements::<T, MAX>(PhantomData)).map(AtMost)
    }
}

/// The fields of an object with at most `MAX`, in their order and each name once.
#[derive(Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, T>"))]
pub(crate) struct Entries<T, const MAX: usize>(pub(crate) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Entries<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Fields<T, MAX> {
            type Value = Vec<(String, T)>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                write!(formatter, "an object with at most {MAX} fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(String, T)> = Vec::new();
                while let Some(name) = fields.next_key::<String>()? {
                    if entries.len() == MAX {
                        return Err(A::Error::invalid_length(MAX + 1, &self));
                    }
                    if entries.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    let value = fields.next_value()?;
                    entries.push((name, value));
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Fields::<T, MAX>(PhantomData)).map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Point {
        x: u8,
        y: Option<AtMost<u8, 2>>,
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let result = match parse::<Point>(json.as_bytes()) {
            Ok(_) => "valid".to_owned(),
            Err(JsonError::Syntax(message) | JsonError::Data(message)) => message,
        };
        assert!(result.starts_with(expected), "{result}");
    }

    #[test]
    fn only_an_object_with_each_field_once_is_valid() {
        check(r#"{"x":1}"#, "valid");
        check(r#"{"x":1,"y":[1,2]}"#, "valid");
        check(r#"[1]"#, "invalid type: sequence, expected an object at line 1");
        check(r#"null"#, "invalid type: null, expected an object");
        check(r#"{"x":1,"x":2}"#, "duplicate field `x` at line 1 column");
        check(r#"{"x":1,"z":2}"#, "unknown field `z`, expected `x` or `y` at line 1 column");
        check(r#"{"x":1,"y":[1,2,3]}"#, "`y`: invalid length 3, expected an array of at most 2 elements");
        check(r#"{"x":1} {}"#, "trailing characters");
        check(r#"{"x":1,}"#, "trailing comma at line 1");
        check(r#"{"x":1,"y":[1,]}"#, "`y`: trailing comma");
        check(r#"{"#, "EOF while parsing an object");
        check("\u{feff}{\"x\":1}", "valid");
        check("\u{feff}\u{feff}{\"x\":1}", "expected value");
    }
}
