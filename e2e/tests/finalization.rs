//! Python programs end as soon as they can without an observable difference, and not sooner.

#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use e2e::daemons;
use e2e::differential::finalization::{all, build_reporter, run};

/// Runs each program by the bare command, and again with the launcher of a cold sandbox. `make differential` runs the same
/// programs in sandboxes.
#[test]
fn finalization_is_skipped_only_where_nobody_notices() {
    let launcher = daemons::launcher("python").unwrap().join("cold");
    assert!(launcher.join("executor_exit.so").is_file(), "install the headers of Python: scripts/setup.sh");
    let directory = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let reporter = directory.path();
    build_reporter(reporter).unwrap();
    // The program's user creates the report.
    fs::create_dir(reporter.join("reports")).unwrap();
    fs::set_permissions(reporter.join("reports"), Permissions::from_mode(0o777)).unwrap();
    let mut wrong = Vec::new();
    for finalization in all().unwrap() {
        let program = &finalization.program;
        let (bare, bare_skipped) = run(program, reporter, None).unwrap();
        let (ended, is_skipped) = run(program, reporter, Some(&launcher)).unwrap();
        let mut found = bare.differences(&ended, program);
        if (bare_skipped, is_skipped) != (false, finalization.is_skipped) {
            found.push(format!("skipped: {bare_skipped} without the launcher, {is_skipped} with it"));
        }
        if !found.is_empty() {
            wrong.push(format!("{}\n    {}", program.id, found.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
