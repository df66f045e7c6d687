//! Judged solutions: problems with their tests and what judges them, and solutions with the verdict that each must get. One
//! file for each problem is in `e2e/judged`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Additional file of checkers and interactors that include it.
const TESTLIB: (&str, &str) = ("testlib.h", include_str!("../tests/judges/testlib.h"));

/// A problem. Without a checker and an interactor, outputs are compared with the answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Name of its file.
    #[serde(skip)]
    pub name: String,
    /// Task of the solutions.
    pub title: String,
    /// Limits of each run, as in a request.
    #[serde(default)]
    pub limits: Map<String, Value>,
    /// How outputs are compared, as in a request.
    pub compare: Option<Value>,
    /// Program that judges the outputs.
    pub checker: Option<Judge>,
    /// Program that talks with the solutions.
    pub interactor: Option<Judge>,
    /// Inputs and answers.
    pub tests: Vec<Test>,
    /// Solutions, right and wrong.
    pub solutions: Vec<Solution>,
}

/// A checker or an interactor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// Its language.
    pub language: String,
    /// Its source.
    pub code: String,
}

/// A test of a problem.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Input of the solution, or of the interactor.
    pub input: String,
    /// The jury's answer.
    #[serde(default)]
    pub answer: String,
}

/// A solution of a problem.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solution {
    /// What is right or wrong about it.
    pub name: String,
    /// Its language.
    pub language: String,
    /// Its source.
    pub code: String,
    /// Verdict of the solution.
    pub verdict: String,
    /// Verdict of each test, where they differ in an interesting way.
    pub verdicts: Option<Vec<String>>,
}

/// Returns all problems, sorted by name.
///
/// # Errors
/// If a file cannot be read, or is not a problem.
pub fn load() -> io::Result<Vec<Problem>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("judged");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort_unstable();
    paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| read(path))
        .collect()
}

fn read(path: &Path) -> io::Result<Problem> {
    let problem: Problem = toml::from_str(&fs::read_to_string(path)?)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    Ok(Problem { name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), ..problem })
}

impl Problem {
    /// Returns the request that judges a solution with all tests.
    #[must_use]
    pub fn request(&self, solution: &Solution) -> Value {
        let run = |test: &Test| match self.interactor {
            None => json!({ "stdin": test.input, "expected_stdout": test.answer }),
            Some(_) => json!({ "stdin": test.input }),
        };
        let mut request = json!({
            "language": solution.language,
            "code": solution.code,
            "limits": self.limits,
            "runs": self.tests.iter().map(run).collect::<Vec<_>>(),
        });
        if let Some(compare) = &self.compare {
            request["compare"] = compare.clone();
        }
        for (field, judge) in [("checker", &self.checker), ("interactor", &self.interactor)] {
            if let Some(judge) = judge {
                request[field] = judge.as_json();
            }
        }
        request
    }
}

impl Judge {
    fn as_json(&self) -> Value {
        let Self { language, code } = self;
        let (name, content) = TESTLIB;
        if code.contains(name) {
            let main = json!({ "name": "judge.cpp", "content": code });
            json!({ "language": language, "files": [main, { "name": name, "content": content }] })
        } else {
            json!({ "language": language, "code": code })
        }
    }
}

impl Solution {
    /// Returns what differs from the expected verdicts in a response.
    #[must_use]
    pub fn contradiction(&self, answer: &Value) -> Option<String> {
        let runs = answer["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let each: Vec<_> = runs.iter().map(|run| run["verdict"].as_str().unwrap_or("none")).collect();
        let differs = self.verdicts.as_ref().is_some_and(|expected| *expected != each);
        if answer["verdict"] == *self.verdict && !differs {
            return None;
        }
        let messages: Vec<_> = runs.iter().map(|run| &run["verdict_message"]).collect();
        let (expected, all) = (&self.verdict, self.verdicts.as_deref().unwrap_or_default());
        Some(format!(
            "{expected} {all:?} expected, got {} {each:?}: {messages:?} {}",
            answer["verdict"], answer["output"]
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_problems_cover_every_kind_of_judge_and_verdict() {
        let problems = load().unwrap();
        let solutions: Vec<_> = problems.iter().flat_map(|problem| &problem.solutions).collect();
        assert!(problems.len() >= 12 && solutions.len() >= 60, "{} {}", problems.len(), solutions.len());
        for problem in &problems {
            let tests = problem.tests.len();
            for solution in &problem.solutions {
                let is_complete = |verdicts: &Vec<String>| verdicts.is_empty() || verdicts.len() == tests;
                assert!(
                    solution.verdicts.as_ref().is_none_or(is_complete),
                    "{}: {}",
                    problem.name,
                    solution.name
                );
            }
            assert!(
                problem.solutions.iter().any(|solution| solution.verdict == "accepted"),
                "{}",
                problem.name
            );
        }
        let languages: BTreeSet<_> = solutions.iter().map(|solution| &*solution.language).collect();
        assert!(["c", "cpp", "java", "javascript", "python"].iter().all(|name| languages.contains(name)));
        let verdicts: BTreeSet<_> = solutions.iter().map(|solution| &*solution.verdict).collect();
        let expected = [
            "accepted",
            "compile_error",
            "judge_error",
            "memory_limit_exceeded",
            "output_limit_exceeded",
            "partially_correct",
            "presentation_error",
            "runtime_error",
            "time_limit_exceeded",
            "wrong_answer",
        ];
        assert_eq!(verdicts.into_iter().collect::<Vec<_>>(), expected);
        let judges: BTreeSet<_> =
            problems.iter().filter_map(|problem| Some(&*problem.checker.as_ref()?.language)).collect();
        assert_eq!(judges.into_iter().collect::<Vec<_>>(), ["cpp", "java", "python"]);
        let interactive = problems.iter().filter(|problem| problem.interactor.is_some());
        assert!(interactive.count() >= 2);
    }

    #[test]
    fn a_request_has_the_judge_and_the_tests() {
        let problems = load().unwrap();
        let request = |name: &str| {
            let problem = problems.iter().find(|problem| problem.name == name).unwrap();
            problem.request(&problem.solutions[0])
        };
        let checked = request("pair-with-sum");
        assert_eq!(checked["checker"]["files"][1]["name"], "testlib.h");
        assert_eq!(checked["runs"][1], json!({ "stdin": "3 100\n1 2 3\n", "expected_stdout": "no" }));
        assert_eq!(request("square-roots")["compare"], json!({ "float": 1e-6 }));
        let interactive = request("peak");
        assert!(interactive["interactor"]["code"].is_string());
        assert_eq!(interactive["runs"][1], json!({ "stdin": "5" }));
    }

    #[test]
    fn each_verdict_is_compared() {
        let solution = |verdicts| Solution {
            name: String::new(),
            language: String::new(),
            code: String::new(),
            verdict: "wrong_answer".to_owned(),
            verdicts,
        };
        let answer = json!({ "verdict": "wrong_answer", "runs": [{ "verdict": "accepted" }, { "verdict": "wrong_answer" }] });
        assert_eq!(solution(None).contradiction(&answer), None);
        let verdicts = |verdicts: [&str; 2]| Some(verdicts.map(str::to_owned).to_vec());
        assert_eq!(solution(verdicts(["accepted", "wrong_answer"])).contradiction(&answer), None);
        assert!(solution(verdicts(["wrong_answer", "accepted"])).contradiction(&answer).is_some());
        assert!(solution(None).contradiction(&json!({ "verdict": "accepted" })).is_some());
    }
}
