//! What the sandbox is to do for a stage: a pure function of what is known of the language, and of what was admitted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{Limits, TerminalSize};
use sandbox::cgroup::CgroupLimits;
use sandbox::{
    BindMount, BuildDir, DisabledLayers, DiskLimits, HOME, Plan, Program, ResourceLimits, SourceEntry, Start,
    User,
};

use crate::admission::job::Source;
use crate::languages::toolchain::{LAUNCHER, SEARCH_PATH, StageCommand, StageKind, Toolchain};

/// Bytes of stack of a program's main thread: what recursion in C++ and Python needs, and isolate gives.
const STACK: u64 = 64 * 1024 * 1024;

/// CPU time that an interpreter may use before its program comes, beside the program's own.
const WARM_UP_CPU_TIME: Duration = Duration::from_secs(5);

/// What of the host every program sees: programs and libraries, where the linker finds them, which of several
/// a name means, and who is trusted in TLS.
const COMMON_BINDS: [(&str, bool); 4] =
    [("/usr", true), ("/etc/alternatives", false), ("/etc/ld.so.cache", false), ("/etc/ssl/certs", false)];

/// What terminals of our clients understand, as programs call it.
const TERMINAL_KIND: &str = "xterm-256color";

/// Whether something may be executed ahead of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SandboxSource {
    Pool,
    Cold,
}

/// Whether a sandbox that was made by `prepared` can be used where `wanted` would be made, for a program that may use
/// what is `asked`.
pub(crate) fn is_compatible(prepared: &Plan, wanted: &Plan, asked: &ResourceLimits) -> bool {
    // The size of the work directory is set at the start.
    let mut alike = Plan { disk: prepared.disk, user: prepared.user.clone(), ..wanted.clone() };
    if let (Some(boot), Some(has)) = (&mut alike.warm_command, &prepared.warm_command) {
        boot.resources = has.resources.clone();
    }
    // Resource limits of a process that is there already cannot be changed. Of two of them there is a count for all
    // processes as well, in the group; they may be higher than asked.
    let is_limited = prepared.warm_command.as_ref().is_none_or(|boot| {
        let has = &boot.resources;
        has.cpu_time >= asked.cpu_time
            && has.processes >= asked.processes
            && (has.file_size, has.open_files, has.stack) == (asked.file_size, asked.open_files, asked.stack)
    });
    alike == *prepared && is_limited
}

/// What plans of this host have in common.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    binds: Vec<BindMount>,
    cpu_millis: u32,
}

/// What is particular to a stage.
#[derive(Clone, Copy)]
pub(crate) struct StageSpec<'a> {
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) kind: StageKind,
    pub(crate) command: &'a StageCommand,
    pub(crate) limits: &'a Limits,
    pub(crate) sources: &'a [Source],
    pub(crate) arguments: &'a [String],
    /// A run that asks for one.
    pub(crate) terminal: Option<TerminalSize>,
}

impl<'a> StageSpec<'a> {
    /// What is known of a stage before there is a program for it.
    pub(crate) fn of_any_program(toolchain: &'a Toolchain, kind: StageKind) -> Option<Self> {
        let command = toolchain.stage(kind)?;
        Some(Self {
            toolchain,
            kind,
            command,
            limits: &command.limits,
            sources: &[],
            arguments: &[],
            terminal: None,
        })
    }

    /// Whether it can begin as a copy of what was executed before.
    pub(crate) fn can_be_copied(&self) -> bool {
        self.can_wait() && self.command.warm.as_ref().is_some_and(|warm| warm.zygote.is_some())
    }

    /// Whether what may be executed ahead can be this stage's program.
    fn can_wait(&self) -> bool {
        if self.terminal.is_some() {
            // It has its pipes already.
            return false;
        }
        let main = self.sources.first().map(|source| source.path.as_str());
        let needed = self.command.warm.as_ref().and_then(|warm| warm.main_file.as_deref());
        main.is_none() || needed.is_none() || main == needed
    }
}

impl Planner {
    /// What is shown to all, where it is there.
    pub(crate) fn new(toolchains: &[PathBuf], cpu_millis: u32) -> Self {
        let common = COMMON_BINDS.iter().map(|&(path, executable)| bind(path, path, executable));
        let own = toolchains.iter().map(|path| bind(path, path, true));
        Self { binds: common.chain(own).collect(), cpu_millis }
    }

    /// What a stage's sandbox is made of. `exists` says whether something is there on the host: what is removed while
    /// the daemon runs is missed by whom it belonged to, and by nobody else.
    pub(crate) fn plan(
        &self,
        stage: &StageSpec,
        user: &User,
        source: SandboxSource,
        exists: impl Fn(&Path) -> bool,
    ) -> Plan {
        let StageSpec { toolchain, command, limits, .. } = *stage;
        let launcher = toolchain.launcher.iter().map(|path| bind(path, LAUNCHER, true));
        let mounts = toolchain.mounts.iter().map(|path| bind(path, path, false));
        let warm = command.warm.as_ref().filter(|_| source == SandboxSource::Pool && stage.can_wait());
        Plan {
            binds: self
                .binds
                .iter()
                .cloned()
                .chain(launcher)
                .chain(mounts)
                .filter(|bind| exists(&bind.source))
                .collect(),
            disk: disk(limits),
            build_dir: match stage.kind {
                StageKind::Compile => BuildDir::Writable(disk(limits)),
                StageKind::Run if toolchain.is_compiled() => BuildDir::ReadOnly,
                StageKind::Run => BuildDir::None,
            },
            warm_command: warm.map(|warm| {
                let own = warm.zygote.as_ref().map_or(&warm.environment, |zygote| &zygote.environment);
                let more =
                    own.iter().map(|(name, value)| (name.clone(), value.replace("{launcher}", LAUNCHER)));
                let mut resources = resources(limits);
                resources.cpu_time += WARM_UP_CPU_TIME;
                Program {
                    command: expand(&warm.command, toolchain, limits, &[]),
                    environment: environment(command, user).into_iter().chain(more).collect(),
                    resources,
                }
            }),
            zygote: warm.is_some_and(|warm| warm.zygote.is_some()),
            user: user.clone(),
            terminal: stage
                .terminal
                .map(|size| sandbox::TerminalSize { columns: size.columns.get(), rows: size.rows.get() }),
            disabled_layers: DisabledLayers::NONE,
        }
    }

    /// What a stage's sandbox is started with.
    pub(crate) fn start(&self, stage: &StageSpec, user: &User) -> Start {
        let StageSpec { toolchain, command, limits, sources, arguments, .. } = *stage;
        Start {
            disk: disk(limits),
            sources: sources
                .iter()
                .map(|source| SourceEntry {
                    path: source.path.as_str().into(),
                    length: source.content.len() as u64,
                })
                .collect(),
            program: Program {
                command: expand(&command.command, toolchain, limits, sources)
                    .into_iter()
                    .chain(arguments.iter().cloned())
                    .collect(),
                environment: environment(command, user)
                    .into_iter()
                    .chain(stage.terminal.map(|_| ("TERM".to_owned(), TERMINAL_KIND.to_owned())))
                    .collect(),
                resources: resources(limits),
            },
        }
    }

    /// What all processes of a stage together may use.
    pub(crate) fn cgroup_limits(&self, limits: &Limits) -> CgroupLimits {
        CgroupLimits {
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

fn bind(source: impl Into<PathBuf>, target: impl Into<PathBuf>, executable: bool) -> BindMount {
    BindMount { source: source.into(), target: target.into(), executable }
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

fn disk(limits: &Limits) -> DiskLimits {
    DiskLimits { bytes: limits.disk.bytes(), files: limits.files }
}

/// What one process of a stage may use.
pub(crate) fn resources(limits: &Limits) -> ResourceLimits {
    ResourceLimits {
        cpu_time: limits.cpu_time,
        processes: limits.processes,
        file_size: limits.file_size.bytes(),
        open_files: limits.open_files,
        stack: STACK,
    }
}

fn environment(command: &StageCommand, user: &User) -> Vec<(String, String)> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use sandbox::{Plan, ResourceLimits, Start, User};

    use super::{Planner, SandboxSource, StageSpec, is_compatible};
    use crate::admission::job::Source;
    use crate::admission::relative_path::RelativePath;
    use crate::languages::shipped::shipped;
    use crate::languages::toolchain::StageKind;

    fn user() -> User {
        User { name: "exec_1".to_owned(), uid: 7, gid: 7 }
    }

    /// How a stage of `language` is made and started for a program of three files.
    fn planned(language: &str, kind: StageKind) -> (Plan, Start) {
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
        let command = toolchain.stage(kind).unwrap();
        let arguments = &["-v".to_owned(), String::new()];
        let limits = &command.limits;
        let stage =
            StageSpec { toolchain, kind, command, limits, sources: &sources, arguments, terminal: None };
        let planner = Planner::new(&["/opt/tools".into()], 2000);
        (planner.plan(&stage, &user(), SandboxSource::Pool, |_| true), planner.start(&stage, &user()))
    }

    #[test]
    fn a_whole_plan() {
        let (mut plan, start) = planned("python", StageKind::Run);
        for bind in &mut plan.binds {
            // Where the repository is differs.
            if let Ok(own) = bind.source.strip_prefix(env!("CARGO_MANIFEST_DIR")) {
                bind.source = own.to_owned();
            }
        }
        insta::assert_json_snapshot!((plan, start));
    }

    #[test]
    fn placeholders_stand_for_what_was_sent() {
        let words = |language, kind| planned(language, kind).1.program.command.join(" ");
        assert!(words("python", StageKind::Run).ends_with("/python3 dir/first.py -v "));
        assert!(words("rust", StageKind::Compile).contains(" dir/first.rs"));
        assert!(words("java", StageKind::Run).contains("-XX:MaxRAM=536870912 "));
    }

    #[test]
    fn a_language_sees_its_own_files_and_no_others() {
        let targets = |language, kind| -> Vec<String> {
            planned(language, kind).0.binds.iter().map(|bind| bind.target.display().to_string()).collect()
        };
        let lua = targets("lua", StageKind::Run);
        assert!(!lua.contains(&"/launcher".to_owned()) && lua.contains(&"/opt/tools".to_owned()));
        let java = targets("java", StageKind::Run);
        assert!(java.contains(&"/launcher".to_owned()) && java.contains(&"/etc/java-17-openjdk".to_owned()));
    }

    #[test]
    fn a_prepared_sandbox_fits_where_nothing_but_the_start_differs() {
        let (registry, planner) = (shipped(), Planner::new(&[], 2000));
        let toolchain = registry.find("bash").unwrap();
        let stage = StageSpec::of_any_program(toolchain, StageKind::Run).unwrap();
        let (prepared, start) =
            (planner.plan(&stage, &user(), SandboxSource::Pool, |_| true), planner.start(&stage, &user()));
        let asked = &start.program.resources;
        let another = User { name: "exec_2".to_owned(), uid: 8, gid: 8 };
        assert!(is_compatible(
            &prepared,
            &planner.plan(&stage, &another, SandboxSource::Pool, |_| true),
            asked
        ));
        // Something of the host is gone.
        assert!(!is_compatible(
            &prepared,
            &planner.plan(&stage, &user(), SandboxSource::Pool, |path| !path.ends_with("usr")),
            asked
        ));
        let mut waiting = prepared.clone();
        waiting.warm_command = Some(start.program.clone());
        assert!(!is_compatible(&waiting, &prepared, asked));
        assert!(is_compatible(&waiting, &waiting, asked));
        let with = |change: fn(&mut Start)| {
            let mut start = start.clone();
            change(&mut start);
            let wanted = Plan { disk: start.disk, ..waiting.clone() };
            is_compatible(&waiting, &wanted, &start.program.resources)
        };
        let mut wanted = waiting.clone();
        let less = start.program.resources.cpu_time / 2;
        wanted.warm_command.as_mut().unwrap().resources.cpu_time = less;
        assert!(is_compatible(&waiting, &wanted, &ResourceLimits { cpu_time: less, ..asked.clone() }));
        assert!(with(|start| start.program.resources.cpu_time = Duration::from_secs(1)));
        assert!(!with(|start| start.program.resources.cpu_time += Duration::from_secs(1)));
        assert!(!with(|start| start.program.resources.open_files -= 1));
        assert!(with(|start| start.disk.bytes /= 2));
    }
}
