//! The output limit of one stream. Output is never cut inside a UTF-8 character.

use bytes::Bytes;
use protocol::ByteCount;

/// A read from an output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OutputChunk {
    /// For the client.
    Data(Bytes),
    /// The last bytes for the client: there were more, beyond the limit.
    Overflow(Bytes),
    /// Not for the client: it was read after the overflow, so that the program does not block while it ends, or it is
    /// the beginning of a character that may exceed the limit.
    Discarded,
    /// No process has it open for writing.
    End,
}

/// How much of one stream the client still gets.
#[derive(Debug, Default)]
pub(super) struct OutputLimit {
    /// Bytes until the limit.
    remaining: u64,
    /// Bytes that were read, also beyond the limit.
    read: u64,
    is_truncated: bool,
    /// The first bytes of a character that does not fit into the limit. They are sent only if the output ends with
    /// them.
    incomplete: Vec<u8>,
}

impl OutputLimit {
    /// Sets how much is kept from now on.
    pub(super) const fn set(&mut self, limit: ByteCount) {
        self.remaining = limit.bytes();
    }

    /// Returns how much was read.
    pub(super) const fn read(&self) -> ByteCount {
        ByteCount(self.read)
    }

    pub(super) const fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Applies the limit to bytes that were read.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> OutputChunk {
        self.read += bytes.len() as u64;
        if self.is_truncated {
            return OutputChunk::Discarded;
        }
        let all = [&self.incomplete, bytes].concat();
        self.remaining += std::mem::take(&mut self.incomplete).len() as u64;
        let kept = all.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        self.remaining -= kept as u64;
        self.is_truncated = kept < all.len();
        let mut sent = Bytes::from(all);
        sent.truncate(kept);
        let (length, missing) = incomplete_character(&sent);
        if missing as u64 > self.remaining {
            let incomplete = sent.split_off(kept - length);
            if !self.is_truncated {
                self.incomplete = incomplete.to_vec();
            }
        }
        match (self.is_truncated, sent.is_empty()) {
            (true, _) => OutputChunk::Overflow(sent),
            (false, true) => OutputChunk::Discarded,
            (false, false) => OutputChunk::Data(sent),
        }
    }

    /// Returns the last chunk of output that ends before the limit.
    pub(super) fn end(&mut self) -> OutputChunk {
        match std::mem::take(&mut self.incomplete) {
            incomplete if incomplete.is_empty() => OutputChunk::End,
            incomplete => OutputChunk::Data(incomplete.into()),
        }
    }
}

/// Returns the number of bytes at the end of `bytes` that begin a UTF-8 character, and the number of bytes that it
/// lacks. Both are 0 if `bytes` ends with a complete character, or with bytes that are not UTF-8.
fn incomplete_character(bytes: &[u8]) -> (usize, usize) {
    for (length, &byte) in (1..=3).zip(bytes.iter().rev()) {
        let whole = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return (0, 0),
        };
        return if whole > length { (length, whole - length) } else { (0, 0) };
    }
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the client gets of `text`, written in pieces of `piece` bytes under a limit, and whether it was
    /// cut.
    fn limited(text: &[u8], limit: u64, piece: usize) -> (Vec<u8>, bool) {
        let mut output = OutputLimit::default();
        output.set(ByteCount(limit));
        let mut sent = Vec::new();
        let mut add = |chunk| match chunk {
            OutputChunk::Data(bytes) | OutputChunk::Overflow(bytes) => sent.extend(bytes),
            OutputChunk::Discarded | OutputChunk::End => {}
        };
        for bytes in text.chunks(piece) {
            add(output.keep(bytes));
        }
        add(output.end());
        (sent, output.is_truncated())
    }

    #[test]
    fn output_is_cut_between_characters() {
        let text = "aé€😀é";
        for limit in 0..=text.len() {
            let expected = &text[..text.floor_char_boundary(limit)];
            for piece in 1..=text.len() {
                let (sent, is_truncated) = limited(text.as_bytes(), limit as u64, piece);
                assert_eq!(String::from_utf8_lossy(&sent), expected, "{limit} {piece}");
                assert_eq!(is_truncated, limit < text.len());
            }
        }
    }

    #[test]
    fn output_that_ends_inside_a_character_is_complete() {
        for limit in [4, 5] {
            for piece in 1..=4 {
                assert_eq!(limited(b"ab\xe2\x82", limit, piece), (b"ab\xe2\x82".to_vec(), false));
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_cut_at_the_limit() {
        for piece in 1..=5 {
            assert_eq!(limited(b"\xff\x80\x80\x80\x80", 4, piece), (b"\xff\x80\x80\x80".to_vec(), true));
            assert_eq!(limited(b"a\xe2bc", 4, piece), (b"a\xe2bc".to_vec(), false));
            assert_eq!(limited(b"a\xe2bcd", 4, piece), (b"a\xe2bc".to_vec(), true));
        }
    }

    #[test]
    fn output_beyond_the_limit_is_discarded() {
        let mut output = OutputLimit::default();
        output.set(ByteCount(8));
        assert_eq!(output.read(), ByteCount(0));
        for (written, chunk) in [
            ("hello", OutputChunk::Data(Bytes::from("hello"))),
            ("you", OutputChunk::Data(Bytes::from("you"))),
            ("!", OutputChunk::Overflow(Bytes::new())),
            ("more", OutputChunk::Discarded),
        ] {
            assert_eq!(output.keep(written.as_bytes()), chunk);
        }
        assert_eq!(output.end(), OutputChunk::End);
        assert!(output.is_truncated());
        assert_eq!(output.read(), ByteCount(13));
    }
}
