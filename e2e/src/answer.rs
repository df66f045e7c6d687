//! Comparison of responses with what a test expects.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Returns where `actual` lacks or contradicts a part of `expected`. Additional fields are ignored.
#[must_use]
pub fn contradictions(expected: &Value, actual: &Value) -> Vec<String> {
    let Value::Object(fields) = expected else {
        return if expected == actual {
            Vec::new()
        } else {
            vec![format!("{expected} expected, got {actual}")]
        };
    };
    fields
        .iter()
        .flat_map(|(name, expected)| {
            let below = contradictions(expected, &actual[name]);
            below.into_iter().map(move |message| format!("{name}: {message}"))
        })
        .collect()
}

/// Returns the content of an output file, or `None` if it has none or two.
#[must_use]
pub fn file_content(file: &Value) -> Option<Vec<u8>> {
    match (file["content"].as_str(), file["content_base64"].as_str()) {
        (Some(text), None) => Some(text.as_bytes().to_vec()),
        (None, Some(base64)) => STANDARD.decode(base64).ok(),
        _ => None,
    }
}

/// Returns the most intervals, each from its beginning to its end, that overlap at one time.
#[must_use]
pub fn most_at_one_time(intervals: &[(f64, f64)]) -> usize {
    let at = |time: f64| intervals.iter().filter(|(begin, end)| *begin <= time && time < *end).count();
    intervals.iter().map(|&(begin, _)| at(begin)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_has_text_or_bytes() {
        let content = |file: Value| file_content(&file);
        assert_eq!(content(json!({ "content": "é" })), Some("é".into()));
        assert_eq!(content(json!({ "content_base64": "/w==" })), Some(vec![0xff]));
        assert_eq!(content(json!({ "content": "", "content_base64": "" })), None);
        assert_eq!(content(json!({})), None);
    }

    #[test]
    fn intervals_overlap_until_they_end() {
        assert_eq!(most_at_one_time(&[]), 0);
        assert_eq!(most_at_one_time(&[(0.0, 1.0), (1.0, 2.0)]), 1);
        assert_eq!(most_at_one_time(&[(0.0, 1.0), (0.5, 3.0), (0.9, 1.0), (2.0, 3.0)]), 3);
    }

    #[test]
    fn only_expected_fields_are_compared() {
        let actual = json!({ "status": "ok", "usage": { "cpu_ms": 3.0, "wall_ms": 4.0 } });
        assert!(contradictions(&json!({ "usage": { "cpu_ms": 3.0 } }), &actual).is_empty());
        assert_eq!(
            contradictions(&json!({ "usage": { "cpu_ms": 1.0 } }), &actual),
            ["usage: cpu_ms: 1.0 expected, got 3.0"]
        );
        assert_eq!(contradictions(&json!({ "signal": 9 }), &actual), ["signal: 9 expected, got null"]);
    }
}
