//! A point in time in UTC, as it is written in files: `2027-01-31` or `2027-01-31T08:00:00Z` (RFC 3339).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Seconds of a day in UTC, without leap seconds.
pub const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
/// Last year that can be written with four digits.
const MAX_YEAR: u64 = 9999;
/// First year that can be written: that of the Unix epoch.
const MIN_YEAR: u64 = 1970;
/// Lengths of the months of a year that is not a leap year.
const MONTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Whole seconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the current time.
    #[must_use]
    pub fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
    }

    /// Returns the number of the day in UTC.
    #[must_use]
    pub const fn day(self) -> u64 {
        self.0 / SECONDS_PER_DAY
    }

    /// Returns the time until the next day in UTC.
    #[must_use]
    pub const fn until_tomorrow(self) -> Duration {
        Duration::from_secs(SECONDS_PER_DAY - self.0 % SECONDS_PER_DAY)
    }

    /// Returns the time that is later by `time`.
    #[must_use]
    pub const fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time.as_secs()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let (year, month, day) = date(self.day());
        write!(formatter, "{year:04}-{month:02}-{day:02}")?;
        match self.0 % SECONDS_PER_DAY {
            0 => Ok(()),
            rest => write!(formatter, "T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60),
        }
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a date such as \"2027-01-31\" or \"2027-01-31T08:00:00Z\", in UTC");
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, time.strip_suffix('Z').ok_or_else(wrong)?),
            None => (text, "00:00:00"),
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2]).ok_or_else(wrong)?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2]).ok_or_else(wrong)?;
        let days = days(year, month, day).ok_or_else(wrong)?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(wrong());
        }
        Ok(Self(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

/// Returns three numbers, each with exactly the given number of digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Returns the number of leap years from year 1 on.
const fn leap_years_up_to(year: u64) -> u64 {
    year / 4 - year / 100 + year / 400
}

const fn month_length(year: u64, month_index: usize) -> u64 {
    if month_index == 1 && is_leap(year) { 29 } else { MONTHS[month_index] }
}

/// Returns the days from 1970-01-01 to the first day of a year.
const fn days_before(year: u64) -> u64 {
    let before = year - 1;
    (year - MIN_YEAR) * 365 + leap_years_up_to(before) - leap_years_up_to(MIN_YEAR - 1)
}

fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let month_index = usize::try_from(month.checked_sub(1)?).ok().filter(|index| *index < MONTHS.len())?;
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) || day == 0 || day > month_length(year, month_index) {
        return None;
    }
    let before: u64 = (0..month_index).map(|index| month_length(year, index)).sum();
    Some(days_before(year) + before + day - 1)
}

/// Returns year, month and day of a number of days since 1970-01-01; the last day of [`MAX_YEAR`] for a later one.
fn date(day: u64) -> (u64, u64, u64) {
    if day >= days_before(MAX_YEAR + 1) {
        return (MAX_YEAR, 12, 31);
    }
    // No year has more than 366 days, so this is at most a few years early.
    let mut year = MIN_YEAR + day / 366;
    while days_before(year + 1) <= day {
        year += 1;
    }
    let mut rest = day - days_before(year);
    let mut month_index = 0;
    while rest >= month_length(year, month_index) {
        rest -= month_length(year, month_index);
        month_index += 1;
    }
    (year, month_index as u64 + 1, rest + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn times_are_those_of_utc() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2026-11-30T02:20:00Z", 1_796_005_200),
            ("2100-03-01", 4_107_542_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(text.parse(), Ok(Timestamp(seconds)), "{text}");
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
        assert_eq!(Timestamp(86_399).until_tomorrow(), Duration::from_secs(1));
        assert_eq!(Timestamp(86_400).until_tomorrow(), Duration::from_secs(86_400));
    }

    #[test]
    fn a_text_that_is_not_a_time_is_refused() {
        for text in [
            "",
            "2027",
            "2027-1-1",
            "2027-13-01",
            "2027-00-01",
            "2027-02-29",
            "2027-01-32",
            "2027-01-00",
            "1969-12-31",
            "2027-01-31T08:00:00",
            "2027-01-31T08:00:00+01:00",
            "2027-01-31T24:00:00Z",
            "2027-01-31 08:00:00Z",
            "+027-01-01",
            "2027-01-31T08:00Z",
            "10000-01-01",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_is_read_as_it_is_written(seconds in 0_u64..253_402_300_800) {
            prop_assert_eq!(Timestamp(seconds).to_string().parse(), Ok(Timestamp(seconds)));
        }
    }
}
