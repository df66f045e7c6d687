//! The URLs that are accepted for callbacks.

use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::Authority;
use serde::Deserialize;

use crate::domain::callbacks::address::is_public;

/// Bytes of a URL.
pub(crate) const MAX_URL: usize = 2048;

/// A URL that a callback may be sent to. Its `Debug` does not show the path, which may have a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CallbackUrl {
    uri: Uri,
    host: String,
    port: u16,
    is_tls: bool,
    is_listed: bool,
}

/// A host that the administrator lists: callbacks to it may be plain HTTP, and its addresses may be private. `name`, or
/// `name:port` for one port only; a name is also an address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CallbackHost {
    name: String,
    port: Option<u16>,
}

impl CallbackUrl {
    /// Checks a URL that a client named.
    ///
    /// # Errors
    /// The requirement; the caller names the field before it.
    pub(crate) fn parse(text: &str, hosts: &[CallbackHost]) -> Result<Self, String> {
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() > MAX_URL {
            return Err(format!("must be at most {MAX_URL} bytes long"));
        }
        let uri = Some(text)
            .filter(|text| is_visible && !text.contains('#'))
            .and_then(|text| text.parse::<Uri>().ok());
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
        let (Some(uri), Some((scheme, authority))) = (&uri, parts) else {
            return Err("must be a URL such as https://example.org/done, without a fragment".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err("must not have a user name or a password".to_owned());
        }
        let (is_tls, default_port) = match scheme {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err("must begin with https://".to_owned()),
        };
        let (host, port) = (host_name(authority), port(authority)?.unwrap_or(default_port));
        if host.is_empty() || port == 0 {
            return Err("must have a host, and a port other than 0 if it has one".to_owned());
        }
        let is_listed = hosts.iter().any(|listed| listed.matches(&host, port));
        if !is_tls && !is_listed {
            return Err("must begin with https://".to_owned());
        }
        if !is_listed && host.parse::<IpAddr>().is_ok_and(|address| !is_public(address)) {
            return Err("must not have an address that is not public".to_owned());
        }
        Ok(Self { uri: uri.clone(), host, port, is_tls, is_listed })
    }

    /// Returns the host: a name, or an address without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the scheme is `https`.
    pub(crate) const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns whether the host may have an address that is not public.
    pub(crate) const fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// Returns the value of the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", Authority::as_str)
    }

    /// Returns the path and the query.
    pub(crate) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

impl std::fmt::Debug for CallbackUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "CallbackUrl({})", self.authority())
    }
}

impl CallbackHost {
    fn matches(&self, host: &str, port: u16) -> bool {
        self.name == host && self.port.is_none_or(|listed| listed == port)
    }
}

impl TryFrom<String> for CallbackHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a host such as grader.example.org or 10.0.0.5:8080");
        let authority: Authority = text.parse().map_err(|_| wrong())?;
        let (name, port) = (host_name(&authority), port(&authority).map_err(|_| wrong())?);
        if name.is_empty() || port == Some(0) || text.contains(['@', '*']) {
            return Err(wrong());
        }
        Ok(Self { name, port })
    }
}

/// Returns the host in lower case, and an IPv6 address without its brackets.
fn host_name(authority: &Authority) -> String {
    authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

/// Returns the port, if there is one.
fn port(authority: &Authority) -> Result<Option<u16>, String> {
    let after_host = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    match after_host.get(authority.host().len()..) {
        None | Some("" | ":") => Ok(None),
        Some(port) => {
            let number = port.strip_prefix(':').and_then(|port| port.parse().ok());
            number.map(Some).ok_or_else(|| "must have a port below 65536".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(texts: &[&str]) -> Vec<CallbackHost> {
        texts.iter().map(|text| CallbackHost::try_from((*text).to_owned()).unwrap()).collect()
    }

    #[test]
    fn a_url_is_https_and_has_no_private_address() {
        let check = |text: &str, expected: &str| {
            let result = match CallbackUrl::parse(text, &[]) {
                Ok(url) => format!("{} {} {}", url.host(), url.port(), url.path_and_query()),
                Err(message) => message,
            };
            assert!(result.contains(expected), "{text}: {result}");
        };
        check("https://example.org", "example.org 443 /");
        check("HTTPS://Example.org:8443/a?b=c", "example.org 8443 /a?b=c");
        check("https://example.org:/a", "example.org 443 /a");
        check("https://1.1.1.1/", "1.1.1.1 443 /");
        check("https://[2606:4700::1111]:444/x", "2606:4700::1111 444 /x");
        check("http://example.org", "must begin with https://");
        check("ftp://example.org", "must begin with https://");
        check("example.org", "must be a URL");
        check("/done", "must be a URL");
        check("", "must be a URL");
        check("https://", "must");
        check("https://:443/", "must");
        check("https://example.org/#a", "without a fragment");
        check("https://example.org/ a", "must be a URL");
        check("https://example.org/\r\nX: y", "must be a URL");
        check("https://exämple.org/", "must be a URL");
        check("https://user@example.org/", "must not have a user name");
        check("https://example.org:0/", "a port other than 0");
        check("https://example.org:65536/", "must");
        check(&format!("https://example.org/{}", "a".repeat(MAX_URL)), "at most 2048 bytes");
        for private in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]
        {
            check(&format!("https://{private}/"), "not public");
        }
    }

    #[test]
    fn a_listed_host_may_be_private_and_plain() {
        let listed = hosts(&["grader.example.org", "10.0.0.5:8080", "[fd00::1]"]);
        let check = |text: &str, expected: Option<bool>| {
            let parsed = CallbackUrl::parse(text, &listed).ok();
            assert_eq!(parsed.map(|url| url.is_listed()), expected, "{text}");
        };
        check("http://grader.example.org/done", Some(true));
        check("https://GRADER.example.org:99/done", Some(true));
        check("http://10.0.0.5:8080/done", Some(true));
        check("http://10.0.0.5/done", None);
        check("https://10.0.0.5:8081/done", None);
        check("http://[fd00::1]:5000/", Some(true));
        check("http://x.grader.example.org/", None);
        check("http://grader.example.org./", None);
        check("https://other.example.org/", Some(false));
    }

    #[test]
    fn a_host_of_the_list_is_a_name_or_an_address() {
        for wrong in ["", "http://a.example", "a.example/x", "u@a.example", "a:0", "a:99999", "*", ":80"] {
            let parsed = CallbackHost::try_from(wrong.to_owned());
            assert!(parsed.is_err(), "{wrong}: {parsed:?}");
        }
    }
}
