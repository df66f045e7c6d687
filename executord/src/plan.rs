//! What the sandbox is to do for a stage: a pure function of what was admitted.

use std::path::{Path, PathBuf};

use protocol::Limits;
use sandbox::cgroup::GroupLimits;
use sandbox::{Bind, Build, Plan, ResourceLimits, SourceEntry, User};

use crate::job::Source;
use crate::languages::{LAUNCHER, SEARCH_PATH, StageCommand, Toolchain};

/// Bytes of stack of a program's main thread: what recursion in C++ and Python needs, and isolate gives.
const STACK: u64 = 64 * 1024 * 1024;

/// What of the host every program sees: programs and libraries, where the linker finds them, which of several
/// a name means, and who is trusted in TLS.
const SHOWN_TO_ALL: [(&str, bool); 4] =
    [("/usr", true), ("/etc/alternatives", false), ("/etc/ld.so.cache", false), ("/etc/ssl/certs", false)];

/// What plans of this host have in common.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    binds: Vec<Bind>,
    cpu_millis: u32,
}

/// What is particular to a stage.
pub(crate) struct StageSpec<'a> {
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) command: &'a StageCommand,
    pub(crate) limits: &'a Limits,
    pub(crate) build: Build,
    pub(crate) sources: &'a [Source],
    pub(crate) arguments: &'a [String],
    pub(crate) user: &'a User,
}

impl Planner {
    /// `exists` says whether something is there on the host.
    pub(crate) fn new(toolchains: &[PathBuf], cpu_millis: u32, exists: impl Fn(&Path) -> bool) -> Self {
        let common = SHOWN_TO_ALL.iter().map(|&(path, executable)| bind(path, path, executable));
        let own = toolchains.iter().map(|path| bind(path, path, true));
        let binds = common.chain(own).filter(|bind| exists(&bind.source)).collect();
        Self { binds, cpu_millis }
    }

    /// The plan for a stage.
    pub(crate) fn plan(&self, stage: &StageSpec, exists: impl Fn(&Path) -> bool) -> Plan {
        let StageSpec { toolchain, command, limits, build, sources, arguments, user } = *stage;
        let launcher = toolchain.launcher.iter().map(|path| bind(path, LAUNCHER, true));
        let mounts = toolchain.mounts.iter().filter(|path| exists(path)).map(|path| bind(path, path, false));
        Plan {
            binds: self.binds.iter().cloned().chain(launcher).chain(mounts).collect(),
            disk_bytes: limits.disk.bytes(),
            disk_files: limits.files,
            build,
            sources: sources
                .iter()
                .map(|source| SourceEntry {
                    path: source.path.as_str().into(),
                    length: source.content.len() as u64,
                })
                .collect(),
            command: expand(&command.command, toolchain, limits, sources)
                .into_iter()
                .chain(arguments.iter().cloned())
                .collect(),
            environment: environment(command, user),
            resources: ResourceLimits {
                cpu_time: limits.cpu_time,
                processes: limits.processes,
                file_size: limits.file_size.bytes(),
                open_files: limits.open_files,
                stack: STACK,
            },
            user: user.clone(),
        }
    }

    /// What all processes of a stage together may use.
    pub(crate) fn group_limits(&self, limits: &Limits) -> GroupLimits {
        GroupLimits {
            memory: limits.memory.bytes(),
            processes: limits.processes,
            cpu_millis: self.cpu_millis,
        }
    }

    /// Cores that a stage can use at one time, at least one.
    pub(crate) fn cores(&self) -> u32 {
        self.cpu_millis.div_ceil(1000).max(1)
    }
}

fn bind(source: impl Into<PathBuf>, target: impl Into<PathBuf>, executable: bool) -> Bind {
    Bind { source: source.into(), target: target.into(), executable }
}

/// A command with its placeholders replaced.
fn expand(command: &[String], toolchain: &Toolchain, limits: &Limits, sources: &[Source]) -> Vec<String> {
    let main = sources.first().map(|source| &source.path);
    let mut words = Vec::with_capacity(command.len());
    for word in command {
        if word == "{sources}" {
            let is_source = |source: &&Source| {
                Some(&source.path) == main
                    || source.path.extension().is_some_and(|extension| toolchain.is_source(extension))
            };
            words.extend(sources.iter().filter(is_source).map(|source| source.path.to_string()));
        } else {
            words.push(
                word.replace("{main}", main.map_or("", |path| path.as_str()))
                    .replace("{stem}", main.map_or("", |path| path.stem()))
                    .replace("{memory}", &limits.memory.bytes().to_string())
                    .replace("{launcher}", LAUNCHER),
            );
        }
    }
    words
}

fn environment(command: &StageCommand, user: &User) -> Vec<(String, String)> {
    let home = format!("/home/{}", user.name);
    let path = SEARCH_PATH.join(":");
    let fixed = [
        ("PATH", &*path),
        ("HOME", &home),
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
