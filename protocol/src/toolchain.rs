//! What a request asks of a toolchain beyond options, and the arguments that a language allows. For the APIs that are
//! compatible with other servers.

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_ARGUMENT_PATTERN, MAX_ARGUMENT_PATTERNS, MAX_TOOLCHAIN_ARG, MAX_TOOLCHAIN_ARGS};

/// What a request asks of the compiler or the interpreter beyond options. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolchainRequest {
    /// Arguments of the compiler. The daemon rejects arguments that the language does not allow
    /// ([`ArgumentPatterns::compile`]).
    #[serde(deserialize_with = "bounded::strings::<_, MAX_TOOLCHAIN_ARGS, MAX_TOOLCHAIN_ARG>")]
    pub compiler_args: Vec<String>,
    /// Arguments of the interpreter or virtual machine ([`ArgumentPatterns::run`]).
    #[serde(deserialize_with = "bounded::strings::<_, MAX_TOOLCHAIN_ARGS, MAX_TOOLCHAIN_ARG>")]
    pub interpreter_args: Vec<String>,
    /// Whether the syntax is checked before the runs, if the language is not compiled and has a check. The check is the
    /// compile stage of the execution: if it fails, there are no runs.
    pub check: bool,
    /// Whether the compiler gets the main file only. Other source files are next to it, for it to include.
    pub main_only: bool,
    /// Whether the main file is formatted instead of run. The formatter of the language reads it from stdin and writes
    /// the result to stdout, as the first and only run. Such a request has nothing but a language and files.
    pub format: bool,
}

/// Arguments that a language allows in requests, as regular expressions for whole words. They match ASCII only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgumentPatterns {
    /// Arguments of the compiler.
    #[serde(deserialize_with = "bounded::strings::<_, MAX_ARGUMENT_PATTERNS, MAX_ARGUMENT_PATTERN>")]
    pub compile: Vec<String>,
    /// Arguments of the interpreter or virtual machine.
    #[serde(deserialize_with = "bounded::strings::<_, MAX_ARGUMENT_PATTERNS, MAX_ARGUMENT_PATTERN>")]
    pub run: Vec<String>,
}

impl ArgumentPatterns {
    /// First character of each pattern, and so of each argument: no argument can be a file name or `@FILE`.
    pub const FIRST: char = '-';

    /// Returns the regular expression for an argument that matches one of `patterns` as a whole, or `None` if there are
    /// none. Each of them is a valid expression and begins with [`ArgumentPatterns::FIRST`].
    #[must_use]
    pub fn expression(patterns: &[String]) -> Option<String> {
        let rest = |pattern: &String| format!("(?:{})", pattern.strip_prefix(Self::FIRST).unwrap_or(pattern));
        let alternatives: Vec<_> = patterns.iter().map(rest).collect();
        (!patterns.is_empty()).then(|| format!(r"\A{}(?:{})\z", Self::FIRST, alternatives.join("|")))
    }
}
