//! Program to run: its files, their paths in the work directory, and its language.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use protocol::bounds::MAX_FRAME;
use protocol::{Language, SourceFile};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::failure::Failure;
use crate::server::Connection;

/// Reads the main file and `more`. Paths are relative to the directory of the main file.
pub(crate) async fn files(main: &Path, more: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let from_stdin = main == Path::new("-");
    let directory = if from_stdin { Path::new("") } else { main.parent().unwrap_or(Path::new("")) };
    let mut files = Vec::with_capacity(1 + more.len());
    if from_stdin {
        let content = read(tokio::io::stdin(), "stdin").await?;
        files.push(SourceFile { path: None, content });
    } else {
        files.push(SourceFile { path: Some(path_below(directory, main)?), content: open(main).await? });
    }
    for path in more {
        files.push(SourceFile { path: Some(path_below(directory, path)?), content: open(path).await? });
    }
    Ok(files)
}

/// Returns the name of the language that has the extension of `main`, as the server reports it.
pub(crate) async fn language_of(server: &mut Connection, main: &Path) -> Result<String, Failure> {
    let Some(extension) = main.extension().and_then(|extension| extension.to_str()) else {
        return Err(Failure::Usage(format!("--language is required: {} has no extension", main.display())));
    };
    let extension = extension.to_lowercase();
    let has_extension = |language: &Language| language.extensions.contains(&extension);
    let known = server.languages().await?;
    known.into_iter().find(has_extension).map(|language| language.name).ok_or_else(|| {
        Failure::Usage(format!(
            "--language is required: no language of the server has the extension .{extension}"
        ))
    })
}

/// Reads a file.
pub(crate) async fn open(path: &Path) -> Result<Bytes, Failure> {
    let name = path.display().to_string();
    match tokio::fs::File::open(path).await {
        Ok(file) => read(file, &name).await,
        Err(error) => Err(Failure::Usage(format!("open {name}: {error}"))),
    }
}

/// Reads up to the size of a frame: a longer source cannot be sent.
pub(crate) async fn read(from: impl AsyncRead + Unpin, name: &str) -> Result<Bytes, Failure> {
    let mut content = Vec::new();
    let limit = u64::try_from(MAX_FRAME).map_or(u64::MAX, |max| max + 1);
    match from.take(limit).read_to_end(&mut content).await {
        Err(error) => Err(Failure::Usage(format!("read {name}: {error}"))),
        Ok(length) if length > MAX_FRAME => {
            Err(Failure::Usage(format!("{name} is too long: a request has at most {MAX_FRAME} bytes")))
        }
        Ok(_) => Ok(content.into()),
    }
}

/// Returns the path of a source file in the work directory. A path below `directory` becomes relative to it:
/// `dir/lib/b.py` is `lib/b.py` if `directory` is `dir`. Another relative path is kept. Another absolute path, or a path
/// with `..`, is reduced to its file name.
fn path_below(directory: &Path, path: &Path) -> Result<String, Failure> {
    let below = path.strip_prefix(directory).unwrap_or(path);
    let plain = below.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let name: Option<Vec<&str>> = if plain {
        below
            .components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| part.as_os_str().to_str())
            .collect()
    } else {
        path.file_name().and_then(|name| name.to_str()).map(|name| vec![name])
    };
    name.map(|parts| parts.join("/"))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Failure::Usage(format!("{} is not a valid path of a source file", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_directory_of_the_main_file() {
        check("", "a.py", "a.py");
        check("", "./a.py", "a.py");
        check("dir", "dir/a.py", "a.py");
        check("dir", "dir/lib/b.py", "lib/b.py");
        check("dir", "other/b.py", "other/b.py");
        check("dir", "../b.py", "b.py");
        check("/srv", "/srv/lib/b.py", "lib/b.py");
        check("/srv", "/etc/b.py", "b.py");
        assert!(path_below(Path::new(""), Path::new("..")).is_err());
        assert!(path_below(Path::new(""), Path::new(".")).is_err());
    }

    fn check(directory: &str, path: &str, name: &str) {
        assert_eq!(
            path_below(Path::new(directory), Path::new(path)).unwrap(),
            name,
            "{path} below {directory}"
        );
    }
}
