//! Real sandboxes, on this host, as root.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by ending")]

mod support;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use nix::unistd::pipe;
use sandbox::cgroup::GroupLimits;
use sandbox::{Build, Descriptors, Plan, Report, SourceEntry, Supervisor};
use support::{Slot, UID, plan, shell};

#[test]
fn a_program_is_the_user_it_was_given() {
    let mut slot = Slot::new("user");
    let run = slot.run(
        &shell("id; whoami; cd ~; pwd; grep -E 'Cap|NoNew|Seccomp:' /proc/self/status; echo oops >&2"),
        &[],
    );
    assert_eq!(run.stderr, "oops\n", "{:?}", run.reports);
    let expected = format!(
        "uid={UID}(exec_test) gid={UID}(exec_test) groups={UID}(exec_test)\nexec_test\n/home/exec_test\n\
         CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
         CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
    );
    assert_eq!(run.stdout, expected);
    let [Report::Started, Report::Ended(end)] = run.reports[..] else { panic!("{:?}", run.reports) };
    assert_eq!(end.wait_status, 0);
}

#[test]
fn the_group_is_empty_and_counted_when_init_is_gone() {
    let mut slot = Slot::new("empty");
    let mut run = slot.run(&shell("setsid sleep 1000 & disown; exit 3"), &[]);
    let Some(Report::Ended(end)) = run.reports.get(1) else { panic!("{:?}", run.reports) };
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
fn what_a_compiler_builds_is_there_read_only_for_the_runs_and_gone_for_the_next() {
    let mut slot = Slot::new("build");
    let build = Build::Writable { bytes: 1 << 20, files: 10 };
    let run =
        slot.run(&Plan { build, ..shell("cp /box/a/b.txt /build/out; ls -l /build/out | cut -c1-10") }, &[]);
    assert!(run.stderr.contains("No such file"), "{}", run.stderr);
    let entry = SourceEntry { path: "a/b.txt".into(), length: 5 };
    let with_source = |build, script: &str| Plan { build, sources: vec![entry.clone()], ..shell(script) };
    let run = slot.run(
        &with_source(build, "ls -A /build; cat a/b.txt; cp a/b.txt /build/out; echo x >> a/b.txt"),
        &[b"hello"],
    );
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("hello", ""));
    let run =
        slot.run(&with_source(Build::ReadOnly, "cat /build/out a/b.txt; echo x > /build/out"), &[b"again"]);
    assert_eq!(run.stdout, "helloagain");
    assert!(run.stderr.contains("Read-only file system"), "{}", run.stderr);
    slot.supervisor.drop_build().unwrap();
    let run = slot.run(&with_source(Build::None, "ls -d /build"), &[b"again"]);
    assert!(run.stderr.contains("No such file"), "{}", run.stderr);
}

#[test]
fn a_program_that_cannot_be_executed_says_why() {
    let mut slot = Slot::new("exec");
    let run = slot.run(&plan(&["/usr/bin/there-is-none"]), &[]);
    let [Report::SetupFailed(error)] = run.reports[..] else { panic!("{:?}", run.reports) };
    assert_eq!(error.to_string(), "execute the program: No such file or directory");
}

#[test]
fn nothing_can_be_written_but_the_work_directory() -> io::Result<()> {
    let mut slot = Slot::new("write");
    let script = "for d in / /usr /usr/bin /etc /dev /proc /proc/sys/kernel /run /home /var; do \
                  touch $d/x 2>/dev/null && echo wrote $d; done; touch /box/x /tmp/x /dev/shm/x /var/tmp/y && echo fine";
    assert_eq!(slot.run(&shell(script), &[]).stdout, "fine\n");
    Ok(())
}

#[test]
fn a_dying_supervisor_takes_its_sandbox_along() {
    let mut slot = Slot::new("dying");
    let (stdout, stdout_end) = pipe().unwrap();
    let group =
        slot.group.begin(&GroupLimits { memory: 64 << 20, processes: 5, cpu_millis: 1000 }, UID).unwrap();
    let (control_end, _control) = pipe().unwrap();
    let null = || OwnedFd::from(File::options().read(true).write(true).open("/dev/null").unwrap());
    let descriptors = Descriptors {
        stdin: null(),
        stdout: stdout_end,
        stderr: null(),
        report: null(),
        control: control_end,
        cgroup: group.descriptor().unwrap(),
    };
    slot.supervisor.execute(&shell("trap '' TERM HUP; echo up; sleep 1000"), &[], descriptors).unwrap();
    let mut reader = File::from(stdout);
    let mut up = [0; 3];
    reader.read_exact(&mut up).unwrap();
    let replacement = tempfile::tempdir().unwrap();
    slot.supervisor =
        Supervisor::start(Path::new(env!("CARGO_BIN_EXE_executor-sandbox")), replacement.path()).unwrap();
    // The end of its output: nobody holds the pipe any more.
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}
