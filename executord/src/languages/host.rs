//! The parts of a toolchain that are installed on this host.

use std::path::{Path, PathBuf};

use crate::languages::toolchain::SEARCH_PATH;

/// Returns why a path that a language requires is missing, or `None` if it exists.
pub(super) fn why_missing(required: &str, launcher: Option<&Path>) -> Option<String> {
    let path = match (required.strip_prefix("{launcher}/"), launcher) {
        (Some(file), Some(launcher)) => launcher.join(file),
        (Some(file), None) => return Some(format!("{file} of the language's launcher is not installed")),
        (None, _) => PathBuf::from(required),
    };
    (!path.exists()).then(|| format!("{} is not installed", path.display()))
}

/// Returns why a library cannot be used, or `None` if it exists.
pub(super) fn why_unusable(library: &Path) -> Option<String> {
    (!library.exists()).then(|| format!("the library {} does not exist", library.display()))
}

/// Returns the command with its program as an absolute path, and why that program cannot be used, if it cannot.
pub(super) fn resolve_program(command: &[String], toolchains: &[PathBuf]) -> (Vec<String>, Option<String>) {
    let mut resolved = command.to_vec();
    let Some(program) = resolved.first_mut() else { return (resolved, None) };
    // The output of a compiler, or a file of the language's launcher.
    if program.starts_with("/build/") || program.starts_with('{') {
        return (resolved, None);
    }
    let found =
        SEARCH_PATH.iter().map(|directory| Path::new(directory).join(&program)).find(|path| path.is_file());
    let Some(path) = found else {
        let problem = format!("{program} is not in {}", SEARCH_PATH.join(", "));
        return (resolved, Some(problem));
    };
    let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let visible = real.starts_with("/usr") || toolchains.iter().any(|directory| real.starts_with(directory));
    let problem =
        (!visible).then(|| format!("{} is outside /usr; add its directory to `toolchains`", real.display()));
    *program = path.to_string_lossy().into_owned();
    (resolved, problem)
}
