//! The configuration files that are installed: each key is in a comment, with its default.

/// Returns a file as it is when every key is set: `#key = 1` counts, `# Text` does not.
#[must_use]
pub fn uncommented(sample: &str) -> String {
    let lines = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '[') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_from_a_comment() {
        let sample = "# Text.\n#[section]\n#key = 1\n# other = 2\nlast = 3";
        assert_eq!(uncommented(sample), "# Text.\n[section]\nkey = 1\n# other = 2\nlast = 3");
    }
}
