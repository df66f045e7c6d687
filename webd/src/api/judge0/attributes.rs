//! The checks of the attributes of a submission.

use protocol::bounds::MAX_SOURCES;
use protocol::{Availability, Language};

use crate::api::judge0::error::AttributeErrors;
use crate::api::judge0::language::{Judge0Language, MULTI_FILE, PLAIN_TEXT, is_archived};
use crate::api::judge0::limits::{self, Minimum, NumberLimit, whole};
use crate::api::judge0::parameters::{Attributes, is_true};
use crate::api::lenient_json::Scalar;
use crate::domain::callbacks::client::CallbackClient;
use crate::domain::callbacks::url::CallbackUrl;
use crate::domain::lenient_base64;
use crate::domain::toolchain_words::CompilerWords;

/// The attributes of a submission that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) language: Judge0Language,
    pub(crate) source_code: Option<Vec<u8>>,
    pub(crate) stdin: Option<Vec<u8>>,
    pub(crate) expected_output: Option<Vec<u8>>,
    pub(crate) compiler_options: Option<String>,
    /// What `compiler_options` select.
    pub(crate) compiler: CompilerWords,
    pub(crate) command_line_arguments: Option<String>,
    /// Seconds.
    pub(crate) cpu_time_limit: f64,
    /// Seconds.
    pub(crate) cpu_extra_time: f64,
    /// Seconds.
    pub(crate) wall_time_limit: f64,
    /// Kilobytes.
    pub(crate) memory_limit: u64,
    /// Whether the request gives the memory limit.
    pub(crate) has_memory_limit: bool,
    /// Kilobytes.
    pub(crate) stack_limit: u64,
    pub(crate) max_processes: u64,
    /// Without effect: limits apply to all processes together in any case.
    pub(crate) per_process_time_limit: bool,
    /// Without effect.
    pub(crate) per_process_memory_limit: bool,
    /// Kilobytes.
    pub(crate) max_file_size: u64,
    pub(crate) number_of_runs: u64,
    pub(crate) redirect_stderr_to_stdout: bool,
    /// A zip archive.
    pub(crate) additional_files: Option<Vec<u8>>,
    /// As the request gives it.
    pub(crate) callback_url: Option<String>,
    /// Where the result is sent.
    pub(crate) callback: Option<CallbackUrl>,
}

/// What the check knows beyond the attributes.
#[derive(Clone, Copy)]
pub(crate) struct Check<'a> {
    /// Whether texts are in base64.
    pub(crate) is_base64: bool,
    /// The languages of the daemon.
    pub(crate) languages: &'a [Language],
    /// What checks the URL of a callback, if callbacks are allowed.
    pub(crate) callbacks: Option<&'a CallbackClient>,
}

impl Check<'_> {
    /// Checks a submission.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn settings(&self, attributes: &Attributes) -> Result<Settings, AttributeErrors> {
        let mut errors = AttributeErrors::new();
        let language = self.language(attributes, &mut errors);
        let is_multi_file = language.as_ref().is_some_and(|language| language.id == MULTI_FILE);
        let source_code = self.bytes(attributes, "source_code");
        let additional_files = text(attributes, "additional_files").map(|text| lenient_base64::decode(&text));
        let mut add = |name: &'static str, message: &str| {
            errors.entry(name).or_default().push(message.to_owned());
        };
        let is_blank = |content: &Option<Vec<u8>>| {
            content.as_ref().is_none_or(|content| content.trim_ascii().is_empty())
        };
        match (is_multi_file, is_blank(&source_code)) {
            (false, true) => add("source_code", "can't be blank"),
            (true, false) => add("source_code", "must be blank"),
            _ => {}
        }
        if is_multi_file && additional_files.as_ref().is_none_or(Vec::is_empty) {
            add("additional_files", "can't be blank");
        }
        let compiler_options = text(attributes, "compiler_options").filter(|text| !text.is_empty());
        let command_line_arguments =
            text(attributes, "command_line_arguments").filter(|text| !text.is_empty());
        for (name, value) in
            [("compiler_options", &compiler_options), ("command_line_arguments", &command_line_arguments)]
        {
            let max = limits::MAX_ARGUMENTS_LENGTH;
            if value.as_ref().is_some_and(|text| text.chars().count() > max) {
                add(name, &format!("is too long (maximum is {max} characters)"));
            } else if value.as_ref().is_some_and(|text| shlex::split(text).is_none()) {
                add(name, "has a quotation mark that is not closed");
            }
        }
        let mut compiler = CompilerWords::default();
        match language.as_ref().and_then(|language| Some((language, self.find(&language.own)?))) {
            Some((language, _)) if compiler_options.is_some() && !language.is_compiled() => {
                add("compiler_options", "setting compiler options is only allowed for compiled languages");
            }
            Some((_, own)) => {
                let words = compiler_options.as_deref().and_then(shlex::split).unwrap_or_default();
                match CompilerWords::check(&words, own, &[]) {
                    Ok(CompilerWords { missing_file: Some(word), .. }) | Err(word) => {
                        add("compiler_options", &format!("{word} is not supported"));
                    }
                    Ok(checked) => compiler = checked,
                }
            }
            None => {}
        }
        if additional_files.as_ref().is_some_and(|files| files.len() > MAX_SOURCES) {
            add("additional_files", &format!("is too large (maximum is {MAX_SOURCES} bytes)"));
        }
        if attributes.0.get("enable_network").is_some_and(is_true) {
            add("enable_network", "enabling network is not allowed");
        }
        let callback_url = text(attributes, "callback_url").filter(|url| !url.is_empty());
        let callback = match (&callback_url, self.callbacks) {
            (None, _) => None,
            (Some(_), None) => {
                add("callback_url", "setting callback is not allowed");
                None
            }
            (Some(url), Some(client)) => {
                client.check(url).map_err(|message| add("callback_url", &message)).ok()
            }
        };
        let mut number =
            |name: &'static str, limit: &NumberLimit| number(attributes, name, limit, &mut errors);
        // Without a language there is an error, and no settings.
        let Some(language) = language.or_else(|| Judge0Language::find(PLAIN_TEXT, &[])) else {
            return Err(errors);
        };
        let settings = Settings {
            language,
            source_code,
            stdin: self.bytes(attributes, "stdin"),
            expected_output: self.bytes(attributes, "expected_output"),
            compiler_options,
            compiler,
            command_line_arguments,
            cpu_time_limit: number("cpu_time_limit", &limits::CPU_TIME),
            cpu_extra_time: number("cpu_extra_time", &limits::CPU_EXTRA_TIME),
            wall_time_limit: number("wall_time_limit", &limits::WALL_TIME),
            memory_limit: whole(number("memory_limit", &limits::MEMORY)),
            has_memory_limit: is_given(attributes, "memory_limit"),
            stack_limit: whole(number("stack_limit", &limits::STACK)),
            max_processes: whole(number("max_processes_and_or_threads", &limits::PROCESSES)),
            per_process_time_limit: flag(attributes, "enable_per_process_and_thread_time_limit"),
            per_process_memory_limit: flag(attributes, "enable_per_process_and_thread_memory_limit"),
            max_file_size: whole(number("max_file_size", &limits::FILE_SIZE)),
            number_of_runs: whole(number("number_of_runs", &limits::RUNS)),
            redirect_stderr_to_stdout: flag(attributes, "redirect_stderr_to_stdout"),
            additional_files: additional_files.filter(|files| !files.is_empty()),
            callback_url,
            callback,
        };
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    fn language(&self, attributes: &Attributes, errors: &mut AttributeErrors) -> Option<Judge0Language> {
        let given = text(attributes, "language_id").unwrap_or_default();
        let id = given.trim().parse::<u32>().ok();
        if let Some(language) = id.and_then(|id| Judge0Language::find(id, self.languages))
            && self.find(&language.own).is_some()
        {
            return Some(language);
        }
        let messages = errors.entry("language_id").or_default();
        if given.is_empty() {
            messages.push("can't be blank".to_owned());
        }
        messages.push(match id {
            Some(id) if is_archived(id) => {
                format!("language with id {id} is archived and cannot be used anymore")
            }
            _ => format!("language with id {given} doesn't exist"),
        });
        None
    }

    /// Returns a language if it is available, by its name for the daemon.
    fn find(&self, own: &str) -> Option<&Language> {
        let is_available = |one: &&Language| matches!(one.availability, Availability::Available { .. });
        self.languages.iter().find(|one| one.name == own).filter(is_available)
    }

    /// Returns a text, decoded if it is in base64.
    fn bytes(&self, attributes: &Attributes, name: &str) -> Option<Vec<u8>> {
        let text = text(attributes, name)?;
        Some(if self.is_base64 { lenient_base64::decode(&text) } else { text.into_bytes() })
    }
}

fn text(attributes: &Attributes, name: &str) -> Option<String> {
    attributes.0.get(name)?.to_text()
}

fn flag(attributes: &Attributes, name: &str) -> bool {
    attributes.0.get(name).is_some_and(is_true)
}

fn is_given(attributes: &Attributes, name: &str) -> bool {
    text(attributes, name).is_some_and(|text| !text.trim().is_empty())
}

/// Returns a number, or its default.
fn number(
    attributes: &Attributes,
    name: &'static str,
    limit: &NumberLimit,
    errors: &mut AttributeErrors,
) -> f64 {
    if !is_given(attributes, name)
        && !matches!(attributes.0.get(name), Some(Scalar::Compound | Scalar::Bool(_)))
    {
        return limit.default;
    }
    let parsed = text(attributes, name).and_then(|text| text.trim().parse::<f64>().ok());
    let Some(number) = parsed.filter(|number| number.is_finite()) else {
        errors.entry(name).or_default().push("is not a number".to_owned());
        return limit.default;
    };
    let message = match limit.bound {
        Minimum::MoreThan(bound) if number <= f64::from(bound) => format!("must be greater than {bound}"),
        Minimum::AtLeast(bound) if number < f64::from(bound) => {
            format!("must be greater than or equal to {bound}")
        }
        _ if number <= limit.max => return number,
        _ if limit.is_time => format!("must be less than or equal to {:.1}", limit.max),
        _ => format!("must be less than or equal to {}", whole(limit.max)),
    };
    errors.entry(name).or_default().push(message);
    limit.default
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::toolchain_words::tests::language;

    fn settings(json: &Value, is_base64: bool) -> Result<Settings, Value> {
        let attributes: Attributes = serde_json::from_value(json.clone()).unwrap();
        let languages = ["python", "java", "c", "cpp", "multi_file"].map(language);
        let check = Check { is_base64, languages: &languages, callbacks: None };
        check.settings(&attributes).map_err(|errors| serde_json::to_value(errors).unwrap())
    }

    #[track_caller]
    fn refused(json: Value, errors: Value) {
        assert_eq!(settings(&json, false).unwrap_err(), errors, "{json}");
    }

    /// Returns the attributes of a valid submission with one more.
    fn with(name: &str, value: impl Into<Value>) -> Value {
        let mut attributes = json!({"source_code": "1", "language_id": 71});
        attributes[name] = value.into();
        attributes
    }

    #[test]
    fn all_wrong_attributes_are_reported() {
        refused(
            json!({}),
            json!({"source_code": ["can't be blank"], "language_id": ["can't be blank", "language with id  doesn't exist"]}),
        );
        refused(
            with("language_id", 150_000),
            json!({"language_id": ["language with id 150000 doesn't exist"]}),
        );
        refused(with("language_id", "x"), json!({"language_id": ["language with id x doesn't exist"]}));
        refused(
            with("language_id", 1),
            json!({"language_id": ["language with id 1 is archived and cannot be used anymore"]}),
        );
        refused(with("language_id", 74), json!({"language_id": ["language with id 74 doesn't exist"]}));
        for (name, value, message) in [
            ("cpu_time_limit", json!(15.5), "must be less than or equal to 15.0"),
            ("cpu_time_limit", json!("0"), "must be greater than 0"),
            ("cpu_extra_time", json!(6), "must be less than or equal to 5.0"),
            ("cpu_extra_time", json!(-1), "must be greater than or equal to 0"),
            ("wall_time_limit", json!(0.5), "must be greater than or equal to 1"),
            ("wall_time_limit", json!(21), "must be less than or equal to 20.0"),
            ("memory_limit", json!(2047), "must be greater than or equal to 2048"),
            ("memory_limit", json!(512_001), "must be less than or equal to 512000"),
            ("stack_limit", json!(0), "must be greater than 0"),
            ("max_processes_and_or_threads", json!(121), "must be less than or equal to 120"),
            ("max_file_size", json!("4097"), "must be less than or equal to 4096"),
            ("number_of_runs", json!(21), "must be less than or equal to 20"),
            ("number_of_runs", json!("many"), "is not a number"),
            ("cpu_time_limit", json!([]), "is not a number"),
            (
                "compiler_options",
                json!("-O2"),
                "setting compiler options is only allowed for compiled languages",
            ),
            ("command_line_arguments", json!("'a"), "has a quotation mark that is not closed"),
            ("additional_files", json!("A".repeat(6 << 20)), "is too large (maximum is 4194304 bytes)"),
            ("command_line_arguments", json!("x".repeat(513)), "is too long (maximum is 512 characters)"),
            ("enable_network", json!(true), "enabling network is not allowed"),
            ("callback_url", json!("http://x"), "setting callback is not allowed"),
            ("source_code", json!(" \n"), "can't be blank"),
        ] {
            refused(with(name, value), json!({ name: [message] }));
        }
        refused(
            json!({"source_code": "x", "language_id": 89}),
            json!({"source_code": ["must be blank"], "additional_files": ["can't be blank"]}),
        );
    }

    #[test]
    fn compiler_options_are_those_that_the_language_allows() {
        let compiler = |id: u32, options: &str| {
            let mut attributes = with("compiler_options", options);
            attributes["language_id"] = id.into();
            settings(&attributes, false).map(|settings| settings.compiler)
        };
        let c = compiler(50, "-O3 '-DN=1' -lpthread").unwrap();
        assert_eq!((c.options.len(), c.words.join(" ")), (1, "-DN=1 -lpthread".to_owned()));
        assert_eq!(compiler(62, "-Xlint").unwrap().words, ["-Xlint"]);
        for (id, word) in [(50, "-fplugin=x.so"), (54, "@x"), (50, "x.c"), (62, "-lm"), (62, "-processor")] {
            let message = format!("{word} is not supported");
            assert_eq!(compiler(id, word).unwrap_err(), json!({"compiler_options": [message]}), "{id}");
        }
    }

    #[test]
    fn missing_attributes_have_their_defaults() {
        let settings = settings(
            &json!({"source_code": "1", "language_id": "54", "cpu_time_limit": "", "stdin": null}),
            false,
        )
        .unwrap();
        assert_eq!((&*settings.language.own, settings.stdin), ("cpp", None));
        assert!(!settings.has_memory_limit);
        assert_eq!((settings.cpu_time_limit, settings.wall_time_limit), (5.0, 10.0));
        assert_eq!(
            (settings.memory_limit, settings.stack_limit, settings.max_file_size),
            (128_000, 64_000, 1024)
        );
        assert_eq!((settings.max_processes, settings.number_of_runs), (60, 1));
    }

    #[test]
    fn texts_are_decoded_if_the_request_says_so() {
        let attributes = json!({"source_code": "cHJpbn\nQoMSk=", "language_id": 71, "stdin": "/w==", "command_line_arguments": "aGk="});
        let decoded = settings(&attributes, true).unwrap();
        assert_eq!(decoded.source_code.as_deref(), Some(&b"print(1)"[..]));
        assert_eq!(decoded.stdin.as_deref(), Some(&b"\xff"[..]));
        assert_eq!(decoded.command_line_arguments.as_deref(), Some("aGk="));
        let plain = settings(&attributes, false).unwrap();
        assert_eq!(plain.stdin.as_deref(), Some(&b"/w=="[..]));
    }
}
