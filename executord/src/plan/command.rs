//! Commands and environments of programs.

use protocol::Limits;
use sandbox::{HOME, User};

use crate::admission::job::Source;
use crate::languages::toolchain::{LAUNCHER, SEARCH_PATH, StageCommand, Toolchain};

/// Returns a command with its placeholders replaced.
pub(super) fn expand(
    command: &[String],
    toolchain: &Toolchain,
    limits: &Limits,
    sources: &[Source],
) -> Vec<String> {
    let main = sources.first().map(|source| &source.path);
    let mut arguments = Vec::with_capacity(command.len());
    for argument in command {
        if argument == "{sources}" {
            let is_source = |source: &&Source| {
                Some(&source.path) == main
                    || source.path.extension().is_some_and(|extension| toolchain.is_source(extension))
            };
            arguments.extend(sources.iter().filter(is_source).map(|source| source.path.to_string()));
        } else {
            arguments.push(
                argument
                    .replace("{main}", main.map_or("", |path| path.as_str()))
                    .replace("{stem}", main.map_or("", |path| path.stem()))
                    .replace("{memory}", &limits.memory.bytes().to_string())
                    .replace("{launcher}", LAUNCHER),
            );
        }
    }
    arguments
}

/// Returns the environment of a stage's program. The language file's variables override the fixed ones.
pub(super) fn environment(command: &StageCommand, user: &User) -> Vec<(String, String)> {
    let path = SEARCH_PATH.join(":");
    let fixed = [
        ("PATH", &*path),
        ("HOME", HOME),
        ("USER", &user.name),
        ("LOGNAME", &user.name),
        ("LANG", "C.UTF-8"),
        ("TMPDIR", "/tmp"),
    ];
    let own = command.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    fixed
        .into_iter()
        .filter(|(name, _)| !command.environment.contains_key(*name))
        .chain(own)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
