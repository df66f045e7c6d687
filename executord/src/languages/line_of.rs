//! Finding the line of a key in a language file, for error messages.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Returns the line, from 1, of the key with which a message begins, such as `run.command` or `options.std` in `options.std:
/// values: …`. Returns that of the nearest table above it if the file does not have the key, or `None` without such a table.
pub(super) fn line_of(text: &str, message: &str) -> Option<usize> {
    let file = DeTable::parse(text).ok()?;
    let mut table = file.get_ref();
    let mut start = None;
    for part in key_of(message).split('.') {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == part) else { break };
        start = Some(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(elements) => match named(elements.iter(), message, part) {
                Some((position, _)) => start = Some(position),
                None => break,
            },
            _ => break,
        }
    }
    start.map(|start| 1 + text[..start].matches('\n').count())
}

/// Returns the key at the beginning of a message: `default of options.std: …` and `options.std: values: …` have one.
fn key_of(message: &str) -> &str {
    let words = message.split_once(": ").map_or(message, |(key, _)| key);
    words.rsplit(' ').next().unwrap_or(words)
}

/// Returns the table of an array whose name follows `array.` in the message, and where it begins.
fn named<'a>(
    elements: impl Iterator<Item = &'a Spanned<DeValue<'a>>>,
    message: &str,
    array: &str,
) -> Option<(usize, &'a DeTable<'a>)> {
    let name = key_of(message).split_once(array)?.1.strip_prefix('.')?;
    elements.filter_map(|element| Some((element.span().start, element.get_ref().as_table()?))).find(
        |(_, table)| {
            table.iter().any(|(key, value)| key.get_ref() == "name" && value.get_ref().as_str() == Some(name))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::line_of;

    const FILE: &str = "name = \"t\"\naliases = [\n    \"u\",\n]\n\n[run]\ncommand = []\n\n[[options]]\nname = \"a\"\n\n\
                        [[options]]\nname = \"b\"\ndefault = 1\n";

    #[test]
    fn the_line_is_that_of_the_key() {
        for (message, line) in [
            ("name: must consist of letters", Some(1)),
            ("aliases: u is also a name of v", Some(2)),
            ("run.command: is empty", Some(7)),
            ("run.environment: is missing", Some(6)),
            ("options.b: values: has none", Some(12)),
            ("default of options.b: it must be one of a, b", Some(12)),
            ("extensions: must name at least one", None),
            ("some text", None),
        ] {
            assert_eq!(line_of(FILE, message), line, "{message}");
        }
        assert_eq!(line_of("not = [toml", "not: is wrong"), None);
    }
}
