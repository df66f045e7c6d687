//! The repository passes all checks.

#![forbid(unsafe_code)]

use tidy::CHECKS;
use tidy::repository::Repository;

#[test]
fn the_repository_passes_all_checks() {
    let repository = Repository::own().expect("the sources are readable");
    for (name, check) in CHECKS {
        let findings = check(&repository).expect("every file parses");
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{} findings of `{name}`:\n{}", lines.len(), lines.join("\n"));
    }
}
