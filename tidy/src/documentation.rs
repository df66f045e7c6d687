//! Lists that the documentation and the code both have. Each must be complete and name nothing that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use protocol::configuration_sample::uncommented;
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMethodCall, Lit};

use crate::finding::Finding;
use crate::markdown::{self, Line, Row};
use crate::repository::Repository;
use crate::rust::{self, Structs};

const API: &str = "docs/api.md";
const LANGUAGES: &str = "docs/languages.md";
const E2E: &str = "e2e/README.md";
const THREAT_MODEL: &str = "docs/threat-model.md";

/// Compares all lists.
///
/// # Errors
/// If a file cannot be read or parsed.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    findings.extend(language_keys(repository)?);
    findings.extend(samples(repository)?);
    findings.extend(error_codes(repository)?);
    findings.extend(metrics(repository)?);
    findings.extend(test_files(repository)?);
    findings.extend(attacks(repository)?);
    for path in repository.files().iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        findings.extend(paths_and_targets(repository, path)?);
    }
    Ok(findings)
}

/// Compares two lists of names: what is documented, with lines, and what exists, with the file that has it.
fn compare(
    page: &str,
    what: &str,
    documented: &BTreeMap<String, usize>,
    existing: &BTreeMap<String, PathBuf>,
) -> Vec<Finding> {
    let invented = documented.iter().filter(|(name, _)| !existing.contains_key(*name)).map(|(name, line)| {
        Finding::new(page, *line, format!("{what} `{name}` does not exist in the code; remove it"))
    });
    let missing = existing.iter().filter(|(name, _)| !documented.contains_key(*name)).map(|(name, file)| {
        Finding::new(page, 0, format!("{what} `{name}` of {} is not documented; add it", file.display()))
    });
    invented.chain(missing).collect()
}

/// Returns the rows of the first table below a heading.
fn table<'a>(page: &str, text: &'a str, title: &str) -> io::Result<Vec<Row<'a>>> {
    let section = markdown::section(text, title)
        .ok_or_else(|| io::Error::other(format!("{page} has no section `{title}`")))?;
    let is_row = |(_, line): &&Line<'_>| line.starts_with('|');
    let first = section.iter().skip_while(|line| !is_row(line)).take_while(is_row);
    Ok(markdown::rows(&first.copied().collect::<Vec<_>>()))
}

/// The keys of a language file: the table of docs/languages.md and the fields of `LanguageFile`.
fn language_keys(repository: &Repository) -> io::Result<Vec<Finding>> {
    let structs =
        Structs::below(repository, "executord/src")?.with_file(repository, "protocol/src/packages.rs")?;
    let keys = structs.keys("LanguageFile")?;
    let text = repository.read(LANGUAGES)?;
    let rows = table(LANGUAGES, &text, "Keys of a language file")?;
    // The page about languages refers to the generated table of limits.
    let api = repository.read(API)?;
    let limits: Vec<&str> =
        markdown::section(&api, "Limits").unwrap_or_default().iter().map(|(_, line)| *line).collect();
    let limits = limits.join(" ");
    let rows: BTreeMap<&str, (usize, &str)> = rows
        .iter()
        .filter_map(|(line, cells)| {
            Some((markdown::codes(cells.first()?).next()?, (*line, cells.last().copied()?)))
        })
        .collect();

    let mut findings = Vec::new();
    for (name, (line, _)) in &rows {
        if !keys.contains_key(*name) {
            findings.push(Finding::new(
                LANGUAGES,
                *line,
                format!("key `{name}` does not exist in the code; remove it"),
            ));
        }
    }
    let documented = |key: &str| {
        let Some((parent, last)) = key.rsplit_once('.') else { return false };
        rows.get(parent).is_some_and(|(_, text)| {
            markdown::codes(text).any(|word| word == last)
                || (text.contains("#limits") && markdown::codes(&limits).any(|word| word == last))
        })
    };
    let same_as_another = |key: &str| {
        rows.iter().any(|(parent, (_, text))| {
            let other = text.split_once("same keys as `").and_then(|(_, rest)| rest.split('`').next());
            let rest = key.strip_prefix(parent).filter(|rest| rest.starts_with('.'));
            other.zip(rest).is_some_and(|(other, rest)| rows.contains_key(format!("{other}{rest}").as_str()))
        })
    };
    for (key, file) in &keys {
        let is_section = keys.keys().any(|other| other.starts_with(&format!("{key}.")));
        let known = rows.contains_key(key.as_str()) || documented(key) || same_as_another(key);
        if !known && !is_section {
            let message = format!("key `{key}` of {} is not documented; add it", file.display());
            findings.push(Finding::new(LANGUAGES, 0, message));
        }
    }
    Ok(findings)
}

/// The configuration files that are installed, where every key is in a comment, and the types that read them.
fn samples(repository: &Repository) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (sample, folder) in [
        ("systemd/etc/executord.toml", "executord/src"),
        ("systemd/etc/noded.toml", "noded/src"),
        ("systemd/etc/webd.toml", "webd/src"),
    ] {
        let text = repository.read(sample)?;
        let structs = Structs::below(repository, folder)?;
        let keys = structs.keys("Config")?;
        findings.extend(compare_keys(sample, &uncommented(&text), &keys)?);
    }
    let text = repository.read(API)?;
    let structs = Structs::below(repository, "webd/src")?;
    let keys = structs.keys("Config")?;
    for block in markdown::blocks(&text).iter().filter(|block| block.language == "toml") {
        findings.extend(compare_keys(API, &block.text, &keys)?);
    }
    Ok(findings)
}

fn compare_keys(page: &str, text: &str, keys: &BTreeMap<String, PathBuf>) -> io::Result<Vec<Finding>> {
    let table: toml::Table = text
        .parse()
        .map_err(|error| io::Error::other(format!("{page} with its comments removed: {error}")))?;
    let mut documented = BTreeMap::new();
    flatten(&table, "", &mut documented);
    let mut existing = keys.clone();
    let sections: BTreeSet<String> =
        keys.keys().filter_map(|key| key.rsplit_once('.')).map(|(section, _)| section.to_owned()).collect();
    existing.retain(|key, _| !sections.contains(key));
    documented.retain(|key, _| !sections.contains(key));
    Ok(compare(page, "key", &documented, &existing))
}

fn flatten(table: &toml::Table, prefix: &str, keys: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        if let Some(inner) = value.as_table() {
            flatten(inner, &format!("{key}."), keys);
        }
        keys.insert(key, 0);
    }
}

/// The error codes of the API: docs/api.md and openapi.json, which a test of webd compares with its own list.
fn error_codes(repository: &Repository) -> io::Result<Vec<Finding>> {
    const OPENAPI: &str = "webd/src/api/openapi.json";
    const CODES: &str = "/components/schemas/ErrorCode/enum";
    let text = repository.read(API)?;
    let mut documented = BTreeMap::new();
    for (line, cells) in table(API, &text, "Errors")? {
        if let [_, code, ..] = cells[..] {
            documented.insert(markdown::codes(code).next().unwrap_or(code).to_owned(), line);
        }
    }
    let openapi: serde_json::Value = serde_json::from_str(&repository.read(OPENAPI)?)?;
    let codes = openapi.pointer(CODES).and_then(serde_json::Value::as_array);
    let codes = codes.ok_or_else(|| io::Error::other(format!("{OPENAPI} has no array {CODES}")))?;
    let existing = codes.iter().filter_map(|code| Some((code.as_str()?.to_owned(), PathBuf::from(OPENAPI))));
    Ok(compare(API, "error", &documented, &existing.collect()))
}

/// The metrics: the table of docs/api.md and the names that webd registers.
fn metrics(repository: &Repository) -> io::Result<Vec<Finding>> {
    let text = repository.read(API)?;
    let mut documented = BTreeMap::new();
    for (line, cells) in table(API, &text, "Metrics")? {
        let name = cells.first().and_then(|cell| markdown::codes(cell).next()).unwrap_or_default();
        documented.insert(name.split('{').next().unwrap_or(name).to_owned(), line);
    }
    let mut existing = BTreeMap::new();
    for path in repository.below("webd/src").filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let mut calls = Calls::default();
        calls.visit_file(&rust::parse(repository, path)?);
        for call in &calls.found {
            let name = call.arguments.iter().find_map(|argument| match argument {
                Argument::Text(name) => Some(name.clone()),
                _ => None,
            });
            let prefix = match call.function.as_str() {
                "register" | "register_with_unit" if path.ends_with("cluster_metrics.rs") => {
                    "executor_cluster"
                }
                "register" | "register_with_unit" => "webd",
                "gauge" | "encode_descriptor" => "executor",
                _ => continue,
            };
            // The arguments of `register` do not say of which kind a metric is: its documented name does.
            let Some(name) = name.map(|name| format!("{prefix}_{name}")) else { continue };
            let endings = ["", "_total", "_info", "_seconds"].map(|ending| format!("{name}{ending}"));
            let full = endings.iter().find(|full| documented.contains_key(*full)).unwrap_or(&name).clone();
            existing.insert(full, path.to_owned());
        }
    }
    Ok(compare(API, "metric", &documented, &existing))
}

/// The tests of the whole product: the table of e2e/README.md and the files in e2e/tests.
fn test_files(repository: &Repository) -> io::Result<Vec<Finding>> {
    let text = repository.read(E2E)?;
    let mut documented = BTreeMap::new();
    for (line, cells) in table(E2E, &text, "Tests")? {
        if let Some(name) = cells.first().and_then(|cell| markdown::codes(cell).next()) {
            documented.insert(name.to_owned(), line);
        }
    }
    let files = repository.below("e2e/tests").filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let files = files.filter(|path| path.parent() == Some(Path::new("e2e/tests")));
    let existing = files.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path.to_owned())));
    Ok(compare(E2E, "test", &documented, &existing.collect()))
}

/// The attacks that the threat model cites: those in the last column of its tables.
fn attacks(repository: &Repository) -> io::Result<Vec<Finding>> {
    let text = repository.read(THREAT_MODEL)?;
    let mut wire = repository.read("e2e/attacks/wire.json")?;
    for file in ["own_wire", "own_keys"] {
        wire += &repository.read(format!("e2e/src/attacks/{file}.rs"))?;
    }
    let programs: BTreeSet<&str> = repository
        .below("e2e/attacks")
        .filter_map(|path| path.file_stem().and_then(|name| name.to_str()))
        .collect();
    let mut findings = Vec::new();
    for (line, cells) in markdown::rows(&markdown::prose(&text)).iter().filter(|(_, cells)| cells.len() == 4)
    {
        for name in cells.last().into_iter().flat_map(|cell| markdown::codes(cell)) {
            let is_name = name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
            if is_name && !programs.contains(name) && !wire.contains(&format!("\"{name}\"")) {
                let message = format!("`{name}` is no attack of this repository");
                findings.push(Finding::new(THREAT_MODEL, *line, message));
            }
        }
    }
    Ok(findings)
}

/// Paths of this repository and targets of the Makefile that a page names.
fn paths_and_targets(repository: &Repository, page: &Path) -> io::Result<Vec<Finding>> {
    let text = repository.read(page)?;
    let makefile = repository.read("Makefile")?;
    let mut findings = Vec::new();
    let mut look = |line: usize, code: &str| {
        if let Some(path) = path_of(repository, code)
            && !repository.has(Path::new(path))
            && !page.parent().is_some_and(|folder| repository.has(&folder.join(path)))
        {
            findings.push(Finding::new(page, line, format!("there is no `{path}`")));
        }
        let words: Vec<_> = code.split_whitespace().collect();
        for pair in words.windows(2) {
            let is_target = pair[1].chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
            if pair[0] == "make" && is_target && !makefile.contains(&format!("\n{}:", pair[1])) {
                findings.push(Finding::new(page, line, format!("the Makefile has no target `{}`", pair[1])));
            }
        }
    };
    for (line, prose) in markdown::prose(&text) {
        markdown::codes(prose).for_each(|code| look(line, code));
    }
    for block in markdown::blocks(&text) {
        for (index, command) in block.text.lines().enumerate() {
            let command = command.split(" #").next().unwrap_or(command);
            if command.starts_with("make ") {
                look(block.line + 1 + index, command);
            }
        }
    }
    Ok(findings)
}

/// Returns the path that a word names, if it begins with a folder of this repository.
fn path_of<'a>(repository: &Repository, code: &'a str) -> Option<&'a str> {
    let path = code.split(':').next().unwrap_or(code).trim_end_matches('/');
    let (folder, rest) = path.split_once('/')?;
    let is_path = path.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    let is_placeholder = rest.split(['/', '.']).any(|word| ["NAME", "LANGUAGE"].contains(&word));
    let is_folder = folder != "target"
        && !folder.is_empty()
        && repository.files().iter().any(|file| file.starts_with(folder));
    (is_path && is_folder && !is_placeholder).then_some(path)
}

/// An argument of a call.
#[derive(Debug)]
enum Argument {
    Text(String),
    Other,
}

#[derive(Debug)]
struct Call {
    /// The last word of what is called.
    function: String,
    arguments: Vec<Argument>,
}

/// All calls in a file, without its tests.
#[derive(Default)]
struct Calls {
    found: Vec<Call>,
}

impl Calls {
    fn add<'a>(&mut self, function: String, arguments: impl Iterator<Item = &'a Expr>) {
        let arguments = arguments.map(|argument| match argument {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Argument::Text(text.value()),
                _ => Argument::Other,
            },
            _ => Argument::Other,
        });
        self.found.push(Call { function, arguments: arguments.collect() });
    }
}

fn words(path: &syn::Path) -> String {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::")
}

impl<'ast> Visit<'ast> for Calls {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !rust::is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func {
            let name = words(&function.path);
            self.add(name.rsplit("::").next().unwrap_or(&name).to_owned(), call.args.iter());
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.add(call.method.to_string(), call.args.iter());
        visit::visit_expr_method_call(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_must_name_the_same() {
        let documented = BTreeMap::from([("both".to_owned(), 1), ("invented".to_owned(), 2)]);
        let file = |name: &str| (name.to_owned(), PathBuf::from("code.rs"));
        let existing = BTreeMap::from([file("both"), file("missing")]);
        let found: Vec<_> =
            compare("a.md", "key", &documented, &existing).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "a.md:2: key `invented` does not exist in the code; remove it",
                "a.md: key `missing` of code.rs is not documented; add it"
            ]
        );
    }

    #[test]
    fn a_sample_is_read_as_if_every_key_were_set() {
        let sample = "# Text.\n#[section]\n#key = 1\n# other = 2\n";
        let mut keys = BTreeMap::new();
        flatten(&uncommented(sample).parse().unwrap(), "", &mut keys);
        assert_eq!(keys.into_keys().collect::<Vec<_>>(), ["section", "section.key"]);
    }

    #[test]
    fn keys_are_the_fields_that_serde_reads() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("src")).unwrap();
        let code = "#[derive(Deserialize)] struct Config { a: u8, #[serde(rename = \"b\", default)] x: Option<Inner>, \
                    #[serde(skip)] y: u8, limits: LimitSettings, text: Parsed }\n\
                    #[derive(Deserialize)] struct Inner { c: u8 }\n\
                    #[derive(Deserialize)] #[serde(try_from = \"String\")] struct Parsed { d: u8 }\n";
        std::fs::write(directory.path().join("src/lib.rs"), code).unwrap();
        let repository = Repository::open(directory.path()).unwrap();
        let keys = Structs::below(&repository, "src").unwrap().keys("Config").unwrap();
        let keys: Vec<_> = keys.into_keys().filter(|key| !key.starts_with("limits.")).collect();
        assert_eq!(keys, ["a", "b", "b.c", "limits", "text"]);
    }
}
