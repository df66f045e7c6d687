//! Loading language files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::renamed_keys::ConfigKeys;
use protocol::{Editor, Limits, OptionSetting, language_name};
use regex::Regex;

use crate::admission::limits::LimitSettings;
use crate::admission::relative_path::RelativePath;
use crate::config::Config;
use crate::languages::arguments::{self, AllowedArguments};
use crate::languages::format::{
    CheckCommand, Command, LanguageFile, Mount, MountAt, RENAMED_KEYS, REPLACED_IN_PARTS, Warm,
};
use crate::languages::formatter;
use crate::languages::host::{resolve_program, why_missing, why_unusable};
use crate::languages::line_of::line_of;
use crate::languages::option_check;
use crate::languages::option_format::SettingFormat;
use crate::languages::options::Options;
use crate::languages::probed_version::ProbedVersion;
use crate::languages::registry::{DuplicateName, Registry};
use crate::languages::toolchain::{StageCommand, StageKind, Toolchain};

/// A mistake in a language file, worded for its author.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct LanguageError {
    path: PathBuf,
    /// Line of the mistake, from 1, if it can be attributed to one.
    line: Option<usize>,
    message: String,
}

impl LanguageError {
    fn new(path: &Path, message: impl ToString) -> Self {
        Self { path: path.to_owned(), line: None, message: message.to_string() }
    }

    /// Creates the error of a file whose text has the key with which the message begins.
    fn in_text(path: &Path, text: &str, message: String) -> Self {
        Self { path: path.to_owned(), line: line_of(text, &message), message }
    }
}

impl From<DuplicateName> for LanguageError {
    fn from(DuplicateName { name, key, files: [path, other] }: DuplicateName) -> Self {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let message = format!("{key}: {name} is also a name or an alias in {}", other.display());
        Self::in_text(&path, &text, message)
    }
}

/// Reads all language files. Whether the toolchains work is found out later, by running them.
pub(crate) fn registry(config: &Config) -> Result<Registry, LanguageError> {
    let mut toolchains = Vec::new();
    for directory in &config.languages {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|error| LanguageError::new(&path, error))?;
            toolchains.push(parse(&text, &path, config)?);
        }
    }
    Ok(Registry::new(toolchains)?)
}

/// Returns the program that checks a sandbox from the inside. It is described in the format of a language.
pub(crate) fn sandbox_probe(config: &Config) -> Result<Toolchain, LanguageError> {
    parse(include_str!("probe.toml"), Path::new("probe.toml"), config)
}

fn parse(text: &str, path: &Path, config: &Config) -> Result<Toolchain, LanguageError> {
    let error = |message: &dyn ToString| LanguageError::in_text(path, text, message.to_string());
    let keys: ConfigKeys = toml::from_str(text).map_err(|parse_error| error(&parse_error))?;
    keys.reject_renamed(&RENAMED_KEYS).map_err(|key| error(&key))?;
    let file: LanguageFile = toml::from_str(text).map_err(|parse_error| error(&parse_error))?;
    let checked =
        check(&file).and_then(|()| option_check::check(&file)).and_then(|()| arguments::check(&file));
    let checked = checked.and_then(|()| file.install.check());
    checked.map_err(|message| error(&message))?;
    let launcher = launcher_directory(path, &file.name, config);
    let libraries = config.libraries.get(&file.name).cloned().unwrap_or_default();
    let has_zygote =
        config.has_zygotes() && launcher.as_ref().is_some_and(|path| path.join("zygote").is_dir());
    let options = Options::new(file.options, launcher.as_deref()).map_err(|message| error(&message))?;
    let arguments = AllowedArguments::new(file.arguments).map_err(|message| error(&message))?;
    let alias_options = alias_options(file.alias_options, &options).map_err(|message| error(&message))?;
    let defaults = options.defaults();
    let mut missing = file.requires.iter().find_map(|required| why_missing(required, launcher.as_deref()));
    missing = missing.or_else(|| libraries.iter().find_map(|library| why_unusable(library)));
    let mounts = mounts(file.mounts, &libraries, &config.toolchains);
    let executable = mounts.iter().filter(|mount| mount.executable && mount.source == mount.target);
    let toolchains: Vec<_> =
        config.toolchains.iter().chain(executable.map(|mount| &mount.source)).cloned().collect();
    let mut resolve = |command: &[String]| {
        let (resolved, problem) = resolve_program(command, &toolchains);
        missing = missing.take().or(problem);
        resolved
    };
    let version_command = resolve(&file.version.command);
    let mut stage = |kind: StageKind, stage: Command, limits: Limits| StageCommand {
        command: resolve(&stage.command),
        additions: defaults.of(kind).clone(),
        environment: stage.environment,
        limits,
        warm: stage.warm.map(|warm| Warm {
            command: resolve(&warm.command),
            cold_environment: of_existing_files(warm.cold_environment, launcher.as_deref()),
            zygote: warm.zygote.filter(|_| has_zygote),
            ..warm
        }),
    };
    let compile = file.compile.map(|command| {
        let limits = config.compile_limits(&command.limits);
        stage(StageKind::Compile, command, limits)
    });
    let check = file.check.map(|CheckCommand { command }| {
        let command =
            Command { command, environment: BTreeMap::new(), limits: LimitSettings::default(), warm: None };
        let limits = config.compile_limits(&command.limits);
        stage(StageKind::Check, command, limits)
    });
    let run_limits = config.run_limits(&file.run.limits);
    let run = stage(StageKind::Run, file.run, run_limits);
    let formatter =
        file.formatter.and_then(|formatter| formatter::installed(formatter, launcher.as_deref(), config));
    Ok(Toolchain {
        version_pattern: Regex::new(&file.version.pattern)
            .map_err(|regex_error| error(&format!("version.pattern: {regex_error}")))?,
        name: file.name,
        variant: file.variant,
        file: path.to_owned(),
        title: file.title,
        aliases: file.aliases,
        alias_options,
        extensions: file.extensions,
        file_name: file.file_name,
        judge0_ids: file.judge0_ids,
        misread_extensions: file.misread_extensions,
        misread_parts: file.misread_parts,
        line_endings: file.line_endings,
        probed: missing.map_or_else(ProbedVersion::default, |reason| ProbedVersion::known(Err(reason))),
        version_command,
        launcher,
        mounts,
        libraries,
        options,
        arguments,
        compile,
        run,
        check,
        formatter,
        editor: Editor {
            mode: file.editor.mode,
            line_comment: file.editor.line_comment,
            indent: file.editor.indent,
        },
        example: file.example.trim_start_matches('\n').to_owned(),
        self_test: file.self_test,
    })
}

/// Returns the options that aliases stand for, by the key of the alias.
fn alias_options(
    file: BTreeMap<String, BTreeMap<String, SettingFormat>>,
    options: &Options,
) -> Result<BTreeMap<String, Vec<OptionSetting>>, String> {
    let mut implied = BTreeMap::new();
    for (alias, settings) in file {
        let settings = settings.into_iter().map(|(name, value)| OptionSetting { name, value: value.into() });
        let settings: Vec<_> = settings.collect();
        options.check(&settings).map_err(|message| format!("alias_options.{alias}: {message}"))?;
        implied.insert(language_name::key(&alias), settings);
    }
    Ok(implied)
}

/// Returns the variables without those that are paths in a launcher that does not have them: parts of a launcher depend on
/// what is installed where it is built.
fn of_existing_files(
    mut variables: BTreeMap<String, String>,
    launcher: Option<&Path>,
) -> BTreeMap<String, String> {
    variables.retain(|_, value| match value.strip_prefix("{launcher}/") {
        Some(path) => launcher.is_some_and(|launcher| launcher.join(path).exists()),
        None => true,
    });
    variables
}

/// Returns the directory of a language's launcher: next to the language file, or that of the file that it replaces.
fn launcher_directory(path: &Path, language: &str, config: &Config) -> Option<PathBuf> {
    let shipped = config.languages.iter().rev().map(|directory| directory.join(language));
    [path.with_extension("")].into_iter().chain(shipped).find(|directory| directory.is_dir())
}

/// Returns the mounts of a language file, and those of libraries that programs do not see anyway.
fn mounts(mounts: Vec<Mount>, libraries: &[PathBuf], toolchains: &[PathBuf]) -> Vec<MountAt> {
    let is_visible =
        |path: &Path| path.starts_with("/usr") || toolchains.iter().any(|visible| path.starts_with(visible));
    let libraries = libraries.iter().filter(|path| !is_visible(path)).cloned().map(Mount::Path);
    mounts.into_iter().chain(libraries).map(MountAt::from).collect()
}

/// Checks what the types of a language file do not.
fn check(file: &LanguageFile) -> Result<(), String> {
    let is_allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "+#-_".contains(letter);
    if file.name.is_empty() || !file.name.chars().all(is_allowed) {
        return Err("name: must consist of lower-case letters, digits, '+', '#', '-' and '_'".to_owned());
    }
    if !file.variant.chars().all(|letter| is_allowed(letter) || letter == '.') {
        return Err(
            "variant: must consist of lower-case letters, digits, '.', '+', '#', '-' and '_'".to_owned()
        );
    }
    if file.extensions.is_empty() {
        return Err("extensions: must name at least one".to_owned());
    }
    if let Some(part) = file.misread_parts.iter().find(|part| !part.contains(REPLACED_IN_PARTS)) {
        return Err(format!("misread_parts: {part:?} has no dot and no backslash"));
    }
    let test_files = file.self_test.files.iter().map(|file| ("self_test.files", &file.name));
    for (key, name) in test_files.chain([("file_name", &file.file_name)]) {
        RelativePath::try_from(name.as_str()).map_err(|message| format!("{key}: {message}"))?;
    }
    let commands = [
        ("version.command", Some(&file.version.command)),
        ("run.command", Some(&file.run.command)),
        ("run.warm.command", file.run.warm.as_ref().map(|warm| &warm.command)),
        ("compile.command", file.compile.as_ref().map(|stage| &stage.command)),
        ("check.command", file.check.as_ref().map(|check| &check.command)),
        ("formatter.command", file.formatter.as_ref().map(|formatter| &formatter.command)),
        ("compile.warm.command", file.compile.as_ref().and_then(|stage| Some(&stage.warm.as_ref()?.command))),
    ];
    match commands.iter().find(|(_, command)| command.is_some_and(Vec::is_empty)) {
        None => Ok(()),
        Some((key, _)) => Err(format!("{key}: is empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Registry, registry};

    fn load_files(files: &[(&str, &str)]) -> Result<Registry, String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let languages = vec![directory.path().to_owned()];
        registry(&Config { languages, ..Config::default() }).map_err(|error| error.to_string())
    }

    fn file(name: &str, more: &str) -> String {
        format!(
            "name = {name:?}\ntitle = \"T\"\nextensions = [\"t\"]\nfile_name = \"main.t\"\nexample = \"\"\n{more}\n\
             [version]\ncommand = [\"sh\"]\npattern = '(.*)'\n[editor]\nmode = \"t\"\nline_comment = \"#\"\n\
             indent = 2\n[run]\ncommand = [\"sh\", \"{{main}}\"]\n[self_test]\nstdout = \"\"\nfiles = []\n"
        )
    }

    #[test]
    fn errors_name_the_file_and_the_mistake() {
        assert!(load_files(&[("t.toml", &file("t", ""))]).is_ok());
        for (text, message) in [
            (file("T", ""), "name: must consist of lower-case letters"),
            (file("t", "colour = 1"), "unknown field `colour`"),
            (file("t", "").replace("main.t", "../main.t"), "contains . or .."),
            (file("t", "").replace("'(.*)'", "'('"), "regex parse error"),
            (file("t", "").replace("[\"sh\"]", "[]"), "t.toml:8: version.command: is empty"),
            (
                file("t", "misread_parts = [\"x\"]"),
                "t.toml:6: misread_parts: \"x\" has no dot and no backslash",
            ),
            (file("t", "[install]\napt = [\"--yes\"]"), "is not the name of a package of Debian"),
            (
                file("t", "[install]\npip = [\"a==1\"]"),
                "t.toml:6: install.toolchain: is required with install.pip",
            ),
            (
                format!("{}[run.warm]\ncommand = [\"sh\"]\nmain = \"main.t\"\n", file("t", "")),
                "`run.warm.main` was renamed to `run.warm.main_file`",
            ),
        ] {
            let error = load_files(&[("t.toml", &text)]).unwrap_err();
            assert!(error.contains("t.toml") && error.contains(message), "{message:?} is not in {error:?}");
        }
        let error = load_files(&[("a.toml", &file("a", "aliases = [\"b\"]")), ("b.toml", &file("b", ""))])
            .unwrap_err();
        assert!(error.contains("b.toml:1: name: b is also a name or an alias in "), "{error}");
        let aliases = [file("a", "aliases = [\"c\"]"), file("b", "aliases = [\"c\"]")];
        let error = load_files(&[("a.toml", &aliases[0]), ("b.toml", &aliases[1])]).unwrap_err();
        assert!(error.contains("b.toml:6: aliases: c is also a name or an alias in "), "{error}");
    }

    #[test]
    fn files_with_a_variant_are_versions_of_one_language() {
        let files = [
            ("t.toml", file("t", "aliases = [\"u\"]")),
            ("t-1.toml", file("t", "variant = \"1\"\naliases = [\"u-1\", \"u\"]")),
            ("t-3.toml", file("t", "variant = \"3\"\naliases = [\"u-3\"]")),
        ];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let mut registry = load_files(&files).unwrap();
        let id = |found: Option<&std::sync::Arc<super::Toolchain>>| found.map(|one| one.id());
        // Nothing can be used before the versions are known.
        assert_eq!(id(registry.find("u-3")), Some("t@3".to_owned()));
        assert!(registry.find_version("t", "*").is_none());
        for (toolchain, version) in [("t", "2.0"), ("t@1", "1.5.1"), ("t@3", "3.0")] {
            registry.set_version(toolchain, Ok(version.to_owned()));
        }
        for (name, found) in [
            ("T", Some("t")),
            ("u-1", Some("t@1")),
            ("u", Some("t@1")),
            ("u-3", Some("t@3")),
            // The aliases `u-1` and `u-3` with other separators.
            ("U 1", Some("t@1")),
            ("u3", Some("t@3")),
            // A version that follows a name.
            ("t 3", Some("t@3")),
            ("t1.5", Some("t@1")),
            ("T (2.0)", Some("t")),
            ("t 4", None),
            ("u-1 3", None),
        ] {
            assert_eq!(id(registry.find(name)), found.map(str::to_owned), "{name}");
        }
        assert_eq!(id(registry.find_version("t 3", "<2")), Some("t@1".to_owned()));
        for (name, range, found) in [
            ("t", "*", Some("t@3")),
            ("t", "2", Some("t")),
            ("u", "3.x", Some("t@3")),
            ("u-3", "1.x", None),
            ("t", ">3.0.0", None),
            ("t", "", Some("t@3")),
        ] {
            assert_eq!(id(registry.find_version(name, range)), found.map(str::to_owned), "{name} {range}");
        }
        registry.set_version("t", Err("it is gone".to_owned()));
        assert!(registry.find("t 2").is_none());
        assert_eq!(id(registry.find("t")), Some("t@3".to_owned()));
        let described = registry.describe();
        let versions: Vec<_> =
            described[0].versions.iter().map(|one| (&*one.version, one.is_default)).collect();
        assert_eq!((described.len(), versions), (1, vec![("3.0", true), ("1.5.1", false)]));
        let error = load_files(&[("t.toml", &file("t", "variant = \"a b\""))]).unwrap_err();
        assert!(error.contains("t.toml:6: variant: must consist of"), "{error}");
    }

    #[test]
    fn mistakes_in_options_are_named() {
        let with = |options: &str| {
            let text = file("t", "aliases = [\"u\"]").replace("\"{main}\"]", "\"{options}\", \"{main}\"]");
            format!("{text}{options}")
        };
        let option =
            |more: &str| with(&format!("[[options]]\nname = \"o\"\ntitle = \"O\"\nhelp = \"\"\n{more}\n"));
        let valid = option(
            "default = \"a\"\nvalues = [\"a\", { name = \"b\", run = [] }]\nrun = [\"-{value}{stack}\"]",
        );
        assert_eq!(load_files(&[("t.toml", &valid)]).map(|_| ()), Ok(()));
        let implied = |setting: &str| format!("{valid}[alias_options]\n{setting}\n");
        assert_eq!(load_files(&[("t.toml", &implied("u = { o = \"b\" }"))]).map(|_| ()), Ok(()));
        for (text, message) in [
            (option("default = false\ncolour = 1"), "unknown field `colour`"),
            (option("default = 1"), "a value is true, false, a name, or a list of names"),
            (
                option("default = \"a\"\nvalues = [{ name = \"a\", x = 1 }]"),
                "a value is a name, or a table with",
            ),
            (
                option("default = \"c\"\nvalues = [\"a\", \"b\"]"),
                "default of options.o: it must be one of \"a\", \"b\"",
            ),
            (
                option("default = [\"c\"]\nvalues = [\"a\"]"),
                "default of options.o: it must be a list of \"a\"",
            ),
            (option("default = \"a\""), "options.o: values: must have at least one"),
            (
                option("default = true\nvalues = [\"a\"]"),
                "options.o: values: an option whose default is true or false",
            ),
            (option("default = \"a\"\nvalues = [\"a\", \"a\"]"), "options.o: values: a is there twice"),
            (
                option("default = \"a\"\nvalues = [\"a\", { name = \"b\", aliases = [\"a\"] }]"),
                "a is there twice",
            ),
            (
                option("default = \"-a\"\nvalues = [\"-a\"]"),
                "options.o: values: \"-a\" must consist of letters",
            ),
            (
                option("default = false\nrun = [\"{sources}\"]"),
                "options.o: run: there is no placeholder {sources} here",
            ),
            (
                option("default = false\nrun = [\"{value}\"]"),
                "options.o: run: there is no placeholder {value} here",
            ),
            (
                option("default = false\ncompile = [\"-g\"]"),
                "options.o: compile: compile.command must have {options} once",
            ),
            (
                option("default = false\nrun = [\"-g\"]").replace("\"{options}\", ", ""),
                "options.o: run: run.command must have",
            ),
            (
                option("default = false").replace("name = \"o\"", "name = \"O\""),
                "options.O: name: must consist of",
            ),
            (
                option("default = false")
                    + "[[options]]\nname = \"o\"\ntitle = \"\"\nhelp = \"\"\ndefault = true\n",
                "options.o: two options have this name",
            ),
            (implied("v = { o = \"b\" }"), "alias_options.v: is not in aliases"),
            (implied("u = { p = \"b\" }"), "alias_options.u: options.p: unknown option; the options are o"),
            (implied("u = { o = true }"), "alias_options.u: options.o: it must be one of"),
        ] {
            let error = load_files(&[("t.toml", &text)]).unwrap_err();
            assert!(error.contains("t.toml") && error.contains(message), "{message:?} is not in {error:?}");
        }
    }

    #[test]
    fn a_variable_that_is_a_missing_part_of_the_launcher_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("there")).unwrap();
        let variables = || {
            let values =
                [("A", "{launcher}/there"), ("B", "{launcher}/missing"), ("C", "--use={launcher}/missing")];
            values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        };
        let names =
            |launcher| super::of_existing_files(variables(), launcher).into_keys().collect::<String>();
        assert_eq!(names(Some(directory.path())), "AC");
        assert_eq!(names(None), "C");
    }

    #[test]
    fn mistakes_in_patterns_of_arguments_are_named() {
        let with = |patterns: &str, place: &str| {
            let text = file("t", "").replace("\"{main}\"]", &format!("{place}\"{{main}}\"]"));
            format!("{text}[arguments]\n{patterns}\n")
        };
        let place = "\"{arguments}\", ";
        assert_eq!(load_files(&[("t.toml", &with("run = ['-O[0-3]']", place))]).map(|_| ()), Ok(()));
        for (patterns, place, message) in [
            ("run = ['O2']", place, "arguments.run: \"O2\" must begin with '-'"),
            ("run = ['-(']", place, "regex parse error"),
            ("run = ['-a)|(-b']", place, "regex parse error"),
            // A class of other characters could match anything that is not ASCII.
            ("run = ['-[^a]']", place, "arguments.run: regex parse error"),
            ("run = ['-O2']", "", "arguments.run: run.command must have {arguments} once"),
            ("run = ['-O2']", "\"{arguments}\", \"{arguments}\", ", "run.command must have {arguments} once"),
            ("", place, "arguments.run: must have patterns, because run.command has {arguments}"),
            ("compile = ['-O2']", "", "arguments.compile: compile.command must have {arguments} once"),
            ("link = ['-O2']", "", "unknown field `link`"),
        ] {
            let error = load_files(&[("t.toml", &with(patterns, place))]).unwrap_err();
            assert!(error.contains("t.toml") && error.contains(message), "{message:?} is not in {error:?}");
        }
        let check = |command: &str| format!("{}[check]\ncommand = {command}\n", file("t", ""));
        assert_eq!(load_files(&[("t.toml", &check("[\"sh\", \"-n\", \"{main}\"]"))]).map(|_| ()), Ok(()));
        let error = load_files(&[("t.toml", &check("[]"))]).unwrap_err();
        assert!(error.contains("check.command: is empty"), "{error}");
    }

    #[test]
    fn a_language_file_that_replaces_another_keeps_its_launcher() {
        let [shipped, own] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        std::fs::write(shipped.path().join("t.toml"), file("t", "")).unwrap();
        std::fs::create_dir(shipped.path().join("t")).unwrap();
        std::fs::write(own.path().join("renamed.toml"), file("t", "")).unwrap();
        let languages = vec![shipped.path().to_owned(), own.path().to_owned()];
        let launcher = || {
            let registry = registry(&Config { languages: languages.clone(), ..Config::default() }).unwrap();
            registry.find("t").unwrap().launcher.clone()
        };
        assert_eq!(launcher(), Some(shipped.path().join("t")));
        std::fs::create_dir(own.path().join("renamed")).unwrap();
        assert_eq!(launcher(), Some(own.path().join("renamed")));
    }

    #[test]
    fn libraries_outside_usr_are_mounted_and_must_exist() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("t.toml"), file("t", "")).unwrap();
        let with = |library: &str| {
            let libraries = [("t".to_owned(), vec![library.into()])].into();
            let languages = vec![directory.path().to_owned()];
            let registry = registry(&Config { languages, libraries, ..Config::default() }).unwrap();
            let toolchain = registry.find("t").unwrap();
            (toolchain.mounts.len(), toolchain.version().map(str::to_owned).map_err(str::to_owned))
        };
        assert_eq!(with("/usr/bin").0, 0);
        assert_eq!(with("/etc/passwd").0, 1);
        assert_eq!(with("/etc/none").1, Err("the library /etc/none does not exist".to_owned()));
    }

    #[test]
    fn a_language_without_its_toolchain_is_unavailable_with_a_reason() {
        for (text, reason) in [
            (
                file("t", "").replace("\"sh\"", "\"no-such-program\""),
                "no-such-program is not in /usr/local/bin, /usr/bin, /bin",
            ),
            (file("t", "requires = [\"/usr/no/such\"]"), "/usr/no/such is not installed"),
            (file("t", "requires = [\"{launcher}/x\"]"), "x of the language's launcher is not installed"),
        ] {
            let registry = load_files(&[("t.toml", &text)]).unwrap();
            assert_eq!(registry.find("t").unwrap().version(), Err(reason));
        }
    }
}
