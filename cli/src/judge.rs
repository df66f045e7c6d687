//! `--expect`, `--compare`, `--checker` and `--interactor`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use protocol::{Compare, ExpectedOutput, Judge, JudgeProgram, LimitsRequest, Stdin, Tolerance};

use crate::failure::Failure;
use crate::input::Input;
use crate::program;
use crate::server::Connection;

/// What judges the run.
#[derive(Debug, Args)]
pub(crate) struct JudgeArguments {
    /// File with the expected output. The run is judged
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// How the output is compared: exact, lines (without white space at their ends), tokens, or float=ERROR (numbers may
    /// differ by an absolute or relative error) [default: lines]
    #[arg(long, value_name = "HOW", requires = "expect")]
    compare: Option<CompareArgument>,
    /// Program that judges the output: it gets the paths of the input, the output and the expected output, and exits
    /// with 0 (accepted), 1 (wrong answer) or 2 (presentation error)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["compare", "tty"])]
    checker: Option<PathBuf>,
    /// Program that is connected to the stdin and stdout of the run, and judges it like a checker
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checker", "compare", "tty", "merge_output"])]
    interactor: Option<PathBuf>,
    /// Additional source file of the checker or the interactor, such as testlib.h; can be repeated
    #[arg(long = "judge-file", value_name = "FILE")]
    judge_files: Vec<PathBuf>,
    /// Print the messages between the program and the interactor (in --json: `transcript`)
    #[arg(long, requires = "interactor")]
    transcript: bool,
}

#[derive(Clone, Copy, Debug)]
struct CompareArgument(Compare);

impl FromStr for CompareArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected exact, lines, tokens or float=ERROR, for example float=1e-6";
        Ok(Self(match text {
            "exact" => Compare::Exact,
            "lines" => Compare::Lines,
            "tokens" => Compare::Tokens,
            _ => {
                let error = text.strip_prefix("float=").and_then(|error| error.parse().ok());
                Compare::Float(error.and_then(Tolerance::new).ok_or(EXPECTED)?)
            }
        }))
    }
}

impl JudgeArguments {
    /// Returns the expected output.
    pub(crate) async fn expected(&self) -> Result<Option<ExpectedOutput>, Failure> {
        let Some(path) = &self.expect else { return Ok(None) };
        let compare = self.compare.map(|CompareArgument(compare)| compare).unwrap_or_default();
        Ok(Some(ExpectedOutput { stdout: program::open(path).await?, compare }))
    }

    /// Returns what judges the run. The language of a program is that of its extension.
    pub(crate) async fn judge(&self, server: &mut Connection) -> Result<Judge, Failure> {
        let Some(file) = self.checker.as_ref().or(self.interactor.as_ref()) else {
            if !self.judge_files.is_empty() {
                return Err(Failure::Usage("--judge-file requires --checker or --interactor".into()));
            }
            return Ok(Judge::Comparison);
        };
        let files = program::files(file, &self.judge_files).await?;
        let language = program::language_of(server, file).await?;
        let program = Box::new(JudgeProgram { language, files, limits: LimitsRequest::default() });
        Ok(match self.checker {
            Some(_) => Judge::Checker(program),
            None => Judge::Interactor { program, transcript: self.transcript },
        })
    }

    /// Returns the stdin of the run. A checker and an interactor get it as a file, so it is read whole before the run.
    pub(crate) async fn stdin(&self, input: &mut Input) -> Result<Stdin, Failure> {
        if self.checker.is_some() || self.interactor.is_some() {
            input.read_all().await
        } else {
            Ok(input.stdin_kind())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_have_names() {
        let compare =
            |text: &str| text.parse::<CompareArgument>().ok().map(|CompareArgument(compare)| compare);
        assert_eq!(compare("exact"), Some(Compare::Exact));
        assert_eq!(compare("lines"), Some(Compare::Lines));
        assert_eq!(compare("tokens"), Some(Compare::Tokens));
        assert_eq!(compare("float=1e-6"), Tolerance::new(1e-6).map(Compare::Float));
        for wrong in ["", "Exact", "float", "float=", "float=-1", "float=nan", "float=inf", "float=x"] {
            assert_eq!(compare(wrong), None, "{wrong}");
        }
    }
}
