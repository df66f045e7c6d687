//! The parts of a Markdown file that the checks look at.

use std::collections::BTreeMap;

use regex::Regex;

/// A line of a file with its number, starting at 1.
pub type Line<'a> = (usize, &'a str);

/// A fenced block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of the opening fence.
    pub line: usize,
    /// What follows the fence: `sh`.
    pub language: String,
    /// What is between the fences.
    pub text: String,
    /// Whether `<!-- runnable -->` is on the line above.
    pub runnable: bool,
}

/// Returns the lines outside fenced blocks.
#[must_use]
pub fn prose(text: &str) -> Vec<Line<'_>> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// Returns the fenced blocks.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => {
                open = Some(Block {
                    line: index + 1,
                    language: language.trim().to_owned(),
                    text: String::new(),
                    runnable: before.trim() == "<!-- runnable -->",
                });
            }
            (None, Some(mut block)) => {
                block.text += line;
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
        before = line;
    }
    blocks
}

/// Returns the anchors that GitHub gives to the headings, and explicit ones.
#[must_use]
pub fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    for (_, line) in prose(text) {
        if let Some(heading) = heading(line) {
            let anchor = slug(heading);
            let times = seen.entry(anchor.clone()).or_default();
            anchors.push(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
            *times += 1;
        }
        for part in line.split("<a ").skip(1) {
            let name = ["id=\"", "name=\""].iter().find_map(|key| part.split_once(key));
            anchors.extend(name.and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned));
        }
    }
    anchors
}

/// Returns the text of a heading line.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len() && text.starts_with(' ')).then(|| text.trim())
}

fn slug(heading: &str) -> String {
    let keep = |letter: char| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ if letter.is_alphanumeric() => Some(letter),
        _ => None,
    };
    let without_targets = match Regex::new(r"\]\([^)]*\)") {
        Ok(link) => link.replace_all(heading, "").into_owned(),
        Err(_) => heading.to_owned(),
    };
    without_targets.to_lowercase().chars().filter_map(keep).collect()
}

/// Returns the lines below a heading, up to the next of its level or above.
#[must_use]
pub fn section<'a>(text: &'a str, title: &str) -> Option<Vec<Line<'a>>> {
    let lines = prose(text);
    let start = lines.iter().position(|(_, line)| heading(line) == Some(title))?;
    let level = lines[start].1.len() - lines[start].1.trim_start_matches('#').len();
    let is_end =
        |line: &str| heading(line).is_some() && line.len() - line.trim_start_matches('#').len() <= level;
    Some(lines[start + 1..].iter().take_while(|(_, line)| !is_end(line)).copied().collect())
}

/// A row of a table: its line and its cells.
pub type Row<'a> = (usize, Vec<&'a str>);

/// Returns the rows of all tables in these lines, without their heads.
#[must_use]
pub fn rows<'a>(lines: &[Line<'a>]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (number, line) in lines {
        let Some(inner) = line.trim().strip_prefix('|') else { continue };
        let cells: Vec<_> = inner.trim_end_matches('|').split('|').map(str::trim).collect();
        let is_rule = cells.iter().all(|cell| !cell.is_empty() && cell.trim_matches(['-', ':']).is_empty());
        if is_rule {
            rows.pop();
        } else {
            rows.push((*number, cells));
        }
    }
    rows
}

/// Returns what a text has between backticks.
pub fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "# One `x`: two\ntext\n\n## Keys\n| a | b |\n|---|---|\n| `k`, `l` | text |\n\n### Deeper\nmore\n## Keys\nother\n<!-- runnable -->\n```sh\n# no heading\nls\n```\n";

    #[test]
    fn anchors_are_those_of_github() {
        assert_eq!(anchors(SAMPLE), ["one-x-two", "keys", "deeper", "keys-1"]);
        assert_eq!(anchors("## [A link](b.md) & more, `code`!\n"), ["a-link--more-code"]);
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let lines = section(SAMPLE, "Keys").unwrap();
        assert_eq!(rows(&lines), [(7, vec!["`k`, `l`", "text"])]);
        assert_eq!(lines.last(), Some(&(10, "more")));
        assert!(section(SAMPLE, "None").is_none());
    }

    #[test]
    fn runnable_blocks_are_marked_on_the_line_above() {
        let expected = Block {
            line: 14,
            language: "sh".to_owned(),
            text: "# no heading\nls\n".to_owned(),
            runnable: true,
        };
        assert_eq!(blocks(SAMPLE), [expected]);
    }
}
