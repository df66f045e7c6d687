//! Deserializers that refuse a count or a length before anything is allocated for it.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::bounds;

/// A list of at most `MAX` elements.
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
            let announced = elements.size_hint().unwrap_or(0);
            if announced > MAX {
                return Err(A::Error::invalid_length(announced, &self));
            }
            let mut list = Vec::with_capacity(announced);
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

/// A text of at most `MAX` bytes. The codec's own limit bounds what is allocated until this is checked.
pub(crate) fn text<'de, D, const MAX: usize>(deserializer: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX {
        return Err(D::Error::custom(format_args!("{} bytes of text where {MAX} are allowed", text.len())));
    }
    Ok(text)
}

/// At most `MAX` bytes.
pub(crate) fn bytes<'de, D, const MAX: usize>(deserializer: D) -> Result<Bytes, D::Error>
where
    D: Deserializer<'de>,
{
    let bytes = Bytes::deserialize(deserializer)?;
    if bytes.len() > MAX {
        return Err(D::Error::custom(format_args!("{} bytes where {MAX} are allowed", bytes.len())));
    }
    Ok(bytes)
}

/// A text of at most `MAX` bytes, or none.
pub(crate) fn optional_text<'de, D, const MAX: usize>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    match text {
        Some(text) if text.len() > MAX => {
            Err(D::Error::custom(format_args!("{} bytes of text where {MAX} are allowed", text.len())))
        }
        text => Ok(text),
    }
}

/// A text of at most `MAX` bytes, as an element of a list.
#[derive(serde::Deserialize)]
struct Text<const MAX: usize>(#[serde(deserialize_with = "text::<_, MAX>")] String);

/// Texts: bounded in number and each in length.
pub(crate) fn texts<'de, D, const COUNT: usize, const LENGTH: usize>(
    deserializer: D,
) -> Result<Vec<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let texts: Vec<Text<LENGTH>> = list::<_, _, COUNT>(deserializer)?;
    Ok(texts.into_iter().map(|Text(text)| text).collect())
}

/// Arguments: bounded in number, each in length, and together.
pub(crate) fn arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let arguments = texts::<_, { bounds::MAX_ARGS }, { bounds::MAX_ARG }>(deserializer)?;
    let total: usize = arguments.iter().map(String::len).sum();
    if total > bounds::MAX_ARGS_TOTAL {
        let max = bounds::MAX_ARGS_TOTAL;
        return Err(D::Error::custom(format_args!("{total} bytes of arguments where {max} are allowed")));
    }
    Ok(arguments)
}
