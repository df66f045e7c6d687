//! Numbers as clients of every programming language write them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A JSON number. JSON does not distinguish integers: `1000`, `1000.0` and `1e3` are the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// A whole number. One that is too large became the largest.
    Whole(u64),
    /// A number between two whole ones.
    Fraction {
        /// The larger of the two.
        next: u64,
    },
    /// A number below zero.
    Negative,
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;

        impl Visitor<'_> for AnyNumber {
            type Value = Number;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a number")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Whole(number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(u64::try_from(number).map_or(Number::Negative, Number::Whole))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                if number < 0.0 {
                    return Ok(Number::Negative);
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the number is not negative, and the cast saturates"
                )]
                let next = number.ceil() as u64;
                Ok(if number.fract() == 0.0 { Number::Whole(next) } else { Number::Fraction { next } })
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_has_many_spellings() {
        for (json, expected) in [
            ("1000", Number::Whole(1000)),
            ("1000.0", Number::Whole(1000)),
            ("1e3", Number::Whole(1000)),
            ("1.5E3", Number::Whole(1500)),
            ("1.5", Number::Fraction { next: 2 }),
            ("0.001", Number::Fraction { next: 1 }),
            ("0", Number::Whole(0)),
            ("-0.0", Number::Whole(0)),
            ("-1", Number::Negative),
            ("-0.5", Number::Negative),
            ("18446744073709551615", Number::Whole(u64::MAX)),
            ("1e300", Number::Whole(u64::MAX)),
        ] {
            assert_eq!(serde_json::from_str::<Number>(json).unwrap(), expected, "{json}");
        }
        for json in ["\"1\"", "true", "[1]", "{}", "NaN", "null"] {
            assert!(serde_json::from_str::<Number>(json).is_err(), "{json}");
        }
    }
}
