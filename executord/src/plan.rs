//! What the sandbox is to do for a stage: a pure function of what was admitted.

use std::path::{Path, PathBuf};

use protocol::Limits;
use sandbox::cgroup::GroupLimits;
use sandbox::{Bind, Build, LeftOut, Plan, ResourceLimits, SourceEntry, User};

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
    /// What is shown to all, where it is there.
    pub(crate) fn new(toolchains: &[PathBuf], cpu_millis: u32) -> Self {
        let common = SHOWN_TO_ALL.iter().map(|&(path, executable)| bind(path, path, executable));
        let own = toolchains.iter().map(|path| bind(path, path, true));
        Self { binds: common.chain(own).collect(), cpu_millis }
    }

    /// The plan for a stage. `exists` says whether something is there on the host: what is removed while the daemon
    /// runs is missed by whom it belonged to, and by nobody else.
    pub(crate) fn plan(&self, stage: &StageSpec, exists: impl Fn(&Path) -> bool) -> Plan {
        let StageSpec { toolchain, command, limits, build, sources, arguments, user } = *stage;
        let launcher = toolchain.launcher.iter().map(|path| bind(path, LAUNCHER, true));
        let mounts = toolchain.mounts.iter().map(|path| bind(path, path, false));
        Plan {
            binds: self
                .binds
                .iter()
                .cloned()
                .chain(launcher)
                .chain(mounts)
                .filter(|bind| exists(&bind.source))
                .collect(),
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
            left_out: LeftOut::NOTHING,
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sandbox::{Build, Plan, User};

    use super::{Planner, StageSpec};
    use crate::job::{RelativePath, Source};
    use crate::languages::shipped;

    /// The plan of a stage of `language` for a program of three files.
    fn plan(language: &str, compile: bool) -> Plan {
        let registry = shipped();
        let toolchain = registry.find(language).unwrap();
        let extension = toolchain.file_name.rsplit('.').next().unwrap();
        let source = |path: &str| Source {
            path: RelativePath::try_from(path).unwrap(),
            content: Bytes::from_static(b"12345"),
        };
        let sources = [
            source(&format!("dir/first.{extension}")),
            source("data.txt"),
            source(&format!("second.{extension}")),
        ];
        let command = if compile { toolchain.compile.as_ref().unwrap() } else { &toolchain.run };
        let user = User { name: "exec_1".to_owned(), uid: 7, gid: 7 };
        let spec = StageSpec {
            toolchain,
            command,
            limits: &command.limits,
            build: Build::None,
            sources: &sources,
            arguments: &["-v".to_owned(), String::new()],
            user: &user,
        };
        Planner::new(&["/opt/tools".into()], 2000).plan(&spec, |_| true)
    }

    #[test]
    fn a_whole_plan() {
        insta::assert_json_snapshot!(plan("python", false));
    }

    #[test]
    fn placeholders_stand_for_what_was_sent() {
        let words = |plan: Plan| plan.command.join(" ");
        assert!(words(plan("python", false)).ends_with("/python3 dir/first.py -v "));
        assert!(words(plan("cpp", true)).ends_with("-o /build/main dir/first.cpp second.cpp -v "));
        assert!(words(plan("java", false)).contains("-XX:MaxRAM=536870912 "));
        assert!(words(plan("java", true)).contains("-cp /launcher Compile"));
    }

    #[test]
    fn a_language_sees_its_own_files_and_no_others() {
        let targets = |plan: Plan| -> Vec<String> {
            plan.binds.iter().map(|bind| bind.target.display().to_string()).collect()
        };
        let python = targets(plan("python", false));
        assert!(!python.contains(&"/launcher".to_owned()) && python.contains(&"/opt/tools".to_owned()));
        let java = targets(plan("java", false));
        assert!(java.contains(&"/launcher".to_owned()) && java.contains(&"/etc/java-17-openjdk".to_owned()));
    }
}
