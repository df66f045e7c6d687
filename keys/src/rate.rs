//! A number of executions for each second, minute, hour or day.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Rate such as `60/min`: as many executions at once, and one more each time that the period divided by them has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// Executions.
    pub count: NonZeroU32,
    /// Time in which they are allowed.
    pub period: Period,
}

/// The time in which the executions of a [`Rate`] are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Period {
    /// Returns the length.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "day",
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate = text.split_once('/').and_then(|(count, period)| {
            let periods = [Period::Second, Period::Minute, Period::Hour, Period::Day];
            let period = periods.into_iter().find(|known| known.name() == period.trim())?;
            Some(Self { count: count.trim().parse().ok()?, period })
        });
        rate.ok_or_else(|| {
            format!("{text:?} is not a rate such as \"60/min\"; the periods are s, min, h and day")
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}/{}", self.count, self.period.name())
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_period() {
        for (text, count, seconds) in
            [("60/min", 60, 60), ("5/s", 5, 1), ("1000/h", 1000, 3600), ("1/day", 1, 86_400), ("2 / s", 2, 1)]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.count.get(), rate.period.duration()), (count, Duration::from_secs(seconds)));
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        for text in
            ["", "60", "/min", "0/min", "-1/min", "60/minute", "60/", "1.5/s", "4294967296/s", "1/s/s"]
        {
            assert!(text.parse::<Rate>().unwrap_err().contains("60/min"), "{text}");
        }
    }
}
