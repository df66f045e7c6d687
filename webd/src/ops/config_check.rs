//! What of a valid configuration will fail on this host. `webd --check-config` reports it, and webd logs it when it starts.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hyper::http::uri::Authority;
use nix::unistd::{AccessFlags, access};

use crate::ops::config::Config;
use crate::ops::key_files;

/// Maximum length of the path of a socket in bytes, see unix(7).
const MAX_SOCKET_PATH: usize = 107;
/// The beginning of a certificate in PEM, RFC 7468.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// What was found in a configuration, worded for the administrator.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What will fail.
    pub(crate) problems: Vec<String>,
    /// What is missing, although the configuration does not ask for it: the default of a key.
    pub(crate) warnings: Vec<String>,
}

impl Findings {
    /// Writes all of it to the log.
    pub(crate) fn log(&self) {
        self.problems.iter().for_each(|problem| tracing::error!("{problem}"));
        self.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    }

    fn add(&mut self, is_default: bool, message: Option<String>) {
        if is_default { &mut self.warnings } else { &mut self.problems }.extend(message);
    }
}

/// Checks the configuration, in the order of its file.
pub(crate) fn check(config: &Config) -> Findings {
    let default = Config::default();
    let mut findings = Findings::default();
    let socket = &config.socket;
    let is_too_long = socket.as_os_str().as_bytes().len() > MAX_SOCKET_PATH;
    let too_long =
        is_too_long.then(|| format!("socket: {} is longer than {MAX_SOCKET_PATH} bytes", socket.display()));
    findings.add(false, too_long);
    let page = config.web.join("index.html");
    let no_page = (!page.is_file())
        .then(|| format!("web: {} is not a file, so the page is not served", page.display()));
    findings.add(config.web == default.web, no_page);
    let hosts = config.allowed_hosts.iter().filter(|host| !is_host(host));
    findings.problems.extend(hosts.map(|host| {
        format!(
            "allowed_hosts: {host:?} must be a host without a scheme, a port or a path, such as example.org"
        )
    }));
    findings.add(config.state == default.state && !config.submissions.enabled, state_problem(&config.state));
    findings.problems.extend(key_files::check(&config.keys.file).err());
    let authorities = &config.submissions.callback_ca;
    let is_default = *authorities == default.submissions.callback_ca;
    if !is_default || config.submissions.enabled {
        findings.add(is_default, authorities_problem(authorities));
    }
    findings
}

/// Returns whether a text can be equal to the host of a request, from which webd removes the port.
fn is_host(text: &str) -> bool {
    let authority = text.parse::<Authority>();
    authority.is_ok_and(|authority| authority.host() == text && !text.is_empty())
}

fn state_problem(directory: &Path) -> Option<String> {
    let lost = "the usage of keys and submissions cannot be stored";
    if !directory.is_dir() {
        return Some(format!("state: {} is not a directory, so {lost}", directory.display()));
    }
    let error = access(directory, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
    Some(format!("state: cannot write to {}, so {lost}: {error}", directory.display()))
}

fn authorities_problem(file: &Path) -> Option<String> {
    let (key, file_name) = ("submissions.callback_ca", file.display());
    match std::fs::read(file) {
        Err(error) => Some(format!("{key}: cannot read {file_name}: {error}")),
        Ok(text) if text.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE) => None,
        Ok(_) => Some(format!("{key}: {file_name} has no certificate in PEM")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case: a part of the message, and what is wrong.
    type Case = (&'static str, fn(&mut Config));

    #[test]
    fn what_will_fail_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("index.html"), "").unwrap();
        std::fs::write(path("ca.pem"), CERTIFICATE).unwrap();
        let good = || {
            let mut config =
                Config { web: path(""), state: directory.path().to_owned(), ..Config::default() };
            config.submissions.callback_ca = path("ca.pem");
            config
        };
        assert_eq!(check(&good()), Findings::default());
        let cases: [Case; 9] = [
            ("web: /nonexistent/index.html is not a file", |config| config.web = "/nonexistent".into()),
            ("state: /nonexistent is not a directory", |config| config.state = "/nonexistent".into()),
            ("/proc/version has no certificate in PEM", |config| {
                config.submissions.callback_ca = "/proc/version".into();
            }),
            ("submissions.callback_ca: cannot read /nonexistent", |config| {
                config.submissions.callback_ca = "/nonexistent".into();
            }),
            ("keys.file: /nonexistent does not exist", |config| config.keys.file = "/nonexistent".into()),
            ("allowed_hosts: \"https://a.example\" must be a host", |config| {
                config.allowed_hosts = vec!["a.example".to_owned(), "https://a.example".to_owned()];
            }),
            ("allowed_hosts: \"a.example:80\" must be a host", |config| {
                config.allowed_hosts = vec!["[::1]".to_owned(), "a.example:80".to_owned()];
            }),
            ("allowed_hosts: \"\" must be a host", |config| config.allowed_hosts = vec![String::new()]),
            ("is longer than 107 bytes", |config| config.socket = format!("/{}", "x".repeat(107)).into()),
        ];
        for (expected, change) in cases {
            let mut config = good();
            change(&mut config);
            let Findings { problems, warnings } = check(&config);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{expected}: {problems:?}");
            assert_eq!(warnings, Vec::<String>::new());
        }
    }

    #[test]
    fn a_default_that_does_not_exist_is_a_warning() {
        let Findings { problems, warnings } = check(&Config::default());
        assert_eq!(problems, Vec::<String>::new());
        assert!(
            warnings.iter().all(|warning| warning.starts_with("web: ") || warning.starts_with("state: "))
        );
    }
}
