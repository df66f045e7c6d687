//! The table of failures in docs/cluster.md: each line names the tests that cause the failure.

use std::io;

use crate::finding::Finding;
use crate::markdown;
use crate::repository::Repository;

const PAGE: &str = "docs/cluster.md";
const SECTION: &str = "Failures";
/// Folders with tests of a cluster.
const FOLDERS: [&str; 3] = ["cluster/tests", "e2e/tests", "webd/tests"];

/// Finds lines without a test, and names of tests that do not exist.
///
/// # Errors
/// If a file cannot be read.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    let text = repository.read(PAGE)?;
    let lines = markdown::section(&text, SECTION)
        .ok_or_else(|| io::Error::other(format!("{PAGE} has no section `{SECTION}`")))?;
    let mut code = String::new();
    for path in FOLDERS.into_iter().flat_map(|folder| repository.below(folder)) {
        if path.extension().is_some_and(|end| end == "rs") {
            code.push_str(&repository.read(path)?);
        }
    }
    let mut findings = Vec::new();
    for (line, cells) in markdown::rows(&lines) {
        let tests = cells.last().copied().unwrap_or_default();
        findings.extend(mistakes(tests, &code).into_iter().map(|mistake| Finding::new(PAGE, line, mistake)));
    }
    Ok(findings)
}

/// Returns what is wrong with the last cell of a line.
fn mistakes(tests: &str, code: &str) -> Vec<String> {
    let names: Vec<_> = markdown::codes(tests).collect();
    if names.is_empty() {
        return vec!["the failure has no test; name one in the last column".to_owned()];
    }
    let is_missing = |name: &&str| !code.contains(&format!("fn {name}("));
    names.into_iter().filter(is_missing).map(|name| format!("the test `{name}` does not exist")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_names_tests_that_exist() {
        let code = "async fn a_node_dies() {}\nfn other() {}";
        assert!(mistakes("`a_node_dies`, `other`", code).is_empty());
        assert_eq!(mistakes("`a_node`", code), ["the test `a_node` does not exist"]);
        assert_eq!(mistakes("", code).len(), 1);
    }
}
