//! The format of a language file. docs/languages.md describes each key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use protocol::install::Install;
use protocol::packages::PackageSupport;
use protocol::quantity::{ByteCount, Quantity};
use serde::Deserialize;

use crate::admission::limits::LimitSettings;
use crate::languages::option_format::{OptionFormat, SettingFormat};

/// Keys that were renamed: old and new path.
pub(super) const RENAMED_KEYS: [(&str, &str); 2] =
    [("compile.warm.main", "compile.warm.main_file"), ("run.warm.main", "run.warm.main_file")];

/// What `_` replaces in [`LanguageFile::misread_parts`].
pub(crate) const REPLACED_IN_PARTS: [char; 2] = ['.', '\\'];

/// A language file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LanguageFile {
    pub(super) name: String,
    /// Distinguishes the files of several versions of a language.
    #[serde(default)]
    pub(super) variant: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    /// Options that an alias stands for, by its name.
    #[serde(default)]
    pub(super) alias_options: BTreeMap<String, BTreeMap<String, SettingFormat>>,
    pub(super) extensions: Vec<String>,
    pub(super) file_name: String,
    /// Ids of the language in the API of Judge0.
    #[serde(default)]
    pub(super) judge0_ids: Vec<u32>,
    #[serde(default)]
    pub(super) misread_extensions: MisreadExtensions,
    /// Parts of file names with the same effect, although the extension is one of the language.
    #[serde(default)]
    pub(super) misread_parts: Vec<String>,
    /// Whether the toolchain takes main files of any name for sources, except those that `misread_names` matches.
    #[serde(default)]
    pub(super) unusual_names: bool,
    /// Pattern of names without extension, and without directories, with the same effect.
    pub(super) misread_names: Option<String>,
    #[serde(default)]
    pub(super) line_endings: LineEndings,
    #[serde(default)]
    pub(super) requires: Vec<String>,
    #[serde(default)]
    pub(super) mounts: Vec<Mount>,
    /// What `executor install` installs. executord only checks it.
    #[serde(default)]
    pub(super) install: Install,
    /// How the language uses package sets, if it does.
    pub(super) packages: Option<PackageSupport>,
    pub(super) example: String,
    pub(super) version: Version,
    pub(super) editor: EditorHints,
    #[serde(default)]
    pub(super) options: Vec<OptionFormat>,
    #[serde(default)]
    pub(super) arguments: ArgumentsFormat,
    pub(super) compile: Option<Command>,
    pub(super) check: Option<CheckCommand>,
    pub(super) run: Command,
    pub(super) formatter: Option<FormatterCommand>,
    pub(super) self_test: SelfTest,
}

/// A path of the host that programs of the language may read.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Mount {
    /// At the same path in the sandbox.
    Path(PathBuf),
    /// At another path, or with programs and libraries.
    At(MountAt),
}

/// A path of the host, and where programs of the language see it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MountAt {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    /// Whether programs may execute files in it, and load libraries from it.
    #[serde(default)]
    pub(crate) executable: bool,
}

impl From<Mount> for MountAt {
    fn from(mount: Mount) -> Self {
        match mount {
            Mount::Path(path) => Self { source: path.clone(), target: path, executable: false },
            Mount::At(mount) => mount,
        }
    }
}

/// Extensions that make the toolchain treat a main file as something other than source code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum MisreadExtensions {
    /// These.
    Listed(Vec<String>),
    /// All that are not extensions of the language, and none.
    Others(Others),
}

/// The word `others`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Others {
    Others,
}

impl Default for MisreadExtensions {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

/// Line endings that a toolchain accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LineEndings {
    /// LF and CRLF.
    #[default]
    Any,
    /// LF only.
    Lf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Version {
    pub(super) command: Vec<String>,
    pub(super) pattern: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditorHints {
    pub(super) mode: String,
    pub(super) line_comment: String,
    pub(super) indent: u32,
}

/// Patterns of the arguments that requests may add to the commands, by stage.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ArgumentsFormat {
    pub(super) compile: Vec<String>,
    pub(super) run: Vec<String>,
}

/// How the syntax of a program is checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckCommand {
    pub(super) command: Vec<String>,
}

/// How source code is formatted: by a program that reads it from stdin and writes it to stdout.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormatterCommand {
    pub(super) command: Vec<String>,
    /// What must be installed in addition to the program of the command.
    #[serde(default)]
    pub(super) requires: Vec<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) limits: LimitSettings,
}

/// How a stage is started.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    pub(super) command: Vec<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) limits: LimitSettings,
    pub(super) warm: Option<Warm>,
}

/// How the interpreter or compiler of a stage is started before there is a program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Warm {
    /// Its command line, with placeholders that do not depend on the program.
    pub(crate) command: Vec<String>,
    /// Added to its command line while programs come faster than it is ready: it then does less in advance.
    #[serde(default)]
    pub(crate) quick_arguments: Vec<String>,
    /// Added to the stage's environment.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Added to the stage's environment where the stage's own command is started for a request without variables.
    #[serde(default)]
    pub(crate) cold_environment: BTreeMap<String, String>,
    /// The only main file that it can run, or `None` if it can run any.
    pub(crate) main_file: Option<String>,
    /// About how much memory it holds while it waits. Until the pool has measured it, this decides whether it is started before
    /// the first request.
    pub(crate) memory: Option<Quantity<ByteCount>>,
    /// How it is started as a zygote. Also `None` where the administrator did not enable zygotes.
    pub(crate) zygote: Option<Zygote>,
}

/// How an interpreter is started once, so that sandboxes begin as forks of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zygote {
    /// Added to the stage's environment, in place of [`Warm::environment`].
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether only the pool starts it, because a program starts sooner without one than with one that must be started.
    #[serde(default)]
    pub(crate) only_in_advance: bool,
    #[serde(skip)]
    pub(crate) health: ZygoteHealth,
}

/// Whether the zygotes of an interpreter work on this host. All copies of one share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZygoteHealth(Arc<AtomicU32>);

impl ZygoteHealth {
    /// Failures in a row after which they are not used until the language files are loaded again.
    const MAX_FAILURES: u32 = 3;

    /// Counts whether a zygote forked a sandbox. Returns true for the failure after which they are not used.
    pub(crate) fn record(&self, has_forked: bool) -> bool {
        if has_forked {
            self.0.store(0, Ordering::Relaxed);
            return false;
        }
        self.0.fetch_add(1, Ordering::Relaxed) + 1 == Self::MAX_FAILURES
    }

    fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed) < Self::MAX_FAILURES
    }
}

impl Warm {
    /// Returns how it is started as a zygote, if zygotes are enabled and work.
    pub(crate) fn working_zygote(&self) -> Option<&Zygote> {
        self.zygote.as_ref().filter(|zygote| zygote.health.is_good())
    }
}

/// A program that proves that the toolchain works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelfTest {
    /// Source files, the main file first.
    pub(crate) files: Vec<SelfTestFile>,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    #[serde(default)]
    pub(crate) stdin: String,
    /// Expected output, compared byte by byte.
    pub(crate) stdout: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelfTestFile {
    pub(crate) name: String,
    pub(crate) content: String,
}
