//! Base64 as the servers of the compatible APIs read and write it.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};

/// Decoder that does not require padding, and ignores bits that are left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Characters of a line of [`encode_in_lines`].
const LINE_LENGTH: usize = 60;

/// Decodes a text up to its padding, and skips every character that base64 does not have, as Node.js and Ruby do. The
/// alphabet of URLs counts too.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let digits = text.bytes().take_while(|&byte| byte != b'=').filter_map(|byte| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => Some(byte),
        _ => None,
    });
    let mut digits: Vec<u8> = digits.collect();
    if digits.len() % 4 == 1 {
        // A single digit is less than a byte.
        digits.pop();
    }
    LENIENT.decode(digits).unwrap_or_default()
}

/// Encodes bytes with a line feed after each 60 characters and at the end, as `Base64.encode64` of Ruby does.
pub(crate) fn encode_in_lines(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / LINE_LENGTH + 1);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE_LENGTH));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines
}

/// Decodes a text that consists of base64 and white space only; `None` for another text.
pub(crate) fn decode_or_refuse(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_skipped_and_padding_is_optional() {
        for (text, bytes) in [
            ("aGk=", &b"hi"[..]),
            ("aGk", b"hi"),
            (" aG\r\nk=\n", b"hi"),
            ("a*G(k", b"hi"),
            ("aGk=aGk=", b"hi"),
            ("_-8", b"\xff\xef"),
            ("/+8=", b"\xff\xef"),
            ("aGkx", b"hi1"),
            ("aGkxa", b"hi1"),
            ("", b""),
            ("=", b""),
            ("é", b""),
        ] {
            assert_eq!(decode(text), bytes, "{text:?}");
        }
    }
    #[test]
    fn only_base64_and_white_space_are_accepted() {
        for (text, bytes) in [
            ("aGk=", Some(&b"hi"[..])),
            ("aG\nk", Some(b"hi")),
            ("", Some(b"")),
            ("*", None),
            ("aGk=x", None),
        ] {
            assert_eq!(decode_or_refuse(text).as_deref(), bytes, "{text:?}");
        }
    }

    #[test]
    fn lines_have_60_characters() {
        assert_eq!(encode_in_lines(b""), "");
        assert_eq!(encode_in_lines(b"hi"), "aGk=\n");
        assert_eq!(encode_in_lines(&[0; 45]), format!("{}\n", "A".repeat(60)));
        assert_eq!(encode_in_lines(&[0; 46]), format!("{}\nAA==\n", "A".repeat(60)));
    }
}
