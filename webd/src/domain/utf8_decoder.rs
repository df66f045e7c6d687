//! UTF-8 decoding of bytes that arrive in chunks.

/// Decoder for one stream. A character that is split between two chunks is held back until it is complete; bytes that
/// are not UTF-8 become U+FFFD, exactly as with [`String::from_utf8_lossy`] over the whole stream.
#[derive(Debug, Default)]
pub(crate) struct Utf8Decoder {
    /// The bytes of an incomplete character, at most 3.
    incomplete: Vec<u8>,
}

impl Utf8Decoder {
    /// Returns the text that `chunk` completes.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.incomplete);
        bytes.extend_from_slice(chunk);
        let complete = bytes.len() - incomplete_suffix(&bytes);
        self.incomplete = bytes.split_off(complete);
        lossy(bytes)
    }

    /// Returns the rest at the end of the stream: U+FFFD if the program ended the stream within a character. If the
    /// stream was cut instead, the incomplete character is dropped.
    pub(crate) fn finish(&mut self, is_cut: bool) -> String {
        let incomplete = std::mem::take(&mut self.incomplete);
        if is_cut { String::new() } else { lossy(incomplete) }
    }
}

/// Returns the number of bytes at the end that belong to an incomplete character.
fn incomplete_suffix(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        Some(last) => match std::str::from_utf8(last.invalid()) {
            // `error_len` is `None` if the bytes are valid as far as they go.
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
    fn check(chunks: &[&[u8]], texts: &[&str]) {
        let mut decoder = Utf8Decoder::default();
        let mut decoded: Vec<String> = chunks.iter().map(|chunk| decoder.push(chunk)).collect();
        decoded.push(decoder.finish(false));
        assert_eq!(decoded, texts);
    }

    #[test]
    fn a_split_character_is_held_back_until_it_is_complete() {
        check(&[b"a", b"b"], &["a", "b", ""]);
        check(&[b"\xe2", b"\x82", b"\xac!"], &["", "", "€!", ""]);
        check(&[b"x\xf0\x9f", b"\x98\x80"], &["x", "😀", ""]);
        check(&[b"\xe2\x82"], &["", "\u{fffd}"]);
        check(&[b"\xe2", b"A"], &["", "\u{fffd}A", ""]);
        check(&[b"\xff\xfe"], &["\u{fffd}\u{fffd}", ""]);
        check(&[b"", b""], &["", "", ""]);
    }

    #[test]
    fn a_cut_stream_ends_with_a_whole_character() {
        for (bytes, text) in [
            (&b"a\xe2\x82"[..], "a"),
            (b"\xc3\xa9\xc3", "é"),
            (b"\xf0\x9f\x98", ""),
            (b"\xff", "\u{fffd}"),
            (b"ab", "ab"),
        ] {
            let mut decoder = Utf8Decoder::default();
            assert_eq!(decoder.push(bytes) + &decoder.finish(true), text, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn decoding_in_chunks_equals_decoding_the_whole(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), 0x80u8..0xc0, Just(0xe2), Just(0xf0), Just(0xed)], 0..40),
            size in 1usize..5,
        ) {
            let mut decoder = Utf8Decoder::default();
            let mut text: String = bytes.chunks(size).map(|chunk| decoder.push(chunk)).collect();
            text.push_str(&decoder.finish(false));
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
