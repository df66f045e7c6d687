//! Judgements of runs, as JSON in an answer. Only executions that are judged have these fields.

use std::collections::BTreeMap;

use protocol::{Judgement, Outcome, Party, Transcript, Verdict};
use serde::Serialize;

/// The fields of a stage that has a judgement.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct JudgementJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(schema_with = "crate::api::schema_test::verdict"))]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<DifferenceJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<Vec<TranscriptEntryJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript_truncated: Option<bool>,
}

/// The first difference between the output and the expected output.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DifferenceJson {
    line: u64,
    column: u64,
    expected: Option<String>,
    actual: Option<String>,
}

/// What one party of a dialogue wrote.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TranscriptEntryJson {
    from: PartyJson,
    data: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum PartyJson {
    Solution,
    Interactor,
}

/// The verdicts of all runs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Summary {
    /// The number of runs with each verdict that occurs.
    counts: BTreeMap<&'static str, usize>,
    /// The index of the first run that failed.
    first_failed: Option<usize>,
}

impl JudgementJson {
    pub(crate) fn new(judgement: Option<&Judgement>) -> Self {
        let Some(Judgement { verdict, message, difference, transcript }) = judgement else {
            return Self::default();
        };
        Self {
            verdict: Some(verdict.as_str()),
            verdict_message: (!message.is_empty()).then(|| message.clone()),
            difference: difference.as_ref().map(|difference| DifferenceJson {
                line: difference.line,
                column: difference.column,
                expected: difference.expected.clone(),
                actual: difference.actual.clone(),
            }),
            transcript: transcript.as_ref().map(entries),
            transcript_truncated: transcript.as_ref().map(|transcript| transcript.truncated),
        }
    }

    /// Replaces the verdict of a stage by that of the execution.
    pub(crate) fn set_verdict(&mut self, verdict: Option<Verdict>) {
        self.verdict = verdict.map(Verdict::as_str);
    }
}

fn entries(transcript: &Transcript) -> Vec<TranscriptEntryJson> {
    let entry = |entry: &protocol::TranscriptEntry| TranscriptEntryJson {
        from: match entry.from {
            Party::Solution => PartyJson::Solution,
            Party::Interactor => PartyJson::Interactor,
        },
        data: String::from_utf8_lossy(&entry.bytes).into_owned(),
    };
    transcript.entries.iter().map(entry).collect()
}

impl Summary {
    /// Creates the summary of an execution, if it was judged.
    pub(crate) fn of(outcome: &Outcome) -> Option<Self> {
        outcome.is_judged().then(|| Self {
            counts: outcome
                .verdict_counts()
                .into_iter()
                .map(|(verdict, count)| (verdict.as_str(), count))
                .collect(),
            first_failed: outcome.first_failed_run(),
        })
    }
}
