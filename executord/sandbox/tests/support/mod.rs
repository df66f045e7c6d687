//! A slot with a real supervisor, and programs in it.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, reason = "it is a module of each test binary")]

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe;
use sandbox::cgroup::{Controllers, GroupLimits, RunGroup, SlotGroup, sweep};
use sandbox::{
    Bind, Build, Descriptors, LeftOut, Plan, Reply, Report, ResourceLimits, Supervisor, User, read_report,
};

pub const UID: u32 = 400_000;

pub struct Slot {
    pub supervisor: Supervisor,
    pub group: SlotGroup,
    roots: Vec<PathBuf>,
    _directory: tempfile::TempDir,
}

pub struct Run {
    pub reports: Vec<Report>,
    pub stdout: String,
    pub stderr: String,
    pub group: RunGroup,
    pub gone: sandbox::NamespaceGone,
}

impl Slot {
    pub fn new(name: &str) -> Self {
        let (controllers, _) = Controllers::detect(&format!("executor-test-{name}-{}", std::process::id()));
        Self::under(&controllers)
    }

    /// Without any control group.
    pub fn uncontrolled() -> Self {
        Self::under(&Controllers::None)
    }

    fn under(controllers: &Controllers) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let group = controllers.slot("slot-0").unwrap();
        let supervisor =
            Supervisor::start(Path::new(env!("CARGO_BIN_EXE_executor-sandbox")), directory.path()).unwrap();
        group.adopt(supervisor.pid()).unwrap();
        Self { supervisor, group, roots: controllers.roots(), _directory: directory }
    }

    pub fn run(&mut self, plan: &Plan, sources: &[&[u8]]) -> Run {
        let limits = GroupLimits { memory: 256 << 20, processes: 40, cpu_millis: 2000 };
        let group = self.group.begin(&limits, UID).unwrap();
        let (stdout, stdout_end) = pipe().unwrap();
        let (stderr, stderr_end) = pipe().unwrap();
        let (report, report_end) = pipe().unwrap();
        let (control_end, _control) = pipe().unwrap();
        let descriptors = Descriptors {
            stdin: File::open("/dev/null").unwrap().into(),
            stdout: stdout_end,
            stderr: stderr_end,
            report: report_end,
            control: control_end,
            cgroup: group.descriptor().unwrap(),
        };
        self.supervisor.execute(plan, sources, descriptors).unwrap();
        let Reply::Launched(_init) = self.reply() else { panic!("not launched") };
        let (stdout, stderr) = (read(stdout), read(stderr));
        let mut bytes = Vec::new();
        File::from(report).read_to_end(&mut bytes).unwrap();
        let mut reports = Vec::new();
        while let Some(report) = read_report(&mut bytes).unwrap() {
            reports.push(report);
        }
        let Reply::Gone(gone) = self.reply() else { panic!("not gone") };
        Run { reports, stdout, stderr, group, gone }
    }

    fn reply(&self) -> Reply {
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
            sweep(root).unwrap();
        }
    }
}

fn read(pipe: OwnedFd) -> String {
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

pub fn plan(command: &[&str]) -> Plan {
    let bind = |path: &str, executable| Bind { source: path.into(), target: path.into(), executable };
    Plan {
        user: User { name: "exec_test".into(), uid: UID, gid: UID },
        binds: vec![bind("/usr", true), bind("/etc/alternatives", false), bind("/etc/ld.so.cache", false)],
        disk_bytes: 16 << 20,
        disk_files: 100,
        build: Build::None,
        sources: Vec::new(),
        command: command.iter().map(ToString::to_string).collect(),
        environment: vec![("PATH".into(), "/usr/bin".into()), ("HOME".into(), "/home/exec_test".into())],
        resources: ResourceLimits {
            cpu_time: Duration::from_secs(10),
            processes: 40,
            file_size: 16 << 20,
            open_files: 64,
            stack: 8 << 20,
        },
        left_out: LeftOut::NOTHING,
    }
}

pub fn shell(script: &str) -> Plan {
    plan(&["/usr/bin/bash", "-c", script])
}
