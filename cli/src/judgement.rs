//! The judgement of a run, for people and as JSON.

use protocol::{Difference, Judgement, Outcome, Party, Transcript, Verdict};
use serde_json::{Map, Value, json};

/// Returns the lines about a judgement: the transcript, the verdict, the message, and the first difference.
pub(crate) fn lines(judgement: &Judgement) -> Vec<String> {
    let mut lines = judgement.transcript.as_ref().map(transcript_lines).unwrap_or_default();
    let verdict = judgement.verdict.as_str().replace('_', " ");
    lines.push(match &*judgement.message {
        "" => verdict,
        message => format!("{verdict}: {message}"),
    });
    lines.extend(judgement.difference.as_ref().map(describe));
    lines
}

fn transcript_lines(transcript: &Transcript) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in &transcript.entries {
        let arrow = match entry.from {
            Party::Solution => '<',
            Party::Interactor => '>',
        };
        let text = String::from_utf8_lossy(&entry.bytes);
        lines.extend(text.lines().map(|line| format!("{arrow} {line}")));
    }
    if transcript.truncated {
        lines.push("the transcript is longer".to_owned());
    }
    lines
}

fn describe(difference: &Difference) -> String {
    let or_end = |text: &Option<String>| {
        text.as_ref().map_or_else(|| "the end".to_owned(), |text| format!("{text:?}"))
    };
    let Difference { line, column, expected, actual } = difference;
    format!("line {line}, column {column}: expected {}, got {}", or_end(expected), or_end(actual))
}

/// Adds the fields of a judgement to the JSON of a run.
pub(crate) fn add_to(run: &mut Value, judgement: &Judgement) {
    run["verdict"] = judgement.verdict.as_str().into();
    if !judgement.message.is_empty() {
        run["verdict_message"] = judgement.message.as_str().into();
    }
    if let Some(Difference { line, column, expected, actual }) = &judgement.difference {
        run["difference"] = json!({"line": line, "column": column, "expected": expected, "actual": actual});
    }
    if let Some(transcript) = &judgement.transcript {
        let entry = |entry: &protocol::TranscriptEntry| json!({"from": entry.from.as_str(), "data": String::from_utf8_lossy(&entry.bytes)});
        run["transcript"] = transcript.entries.iter().map(entry).collect();
        run["transcript_truncated"] = transcript.truncated.into();
    }
}

/// Returns the JSON about all judgements of an execution.
pub(crate) fn summary(outcome: &Outcome) -> Value {
    let count = |(verdict, count): (Verdict, usize)| (verdict.as_str().to_owned(), Value::from(count));
    let counts: Map<_, _> = outcome.verdict_counts().into_iter().map(count).collect();
    json!({"counts": counts, "first_failed": outcome.first_failed_run()})
}

#[cfg(test)]
mod tests {
    use protocol::TranscriptEntry;

    use super::*;

    #[test]
    fn a_judgement_is_described_in_lines() {
        let entry = |from, text: &'static str| TranscriptEntry { from, bytes: text.into() };
        let judgement = Judgement {
            message: "too many guesses".to_owned(),
            difference: Some(Difference { line: 2, column: 3, expected: Some("a".to_owned()), actual: None }),
            transcript: Some(Transcript {
                entries: vec![entry(Party::Interactor, "1\n2\n"), entry(Party::Solution, "x")],
                truncated: true,
            }),
            ..Verdict::WrongAnswer.into()
        };
        assert_eq!(
            lines(&judgement),
            [
                "> 1",
                "> 2",
                "< x",
                "the transcript is longer",
                "wrong answer: too many guesses",
                "line 2, column 3: expected \"a\", got the end"
            ]
        );
        assert_eq!(lines(&Verdict::Accepted.into()), ["accepted"]);
    }
}
