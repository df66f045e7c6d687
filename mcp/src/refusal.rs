//! The reason why a tool has no result.

use protocol::{ExecutionId, Rejection};
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde::Serialize;

use crate::bounds::MAX_QUOTED;

/// Key of a refusal in the metadata of a result.
const META_KEY: &str = "executor/error";

/// The reason why a tool has no result. The client reads it as the result of the tool, with `isError`, so that the model can
/// correct its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Code for programs: the same as that of an error of the HTTP API.
    pub code: String,
    /// Message for the model.
    pub error: String,
    /// Seconds after which a retry may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Execution, if one had started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Names of the languages that are available, if the call names another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<Vec<String>>,
}

impl Refusal {
    /// Code of a call whose arguments are not valid.
    pub const INVALID_REQUEST: &str = "invalid_request";
    /// Code of a call that names a language that does not exist.
    pub const UNSUPPORTED_LANGUAGE: &str = "unsupported_language";
    /// Code of a call that was cancelled.
    pub const CANCELLED: &str = "cancelled";

    /// Creates a refusal. A message that is too long is truncated.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = message.into();
        if error.len() > MAX_QUOTED {
            error.truncate(cut_at(&error, MAX_QUOTED));
            error.push('…');
        }
        Self { code: code.into(), error, retry_after: None, id: None, available: None }
    }

    /// Creates a refusal of arguments that are not valid.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Self::INVALID_REQUEST, message)
    }

    /// Creates the refusal of a call that was cancelled.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Self::CANCELLED, "the call was cancelled, and its program was stopped")
    }

    /// Creates a refusal of an execution that had started.
    #[must_use]
    pub fn failed(id: ExecutionId, message: impl Into<String>) -> Self {
        Self { id: Some(id.to_string()), ..Self::new("failed", message) }
    }

    /// Returns the refusal as the result of a tool.
    pub(crate) fn into_result(self) -> CallToolResult {
        let mut text = format!("{}: {}", self.code, self.error);
        if let Some(available) = &self.available {
            text.push_str(&format!("\nAvailable languages: {}", available.join(", ")));
        }
        if let Some(seconds) = self.retry_after {
            text.push_str(&format!("\nTry again in {seconds} s."));
        }
        if let Some(id) = &self.id {
            text.push_str(&format!("\nExecution: {id}"));
        }
        let mut meta = MetaObject::new();
        if let Ok(json) = serde_json::to_value(&self) {
            meta.0.insert(META_KEY.to_owned(), json);
        }
        CallToolResult::error(vec![ContentBlock::text(text)]).with_meta(Some(meta))
    }
}

/// Returns the largest length of at most `max` bytes at which a text can be cut without splitting a character.
fn cut_at(text: &str, max: usize) -> usize {
    (0..=max.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0)
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let code = match &rejection {
            Rejection::UnknownLanguage => Self::UNSUPPORTED_LANGUAGE,
            Rejection::LanguageUnavailable { .. } => "language_unavailable",
            Rejection::Invalid(_) => Self::INVALID_REQUEST,
            Rejection::Busy { .. } => "busy",
            Rejection::Forbidden(_) => "forbidden",
            Rejection::TooLarge(_) => "too_large",
            Rejection::BuildNotFound => "not_found",
        };
        let retry_after = match &rejection {
            Rejection::Busy { retry_after } => Some(retry_after.as_secs().max(1)),
            _ => None,
        };
        Self { retry_after, ..Self::new(code, rejection.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let busy = Refusal::from(Rejection::Busy { retry_after: Duration::from_secs(3) }).into_result();
        assert_eq!(busy.is_error, Some(true));
        let text = busy.content[0].as_text().unwrap().text.clone();
        assert_eq!(text, "busy: too busy, try again in 3 s\nTry again in 3 s.");
        assert_eq!(busy.meta.unwrap().0[META_KEY]["retry_after"], 3);
        // A client checks structured content against the schema of a result, which an error does not have.
        assert_eq!(busy.structured_content, None);

        let unknown = Refusal {
            available: Some(vec!["c".to_owned(), "python".to_owned()]),
            ..Refusal::from(Rejection::UnknownLanguage)
        };
        let text = unknown.into_result().content[0].as_text().unwrap().text.clone();
        assert_eq!(text, "unsupported_language: Unsupported language\nAvailable languages: c, python");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let refusal = Refusal::invalid("é".repeat(MAX_QUOTED));
        assert_eq!(refusal.error.len(), MAX_QUOTED + '…'.len_utf8());
    }
}
