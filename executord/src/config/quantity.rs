//! Quantities as people write them in a configuration: `10s`, `500ms`, `256MiB`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use protocol::ByteCount;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A duration or an amount of bytes, written with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity<T>(pub(crate) T);

impl FromStr for Quantity<Duration> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let scale = match unit {
            "ms" => 1,
            "s" => 1000,
            "min" => 60_000,
            _ => return Err(format!("{text:?} is not a time such as \"500ms\", \"10s\" or \"2min\"")),
        };
        number
            .checked_mul(scale)
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| too_large(text))
    }
}

impl FromStr for Quantity<ByteCount> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let scale = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("{text:?} is not an amount such as \"64KiB\", \"256MiB\" or \"1GiB\"")),
        };
        number.checked_mul(scale).map(|bytes| Self(ByteCount(bytes))).ok_or_else(|| too_large(text))
    }
}

/// The whole number that a text starts with, and the rest. Without a number the rest is no unit.
fn split(text: &str) -> (u64, &str) {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    number.parse().map_or((0, ""), |number| (number, unit.trim_start()))
}

fn too_large(text: &str) -> String {
    format!("{text:?} is too large")
}

impl<'de, T> Deserialize<'de> for Quantity<T>
where
    Self: FromStr<Err = String>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T> Visitor<'_> for Text<T>
        where
            Quantity<T>: FromStr<Err = String>,
        {
            type Value = Quantity<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a quantity with its unit, in quotes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, Duration, Quantity};

    #[test]
    fn quantities_have_units() {
        let time = |text: &str| text.parse::<Quantity<Duration>>().map(|quantity| quantity.0).ok();
        assert_eq!(time("10s"), Some(Duration::from_secs(10)));
        assert_eq!(time("500 ms"), Some(Duration::from_millis(500)));
        assert_eq!(time("2min"), Some(Duration::from_secs(120)));
        for wrong in ["10", "s", "", "-1s", "1.5s", "1h", "99999999999999999999s", "18446744073709551615min"]
        {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        let bytes = |text: &str| text.parse::<Quantity<ByteCount>>().map(|quantity| quantity.0.bytes()).ok();
        assert_eq!(bytes("1MiB"), Some(1 << 20));
        assert_eq!(bytes("7B"), Some(7));
        for wrong in ["1", "1MB", "1m", "MiB", "18446744073709551615GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
