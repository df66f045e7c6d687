//! The list of shipped languages in the documentation: generated from the language files, but for what was measured.

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;

use crate::finding::Finding;
use crate::markdown;
use crate::repository::Repository;

const PAGE: &str = "docs/language-list.md";
const FILES: &str = "executord/languages";
/// Columns that come from the files. Those after them are versions and times of one host.
const GENERATED: usize = 4;

/// What the list shows of a language file.
#[derive(Debug, Deserialize)]
struct LanguageFile {
    name: String,
    #[serde(default)]
    variant: String,
    title: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    install: Install,
    version: Command,
    compile: Option<Command>,
    run: Command,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Install {
    apt: Vec<String>,
    npm: Vec<String>,
    pip: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Command {
    command: Vec<String>,
}

/// Compares the list with the language files.
///
/// # Errors
/// If a file cannot be read or parsed.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    if !repository.has(PAGE.as_ref()) {
        return Ok(Vec::new());
    }
    let text = repository.read(PAGE)?;
    let lines: Vec<_> =
        markdown::prose(&text).into_iter().filter(|(_, line)| line.starts_with('|')).collect();
    let mut listed: BTreeMap<String, usize> = BTreeMap::new();
    for (line, cells) in markdown::rows(&lines) {
        listed.insert(cells.iter().take(GENERATED).copied().collect::<Vec<_>>().join(" | "), line);
    }
    let mut findings = Vec::new();
    for path in repository.below(FILES).filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let file: LanguageFile = toml::from_str(&repository.read(path)?)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        let row = file.row();
        if listed.remove(&row).is_none() {
            findings.push(Finding::new(PAGE, 0, format!("the list has no row that begins with: | {row} |")));
        }
    }
    let outdated = listed.iter().map(|(row, line)| {
        Finding::new(PAGE, *line, format!("no language file has this row, remove or replace it: {row}"))
    });
    findings.extend(outdated);
    Ok(findings)
}

impl LanguageFile {
    /// Returns the cells that come from the file.
    fn row(&self) -> String {
        let variant = if self.variant.is_empty() { String::new() } else { format!("@{}", self.variant) };
        let codes =
            |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let Install { apt, npm, pip } = &self.install;
        let packages: Vec<_> = apt.iter().chain(npm).chain(pip).cloned().collect();
        let names = format!("`{}{variant}`", self.name);
        let names =
            if self.aliases.is_empty() { names } else { format!("{names}, {}", codes(&self.aliases)) };
        [self.title.clone(), names, format!("`{}`", self.program()), codes(&packages)].join(" | ")
    }

    /// Returns the program that compiles or runs the language: that of the first command which is not a script.
    fn program(&self) -> &str {
        let commands = [self.compile.as_ref(), Some(&self.run), Some(&self.version)];
        let mut programs = commands.into_iter().flatten().filter_map(|command| command.command.first());
        let is_toolchain =
            |program: &&String| !["sh", "cat"].contains(&program.as_str()) && !program.contains(['{', '/']);
        programs.find(is_toolchain).map_or("sh", String::as_str)
    }
}
