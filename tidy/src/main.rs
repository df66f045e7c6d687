//! Runs the checks of the repository and prints what they find.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;

use tidy::CHECKS;
use tidy::repository::Repository;

/// `tidy [CHECK [PATH…]]`: one check or all, below the paths or everywhere.
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next();
    let paths: Vec<_> = arguments.collect();
    match run(wanted.as_deref(), &paths) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tidy: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(wanted: Option<&str>, paths: &[String]) -> io::Result<usize> {
    let checks: Vec<_> =
        CHECKS.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name)).collect();
    if checks.is_empty() {
        let names = CHECKS.map(|(name, _)| name).join(", ");
        return Err(io::Error::other(format!("unknown check; known are {names}")));
    }
    let repository = Repository::own()?;
    let mut count = 0;
    let mut out = io::stdout().lock();
    for (_, check) in checks {
        let mut findings = check(&repository)?;
        findings
            .retain(|finding| paths.is_empty() || paths.iter().any(|path| finding.file.starts_with(path)));
        findings.sort();
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        count += findings.len();
    }
    Ok(count)
}
