//! Environment variables that a request gives a run.

use std::collections::BTreeSet;

use protocol::{Rejection, Variable};

use crate::languages::toolchain::StageCommand;

/// Variables that a request cannot set, and why. A name that ends in `*` stands for all names that begin with the rest.
/// docs/api.md has the same list.
///
/// A program can change its own environment and execute any interpreter with it, so the list protects no other program.
/// It keeps a request from changing how Executor starts the program: the loader, the C library and the interpreters read
/// these variables before the first line of the program, and launchers depend on what they do then.
pub(crate) const REFUSED: [(&str, &str); 49] = [
    ("LD_*", LOADER),
    ("GLIBC_TUNABLES", LOADER),
    ("GCONV_PATH", LOADER),
    ("LOCPATH", LOADER),
    ("NLSPATH", LOADER),
    ("MALLOC_*", LOADER),
    ("PATH", SANDBOX),
    ("HOME", SANDBOX),
    ("USER", SANDBOX),
    ("LOGNAME", SANDBOX),
    ("TMPDIR", SANDBOX),
    ("EXECUTOR_*", SANDBOX),
    ("IFS", SHELL),
    ("ENV", SHELL),
    ("PS4", SHELL),
    ("BASH_*", SHELL),
    ("BASHOPTS", SHELL),
    ("SHELLOPTS", SHELL),
    ("PYTHONPATH", INTERPRETER),
    ("PYTHONHOME", INTERPRETER),
    ("PYTHONSTARTUP", INTERPRETER),
    ("PYTHONUSERBASE", INTERPRETER),
    ("PYTHONPLATLIBDIR", INTERPRETER),
    ("PYTHONEXECUTABLE", INTERPRETER),
    ("PYTHONCASEOK", INTERPRETER),
    ("PYTHONWARNINGS", INTERPRETER),
    ("PYTHONBREAKPOINT", INTERPRETER),
    ("PYTHONINSPECT", INTERPRETER),
    ("PYTHONMALLOC", INTERPRETER),
    ("NODE_OPTIONS", INTERPRETER),
    ("NODE_PATH", INTERPRETER),
    ("NODE_EXTRA_CA_CERTS", INTERPRETER),
    ("NODE_ICU_DATA", INTERPRETER),
    ("NODE_CHANNEL_FD", INTERPRETER),
    ("NODE_V8_COVERAGE", INTERPRETER),
    ("NODE_COMPILE_CACHE", INTERPRETER),
    ("JAVA_TOOL_OPTIONS", INTERPRETER),
    ("_JAVA_OPTIONS", INTERPRETER),
    ("JDK_JAVA_OPTIONS", INTERPRETER),
    ("CLASSPATH", INTERPRETER),
    ("PERL5*", INTERPRETER),
    ("PERLLIB", INTERPRETER),
    ("PERLIO", INTERPRETER),
    ("RUBYOPT", INTERPRETER),
    ("RUBYLIB", INTERPRETER),
    ("GEM_*", INTERPRETER),
    ("LUA_*", INTERPRETER),
    ("PHPRC", INTERPRETER),
    ("PHP_INI_SCAN_DIR", INTERPRETER),
];

const LOADER: &str = "it changes the dynamic loader or the C library";
const SANDBOX: &str = "Executor sets it";
const SHELL: &str = "it changes how a shell reads a script";
const INTERPRETER: &str = "it changes how an interpreter starts";

/// Checks the variables of a run. `field` is the name of the field in messages.
pub(super) fn check(variables: &[Variable], command: &StageCommand, field: &str) -> Result<(), Rejection> {
    let mut names = BTreeSet::new();
    for Variable { name, value } in variables {
        let refused = |why: &str| Err(Rejection::Invalid(format!("{field}: the variable {name:?} {why}")));
        if !is_name(name) {
            return refused("must consist of letters, digits and _, and not begin with a digit");
        }
        if !names.insert(name) {
            return refused("is given twice");
        }
        if value.contains('\0') {
            return refused("contains a NUL character");
        }
        if let Some(reason) = why_refused(name) {
            return refused(&format!("cannot be set: {reason}"));
        }
        if command.environment.contains_key(name) {
            return refused("cannot be set: the language sets it");
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    name.chars().all(is_allowed) && name.starts_with(|letter: char| !letter.is_ascii_digit())
}

/// Returns why a request cannot set the variable, or `None` if it can. Names are case-sensitive, as in Linux.
fn why_refused(name: &str) -> Option<&'static str> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    REFUSED.iter().find(|(pattern, _)| matches(pattern)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use protocol::Variable;

    use super::{REFUSED, check};
    use crate::languages::shipped::shipped;

    fn checked(language: &str, variables: &[(&str, &str)]) -> Result<(), String> {
        let variable =
            |&(name, value): &(&str, &str)| Variable { name: name.to_owned(), value: value.to_owned() };
        let variables: Vec<_> = variables.iter().map(variable).collect();
        let registry = shipped();
        let command = &registry.find(language).unwrap().run;
        check(&variables, command, "environment").map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn a_variable_is_accepted_or_refused_with_a_reason() {
        let accepted = |name: &str| checked("javascript", &[(name, "x")]).is_ok();
        for name in [
            "A",
            "_",
            "a1",
            "TZ",
            "LANG",
            "LC_ALL",
            "NODE_ENV",
            "path",
            "PYTHONHASHSEED",
            "LD",
            "BASH",
            "ENVX",
        ] {
            assert!(accepted(name), "{name}");
        }
        for name in
            ["", "1", "A-B", "A=B", "A\0", "Ä", " A", "LD_PRELOAD", "LD_", "PATH", "NODE_OPTIONS", "PERL5LIB"]
        {
            assert!(!accepted(name), "{name}");
        }
        let error = |variables: &[(&str, &str)]| checked("javascript", variables).unwrap_err();
        assert_eq!(
            error(&[("LD_AUDIT", "")]),
            "environment: the variable \"LD_AUDIT\" cannot be set: it changes the dynamic loader or the C library"
        );
        assert_eq!(error(&[("A", "x\0")]), "environment: the variable \"A\" contains a NUL character");
        assert_eq!(error(&[("A", "1"), ("A", "2")]), "environment: the variable \"A\" is given twice");
    }

    #[test]
    fn the_documentation_lists_the_refused_variables() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
        let text = std::fs::read_to_string(path).unwrap();
        for (pattern, _) in REFUSED {
            assert!(text.contains(&format!("`{pattern}`")), "docs/api.md does not list {pattern}");
        }
    }
}
