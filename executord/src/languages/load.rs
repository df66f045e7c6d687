//! Loading language files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::renamed_keys::ConfigKeys;
use protocol::{Editor, Limits, OptionSetting, language_name};
use regex::Regex;

use crate::admission::limits::LimitSettings;
use crate::config::Config;
use crate::config_check;
use crate::languages::arguments::{self, AllowedArguments};
use crate::languages::file_check;
use crate::languages::format::{CheckCommand, Command, LanguageFile, Mount, MountAt, RENAMED_KEYS, Warm};
use crate::languages::formatter;
use crate::languages::host::{resolve_program, why_missing, why_unusable};
use crate::languages::line_of::line_of;
use crate::languages::option_check;
use crate::languages::option_format::SettingFormat;
use crate::languages::options::Options;
use crate::languages::packages::Packages;
use crate::languages::probed_version::ProbedVersion;
use crate::languages::registry::{DuplicateName, Registry};
use crate::languages::toolchain::{StageCommand, StageKind, Toolchain, toolchain_id};

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
    keys.reject_renamed(&RENAMED_KEYS)
        .map_err(|renamed| error(&format!("{}: was renamed to `{}`", renamed.old, renamed.new)))?;
    let file: LanguageFile = toml::from_str(text).map_err(|parse_error| error(&parse_error))?;
    let checked = file_check::check(&file)
        .and_then(|()| option_check::check(&file))
        .and_then(|()| arguments::check(&file));
    let checked = checked.and_then(|()| file.install.check());
    checked.map_err(|message| error(&message))?;
    let launcher = launcher_directory(path, &file.name, config);
    let libraries = config.libraries.get(&file.name).cloned().unwrap_or_default();
    let has_zygote =
        config.has_zygotes() && launcher.as_ref().is_some_and(|path| path.join("zygote").is_dir());
    let id = toolchain_id(&file.name, &file.variant);
    let packages = file.packages.map(|support| Packages::find(support, &config.packages, &id)).transpose();
    let packages = packages.map_err(|message| error(&message))?;
    let options = Options::new(file.options, launcher.as_deref()).map_err(|message| error(&message))?;
    let arguments = AllowedArguments::new(file.arguments).map_err(|message| error(&message))?;
    let misread_names = file.misread_names.as_deref().map(Regex::new).transpose();
    let misread_names =
        misread_names.map_err(|regex_error| error(&format!("misread_names: {regex_error}")))?;
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
    let file_compile_limits = file.compile.as_ref().map(|command| command.limits.clone());
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
    let maxima = config.maxima();
    let mut lowered_limits = config_check::above("run.limits", &file.run.limits, &maxima);
    if let Some(settings) = file_compile_limits.as_ref() {
        lowered_limits.extend(config_check::above("compile.limits", settings, &maxima));
    }
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
        unusual_names: file.unusual_names,
        misread_names,
        line_endings: file.line_endings,
        probed: missing.map_or_else(ProbedVersion::default, |reason| ProbedVersion::known(Err(reason))),
        version_command,
        launcher,
        mounts,
        libraries,
        lowered_limits,
        packages: packages.map(Arc::new),
        package_set: None,
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

#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod tests;
