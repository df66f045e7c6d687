//! The JSON of `POST runs`, checked in the order in which Jobe checks it.

use std::time::Instant;

use axum::http::StatusCode;
use protocol::bounds::{MAX_FILES, MAX_PATH};
use protocol::{ExecuteRequest, Language, RunRequest, SourceFile, Stdin, ToolchainRequest};
use serde::Deserialize;

use crate::api::jobe::defaults::{IGNORED_FILE_NAME, LanguageDefaults};
use crate::api::jobe::error::JobeError;
use crate::api::jobe::parameters::Parameters;
use crate::api::lenient_json::{self, Fields, List, Scalar};
use crate::domain::file_store::FileStore;

/// Characters of the id of a file.
const MIN_ID_LENGTH: usize = 8;
const MAX_ID_LENGTH: usize = 256;
/// Members of an element of `file_list`: the id, the name, and one that is ignored.
const FILE_MEMBERS: usize = 3;
/// Source code with which a client tests what happens if the server is overloaded.
const OVERLOAD: &str = "!** TESTING OVERLOAD EXCEPTION **!";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    run_spec: RunSpecField,
}

/// A `run_spec`, or nothing.
#[derive(Debug, Default)]
struct RunSpecField(Option<RunSpec>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunSpec {
    sourcecode: Scalar,
    language_id: Scalar,
    sourcefilename: Scalar,
    input: Scalar,
    file_list: List<List<Scalar, FILE_MEMBERS>, MAX_FILES>,
    parameters: Fields<Parameters>,
}

/// A run that was checked.
#[derive(Debug)]
pub(crate) enum Checked {
    Run(Box<ExecuteRequest>),
    /// Its arguments name a file that does not exist. This is the message of the compiler.
    CompileError(String),
    /// The client tests what happens if the server is overloaded.
    Overload,
}

impl<'de> Deserialize<'de> for RunSpecField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::<RunSpec>::deserialize(deserializer).map(|Fields(spec)| Self(Some(spec)))
    }
}

impl RunSpec {
    /// Parses a body.
    ///
    /// # Errors
    /// 400 if it is not JSON, or has no `run_spec`.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, JobeError> {
        let body: Body = lenient_json::parse(body)
            .map_err(|message| JobeError::invalid(format!("Invalid JSON: {message}")))?;
        body.run_spec.0.ok_or_else(|| JobeError::invalid("runs_post: no run_spec parameter"))
    }

    /// Checks a run. `find` returns a language that is available, by its name in Jobe.
    ///
    /// # Errors
    /// 400, or 404 for a file that is not stored.
    pub(crate) fn check<'a>(
        self,
        find: impl Fn(&str) -> Option<&'a Language>,
        files: &FileStore,
        caller: &str,
    ) -> Result<Checked, JobeError> {
        let text = |field: &Scalar, name: &str| {
            let missing =
                || JobeError::invalid(format!("run_spec is missing the required attribute '{name}'"));
            field.to_text().ok_or_else(missing)
        };
        let source = text(&self.sourcecode, "sourcecode")?;
        let id = text(&self.language_id, "language_id")?.to_lowercase();
        let unknown = || JobeError::invalid(format!("Language '{id}' is not known"));
        let language = find(&id).ok_or_else(unknown)?;
        let defaults = LanguageDefaults::of(&language.name).copied().unwrap_or(LanguageDefaults::other());
        let Fields(parameters) = &self.parameters;
        let limits = parameters.limits(&defaults)?;
        let file_name = self.file_name(&defaults)?;
        let listed = self.listed_files(files, caller)?;
        if source == OVERLOAD {
            return Ok(Checked::Overload);
        }
        let args = parameters.program_arguments()?;
        let names: Vec<_> = listed.iter().filter_map(|file| file.path.as_deref()).collect();
        let compiler = parameters.compiler_words(&defaults, language, &names)?;
        let toolchain = ToolchainRequest {
            compiler_args: compiler.words,
            interpreter_args: parameters.interpreter_words(&defaults, language)?,
            check: defaults.syntax_check,
            main_only: defaults.main_only,
            format: false,
        };
        if let Some(word) = compiler.missing_file {
            return Ok(Checked::CompileError(format!("error: {word}: No such file or directory\n")));
        }
        let main = SourceFile { path: file_name, content: source.into() };
        let stdin = Stdin::Bytes(self.input.to_text().unwrap_or_default().into());
        let request = ExecuteRequest {
            language: language.name.clone(),
            files: std::iter::once(main).chain(listed).collect(),
            runs: vec![RunRequest { stdin, args, ..RunRequest::default() }],
            limits,
            options: compiler.options,
            toolchain,
            ..ExecuteRequest::default()
        };
        Ok(Checked::Run(Box::new(request)))
    }

    /// Returns the name of the source file; `None` for the one that the language requires.
    fn file_name(&self, language: &LanguageDefaults) -> Result<Option<String>, JobeError> {
        let given = self.sourcefilename.to_text().filter(|name| !name.is_empty());
        match given {
            Some(name) if !is_legal_name(&name) => {
                Err(JobeError::invalid("The sourcefilename for the run_spec is illegal"))
            }
            Some(name) if language.file_name.is_none() && name == IGNORED_FILE_NAME => Ok(None),
            Some(name) => Ok(Some(name)),
            None => Ok(language.file_name.map(str::to_owned)),
        }
    }

    fn listed_files(&self, files: &FileStore, caller: &str) -> Result<Vec<SourceFile>, JobeError> {
        let invalid = |what: &str| JobeError::invalid(format!("Invalid file specifier: {what}"));
        let list = match &self.file_list {
            List::Missing => return Ok(Vec::new()),
            List::Elements(list) => list,
            List::TooLong => return Err(invalid("there are too many files")),
            List::Other => return Err(invalid("file_list is not a list")),
        };
        let mut specified = Vec::with_capacity(list.len());
        for file in list {
            let List::Elements(members) = file else { return Err(invalid("not a list of an id and a name")) };
            let [id, name, ..] = members.as_slice() else { return Err(invalid("not an id and a name")) };
            match (id.as_text(), name.as_text()) {
                (Some(id), Some(name)) if is_file_id(id) && is_file_name(name) => specified.push((id, name)),
                _ => return Err(invalid(&format!("{:?}, {:?}", id.to_text(), name.to_text()))),
            }
        }
        let now = Instant::now();
        let stored = specified.into_iter().map(|(id, name)| {
            let content = files.get(caller, id, now)?;
            Some(SourceFile { path: Some(name.to_owned()), content })
        });
        let missing = || JobeError {
            status: StatusCode::NOT_FOUND,
            message: "One or more of the specified files is missing/unavailable".to_owned(),
        };
        stored.collect::<Option<_>>().ok_or_else(missing)
    }
}

/// Returns whether a text can be the id of a file.
pub(crate) fn is_file_id(id: &str) -> bool {
    (MIN_ID_LENGTH..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns whether a text can be the name of a file of `file_list`.
fn is_file_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= MAX_PATH && name.bytes().all(is_allowed) && ![".", ".."].contains(&name)
}

/// Returns whether a text can be the name of the source file: no path, and no characters that a shell or a URL treats
/// specially.
fn is_legal_name(name: &str) -> bool {
    let is_special = |character: char| {
        character.is_control()
            || character.is_whitespace()
            || "/\\:;&|<>()$`\"'*?#[]{}!~%=^,@+".contains(character)
    };
    name.len() <= MAX_PATH && !name.starts_with(['.', '-']) && !name.contains(is_special)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::toolchain_words::tests::language;

    fn checked(json: &str) -> Result<Checked, (u16, String)> {
        let files = FileStore::new(1 << 20, Duration::from_secs(60));
        files.put("me", "abcdefgh1", "content".into(), Instant::now()).unwrap();
        files.put("other", "abcdefgh2", "content".into(), Instant::now()).unwrap();
        let languages = ["python", "java", "c", "bash"].map(language);
        let find = |id: &str| languages.iter().find(|language| LanguageDefaults::id_of(&language.name) == id);
        let checked = RunSpec::parse(json.as_bytes()).and_then(|spec| spec.check(find, &files, "me"));
        checked.map_err(|error| (error.status.as_u16(), error.message))
    }

    #[track_caller]
    fn refused(json: &str, message: &str) {
        let (status, found) = checked(json).unwrap_err();
        assert_eq!((status, found.as_str()), (400, message), "{json}");
    }

    fn spec(more: &str) -> String {
        format!(r#"{{"run_spec":{{"sourcecode":"s","language_id":"Python3"{more}}}}}"#)
    }

    fn request(json: &str) -> ExecuteRequest {
        match checked(json).unwrap() {
            Checked::Run(request) => *request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_is_reported_in_the_order_of_jobe() {
        assert!(checked("{").unwrap_err().1.starts_with("Invalid JSON: "));
        refused("{}", "runs_post: no run_spec parameter");
        refused(r#"{"run_spec":{}}"#, "run_spec is missing the required attribute 'sourcecode'");
        refused(r#"{"run_spec":[]}"#, "run_spec is missing the required attribute 'sourcecode'");
        refused(
            r#"{"run_spec":{"sourcecode":""}}"#,
            "run_spec is missing the required attribute 'language_id'",
        );
        refused(
            r#"{"run_spec":{"sourcecode":"","language_id":"COBOL","parameters":{"cputime":999}}}"#,
            "Language 'cobol' is not known",
        );
        refused(
            &spec(r#","parameters":{"cputime":999},"sourcefilename":"/x""#),
            "cputime exceeds maximum allowed on this Jobe server (120 secs)",
        );
        for name in ["/x", "a/b", ".x", "-x", "a b", "a;b", "a?b", "a$b", "a\\u0001b", "a&b", "..", "a%20b"] {
            refused(
                &spec(&format!(r#","sourcefilename":"{name}","file_list":1"#)),
                "The sourcefilename for the run_spec is illegal",
            );
        }
        for list in [
            "1",
            "[1]",
            "[[]]",
            r#"[["abcdefgh1"]]"#,
            r#"[["short","x"]]"#,
            r#"[["abcdefgh/","x"]]"#,
            r#"[["abcdefgh1","a/b"]]"#,
            r#"[["abcdefgh1","a b"]]"#,
            r#"[["abcdefgh1",".."]]"#,
        ] {
            let (status, message) = checked(&spec(&format!(r#","file_list":{list}"#))).unwrap_err();
            assert!(status == 400 && message.starts_with("Invalid file specifier: "), "{list} {message}");
        }
        for id in ["abcdefgh2", "abcdefgh3"] {
            let error = checked(&spec(&format!(r#","file_list":[["{id}","x"]]"#))).unwrap_err();
            assert_eq!(error, (404, "One or more of the specified files is missing/unavailable".to_owned()));
        }
    }

    #[test]
    fn files_and_input_reach_the_daemon() {
        let more =
            r#","input":"in","file_list":[["abcdefgh1","data.txt",true]],"parameters":{"runargs":["a"]}"#;
        let request = request(&spec(more));
        assert_eq!(request.language, "python");
        let files: Vec<_> =
            request.files.iter().map(|file| (file.path.as_deref(), &file.content[..])).collect();
        assert_eq!(files, [(Some("prog.py"), &b"s"[..]), (Some("data.txt"), b"content")]);
        assert_eq!(request.runs[0].stdin, Stdin::Bytes("in".into()));
        assert_eq!(request.runs[0].args, ["a"]);
        let interpreter_args = vec!["-BE".to_owned()];
        assert_eq!(
            request.toolchain,
            ToolchainRequest { check: true, interpreter_args, ..ToolchainRequest::default() }
        );
    }

    #[test]
    fn the_source_file_has_the_name_that_its_language_needs() {
        let name = |language: &str, given: &str| {
            let json = format!(
                r#"{{"run_spec":{{"sourcecode":"","language_id":"{language}","sourcefilename":{given}}}}}"#
            );
            request(&json).files[0].path.clone()
        };
        for (language, given, expected) in [
            ("c", "null", Some("prog.c")),
            ("c", "\"\"", Some("prog.c")),
            ("python3", "\"__tester__.python3\"", Some("__tester__.python3")),
            ("java", "null", None),
            ("java", "\"prog.java\"", None),
            ("java", "\"Thing.java\"", Some("Thing.java")),
            ("bash", "null", None),
        ] {
            assert_eq!(name(language, given).as_deref(), expected, "{language} {given}");
        }
        let json =
            r#"{"run_spec":{"sourcecode":"","language_id":"c","parameters":{"compileargs":["std=c89"]}}}"#;
        let message = "error: std=c89: No such file or directory\n";
        assert!(matches!(checked(json), Ok(Checked::CompileError(found)) if found == message));
        let overload = format!(r#"{{"run_spec":{{"sourcecode":"{OVERLOAD}","language_id":"c"}}}}"#);
        assert!(matches!(checked(&overload), Ok(Checked::Overload)));
    }
}
