//! The parts of a toolchain that are installed on this host.

use std::path::{Path, PathBuf};

/// Directories that are searched for the program of a command, on the host and in the sandbox.
pub(crate) const SEARCH_PATH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// Returns why a path that a language requires is missing, or `None` if it exists. A `*` stands for any characters of the
/// name of a file or directory, once in each name.
pub(super) fn why_missing(required: &str, launcher: Option<&Path>) -> Option<String> {
    let path = match (required.strip_prefix("{launcher}/"), launcher) {
        (Some(file), Some(launcher)) => launcher.join(file),
        (Some(file), None) => return Some(format!("{file} of the language's launcher is not installed")),
        (None, _) => PathBuf::from(required),
    };
    (!exists(&path)).then(|| format!("{} is not installed", path.display()))
}

/// Returns whether there is a path that matches the pattern.
fn exists(pattern: &Path) -> bool {
    let mut found = vec![PathBuf::new()];
    for component in pattern {
        let pattern = component.to_string_lossy();
        found = match pattern.split_once('*') {
            None => found.into_iter().map(|path| path.join(component)).collect(),
            Some((beginning, end)) => {
                let fits = |name: &str| {
                    name.len() >= beginning.len() + end.len()
                        && name.starts_with(beginning)
                        && name.ends_with(end)
                };
                let entries =
                    found.iter().filter_map(|path| std::fs::read_dir(path).ok()).flatten().flatten();
                entries
                    .filter(|entry| fits(&entry.file_name().to_string_lossy()))
                    .map(|entry| entry.path())
                    .collect()
            }
        };
    }
    found.iter().any(|path| path.exists())
}

/// Returns why a library cannot be used, or `None` if it exists.
pub(super) fn why_unusable(library: &Path) -> Option<String> {
    (!library.exists()).then(|| format!("the library {} does not exist", library.display()))
}

/// Returns the command with its program as an absolute path, and why that program cannot be used, if it cannot. `toolchains` are
/// the directories besides /usr from which programs of the language may execute files.
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
