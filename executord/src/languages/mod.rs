//! Languages: each is a data file, and this is how one is read. See docs/languages.md for the format.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::{Availability, Editor, Language, Limits};
use regex::Regex;
use serde::Deserialize;

use crate::admission::job::RelativePath;
use crate::admission::limits::LimitSettings;
use crate::config::Config;

/// Where a command's first word is looked for, on the host and in the sandbox.
pub(crate) const SEARCH_PATH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// Where a language's own files are in the sandbox.
pub(crate) const LAUNCHER: &str = "/launcher";

/// A language file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LanguageFile {
    name: String,
    title: String,
    #[serde(default)]
    aliases: Vec<String>,
    extensions: Vec<String>,
    file_name: String,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    mounts: Vec<PathBuf>,
    example: String,
    version: Version,
    editor: EditorHints,
    compile: Option<Command>,
    run: Command,
    self_test: SelfTest,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    command: Vec<String>,
    pattern: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EditorHints {
    mode: String,
    line_comment: String,
    indent: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    command: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    limits: LimitSettings,
    warm: Option<Warm>,
}

/// What is executed ahead of a program, and then becomes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Warm {
    /// With the placeholders that need no program.
    pub(crate) command: Vec<String>,
    /// Beside the command's own.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// The only main file that it can become, if there is but one.
    pub(crate) main: Option<String>,
    /// How it is executed to be copied; `None` too where the administrator does not want that.
    pub(crate) zygote: Option<Zygote>,
}

/// What is executed once, for copies of it to be ahead of their programs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zygote {
    /// Beside the command's own, in place of what [`Warm`] has.
    pub(crate) environment: BTreeMap<String, String>,
}

/// Which stage of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageKind {
    Compile,
    Run,
}

impl StageKind {
    pub(crate) const ALL: [Self; 2] = [Self::Compile, Self::Run];

    /// For metrics and the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Run => "run",
        }
    }
}

/// A program that proves the toolchain works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelfTest {
    /// Its source files, the main one first.
    pub(crate) files: Vec<SelfTestFile>,
    /// Its arguments.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// What it reads.
    #[serde(default)]
    pub(crate) stdin: String,
    /// What it must write, to the byte.
    pub(crate) stdout: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelfTestFile {
    pub(crate) name: String,
    pub(crate) content: String,
}

/// How a language compiles and runs on this host.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    pub(crate) name: String,
    pub(crate) title: String,
    aliases: Vec<String>,
    extensions: Vec<String>,
    pub(crate) file_name: String,
    /// What it says of its version, or why it cannot be used.
    pub(crate) version: Result<String, String>,
    pub(crate) version_command: Vec<String>,
    version_pattern: Regex,
    /// Its own files on the host.
    pub(crate) launcher: Option<PathBuf>,
    /// What of the host its programs see beside what all see.
    pub(crate) mounts: Vec<PathBuf>,
    pub(crate) compile: Option<StageCommand>,
    pub(crate) run: StageCommand,
    editor: Editor,
    example: String,
    pub(crate) self_test: SelfTest,
}

/// How a stage is started, with placeholders still in it.
#[derive(Clone, Debug)]
pub(crate) struct StageCommand {
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    pub(crate) warm: Option<Warm>,
}

/// The languages of this host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    /// By name, in order.
    toolchains: BTreeMap<String, Arc<Toolchain>>,
    /// The names of each, by name and alias.
    names: HashMap<String, String>,
}

/// What is wrong with a language file, in words for whoever wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {words}", path.display())]
pub(crate) struct LanguageError {
    path: PathBuf,
    words: String,
}

impl LanguageError {
    fn new(path: &Path, words: impl ToString) -> Self {
        Self { path: path.to_owned(), words: words.to_string() }
    }
}

/// Read all language files. Whether toolchains work is found out later, by running them.
pub(crate) fn load(config: &Config) -> Result<Registry, LanguageError> {
    let mut registry = Registry::default();
    for directory in &config.languages {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            let toolchain = read(&path, config)?;
            registry.toolchains.insert(toolchain.name.clone(), Arc::new(toolchain));
        }
    }
    registry.index()?;
    Ok(registry)
}

/// The program that sees a sandbox from the inside, described like a language.
pub(crate) fn probe(config: &Config) -> Result<Toolchain, LanguageError> {
    parse(include_str!("probe.toml"), Path::new("probe.toml"), config)
}

fn read(path: &Path, config: &Config) -> Result<Toolchain, LanguageError> {
    let text = std::fs::read_to_string(path).map_err(|error| LanguageError::new(path, error))?;
    parse(&text, path, config)
}

fn parse(text: &str, path: &Path, config: &Config) -> Result<Toolchain, LanguageError> {
    let wrong = |words: &dyn ToString| LanguageError::new(path, words.to_string());
    let file: LanguageFile = toml::from_str(text).map_err(|error| wrong(&error))?;
    let name_is_plain = !file.name.is_empty()
        && file
            .name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "+#-_".contains(letter));
    if !name_is_plain {
        return Err(wrong(&"name: lower-case letters, digits, '+', '#', '-' and '_' only"));
    }
    for name in file.self_test.files.iter().map(|file| &file.name).chain([&file.file_name]) {
        RelativePath::try_from(name.as_str()).map_err(|words| wrong(&words))?;
    }
    let commands = [
        Some(&file.version.command),
        Some(&file.run.command),
        file.run.warm.as_ref().map(|warm| &warm.command),
        file.compile.as_ref().map(|stage| &stage.command),
        file.compile.as_ref().and_then(|stage| Some(&stage.warm.as_ref()?.command)),
    ];
    if commands.into_iter().flatten().any(Vec::is_empty) {
        return Err(wrong(&"a command is empty"));
    }
    let launcher = path.with_extension("");
    let launcher = launcher.is_dir().then_some(launcher);
    let has_zygote =
        config.pool.zygotes && launcher.as_ref().is_some_and(|path| path.join("zygote").is_dir());
    let mut missing = file.requires.iter().find_map(|required| is_missing(required, launcher.as_deref()));
    let mut resolve = |command: &[String]| {
        let (resolved, problem) = resolve_program(command, &config.toolchains);
        missing = missing.take().or(problem);
        resolved
    };
    let version_command = resolve(&file.version.command);
    let mut stage = |stage: Command, limits: Limits| StageCommand {
        command: resolve(&stage.command),
        environment: stage.environment,
        limits,
        warm: stage.warm.map(|warm| Warm {
            command: resolve(&warm.command),
            zygote: warm.zygote.filter(|_| has_zygote),
            ..warm
        }),
    };
    let compile = file.compile.map(|command| {
        let limits = config.compile_limits(&command.limits);
        stage(command, limits)
    });
    let run_limits = config.run_limits(&file.run.limits);
    let run = stage(file.run, run_limits);
    Ok(Toolchain {
        version_pattern: Regex::new(&file.version.pattern).map_err(|error| wrong(&error))?,
        name: file.name,
        title: file.title,
        aliases: file.aliases,
        extensions: file.extensions,
        file_name: file.file_name,
        version: Err(missing.unwrap_or_else(|| NOT_PROBED.to_owned())),
        version_command,
        launcher,
        mounts: file.mounts,
        compile,
        run,
        editor: Editor {
            mode: file.editor.mode,
            line_comment: file.editor.line_comment,
            indent: file.editor.indent,
        },
        example: file.example.trim_start_matches('\n').to_owned(),
        self_test: file.self_test,
    })
}

/// Why a toolchain cannot be used before its version was asked.
const NOT_PROBED: &str = "it was not tried yet";

fn is_missing(required: &str, launcher: Option<&Path>) -> Option<String> {
    let path = match (required.strip_prefix("{launcher}/"), launcher) {
        (Some(file), Some(launcher)) => launcher.join(file),
        (Some(file), None) => return Some(format!("{file} of the language's own files is not installed")),
        (None, _) => PathBuf::from(required),
    };
    (!path.exists()).then(|| format!("{} is not installed", path.display()))
}

/// The command with its first word made absolute, and what is wrong with that, if anything.
fn resolve_program(command: &[String], toolchains: &[PathBuf]) -> (Vec<String>, Option<String>) {
    let mut resolved = command.to_vec();
    let Some(program) = resolved.first_mut() else { return (resolved, None) };
    // What a compiler is going to make, and what is among the language's own files.
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
    let shown = real.starts_with("/usr") || toolchains.iter().any(|directory| real.starts_with(directory));
    let problem =
        (!shown).then(|| format!("{} lies outside /usr; name its directory in `toolchains`", real.display()));
    *program = path.to_string_lossy().into_owned();
    (resolved, problem)
}

impl Registry {
    fn index(&mut self) -> Result<(), LanguageError> {
        for toolchain in self.toolchains.values() {
            for name in toolchain.aliases.iter().chain([&toolchain.name]) {
                let previous = self.names.insert(name.clone(), toolchain.name.clone());
                if let Some(other) = previous.filter(|other| *other != toolchain.name) {
                    let words = format!("{name} is a name of {other} too");
                    return Err(LanguageError::new(Path::new(&toolchain.name), words));
                }
            }
        }
        Ok(())
    }

    /// The language of this name or alias, which are lower case.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Toolchain>> {
        self.toolchains.get(self.names.get(name)?)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Toolchain>> {
        self.toolchains.values()
    }

    /// Note what a language's toolchain said of itself.
    pub(crate) fn set_version(&mut self, name: &str, version: Result<String, String>) {
        if let Some(toolchain) = self.toolchains.get_mut(name) {
            Arc::make_mut(toolchain).version = version;
        }
    }

    /// What a client may know.
    pub(crate) fn describe(&self) -> Vec<Language> {
        self.all().map(|toolchain| toolchain.describe()).collect()
    }
}

impl Toolchain {
    /// How one of its stages is started, if it has that.
    pub(crate) const fn stage(&self, kind: StageKind) -> Option<&StageCommand> {
        match kind {
            StageKind::Compile => self.compile.as_ref(),
            StageKind::Run => Some(&self.run),
        }
    }

    pub(crate) const fn is_compiled(&self) -> bool {
        self.compile.is_some()
    }

    /// Whether files with this extension are given to the compiler.
    pub(crate) fn is_source(&self, extension: &str) -> bool {
        self.extensions.iter().any(|own| own == extension)
    }

    /// Whether all its parts were found, so that its version can be asked.
    pub(crate) fn is_complete(&self) -> bool {
        self.version.as_ref().map_or_else(|reason| reason == NOT_PROBED, |_| true)
    }

    /// The version in what the version command printed.
    pub(crate) fn version_in(&self, printed: &str) -> Option<String> {
        let captures = self.version_pattern.captures(printed)?;
        Some(captures.get(1).or_else(|| captures.get(0))?.as_str().to_owned())
    }

    fn describe(&self) -> Language {
        Language {
            name: self.name.clone(),
            title: self.title.clone(),
            aliases: self.aliases.clone(),
            extensions: self.extensions.clone(),
            file_name: self.file_name.clone(),
            availability: match self.version.clone() {
                Ok(version) => Availability::Available { version },
                Err(reason) => Availability::Unavailable { reason },
            },
            limits: self.run.limits.clone(),
            compile_limits: self.compile.as_ref().map(|stage| stage.limits.clone()),
            editor: self.editor.clone(),
            example: self.example.clone(),
        }
    }
}

/// The languages of this repository, as if all their toolchains were there.
#[cfg(test)]
pub(crate) fn shipped() -> Registry {
    let languages = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/languages"))];
    let mut registry = load(&Config { languages, ..Config::default() }).unwrap();
    let names: Vec<String> = registry.all().map(|toolchain| toolchain.name.clone()).collect();
    for name in names {
        registry.set_version(&name, Ok("1".to_owned()));
    }
    registry
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Config, Registry, load, probe, shipped};

    fn load_files(files: &[(&str, &str)]) -> Result<Registry, String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let languages = vec![directory.path().to_owned()];
        load(&Config { languages, ..Config::default() }).map_err(|error| error.to_string())
    }

    fn file(name: &str, more: &str) -> String {
        format!(
            "name = {name:?}\ntitle = \"T\"\nextensions = [\"t\"]\nfile_name = \"main.t\"\nexample = \"\"\n{more}\n\
             [version]\ncommand = [\"sh\"]\npattern = '(.*)'\n[editor]\nmode = \"t\"\nline_comment = \"#\"\n\
             indent = 2\n[run]\ncommand = [\"sh\", \"{{main}}\"]\n[self_test]\nstdout = \"\"\nfiles = []\n"
        )
    }

    #[test]
    fn every_shipped_language_is_in_order() {
        let registry = shipped();
        for (alias, name) in
            [("js", "javascript"), ("c++", "cpp"), ("g++", "cpp"), ("py", "python"), ("ts", "typescript")]
        {
            assert_eq!(registry.find(alias).unwrap().name, name);
        }
        for toolchain in registry.all() {
            assert!(!toolchain.self_test.files.is_empty(), "{} proves nothing", toolchain.name);
            assert!(
                toolchain.is_source(Path::new(&toolchain.file_name).extension().unwrap().to_str().unwrap())
            );
        }
        probe(&Config::default()).unwrap();
    }

    #[test]
    fn a_mistake_in_a_file_is_named_with_the_file() {
        assert!(load_files(&[("t.toml", &file("t", ""))]).is_ok());
        for (text, words) in [
            (file("T", ""), "name: lower-case letters"),
            (file("t", "colour = 1"), "unknown field `colour`"),
            (file("t", "").replace("main.t", "../main.t"), "has a . or .. in it"),
            (file("t", "").replace("'(.*)'", "'('"), "regex parse error"),
            (file("t", "").replace("[\"sh\"]", "[]"), "a command is empty"),
        ] {
            let error = load_files(&[("t.toml", &text)]).unwrap_err();
            assert!(error.contains("t.toml") && error.contains(words), "{words:?} is not in {error:?}");
        }
        let error = load_files(&[("a.toml", &file("a", "aliases = [\"b\"]")), ("b.toml", &file("b", ""))])
            .unwrap_err();
        assert!(error.contains("is a name of"), "{error}");
    }

    #[test]
    fn what_is_not_installed_is_unavailable_with_the_reason() {
        for (text, reason) in [
            (
                file("t", "").replace("\"sh\"", "\"no-such-program\""),
                "no-such-program is not in /usr/local/bin, /usr/bin, /bin",
            ),
            (file("t", "requires = [\"/usr/no/such\"]"), "/usr/no/such is not installed"),
            (file("t", "requires = [\"{launcher}/x\"]"), "x of the language's own files is not installed"),
        ] {
            let registry = load_files(&[("t.toml", &text)]).unwrap();
            assert_eq!(registry.find("t").unwrap().version, Err(reason.to_owned()));
        }
    }
}
