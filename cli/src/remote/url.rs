//! The URL of a server: scheme, host, port, and the path before `/api`.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// Bytes of a URL.
const MAX_URL: usize = 2048;

/// The URL of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    is_tls: bool,
    /// Name or address, without brackets.
    host: String,
    port: u16,
    /// As in the `Host` header.
    authority: String,
    /// Path before `/api`, without a slash at its end.
    base: String,
}

impl ServerUrl {
    /// Returns the host: a name, or an address without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the value of the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns whether the scheme is `https`.
    pub(crate) const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns the path of a resource of the API.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl FromStr for ServerUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const INVALID: &str = "expected a URL such as https://executor.example.org";
        let is_visible = text.len() <= MAX_URL && text.bytes().all(|byte| byte.is_ascii_graphic());
        let uri: Uri = Some(text).filter(|_| is_visible).and_then(|text| text.parse().ok()).ok_or(INVALID)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(INVALID);
        };
        if authority.as_str().contains('@') {
            return Err("the URL must not have a user name or a password; use --key-from");
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("the URL must not have a query or a fragment");
        }
        let (is_tls, default_port) = match scheme {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err("the URL must begin with https:// or http://"),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let has_port = authority.as_str().len() > authority.host().len();
        let port = if has_port { authority.port_u16().ok_or(INVALID)? } else { default_port };
        if host.is_empty() || port == 0 {
            return Err(INVALID);
        }
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { is_tls, host, port, authority: authority.as_str().to_owned(), base })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, path: &str) {
        let url: ServerUrl = text.parse().unwrap();
        assert_eq!((url.host(), url.port(), &*url.path("/api/session")), (host, port, path));
        assert_eq!(url.to_string(), text.trim_end_matches('/'));
    }

    #[test]
    fn a_url_names_a_host_and_may_have_a_path() {
        check("https://executor.example", "executor.example", 443, "/api/session");
        check("https://executor.example/", "executor.example", 443, "/api/session");
        check("http://127.0.0.1:3000", "127.0.0.1", 3000, "/api/session");
        check("http://[::1]:3000/run/", "::1", 3000, "/run/api/session");
        check("https://[2001:db8::1]", "2001:db8::1", 443, "/api/session");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "executor.example",
            "localhost:3000",
            "/run",
            "ftp://a",
            "wss://a",
            "https://",
            "https://a b",
            "https://user:secret@a",
            "https://a?key=1",
            "https://a/#x",
            "https://a:0",
            "https://a:99999",
            "https://a:",
        ] {
            assert!(text.parse::<ServerUrl>().is_err(), "{text:?}");
        }
    }
}
