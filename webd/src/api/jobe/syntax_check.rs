//! The check of the syntax of a program that is not compiled: an execution of its own, before the program is run.

use protocol::{ExecuteRequest, RunRequest, SourceFile};

/// Prints the error in the file that its argument names, as `python3 -m py_compile` does.
const PYTHON: &str = r#"import sys, traceback

try:
    with open(sys.argv[1], "rb") as file:
        compile(file.read(), sys.argv[1], "exec", dont_inherit=True)
except (SyntaxError, ValueError):
    kind, error, _ = sys.exc_info()
    sys.exit("".join(traceback.format_exception_only(kind, error)).rstrip())
"#;
/// Prints the error in the file that its argument names.
const PHP: &str = r#"output=$(php --no-php-ini -d display_errors=1 -l "$1" 2>&1) || { printf '%s\n' "$output"; exit 1; }
"#;

/// A language whose syntax is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyntaxCheck {
    Python,
    Php,
}

impl SyntaxCheck {
    /// Returns the execution that checks the main file of `request`. It exits with another code than 0 if there is an error.
    pub(crate) fn request(self, request: &ExecuteRequest) -> Option<ExecuteRequest> {
        let (language, file_name, checker) = match self {
            Self::Python => ("python", "main.py", PYTHON),
            Self::Php => ("bash", "main.sh", PHP),
        };
        let main = request.files.first()?;
        let path = main.path.clone()?;
        // The checker needs its usual name for a pre-warmed interpreter.
        let in_directory = format!("checked/{path}");
        let file = |path: String, content: bytes::Bytes| SourceFile { path: Some(path), content };
        Some(ExecuteRequest {
            language: language.to_owned(),
            files: vec![
                file(file_name.to_owned(), checker.into()),
                file(in_directory.clone(), main.content.clone()),
            ],
            runs: vec![RunRequest { args: vec![in_directory], ..RunRequest::default() }],
            ..ExecuteRequest::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_file_is_in_a_directory_of_its_own() {
        let main = SourceFile { path: Some("main.py".to_owned()), content: "x".into() };
        let request = ExecuteRequest { files: vec![main], ..ExecuteRequest::default() };
        let check = SyntaxCheck::Python.request(&request).unwrap();
        let paths: Vec<_> = check.files.iter().map(|file| file.path.as_deref().unwrap()).collect();
        assert_eq!(paths, ["main.py", "checked/main.py"]);
        assert_eq!(check.runs[0].args, ["checked/main.py"]);
    }
}
