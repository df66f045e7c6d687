//! Deserializers that check a count or a length before they allocate memory for it.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::bounds;
use crate::request::Variable;

/// Deserializes a list of at most `MAX` elements.
pub(crate) fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            write!(formatter, "at most {MAX} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
            let length = elements.size_hint().unwrap_or(0);
            if length > MAX {
                return Err(A::Error::invalid_length(length, &self));
            }
            let mut list = Vec::with_capacity(length);
            while let Some(element) = elements.next_element()? {
                if list.len() == MAX {
                    return Err(A::Error::invalid_length(MAX + 1, &self));
                }
                list.push(element);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(List::<T, MAX>(PhantomData))
}

/// Deserializes a string of at most `MAX` bytes. Until the check, the limit of the codec bounds the allocation.
pub(crate) fn string<'de, D, const MAX: usize>(deserializer: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX {
        return Err(D::Error::custom(format_args!(
            "a text of {} bytes exceeds the maximum of {MAX}",
            text.len()
        )));
    }
    Ok(text)
}

/// Deserializes at most `MAX` bytes.
pub(crate) fn bytes<'de, D, const MAX: usize>(deserializer: D) -> Result<Bytes, D::Error>
where
    D: Deserializer<'de>,
{
    let bytes = Bytes::deserialize(deserializer)?;
    if bytes.len() > MAX {
        return Err(D::Error::custom(format_args!("{} bytes exceed the maximum of {MAX}", bytes.len())));
    }
    Ok(bytes)
}

/// Deserializes at most `MAX` bytes, or none.
pub(crate) fn optional_bytes<'de, D, const MAX: usize>(deserializer: D) -> Result<Option<Bytes>, D::Error>
where
    D: Deserializer<'de>,
{
    let bytes = Option::<Bytes>::deserialize(deserializer)?;
    match bytes {
        Some(bytes) if bytes.len() > MAX => {
            Err(D::Error::custom(format_args!("{} bytes exceed the maximum of {MAX}", bytes.len())))
        }
        bytes => Ok(bytes),
    }
}

/// Deserializes an optional string of at most `MAX` bytes.
pub(crate) fn optional_string<'de, D, const MAX: usize>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    match text {
        Some(text) if text.len() > MAX => {
            Err(D::Error::custom(format_args!("a text of {} bytes exceeds the maximum of {MAX}", text.len())))
        }
        text => Ok(text),
    }
}

/// String of at most `MAX` bytes, as an element of a list.
#[derive(serde::Deserialize)]
struct BoundedString<const MAX: usize>(#[serde(deserialize_with = "string::<_, MAX>")] String);

/// Deserializes at most `COUNT` strings of at most `LENGTH` bytes each.
pub(crate) fn strings<'de, D, const COUNT: usize, const LENGTH: usize>(
    deserializer: D,
) -> Result<Vec<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let strings: Vec<BoundedString<LENGTH>> = list::<_, _, COUNT>(deserializer)?;
    Ok(strings.into_iter().map(|BoundedString(string)| string).collect())
}

/// Deserializes arguments. Their number, the length of each and their total length are bounded.
pub(crate) fn arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let arguments = strings::<_, { bounds::MAX_ARGS }, { bounds::MAX_ARG }>(deserializer)?;
    let total: usize = arguments.iter().map(String::len).sum();
    if total > bounds::MAX_ARGS_TOTAL {
        let max = bounds::MAX_ARGS_TOTAL;
        return Err(D::Error::custom(format_args!("{total} bytes of arguments exceed the maximum of {max}")));
    }
    Ok(arguments)
}

/// Deserializes environment variables. Their number, the length of each and their total length are bounded.
pub(crate) fn variables<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Variable>, D::Error> {
    let variables: Vec<Variable> = list::<_, _, { bounds::MAX_VARIABLES }>(deserializer)?;
    let total: usize = variables.iter().map(|variable| variable.name.len() + variable.value.len()).sum();
    if total > bounds::MAX_VARIABLES_TOTAL {
        let max = bounds::MAX_VARIABLES_TOTAL;
        return Err(D::Error::custom(format_args!("{total} bytes of variables exceed the maximum of {max}")));
    }
    Ok(variables)
}
