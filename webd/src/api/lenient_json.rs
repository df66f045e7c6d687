//! JSON of the compatible APIs, parsed as leniently as their own servers do: unknown fields are ignored, and a value of a
//! wrong type is reported by the API in its own words. Values that are not needed are skipped without using memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The byte order mark U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Parses an object. An array, or an empty text, has none of its fields.
///
/// # Errors
/// A message, if the text is not JSON, or neither an object nor an array.
pub(crate) fn parse<'a, T: Deserialize<'a> + Default>(text: &'a [u8]) -> Result<T, String> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if text.is_empty() {
        return Ok(T::default());
    }
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => {
            serde_json::from_slice(text).map(|Fields(parsed)| parsed).map_err(|error| error.to_string())
        }
        _ => Err("the body is neither a JSON object nor an array".to_owned()),
    }
}

/// A value of which only scalars are of interest. A missing field is [`Scalar::Null`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Scalar {
    #[default]
    Null,
    Bool(bool),
    Whole(i64),
    /// A fraction, or a number beyond the range of [`Scalar::Whole`].
    Number(f64),
    Text(String),
    /// An array or an object, whose elements are skipped.
    Compound,
}

impl Scalar {
    /// Returns the text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number, if it is one.
    pub(crate) const fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "JSON numbers are doubles in the original servers"
            )]
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns a scalar as JavaScript and PHP convert it to a text; `None` for null and for compounds.
    pub(crate) fn to_text(&self) -> Option<String> {
        match self {
            Self::Null | Self::Compound => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Whole(number) => Some(number.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Scalar;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(value))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Whole(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                #[expect(clippy::cast_precision_loss, reason = "as the original servers read it")]
                Ok(i64::try_from(number).map_or(Scalar::Number(number as f64), Scalar::Whole))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
                Ok(Scalar::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Scalar, A::Error> {
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Compound)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Scalar, A::Error> {
                while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Compound)
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

/// The fields of an object; any other value has none of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields<T>(pub(crate) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = deserializer.deserialize_any(Shape::<Never, T, 0>(PhantomData))?;
        Ok(Self(if let ShapeOf::Object(fields) = shape { fields } else { T::default() }))
    }
}

/// A list of at most `MAX` elements, or what is there instead.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum List<T, const MAX: usize> {
    /// The field is missing or null.
    #[default]
    Missing,
    Elements(Vec<T>),
    /// There are more than `MAX` elements.
    TooLong,
    /// The value is not an array.
    Other,
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match deserializer.deserialize_any(Shape::<T, IgnoredAny, MAX>(PhantomData))? {
            ShapeOf::Null => Self::Missing,
            ShapeOf::Array(elements, false) => Self::Elements(elements),
            ShapeOf::Array(_, true) => Self::TooLong,
            ShapeOf::Object(_) | ShapeOf::Scalar => Self::Other,
        })
    }
}

/// A value by its shape, with the elements of an array and the fields of an object. The second field of an array says
/// whether elements were left out.
enum ShapeOf<T, F> {
    Null,
    Scalar,
    Array(Vec<T>, bool),
    Object(F),
}

struct Shape<T, F, const MAX: usize>(PhantomData<(T, F)>);

/// The element of a list that keeps none.
struct Never;

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl<'de, T: Deserialize<'de>, F: Deserialize<'de>, const MAX: usize> Visitor<'de> for Shape<T, F, MAX> {
    type Value = ShapeOf<T, F>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(ShapeOf::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(ShapeOf::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(ShapeOf::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(ShapeOf::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(ShapeOf::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(ShapeOf::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < MAX {
            match elements.next_element()? {
                Some(element) => list.push(element),
                None => return Ok(ShapeOf::Array(list, false)),
            }
        }
        let mut is_longer = false;
        while elements.next_element::<IgnoredAny>()?.is_some() {
            is_longer = true;
        }
        Ok(ShapeOf::Array(list, is_longer))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        F::deserialize(MapAccessDeserializer::new(fields)).map(ShapeOf::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Example {
        name: Scalar,
        list: List<Scalar, 2>,
        inner: Fields<Inner>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Inner {
        x: Scalar,
    }

    fn example(json: &str) -> Example {
        parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_value_of_any_type_is_parsed() {
        for (json, name) in [
            ("null", Scalar::Null),
            ("true", Scalar::Bool(true)),
            ("-3", Scalar::Whole(-3)),
            ("1.5", Scalar::Number(1.5)),
            ("18446744073709551615", Scalar::Number(18_446_744_073_709_551_615.0)),
            ("\"a\\n\"", Scalar::Text("a\n".to_owned())),
            ("[1, [2]]", Scalar::Compound),
            ("{\"a\": {}}", Scalar::Compound),
        ] {
            assert_eq!(example(&format!("{{\"name\":{json},\"unknown\":[{{}}]}}")).name, name, "{json}");
        }
        assert_eq!(example("{}"), Example::default());
    }

    #[test]
    fn a_list_has_a_bound() {
        let list = |json: &str| example(&format!("{{\"list\":{json}}}")).list;
        assert_eq!(list("null"), List::Missing);
        assert_eq!(list("[]"), List::Elements(vec![]));
        assert_eq!(list("[1,null]"), List::Elements(vec![Scalar::Whole(1), Scalar::Null]));
        assert_eq!(list("[1,2,3]"), List::TooLong);
        assert_eq!(list("{}"), List::Other);
        assert_eq!(list("\"x\""), List::Other);
    }

    #[test]
    fn a_value_that_is_no_object_has_no_fields() {
        let x = |json: &str| example(&format!("{{\"inner\":{json}}}")).inner.0.x;
        assert_eq!(x("{\"x\":1,\"y\":2}"), Scalar::Whole(1));
        for json in ["null", "[]", "[1]", "1", "\"x\""] {
            assert_eq!(x(json), Scalar::Null, "{json}");
        }
        assert_eq!(example("[1,2]"), Example::default());
        assert_eq!(parse::<Example>(b"").unwrap(), Example::default());
    }

    #[test]
    fn a_text_that_is_not_json_is_refused() {
        for text in ["{", "1", "null", "\"x\"", "{\"name\":}", "{} {}", "[", "x"] {
            assert!(parse::<Example>(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse::<Example>("[".repeat(100_000).as_bytes()).is_err());
        assert_eq!(example("\u{feff} {}"), Example::default());
    }
}
