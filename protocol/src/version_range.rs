//! Versions of languages in requests: the ranges of npm, which Piston takes.

use nodejs_semver::{OutsideDirection, Range, Version};

/// A version of three numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LanguageVersion(Version);

impl LanguageVersion {
    /// Takes the numbers of a version as a toolchain reports it, such as `17.0.15` or `v20.1-rc`: at most three, and
    /// zeros for those that are missing.
    #[must_use]
    pub fn from_reported(reported: &str) -> Self {
        let start = reported.find(|character: char| character.is_ascii_digit()).unwrap_or(reported.len());
        let numbers = reported[start..]
            .split(|character: char| !character.is_ascii_digit())
            .map_while(|number| number.parse::<u32>().ok());
        let mut numbers = numbers.map(u64::from).chain(std::iter::repeat(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self(Version::from((next(), next(), next())))
    }

    /// Returns whether `range` includes this version. A text that is not a range includes none.
    #[must_use]
    pub fn satisfies(&self, range: &str) -> bool {
        Range::parse(range).is_ok_and(|range| range.satisfies(&self.0))
    }

    /// Returns whether a text is a range of versions.
    #[must_use]
    pub fn is_range(text: &str) -> bool {
        Range::parse(text).is_ok()
    }

    /// Returns whether `range` includes older versions only.
    #[must_use]
    pub fn is_newer_than(&self, range: &str) -> bool {
        Range::parse(range).is_ok_and(|range| {
            range.outside(&self.0, OutsideDirection::Higher, false).is_ok_and(|is_newer| is_newer)
        })
    }
}

impl std::fmt::Display for LanguageVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_version_has_three_numbers() {
        for (reported, version) in [
            ("3.11.2", "3.11.2"),
            ("v20.20.2", "20.20.2"),
            ("5.2.15(1)-release", "5.2.15"),
            ("17.0.15+6-LTS", "17.0.15"),
            ("1.19", "1.19.0"),
            ("21", "21.0.0"),
            ("3.1.2p20", "3.1.2"),
            ("1.2.3.4", "1.2.3"),
            ("Python 3.11.2", "3.11.2"),
            ("", "0.0.0"),
            ("unknown", "0.0.0"),
            ("99999999999.1", "0.0.0"),
        ] {
            assert_eq!(LanguageVersion::from_reported(reported).to_string(), version, "{reported:?}");
        }
    }

    #[test]
    fn ranges_are_those_of_npm() {
        let version = LanguageVersion::from_reported("3.11.2");
        for (range, satisfied, newer) in [
            ("*", true, false),
            ("x", true, false),
            ("3", true, false),
            ("3.x", true, false),
            ("3.11", true, false),
            ("3.11.2", true, false),
            ("v3.11.2", true, false),
            ("=3.11.2", true, false),
            (" 3.11.2 ", true, false),
            ("^3.1", true, false),
            ("~3.11.0", true, false),
            (">=3", true, false),
            (">=3 <4", true, false),
            ("2 || 3", true, false),
            ("3.10 - 3.12", true, false),
            ("<3.12", true, false),
            ("", true, false),
            ("3.10.0", false, true),
            ("3.10.x", false, true),
            ("<3.11", false, true),
            ("2.7 || 3.10", false, true),
            ("99.1.0", false, false),
            (">3.11.2", false, false),
            ("4.x", false, false),
            ("2 || 4", false, false),
            ("latest", false, false),
            ("3.11.2.1", false, false),
            ("3.11.2-rc1", false, true),
        ] {
            assert_eq!(
                (version.satisfies(range), version.is_newer_than(range)),
                (satisfied, newer),
                "{range:?}"
            );
        }
    }
}
