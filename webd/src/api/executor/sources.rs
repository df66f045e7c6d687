//! Source files as JSON: those of a program, and those of its checker or interactor.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::SourceFile;
use protocol::bounds::{MAX_FILES, MAX_PATH, MAX_SOURCES};
use serde::Deserialize;

use crate::api::strict_json::{AtMost, Object};
use crate::domain::encoding::Encoding;
use crate::http::error::{ApiError, ErrorCode};

/// A source file.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    name: Option<String>,
    content: String,
    #[serde(default)]
    encoding: Encoding,
}

/// The fields of a program that have its sources: `code` with or without `filename`, or `files`.
#[derive(Debug)]
pub(super) struct SourceFields {
    pub(super) code: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) files: Option<AtMost<Object<File>, MAX_FILES>>,
}

impl SourceFields {
    /// Converts the fields. `prefix` comes before their names in messages.
    ///
    /// # Errors
    /// A 400 or a 413 with a message that names the field.
    pub(super) fn into_files(self, prefix: &str) -> Result<Vec<SourceFile>, ApiError> {
        let invalid = |message: String| Err(ApiError::invalid_request(message));
        let files = match (self.code, self.files) {
            (Some(code), None) => {
                vec![source_file(self.filename, code.into(), || format!("{prefix}filename"))?]
            }
            (None, Some(_)) if self.filename.is_some() => {
                return invalid(format!(
                    "`{prefix}filename` requires `{prefix}code`; each of `{prefix}files` has its own `name`"
                ));
            }
            (None, Some(AtMost(files))) if !files.is_empty() => source_files(files, prefix)?,
            (None, Some(_)) => return invalid(format!("`{prefix}files` must contain at least one file")),
            (Some(_), Some(_)) => {
                return invalid(format!("`{prefix}code` and `{prefix}files` must not be used together"));
            }
            (None, None) => return invalid(format!("`{prefix}code` or `{prefix}files` is required")),
        };
        if files.iter().map(|file| file.content.len()).sum::<usize>() > MAX_SOURCES {
            let owner = prefix.strip_suffix('.').map(|owner| format!(" of `{owner}`")).unwrap_or_default();
            let message =
                format!("the source files{owner} are larger than {MAX_SOURCES} bytes (4 MiB) in total");
            return Err(ApiError::new(ErrorCode::TooLarge, message));
        }
        Ok(files)
    }
}

fn source_files(files: Vec<Object<File>>, prefix: &str) -> Result<Vec<SourceFile>, ApiError> {
    let convert = |(number, Object(file)): (usize, Object<File>)| {
        let content = decode(file.content, file.encoding, || format!("{prefix}files[{number}].content"))?;
        source_file(file.name, content, || format!("{prefix}files[{number}].name"))
    };
    files.into_iter().enumerate().map(convert).collect()
}

fn source_file(
    path: Option<String>,
    content: Bytes,
    field: impl Fn() -> String,
) -> Result<SourceFile, ApiError> {
    if path.as_ref().is_some_and(|path| path.len() > MAX_PATH) {
        let message = format!("the file name in `{}` must be at most {MAX_PATH} bytes long", field());
        return Err(ApiError::invalid_request(message));
    }
    Ok(SourceFile { path, content })
}

/// Decodes the text of a field into bytes.
///
/// # Errors
/// A 400 that names the field, if the text is not valid in its encoding.
pub(crate) fn decode(
    text: String,
    encoding: Encoding,
    field: impl Fn() -> String,
) -> Result<Bytes, ApiError> {
    match encoding {
        Encoding::Utf8 => Ok(text.into()),
        Encoding::Base64 => match STANDARD.decode(unwrapped(text)) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => {
                Err(ApiError::invalid_request(format!("`{}` must be base64 with padding: {error}", field())))
            }
        },
    }
}

/// Removes the white space with which many encoders wrap base64 into lines (RFC 2045, section 6.8).
fn unwrapped(text: String) -> Vec<u8> {
    let mut text = text.into_bytes();
    text.retain(|byte| !byte.is_ascii_whitespace());
    text
}
