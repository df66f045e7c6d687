//! Commands and environments of programs.

use std::path::PathBuf;

use protocol::Limits;
use sandbox::{HOME, User};

use crate::admission::source::Source;
use crate::languages::arguments::ARGUMENTS_PLACEHOLDER;
use crate::languages::options::{OPTIONS_PLACEHOLDER, StageAdditions};
use crate::languages::toolchain::{LAUNCHER, SEARCH_PATH, SOURCES, StageCommand, Toolchain};

/// Returns a command with its placeholders replaced. `added` are the arguments of the options and of the request.
pub(super) fn expand(
    command: &[String],
    added: &StageAdditions,
    toolchain: &Toolchain,
    limits: &Limits,
    sources: &[Source],
) -> Vec<String> {
    let main = sources.first().map(|source| &source.path);
    let mut arguments = Vec::with_capacity(command.len() + added.arguments.len() + added.requested.len());
    let of_options = |argument| {
        if argument == OPTIONS_PLACEHOLDER { &added.arguments[..] } else { std::slice::from_ref(argument) }
    };
    for argument in command.iter().flat_map(of_options) {
        if argument == ARGUMENTS_PLACEHOLDER {
            arguments.extend_from_slice(&added.requested);
        } else if argument == SOURCES {
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
            let value = |placeholder: &str| match placeholder {
                "libraries" => Some(path_list(&toolchain.libraries)),
                "main" => Some(main.map_or("", |path| path.as_str()).to_owned()),
                "stem" => Some(main.map_or("", |path| path.stem()).to_owned()),
                "memory" => Some(limits.memory.bytes().to_string()),
                "stack" => Some(limits.effective_stack().bytes().to_string()),
                "launcher" => Some(LAUNCHER.to_owned()),
                _ => None,
            };
            arguments.push(fill(argument, value));
        }
    }
    arguments
}

/// Returns an argument with its placeholders replaced. Their values are not searched for placeholders: a file may be named
/// like one.
fn fill(argument: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let placeholder = after.split_once('}').and_then(|(name, after)| Some((value(name)?, after)));
        rest = match placeholder {
            Some((value, after)) => {
                filled.push_str(&value);
                after
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    filled.push_str(rest);
    filled
}

/// Returns the paths, each after a colon: the end of a search path.
fn path_list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!(":{}", path.display())).collect()
}

/// Returns the value of a variable of a language file. `threads` is the number of threads that a program should have for
/// computations.
pub(super) fn in_sandbox(value: &str, threads: u32) -> String {
    value.replace("{launcher}", LAUNCHER).replace("{threads}", &threads.to_string())
}

/// Returns the environment of a program: the fixed variables, the type of its terminal, the variables of the language file
/// and of its options, and `more`. Of variables with the same name the last counts.
pub(super) fn environment<'a>(
    command: &'a StageCommand,
    user: &'a User,
    terminal_type: Option<&'a str>,
    threads: u32,
    more: impl Iterator<Item = (&'a str, String)>,
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
    let fixed = fixed.into_iter().chain(terminal_type.map(|value| ("TERM", value)));
    let of_language = command.environment.iter().chain(&command.additions.environment);
    let of_language = of_language.map(|(name, value)| (&**name, in_sandbox(value, threads)));
    let own = |(name, value): (&'a str, &str)| (name, value.to_owned());
    let all: Vec<_> = fixed.map(own).chain(of_language).chain(more).collect();
    let is_last = |index: usize, name: &str| all[index + 1..].iter().all(|(other, _)| *other != name);
    let last = all.iter().enumerate().filter(|(index, (name, _))| is_last(*index, name));
    last.map(|(_, (name, value))| ((*name).to_owned(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn only_placeholders_of_the_language_file_are_replaced() {
        let value = |name: &str| match name {
            "main" => Some("{stem}.py".to_owned()),
            "stem" => Some("{main}".to_owned()),
            _ => None,
        };
        for (argument, expected) in [
            ("{main}", "{stem}.py"),
            ("/build/{stem}.js", "/build/{main}.js"),
            ("{main}{stem}", "{stem}.py{main}"),
            ("{x}{main}", "{x}{stem}.py"),
            ("{{main}}", "{{stem}.py}"),
            ("a{main", "a{main"),
            ("}", "}"),
            ("", ""),
        ] {
            assert_eq!(fill(argument, value), expected, "{argument}");
        }
    }
}
