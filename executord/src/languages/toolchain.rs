//! A language as this host compiles and runs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::language_name::{key, split_version};
use protocol::version_range::LanguageVersion;
use protocol::{Availability, Editor, Language, Limits, OptionSetting, PackageSet, ToolchainVersion};
use regex::Regex;

use crate::admission::relative_path::RelativePath;
use crate::languages::arguments::AllowedArguments;
use crate::languages::format::{LineEndings, MisreadExtensions, MountAt, SelfTest, Warm};
pub(crate) use crate::languages::host::SEARCH_PATH;
use crate::languages::options::{Additions, Options, StageAdditions};
use crate::languages::packages::{self, InstalledSet, Packages};
use crate::languages::probed_version::ProbedVersion;

pub(crate) use crate::languages::stage_kind::StageKind;

/// Mount point of a language's launcher in the sandbox.
pub(crate) const LAUNCHER: &str = "/launcher";
/// In a command: the main file.
const MAIN: &str = "{main}";
/// In a command: an argument for each source file.
pub(crate) const SOURCES: &str = "{sources}";

/// Returns the id of a language file: the name, with the variant after `@` if there is one.
pub(super) fn toolchain_id(name: &str, variant: &str) -> String {
    if variant.is_empty() { name.to_owned() } else { format!("{name}@{variant}") }
}

/// A language as this host compiles and runs it.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    pub(crate) name: String,
    /// Distinguishes versions of a language; empty for the one that requests without a version use.
    pub(super) variant: String,
    /// The language file.
    pub(crate) file: PathBuf,
    pub(crate) title: String,
    pub(super) aliases: Vec<String>,
    /// Options that an alias stands for, by its key.
    pub(super) alias_options: BTreeMap<String, Vec<OptionSetting>>,
    pub(super) extensions: Vec<String>,
    pub(crate) file_name: String,
    pub(super) judge0_ids: Vec<u32>,
    pub(super) misread_extensions: MisreadExtensions,
    pub(super) misread_parts: Vec<String>,
    pub(super) unusual_names: bool,
    pub(super) misread_names: Option<Regex>,
    pub(crate) line_endings: LineEndings,
    /// See [`Self::version`].
    pub(super) probed: ProbedVersion,
    pub(crate) version_command: Vec<String>,
    pub(super) version_pattern: Regex,
    /// Directory of the language's launcher on the host.
    pub(crate) launcher: Option<PathBuf>,
    /// Paths of the host that programs of this language see, in addition to those that all programs see.
    pub(crate) mounts: Vec<MountAt>,
    /// Libraries that the administrator added: JAR files, or directories of headers.
    pub(crate) libraries: Vec<PathBuf>,
    /// A message for each limit of its file that was lowered to the administrator's maximum.
    pub(crate) lowered_limits: Vec<String>,
    /// The package sets that requests can choose, if the language uses package sets.
    pub(super) packages: Option<Arc<Packages>>,
    /// The package set that programs of this toolchain see.
    pub(super) package_set: Option<InstalledSet>,
    pub(crate) options: Options,
    /// Arguments that requests may add to the commands.
    pub(crate) arguments: AllowedArguments,
    pub(crate) compile: Option<StageCommand>,
    pub(crate) run: StageCommand,
    /// How the syntax of a program is checked, if the language has a check.
    pub(crate) check: Option<StageCommand>,
    /// How source code is formatted, if the language has a formatter that is installed.
    pub(crate) formatter: Option<StageCommand>,
    pub(super) editor: Editor,
    pub(super) example: String,
    pub(crate) self_test: SelfTest,
}

/// How a stage is started. Placeholders are not replaced yet.
#[derive(Clone, Debug)]
pub(crate) struct StageCommand {
    pub(crate) command: Vec<String>,
    /// The arguments that the options add.
    pub(crate) additions: StageAdditions,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    pub(crate) warm: Option<Warm>,
}

impl StageCommand {
    /// Returns the name of the program, without its directory.
    fn program_name(&self) -> String {
        let program = self.command.first().map(Path::new).and_then(Path::file_name);
        program.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Returns this command for the main file instead of all sources.
    pub(crate) fn of_main_file(&self) -> Self {
        let of_main_file =
            |argument: &String| if argument == SOURCES { MAIN.to_owned() } else { argument.clone() };
        Self { command: self.command.iter().map(of_main_file).collect(), ..self.clone() }
    }
}

impl Toolchain {
    /// Returns whether programs that were made with this toolchain run in the same way with `other`.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let stage = |command: &StageCommand| (command.command.clone(), command.environment.clone());
        let all = |toolchain: &Self| {
            let Self { launcher, libraries, package_set, compile, run, .. } = toolchain;
            let stages = (compile.as_ref().map(stage), stage(run));
            (launcher.clone(), libraries.clone(), package_set.clone(), stages)
        };
        self.version() == other.version() && all(self) == all(other)
    }

    /// Returns whether its commands use libraries.
    pub(crate) fn has_libraries(&self) -> bool {
        let mut arguments = self.compile.iter().chain([&self.run]).flat_map(|stage| &stage.command);
        arguments.any(|argument| argument.contains("{libraries}") || argument.contains("{each_library}"))
    }

    /// Returns the name for the pool and the caches, and for the log: no two toolchains have the same.
    pub(crate) fn id(&self) -> String {
        let id = toolchain_id(&self.name, &self.variant);
        match &self.package_set {
            None => id,
            Some(set) => format!("{id}:{}", set.name),
        }
    }

    /// Returns this toolchain with each of its package sets.
    pub(super) fn with_each_set(&self) -> impl Iterator<Item = Self> {
        let packages = self.packages.iter();
        packages.flat_map(|packages| packages.sets().iter().map(|set| self.with_set(packages, set)))
    }

    /// Returns this toolchain for programs that see a package set. Its interpreters are not started as zygotes: an
    /// interpreter may execute code of packages when it starts, and a zygote serves many programs.
    fn with_set(&self, packages: &Packages, set: &InstalledSet) -> Self {
        let mut changed = self.clone();
        let mount = packages.mount(set);
        changed.mounts.retain(|other| other.target != mount.target);
        changed.mounts.push(mount);
        changed.libraries.extend(packages.libraries(set));
        let stages = [changed.compile.as_mut(), Some(&mut changed.run), changed.check.as_mut()];
        for stage in stages.into_iter().flatten() {
            stage.environment.extend(packages.support.environment.clone());
            if let Some(warm) = &mut stage.warm {
                warm.zygote = None;
            }
        }
        changed.package_set = Some(set.clone());
        changed
    }

    /// Returns the package set that a request gets.
    ///
    /// # Errors
    /// A message for the client, if there is no such set.
    pub(super) fn choose_set(&self, requested: Option<&str>) -> Result<Option<&InstalledSet>, String> {
        packages::choose(self.packages.as_deref(), &self.title, requested)
    }

    /// Returns whether both have the same language file.
    pub(super) fn is_version_of(&self, other: &Self) -> bool {
        (&self.name, &self.variant) == (&other.name, &other.variant)
    }

    /// Returns whether requests that do not choose a package set use this toolchain.
    pub(crate) fn is_usual(&self) -> bool {
        match &self.package_set {
            Some(set) => set.is_default,
            None => !self.packages.as_ref().is_some_and(|packages| packages.has_default()),
        }
    }

    /// Returns whether [`Toolchain::hint`] may return something.
    pub(crate) fn has_hints(&self) -> bool {
        self.packages.as_ref().is_some_and(|packages| !packages.sets().is_empty())
    }

    /// Returns what may help with the error of a program, by what it wrote to stderr.
    pub(crate) fn hint(&self, text: &str) -> Option<String> {
        let chosen = self.package_set.as_ref().map(|set| set.name.as_str());
        self.packages.as_ref()?.hint(&self.title, chosen, text)
    }

    /// Returns what clients may know of the package sets.
    pub(super) fn describe_packages(&self) -> Vec<PackageSet> {
        self.packages.as_ref().map_or_else(Vec::new, |packages| packages.describe())
    }

    /// Returns the version that the toolchain printed.
    ///
    /// # Errors
    /// Why the toolchain cannot be used. That includes one which was not asked for its version yet: see [`Self::probe`].
    pub(crate) fn version(&self) -> Result<&str, &str> {
        self.probed.get()
    }

    /// Returns whether everything that the language requires is installed, and it did not fail to tell its version.
    pub(crate) fn is_usable(&self) -> bool {
        self.version().is_ok() || !self.is_probed()
    }

    /// Returns whether the version, or why there is none, is known.
    pub(crate) fn is_probed(&self) -> bool {
        self.probed.is_known()
    }

    /// Asks the toolchain for its version, unless it was asked before. `ask` is called at most once.
    pub(crate) async fn probe(&self, ask: impl Future<Output = Result<String, String>>) {
        self.probed.probe(ask).await;
    }

    /// Returns the version by its numbers; `None` if it cannot be used.
    pub(super) fn version_numbers(&self) -> Option<LanguageVersion> {
        self.version().ok().map(LanguageVersion::from_reported)
    }

    /// Returns how a stage is started, or `None` if the language does not have that stage.
    pub(crate) const fn stage(&self, kind: StageKind) -> Option<&StageCommand> {
        match kind {
            StageKind::Compile => self.compile.as_ref(),
            StageKind::Run => Some(&self.run),
            StageKind::Check => self.check.as_ref(),
            StageKind::Format => self.formatter.as_ref(),
        }
    }

    /// Returns how a stage is started with the options of a request, or `None` if it is as without them. A warm command
    /// was started with the defaults, so it serves no others.
    pub(crate) fn with_options(&self, kind: StageKind, additions: &Additions) -> Option<StageCommand> {
        let command = self.stage(kind)?;
        let additions = additions.of(kind);
        let changed = || StageCommand { additions: additions.clone(), warm: None, ..command.clone() };
        (command.additions != *additions).then(changed)
    }

    /// Returns the options that a name of this language stands for.
    pub(crate) fn implied_options(&self, name: &str) -> &[OptionSetting] {
        let of = |name: &str| self.alias_options.get(&key(name));
        of(name).or_else(|| of(split_version(name)?.0)).map_or(&[], Vec::as_slice)
    }

    pub(crate) const fn is_compiled(&self) -> bool {
        self.compile.is_some()
    }

    /// Returns whether files with this extension are passed to the compiler.
    pub(crate) fn is_source(&self, extension: &str) -> bool {
        self.extensions.iter().any(|own| own == extension)
    }

    /// Returns whether the toolchain would take a main file of this name for something other than a source.
    pub(crate) fn misreads(&self, main_file: &RelativePath) -> bool {
        self.misreads_directories(main_file)
            || self.has_misread_name(main_file)
            || self.has_misread_extension(main_file)
            || self.misread_part(main_file).is_some()
    }

    /// Returns whether the toolchain may not take a main file for a source because of its name, whatever its extension is.
    pub(crate) fn has_misread_name(&self, main_file: &RelativePath) -> bool {
        let (directories, _) = main_file.split_directories();
        let stem = &main_file.stem()[directories.len()..];
        !self.unusual_names && !main_file.has_usual_name()
            || self.misread_names.as_ref().is_some_and(|pattern| pattern.is_match(stem))
    }

    /// Returns whether the toolchain may not find a main file because of the directories that it is in.
    pub(crate) fn misreads_directories(&self, main_file: &RelativePath) -> bool {
        !self.unusual_names && !main_file.has_usual_directories()
    }

    /// Returns the part of the name of a main file, without its directories, that makes the toolchain take it for
    /// something other than a source.
    pub(crate) fn misread_part(&self, main_file: &RelativePath) -> Option<&str> {
        let (_, name) = main_file.split_directories();
        self.misread_parts.iter().map(String::as_str).find(|part| name.contains(part))
    }

    /// Returns whether the extension of a main file makes the toolchain take it for something other than a source.
    pub(crate) fn has_misread_extension(&self, main_file: &RelativePath) -> bool {
        match (&self.misread_extensions, main_file.extension()) {
            (MisreadExtensions::Listed(listed), extension) => {
                extension.is_some_and(|extension| listed.iter().any(|other| other == extension))
            }
            (MisreadExtensions::Others(_), Some(extension)) => !self.is_source(extension),
            (MisreadExtensions::Others(_), None) => true,
        }
    }

    pub(crate) fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Returns the extension of most sources.
    pub(crate) fn usual_extension(&self) -> &str {
        self.extensions.first().map_or("", String::as_str)
    }

    /// Returns the version in the output of the version command.
    pub(crate) fn version_in(&self, printed: &str) -> Option<String> {
        let captures = self.version_pattern.captures(printed)?;
        Some(captures.get(1).or_else(|| captures.get(0))?.as_str().to_owned())
    }

    /// Returns what clients may know of the language. `versions` are all of its versions.
    pub(super) fn describe(&self, versions: Vec<ToolchainVersion>) -> Language {
        Language {
            name: self.name.clone(),
            title: self.title.clone(),
            aliases: self.aliases.clone(),
            extensions: self.extensions.clone(),
            file_name: self.file_name.clone(),
            availability: match self.version() {
                Ok(version) => Availability::Available { version: version.to_owned() },
                Err(reason) => Availability::Unavailable { reason: reason.to_owned() },
            },
            limits: self.run.limits.effective(),
            compile_limits: self.compile.as_ref().map(|stage| stage.limits.effective()),
            editor: self.editor.clone(),
            example: self.example.clone(),
            options: self.options.describe(self.version().ok()),
            arguments: self.arguments.patterns().clone(),
            formatter: self.formatter.as_ref().map(StageCommand::program_name),
            versions,
            judge0_ids: self.judge0_ids.clone(),
            packages: self.describe_packages(),
        }
    }
}
