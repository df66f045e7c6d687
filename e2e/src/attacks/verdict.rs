//! Result of a case, and the table of all results.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;

/// Importance of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A promise of the threat model.
    Must,
    /// A second line of defence.
    Should,
    /// A known channel that remains; reported, but never a failure.
    Info,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Info => "info",
        }
    }
}

/// Result of a case.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Name of the case.
    pub id: String,
    /// Importance.
    pub level: Level,
    /// Violations.
    pub failures: Vec<String>,
    /// Time from the first byte to the last check.
    pub took: Duration,
    /// Reason why the threat model accepts a failure.
    pub reason: Option<String>,
}

impl Verdict {
    /// Returns whether there are no violations.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// Returns whether there are violations that are not accepted.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        !self.is_passed() && self.reason.is_none() && self.level != Level::Info
    }

    /// Returns one line, and one more per violation.
    #[must_use]
    pub fn line(&self) -> String {
        let word = match (self.is_passed(), self.is_failed()) {
            (true, _) => "pass",
            (false, true) => "FAIL",
            (false, false) => "open",
        };
        let mut line =
            format!("{word}  {:6}  {:7.2} s  {}", self.level.name(), self.took.as_secs_f64(), self.id);
        for failure in &self.failures {
            let _ = write!(line, "\n      {failure}");
        }
        if let (Some(reason), false) = (&self.reason, self.is_passed()) {
            let _ = write!(line, "\n      accepted: {reason}");
        }
        line
    }
}

/// Returns a table by level, and the closing line.
#[must_use]
pub fn table(verdicts: &[Verdict]) -> String {
    let mut rows: BTreeMap<Level, [usize; 4]> = BTreeMap::new();
    for verdict in verdicts {
        let row = rows.entry(verdict.level).or_default();
        row[0] += 1;
        row[1] += usize::from(verdict.is_passed());
        row[2] += usize::from(verdict.is_failed());
        row[3] += usize::from(!verdict.is_passed() && !verdict.is_failed());
    }
    let mut text = String::from("\nlevel    cases  passed  failed  open\n");
    for (level, [all, passed, failed, open]) in rows {
        let _ = writeln!(text, "{:7}  {all:5}  {passed:6}  {failed:6}  {open:4}", level.name());
    }
    let failed = verdicts.iter().filter(|verdict| verdict.is_failed()).count();
    let _ = write!(text, "{} passed, {failed} failed", verdicts.len() - failed);
    text
}

#[cfg(test)]
mod tests {
    use super::{Level, Verdict, table};
    use std::time::Duration;

    #[test]
    fn known_failures_do_not_fail() {
        let verdict = |level, failures: &[&str], reason: Option<&str>| Verdict {
            id: "x".to_owned(),
            level,
            failures: failures.iter().map(ToString::to_string).collect(),
            took: Duration::from_secs(1),
            reason: reason.map(str::to_owned),
        };
        let all = [
            verdict(Level::Must, &[], None),
            verdict(Level::Should, &["it got out"], None),
            verdict(Level::Should, &["it got out"], Some("known")),
            verdict(Level::Info, &["it got out"], None),
        ];
        assert_eq!(all.iter().map(Verdict::is_failed).collect::<Vec<_>>(), [false, true, false, false]);
        assert!(table(&all).ends_with("3 passed, 1 failed"));
        assert!(all[2].line().contains("accepted: known"));
    }
}
