//! A slot with a real supervisor, and programs to run in it.

#![allow(dead_code, reason = "each test binary uses a part of this module")]
#![allow(unreachable_pub, reason = "this is a module of each test binary")]

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe;
use sandbox::cgroup::{CgroupLimits, Controllers, CpuWeight, RunCgroup, SlotCgroup, kill_and_remove};
use sandbox::{
    ArchiveReader, BindMount, BuildDir, Collection, Control, Descriptors, DisabledLayers, DiskLimits, Plan,
    Program, Record, Reply, Report, ResourceLimits, SealedMemoryFile, Start, Supervisor, User, read_report,
};

pub const UID: u32 = 400_000;
pub const LIMITS: CgroupLimits = CgroupLimits { memory: 256 << 20, processes: 40, cpu_millis: 2000 };

pub struct Slot {
    pub supervisor: Supervisor,
    pub group: SlotCgroup,
    roots: Vec<PathBuf>,
    _directory: tempfile::TempDir,
}

/// A sandbox's plan and the start message of its program.
#[derive(Clone)]
pub struct Execution {
    pub plan: Plan,
    pub start: Start,
}

struct Pipes {
    stdout: OwnedFd,
    stderr: OwnedFd,
    report: OwnedFd,
}

pub struct Run {
    pub reports: Vec<Report>,
    pub stdout: String,
    pub stderr: String,
    pub group: RunCgroup,
    pub gone: sandbox::NamespaceGone,
}

impl Slot {
    pub fn new(name: &str) -> Self {
        let (controllers, _) = Controllers::detect(&format!("executor-test-{name}-{}", std::process::id()));
        Self::under(&controllers)
    }

    /// Creates a slot without cgroups.
    pub fn without_cgroups() -> Self {
        Self::under(&Controllers::None)
    }

    fn under(controllers: &Controllers) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let group = controllers.slot("slot-0").unwrap();
        let supervisor =
            Supervisor::start(Path::new(env!("CARGO_BIN_EXE_executor-sandbox")), directory.path(), None)
                .unwrap();
        group.adopt(supervisor.pid()).unwrap();
        Self { supervisor, group, roots: controllers.roots(), _directory: directory }
    }

    pub fn run(&mut self, execution: &Execution, sources: &[&[u8]]) -> Run {
        self.run_with(execution, sources, None)
    }

    /// Runs a program with the build directory of another sandbox.
    pub fn run_with(&mut self, execution: &Execution, sources: &[&[u8]], build: Option<&OwnedFd>) -> Run {
        self.run_with_all(execution, sources, None, build)
    }

    /// Runs a program with a source that is an upload.
    pub fn run_with_upload(
        &mut self,
        execution: &Execution,
        sources: &[&[u8]],
        upload: &SealedMemoryFile,
    ) -> Run {
        self.run_with_all(execution, sources, Some(upload), None)
    }

    fn run_with_all(
        &mut self,
        execution: &Execution,
        sources: &[&[u8]],
        upload: Option<&SealedMemoryFile>,
        build: Option<&OwnedFd>,
    ) -> Run {
        let (control, group, pipes) = self.prepare(execution);
        control.start(&execution.start, sources, upload, build).unwrap();
        let Reply::Launched(_init) = self.reply() else { panic!("not launched") };
        let (stdout, stderr) = (read(pipes.stdout), read(pipes.stderr));
        let mut reports = reports(pipes.report);
        // The start message is sent at once, and may arrive before or after this report.
        reports.retain(|report| *report != Report::Ready);
        let Reply::Gone(gone) = self.reply() else { panic!("not gone") };
        Run { reports, stdout, stderr, group, gone }
    }

    /// Runs a program, and then collects files. Returns the records of the archive.
    pub fn run_and_collect(&mut self, execution: &Execution, collection: &Collection) -> (Run, Vec<Record>) {
        let (control, group, pipes) = self.prepare(execution);
        let Reply::Launched(_init) = self.reply() else { panic!("not launched") };
        assert_eq!(
            poll(&mut [PollFd::new(pipes.report.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE),
            Ok(1)
        );
        // Longer than the report, which is the only one until the namespace is requested.
        let mut ready = [0; 256];
        nix::unistd::read(&pipes.report, &mut ready).unwrap();
        control.request_namespace().unwrap();
        assert_eq!(
            poll(&mut [PollFd::new(pipes.report.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE),
            Ok(1)
        );
        let namespace = control.namespace().unwrap();
        let (archive, archive_end) = pipe().unwrap();
        self.supervisor.attach_collector(collection, &archive_end, &namespace).unwrap();
        drop(archive_end);
        match self.reply() {
            Reply::CollectorReady => {}
            other => panic!("no collector: {other:?}"),
        }
        control.start(&execution.start, &[], None, None).unwrap();
        let (stdout, stderr) = (read(pipes.stdout), read(pipes.stderr));
        let reports = reports(pipes.report);
        let Reply::Gone(gone) = self.reply() else { panic!("not gone") };
        self.supervisor.collect().unwrap();
        let records = records(archive, collection);
        let Reply::Collected = self.reply() else { panic!("not collected") };
        (Run { reports, stdout, stderr, group, gone }, records)
    }

    /// Prepares a sandbox without starting it, and returns the reports until it ends by itself.
    pub fn prepare_only(&mut self, execution: &Execution) -> Vec<Report> {
        let (_control, _group, pipes) = self.prepare(execution);
        self.end_of(pipes)
    }

    /// Prepares a sandbox and closes its control socket when it is ready. Returns the reports.
    pub fn prepare_and_discard(&mut self, execution: &Execution) -> Vec<Report> {
        let (control, _group, pipes) = self.prepare(execution);
        assert_eq!(
            poll(&mut [PollFd::new(pipes.report.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE),
            Ok(1)
        );
        drop(control);
        self.end_of(pipes)
    }

    /// Returns the reply for a sandbox that cannot be prepared.
    pub fn refused(&mut self, execution: &Execution) -> Reply {
        self.prepare(execution);
        self.reply()
    }

    fn end_of(&self, pipes: Pipes) -> Vec<Report> {
        let Reply::Launched(_init) = self.reply() else { panic!("not launched") };
        let reports = reports(pipes.report);
        let Reply::Gone(_) = self.reply() else { panic!("not gone") };
        reports
    }

    fn prepare(&mut self, execution: &Execution) -> (Control, RunCgroup, Pipes) {
        let mut group = self.group.begin(&LIMITS, CpuWeight::Full, UID).unwrap();
        let (stdout, stdout_end) = pipe().unwrap();
        let (stderr, stderr_end) = pipe().unwrap();
        let (report, report_end) = pipe().unwrap();
        let (control, control_end) = Control::new().unwrap();
        let descriptors = Descriptors {
            stdin: File::open("/dev/null").unwrap().into(),
            stdout: stdout_end,
            stderr: stderr_end,
            report: report_end,
            control: control_end,
        };
        self.supervisor.prepare(&execution.plan, &mut group, descriptors).unwrap();
        (control, group, Pipes { stdout, stderr, report })
    }

    /// Returns the build directory of the last sandbox, for another.
    pub fn built(&self) -> OwnedFd {
        self.supervisor.share_build().unwrap();
        let Reply::Build { mount, .. } = self.reply() else { panic!("no build directory") };
        mount
    }

    pub fn reply(&self) -> Reply {
        loop {
            let mut watched = [PollFd::new(self.supervisor.as_fd(), PollFlags::POLLIN)];
            assert_eq!(poll(&mut watched, PollTimeout::from(20_000_u16)).unwrap(), 1, "no reply");
            if let Some(reply) = self.supervisor.reply().unwrap() {
                return reply;
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        for root in &self.roots {
            kill_and_remove(root).unwrap();
        }
    }
}

fn reports(pipe: OwnedFd) -> Vec<Report> {
    let mut bytes = Vec::new();
    File::from(pipe).read_to_end(&mut bytes).unwrap();
    let mut reports = Vec::new();
    while let Some(report) = read_report(&mut bytes).unwrap() {
        reports.push(report);
    }
    reports
}

/// Reads an archive.
fn records(archive: OwnedFd, collection: &Collection) -> Vec<Record> {
    let mut archive = File::from(archive);
    let mut reader = ArchiveReader::new(collection.patterns.clone(), collection.limits);
    let (mut buffer, mut records) = ([0; 4096], Vec::new());
    loop {
        let count = archive.read(&mut buffer).unwrap();
        if count == 0 {
            return records;
        }
        reader.push(&buffer[..count]);
        while let Some(record) = reader.next_record().unwrap() {
            records.push(record);
        }
    }
}

fn read(pipe: OwnedFd) -> String {
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

pub fn plan(command: &[&str]) -> Execution {
    let bind = |path: &str, executable| BindMount { source: path.into(), target: path.into(), executable };
    let disk = DiskLimits { bytes: 16 << 20, files: 100 };
    Execution {
        plan: Plan {
            user: User { name: "exec_test".into(), uid: UID, gid: UID },
            binds: vec![
                bind("/usr", true),
                bind("/etc/alternatives", false),
                bind("/etc/ld.so.cache", false),
            ],
            disk,
            build_dir: BuildDir::None,
            warm_command: None,
            zygote: false,
            terminal: None,
            disabled_layers: DisabledLayers::NONE,
        },
        start: Start { disk, sources: Vec::new(), program: program(command) },
    }
}

pub fn program(command: &[&str]) -> Program {
    Program {
        command: command.iter().map(ToString::to_string).collect(),
        environment: vec![("PATH".into(), "/usr/bin".into()), ("HOME".into(), "/home/exec".into())],
        resources: ResourceLimits {
            cpu_time: Duration::from_secs(10),
            processes: 40,
            file_size: 16 << 20,
            open_files: 64,
            stack: 8 << 20,
            address_space: None,
        },
        merge_output: false,
    }
}

pub fn shell(script: &str) -> Execution {
    plan(&["/usr/bin/bash", "-c", script])
}

impl Execution {
    pub fn without_layers(mut self, disabled_layers: DisabledLayers) -> Self {
        self.plan.disabled_layers = disabled_layers;
        self
    }

    pub fn with_build_dir(mut self, build: BuildDir) -> Self {
        self.plan.build_dir = build;
        self
    }
}
