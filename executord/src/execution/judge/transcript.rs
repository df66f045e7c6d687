//! The transcript of a dialogue, within its bounds.

use protocol::bounds::{MAX_TRANSCRIPT, MAX_TRANSCRIPT_ENTRIES};
use protocol::{Party, Transcript, TranscriptEntry};

/// Records what the parties of a dialogue write.
#[derive(Debug, Default)]
pub(in crate::execution) struct Recorder {
    entries: Vec<(Party, Vec<u8>)>,
    /// Bytes of all entries.
    bytes: usize,
    truncated: bool,
}

impl Recorder {
    /// Appends output of one program. Records nothing after the first bytes that do not fit.
    pub(in crate::execution) fn record(&mut self, from: Party, written: &[u8]) {
        if self.truncated {
            return;
        }
        let kept = written.len().min(MAX_TRANSCRIPT - self.bytes);
        let is_other = self.entries.last().is_none_or(|(party, _)| *party != from);
        self.truncated = kept < written.len() || (is_other && self.entries.len() == MAX_TRANSCRIPT_ENTRIES);
        if is_other && self.entries.len() < MAX_TRANSCRIPT_ENTRIES && kept > 0 {
            self.entries.push((from, Vec::new()));
        } else if is_other {
            return;
        }
        if let Some((_, bytes)) = self.entries.last_mut() {
            bytes.extend_from_slice(&written[..kept]);
            self.bytes += kept;
        }
    }

    pub(in crate::execution) fn into_transcript(self) -> Transcript {
        let entry = |(from, bytes): (Party, Vec<u8>)| TranscriptEntry { from, bytes: bytes.into() };
        Transcript { entries: self.entries.into_iter().map(entry).collect(), truncated: self.truncated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_party_writes_without_an_answer_is_one_entry() {
        let mut recorder = Recorder::default();
        for (from, written) in [
            (Party::Interactor, "10"),
            (Party::Interactor, "\n"),
            (Party::Solution, "5\n"),
            (Party::Interactor, "<\n"),
        ] {
            recorder.record(from, written.as_bytes());
        }
        let transcript = recorder.into_transcript();
        let entries: Vec<_> =
            transcript.entries.iter().map(|entry| (entry.from.as_str(), &entry.bytes[..])).collect();
        assert_eq!(entries, [("interactor", &b"10\n"[..]), ("solution", b"5\n"), ("interactor", b"<\n")]);
        assert!(!transcript.truncated);
    }

    #[test]
    fn a_transcript_is_bounded() {
        let mut recorder = Recorder::default();
        recorder.record(Party::Solution, &vec![b'x'; MAX_TRANSCRIPT - 1]);
        recorder.record(Party::Interactor, b"ab");
        recorder.record(Party::Solution, b"c");
        let transcript = recorder.into_transcript();
        assert_eq!((transcript.entries.len(), transcript.truncated), (2, true));
        assert_eq!(transcript.entries[1].bytes, &b"a"[..]);

        let mut recorder = Recorder::default();
        for _ in 0..MAX_TRANSCRIPT_ENTRIES {
            recorder.record(Party::Solution, b"x");
            recorder.record(Party::Interactor, b"y");
        }
        let transcript = recorder.into_transcript();
        assert_eq!((transcript.entries.len(), transcript.truncated), (MAX_TRANSCRIPT_ENTRIES, true));
    }
}
