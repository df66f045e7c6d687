//! The beginning and the end of the text that a program writes to stderr.

/// Maximum number of bytes of the beginning, and of the end.
const MAX_PART: usize = 4096;

/// The beginning and the end of a text. The first error of a compiler is the one that counts, and the last line of a traceback.
#[derive(Debug, Default)]
pub(super) struct ErrorText {
    beginning: Vec<u8>,
    end: Vec<u8>,
}

impl ErrorText {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (beginning, rest) = bytes.split_at(bytes.len().min(MAX_PART - self.beginning.len()));
        self.beginning.extend_from_slice(beginning);
        let last = &rest[rest.len().saturating_sub(MAX_PART)..];
        self.end.drain(..(self.end.len() + last.len()).saturating_sub(MAX_PART));
        self.end.extend_from_slice(last);
    }

    /// Returns the text. Bytes that are not UTF-8 are replaced.
    pub(super) fn into_text(self) -> String {
        let all = [self.beginning, self.end].concat();
        String::from_utf8_lossy(&all).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorText, MAX_PART};

    #[test]
    fn the_beginning_and_the_end_remain() {
        let shortened = |chunks: &[&[u8]]| {
            let mut text = ErrorText::default();
            chunks.iter().for_each(|chunk| text.push(chunk));
            text.into_text()
        };
        assert_eq!(shortened(&[b"one ", b"two"]), "one two");
        let long = vec![b'.'; 10 * MAX_PART];
        let text = shortened(&[b"first", &long, b"la", b"st"]);
        assert!(text.starts_with("first...") && text.ends_with("...last") && text.len() == 2 * MAX_PART);
        let text = shortened(&[&long, &long[..MAX_PART - 1], b"\xff"]);
        assert!(text.ends_with('\u{fffd}'));
    }
}
