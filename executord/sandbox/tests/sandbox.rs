//! Tests with real sandboxes on this host, as root.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports a failure by panicking")]

mod support;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nix::unistd::pipe;
use sandbox::cgroup::CpuWeight;
use sandbox::{
    BindMount, BuildDir, Control, Descriptors, DiskLimits, MemoryFile, Reply, Report, SourceEntry, Step,
    Supervisor,
};
use support::{LIMITS, Slot, UID, plan, program, shell};

#[test]
fn a_program_runs_as_its_user_without_privileges() {
    let mut slot = Slot::new("user");
    let run = slot.run(
        &shell("id; whoami; cd ~; pwd; grep -E 'Cap|NoNew|Seccomp:' /proc/self/status; echo oops >&2"),
        &[],
    );
    assert_eq!(run.stderr, "oops\n", "{:?}", run.reports);
    let expected = format!(
        "uid={UID}(exec_test) gid={UID}(exec_test) groups={UID}(exec_test)\nexec_test\n/home/exec\n\
         CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
         CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
    );
    assert_eq!(run.stdout, expected);
    let [Report::Started, Report::Exited(end)] = run.reports[..] else { panic!("{:?}", run.reports) };
    assert_eq!(end.wait_status, 0);
}

#[test]
fn the_cgroup_has_counters_and_is_empty_when_init_is_gone() {
    let mut slot = Slot::new("empty");
    let mut run = slot.run(&shell("setsid sleep 1000 & disown; exit 3"), &[]);
    let Some(Report::Exited(end)) = run.reports.last() else { panic!("{:?}", run.reports) };
    assert_eq!(end.wait_status, 3 << 8);
    if let Some(readings) = run.group.readings().unwrap() {
        assert!(readings.cpu_time > Duration::ZERO);
        assert!(readings.peak_memory > 0);
    }
    let emptied = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        run.group.close(&run.gone).unwrap()
    });
    assert_eq!(emptied.unwrap().uid(), UID);
}

#[test]
fn a_build_directory_is_read_only_for_runs_and_empty_for_the_next_compilation() {
    let (mut compiling, mut running) = (Slot::new("compile"), Slot::new("build"));
    let entry = SourceEntry { path: "a/b.txt".into(), length: 5, ..SourceEntry::default() };
    let with_source = |build, script: &str| {
        let mut execution = shell(script).with_build_dir(build);
        execution.start.sources = vec![entry.clone()];
        execution
    };
    let writable = BuildDir::Writable(DiskLimits { bytes: 1 << 20, files: 10 });
    let script = "ls -A /build; cat a/b.txt; cp a/b.txt /build/out; echo x >> a/b.txt";
    let run = compiling.run(&with_source(writable, script), &[b"hello"]);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("hello", ""));
    let build = compiling.built();
    compiling.supervisor.drop_build().unwrap();
    let script = "cat /build/out a/b.txt; echo x > /build/out";
    let run = running.run_with(&with_source(BuildDir::ReadOnly, script), &[b"again"], Some(&build));
    assert_eq!(run.stdout, "helloagain");
    assert!(run.stderr.contains("Read-only file system"), "{}", run.stderr);
    for execution in
        [with_source(BuildDir::None, "ls -d /build"), with_source(BuildDir::ReadOnly, "cat /build/out")]
    {
        let run = running.run(&execution, &[b"again"]);
        assert!(run.stderr.contains("No such file"), "{}", run.stderr);
    }
    let run = compiling.run(&with_source(writable, "ls -A /build"), &[b"again"]);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn a_source_that_is_an_upload_is_copied_from_its_beginning_each_time() {
    let mut slot = Slot::new("upload");
    let content: Vec<u8> = (0..=255).cycle().take(200_001).collect();
    let mut upload = MemoryFile::create("upload").unwrap();
    upload.append(&content).unwrap();
    let upload = upload.seal().unwrap();
    let entry = |path: &str, length: usize| SourceEntry {
        path: path.into(),
        length: length as u64,
        ..SourceEntry::default()
    };
    let mut execution = shell("cmp before dir/large && stat -c '%s %u' dir/large && cat after");
    execution.start.sources = vec![
        entry("before", content.len()),
        SourceEntry { is_upload: true, ..entry("dir/large", content.len()) },
        entry("after", 2),
    ];
    for _ in 0..2 {
        let run = slot.run_with_upload(&execution, &[&content, b"2\n"], &upload);
        assert_eq!((run.stdout, run.stderr), (format!("200001 {UID}\n2\n"), String::new()));
    }
    // A message without the upload that it announces is refused.
    let run = slot.run(&execution, &[&content, b"2\n"]);
    let [Report::SetupFailed(error)] = run.reports[..] else { panic!("{:?}", run.reports) };
    assert_eq!(error.step, Step::ReadPlan);
}

/// A launcher in Bash: sends the ready byte, reads the command, and prints what it sees.
const LAUNCHER: &str = "printf R >&3; mapfile -t -d '' words <&3; exec 3>&-; \
                        cat main.txt; ls -l /proc/self/fd | grep -c socket; printf '<%s>' \"${words[@]}\"";

#[test]
fn a_waiting_interpreter_receives_its_command_and_sees_the_source_files() {
    let mut slot = Slot::new("interpreter");
    let mut execution = plan(&["/usr/bin/interpreter", "main.txt", "", "a b"]);
    execution.plan.warm_command = Some(program(&["/usr/bin/bash", "-c", LAUNCHER]));
    execution.start.sources =
        vec![SourceEntry { path: "main.txt".into(), length: 6, ..SourceEntry::default() }];
    // Not the size of the plan.
    execution.start.disk = DiskLimits { bytes: 1 << 20, files: 50 };
    let run = slot.run(&execution, &[b"hello\n"]);
    assert_eq!(
        run.stdout, "hello\n0\n</usr/bin/interpreter><main.txt><><a b>",
        "{} {:?}",
        run.stderr, run.reports
    );
    let [Report::Started, Report::Exited(end)] = run.reports[..] else { panic!("{:?}", run.reports) };
    assert_eq!(end.wait_status, 0);
}

#[test]
fn a_used_network_namespace_is_not_reused() {
    let mut slot = Slot::new("network");
    let look = "grep -c . /proc/net/tcp; cat /proc/net/dev /proc/net/snmp /proc/net/snmp6 /proc/net/netstat";
    let mut see = |before: &str| {
        let run = slot.run(&shell(&format!("{before}; {look}")), &[]);
        assert_eq!(run.stderr, "", "{before}");
        run.stdout
    };
    let new = see("true");
    for used in [
        "exec 3<>/dev/udp/127.0.0.1/9",
        "echo x > /dev/udp/127.0.0.1/9",
        "! : 2>/dev/null <>/dev/tcp/127.0.0.1/9",
        "! : 2>/dev/null <>/dev/udp/8.8.8.8/9",
    ] {
        // The first only opens a socket, which leaves no trace after it is closed.
        assert_eq!(see(used) == new, used.starts_with("exec"), "{used}");
        assert_eq!(see("true"), new, "after {used}");
    }
}

#[test]
fn a_sandbox_sees_the_current_files_of_the_host() {
    let mut slot = Slot::new("bound");
    let host = tempfile::tempdir().unwrap();
    let with = |name: &str| {
        let mut execution = shell("cat /bound; grep -c ' /bound ' /proc/mounts; touch /etc/x /x");
        let bind = BindMount { source: host.path().join(name), target: "/bound".into(), executable: false };
        execution.plan.binds.push(bind);
        execution
    };
    let is_read_only = |stderr: &str| stderr.matches("Read-only file system").count() == 2;
    // More templates than the cache holds, then the same again, and then with replaced files.
    for round in ["first", "second", "third"] {
        for name in ["a", "b", "c", "d", "e", "f"] {
            if round != "second" {
                std::fs::write(host.path().join("new"), format!("{round} {name}\n")).unwrap();
                std::fs::rename(host.path().join("new"), host.path().join(name)).unwrap();
            }
            let run = slot.run(&with(name), &[]);
            let written = if round == "second" { "first" } else { round };
            assert_eq!(run.stdout, format!("{written} {name}\n1\n"), "{}", run.stderr);
            assert!(is_read_only(&run.stderr), "{}", run.stderr);
        }
    }
    std::fs::remove_file(host.path().join("a")).unwrap();
    let Reply::NotLaunched(error) = slot.refused(&with("a")) else { panic!("launched") };
    assert_eq!(error.step, Step::BindHost);
    assert_eq!(slot.run(&with("b"), &[]).stdout, "third b\n1\n");
}

#[test]
fn the_start_message_sets_the_size_of_the_work_directory() {
    let mut slot = Slot::new("size");
    let mut execution = shell("head -c 2M /dev/zero > x; touch 1 2 3 4 5 6 7 8 9");
    for (disk, expected) in [
        (execution.plan.disk, ""),
        (DiskLimits { bytes: 1 << 20, files: 100 }, "No space left on device"),
        (DiskLimits { bytes: 32 << 20, files: 8 }, "No space left on device"),
    ] {
        execution.start.disk = disk;
        let run = slot.run(&execution, &[]);
        assert!(
            run.stderr.contains(expected) && run.stderr.is_empty() == expected.is_empty(),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn an_interpreter_that_fails_before_its_start_is_a_setup_error() {
    let mut slot = Slot::new("no-interpreter");
    for script in ["exit 0", "printf x >&3; sleep 1000", "printf R >&3; sleep 0.1"] {
        let mut execution = shell("echo never");
        execution.plan.warm_command = Some(program(&["/usr/bin/bash", "-c", script]));
        let reports = slot.prepare_only(&execution);
        let Some(Report::SetupFailed(error)) = reports.last() else { panic!("{reports:?}") };
        assert!(error.to_string().starts_with("pre-warm the interpreter"), "{error}");
    }
}

#[test]
fn a_discarded_sandbox_ends() {
    let mut slot = Slot::new("discarded");
    assert_eq!(slot.prepare_and_discard(&shell("echo never")), [Report::Ready]);
}

#[test]
fn a_program_that_cannot_be_executed_is_reported_with_the_reason() {
    let mut slot = Slot::new("exec");
    let run = slot.run(&plan(&["/usr/bin/there-is-none"]), &[]);
    let [Report::SetupFailed(error)] = run.reports[..] else { panic!("{:?}", run.reports) };
    assert_eq!(error.to_string(), "execute the program: No such file or directory");
}

#[test]
fn only_the_work_directory_is_writable() -> io::Result<()> {
    let mut slot = Slot::new("write");
    let script = "for d in / /usr /usr/bin /etc /dev /proc /proc/sys/kernel /run /home /var; do \
                  touch $d/x 2>/dev/null && echo wrote $d; done; touch /box/x /tmp/x /dev/shm/x /var/tmp/y && echo fine";
    assert_eq!(slot.run(&shell(script), &[]).stdout, "fine\n");
    Ok(())
}

#[test]
fn a_sandbox_dies_with_its_supervisor() {
    let mut slot = Slot::new("dying");
    let (stdout, stdout_end) = pipe().unwrap();
    let mut group = slot.group.begin(&LIMITS, CpuWeight::Full, UID).unwrap();
    let (control, control_end) = Control::new().unwrap();
    let null = || OwnedFd::from(File::options().read(true).write(true).open("/dev/null").unwrap());
    let descriptors = Descriptors {
        stdin: null(),
        stdout: stdout_end,
        stderr: null(),
        report: null(),
        control: control_end,
    };
    let execution = shell("trap '' TERM HUP; echo up; sleep 1000");
    slot.supervisor.prepare(&execution.plan, &mut group, descriptors).unwrap();
    control.start(&execution.start, &[], None, None).unwrap();
    let mut reader = File::from(stdout);
    let mut up = [0; 3];
    reader.read_exact(&mut up).unwrap();
    let replacement = tempfile::tempdir().unwrap();
    slot.supervisor =
        Supervisor::start(Path::new(env!("CARGO_BIN_EXE_executor-sandbox")), replacement.path(), None)
            .unwrap();
    // The end of the output: no process has the pipe open.
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn a_supervisor_that_cannot_create_sandboxes_says_why() {
    let (directory, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let executable = directory.path().join("executor-sandbox");
    let script = format!(
        "#!/bin/sh\nexec unshare --mount sh -c 'mount --rbind / \"$0\" && exec chroot \"$0\" \"$@\"' {:?} {:?} \"$@\"\n",
        root.path(),
        env!("CARGO_BIN_EXE_executor-sandbox"),
    );
    fs::write(&executable, script).unwrap();
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).unwrap();
    let error = Supervisor::start(&executable, directory.path(), None).unwrap_err().to_string();
    assert!(error.starts_with("sandboxes cannot be created after chroot(2): "), "{error}");
    let error = Supervisor::start(Path::new("/bin/true"), directory.path(), None).unwrap_err();
    assert_eq!(error.to_string(), "the process ended before it was ready");
}
