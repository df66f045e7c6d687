//! Programs that notice whether Python's finalization was complete: `e2e/finalization/*.py`.
//!
//! Each file contains several programs. A line `#: NAME` precedes each, or `#: NAME, skipped` if the launcher of Python
//! must end it without finalization, because nobody can notice.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::ProgramResult;
use super::bare;
use super::programs::{Program, entries};

/// Input of each program.
const STDIN: &str = "one\ntwo\n";

/// A program, and whether its finalization is skipped.
#[derive(Debug)]
pub struct Finalization {
    /// The program.
    pub program: Program,
    /// Whether the launcher ends it without finalization.
    pub is_skipped: bool,
}

/// Returns the directory of the programs.
fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("finalization")
}

/// Returns all programs.
///
/// # Errors
/// If a file cannot be read.
pub fn all() -> io::Result<Vec<Finalization>> {
    let mut all = Vec::new();
    for path in entries(&directory())? {
        if path.extension().is_some_and(|extension| extension == "py") {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            all.extend(split(&stem, &fs::read_to_string(&path)?));
        }
    }
    Ok(all)
}

fn split(file: &str, text: &str) -> Vec<Finalization> {
    let programs = text.split_inclusive('\n').fold(Vec::<(String, String)>::new(), |mut all, line| {
        match (line.strip_prefix("#: "), all.last_mut()) {
            (Some(heading), _) => all.push((heading.trim_end().to_owned(), String::new())),
            (None, Some((_, program))) => program.push_str(line),
            (None, None) => {}
        }
        all
    });
    let finalization = |(heading, text): (String, String)| {
        let (name, is_skipped) = match heading.strip_suffix(", skipped") {
            Some(name) => (name, true),
            None => (&*heading, false),
        };
        let id = format!("python/finalization/{file}/{name}");
        Finalization { program: Program::of_text(id, "python", text, STDIN), is_skipped }
    };
    programs.into_iter().map(finalization).collect()
}

/// Builds the library that reports how the interpreter exited, into a directory.
///
/// # Errors
/// If there is no C compiler.
pub fn build_reporter(into: &Path) -> io::Result<()> {
    let source = directory().join("report_exit.c");
    let mut build = Command::new("cc");
    build.args(["-O2", "-shared", "-fPIC", "-o"]).arg(into.join("report_exit.so")).arg(source);
    if build.status()?.success() { Ok(()) } else { Err(io::Error::other("cannot build report_exit.c")) }
}

/// Runs the bare command, with the directory of a launcher in `PYTHONPATH` if there is one. Returns the result and whether
/// finalization was skipped. `reporter` is the directory that [`build_reporter`] built into.
///
/// # Errors
/// If the command cannot be started.
pub fn run(program: &Program, reporter: &Path, launcher: Option<&Path>) -> io::Result<(ProgramResult, bool)> {
    let report = reporter.join("reports").join("skipped");
    let mut variables = vec![
        format!("REPORT={}", report.display()),
        format!("LD_PRELOAD={}", reporter.join("report_exit.so").display()),
    ];
    // As in a sandbox, the last one.
    variables.extend(launcher.map(|launcher| format!("PYTHONPATH={}", launcher.display())));
    let result = bare::run_with(program, &variables)?;
    let is_skipped = report.exists();
    if is_skipped {
        fs::remove_file(report)?;
    }
    Ok((result, is_skipped))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{all, split};

    #[test]
    fn a_file_has_several_programs() {
        let programs = split("f", "#: one\nprint(1)\n\n#: two, skipped\n#: three\nprint(3)\n");
        let read: Vec<_> = programs
            .iter()
            .map(|finalization| {
                let program = &finalization.program;
                (&*program.id, &*program.files[0].1, finalization.is_skipped)
            })
            .collect();
        let expected = [
            ("python/finalization/f/one", "print(1)\n\n", false),
            ("python/finalization/f/two", "", true),
            ("python/finalization/f/three", "print(3)\n", false),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn the_names_of_programs_are_unique() {
        let programs = all().unwrap();
        let names: BTreeSet<_> = programs.iter().map(|finalization| &finalization.program.id).collect();
        assert!(names.len() == programs.len() && names.len() > 200, "{} of {}", names.len(), programs.len());
    }
}
