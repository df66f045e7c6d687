//! Patterns of output files.
//!
//! | pattern | matches |
//! |---|---|
//! | `plot.png`, `results/table.csv` | this file |
//! | `*` | any characters of one name |
//! | `?` | one character of a name |
//! | `[abc]`, `[a-z]`, `[!abc]` | one character of these, or none of these |
//! | `**`, as a whole component | any number of directories; at the end, every file below |
//!
//! As in a shell, a name that begins with a dot matches only a component that begins with a dot, and letter case counts. A
//! special character matches itself in brackets: `[*]`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Maximum number of bytes of a pattern, and of the name of an output file.
pub const MAX_NAME: usize = 1024;
/// Maximum number of components of a pattern.
const MAX_COMPONENTS: usize = 16;
/// Maximum number of bytes of a component: `NAME_MAX`, the limit of most file systems.
const MAX_COMPONENT: usize = 255;

/// A pattern of output files, relative to the directory that is collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutputPattern {
    text: String,
    components: Vec<Component>,
}

/// A component of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Component {
    /// Exactly this name.
    Name(String),
    /// Names that these tokens match.
    Wild(Vec<Token>),
    /// `**`: any number of directories.
    AnyDepth,
}

/// A part of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Character(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `[…]`
    Class { is_negated: bool, ranges: Vec<(char, char)> },
}

impl OutputPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Why it is refused, for the client.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("the pattern {text:?} {why}"));
        if text.is_empty() {
            return Err("a pattern is empty".to_owned());
        }
        if text.len() > MAX_NAME {
            return Err(format!("a pattern is longer than {MAX_NAME} bytes"));
        }
        if text.starts_with('/') {
            return refused("is absolute; patterns are relative to the work directory");
        }
        if text.chars().any(char::is_control) {
            return refused("contains a control character");
        }
        if text.split('/').count() > MAX_COMPONENTS {
            return refused("has too many components");
        }
        let mut components = Vec::new();
        for component in text.split('/') {
            match component {
                "" => return refused("has an empty component"),
                "." | ".." => return refused("contains . or .."),
                "**" => {
                    // Two in a row match the same as one.
                    if components.last() != Some(&Component::AnyDepth) {
                        components.push(Component::AnyDepth);
                    }
                }
                _ if component.contains("**") => {
                    return refused("contains ** in a component with other characters");
                }
                _ if component.len() > MAX_COMPONENT => return refused("has a component that is too long"),
                _ => match Component::parse(component) {
                    Some(component) => components.push(component),
                    None => return refused("contains a [ without its ]"),
                },
            }
        }
        Ok(Self { text: text.to_owned(), components })
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn components(&self) -> &[Component] {
        &self.components
    }

    /// Returns whether the pattern matches a relative path.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        // The components that may match the next name.
        let mut states = vec![false; self.components.len() + 1];
        states[0] = true;
        for (index, name) in names.iter().enumerate() {
            let is_file = index + 1 == names.len();
            let mut next = vec![false; states.len()];
            for state in 0..self.components.len() {
                if !states[state] {
                    continue;
                }
                match &self.components[state] {
                    Component::AnyDepth => {
                        // It may also match no directory at all.
                        states[state + 1] |= state + 1 < self.components.len();
                        next[state] |= !is_file && !is_hidden(name);
                        next[state + 1] |= is_file && state + 1 == self.components.len() && !is_hidden(name);
                    }
                    component => next[state + 1] |= component.matches(name),
                }
            }
            states = next;
        }
        states[self.components.len()]
    }
}

impl Component {
    /// Returns `None` for a bracket that is not closed.
    fn parse(text: &str) -> Option<Self> {
        if !text.contains(['*', '?', '[']) {
            return Some(Self::Name(text.to_owned()));
        }
        let mut tokens = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '*' => Token::Many,
                '?' => Token::One,
                '[' => Token::parse_class(&mut rest)?,
                _ => Token::Character(character),
            });
        }
        Some(Self::Wild(tokens))
    }

    /// Returns whether the component matches a name. [`Component::AnyDepth`] matches every name that is not hidden.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(expected) => expected == name,
            Self::AnyDepth => !is_hidden(name),
            Self::Wild(tokens) => {
                let begins_with_dot = tokens.first() == Some(&Token::Character('.'));
                (begins_with_dot || !is_hidden(name)) && matches_tokens(tokens, name)
            }
        }
    }
}

impl Token {
    /// Parses the rest of a class, after its `[`. A `]` that comes first stands for itself, as in glob(7).
    fn parse_class(rest: &mut std::str::Chars) -> Option<Self> {
        let is_negated = rest.as_str().starts_with(['!', '^']);
        if is_negated {
            rest.next();
        }
        let mut ranges = Vec::new();
        loop {
            let first = rest.next()?;
            if first == ']' && !ranges.is_empty() {
                return Some(Self::Class { is_negated, ranges });
            }
            let mut ahead = rest.clone();
            match (ahead.next(), ahead.next()) {
                (Some('-'), Some(last)) if last != ']' => {
                    ranges.push((first, last));
                    *rest = ahead;
                }
                _ => ranges.push((first, first)),
            }
        }
    }

    fn matches(&self, character: char) -> bool {
        match self {
            Self::Character(expected) => *expected == character,
            Self::One | Self::Many => true,
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|&(first, last)| (first..=last).contains(&character)) != *is_negated
            }
        }
    }
}

/// Matches a whole name. Only the last `*` is ever extended, so that the time is bounded by the product of both lengths.
fn matches_tokens(tokens: &[Token], name: &str) -> bool {
    let mut rest = name.chars();
    let mut position = 0;
    // Where to continue if the tokens after the last `*` do not match: that position, and the rest of the name.
    let mut retry: Option<(usize, std::str::Chars)> = None;
    loop {
        if tokens.get(position) == Some(&Token::Many) {
            position += 1;
            retry = Some((position, rest.clone()));
            continue;
        }
        match (tokens.get(position), rest.next()) {
            (None, None) => return true,
            (Some(token), Some(character)) if token.matches(character) => position += 1,
            _ => {
                let Some((after_star, from)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                (position, rest) = (*after_star, from.clone());
            }
        }
    }
}

/// Returns whether programs that list files hide this name.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

impl fmt::Display for OutputPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

impl TryFrom<String> for OutputPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<OutputPattern> for String {
    fn from(pattern: OutputPattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, OutputPattern};

    #[test]
    fn a_pattern_matches_as_in_a_shell() {
        for (pattern, path, expected) in [
            ("plot.png", "plot.png", true),
            ("plot.png", "Plot.png", false),
            ("plot.png", "results/plot.png", false),
            ("results/*.csv", "results/a.csv", true),
            ("results/*.csv", "results/.csv", false),
            ("results/*.csv", "results/sub/a.csv", false),
            ("*", "a", true),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("?.txt", "ä.txt", true),
            ("?.txt", "ab.txt", false),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[!a-c]x", "dx", true),
            ("[^a-c]x", "ax", false),
            ("[]]x", "]x", true),
            ("[*]x", "*x", true),
            ("[*]x", "ax", false),
            ("[a-]", "-", true),
            ("**", "a", true),
            ("**", "a/b/c", true),
            ("**", ".a", false),
            ("**", "a/.b", false),
            ("**", ".a/b", false),
            ("**/*.csv", "x.csv", true),
            ("**/*.csv", "a/b/x.csv", true),
            ("**/*.csv", "a/b/x.txt", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/x/y/c", false),
            ("a/**", "a", false),
            ("a/**", "a/b/c", true),
            ("a/**/**/b", "a/b", true),
            ("**/a/**/b", "x/a/y/a/z/b", true),
            ("*a*b*c", "xaxbxc", true),
            ("*a*b*c", "xaxbxcx", false),
            ("a*", "a", true),
            ("*.tar.gz", "x.tar.tar.gz", true),
        ] {
            let parsed = OutputPattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(path), expected, "{pattern} and {path}");
        }
    }

    #[test]
    fn matching_takes_no_exponential_time() {
        let pattern = OutputPattern::parse(&format!("{}b", "a*".repeat(100))).unwrap();
        assert!(!pattern.matches(&"a".repeat(255)));
        let pattern = OutputPattern::parse("**/a/**/a/**/a/**/a/**/a/b").unwrap();
        assert!(!pattern.matches(&"a/".repeat(500)));
    }

    #[test]
    fn a_pattern_that_leaves_the_directory_or_makes_no_sense_is_refused() {
        let long = "x".repeat(MAX_NAME + 1);
        let deep = "x/".repeat(20) + "x";
        for (pattern, reason) in [
            ("", "a pattern is empty"),
            ("/etc/passwd", "is absolute"),
            ("../x", "contains . or .."),
            ("a/./b", "contains . or .."),
            ("a//b", "has an empty component"),
            ("a/", "has an empty component"),
            ("a\nb", "contains a control character"),
            ("[ab", "contains a [ without its ]"),
            ("a**", "contains ** in a component"),
            (&*long, "is longer than 1024 bytes"),
            (&*deep, "has too many components"),
        ] {
            let error = OutputPattern::parse(pattern).unwrap_err();
            assert!(error.contains(reason), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_pattern_keeps_its_text() {
        let pattern = OutputPattern::parse("a/**/[x]*").unwrap();
        let json = serde_json::to_string(&pattern).unwrap();
        assert_eq!(json, "\"a/**/[x]*\"");
        assert_eq!(serde_json::from_str::<OutputPattern>(&json).unwrap(), pattern);
        assert!(serde_json::from_str::<OutputPattern>("\"../x\"").is_err());
    }
}
