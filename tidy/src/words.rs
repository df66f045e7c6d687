//! Names and phrases that readers cannot look up, as listed in `tidy/words.toml`, and where they are used.

use std::io;
use std::path::Path;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::finding::Finding;
use crate::repository::Repository;
use crate::text::{self, Kind, Piece};

/// The list, relative to the repository.
const LIST: &str = "tidy/words.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Prefixes of paths that are not checked.
    ignore: Vec<String>,
    word: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    pattern: String,
    #[serde(rename = "where")]
    place: Place,
    reason: String,
    instead: String,
    /// Paths where it is allowed: the first part of their name.
    #[serde(default)]
    except: Vec<String>,
    /// Names and phrases that it matches and that are allowed, ignoring case.
    #[serde(default)]
    allow: Vec<String>,
}

/// Where a pattern is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    /// Comments, strings and documentation; ignoring case, a space matches a line break.
    Prose,
    /// Whole words of identifiers: `told` in `not_yet_told` and `NotYetTold`.
    Identifier,
    /// The same in names that begin with a capital letter, such as types.
    Type,
    /// Prose and identifiers.
    Both,
}

/// The compiled list.
pub struct Words {
    ignore: Vec<String>,
    rules: Vec<Rule>,
    identifier: Regex,
}

struct Rule {
    entry: Entry,
    prose: Option<Regex>,
    identifier: Option<Regex>,
}

impl Words {
    /// Reads `tidy/words.toml`.
    ///
    /// # Errors
    /// If it is missing, is not in the format, or has a pattern that is no regular expression.
    pub fn load(repository: &Repository) -> io::Result<Self> {
        Self::parse(&repository.read(LIST)?).map_err(|error| io::Error::other(format!("{LIST}: {error}")))
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let list: List = toml::from_str(text)?;
        let rules = list.word.into_iter().map(Rule::new).collect::<Result<_, _>>()?;
        Ok(Self { ignore: list.ignore, rules, identifier: Regex::new(r"[A-Za-z_][A-Za-z0-9_]*")? })
    }

    /// Returns what the list rejects in a file.
    #[must_use]
    pub fn in_file(&self, path: &Path, text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for piece in text::split(path, text).unwrap_or_default() {
            match piece.kind {
                Kind::Prose => self.in_prose(path, &piece, &mut findings),
                Kind::Code => self.in_code(path, &piece, &mut findings),
            }
        }
        findings.sort();
        findings.dedup();
        findings
    }

    fn in_prose(&self, path: &Path, piece: &Piece, findings: &mut Vec<Finding>) {
        for rule in self.rules(path) {
            for found in rule.prose.iter().flat_map(|pattern| pattern.find_iter(&piece.text)) {
                findings.extend(rule.finding(path, piece.line(found.start()), found.as_str()));
            }
        }
    }

    fn in_code(&self, path: &Path, piece: &Piece, findings: &mut Vec<Finding>) {
        for name in self.identifier.find_iter(&piece.text) {
            let words = words_of(name.as_str());
            let is_type = name.as_str().starts_with(char::is_uppercase);
            for rule in self.rules(path) {
                let applies = rule.entry.place != Place::Type || is_type;
                if applies && rule.identifier.as_ref().is_some_and(|pattern| pattern.is_match(&words)) {
                    findings.extend(rule.finding(path, piece.line(name.start()), name.as_str()));
                }
            }
        }
    }

    fn rules<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| !begins_with_any(path, &rule.entry.except))
    }
}

impl Rule {
    fn new(entry: Entry) -> Result<Self, regex::Error> {
        let prose = matches!(entry.place, Place::Prose | Place::Both).then(|| {
            let pattern = entry.pattern.replace(' ', r"\s+");
            RegexBuilder::new(&format!(r"\b(?:{pattern})(?:\b|$)")).case_insensitive(true).build()
        });
        let identifier = (entry.place != Place::Prose).then(|| {
            let pattern = entry.pattern.replace(' ', "_");
            RegexBuilder::new(&format!(r"(?:^|_)(?:{pattern})(?:_|$)")).case_insensitive(true).build()
        });
        Ok(Self { prose: prose.transpose()?, identifier: identifier.transpose()?, entry })
    }

    /// Returns what to report of a match, unless it is allowed.
    fn finding(&self, path: &Path, line: usize, found: &str) -> Option<Finding> {
        let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
        let Entry { reason, instead, allow, .. } = &self.entry;
        if allow.iter().any(|allowed| allowed.eq_ignore_ascii_case(&found)) {
            return None;
        }
        Some(Finding::new(path, line, format!("`{found}`: {reason}; use {instead}")))
    }
}

/// Finds rejected names and phrases in the whole repository.
///
/// # Errors
/// If the list or a file cannot be read.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    let words = Words::load(repository)?;
    let mut findings = Vec::new();
    for path in repository.files().iter().filter(|path| !begins_with_any(path, &words.ignore)) {
        // Not text, so there are no words in it.
        let Ok(text) = repository.read(path) else { continue };
        findings.extend(words.in_file(path, &text));
    }
    Ok(findings)
}

fn begins_with_any(path: &Path, beginnings: &[String]) -> bool {
    beginnings.iter().any(|beginning| path.starts_with(beginning))
}

/// Returns the words of an identifier: `not_yet_told` for `NotYetTold` and `NOT_YET_TOLD`.
fn words_of(identifier: &str) -> String {
    let mut words = String::new();
    let mut before = '_';
    let letters: Vec<char> = identifier.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let next_is_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        let begins = letter.is_uppercase()
            && before != '_'
            && (before.is_lowercase() || before.is_numeric() || next_is_lower);
        if begins {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
        before = *letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
        ignore = []
        [[word]]
        pattern = "all the same"
        where = "prose"
        reason = "reads like a translation"
        instead = "\"still\""
        [[word]]
        pattern = "kept"
        where = "type"
        reason = "cannot be searched for"
        instead = "what it is"
        [[word]]
        pattern = "told"
        where = "identifier"
        reason = "cannot be searched for"
        instead = "\"sent\""
        [[word]]
        pattern = "^who$"
        where = "identifier"
        reason = "cannot be searched for"
        instead = "what it holds"
        [[word]]
        pattern = "anew"
        where = "both"
        reason = "archaic"
        instead = "\"again\""
        except = ["old"]
        allow = ["anew_total"]
    "#;

    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let words = Words::parse(SAMPLE).unwrap();
        let found = words.in_file(Path::new(path), text);
        let found: Vec<_> =
            found.iter().map(|finding| (finding.line, finding.message.split('`').nth(1).unwrap())).collect();
        assert_eq!(found, expected, "{path}: {text}");
    }

    #[test]
    fn rejected_phrases_are_found_in_prose_only() {
        check("a.rs", "// It runs all the same.\nfn f() {}\n", &[(1, "all the same")]);
        check("a.rs", "/// It runs all\n/// the same.\nfn f() {}\n", &[(1, "all the same")]);
        check("a.rs", "let all = the.same;\n", &[]);
        check("a.rs", "/* one\n   all the same */\nfn f() {}\n", &[(2, "all the same")]);
        check("a.rs", "call(\"all the same\");\n", &[(1, "all the same")]);
        check(
            "a.rs",
            "call(r#\"say \"all the same\" now\"#);\nfn told() {}\n",
            &[(1, "all the same"), (2, "told")],
        );
        check("a.md", "It runs all\nthe same.\n", &[(1, "all the same")]);
        check("a.md", "`all the same`\n", &[]);
        check("a.md", "```sh\nrun   # all the same\n```\n", &[(2, "all the same")]);
        check("a.sh", "#!/bin/sh\nrun # all the same\n", &[(2, "all the same")]);
        check("man/a.1", "It runs all\n\\fIthe\\fR same\n", &[(1, "all the same")]);
        check("man/a.1", "It runs \\fIall\\fR the same\n", &[(1, "all the same")]);
        check("openapi.json", "{\"description\": \"all the same\"}", &[(1, "all the same")]);
        check("a.tsx", "<p>\n  all the same\n</p>", &[(2, "all the same")]);
        check("a.bin", "all the same", &[]);
    }

    #[test]
    fn rejected_names_are_found_as_whole_words_of_identifiers() {
        check("a.rs", "fn not_told() {}\n", &[(1, "not_told")]);
        check("a.rs", "struct NotTold;\n", &[(1, "NotTold")]);
        check("a.rs", "const NOT_TOLD: u8 = 0;\n", &[(1, "NOT_TOLD")]);
        check("a.rs", "fn untold(toldest: u8) {}\n", &[]);
        check("a.rs", "// He is told of `Told`.\nfn f() {}\n", &[(1, "Told")]);
        check("a.rs", "const WHO: u8 = 0; const WHO_IS: u8 = 0;\n", &[(1, "WHO")]);
    }

    #[test]
    fn names_of_types_are_told_from_other_names() {
        check("a.rs", "struct Kept { kept: bool }\n", &[(1, "Kept")]);
        check("a.rs", "let kept_files = 1; // kept\n", &[]);
    }

    #[test]
    fn a_character_or_lifetime_begins_no_string() {
        check("a.rs", "fn f<'a>(c: &'a str) { c == '\"' || c == '\\'' } // anew\n", &[(1, "anew")]);
    }

    #[test]
    fn exceptions_hold_below_their_path() {
        check("old/a.md", "anew\n", &[]);
        check("older/a.md", "anew\n", &[(1, "anew")]);
    }

    #[test]
    fn allowed_names_are_allowed_as_a_whole() {
        check("a.rs", "anew_total + anew_totals\n", &[(1, "anew_totals")]);
    }

    #[test]
    fn the_words_of_identifiers_are_separated() {
        assert_eq!(words_of("NotYetTold"), "not_yet_told");
        assert_eq!(words_of("HTTPHeader"), "http_header");
        assert_eq!(words_of("MAX_UNTAKEN"), "max_untaken");
        assert_eq!(words_of("u64"), "u64");
    }
}
