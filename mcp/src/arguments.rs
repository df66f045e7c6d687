//! The arguments of a tool: their JSON, and the parts of a request to executord that they become. Every bound of the
//! protocol is checked here, so that the model learns which argument to change.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::bounds::{
    MAX_ARG, MAX_ARGS, MAX_ARGS_TOTAL, MAX_FILES, MAX_LANGUAGE_NAME, MAX_OPTION_NAME, MAX_OPTION_VALUES,
    MAX_OPTIONS, MAX_OUTPUT_NAME, MAX_OUTPUT_PATTERNS, MAX_PACKAGE_SET_NAME, MAX_PATH, MAX_SOURCES,
    MAX_VERSION_RANGE,
};
use protocol::{ByteCount, LimitsRequest, OptionSetting, OptionValue, SourceFile};
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::refusal::Refusal;

/// Parses the arguments of a call.
///
/// # Errors
/// A [`Refusal`] that names the argument.
pub(crate) fn parse<T: DeserializeOwned>(arguments: Option<JsonObject>) -> Result<T, Refusal> {
    let value = Value::Object(arguments.unwrap_or_default());
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner();
        Refusal::invalid(match path.as_str() {
            "." => format!("invalid arguments: {problem}"),
            path => format!("invalid argument `{path}`: {problem}"),
        })
    })
}

/// The arguments that describe a program.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) language: String,
    pub(crate) code: Option<String>,
    pub(crate) files: Option<Vec<InputFile>>,
}

/// A file in the work directory of the program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputFile {
    name: String,
    content: String,
    encoding: Option<Encoding>,
}

/// How the bytes of a file are written as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    #[default]
    Utf8,
    Base64,
}

/// Options of a language, by name.
pub(crate) type Options = BTreeMap<String, OptionArgument>;

/// The value of an option.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected true, false, a string, or an array of strings")]
pub(crate) enum OptionArgument {
    Flag(bool),
    Choice(String),
    Set(Vec<String>),
}

/// Limits of each run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    memory_bytes: Option<u64>,
}

impl Program {
    /// Returns the language and the source files, the main file first.
    pub(crate) fn into_sources(self) -> Result<(String, Vec<SourceFile>), Refusal> {
        if self.language.len() > MAX_LANGUAGE_NAME {
            return Err(Refusal::new(Refusal::UNSUPPORTED_LANGUAGE, "no language has such a long name"));
        }
        let main = self.code.map(|code| SourceFile { path: None, content: code.into() });
        let mut files: Vec<_> = main.into_iter().collect();
        for (number, file) in self.files.unwrap_or_default().into_iter().enumerate() {
            files.push(file.into_source(number)?);
        }
        if files.is_empty() {
            return Err(Refusal::invalid("`code` or `files` is required"));
        }
        if files.len() > MAX_FILES {
            return Err(Refusal::invalid(format!("`files` must contain at most {MAX_FILES} files")));
        }
        if files.iter().map(|file| file.content.len()).sum::<usize>() > MAX_SOURCES {
            return Err(Refusal::invalid(format!(
                "`code` and `files` must be at most {MAX_SOURCES} bytes in total"
            )));
        }
        Ok((self.language, files))
    }
}

impl InputFile {
    fn into_source(self, number: usize) -> Result<SourceFile, Refusal> {
        if self.name.len() > MAX_PATH {
            let message = format!("`files[{number}].name` must be at most {MAX_PATH} bytes long");
            return Err(Refusal::invalid(message));
        }
        let content: Bytes = match self.encoding.unwrap_or_default() {
            Encoding::Utf8 => self.content.into(),
            Encoding::Base64 => {
                let text: Vec<u8> = self
                    .content
                    .into_bytes()
                    .into_iter()
                    .filter(|byte| !byte.is_ascii_whitespace())
                    .collect();
                let decoded = STANDARD.decode(text).map_err(|error| {
                    Refusal::invalid(format!(
                        "`files[{number}].content` must be base64 with padding: {error}"
                    ))
                })?;
                decoded.into()
            }
        };
        Ok(SourceFile { path: Some(self.name), content })
    }
}

impl Limits {
    /// Returns the limits as a request.
    pub(crate) fn into_request(self) -> Result<LimitsRequest, Refusal> {
        for (name, value) in
            [("cpu_ms", self.cpu_ms), ("wall_ms", self.wall_ms), ("memory_bytes", self.memory_bytes)]
        {
            if value == Some(0) {
                return Err(Refusal::invalid(format!("`limits.{name}` must be at least 1")));
            }
        }
        Ok(LimitsRequest {
            cpu_time: self.cpu_ms.map(Duration::from_millis),
            wall_time: self.wall_ms.map(Duration::from_millis),
            memory: self.memory_bytes.map(ByteCount),
            ..LimitsRequest::NONE
        })
    }
}

/// Checks the length of a range of versions. The daemon checks what it says.
pub(crate) fn version(range: Option<String>) -> Result<Option<String>, Refusal> {
    if range.as_ref().is_some_and(|range| range.len() > MAX_VERSION_RANGE) {
        return Err(Refusal::invalid(format!("`version` must be at most {MAX_VERSION_RANGE} bytes long")));
    }
    Ok(range)
}

/// Checks the length of the name of a package set. The daemon checks whether the language has it.
pub(crate) fn package_set(name: Option<String>) -> Result<Option<String>, Refusal> {
    if name.as_ref().is_some_and(|name| name.len() > MAX_PACKAGE_SET_NAME) {
        let message = format!("`packages` must be at most {MAX_PACKAGE_SET_NAME} bytes long");
        return Err(Refusal::invalid(message));
    }
    Ok(name)
}

/// Returns the options as settings of a request.
pub(crate) fn settings(options: Option<Options>) -> Result<Vec<OptionSetting>, Refusal> {
    let options = options.unwrap_or_default();
    if options.len() > MAX_OPTIONS {
        return Err(Refusal::invalid(format!("`options` must have at most {MAX_OPTIONS} options")));
    }
    let setting = |(name, value): (String, OptionArgument)| {
        let value = match value {
            OptionArgument::Flag(is_on) => OptionValue::Flag(is_on),
            OptionArgument::Choice(value) => OptionValue::Choice(value),
            OptionArgument::Set(values) => OptionValue::Set(values),
        };
        let values = match &value {
            OptionValue::Flag(_) => &[],
            OptionValue::Choice(value) => std::slice::from_ref(value),
            OptionValue::Set(values) => values.as_slice(),
        };
        if values.len() > MAX_OPTION_VALUES {
            return Err(Refusal::invalid(format!("an option must have at most {MAX_OPTION_VALUES} values")));
        }
        if values.iter().chain([&name]).any(|text| text.len() > MAX_OPTION_NAME) {
            let message =
                format!("a name or a value in `options` must be at most {MAX_OPTION_NAME} bytes long");
            return Err(Refusal::invalid(message));
        }
        Ok(OptionSetting { name, value })
    };
    options.into_iter().map(setting).collect()
}

/// Checks the arguments of a program. `field` is their name in messages.
pub(crate) fn program_arguments(args: Option<Vec<String>>, field: &str) -> Result<Vec<String>, Refusal> {
    let args = args.unwrap_or_default();
    if args.len() > MAX_ARGS {
        return Err(Refusal::invalid(format!("`{field}` must have at most {MAX_ARGS} arguments")));
    }
    if args.iter().any(|arg| arg.len() > MAX_ARG) {
        return Err(Refusal::invalid(format!("each of `{field}` must be at most {MAX_ARG} bytes long")));
    }
    if args.iter().map(String::len).sum::<usize>() > MAX_ARGS_TOTAL {
        let message = format!("`{field}` must be at most {MAX_ARGS_TOTAL} bytes long in total");
        return Err(Refusal::invalid(message));
    }
    Ok(args)
}

/// Checks the lengths of patterns of output files. The daemon checks what they say.
pub(crate) fn output_patterns(patterns: Vec<String>) -> Result<Vec<String>, Refusal> {
    if patterns.len() > MAX_OUTPUT_PATTERNS {
        return Err(Refusal::invalid(format!("`outputs` must have at most {MAX_OUTPUT_PATTERNS} patterns")));
    }
    match patterns.iter().position(|pattern| pattern.len() > MAX_OUTPUT_NAME) {
        None => Ok(patterns),
        Some(number) => {
            Err(Refusal::invalid(format!("`outputs[{number}]` must be at most {MAX_OUTPUT_NAME} bytes long")))
        }
    }
}
