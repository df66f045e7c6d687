//! Whether an execution may take place: a pure function from a request to a job or a rejection.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::{ExecuteRequest, Limits, Rejection, SourceFile, Stdin};

use crate::job::{Job, RelativePath, Source};
use crate::languages::{Registry, Toolchain};
use crate::limits;

/// Bytes of all source files together.
const MAX_SOURCES: usize = 4 * 1024 * 1024;

/// The language of a request, if it can be used here.
pub(crate) fn find_language<'a>(
    name: &str,
    languages: &'a Registry,
) -> Result<&'a Arc<Toolchain>, Rejection> {
    let toolchain = languages.find(name).ok_or(Rejection::UnknownLanguage)?;
    if let Err(reason) = &toolchain.version {
        return Err(Rejection::LanguageUnavailable {
            language: toolchain.title.clone(),
            reason: reason.clone(),
        });
    }
    Ok(toolchain)
}

/// Admit a request in a language, or say why not in the client's words.
pub(crate) fn admit(
    request: ExecuteRequest,
    toolchain: &Arc<Toolchain>,
    maxima: &Limits,
) -> Result<Job, Rejection> {
    let limits = limits::resolve(&request.limits, &toolchain.run.limits, maxima)?;
    let sources = admit_sources(request.files, toolchain)?;
    if request.runs.is_empty() {
        return Err(invalid("there must be at least one run"));
    }
    for run in &request.runs {
        if run.args.iter().any(|argument| argument.contains('\0')) {
            return Err(invalid("an argument has a NUL character in it"));
        }
        if matches!(run.stdin, Stdin::Live) && request.runs.len() > 1 {
            return Err(invalid("live input is for a single run"));
        }
    }
    Ok(Job { toolchain: Arc::clone(toolchain), sources, runs: request.runs, limits })
}

fn admit_sources(files: Vec<SourceFile>, toolchain: &Toolchain) -> Result<Vec<Source>, Rejection> {
    let mut sources = Vec::with_capacity(files.len());
    let mut paths = BTreeSet::new();
    let mut total = 0_usize;
    for (index, file) in files.into_iter().enumerate() {
        let path = match &file.path {
            Some(path) => path,
            None if index == 0 => &toolchain.file_name,
            None => return Err(invalid("only the first file may go without a name")),
        };
        let path = RelativePath::try_from(path.as_str()).map_err(Rejection::Invalid)?;
        let is_source =
            index == 0 || path.extension().is_some_and(|extension| toolchain.is_source(extension));
        // An interpreter that stops reading there would run half of what was checked (CPython 3.11 does).
        if is_source && file.content.contains(&0) {
            return Err(invalid(&format!("{path} has a NUL character in it")));
        }
        total = total.saturating_add(file.content.len());
        if !paths.insert(path.clone()) {
            return Err(invalid(&format!("there are two files named {path}")));
        }
        sources.push(Source { path, content: file.content });
    }
    if sources.is_empty() {
        return Err(invalid("there is no source file"));
    }
    if total > MAX_SOURCES {
        return Err(invalid(&format!("the files have more than {MAX_SOURCES} bytes together")));
    }
    if let Some(file) = paths.iter().find(|file| paths.iter().any(|other| file.is_above(other))) {
        return Err(invalid(&format!("{file} is a file and a directory at once")));
    }
    Ok(sources)
}

fn invalid(words: &str) -> Rejection {
    Rejection::Invalid(words.to_owned())
}
