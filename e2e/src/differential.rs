//! The same program started in three ways: by its bare command, in a cold sandbox, and in a pre-warmed one. The results
//! must be identical.

pub mod bare;
pub mod compilers;
pub mod finalization;
pub mod pool;
pub mod programs;

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::corpus;
use programs::Program;

/// Name that replaces the user name of every run.
pub const USER: &str = "exec_user";

/// Result of a program, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramResult {
    /// How it ended: `exit 0`, `signal 6`, `compile_error`.
    pub end: String,
    /// Output.
    pub stdout: String,
    /// Error output.
    pub stderr: String,
}

impl ProgramResult {
    /// Creates the result from a response of `POST /api/execute`.
    #[must_use]
    pub fn answered(answer: &Value) -> Self {
        let text = |name: &str| without_random_parts(answer[name].as_str().unwrap_or_default());
        let end = match (answer["status"].as_str(), answer["exit_code"].as_i64(), answer["signal"].as_i64()) {
            (Some("compile_error"), ..) => "compile_error".to_owned(),
            (_, _, Some(signal)) => format!("signal {signal}"),
            (Some("ok" | "nonzero"), Some(code), _) => format!("exit {code}"),
            _ => format!("{} {}", answer["status"], answer["cause"]["message"]),
        };
        Self { end, stdout: text("stdout"), stderr: text("stderr") }
    }

    /// Returns the differences from another result, as messages.
    #[must_use]
    pub fn differences(&self, other: &Self, program: &Program) -> Vec<String> {
        let streams = [("stdout", &self.stdout, &other.stdout), ("stderr", &self.stderr, &other.stderr)];
        let mut differences = Vec::new();
        if self.end != other.end {
            differences.push(format!("ended with {}, then with {}", self.end, other.end));
        }
        for (name, one, other) in streams {
            let (one, other) =
                (program.without_expected_differences(one), program.without_expected_differences(other));
            let difference = corpus::difference(&one, &other, &[]);
            differences.extend(difference.map(|message| format!("{name}: {message}")));
        }
        differences
    }
}

/// Removes the names of users and the addresses, which are random in each run.
fn without_random_parts(text: &str) -> String {
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("exec_[0-9a-f-]{32,36}").expect("a correct expression"));
    static ADDRESS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("0x[0-9a-f]{10,16}").expect("a correct expression"));
    ADDRESS.replace_all(&NAME.replace_all(text, USER), "0xADDRESS").into_owned()
}
