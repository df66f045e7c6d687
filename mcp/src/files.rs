//! Output files as content of a result: images as images, text as text, the rest as bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{ExecutionId, SourceFile};
use rmcp::model::{ContentBlock, ResourceContents};
use serde_json::{Value, json};

use crate::bounds::MAX_UNREQUESTED_TEXT;
use crate::collector::OutputFile;

/// Formats of images that models read, with the bytes that they begin with.
const IMAGES: [(&str, &[u8]); 5] = [
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF87a"),
    ("image/gif", b"GIF89a"),
    ("image/webp", b"RIFF"),
];

/// Media types of files by their extensions. The content decides whether a file is an image or text.
const EXTENSIONS: [(&str, &str); 12] = [
    ("csv", "text/csv"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("pdf", "application/pdf"),
    ("svg", "image/svg+xml"),
    ("tsv", "text/tab-separated-values"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("zip", "application/zip"),
];

/// A file of a result: an entry in its list of files, and the content, if it is returned.
pub(crate) struct FileResult {
    /// Entry in the list of files.
    pub(crate) json: Value,
    /// Line for the model.
    pub(crate) line: String,
    /// Content for the client.
    pub(crate) content: Option<ContentBlock>,
}

/// How the content of a file is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Text,
    Bytes,
}

/// Removes the files of the request that the program did not change.
pub(crate) fn without_unchanged(files: &mut Vec<OutputFile>, sources: &[SourceFile]) {
    files.retain(|file| {
        !sources.iter().any(|source| {
            source.path.as_deref().is_none_or(|path| path == file.name) && source.content == file.content
        })
    });
}

/// Converts a file. Files that the call did not name are returned if they are images or short texts.
pub(crate) fn convert(file: &OutputFile, id: ExecutionId, is_requested: bool) -> FileResult {
    let OutputFile { name, size, content } = file;
    let is_whole = content.len() as u64 == *size;
    let (kind, media_type) = kind(file, is_whole);
    let omission = match kind {
        // Half an image cannot be displayed, and half an archive cannot be opened.
        Kind::Image | Kind::Bytes if !is_whole => Some("too large to be returned"),
        Kind::Bytes if !is_requested => Some("name it in `outputs` to get its content"),
        Kind::Text if !is_requested && content.len() > MAX_UNREQUESTED_TEXT => {
            Some("name it in `outputs` to get its content")
        }
        _ => None,
    };
    let is_returned = omission.is_none();
    let is_cut = kind == Kind::Text && !is_whole;
    let mut json = json!({"name": name, "size": size, "media_type": media_type,
        "returned": is_returned, "truncated": is_returned && is_cut});
    if let Some(reason) = omission {
        json["reason"] = reason.into();
    }
    let note = match omission {
        Some(reason) => format!(", {reason}"),
        None if is_cut => format!(", only its first {} bytes are returned", content.len()),
        None => String::new(),
    };
    FileResult {
        json,
        line: format!("{name} ({media_type}, {size} bytes{note})"),
        content: is_returned.then(|| content_block(file, id, kind, media_type)),
    }
}

fn content_block(file: &OutputFile, id: ExecutionId, kind: Kind, media_type: &str) -> ContentBlock {
    let uri = uri(id, &file.name);
    match kind {
        Kind::Image => ContentBlock::image(STANDARD.encode(&file.content), media_type),
        Kind::Text => {
            let text = String::from_utf8_lossy(&file.content[..whole_characters(&file.content)]);
            ContentBlock::resource(ResourceContents::text(text.into_owned(), uri).with_mime_type(media_type))
        }
        Kind::Bytes => ContentBlock::resource(
            ResourceContents::blob(STANDARD.encode(&file.content), uri).with_mime_type(media_type),
        ),
    }
}

/// Returns how a file is returned, and its media type. For a truncated file, the part that is present decides.
fn kind(file: &OutputFile, is_whole: bool) -> (Kind, &'static str) {
    let is_webp = |start: &[u8]| start != b"RIFF" || file.content.get(8..12) == Some(b"WEBP");
    if let Some((media_type, _)) =
        IMAGES.iter().find(|(_, start)| file.content.starts_with(start) && is_webp(start))
    {
        return (Kind::Image, media_type);
    }
    let end = if is_whole { file.content.len() } else { whole_characters(&file.content) };
    let is_text = std::str::from_utf8(&file.content[..end]).is_ok() && !file.content[..end].contains(&0);
    let extension = file.name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let of_extension = EXTENSIONS
        .iter()
        .find(|(known, _)| extension.as_deref() == Some(known))
        .map(|(_, media_type)| *media_type);
    if is_text {
        (Kind::Text, of_extension.unwrap_or("text/plain"))
    } else {
        (Kind::Bytes, of_extension.unwrap_or("application/octet-stream"))
    }
}

/// Returns the length without half a character at the end.
fn whole_characters(content: &[u8]) -> usize {
    match std::str::from_utf8(content) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => content.len(),
    }
}

/// Returns the URI of a file. It only tells files apart: nothing can be read from it.
fn uri(id: ExecutionId, name: &str) -> String {
    let mut uri = format!("executor://{id}/");
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into())
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> OutputFile {
        OutputFile { name: name.to_owned(), size: content.len() as u64, content: content.to_vec() }
    }

    #[track_caller]
    fn check(file: &OutputFile, is_requested: bool, line: &str, content: &Value) {
        let result = convert(file, ExecutionId::default(), is_requested);
        assert_eq!(result.line, line);
        let json = serde_json::to_value(result.content).unwrap();
        assert_eq!(&json, content);
        assert_eq!(result.json["returned"], !json.is_null());
    }

    #[test]
    fn a_file_is_an_image_a_text_or_bytes() {
        let uri = |name: &str| format!("executor://{}/{name}", ExecutionId::default());
        let png = file("plot", b"\x89PNG\r\n\x1a\nrest");
        let image = json!({"type": "image", "data": "iVBORw0KGgpyZXN0", "mimeType": "image/png"});
        check(&png, false, "plot (image/png, 12 bytes)", &image);
        let text = json!({"type": "resource", "resource": {"uri": uri("a%20b/t%C3%A9.CSV"), "mimeType": "text/csv", "text": "1,2"}});
        check(&file("a b/té.CSV", b"1,2"), false, "a b/té.CSV (text/csv, 3 bytes)", &text);
        let bytes = json!({"type": "resource", "resource": {"uri": uri("x"), "mimeType": "application/octet-stream", "blob": "AP8="}});
        check(&file("x", b"\0\xff"), true, "x (application/octet-stream, 2 bytes)", &bytes);
        let webp = file("x.webp", b"RIFF\x04\0\0\0WEBP");
        assert_eq!(kind(&webp, true), (Kind::Image, "image/webp"));
        assert_eq!(
            kind(&file("x.wav", b"RIFF\x04\0\0\0WAVE\xff"), true),
            (Kind::Bytes, "application/octet-stream")
        );
        assert_eq!(kind(&file("fake.png", b"text"), true), (Kind::Text, "text/plain"));
    }

    #[test]
    fn what_is_omission_is_listed_with_the_reason() {
        let name_it = "name it in `outputs` to get its content";
        let line = format!("x (application/octet-stream, 1 bytes, {name_it})");
        check(&file("x", b"\0"), false, &line, &Value::Null);
        let long = vec![b'a'; MAX_UNREQUESTED_TEXT + 1];
        let line = format!("t (text/plain, {} bytes, {name_it})", long.len());
        check(&file("t", &long), false, &line, &Value::Null);

        let cut = |name: &str, content: &[u8]| OutputFile { size: 100, ..file(name, content) };
        let line = "p.png (image/png, 100 bytes, too large to be returned)";
        check(&cut("p.png", b"\x89PNG\r\n\x1a\n"), true, line, &Value::Null);
        let result = convert(&cut("t", b"a\xc3"), ExecutionId::default(), true);
        assert_eq!(result.line, "t (text/plain, 100 bytes, only its first 2 bytes are returned)");
        assert_eq!(result.json["truncated"], true);
        assert_eq!(result.content.unwrap().as_resource().unwrap().get_text(), "a");
    }

    #[test]
    fn files_of_the_request_are_returned_only_if_they_changed() {
        let source = |path: Option<&str>, content: &'static str| SourceFile {
            path: path.map(str::to_owned),
            content: content.into(),
        };
        let sources = [source(None, "main"), source(Some("data.csv"), "1")];
        let mut files = vec![file("main.py", b"main"), file("data.csv", b"2"), file("copy.csv", b"1")];
        without_unchanged(&mut files, &sources);
        let names: Vec<_> = files.iter().map(|file| &*file.name).collect();
        assert_eq!(names, ["data.csv", "copy.csv"]);
    }
}
