//! The page: files of the built web directory, or instructions for building it. They are read once, when webd starts: no
//! request opens a file, and a path that is not in the table is not found.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{fs, io};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::http::accept_encoding::accepts;
use crate::http::error::ApiError;
use crate::ops::origin::Origin;

/// Content security policy of the page, one directive per line. The build embeds the same policy in the page.
const PAGE_POLICY: &str = include_str!("../../web/policy.txt");
/// The directive that lists the pages that may embed this one.
const FRAME_ANCESTORS: &str = "frame-ancestors";
/// Query parameter of the page when another page embeds it.
const EMBEDDED: &str = "embed=1";
/// The script that pages of other origins load to embed this one. It is public, and contains nothing of a user.
const EMBED_SCRIPT: &str = "/embed.js";
/// The page uses none of these browser features except writing to the clipboard.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
    geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=(), \
    clipboard-write=(self)";
/// The page that is served if the real one is not built.
const NOT_BUILT: &str = include_str!("not_built.html");
/// Bytes of all files together, in all encodings. A larger directory is a mistake in the configuration.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Encodings for which the build writes files next to the plain ones, in order of preference: the name in
/// `Accept-Encoding` and the file extension.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// The files of one directory, as they were when webd started.
#[derive(Clone, Debug)]
pub(crate) struct StaticFiles {
    files: HashMap<String, File>,
    /// Content security policy of the page, by itself and embedded in another page.
    policy: HeaderValue,
    embedded_policy: HeaderValue,
}

/// A file in each encoding that exists.
#[derive(Clone, Debug, Default)]
struct File {
    plain: Bytes,
    /// In the order of [`ENCODINGS`].
    encoded: [Option<Bytes>; ENCODINGS.len()],
    tag: String,
}

impl StaticFiles {
    /// Reads a directory. If it does not exist, the page is not built. Pages of `embedders` may embed the page.
    pub(crate) fn new(directory: &Path, embedders: &[Origin]) -> Self {
        let files = read(directory).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(%error, directory = %directory.display(), "cannot read the page, serving instructions instead");
            }
            HashMap::new()
        });
        Self { files, policy: policy(&[]), embedded_policy: policy(embedders) }
    }

    /// Returns the file at the path of the request.
    pub(crate) fn serve(&self, request: &Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return ApiError::not_found().into_response();
        }
        let path = request.uri().path();
        let name = if path == "/" { "/index.html" } else { path };
        let mut response = match self.files.get(name) {
            Some(file) => file.response(name, request.headers()),
            None if path == "/" => {
                ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()
            }
            None => return ApiError::not_found().into_response(),
        };
        let query = request.uri().query().unwrap_or_default();
        self.restrict(response.headers_mut(), query.split('&').any(|part| part == EMBEDDED));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(path)));
        if path == EMBED_SCRIPT {
            let anyone = HeaderValue::from_static("cross-origin");
            response.headers_mut().insert(HeaderName::from_static("cross-origin-resource-policy"), anyone);
        }
        response
    }

    /// Adds the policies. `X-Frame-Options` stays `DENY` even where the policy allows embedding: browsers ignore it if
    /// the policy has `frame-ancestors`.
    fn restrict(&self, headers: &mut HeaderMap, embedded: bool) {
        let policy = if embedded { &self.embedded_policy } else { &self.policy };
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
    }
}

impl File {
    fn response(&self, name: &str, request: &HeaderMap) -> Response {
        let chosen = ENCODINGS
            .iter()
            .zip(&self.encoded)
            .filter_map(|((encoding, _), bytes)| Some((*encoding, bytes.as_ref()?)))
            .find(|(encoding, _)| accepts(request, encoding));
        let tag = match chosen {
            Some((encoding, _)) => format!("\"{}-{encoding}\"", self.tag),
            None => format!("\"{}\"", self.tag),
        };
        let mut response = if is_cached(request, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let bytes = chosen.map_or(&self.plain, |(_, bytes)| bytes);
            ([(header::CONTENT_TYPE, content_type(name))], bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        if let Some((encoding, _)) = chosen
            && !is_cached(request, &tag)
        {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if self.encoded.iter().any(Option::is_some) {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

/// Returns every file below the directory by its URL path.
fn read(directory: &Path) -> io::Result<HashMap<String, File>> {
    let mut files: HashMap<String, File> = HashMap::new();
    let mut remaining = MAX_BYTES;
    for (name, content) in contents(directory, &mut remaining)? {
        let encoding = ENCODINGS
            .iter()
            .position(|(_, extension)| Path::new(&name).extension().is_some_and(|found| found == *extension));
        match encoding {
            Some(index) => {
                let plain = name.rsplit_once('.').map_or(&*name, |(plain, _)| plain);
                if let Some(slot) = files.entry(plain.to_owned()).or_default().encoded.get_mut(index) {
                    *slot = Some(content);
                }
            }
            None => {
                let file = files.entry(name).or_default();
                file.tag = tag(&content);
                file.plain = content;
            }
        }
    }
    Ok(files)
}

/// Returns the URL path and the content of every file below the directory. `remaining` is the number of bytes that they
/// may have together.
fn contents(directory: &Path, remaining: &mut usize) -> io::Result<Vec<(String, Bytes)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().is_dir() {
            let below = contents(&entry.path(), remaining)?;
            found.extend(below.into_iter().map(|(path, content)| (format!("/{name}{path}"), content)));
            continue;
        }
        let content = fs::read(entry.path())?;
        *remaining = remaining
            .checked_sub(content.len())
            .ok_or_else(|| io::Error::other(format!("the files have more than {MAX_BYTES} bytes")))?;
        found.push((format!("/{name}"), content.into()));
    }
    Ok(found)
}

/// Returns an entity tag, which differs for different content.
fn tag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Returns whether the client has a current copy.
fn is_cached(request: &HeaderMap, tag: &str) -> bool {
    let cached = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    cached
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// Returns the policy on one line, with the origins that may embed the page.
fn policy(embedders: &[Origin]) -> HeaderValue {
    let embedders: Vec<_> = embedders.iter().filter_map(|origin| origin.0.to_str().ok()).collect();
    let directives = PAGE_POLICY.lines().map(|directive| {
        if directive.starts_with(FRAME_ANCESTORS) && !embedders.is_empty() {
            format!("{FRAME_ANCESTORS} {}", embedders.join(" "))
        } else {
            directive.to_owned()
        }
    });
    let line = directives.collect::<Vec<_>>().join("; ");
    HeaderValue::try_from(line).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "ttf" => "font/ttf",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Returns the caching policy. File names below `/assets/` contain a hash of the content; the content of other files may
/// change.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_matches_in_any_list() {
        for (cached, matches) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::IF_NONE_MATCH, HeaderValue::from_static(cached));
            assert_eq!(is_cached(&request, "\"a\""), matches, "{cached}");
        }
    }

    #[test]
    fn the_policy_lists_the_origins_that_may_embed_the_page() {
        let policy_of = |embedders: &[Origin]| policy(embedders).to_str().unwrap_or_default().to_owned();
        assert!(policy_of(&[]).starts_with("default-src 'none'; "));
        assert!(policy_of(&[]).contains("frame-ancestors 'none'"));
        let blog = [Origin(HeaderValue::from_static("https://a.example"))];
        assert!(policy_of(&blog).contains("frame-ancestors https://a.example;"));
    }
}
