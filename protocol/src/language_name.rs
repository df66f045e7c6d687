//! Names of languages in requests: one rule for all places that look a language up.
//!
//! People and other systems write one name in many ways: `C++ 17`, `c++-17`, `Node.js`, `nodejs`, `C++ (GCC)`. Upper and lower
//! case are the same, and what separates words does not count.

use crate::language::Language;

/// Returns the text by which names are compared: two names that have the same key are one name. It is empty for a text that
/// is no name.
///
/// It is in lower case and without parentheses, surrounding white space, and the spaces, dots, hyphens and underscores
/// between other characters. At the beginning and the end they count, so `c--` is not C.
#[must_use]
pub fn key(name: &str) -> String {
    let is_outside = |character: char| character.is_whitespace() || matches!(character, '(' | ')');
    let name = name.trim_matches(is_outside);
    let inner = name.trim_matches(is_separator);
    if inner.is_empty() || inner.len() != name.len() {
        return name.to_ascii_lowercase();
    }
    inner.chars().filter(|&character| !is_separator(character)).map(|one| one.to_ascii_lowercase()).collect()
}

/// Returns whether two texts are the same name.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

/// Splits a name that ends with a version, such as `Node.js 18` or `C++ (GCC 12.2)`, into the name and the range of
/// [`LanguageVersion`](crate::version_range::LanguageVersion). A name of which this is an alias, such as `c++17`, has
/// precedence.
#[must_use]
pub fn split_version(name: &str) -> Option<(&str, &str)> {
    let name = name.trim_end_matches([')', ' ']);
    let is_in_version = |character: char| character.is_ascii_digit() || character == '.';
    let (name, version) = name.split_at(name.trim_end_matches(is_in_version).len());
    let version = version.trim_start_matches('.');
    let is_version = version.split('.').all(|number| !number.is_empty()) && version.split('.').count() <= 3;
    (is_version && !key(name).is_empty()).then_some((name.trim_end_matches(is_separator), version))
}

fn is_separator(character: char) -> bool {
    character == ' ' || matches!(character, '-' | '_' | '.' | '(' | ')')
}

impl Language {
    /// Returns whether a text is the name or an alias of this language.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let name = key(name);
        self.aliases.iter().chain([&self.name]).any(|own| key(own) == name)
    }

    /// Returns the language that a request with this name means: by its name or an alias, or else by a title, or else by one
    /// of these that a version follows.
    #[must_use]
    pub fn find<'a>(languages: &'a [Self], name: &str) -> Option<&'a Self> {
        let named = |name: &str| {
            let called = languages.iter().find(|language| language.is_called(name));
            called.or_else(|| languages.iter().find(|language| language.is_titled(name)))
        };
        named(name).or_else(|| named(split_version(name)?.0))
    }

    fn is_titled(&self, name: &str) -> bool {
        let name = key(name);
        self.versions
            .iter()
            .map(|version| &version.title)
            .chain([&self.title])
            .any(|title| key(title) == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_separators_do_not_count() {
        for (name, expected) in [
            ("python", "python"),
            (" Python 3.11\n", "python311"),
            ("python_3-11", "python311"),
            ("Node.JS", "nodejs"),
            ("C++ 17", "c++17"),
            ("C++ (GCC)", "c++gcc"),
            ("C# (Mono 6)", "c#mono6"),
            ("(c)", "c"),
            // What is not between other characters counts.
            ("c--", "c--"),
            (".net", ".net"),
            ("-", "-"),
            ("( )", ""),
            ("", ""),
            ("brainf**k", "brainf**k"),
            ("PYTHÖN", "pythÖn"),
            ("py\0", "py\0"),
        ] {
            assert_eq!(key(name), expected, "{name:?}");
        }
        assert!(is_same("ANSI C", "ansi-c") && !is_same("c", "c++") && !is_same("c", "c#"));
    }

    #[test]
    fn a_version_may_follow_a_name() {
        for (name, expected) in [
            ("Node.js 18", Some(("Node.js", "18"))),
            ("nodejs18", Some(("nodejs", "18"))),
            ("python-3.11.2", Some(("python", "3.11.2"))),
            ("C++ (GCC 12.2)", Some(("C++ (GCC", "12.2"))),
            ("c++17", Some(("c++", "17"))),
            ("python", None),
            ("17", None),
            ("python 3.11.2.1", None),
            ("python 3.", None),
            ("python.3", Some(("python", "3"))),
            ("python 3..1", None),
            ("", None),
        ] {
            assert_eq!(split_version(name), expected, "{name:?}");
        }
    }
}
