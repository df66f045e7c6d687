//! Real programs with their known results.
//!
//! The corpus is outside the repository because of its licenses: `$EXECUTOR_CORPUS`, or `../shared/corpus` next to
//! the workspace, holds `programs.jsonl`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

/// A program and its expected result.
#[derive(Clone, Debug, Deserialize)]
pub struct Program {
    /// Name in the corpus.
    pub id: String,
    /// Collection that it comes from.
    pub set: String,
    /// Language.
    pub language: String,
    /// Source text.
    pub code: String,
    /// Required file name.
    pub filename: Option<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Standard input.
    pub stdin: String,
    /// Expected exit code.
    pub expected_exit: Option<i64>,
    /// Expected stdout, or stdout and stderr together if [`Program::stream`] is `combined`.
    pub expected_stdout: Option<String>,
    /// Expected stderr.
    pub expected_stderr: Option<String>,
    /// `combined` or empty.
    pub stream: Option<String>,
    /// How both outputs are normalized before the comparison, in this order. By default a final newline is ignored.
    pub compare: Option<Vec<Normalisation>>,
    /// Compiler flags that the program needs and that a request cannot contain.
    #[serde(default)]
    pub compile_flags: Vec<String>,
    /// Whether it computes for longer than usual.
    #[serde(default)]
    pub cpu_heavy: bool,
}

/// Normalization of both sides before they are compared.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// Remove white space at both ends; of each line, if there are lines.
    Strip,
    /// Compare line by line, with any line ending.
    Splitlines,
    /// Ignore case.
    Lower,
    /// Ignore the order of lines.
    AnyOrder,
    /// Remove these.
    Remove(Vec<String>),
}

/// Returns the directory of the corpus and its programs.
///
/// # Errors
/// If the file is missing or a line is not a program.
pub fn load() -> io::Result<Vec<Program>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let directory = std::env::var_os("EXECUTOR_CORPUS").map_or(beside, PathBuf::from);
    let path = directory.join("programs.jsonl");
    let named = |error: io::Error| io::Error::new(error.kind(), format!("read {}: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(named)?;
    text.lines()
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| named(io::Error::other(format!("line {}: {error}", number + 1))))
        })
        .collect()
}

/// Returns a reproducible sample of about `count` programs: proportional by set and language, at least one of each.
#[must_use]
pub fn sample(programs: Vec<Program>, count: usize) -> Vec<Program> {
    let all = programs.len();
    let mut groups: BTreeMap<(String, String), Vec<Program>> = BTreeMap::new();
    for program in programs {
        groups.entry((program.set.clone(), program.language.clone())).or_default().push(program);
    }
    let mut sample = Vec::with_capacity(count);
    for mut group in groups.into_values() {
        group.sort_by(|one, other| one.id.cmp(&other.id));
        let share = (group.len() * count / all).clamp(1, group.len());
        let chosen: BTreeSet<usize> = (0..share).map(|number| number * group.len() / share).collect();
        sample.extend(
            group.into_iter().enumerate().filter(|(i, _)| chosen.contains(i)).map(|(_, program)| program),
        );
    }
    sample
}

impl Program {
    /// Returns the body of `POST /api/execute`.
    #[must_use]
    pub fn request(&self) -> Value {
        let mut body = json!({
            "language": self.language,
            "code": self.code,
            "stdin": self.stdin,
            "args": self.args,
        });
        if let Some(filename) = &self.filename {
            // Some names contain directories of the original repository.
            body["filename"] = filename.rsplit('/').next().into();
        }
        if self.cpu_heavy {
            body["limits"] = json!({ "cpu_ms": 60_000, "wall_ms": 60_000 });
        }
        body
    }

    /// Whether it could not be compiled and needs flags that were not passed.
    #[must_use]
    pub fn lacks_flags(&self, answer: &Value) -> bool {
        !self.compile_flags.is_empty() && answer["status"] == "compile_error"
    }

    /// Returns the differences between a response and the expected result.
    #[must_use]
    pub fn differences(&self, answer: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        if let Some(expected) = self.expected_exit
            && answer["exit_code"] != expected
        {
            let (status, code) = (&answer["status"], &answer["exit_code"]);
            differences.push(format!("exit code {expected} expected, got {code} with status {status}"));
        }
        let combined = self.stream.as_deref() == Some("combined");
        let streams = [
            (if combined { "output" } else { "stdout" }, &self.expected_stdout),
            ("stderr", &self.expected_stderr),
        ];
        for (name, expected) in streams {
            let Some(expected) = expected else { continue };
            let actual = answer[name].as_str().unwrap_or("");
            let difference = match &self.compare {
                Some(normalisations) => difference(expected, actual, normalisations),
                None => difference(without_last_newline(expected), without_last_newline(actual), &[]),
            };
            differences.extend(difference.map(|difference| format!("{name}: {difference}")));
        }
        // stderr and the compiler usually show the reason.
        if !differences.is_empty() {
            differences.push(format!("status {}, cause {}", answer["status"], answer["cause"]["message"]));
            if let Some(stderr) = answer["stderr"].as_str().filter(|stderr| !stderr.is_empty()) {
                differences.push(format!("stderr began {:?}", excerpt(stderr)));
            }
        }
        differences
    }
}

/// Returns where two texts differ after `normalisations`.
#[must_use]
pub fn difference(expected: &str, actual: &str, normalisations: &[Normalisation]) -> Option<String> {
    let (expected, actual) = (normalise(expected, normalisations), normalise(actual, normalisations));
    if expected == actual {
        return None;
    }
    let common = expected.iter().zip(&actual).take_while(|(one, other)| one == other).count();
    let show = |lines: &[String]| {
        lines.get(common).map_or("the end".to_owned(), |line| format!("{:?}", excerpt(line)))
    };
    Some(format!("line {}: {} expected, got {}", common + 1, show(&expected), show(&actual)))
}

/// Returns the lines, with their endings where those are compared.
fn normalise(text: &str, normalisations: &[Normalisation]) -> Vec<String> {
    let mut pieces = vec![text.to_owned()];
    let mut split = false;
    for normalisation in normalisations {
        match normalisation {
            Normalisation::Strip => pieces.iter_mut().for_each(|piece| *piece = piece.trim().to_owned()),
            Normalisation::Lower => pieces.iter_mut().for_each(|piece| *piece = piece.to_lowercase()),
            Normalisation::Remove(what) => {
                for what in what {
                    pieces.iter_mut().for_each(|piece| *piece = piece.replace(what, ""));
                }
            }
            Normalisation::Splitlines | Normalisation::AnyOrder if !split => {
                pieces = pieces.iter().flat_map(|piece| piece.lines()).map(str::to_owned).collect();
                split = true;
            }
            Normalisation::Splitlines | Normalisation::AnyOrder => {}
        }
        if *normalisation == Normalisation::AnyOrder {
            pieces.sort_unstable();
        }
    }
    if split { pieces } else { text_lines(&pieces) }
}

fn text_lines(pieces: &[String]) -> Vec<String> {
    pieces.iter().flat_map(|piece| piece.split_inclusive('\n')).map(str::to_owned).collect()
}

fn without_last_newline(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

fn excerpt(text: &str) -> String {
    const LONGEST: usize = 160;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_compared_by_the_rules_of_the_corpus() {
        let remove = || Normalisation::Remove(vec!["[".into(), "]".into()]);
        check("a\n", "a\n", &[], true);
        check("a\n", "a", &[], false);
        check("a\n", "a", &[Normalisation::Strip], true);
        check("a\nb\n", "a\r\nb", &[Normalisation::Splitlines], true);
        check("Yes", "yes", &[Normalisation::Lower], true);
        check("a\nb", "b\na\n", &[Normalisation::AnyOrder], true);
        check("a\nb", "b\na\na", &[Normalisation::AnyOrder], false);
        check("[1, 2]", "1, 2\n", &[remove(), Normalisation::Strip], true);
        check("1\n\n2", "1\n2", &[Normalisation::Strip, Normalisation::Splitlines], false);
        check("", "", &[], true);
        check("", "x", &[Normalisation::Strip], false);
    }

    #[track_caller]
    fn check(expected: &str, actual: &str, normalisations: &[Normalisation], same: bool) {
        assert_eq!(difference(expected, actual, normalisations).is_none(), same, "{expected:?} {actual:?}");
    }

    #[test]
    fn normalizations_of_the_corpus_are_understood() {
        let read: Vec<Normalisation> =
            serde_json::from_str(r#"["strip", "splitlines", "lower", "any_order", {"remove": ["x"]}]"#)
                .unwrap();
        assert_eq!(read[4], Normalisation::Remove(vec!["x".into()]));
    }

    #[test]
    fn a_sample_covers_every_kind_and_is_reproducible() {
        let program = |set: &str, language: &str, number: usize| Program {
            id: format!("{set}/{language}/{number:03}"),
            set: set.into(),
            language: language.into(),
            code: String::new(),
            filename: None,
            args: Vec::new(),
            stdin: String::new(),
            expected_exit: None,
            expected_stdout: None,
            expected_stderr: None,
            stream: None,
            compare: None,
            compile_flags: Vec::new(),
            cpu_heavy: false,
        };
        let programs: Vec<_> = (0..90)
            .map(|number| program("one", "python", number))
            .chain((0..10).map(|number| program("two", "c", number)))
            .chain([program("three", "java", 0)])
            .collect();
        let ids = |sample: Vec<Program>| sample.into_iter().map(|program| program.id).collect::<Vec<_>>();
        let twice = [programs.clone(), programs.iter().rev().cloned().collect()];
        let [one, other] = twice.map(|programs| ids(sample(programs, 10)));
        assert_eq!(one, other);
        assert_eq!(one.len(), 10, "{one:?}");
        for group in ["one/python/000", "two/c/000", "three/java/000"] {
            assert!(one.iter().any(|id| id == group), "{group} in {one:?}");
        }
        assert_eq!(ids(sample(programs, 1000)).len(), 101);
    }
}
