//! `unpack ARCHIVE COMMAND…`: unpacks the archive of a request into the work directory, and becomes the command.
//!
//! This is another program in the file of the daemon. It runs in the sandbox of a stage, as the user of the stage and within
//! its limits, in place of the command: no archive is ever read outside a sandbox. See `docs/languages.md`.

mod extract;
mod zip;

use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::unistd::execvp;

/// Where a sandbox has the file of the daemon, and the name by which it is this program.
pub(crate) const PROGRAM: &str = "/unpack";

/// Returns the arguments if this process is to unpack an archive.
pub(crate) fn requested(arguments: impl IntoIterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut arguments = arguments.into_iter();
    (arguments.next()? == PROGRAM).then(|| arguments.collect())
}

/// Unpacks the archive, removes it, and becomes the command. What cannot be unpacked is reported, and does not prevent the
/// command: other files may be all that it needs.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let archive = arguments.next().unwrap_or_default();
    match fs::read(&archive) {
        Ok(bytes) => {
            // First, so that its disk space is free for its files.
            let _ = fs::remove_file(&archive);
            extract::extract(&bytes, Path::new("."), &mut |problem| {
                report(&format!("additional files: {problem}"))
            });
        }
        Err(error) => report(&format!("additional files: {error}")),
    }
    let words: Vec<CString> =
        arguments.filter_map(|word| CString::new(OsStringExt::into_vec(word)).ok()).collect();
    let Some(program) = words.first() else { return ExitCode::FAILURE };
    let Err(errno) = execvp(program, &words);
    report(&format!("cannot execute the program: {}", errno.desc()));
    // The exit statuses of a shell: not found, or not executable.
    ExitCode::from(if errno == Errno::ENOENT { 127 } else { 126 })
}

#[expect(clippy::print_stderr, reason = "stderr is the client's")]
fn report(message: &str) {
    eprintln!("{message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_program_asks_for_it() {
        let requested = |words: &[&str]| requested(words.iter().map(OsString::from));
        assert_eq!(requested(&["/unpack", "a.zip", "cat"]), Some(vec!["a.zip".into(), "cat".into()]));
        assert_eq!(requested(&["/usr/sbin/executord", "/unpack"]), None);
        assert_eq!(requested(&["unpack"]), None);
        assert_eq!(requested(&[]), None);
    }
}
