//! Programs that notice differences: `e2e/differential/LANGUAGE/NAME.EXTENSION` or, with several files, a folder `NAME`.
//!
//! `NAME.json` next to the file, or `case.json` in the folder, holds its settings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::corpus;

/// A program and its settings.
#[derive(Debug)]
pub struct Program {
    /// `python/argv`.
    pub id: String,
    /// Language.
    pub language: String,
    /// Names and contents, the main file first.
    pub files: Vec<(String, String)>,
    case: Case,
}

/// Settings of a program.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    args: Vec<String>,
    stdin: String,
    /// Name of the main file of a folder; the file whose name begins with `main.` otherwise.
    main_file: Option<String>,
    /// Regular expressions for output that differs between runs, each with a reason.
    differs: Vec<Differs>,
    /// Reason why the bare command is not compared, if so.
    not_bare: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Differs {
    pattern: String,
    #[expect(dead_code, reason = "documents the file")]
    why: String,
}

impl Program {
    /// Creates a program of one file.
    #[must_use]
    pub fn of_text(id: String, language: &str, text: String, stdin: &str) -> Self {
        Self {
            id,
            files: vec![(default_name(language), text)],
            language: language.to_owned(),
            case: Case { stdin: stdin.to_owned(), ..Case::default() },
        }
    }

    /// Returns the arguments.
    #[must_use]
    pub fn args(&self) -> &[String] {
        &self.case.args
    }

    /// Returns the standard input.
    #[must_use]
    pub fn stdin(&self) -> &str {
        &self.case.stdin
    }

    /// Returns whether the bare command is compared.
    #[must_use]
    pub fn has_bare(&self) -> bool {
        self.case.not_bare.is_none()
    }

    /// Returns the body of `POST /api/execute`.
    #[must_use]
    pub fn request(&self) -> Value {
        let files: Vec<Value> =
            self.files.iter().map(|(name, content)| json!({ "name": name, "content": content })).collect();
        json!({ "language": self.language, "files": files, "stdin": self.case.stdin, "args": self.case.args })
    }

    /// Returns the same program with another main file.
    #[must_use]
    pub fn with_main(&self, id: String, text: String) -> Self {
        let mut files = self.files.clone();
        files[0].1 = text;
        Self { id, language: self.language.clone(), files, case: self.case.clone() }
    }

    /// Removes what differs between runs from its output.
    #[must_use]
    pub fn without_expected_differences(&self, text: &str) -> String {
        self.case.differs.iter().fold(text.to_owned(), |text, differs| {
            let expression = Regex::new(&differs.pattern).expect("checked by `read`");
            expression.replace_all(&text, "").into_owned()
        })
    }
}

/// Returns all programs of this repository.
///
/// # Errors
/// If one cannot be read, or its settings are invalid.
pub fn own() -> io::Result<Vec<Program>> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential");
    let mut programs = Vec::new();
    for language in entries(&all)? {
        for path in entries(&language)? {
            if path.extension().is_none_or(|extension| extension != "json") {
                programs.push(
                    read(&path, &file_name(&language)).map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    })?,
                );
            }
        }
    }
    Ok(programs)
}

/// Returns a sample of the corpus in these languages. Their bare commands are not run: the corpus has their recorded
/// results.
#[must_use]
pub fn of_corpus(programs: Vec<corpus::Program>, languages: &[&str]) -> Vec<Program> {
    programs
        .into_iter()
        .filter(|program| languages.contains(&program.language.as_str()))
        .map(|program| Program {
            id: program.id,
            files: vec![(default_name(&program.language), program.code)],
            language: program.language,
            case: Case {
                args: program.args,
                stdin: program.stdin,
                not_bare: Some("recorded".to_owned()),
                ..Case::default()
            },
        })
        .collect()
}

fn read(path: &Path, language: &str) -> io::Result<Program> {
    let several = path.is_dir();
    let said = if several { path.join("case.json") } else { path.with_extension("json") };
    let case: Case = match fs::read_to_string(said) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Case::default(),
        Err(error) => return Err(error),
    };
    for differs in &case.differs {
        Regex::new(&differs.pattern).map_err(io::Error::other)?;
    }
    let mut files = Vec::new();
    if several {
        collect(path, "", &mut files)?;
        let is_main = |name: &str| match &case.main_file {
            Some(main) => main == name,
            None => is_named_main(name),
        };
        files.sort_by_key(|(name, _)| (!is_main(name), name.clone()));
    } else {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let name = if language == "java" { "Main" } else { "main" };
        files.push((format!("{name}.{extension}"), fs::read_to_string(path)?));
    }
    let id = format!("{language}/{}", path.file_stem().unwrap_or_default().to_string_lossy());
    Ok(Program { id, language: language.to_owned(), files, case })
}

fn is_named_main(name: &str) -> bool {
    name.split('.').next().is_some_and(|stem| stem.eq_ignore_ascii_case("main"))
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> io::Result<()> {
    for path in entries(directory)? {
        let name = format!("{prefix}{}", file_name(&path));
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else if name != "case.json" {
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

fn default_name(language: &str) -> String {
    match language {
        "java" => "Main.java",
        "javascript" => "main.js",
        "typescript" => "main.ts",
        "cpp" => "main.cpp",
        _ => "main.py",
    }
    .to_owned()
}

pub(super) fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn every_program_is_readable_and_has_a_main_file() {
        let programs = own().unwrap();
        assert!(programs.len() > 60, "{}", programs.len());
        for program in programs {
            let name = &program.files[0].0;
            let is_main = match &program.case.main_file {
                Some(main) => main == name,
                None => super::is_named_main(name),
            };
            assert!(is_main, "{}: {name:?}", program.id);
        }
    }
}
