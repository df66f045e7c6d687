//! What a probe expects of an execution, and the comparison: the rules of the collection's `check.py`.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// Factor for the time limits of probes, because this host may have other load.
const DEADLINE_FACTOR: f64 = 1.5;

/// The `expect` of a probe. An unknown key is an error, so that everything is checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in probes/README.md")]
pub struct Expect {
    pub stdout_contains: Vec<String>,
    pub stdout_contains_any: Vec<String>,
    pub stdout_not_contains: Vec<String>,
    pub stderr_not_contains: Vec<String>,
    pub status_in: Option<Vec<String>>,
    pub status_not_in: Vec<String>,
    pub exit_code_in: Option<Vec<i64>>,
    pub signal_in: Option<Vec<i64>>,
    pub max_wall_ms: Option<f64>,
    pub max_stdout_bytes: Option<Bound>,
    pub max_stderr_bytes: Option<Bound>,
    pub max_memory_bytes: Option<Bound>,
    pub args_echo: Option<String>,
    pub distinct_across_runs: Option<String>,
    pub distinct_across_parallel_runs: Option<String>,
    pub response: Vec<String>,
    pub output_files: Option<Vec<String>>,
    pub output_files_not_contain: Vec<String>,
    pub after: Vec<String>,
    pub verdict_in: Option<Vec<String>>,
    pub message_contains: Vec<String>,
    pub max_body_bytes: Option<usize>,
}

/// A number or an expression over `limit`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    /// Fixed number.
    Number(f64),
    /// Expression over the effective limit.
    Expression(String),
}

/// Observed result of an execution.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Status, in the terms of the probes.
    pub status: String,
    /// Verdict; empty if the execution is not judged.
    pub verdict: String,
    /// Message of what judged it.
    pub message: String,
    /// Exit code, if it ended by itself.
    pub exit_code: Option<i64>,
    /// Signal that ended it, unless executord sent it.
    pub signal: Option<i64>,
    /// Output.
    pub stdout: String,
    /// Error output of the program or the compiler.
    pub stderr: String,
    /// Time from the request to the response.
    pub wall_ms: f64,
    /// Reported memory usage.
    pub memory_bytes: f64,
    /// Effective limit.
    pub output_limit: f64,
    /// Effective limit.
    pub memory_limit: f64,
    /// Arguments of the request.
    pub args: Vec<String>,
    /// Body of the response.
    pub body: Vec<u8>,
}

impl Expect {
    /// Returns the violations of one execution.
    #[must_use]
    pub fn check(&self, observation: &Observation) -> Vec<String> {
        let mut failures = Vec::new();
        let mut fail = |message: String| failures.push(message);
        for word in &self.stdout_contains {
            if !observation.stdout.contains(word) {
                fail(format!("stdout lacks {word:?}: {}", excerpt(&observation.stdout)));
            }
        }
        if !self.stdout_contains_any.is_empty()
            && !self.stdout_contains_any.iter().any(|word| observation.stdout.contains(word))
        {
            fail(format!("stdout lacks any of {:?}", self.stdout_contains_any));
        }
        for (name, text, words) in [
            ("stdout", &observation.stdout, &self.stdout_not_contains),
            ("stderr", &observation.stderr, &self.stderr_not_contains),
            ("the message", &observation.message, &self.stdout_not_contains),
        ] {
            for line in words.iter().filter_map(|word| text.lines().find(|line| line.contains(&**word))) {
                fail(format!("{name} has {}", excerpt(line)));
            }
        }
        let is_in =
            |wanted: &Option<Vec<i64>>, found| wanted.as_ref().is_none_or(|wanted| found_in(wanted, found));
        if self.status_in.as_ref().is_some_and(|wanted| !wanted.contains(&observation.status)) {
            fail(format!("status {} {}", observation.status, excerpt(&observation.stderr)));
        }
        if self.status_not_in.contains(&observation.status) {
            fail(format!("status {} is forbidden {}", observation.status, excerpt(&observation.stderr)));
        }
        if !is_in(&self.exit_code_in, observation.exit_code) {
            fail(format!("exit code {:?}", observation.exit_code));
        }
        if !is_in(&self.signal_in, observation.signal) {
            fail(format!("signal {:?}", observation.signal));
        }
        if self.max_wall_ms.is_some_and(|most| observation.wall_ms > most * DEADLINE_FACTOR) {
            fail(format!("took {:.0} ms", observation.wall_ms));
        }
        for (name, bound, found, limit) in [
            ("stdout", &self.max_stdout_bytes, bytes(&observation.stdout), observation.output_limit),
            ("stderr", &self.max_stderr_bytes, bytes(&observation.stderr), observation.output_limit),
            ("memory", &self.max_memory_bytes, observation.memory_bytes, observation.memory_limit),
        ] {
            match bound.as_ref().map(|bound| bound.value(limit)) {
                Some(Some(most)) if found > most => fail(format!("{name}: {found} bytes, {most} allowed")),
                Some(None) => fail(format!("{name}: invalid bound {bound:?}")),
                _ => {}
            }
        }
        if let Some(prefix) = &self.args_echo
            && let Err(message) = echoes(&observation.stdout, prefix, &observation.args)
        {
            fail(message);
        }
        for property in &self.response {
            if let Err(message) = response_is(property, &observation.body) {
                fail(message);
            }
        }
        failures.extend(self.check_output_files(&observation.body));
        failures.extend(self.check_judgement(observation));
        failures
    }

    /// Returns the violations of the verdict and the size of the response.
    fn check_judgement(&self, observation: &Observation) -> Vec<String> {
        let Observation { verdict, message, body, .. } = observation;
        let mut failures = Vec::new();
        if self.verdict_in.as_ref().is_some_and(|wanted| !wanted.contains(verdict)) {
            failures.push(format!("verdict {verdict:?}: {}", excerpt(message)));
        }
        for word in self.message_contains.iter().filter(|word| !message.contains(&***word)) {
            failures.push(format!("the message lacks {word:?}: {}", excerpt(message)));
        }
        if self.max_body_bytes.is_some_and(|most| body.len() > most) {
            failures.push(format!("the response has {} bytes", body.len()));
        }
        failures
    }

    /// Returns the violations of the output files in a response.
    fn check_output_files(&self, body: &[u8]) -> Vec<String> {
        if self.output_files.is_none() && self.output_files_not_contain.is_empty() {
            return Vec::new();
        }
        let response: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(files) = response["output_files"].as_array() else {
            return vec!["the response has no output files".to_owned()];
        };
        let text = |file: &Value, key: &str| file[key].as_str().unwrap_or_default().to_owned();
        let mut failures = Vec::new();
        let mut names: Vec<_> = files.iter().map(|file| text(file, "name")).collect();
        names.sort_unstable();
        if self.output_files.as_ref().is_some_and(|expected| *expected != names) {
            failures.push(format!("output files {names:?}"));
        }
        for file in files {
            // A file that is not text has none of these words either, or it would be encoded as text.
            let content = text(file, "content");
            if let Some(word) = self.output_files_not_contain.iter().find(|word| content.contains(&***word)) {
                failures.push(format!("output file {:?} has {word:?}", text(file, "name")));
            }
        }
        failures
    }

    /// Returns the violation of several executions together.
    #[must_use]
    pub fn check_together(&self, all: &[Observation], parallel: bool) -> Option<String> {
        let pattern = if parallel { &self.distinct_across_parallel_runs } else { &self.distinct_across_runs };
        let pattern = pattern.as_ref()?;
        let Ok(regex) = Regex::new(pattern) else { return Some(format!("no pattern: {pattern}")) };
        let group = |observation: &Observation| -> Option<String> {
            Some(regex.captures(&observation.stdout)?.get(1)?.as_str().to_owned())
        };
        let mut found: Vec<_> = all.iter().filter_map(group).collect();
        found.sort_unstable();
        let count = found.len();
        found.dedup();
        match (count == all.len(), found.len() == count) {
            (true, true) => None,
            (false, _) => Some(format!("{pattern} is not in the output of all runs")),
            (_, false) => Some(format!("{pattern} is the same in two runs")),
        }
    }
}

fn found_in(wanted: &[i64], found: Option<i64>) -> bool {
    found.is_some_and(|found| wanted.contains(&found))
}

#[expect(clippy::cast_precision_loss, reason = "outputs are far smaller than 2^52 bytes")]
fn bytes(text: &str) -> f64 {
    text.len() as f64
}

/// Returns the beginning of a text, on one line.
#[must_use]
pub fn excerpt(text: &str) -> String {
    format!("{:?}", text.chars().take(160).collect::<String>())
}

fn echoes(stdout: &str, prefix: &str, args: &[String]) -> Result<(), String> {
    let line = stdout.lines().find_map(|line| line.split_once(prefix)).map(|(_, rest)| rest);
    let line = line.ok_or("the arguments are not echoed")?;
    let echoed: Value = serde_json::from_str(line).map_err(|error| format!("arguments: {error}"))?;
    if echoed == serde_json::json!(args) { Ok(()) } else { Err(format!("arguments differ: {line}")) }
}

fn response_is(property: &str, body: &[u8]) -> Result<(), String> {
    let holds = match property {
        "is valid JSON" => serde_json::from_slice::<Value>(body).is_ok(),
        "is valid UTF-8" => str::from_utf8(body).is_ok(),
        "has no raw byte below 0x20 other than \\n\\r\\t between tokens" => {
            body.iter().all(|byte| *byte >= 0x20 || b"\n\r\t".contains(byte))
        }
        "escape byte is sent as \\u001b" => {
            let text = String::from_utf8_lossy(body);
            text.contains("\\u001b") || text.contains("\\u001B")
        }
        _ => return Err(format!("unknown property {property:?}")),
    };
    if holds { Ok(()) } else { Err(format!("the answer: not so: {property}")) }
}

impl Bound {
    fn value(&self, limit: f64) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Expression(text) => evaluate(text, limit),
        }
    }
}

/// Evaluates `limit*1.1` or `limit+4096` from left to right.
fn evaluate(text: &str, limit: f64) -> Option<f64> {
    let text = text.replace(' ', "");
    let number = |word: &str| if word == "limit" { Some(limit) } else { word.parse().ok() };
    let end =
        |from: usize| text[from..].find(['+', '-', '*', '/']).map_or(text.len(), |length| from + length);
    let mut at = end(0);
    let mut value = number(&text[..at])?;
    while at < text.len() {
        let next = end(at + 1);
        let operand = number(&text[at + 1..next])?;
        value = match text.as_bytes()[at] {
            b'+' => value + operand,
            b'-' => value - operand,
            b'*' => value * operand,
            _ => value / operand,
        };
        at = next;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::{Expect, Observation, evaluate};
    use serde_json::json;

    #[test]
    fn bounds_are_expressions_over_the_limit() {
        for (text, expected) in
            [("limit", Some(10.0)), ("limit*1.5", Some(15.0)), ("limit + 4096", Some(4106.0)), ("x", None)]
        {
            assert_eq!(evaluate(text, 10.0), expected, "{text}");
        }
    }

    #[test]
    fn each_rule_detects_its_violation() {
        fn check(expect: serde_json::Value, passes: bool) {
            let observation = Observation {
                status: "ok".into(),
                exit_code: Some(0),
                stdout: "BLOCKED:EPERM\nARGS=[\"a\"]\nUID=7".into(),
                stderr: "oops".into(),
                verdict: "accepted".into(),
                message: "8 points".into(),
                wall_ms: 100.0,
                memory_bytes: 50.0,
                output_limit: 10.0,
                memory_limit: 40.0,
                args: vec!["a".into()],
                body: b"{}".into(),
                ..Observation::default()
            };
            let expect: Expect = serde_json::from_value(expect).unwrap();
            assert_eq!(expect.check(&observation).is_empty(), passes, "{expect:?}");
        }
        for (expect, passes) in [
            (json!({"stdout_contains": ["BLOCKED"]}), true),
            (json!({"stdout_contains": ["ESCAPED"]}), false),
            (json!({"stdout_contains_any": ["ESCAPED", "BLOCKED"]}), true),
            (json!({"stdout_contains_any": ["ESCAPED"]}), false),
            (json!({"stdout_not_contains": ["BLOCKED"]}), false),
            (json!({"stderr_not_contains": ["oops"]}), false),
            (json!({"status_in": ["ok"]}), true),
            (json!({"status_in": ["nonzero"]}), false),
            (json!({"status_not_in": ["ok"]}), false),
            (json!({"exit_code_in": [0]}), true),
            (json!({"exit_code_in": [1]}), false),
            (json!({"signal_in": [9]}), false),
            (json!({"max_wall_ms": 99}), true),
            (json!({"max_wall_ms": 60}), false),
            (json!({"max_stdout_bytes": 4}), false),
            (json!({"max_stdout_bytes": "limit+4096"}), true),
            (json!({"max_stderr_bytes": "limit-8"}), false),
            (json!({"max_memory_bytes": "limit*1.1"}), false),
            (json!({"args_echo": "ARGS="}), true),
            (json!({"args_echo": "UID="}), false),
            (json!({"response": ["is valid JSON"]}), true),
            (json!({"response": ["is round"]}), false),
            (json!({"verdict_in": ["accepted"], "message_contains": ["8"], "max_body_bytes": 2}), true),
            (json!({"verdict_in": ["wrong_answer"]}), false),
            (json!({"message_contains": ["9"]}), false),
            (json!({"stdout_not_contains": ["points"]}), false),
            (json!({"max_body_bytes": 1}), false),
        ] {
            check(expect, passes);
        }
        assert!(serde_json::from_value::<Expect>(json!({"something_new": 1})).is_err());
    }

    #[test]
    fn runs_are_compared_by_the_matches_of_the_pattern() {
        let observation = |text: &str| Observation { stdout: text.into(), ..Observation::default() };
        let expect = Expect { distinct_across_runs: Some("UID=(\\d+)".into()), ..Expect::default() };
        assert_eq!(expect.check_together(&[observation("UID=1"), observation("UID=2")], false), None);
        assert!(expect.check_together(&[observation("UID=1"), observation("UID=1")], false).is_some());
        assert!(expect.check_together(&[observation("UID=1"), observation("nothing")], false).is_some());
        assert_eq!(expect.check_together(&[observation("UID=1"), observation("UID=1")], true), None);
    }
}
