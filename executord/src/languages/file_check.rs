//! What a language file must have beyond the types of its keys.

use crate::admission::relative_path::RelativePath;
use crate::languages::format::{LanguageFile, REPLACED_IN_PARTS};

/// Checks what the types of a language file do not.
///
/// # Errors
/// A message for the author of the file, which begins with the key.
pub(super) fn check(file: &LanguageFile) -> Result<(), String> {
    let is_allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "+#-_".contains(letter);
    if file.name.is_empty() || !file.name.chars().all(is_allowed) {
        return Err("name: must consist of lower-case letters, digits, '+', '#', '-' and '_'".to_owned());
    }
    if !file.variant.chars().all(|letter| is_allowed(letter) || letter == '.') {
        return Err(
            "variant: must consist of lower-case letters, digits, '.', '+', '#', '-' and '_'".to_owned()
        );
    }
    if file.extensions.is_empty() {
        return Err("extensions: must name at least one".to_owned());
    }
    if let Some(part) = file.misread_parts.iter().find(|part| !part.contains(REPLACED_IN_PARTS)) {
        return Err(format!("misread_parts: {part:?} has no dot and no backslash"));
    }
    let test_files = file.self_test.files.iter().map(|file| ("self_test.files", &file.name));
    for (key, name) in test_files.chain([("file_name", &file.file_name)]) {
        RelativePath::try_from(name.as_str()).map_err(|message| format!("{key}: {message}"))?;
    }
    let commands = [
        ("version.command", Some(&file.version.command)),
        ("run.command", Some(&file.run.command)),
        ("run.warm.command", file.run.warm.as_ref().map(|warm| &warm.command)),
        ("compile.command", file.compile.as_ref().map(|stage| &stage.command)),
        ("check.command", file.check.as_ref().map(|check| &check.command)),
        ("formatter.command", file.formatter.as_ref().map(|formatter| &formatter.command)),
        ("compile.warm.command", file.compile.as_ref().and_then(|stage| Some(&stage.warm.as_ref()?.command))),
    ];
    match commands.iter().find(|(_, command)| command.is_some_and(Vec::is_empty)) {
        None => Ok(()),
        Some((key, _)) => Err(format!("{key}: is empty")),
    }
}
