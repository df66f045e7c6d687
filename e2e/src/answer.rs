//! Comparison of responses with what a test expects.

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
