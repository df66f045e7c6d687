//! Package sets of the daemons of a test.

use std::fs;
use std::process::Command;

use crate::daemons::{Daemons, binary};

/// Value of the macro `ANSWER` in the set of [`install_header`].
pub const ANSWER: u32 = 42;

/// Returns the command `executor packages` for the language files and the package sets of the daemons.
///
/// # Panics
/// If `executor` is not built.
#[must_use]
pub fn command(daemons: &Daemons, args: &[&str]) -> Command {
    let mut command = Command::new(binary("executor").expect("it is built"));
    command.arg("--socket").arg(daemons.socket()).arg("packages").args(args);
    command.arg("--languages").arg(daemons.languages());
    command.arg("--directory").arg(daemons.directory().join("packages"));
    command
}

/// Installs the set `numbers` of C, which needs no network: the header `answer/answer.h` with the macro [`ANSWER`].
///
/// # Panics
/// If it cannot be installed.
pub fn install_header(daemons: &Daemons) {
    let include = daemons.directory().join("include");
    fs::create_dir_all(include.join("answer")).expect("a writable directory");
    fs::write(include.join("answer/answer.h"), format!("#define ANSWER {ANSWER}\n"))
        .expect("a writable file");
    let include = include.to_str().expect("text");
    let output = command(daemons, &["add", "--set", "numbers", "c", include]).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
}
