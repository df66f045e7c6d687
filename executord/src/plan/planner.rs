//! From a stage to the sandbox's plan: pure, but for the question of what exists on the host.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::Limits;
use sandbox::cgroup::CgroupLimits;
use sandbox::{
    BindMount, BuildDir, DisabledLayers, DiskLimits, Plan, Program, ResourceLimits, SourceEntry, Start, User,
};

use crate::admission::source::ARCHIVE;
use crate::languages::format::{Warm, Zygote};
use crate::languages::toolchain::{LAUNCHER, StageKind};
use crate::plan::command::{environment, expand, in_sandbox};
use crate::plan::stage_spec::{SandboxSource, StageSpec, WarmUp};
use crate::unpack;

/// CPU time of a warm command before its program comes, in addition to the program's own.
const WARM_UP_CPU_TIME: Duration = Duration::from_secs(5);
/// Processes of the user of a warm command, at least: more than the default of any API. The start lowers the number to
/// that of the program, and the cgroup limits all processes together in any case.
const WARM_PROCESSES: u32 = 128;

/// Threads for computations of a program on a host with many cores. Libraries would start one for each core, and exceed the
/// number of processes or the memory that a program may have.
const MAX_THREADS: u32 = 4;

/// The paths of the host that every program sees, and whether it may execute files in them: programs and libraries, the
/// linker's cache, the choices of update-alternatives(1), and the certificates that TLS trusts.
const COMMON_BINDS: [(&str, bool); 4] =
    [("/usr", true), ("/etc/alternatives", false), ("/etc/ld.so.cache", false), ("/etc/ssl/certs", false)];

/// The value of TERM. The page and the CLI understand it.
const TERMINAL_TYPE: &str = "xterm-256color";

/// Makes plans for this host.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    /// Mounts of every sandbox.
    binds: Vec<BindMount>,
    /// The program that unpacks archives in sandboxes, on the host.
    unpacker: PathBuf,
    cpu_millis: u32,
}

impl Planner {
    /// Creates a planner for programs that see `toolchains` too, and that may use `cpu_millis` thousandths of a core
    /// each.
    pub(crate) fn new(toolchains: &[PathBuf], cpu_millis: u32) -> Self {
        let common = COMMON_BINDS.iter().map(|&(path, executable)| bind(path, path, executable));
        let own = toolchains.iter().map(|path| bind(path, path, true));
        Self { binds: common.chain(own).collect(), unpacker: PathBuf::new(), cpu_millis }
    }

    /// Sets the program that unpacks archives in sandboxes: a path of the host.
    pub(crate) fn with_unpacker(self, unpacker: PathBuf) -> Self {
        Self { unpacker, ..self }
    }

    /// Returns the plan of a stage's sandbox. Paths for which `exists` returns false are left out: if a toolchain is
    /// removed while the daemon runs, only programs that need it fail.
    pub(crate) fn plan(
        &self,
        stage: &StageSpec,
        user: &User,
        source: SandboxSource,
        exists: impl Fn(&Path) -> bool,
    ) -> Plan {
        let StageSpec { toolchain, command, limits, .. } = *stage;
        let launcher = toolchain.launcher.iter().map(|path| bind(path, LAUNCHER, true));
        let mounts =
            toolchain.mounts.iter().map(|mount| bind(&mount.source, &mount.target, mount.executable));
        let unpacker = stage.has_archive.then(|| bind(&self.unpacker, unpack::PROGRAM, true));
        let binds = self.binds.iter().cloned().chain(launcher).chain(mounts).chain(unpacker);
        let warm_up = match source {
            SandboxSource::Pool(warm_up) => Some(warm_up),
            SandboxSource::Cold => None,
        };
        let warm = command.warm.as_ref().filter(|_| stage.fits_warm_command()).zip(warm_up);
        Plan {
            binds: binds.filter(|bind| exists(&bind.source)).collect(),
            disk: disk(limits),
            build_dir: match stage.kind {
                StageKind::Compile => BuildDir::Writable(disk(limits)),
                StageKind::Run if toolchain.is_compiled() => BuildDir::ReadOnly,
                StageKind::Run | StageKind::Check | StageKind::Format => BuildDir::None,
            },
            warm_command: warm
                .map(|(warm, warm_up)| warm_command(warm, warm_up, stage, user, self.threads())),
            zygote: warm.is_some_and(|(warm, warm_up)| zygote(warm, warm_up).is_some()),
            user: user.clone(),
            terminal: stage
                .terminal
                .map(|size| sandbox::TerminalSize { columns: size.columns.get(), rows: size.rows.get() }),
            disabled_layers: DisabledLayers::NONE,
        }
    }

    /// Returns the program that a zygote for the stage executes, if its sandbox can be forked from one. It does not depend on
    /// the user.
    pub(crate) fn zygote_program(&self, stage: &StageSpec) -> Option<Program> {
        let warm = stage.command.warm.as_ref().filter(|_| stage.can_be_copied())?;
        let nobody = User { name: String::new(), uid: 0, gid: 0 };
        Some(warm_command(warm, WarmUp::Full, stage, &nobody, self.threads()))
    }

    /// Returns the message that starts a stage's program in its sandbox.
    pub(crate) fn start(&self, stage: &StageSpec, user: &User) -> Start {
        let StageSpec { toolchain, command, limits, sources, arguments, .. } = *stage;
        let requested = stage.environment.iter().map(|variable| (&*variable.name, variable.value.clone()));
        // A variable of the request may change how an interpreter reads those of the launcher.
        let cold = command.warm.as_ref().filter(|_| stage.environment.is_empty());
        let cold = cold.into_iter().flat_map(|warm| &warm.cold_environment);
        let threads = self.threads();
        let added = requested.chain(cold.map(|(name, value)| (&**name, in_sandbox(value, threads))));
        let entries = sources.iter().map(|source| SourceEntry {
            path: source.path.as_str().into(),
            length: source.content.len(),
            is_upload: source.content.upload().is_some(),
        });
        let unpacking = [unpack::PROGRAM, ARCHIVE].into_iter().filter(|_| stage.has_archive);
        let terminal_type = stage.terminal.map(|_| TERMINAL_TYPE);
        Start {
            disk: disk(limits),
            sources: entries.collect(),
            program: Program {
                command: unpacking
                    .map(str::to_owned)
                    .chain(expand(&command.command, &command.additions, toolchain, limits, sources))
                    .chain(arguments.iter().cloned())
                    .collect(),
                environment: environment(command, user, terminal_type, threads, added),
                resources: resources(limits),
                merge_output: stage.merge_output,
            },
        }
    }

    /// Returns the limits of all processes of a stage together.
    pub(crate) fn cgroup_limits(&self, limits: &Limits) -> CgroupLimits {
        CgroupLimits {
            memory: limits.memory.bytes(),
            processes: limits.processes,
            cpu_millis: self.cpu_millis,
        }
    }

    /// Returns `{threads}`: the number of threads for computations.
    fn threads(&self) -> u32 {
        self.cores().min(MAX_THREADS)
    }

    /// Returns the number of cores that a stage can use, at least one.
    pub(crate) fn cores(&self) -> u32 {
        self.cpu_millis.div_ceil(1000).max(1)
    }
}

/// Returns the limits of each process of a stage.
pub(crate) fn resources(limits: &Limits) -> ResourceLimits {
    ResourceLimits {
        cpu_time: limits.cpu_time,
        processes: limits.processes,
        file_size: limits.file_size.bytes(),
        open_files: limits.open_files,
        stack: limits.effective_stack().bytes(),
        address_space: limits.address_space_limit(),
    }
}

/// Returns how a warm command is started as a zygote, if its sandboxes are forked from one. A zygote is warmed up fully.
fn zygote(warm: &Warm, warm_up: WarmUp) -> Option<&Zygote> {
    warm.working_zygote().filter(|_| warm_up == WarmUp::Full)
}

/// Returns the warm command of a stage, as it is executed, or as it is forked from a zygote.
fn warm_command(warm: &Warm, warm_up: WarmUp, stage: &StageSpec, user: &User, threads: u32) -> Program {
    let StageSpec { toolchain, command, limits, .. } = *stage;
    let own = zygote(warm, warm_up).map_or(&warm.environment, |zygote| &zygote.environment);
    let mut resources = resources(limits);
    resources.cpu_time += WARM_UP_CPU_TIME;
    resources.processes = resources.processes.max(WARM_PROCESSES);
    let quick = warm.quick_arguments.iter().filter(|_| warm_up == WarmUp::Quick);
    let words: Vec<_> = warm.command.iter().chain(quick).cloned().collect();
    Program {
        command: expand(&words, &command.additions, toolchain, limits, &[]),
        environment: environment(
            command,
            user,
            None,
            threads,
            own.iter().map(|(name, value)| (&**name, in_sandbox(value, threads))),
        ),
        resources,
        merge_output: false,
    }
}

fn bind(source: impl Into<PathBuf>, target: impl Into<PathBuf>, executable: bool) -> BindMount {
    BindMount { source: source.into(), target: target.into(), executable }
}

fn disk(limits: &Limits) -> DiskLimits {
    DiskLimits { bytes: limits.disk.bytes(), files: limits.files }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::{OptionSetting, OptionValue, Variable};
    use sandbox::{Plan, Start, User};

    use super::{Planner, SandboxSource, StageSpec, WARM_PROCESSES, WarmUp};
    use crate::admission::relative_path::RelativePath;
    use crate::admission::source::Source;
    use crate::languages::shipped::shipped;
    use crate::languages::toolchain::StageKind;

    fn user() -> User {
        User { name: "exec_1".to_owned(), uid: 7, gid: 7 }
    }

    /// Returns the plan and the start of a stage of `language`, for a program of three files.
    fn planned(language: &str, kind: StageKind) -> (Plan, Start) {
        let registry = shipped();
        let toolchain = registry.find(language).unwrap();
        let extension = toolchain.file_name.rsplit('.').next().unwrap();
        let source = |path: &str| Source {
            path: RelativePath::try_from(path).unwrap(),
            content: Bytes::from_static(b"12345").into(),
        };
        let sources = [
            source(&format!("dir/first.{extension}")),
            source("data.txt"),
            source(&format!("second.{extension}")),
        ];
        let command = toolchain.stage(kind).unwrap();
        let arguments = &["-v".to_owned(), String::new()];
        let limits = &command.limits;
        let stage = StageSpec {
            toolchain,
            kind,
            command,
            limits,
            sources: &sources,
            arguments,
            environment: &[],
            terminal: None,
            merge_output: false,
            has_archive: false,
        };
        let planner = Planner::new(&["/opt/tools".into()], 2000);
        (planner.plan(&stage, &user(), SandboxSource::Cold, |_| true), planner.start(&stage, &user()))
    }

    #[test]
    fn a_whole_plan() {
        let (mut plan, start) = planned("python", StageKind::Run);
        for bind in &mut plan.binds {
            // The repository may be anywhere.
            if let Ok(own) = bind.source.strip_prefix(env!("CARGO_MANIFEST_DIR")) {
                bind.source = own.to_owned();
            }
        }
        insta::assert_json_snapshot!((plan, start));
    }

    #[test]
    fn placeholders_are_replaced_by_what_the_client_sent() {
        let command = |language, kind| planned(language, kind).1.program.command.join(" ");
        assert!(command("python", StageKind::Run).ends_with("/python3 dir/first.py -v "));
        assert!(command("rust", StageKind::Compile).contains(" dir/first.rs"));
        assert!(command("java", StageKind::Run).contains("-XX:MaxRAM=536870912 "));
    }

    #[test]
    fn options_add_arguments_and_variables_and_leave_the_warm_command() {
        let registry = shipped();
        let toolchain = registry.find("python").unwrap();
        let setting =
            OptionSetting { name: "optimize".to_owned(), value: OptionValue::Choice("2".to_owned()) };
        let additions = toolchain.options.select(&[setting], &[], "3").unwrap();
        let custom = toolchain.with_options(StageKind::Run, &additions).unwrap();
        let variables = [("A", "{launcher}"), ("LANG", "C")]
            .map(|(name, value)| Variable { name: name.to_owned(), value: value.to_owned() });
        let stage = StageSpec {
            environment: &variables,
            ..StageSpec::of_any_program(toolchain, StageKind::Run).unwrap()
        };
        let planner = Planner::new(&[], 2000);
        let warm = |stage: &StageSpec| {
            planner.plan(stage, &user(), SandboxSource::Pool(WarmUp::Full), |_| true).warm_command.is_some()
        };
        let without = StageSpec { environment: &[], ..stage };
        let with_options = StageSpec { command: &custom, environment: &[], ..stage };
        assert!(warm(&without) && without.can_use_bucket());
        let waiting = planner
            .plan(&without, &user(), SandboxSource::Pool(WarmUp::Full), |_| true)
            .warm_command
            .unwrap();
        assert_eq!((waiting.resources.processes, without.limits.processes), (WARM_PROCESSES, 40));
        assert!(!warm(&stage) && !stage.can_use_bucket());
        assert!(!warm(&with_options) && !with_options.can_use_bucket());
        let program = planner.start(&StageSpec { command: &custom, ..stage }, &user()).program;
        assert_eq!(program.command[1..], ["-OO", ""]);
        let value = |name: &str| -> Vec<&str> {
            program.environment.iter().filter(|(other, _)| other == name).map(|(_, value)| &**value).collect()
        };
        assert_eq!((value("A"), value("LANG"), value("HOME").len()), (vec!["{launcher}"], vec!["C"], 1));
        assert_eq!(planner.start(&without, &user()).program.command[1..], [""]);
    }

    #[test]
    fn a_cold_start_has_the_variables_of_the_launcher_unless_the_request_has_variables() {
        let registry = shipped();
        let toolchain = registry.find("python").unwrap();
        let mut command = toolchain.run.clone();
        let variable = ("PYTHONPATH".to_owned(), "{launcher}/cold".to_owned());
        command.warm.as_mut().unwrap().cold_environment = [variable].into();
        let variables = [Variable { name: "A".to_owned(), value: "1".to_owned() }];
        let stage = StageSpec::of_any_program(toolchain, StageKind::Run).unwrap();
        let stage = StageSpec { command: &command, ..stage };
        let last = |stage: &StageSpec| {
            let (name, value) =
                Planner::new(&[], 2000).start(stage, &user()).program.environment.pop().unwrap();
            format!("{name}={value}")
        };
        assert_eq!(last(&stage), "PYTHONPATH=/launcher/cold");
        assert_eq!(last(&StageSpec { environment: &variables, ..stage }), "A=1");
    }

    #[test]
    fn arguments_of_the_request_come_after_those_of_the_options() {
        let registry = shipped();
        let command = |language: &str, kind| {
            let toolchain = registry.find(language).unwrap();
            let [compile, run] = ["-DN=1", "-Xss8m"].map(|word| vec![word.to_owned()]);
            let additions = toolchain.options.select(&[], &[], "1").unwrap().with_requested(&compile, &run);
            let custom = toolchain.with_options(kind, &additions).unwrap();
            assert!(custom.warm.is_none(), "a warm command was started without them");
            let stage = StageSpec { command: &custom, ..StageSpec::of_any_program(toolchain, kind).unwrap() };
            Planner::new(&[], 2000).start(&stage, &user()).program.command.join(" ")
        };
        let c = command("c", StageKind::Compile);
        assert!(c.ends_with("-std=gnu17 -O2 -pipe -DONLINE_JUDGE -o /build/main -DN=1 -lm"), "{c}");
        let java = command("java", StageKind::Run);
        assert!(java.ends_with(" -DONLINE_JUDGE=true -Xss8m -cp /build:. @/build/.main"), "{java}");
    }

    #[test]
    fn an_archive_is_unpacked_before_the_command() {
        let registry = shipped();
        let toolchain = registry.find("python").unwrap();
        let plain = StageSpec::of_any_program(toolchain, StageKind::Run).unwrap();
        let stage = StageSpec { has_archive: true, ..plain };
        let planner = Planner::new(&[], 2000).with_unpacker("/sbin/daemon".into());
        let plan =
            |stage: &StageSpec| planner.plan(stage, &user(), SandboxSource::Pool(WarmUp::Full), |_| true);
        let command = planner.start(&stage, &user()).program.command;
        assert_eq!(command[..2], ["/unpack", ".archive.zip"]);
        assert!(command[2].ends_with("/python3"), "{command:?}");
        let unpacker = plan(&stage).binds.pop().unwrap();
        assert_eq!((unpacker.source, unpacker.target), ("/sbin/daemon".into(), "/unpack".into()));
        assert!(plan(&stage).warm_command.is_none() && !stage.can_use_bucket());
        assert!(plan(&plain).binds.iter().all(|bind| bind.source.as_os_str() != "/sbin/daemon"));
    }

    #[test]
    fn the_commands_of_cpp_and_c_begin_with_the_default_options() {
        let command = |language| planned(language, StageKind::Compile).1.program.command.join(" ");
        assert!(command("c").contains("/gcc -std=gnu17 -O2 -pipe -DONLINE_JUDGE -o"), "{}", command("c"));
        // The precompiled headers fit only this.
        let cpp = command("cpp");
        let before = "g++ -std=c++20 -O2 -march=native -ffp-contract=off -pipe -DONLINE_JUDGE -o /build/main dir/first.cpp second.cpp -v ";
        assert!(cpp.ends_with(before), "{cpp}");
    }

    #[test]
    fn a_language_sees_its_own_launcher_and_mounts_only() {
        let targets = |language, kind| -> Vec<String> {
            planned(language, kind).0.binds.iter().map(|bind| bind.target.display().to_string()).collect()
        };
        let lua = targets("lua", StageKind::Run);
        assert!(!lua.contains(&"/launcher".to_owned()) && lua.contains(&"/opt/tools".to_owned()));
        let java = targets("java", StageKind::Run);
        assert!(java.contains(&"/launcher".to_owned()) && java.contains(&"/etc/java-17-openjdk".to_owned()));
    }
}
