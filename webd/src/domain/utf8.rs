//! Text out of bytes that arrive in pieces.

/// Makes text of one stream's bytes. A character that is cut between two pieces waits for its rest; bytes that are
/// not UTF-8 become U+FFFD, exactly as [`String::from_utf8_lossy`] would do over the whole.
#[derive(Debug, Default)]
pub(crate) struct Utf8 {
    /// The beginning of a character, at most 3 bytes.
    begun: Vec<u8>,
}

impl Utf8 {
    /// The text that is complete with this piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.begun);
        bytes.extend_from_slice(piece);
        let complete = bytes.len() - unfinished(&bytes);
        self.begun = bytes.split_off(complete);
        lossy(bytes)
    }

    /// What is left when no more comes.
    pub(crate) fn finish(&mut self) -> String {
        lossy(std::mem::take(&mut self.begun))
    }
}

/// How many bytes at the end begin a character that is not complete.
fn unfinished(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        Some(last) => match std::str::from_utf8(last.invalid()) {
            // `error_len` is none where the bytes only end too early.
            Err(error) if error.error_len().is_none() => last.invalid().len(),
            _ => 0,
        },
        None => 0,
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pieces: &[&[u8]], texts: &[&str]) {
        let mut utf8 = Utf8::default();
        let mut came: Vec<String> = pieces.iter().map(|piece| utf8.push(piece)).collect();
        came.push(utf8.finish());
        assert_eq!(came, texts);
    }

    #[test]
    fn a_character_waits_for_its_rest() {
        check(&[b"a", b"b"], &["a", "b", ""]);
        check(&[b"\xe2", b"\x82", b"\xac!"], &["", "", "€!", ""]);
        check(&[b"x\xf0\x9f", b"\x98\x80"], &["x", "😀", ""]);
        check(&[b"\xe2\x82"], &["", "\u{fffd}"]);
        check(&[b"\xe2", b"A"], &["", "\u{fffd}A", ""]);
        check(&[b"\xff\xfe"], &["\u{fffd}\u{fffd}", ""]);
        check(&[b"", b""], &["", "", ""]);
    }

    proptest! {
        #[test]
        fn pieces_make_the_text_of_the_whole(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), 0x80u8..0xc0, Just(0xe2), Just(0xf0), Just(0xed)], 0..40),
            size in 1usize..5,
        ) {
            let mut utf8 = Utf8::default();
            let mut text: String = bytes.chunks(size).map(|piece| utf8.push(piece)).collect();
            text.push_str(&utf8.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
