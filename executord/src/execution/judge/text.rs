//! Positions and excerpts in a text that need not be UTF-8.

use protocol::bounds::MAX_EXCERPT;

/// Characters of an excerpt before the position that it is about.
const BEFORE: usize = 20;
/// Characters of an excerpt, without the ellipses. A character has at most four bytes, as U+FFFD has three.
const LENGTH: usize = 60;
/// Stands for what an excerpt leaves out.
const ELLIPSIS: &str = "…";

const _: () = assert!(4 * LENGTH + 2 * ELLIPSIS.len() <= MAX_EXCERPT);

/// White space that separates tokens and is ignored at the end of lines: that of C's `isspace`.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Returns `text` without white space at its end.
pub(super) fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// Returns the number of characters in `text`. Bytes that continue a UTF-8 character do not count.
pub(super) fn characters(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

/// Returns line and column of the byte at `offset`, from 1.
pub(super) fn position(text: &[u8], offset: usize) -> (u64, u64) {
    let before = &text[..offset];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let lines = before.iter().filter(|&&byte| byte == b'\n').count();
    (lines as u64 + 1, characters(&before[line_start..]) as u64 + 1)
}

/// Returns the part of `line` around its character at index `around`.
pub(super) fn excerpt(line: &[u8], around: usize) -> String {
    let first = around.saturating_sub(BEFORE);
    // More bytes than the excerpt can have are not converted: a line may be as long as the output.
    let start = nth_character(line, first);
    let rest = &line[start..];
    let end = nth_character(rest, LENGTH);
    let text = String::from_utf8_lossy(&rest[..end]);
    // Bytes that are not UTF-8 can become more characters than were counted.
    let kept: String = text.chars().take(LENGTH).collect();
    let begins_later = if first > 0 { ELLIPSIS } else { "" };
    let ends_earlier = if end < rest.len() || kept.len() < text.len() { ELLIPSIS } else { "" };
    format!("{begins_later}{kept}{ends_earlier}")
}

/// Returns the offset of the character with this index, or the length of `text`.
fn nth_character(text: &[u8], index: usize) -> usize {
    let mut starts = text.iter().enumerate().filter(|&(_, &byte)| byte & 0xc0 != 0x80);
    starts.nth(index).map_or(text.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{excerpt, position, trim_end};

    #[test]
    fn positions_count_characters_from_1() {
        let text = "ab\nä€x\n".as_bytes();
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 2), (1, 3));
        assert_eq!(position(text, 3), (2, 1));
        assert_eq!(position(text, 8), (2, 3));
        assert_eq!(position(text, text.len()), (3, 1));
    }

    #[test]
    fn white_space_at_the_end_is_removed() {
        for (text, trimmed) in [("", ""), (" \t\r\n\x0b\x0c", ""), ("a b \r", "a b"), (" a", " a")] {
            assert_eq!(trim_end(text.as_bytes()), trimmed.as_bytes());
        }
    }

    #[test]
    fn an_excerpt_is_what_surrounds_a_character() {
        assert_eq!(excerpt(b"hello", 2), "hello");
        let long = "0123456789".repeat(20);
        assert_eq!(excerpt(long.as_bytes(), 5), format!("{}…", &long[..60]));
        assert_eq!(excerpt(long.as_bytes(), 100), format!("…{}…", &long[80..140]));
        assert_eq!(excerpt(long.as_bytes(), 199), format!("…{}", &long[179..]));
        assert_eq!(excerpt(b"\xff\xfe", 0), "\u{fffd}\u{fffd}");
    }

    proptest! {
        #[test]
        fn every_excerpt_is_within_its_bound(line in any::<Vec<u8>>(), around in any::<u16>()) {
            assert!(excerpt(&line, usize::from(around)).len() <= super::MAX_EXCERPT);
            assert!(excerpt(&line.repeat(100), usize::from(around)).len() <= super::MAX_EXCERPT);
        }
    }
}
