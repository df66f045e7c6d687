//! The page: files of the built web directory, or a word about how to build it. They are read once, when webd starts:
//! no request opens a file, and a path that is not in the table leads nowhere.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{fs, io};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::http::error::ApiError;
use crate::ops::config::Origin;

/// What the page may load and do, a directive a line. The page is built with the same policy inside.
const PAGE_POLICY: &str = include_str!("../../web/policy.txt");
/// The directive that says who may show the page within another.
const FRAMED_BY: &str = "frame-ancestors";
/// The query with which the page is made to be shown within another.
const EMBEDDED: &str = "embed=1";
/// The page uses no device, and tells nobody anything.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
    geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=(), \
    clipboard-write=(self)";
/// What stands where the page would be.
const NOT_BUILT: &str = include_str!("not_built.html");
/// What a page may weigh, packed and unpacked. More is not a page, but a mistake in the configuration.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The encodings in which a file may lie beside itself, the better first: what a client calls it, and how its name ends.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// Files of one directory, as they were when webd started.
#[derive(Clone, Debug)]
pub(crate) struct StaticFiles {
    files: HashMap<String, File>,
    /// What the page may do, and what it may do where others show it.
    policy: HeaderValue,
    embedded_policy: HeaderValue,
}

/// A file in each encoding that there is of it.
#[derive(Clone, Debug, Default)]
struct File {
    plain: Bytes,
    /// In the order of [`ENCODINGS`].
    encoded: [Option<Bytes>; ENCODINGS.len()],
    tag: String,
}

impl StaticFiles {
    /// Of this directory; if it is not there, the page is not built. Pages of `embedders` may show ours within them.
    pub(crate) fn new(directory: &Path, embedders: &[Origin]) -> Self {
        let files = read(directory).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(%error, directory = %directory.display(), "the page is not served");
            }
            HashMap::new()
        });
        Self { files, policy: policy(&[]), embedded_policy: policy(embedders) }
    }

    /// The file at the request's path.
    pub(crate) fn serve(&self, request: &Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return ApiError::not_found().into_response();
        }
        let path = request.uri().path();
        let name = if path == "/" { "/index.html" } else { path };
        let mut response = match self.files.get(name) {
            Some(file) => file.answer(name, request.headers()),
            None if path == "/" => {
                ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()
            }
            None => return ApiError::not_found().into_response(),
        };
        let asked = request.uri().query().unwrap_or_default();
        self.guard(response.headers_mut(), asked.split('&').any(|part| part == EMBEDDED));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(path)));
        response
    }

    /// Where others may show the page, `X-Frame-Options` still says no: browsers that know the policy do not look at it.
    fn guard(&self, headers: &mut HeaderMap, embedded: bool) {
        let policy = if embedded { &self.embedded_policy } else { &self.policy };
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
    }
}

impl File {
    fn answer(&self, name: &str, asked: &HeaderMap) -> Response {
        let chosen = ENCODINGS
            .iter()
            .zip(&self.encoded)
            .filter_map(|((encoding, _), bytes)| Some((*encoding, bytes.as_ref()?)))
            .find(|(encoding, _)| accepts(asked, encoding));
        let tag = match chosen {
            Some((encoding, _)) => format!("\"{}-{encoding}\"", self.tag),
            None => format!("\"{}\"", self.tag),
        };
        let mut response = if knows(asked, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let bytes = chosen.map_or(&self.plain, |(_, bytes)| bytes);
            ([(header::CONTENT_TYPE, content_type(name))], bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        if let Some((encoding, _)) = chosen
            && !knows(asked, &tag)
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

/// Every file below the directory, by its path in an address.
fn read(directory: &Path) -> io::Result<HashMap<String, File>> {
    let mut files: HashMap<String, File> = HashMap::new();
    let mut left = MAX_BYTES;
    for (name, content) in contents(directory, &mut left)? {
        let encoding = ENCODINGS.iter().position(|(_, ending)| {
            Path::new(&name).extension().is_some_and(|extension| extension == *ending)
        });
        match encoding {
            Some(index) => {
                let of = name.rsplit_once('.').map_or(&*name, |(of, _)| of);
                if let Some(slot) = files.entry(of.to_owned()).or_default().encoded.get_mut(index) {
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

fn contents(directory: &Path, left: &mut usize) -> io::Result<Vec<(String, Bytes)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().is_dir() {
            let below = contents(&entry.path(), left)?;
            found.extend(below.into_iter().map(|(path, content)| (format!("/{name}{path}"), content)));
            continue;
        }
        let content = fs::read(entry.path())?;
        *left = left
            .checked_sub(content.len())
            .ok_or_else(|| io::Error::other(format!("there is more than {MAX_BYTES} bytes")))?;
        found.push((format!("/{name}"), content.into()));
    }
    Ok(found)
}

/// Differs where the content does.
fn tag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Whether the client takes this encoding: it is listed, and not with a weight of zero.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    let listed = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|list| list.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// Whether the client has what we would send.
fn knows(asked: &HeaderMap, tag: &str) -> bool {
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// The policy on one line, with the pages that may show ours.
fn policy(embedders: &[Origin]) -> HeaderValue {
    let embedders: Vec<_> = embedders.iter().filter_map(|origin| origin.0.to_str().ok()).collect();
    let directives = PAGE_POLICY.lines().map(|directive| {
        if directive.starts_with(FRAMED_BY) && !embedders.is_empty() {
            format!("{FRAMED_BY} {}", embedders.join(" "))
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

/// Names below `/assets/` carry a hash of what is in them; all others may change under the same name.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_taken_where_it_is_listed() {
        for (listed, taken) in [
            ("br", true),
            ("gzip, deflate, br", true),
            ("gzip;q=1.0, BR ; q=0.5", true),
            ("gzip", false),
            ("br;q=0", false),
            ("br; q=0.000", false),
            ("", false),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(listed));
            assert_eq!(accepts(&asked, "br"), taken, "{listed}");
        }
        assert!(!accepts(&HeaderMap::new(), "br"));
    }

    #[test]
    fn a_tag_is_known_in_any_list() {
        for (known, same) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::IF_NONE_MATCH, HeaderValue::from_static(known));
            assert_eq!(knows(&asked, "\"a\""), same, "{known}");
        }
    }

    #[test]
    fn the_policy_names_who_may_show_the_page() {
        let said = |embedders: &[Origin]| policy(embedders).to_str().unwrap_or_default().to_owned();
        assert!(said(&[]).starts_with("default-src 'none'; "));
        assert!(said(&[]).contains("frame-ancestors 'none'"));
        let blog = [Origin(HeaderValue::from_static("https://a.example"))];
        assert!(said(&blog).contains("frame-ancestors https://a.example;"));
    }
}
