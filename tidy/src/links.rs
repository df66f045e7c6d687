//! Relative links of Markdown files, and the anchors that they name.

use std::io;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use crate::finding::Finding;
use crate::markdown;
use crate::repository::Repository;

/// Finds relative links that lead nowhere.
///
/// # Errors
/// If a file cannot be read.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in repository.files().iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        findings.extend(in_file(repository, path)?);
    }
    Ok(findings)
}

fn in_file(repository: &Repository, path: &Path) -> io::Result<Vec<Finding>> {
    let links = [r"\]\(<?([^)<>\s]+)>?[^)]*\)", r#"^\s*\[[^\]]+\]:\s*(\S+)"#, r#"(?:src|href)="([^"]+)""#];
    let links = links.map(|pattern| Regex::new(pattern).map_err(io::Error::other));
    let text = repository.read(path)?;
    let mut findings = Vec::new();
    for (line, prose) in markdown::prose(&text) {
        let prose: String = prose.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for pattern in &links {
            let pattern = pattern.as_ref().map_err(|error| io::Error::other(error.to_string()))?;
            for link in pattern.captures_iter(&prose) {
                if let Some(problem) = problem(repository, path, &link[1])? {
                    findings.push(Finding::new(path, line, format!("link to `{}`: {problem}", &link[1])));
                }
            }
        }
    }
    Ok(findings)
}

fn problem(repository: &Repository, from: &Path, link: &str) -> io::Result<Option<&'static str>> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(None);
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { Some(from.to_owned()) } else { resolve(from, path) };
    let Some(target) = target else { return Ok(Some("leads out of the repository")) };
    if !repository.has(&target) {
        return Ok(Some("there is no such file"));
    }
    let is_markdown = target.extension().is_some_and(|extension| extension == "md");
    let Some(anchor) = anchor.filter(|_| is_markdown) else { return Ok(None) };
    let known = markdown::anchors(&repository.read(&target)?).iter().any(|known| known == anchor);
    Ok((!known).then_some("there is no such heading"))
}

/// Returns a link's path, relative to the repository.
fn resolve(from: &Path, link: &str) -> Option<PathBuf> {
    let mut path = from.parent()?.to_owned();
    for component in Path::new(link).components() {
        match component {
            Component::ParentDir if !path.pop() => return None,
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files_and_headings() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("docs")).unwrap();
        std::fs::write(directory.path().join("README.md"), "# Top\n## Quick start\n").unwrap();
        let page = "[a](../README.md#quick-start) [b](#here)\n## Here\n[c](none.md) `[d](e)`\n[f](../README.md#no) <img src=\"no.png\">\n[g](https://example.org/x)\n```\n[h](i)\n```\n[j](../../out)\n";
        std::fs::write(directory.path().join("docs/page.md"), page).unwrap();
        let repository = Repository::open(directory.path()).unwrap();
        let found: Vec<_> = check(&repository).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/page.md:3: link to `none.md`: there is no such file",
                "docs/page.md:4: link to `../README.md#no`: there is no such heading",
                "docs/page.md:4: link to `no.png`: there is no such file",
                "docs/page.md:9: link to `../../out`: leads out of the repository",
            ]
        );
    }
}
