//! The fields of a submission as JSON.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::api::judge0::submission::{Submission, SubmissionResult};
use crate::domain::lenient_base64;
use crate::domain::utc_time;

/// The fields of an answer that does not select any.
const DEFAULT: [&str; 8] =
    ["token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"];
/// All fields: the 33 columns of version 1.13.1, and the two objects.
pub(crate) const ALL: [&str; 35] = [
    "source_code",
    "language_id",
    "stdin",
    "expected_output",
    "stdout",
    "status_id",
    "created_at",
    "finished_at",
    "time",
    "memory",
    "stderr",
    "token",
    "number_of_runs",
    "cpu_time_limit",
    "cpu_extra_time",
    "wall_time_limit",
    "memory_limit",
    "stack_limit",
    "max_processes_and_or_threads",
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "max_file_size",
    "compile_output",
    "exit_code",
    "exit_signal",
    "message",
    "wall_time",
    "compiler_options",
    "command_line_arguments",
    "redirect_stderr_to_stdout",
    "callback_url",
    "additional_files",
    "enable_network",
    "status",
    "language",
];

/// The fields that a request selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldList(Vec<&'static str>);

impl Default for FieldList {
    /// Returns the fields of an answer whose request selects none.
    fn default() -> Self {
        Self(DEFAULT.to_vec())
    }
}

impl FieldList {
    /// Parses the parameter `fields`.
    ///
    /// # Errors
    /// The message of a 400, with the names that are no fields.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, String> {
        let names = match text.map(str::trim).unwrap_or_default() {
            "" => return Ok(Self::default()),
            "*" => return Ok(Self(ALL.to_vec())),
            names => names,
        };
        let (mut fields, mut invalid) = (Vec::new(), Vec::new());
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match ALL.into_iter().find(|known| *known == name) {
                Some(known) if fields.contains(&known) => {}
                Some(known) => fields.push(known),
                None => invalid.push(name),
            }
        }
        match invalid.is_empty() {
            true => Ok(Self(fields)),
            false => Err(format!("invalid fields: [{}]", invalid.join(", "))),
        }
    }

    /// Returns the selected fields of a submission. `language_name` is the name of its language with the version.
    pub(crate) fn json(&self, submission: &Submission, language_name: &str, is_base64: bool) -> Value {
        let result = submission.result();
        let value = |name: &&'static str| {
            ((*name).to_owned(), value(name, submission, &result, language_name, is_base64))
        };
        Value::Object(self.0.iter().map(value).collect::<Map<_, _>>())
    }
}

fn value(
    name: &str,
    submission: &Submission,
    result: &SubmissionResult,
    language_name: &str,
    is_base64: bool,
) -> Value {
    let settings = &submission.settings;
    let text = |bytes: &Option<Vec<u8>>| match bytes {
        None => Value::Null,
        Some(bytes) if is_base64 => lenient_base64::encode_in_lines(bytes).into(),
        Some(bytes) => String::from_utf8_lossy(bytes).into(),
    };
    match name {
        "source_code" => text(&settings.source_code),
        "language_id" => settings.language.id.into(),
        "stdin" => text(&settings.stdin),
        "expected_output" => text(&settings.expected_output),
        "stdout" => text(&result.stdout),
        "status_id" => result.status.id().into(),
        "created_at" => utc_time::to_rfc3339(submission.created_at).into(),
        "finished_at" => date(result.finished_at),
        "time" => seconds(result.time),
        "memory" => result.memory.into(),
        "stderr" => text(&result.stderr),
        "token" => submission.token.to_string().into(),
        "number_of_runs" => settings.number_of_runs.into(),
        "cpu_time_limit" => seconds(Some(settings.cpu_time_limit)),
        "cpu_extra_time" => seconds(Some(settings.cpu_extra_time)),
        "wall_time_limit" => seconds(Some(settings.wall_time_limit)),
        "memory_limit" => settings.memory_limit.into(),
        "stack_limit" => settings.stack_limit.into(),
        "max_processes_and_or_threads" => settings.max_processes.into(),
        "enable_per_process_and_thread_time_limit" => settings.per_process_time_limit.into(),
        "enable_per_process_and_thread_memory_limit" => settings.per_process_memory_limit.into(),
        "max_file_size" => settings.max_file_size.into(),
        "compile_output" => text(&result.compile_output),
        "exit_code" => result.exit_code.into(),
        "exit_signal" => result.exit_signal.into(),
        "message" => text(&result.message.clone().map(String::into_bytes)),
        "wall_time" => seconds(result.wall_time),
        "compiler_options" => settings.compiler_options.clone().into(),
        "command_line_arguments" => settings.command_line_arguments.clone().into(),
        "redirect_stderr_to_stdout" => settings.redirect_stderr_to_stdout.into(),
        "additional_files" => {
            settings.additional_files.as_deref().map(lenient_base64::encode_in_lines).into()
        }
        "enable_network" => false.into(),
        "status" => json!(result.status.json()),
        "language" => json!({"id": settings.language.id, "name": language_name}),
        "callback_url" => settings.callback_url.clone().into(),
        _ => Value::Null,
    }
}

fn date(time: Option<SystemTime>) -> Value {
    time.map(utc_time::to_rfc3339).into()
}

/// Returns seconds as text, as Ruby writes a decimal number: `0.021`, `5.0`.
fn seconds(seconds: Option<f64>) -> Value {
    let Some(seconds) = seconds else { return Value::Null };
    let text = format!("{seconds:.3}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_selected_by_name() {
        let parse = |text: &str| FieldList::parse(Some(text));
        assert_eq!(FieldList::parse(None).unwrap().0, DEFAULT);
        assert_eq!(parse("").unwrap().0, DEFAULT);
        assert_eq!(parse("*").unwrap().0.len(), 35);
        assert_eq!(parse("stdout, token,stdout").unwrap().0, ["stdout", "token"]);
        assert_eq!(parse("stdout,nope,x").unwrap_err(), "invalid fields: [nope, x]");
    }

    #[test]
    fn seconds_are_texts_with_a_decimal() {
        for (number, text) in
            [(0.0, "0.0"), (5.0, "5.0"), (0.021, "0.021"), (1.5, "1.5"), (10.1239, "10.124")]
        {
            assert_eq!(seconds(Some(number)), text);
        }
        assert_eq!(seconds(None), Value::Null);
    }
}
