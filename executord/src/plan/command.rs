//! Commands and environments of programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

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
        } else if argument.contains("{each_library}") {
            let libraries = toolchain.libraries.iter();
            arguments
                .extend(libraries.map(|path| argument.replace("{each_library}", &path.to_string_lossy())));
        } else {
            arguments.push(
                argument
                    .replace("{libraries}", &path_list(&toolchain.libraries))
                    .replace("{main}", main.map_or("", |path| path.as_str()))
                    .replace("{stem}", main.map_or("", |path| path.stem()))
                    .replace("{memory}", &limits.memory.bytes().to_string())
                    .replace("{stack}", &limits.effective_stack().bytes().to_string())
                    .replace("{launcher}", LAUNCHER),
            );
        }
    }
    arguments
}

/// Returns the paths, each after a colon: the end of a search path.
fn path_list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!(":{}", path.display())).collect()
}

/// Returns the environment of a program: the fixed variables, the type of its terminal, and the variables of the language
/// file, of which those in `more` override those of the stage, and these the fixed ones.
pub(super) fn environment(
    command: &StageCommand,
    more: &BTreeMap<String, String>,
    user: &User,
    terminal_type: Option<&str>,
) -> Vec<(String, String)> {
    let path = SEARCH_PATH.join(":");
    let fixed = [
        ("PATH", &*path),
        ("HOME", HOME),
        ("USER", &user.name),
        ("LOGNAME", &user.name),
        ("LANG", "C.UTF-8"),
        ("TMPDIR", "/tmp"),
        // Programs for online judges read files instead of stdin without it.
        ("ONLINE_JUDGE", "1"),
    ];
    let is_overridden = |name: &str| command.environment.contains_key(name) || more.contains_key(name);
    let of_stage = command.environment.iter().filter(|(name, _)| !more.contains_key(*name));
    let own = of_stage.chain(more).map(|(name, value)| (name.clone(), value.replace("{launcher}", LAUNCHER)));
    fixed
        .into_iter()
        .filter(|(name, _)| !is_overridden(name))
        .chain(terminal_type.map(|value| ("TERM", value)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .chain(own)
        .collect()
}
