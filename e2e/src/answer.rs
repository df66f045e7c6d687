//! Looking at answers.

use serde_json::Value;

/// Where `actual` lacks or contradicts something of `expected`; what else it has does not matter.
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
    fn only_what_is_expected_is_compared() {
        let actual = json!({ "status": "ok", "usage": { "cpu_ms": 3.0, "wall_ms": 4.0 } });
        assert!(contradictions(&json!({ "usage": { "cpu_ms": 3.0 } }), &actual).is_empty());
        assert_eq!(
            contradictions(&json!({ "usage": { "cpu_ms": 1.0 } }), &actual),
            ["usage: cpu_ms: 1.0 expected, got 3.0"]
        );
        assert_eq!(contradictions(&json!({ "signal": 9 }), &actual), ["signal: 9 expected, got null"]);
    }
}
