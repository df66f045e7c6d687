//! Durations, byte counts and counts as people write them: `500ms`, `1.5s`, `256MiB`, `64`. The same dialect holds in
//! `executord.toml`, in `webd.toml`, in language files and on the command line.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// Number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// Creates a count from kibibytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * 1024)
    }

    /// Creates a count from mebibytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * 1024 * 1024)
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Returns the count in the largest unit in which it is a whole number; `None` below 1 KiB.
    fn in_largest_unit(self) -> Option<(u64, &'static str)> {
        let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let (size, unit) =
            units.into_iter().find(|(size, _)| self.0 >= *size && self.0.is_multiple_of(*size))?;
        Some((self.0 / size, unit))
    }
}

/// For messages: `256 MiB`, `1000 bytes`.
impl fmt::Display for ByteCount {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.in_largest_unit() {
            Some((number, unit)) => write!(formatter, "{number} {unit}"),
            None => write!(formatter, "{} bytes", self.0),
        }
    }
}

/// Value of a [`Quantity`] or of a limit: [`Duration`], [`ByteCount`] or `u32`.
pub trait Value: Copy + Ord + fmt::Debug {
    /// The measured quantity.
    const KIND: Kind;

    /// Creates a value from a whole number of milliseconds, bytes or items, the units of the HTTP API. A number that
    /// is too large becomes the largest value.
    fn from_number(number: u64) -> Self;

    /// Returns the value as a whole number of milliseconds, bytes or items, the units of the HTTP API.
    fn number(self) -> u64;

    /// Parses a value with its unit.
    ///
    /// # Errors
    /// [`QuantityError`], whose message says what is accepted.
    fn parse(text: &str) -> Result<Self, QuantityError>;

    /// Returns the value with its unit, so that [`Value::parse`] reads the same value: `10s`, `256MiB`, `64`.
    fn written(self) -> String;

    /// Returns the value for a message: `10 s`, `256 MiB`, `1000 bytes`, `64`.
    fn described(self) -> String;
}

/// What a [`Value`] measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Time: `500ms`, `1.5s`, `2m`.
    Duration,
    /// Bytes: `64KiB`, `256MiB`, `1GiB`.
    ByteCount,
    /// Items: `64`.
    Count,
}

/// Text that is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text has no number, or its unit is not one of time.
    #[error("{0:?} is not a duration such as \"500ms\", \"1.5s\" or \"2m\"")]
    NotADuration(String),
    /// The text has no whole number, or its unit is not one of bytes.
    #[error("{0:?} is not a byte count such as \"64KiB\", \"256MiB\" or \"1GiB\"")]
    NotAByteCount(String),
    /// The text is not a whole number.
    #[error("{0:?} is not a whole number such as \"64\"")]
    NotACount(String),
    /// The number does not fit.
    #[error("{0:?} is too large")]
    TooLarge(String),
}

impl Value for Duration {
    const KIND: Kind = Kind::Duration;

    fn from_number(number: u64) -> Self {
        Self::from_millis(number)
    }

    fn number(self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }

    fn parse(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::NotADuration(text.to_owned());
        let (number, unit) = number_and_unit(text);
        let unit: u128 = match unit {
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(wrong()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        // Nine digits of a minute are finer than a nanosecond; what is finer still cannot matter.
        let fraction = fraction.get(..fraction.len().min(9)).ok_or_else(wrong)?;
        if whole.is_empty() && fraction.is_empty() {
            return Err(wrong());
        }
        let digits = |digits: &str| match digits {
            "" => Ok(0),
            digits => digits.parse::<u64>().map(u128::from),
        };
        let too_large = || QuantityError::TooLarge(text.to_owned());
        let whole = digits(whole).map_err(|_| too_large())?;
        let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let nanos = whole * unit + digits(fraction).map_err(|_| wrong())? * unit / scale;
        let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| too_large())?;
        let rest = u32::try_from(nanos % 1_000_000_000).map_err(|_| too_large())?;
        Ok(Self::new(seconds, rest))
    }

    fn written(self) -> String {
        let (number, unit) = decimal(self);
        format!("{number}{unit}")
    }

    fn described(self) -> String {
        let (number, unit) = decimal(self);
        format!("{number} {unit}")
    }
}

impl Value for ByteCount {
    const KIND: Kind = Kind::ByteCount;

    fn from_number(number: u64) -> Self {
        Self(number)
    }

    fn number(self) -> u64 {
        self.0
    }

    fn parse(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::NotAByteCount(text.to_owned());
        let (number, unit) = number_and_unit(text);
        let unit = match unit {
            "B" => 1,
            "K" | "KiB" => 1 << 10,
            "M" | "MiB" => 1 << 20,
            "G" | "GiB" => 1 << 30,
            "T" | "TiB" => 1 << 40,
            _ => return Err(wrong()),
        };
        if number.is_empty() || number.contains('.') {
            return Err(wrong());
        }
        let too_large = || QuantityError::TooLarge(text.to_owned());
        let number: u64 = number.parse().map_err(|_| too_large())?;
        number.checked_mul(unit).map(Self).ok_or_else(too_large)
    }

    fn written(self) -> String {
        let (number, unit) = self.in_largest_unit().unwrap_or((self.0, "B"));
        format!("{number}{unit}")
    }

    fn described(self) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    const KIND: Kind = Kind::Count;

    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    fn number(self) -> u64 {
        self.into()
    }

    fn parse(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() || !text.chars().all(|character| character.is_ascii_digit()) {
            return Err(QuantityError::NotACount(text.to_owned()));
        }
        text.parse().map_err(|_| QuantityError::TooLarge(text.to_owned()))
    }

    fn written(self) -> String {
        self.to_string()
    }

    fn described(self) -> String {
        self.to_string()
    }
}

/// Returns a duration as a decimal number of seconds, or of milliseconds below one second, and the unit.
fn decimal(duration: Duration) -> (String, &'static str) {
    let nanos = duration.as_nanos();
    let (unit, digits, name) =
        if nanos >= 1_000_000_000 { (1_000_000_000, 9, "s") } else { (1_000_000, 6, "ms") };
    let number = format!("{}.{:0digits$}", nanos / unit, nanos % unit);
    (number.trim_end_matches('0').trim_end_matches('.').to_owned(), name)
}

/// Splits a text after the digits and points that it starts with. Spaces may separate the two parts.
fn number_and_unit(text: &str) -> (&str, &str) {
    let is_number = |character: char| character.is_ascii_digit() || character == '.';
    let (number, unit) = text.split_at(text.find(|character| !is_number(character)).unwrap_or(text.len()));
    (number, unit.trim_start())
}

/// A [`Value`] in a text or in a configuration file, where a duration or a byte count is a string with its unit and a
/// count is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity<T>(pub T);

impl<T: Value> FromStr for Quantity<T> {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        T::parse(text).map(Self)
    }
}

/// As it is written in a configuration file: `10s`, `256MiB`, `64`.
impl<T: Value> fmt::Display for Quantity<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0.written())
    }
}

impl<'de, T: Value> Deserialize<'de> for Quantity<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written<T>(PhantomData<T>);

        impl<T: Value> Visitor<'_> for Written<T> {
            type Value = Quantity<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str(match T::KIND {
                    Kind::Duration => "a quantity with its unit, in quotes, such as \"10s\"",
                    Kind::ByteCount => "a quantity with its unit, in quotes, such as \"256MiB\"",
                    Kind::Count => "a whole number",
                })
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                match T::KIND {
                    Kind::Duration | Kind::ByteCount => text.parse().map_err(E::custom),
                    Kind::Count => Err(E::invalid_type(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }

        match T::KIND {
            Kind::Duration | Kind::ByteCount => deserializer.deserialize_str(Written(PhantomData)),
            Kind::Count => u32::deserialize(deserializer).map(|count| Self(T::from_number(count.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, Duration, Quantity, QuantityError, Value};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn check<T: Value>(text: &str, value: T, written: &str) {
        assert_eq!(text.parse(), Ok(Quantity(value)), "{text}");
        assert_eq!(Quantity(value).to_string(), written, "{text}");
    }

    #[test]
    fn durations_have_units() {
        check("10s", Duration::from_secs(10), "10s");
        check("500 ms", Duration::from_millis(500), "500ms");
        check("1.5s", Duration::from_millis(1500), "1.5s");
        check(".5s", Duration::from_millis(500), "500ms");
        check("0.25ms", Duration::from_micros(250), "0.25ms");
        check("2min", Duration::from_secs(120), "120s");
        check("0.5m", Duration::from_secs(30), "30s");
        check("1.5h", Duration::from_secs(5400), "5400s");
        check("2d", Duration::from_secs(172_800), "172800s");
        check("0s", Duration::ZERO, "0ms");
        check("1.0000000019s", Duration::new(1, 1), "1.000000001s");
    }

    #[test]
    fn byte_counts_have_units() {
        check("7B", ByteCount(7), "7B");
        check("1024B", ByteCount::kib(1), "1KiB");
        check("8K", ByteCount::kib(8), "8KiB");
        check("256 MiB", ByteCount::mib(256), "256MiB");
        check("1G", ByteCount::mib(1024), "1GiB");
        check("128 TiB", ByteCount::mib(128 << 20), "128TiB");
        check("0B", ByteCount(0), "0B");
    }

    #[test]
    fn counts_have_none() {
        check("64", 64_u32, "64");
    }

    #[test]
    fn a_text_that_is_not_a_quantity_is_refused() {
        for text in ["10", "s", "", ".", ".s", "-1s", "1y", "1.2.3s", "infs", "1e400s", "1 0s"] {
            assert_eq!(Duration::parse(text), Err(QuantityError::NotADuration(text.into())), "{text}");
        }
        for text in ["99999999999999999999s", "18446744073709551615min"] {
            assert_eq!(Duration::parse(text), Err(QuantityError::TooLarge(text.into())), "{text}");
        }
        for text in ["1", "1MB", "1m", "MiB", "", "-1B", "1.5GiB"] {
            assert_eq!(ByteCount::parse(text), Err(QuantityError::NotAByteCount(text.into())), "{text}");
        }
        let text = "18446744073709551615GiB";
        assert_eq!(ByteCount::parse(text), Err(QuantityError::TooLarge(text.into())));
        for text in ["", "-1", "+1", "1.0", "64B"] {
            assert_eq!(u32::parse(text), Err(QuantityError::NotACount(text.into())), "{text}");
        }
        assert_eq!(u32::parse("4294967296"), Err(QuantityError::TooLarge("4294967296".into())));
    }

    #[test]
    fn an_error_says_what_is_accepted() {
        let said = Duration::parse("1w").map_err(|error| error.to_string());
        assert_eq!(said, Err(r#""1w" is not a duration such as "500ms", "1.5s" or "2m""#.to_owned()));
    }

    proptest! {
        #[test]
        fn a_written_quantity_parses_to_the_same_value(seconds in any::<u64>(), nanos in 0_u32..1_000_000_000, bytes in any::<u64>()) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(Quantity(duration).to_string().parse(), Ok(Quantity(duration)));
            let small = Duration::new(0, nanos);
            prop_assert_eq!(Quantity(small).to_string().parse(), Ok(Quantity(small)));
            prop_assert_eq!(Quantity(ByteCount(bytes)).to_string().parse(), Ok(Quantity(ByteCount(bytes))));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,24}") {
            let _ = (Duration::parse(&text), ByteCount::parse(&text), u32::parse(&text));
        }
    }
}
