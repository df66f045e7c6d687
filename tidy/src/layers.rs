//! The layers of docs/architecture.md: which crate may depend on which, and which folder may name what.

use std::io;
use std::path::Path;

use proc_macro2::{Span, TokenStream, TokenTree};

use crate::finding::Finding;
use crate::graph;
use crate::repository::Repository;
use crate::rust;

/// Each crate and the crates of the workspace that it may depend on.
const CRATES: [(&str, &[&str]); 15] = [
    ("protocol", &[]),
    ("sandbox", &[]),
    ("executor-zygote", &["sandbox"]),
    ("executor-zygote-node", &["sandbox"]),
    ("executor-zygote-jvm", &["sandbox"]),
    ("executord", &["protocol", "sandbox"]),
    ("keys", &["protocol"]),
    ("mcp", &["protocol"]),
    ("cluster", &["keys", "protocol"]),
    ("noded", &["cluster", "keys", "protocol"]),
    ("webd", &["cluster", "keys", "mcp", "protocol"]),
    ("cli", &["cluster", "keys", "mcp", "protocol"]),
    ("e2e", &["cluster", "keys", "protocol"]),
    ("bench", &["e2e", "keys", "protocol"]),
    ("tidy", &["protocol"]),
];

/// Where `unsafe` is allowed.
const UNSAFE: [&str; 4] =
    ["executord/sandbox/src/sys", "executord/zygote", "executord/zygote-node", "executord/zygote-jvm"];

/// A name that must not occur in the code below a path.
struct Ban {
    below: &'static str,
    name: &'static str,
    reason: &'static str,
    except: Option<&'static str>,
}

const BANS: [Ban; 9] = [
    Ban { below: "webd/src/domain", name: "axum", reason: "the domain does not know HTTP", except: None },
    Ban { below: "webd/src/ops", name: "axum", reason: "operations do not know HTTP", except: None },
    Ban {
        below: "protocol/src",
        name: "bincode",
        reason: "one file knows the encoding",
        except: Some("protocol/src/codec.rs"),
    },
    Ban { below: "webd/src", name: "async_nats", reason: "one crate knows NATS", except: None },
    Ban { below: "noded/src", name: "async_nats", reason: "one crate knows NATS", except: None },
    Ban { below: "cli/src", name: "async_nats", reason: "one crate knows NATS", except: None },
    Ban { below: "webd/src", name: "rmcp", reason: "one crate knows the protocol of agents", except: None },
    Ban { below: "cli/src", name: "rmcp", reason: "one crate knows the protocol of agents", except: None },
    Ban { below: "executord/sandbox/src", name: "tokio", reason: "the sandbox has no runtime", except: None },
];

/// Folders of a crate whose files must not name items of another folder.
const FOLDERS: [(&str, &str, &str); 2] = [
    ("webd/src/lib.rs", "webd/src/domain", "webd/src/api"),
    ("webd/src/lib.rs", "webd/src/ops", "webd/src/api"),
];

/// Finds dependencies that go against the layers.
///
/// # Errors
/// If a manifest or a source file cannot be read.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    let mut findings = crates(repository)?;
    for path in repository.files().iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        findings.extend(names(repository, path)?);
    }
    for ban in BANS {
        if repository.below(ban.below).next().is_none() {
            findings.push(Finding::new("tidy/src/layers.rs", 0, format!("no file is below {}", ban.below)));
        }
    }
    for (root, folder, forbidden) in FOLDERS {
        for (file, edges) in graph::build(repository, Path::new(root))? {
            for (other, reference) in edges {
                if file.starts_with(folder) && other.starts_with(forbidden) {
                    let message =
                        format!("names `{}`: {folder} must not depend on {forbidden}", reference.name);
                    findings.push(Finding::new(file.clone(), reference.line, message));
                }
            }
        }
    }
    Ok(findings)
}

fn crates(repository: &Repository) -> io::Result<Vec<Finding>> {
    let packages = repository.crates()?;
    let mut findings = Vec::new();
    for package in &packages {
        let manifest = package.folder.join("Cargo.toml");
        let Some((_, allowed)) = CRATES.iter().find(|(name, _)| *name == package.name) else {
            let message = format!("crate `{}` is in no layer; add it to tidy/src/layers.rs", package.name);
            findings.push(Finding::new(manifest, 0, message));
            continue;
        };
        let dependencies = package.manifest.get("dependencies").and_then(toml::Value::as_table);
        for name in dependencies.into_iter().flat_map(toml::Table::keys) {
            if packages.iter().any(|other| other.name == *name) && !allowed.contains(&name.as_str()) {
                let message = format!("`{}` must not depend on `{name}`", package.name);
                findings.push(Finding::new(manifest.clone(), 0, message));
            }
        }
    }
    Ok(findings)
}

/// Finds `unsafe` and banned names in a file's code.
fn names(repository: &Repository, path: &Path) -> io::Result<Vec<Finding>> {
    let bans: Vec<_> = BANS
        .iter()
        .filter(|ban| path.starts_with(ban.below) && ban.except.is_none_or(|file| path != Path::new(file)))
        .collect();
    let tokens: TokenStream = repository
        .read(path)?
        .parse()
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    let mut findings = Vec::new();
    each_word(tokens, &mut |word, span| {
        let line = span.start().line;
        if word == "unsafe" && !UNSAFE.iter().any(|folder| path.starts_with(folder)) {
            let message = format!("`unsafe` is allowed only in {}", UNSAFE.join(" and "));
            findings.push(Finding::new(path, line, message));
        }
        for ban in bans.iter().filter(|ban| word == ban.name) {
            findings.push(Finding::new(path, line, format!("names `{}`: {}", ban.name, ban.reason)));
        }
    });
    if rust::roots(repository, path.parent().and_then(Path::parent).unwrap_or(path))
        .iter()
        .any(|root| root == path)
        && !path.starts_with("executord/sandbox")
        && !path.starts_with("executord/zygote")
        && !path.starts_with("executord/zygote-node")
        && !path.starts_with("executord/zygote-jvm")
        && !repository.read(path)?.contains("#![forbid(unsafe_code)]")
    {
        findings.push(Finding::new(path, 1, "needs `#![forbid(unsafe_code)]`"));
    }
    Ok(findings)
}

fn each_word(tokens: TokenStream, then: &mut impl FnMut(&str, Span)) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => then(&word.to_string(), word.span()),
            TokenTree::Group(group) => each_word(group.stream(), then),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_names_and_unsafe_code_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let check = |file: &str, text: &str, expected: &[&str]| {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let repository = Repository::open(directory.path()).unwrap();
            let found = names(&repository, Path::new(file)).unwrap();
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{file}: {text}");
        };
        let banned = "webd/src/domain/a.rs:2: names `axum`: the domain does not know HTTP";
        check("webd/src/domain/a.rs", "// axum\nuse axum::Json;", &[banned]);
        check("webd/src/http/a.rs", "use axum::Json;", &[]);
        check("protocol/src/codec.rs", "use bincode::encode;", &[]);
        let misplaced = format!("cli/src/a.rs:1: `unsafe` is allowed only in {}", UNSAFE.join(" and "));
        check("cli/src/a.rs", "fn f() { unsafe { g() } }", &[&misplaced]);
        check("executord/sandbox/src/sys/a.rs", "fn f() { unsafe { g() } }", &[]);
        check("cli/src/main.rs", "fn main() {}", &["cli/src/main.rs:1: needs `#![forbid(unsafe_code)]`"]);
    }
}
