//! What of a valid configuration will fail on this host. `executord --check-config` reports it, and the daemon logs it when it
//! starts.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::unistd::{Group, User};
use protocol::quantity::Value;
use protocol::{ByteCount, LIMITS, Limits};
use tracing::{error, warn};

use crate::admission::limits::LimitSettings;
use crate::config::{Config, cores, host_memory};
use crate::identity;
use crate::languages::packages::check_owner;
use crate::languages::registry::Registry;

/// Directories that the systemd unit hides from executord, and the setting that hides them.
const HIDDEN: [(&str, &str); 5] = [
    ("/home", "ProtectHome="),
    ("/root", "ProtectHome="),
    ("/run/user", "ProtectHome="),
    ("/tmp", "PrivateTmp="),
    ("/var/tmp", "PrivateTmp="),
];

/// Directories that every sandbox has of its own, and in which it has files of its own.
const OF_SANDBOX: [&str; 6] = ["/proc", "/sys", "/dev", "/box", "/build", "/launcher"];
/// Directories with files of every sandbox, in which a host directory can be mounted.
const PARTLY_OF_SANDBOX: [&str; 2] = ["/", "/etc"];

/// Where `systemctl edit executord` keeps changes of the unit.
const DROP_INS: &str = "/etc/systemd/system/executord.service.d";

/// Maximum length of the path of a socket in bytes, see unix(7).
const MAX_SOCKET_PATH: usize = 107;

/// What was found in a configuration, worded for the administrator.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What will fail.
    pub(crate) problems: Vec<String>,
    /// What has no effect, or another than it seems to have.
    pub(crate) warnings: Vec<String>,
}

impl Findings {
    /// Writes all of it to the log.
    pub(crate) fn log(&self) {
        self.problems.iter().for_each(|problem| error!("{problem}"));
        self.warnings.iter().for_each(|warning| warn!("{warning}"));
    }
}

/// Checks everything apart from the languages, in the order of the configuration file.
pub(crate) fn check(config: &Config) -> Findings {
    let mut problems = directories(config);
    problems.extend(users(config));
    problems.extend(socket(config));
    let maxima = config.maxima();
    let sections = [("run", &config.limits.run), ("compile", &config.limits.compile)];
    for (section, settings) in sections {
        problems.extend(above(&format!("limits.{section}"), settings, &maxima));
    }
    for (section, settings) in sections.into_iter().chain([("maximum", &config.limits.maximum)]) {
        if let Some(limit) = settings.over(&Limits::MAXIMA).below_minimum() {
            let minimum = limit.written(&Limits::MINIMA);
            problems.push(format!("limits.{section}.{}: must be at least {minimum}", limit.name));
        }
    }
    let run_memory = config.run_limits(&LimitSettings::default()).memory;
    if let Some(memory) = config.memory.map(|memory| memory.0).filter(|&memory| memory < run_memory) {
        problems.push(format!(
            "memory: {} for all programs together is less than the {} that each may use (limits.run.memory)",
            memory.written(),
            run_memory.written()
        ));
    }
    Findings { problems, warnings: more_than_the_host_has(config) }
}

/// Checks the language files, and the settings of languages.
pub(crate) fn check_languages(config: &Config, languages: &Registry) -> Findings {
    let mut problems = Vec::new();
    if languages.all().next().is_none() {
        problems.push("languages: there is no language file in any of the directories".to_owned());
    }
    for (language, libraries) in &config.libraries {
        let key = format!("libraries.{language}");
        let mut of_language = languages.all().filter(|toolchain| toolchain.name == *language).peekable();
        if of_language.peek().is_none() {
            problems.push(format!("{key}: there is no language of this name"));
        } else if !of_language.any(|toolchain| toolchain.has_libraries()) {
            problems.push(format!("{key}: the commands of this language use no libraries"));
        }
        for library in libraries {
            problems.extend(hidden(&key, library));
            if !library.exists() {
                problems.push(format!("{key}: {} does not exist", library.display()));
            }
        }
    }
    let mut warnings = Vec::new();
    for toolchain in languages.all() {
        let file = toolchain.file.display();
        let own = toolchain.mounts.iter().filter(|mount| !toolchain.libraries.contains(&mount.source));
        for mount in own {
            let key = format!("{file}: mounts");
            problems.extend(hidden(&key, &mount.source));
            problems.extend(in_the_way(&key, &mount.target));
        }
        warnings.extend(toolchain.lowered_limits.iter().map(|message| format!("{file}: {message}")));
    }
    Findings { problems, warnings }
}

fn directories(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_executable(&config.helper) {
        problems.push(format!("helper: {} is not an executable file", config.helper.display()));
    }
    let is_default = config.languages == Config::default().languages;
    let directories = config.languages.iter().filter(|directory| !is_default && !directory.is_dir());
    problems.extend(directories.map(|directory| missing("languages", directory)));
    for directory in &config.toolchains {
        problems.extend(hidden("toolchains", directory));
        problems.extend(in_the_way("toolchains", directory));
        if !directory.is_dir() {
            problems.push(missing("toolchains", directory));
        }
    }
    if config.packages.exists() {
        problems.extend(check_owner(&config.packages).err().map(|error| format!("packages: {error}")));
    }
    if let Some(other) = config.runtime_directory.ancestors().find(|path| path.exists() && !path.is_dir()) {
        problems.push(format!("runtime_directory: {} is not a directory", other.display()));
    }
    problems
}

fn users(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if !matches!(User::from_name(&config.webd_user), Ok(Some(_))) {
        problems.push(format!("webd_user: there is no user {}", config.webd_user));
    }
    // Most hosts are no server of a cluster.
    let is_default = config.noded_user == Config::default().noded_user;
    if !is_default && !matches!(User::from_name(&config.noded_user), Ok(Some(_))) {
        problems.push(format!("noded_user: there is no user {}", config.noded_user));
    }
    problems.extend(identity::check_range(config.uids).err().map(|error| format!("uids: {error}")));
    problems
}

fn socket(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let path = config.socket_path();
    if path.as_os_str().as_bytes().len() > MAX_SOCKET_PATH {
        problems.push(format!("socket.path: {} is longer than {MAX_SOCKET_PATH} bytes", path.display()));
    }
    // The daemon creates its runtime directory.
    let directory = path.parent().filter(|&directory| directory != config.runtime_directory);
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        problems.push(missing("socket.path", directory));
    }
    if !matches!(Group::from_name(config.socket_group()), Ok(Some(_))) {
        problems.push(format!(
            "socket.group: there is no group {}, so only root and {} can connect",
            config.socket_group(),
            config.webd_user
        ));
    }
    problems
}

fn more_than_the_host_has(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let host = ByteCount(host_memory());
    if let Some(memory) = config.memory.map(|memory| memory.0).filter(|&memory| memory > host) {
        let host = host.described();
        warnings.push(format!("memory: {} is more than the {host} of this host", memory.written()));
    }
    let cores = cores();
    if config.cpus > cores {
        warnings.push(format!("cpus: {} is more than the {cores} cores of this host", config.cpus));
    }
    warnings
}

/// Returns a message for each limit that a section sets above its maximum, to which it would be lowered.
pub(crate) fn above(section: &str, settings: &LimitSettings, maxima: &Limits) -> Vec<String> {
    let limits = settings.over(maxima);
    let above = LIMITS.iter().filter(|limit| limit.number(&limits) > limit.number(maxima));
    let message = |limit: &protocol::LimitInfo| {
        let (name, value, maximum) = (limit.name, limit.written(&limits), limit.written(maxima));
        format!("{section}.{name}: {value} is above the maximum of {maximum}; raise limits.maximum.{name}")
    };
    above.map(message).collect()
}

fn hidden(key: &str, path: &Path) -> Option<String> {
    let (directory, setting) = HIDDEN.iter().find(|(directory, _)| path.starts_with(directory))?;
    if is_relaxed(setting) {
        return None;
    }
    Some(format!(
        "{key}: {} is below {directory}, which the systemd unit hides from executord ({setting}); move it, for example to \
         /opt",
        path.display()
    ))
}

/// Returns a message about a directory of the host that would take the place of the sandbox's own.
fn in_the_way(key: &str, path: &Path) -> Option<String> {
    let is_own = OF_SANDBOX.iter().any(|directory| path.starts_with(directory));
    let is_partly_own = PARTLY_OF_SANDBOX.iter().any(|directory| path == Path::new(directory));
    (is_own || is_partly_own).then(|| {
        format!(
            "{key}: {} is a directory of the sandbox itself; name only what the language needs",
            path.display()
        )
    })
}

/// Returns whether the administrator has changed a setting of the unit so that it hides nothing.
fn is_relaxed(setting: &str) -> bool {
    let files = std::fs::read_dir(DROP_INS).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).any(|line| {
        line.trim()
            .strip_prefix(setting)
            .is_some_and(|value| ["no", "false", "off", "0", "read-only"].contains(&value))
    })
}

fn missing(key: &str, directory: &Path) -> String {
    format!("{key}: {} is not a directory", directory.display())
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::{check, check_languages};
    use crate::config::Config;
    use crate::languages::shipped::shipped;

    fn config(text: &str) -> Config {
        // This host may have no other users, and no packages.
        let users = if text.contains("webd_user") { "" } else { "webd_user = \"root\"" };
        let socket = if text.contains("socket") { "" } else { "socket = { group = \"root\" }" };
        toml::from_str(&format!("helper = \"/bin/sh\"\n{users}\n{socket}\n{text}")).unwrap()
    }

    fn problems(text: &str) -> Vec<String> {
        let config = config(text);
        [check(&config).problems, check_languages(&config, &shipped()).problems].concat()
    }

    #[test]
    fn what_will_fail_is_reported() {
        assert_eq!(problems(""), Vec::<String>::new());
        assert_eq!(problems("toolchains = [\"/usr\"]\n[limits.run]\nmemory = \"2GiB\"").len(), 0);
        let long = format!("/{}", "x".repeat(107));
        let account = std::fs::read_to_string("/etc/passwd").unwrap();
        let is_large =
            |line: &&str| line.split(':').nth(2).is_some_and(|id| id.parse().is_ok_and(|id: u32| id > 1000));
        let account = account.lines().find(is_large).map(|line| line.split(':').collect::<Vec<_>>());
        for (text, expected) in [
            ("languages = [\"/nonexistent\"]", "languages: /nonexistent is not a directory"),
            ("toolchains = [\"/nonexistent\"]", "toolchains: /nonexistent is not a directory"),
            (
                "toolchains = [\"/\"]",
                "toolchains: / is a directory of the sandbox itself; name only what the language needs",
            ),
            (
                "toolchains = [\"/etc/\"]",
                "toolchains: /etc/ is a directory of the sandbox itself; name only what the language needs",
            ),
            (
                "toolchains = [\"/proc/sys\"]",
                "toolchains: /proc/sys is a directory of the sandbox itself; name only what the language needs",
            ),
            ("libraries = { java = [\"/nonexistent\"] }", "libraries.java: /nonexistent does not exist"),
            ("libraries = { abc = [\"/usr\"] }", "libraries.abc: there is no language of this name"),
            (
                "libraries = { python = [\"/usr\"] }",
                "libraries.python: the commands of this language use no libraries",
            ),
            (
                "packages = \"/etc/passwd\"",
                "packages: /etc/passwd must be a directory that only root can write to",
            ),
            ("packages = \"/tmp\"", "packages: /tmp must be a directory that only root can write to"),
            ("runtime_directory = \"/bin/sh/run\"", "runtime_directory: /bin/sh is not a directory"),
            ("webd_user = \"nobody-has-it\"", "webd_user: there is no user nobody-has-it"),
            ("noded_user = \"nobody-has-it\"", "noded_user: there is no user nobody-has-it"),
            (
                "socket = { group = \"nobody-has-it\" }",
                "socket.group: there is no group nobody-has-it, so only root and root can connect",
            ),
            (
                "socket = { path = \"/nonexistent/socket\", group = \"root\" }",
                "socket.path: /nonexistent is not a directory",
            ),
            (
                &format!("socket = {{ path = {long:?}, group = \"root\" }}"),
                &format!("socket.path: {long} is longer than 107 bytes"),
            ),
            (
                "memory = \"1MiB\"",
                "memory: 1MiB for all programs together is less than the 256MiB that each may use (limits.run.memory)",
            ),
            (
                "[limits.run]\nmemory = \"4GiB\"",
                "limits.run.memory: 4GiB is above the maximum of 2GiB; raise limits.maximum.memory",
            ),
            (
                "[limits.maximum]\nprocesses = 8\n[limits.compile]\nprocesses = 9",
                "limits.compile.processes: 9 is above the maximum of 8; raise limits.maximum.processes",
            ),
            ("[limits.maximum]\nmemory = \"1MiB\"", "limits.maximum.memory: must be at least 4MiB"),
        ] {
            assert_eq!(problems(text), [expected], "{text}");
        }
        let hidden = &problems("toolchains = [\"/home/me/swift\"]")[0];
        assert!(hidden.contains("below /home") && hidden.contains("ProtectHome="), "{hidden}");
        if let Some(account) = account {
            let (name, id) = (account[0], account[2].parse::<u32>().unwrap());
            let found = problems(&format!("uids = {{ first = {id}, last = {} }}\nslots = 1", id + 1000));
            assert!(
                found[0].starts_with(&format!("uids: {name} in /etc/passwd has an id between")),
                "{found:?}"
            );
        }
        let config: Config = toml::from_str("helper = \"/nonexistent\"").unwrap();
        assert_eq!(check(&config).problems[0], "helper: /nonexistent is not an executable file");
    }

    #[test]
    fn what_has_no_effect_is_a_warning() {
        let warnings = |text: &str| check(&config(text)).warnings;
        assert_eq!(warnings(""), Vec::<String>::new());
        let found = warnings("memory = \"999GiB\"\ncpus = 10000");
        assert!(found[0].starts_with("memory: 999GiB is more than the "), "{found:?}");
        assert!(found[1].starts_with("cpus: 10000 is more than the "), "{found:?}");
    }

    #[test]
    fn mistakes_in_language_files_are_reported() {
        let directory = tempfile::tempdir().unwrap();
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/languages/bash.toml");
        let text = std::fs::read_to_string(shipped).unwrap();
        let text = format!("mounts = [\"/home/me\"]\n{text}\n[run.limits]\nmemory = \"3GiB\"\n");
        std::fs::write(directory.path().join("bash.toml"), text).unwrap();
        let config = config(&format!("languages = [{:?}]", directory.path()));
        let found = check_languages(&config, &crate::languages::load::registry(&config).unwrap());
        assert!(found.problems[0].contains("bash.toml: mounts: /home/me is below /home"), "{found:?}");
        let lowered =
            "bash.toml: run.limits.memory: 3GiB is above the maximum of 2GiB; raise limits.maximum.memory";
        assert!(found.warnings[0].ends_with(lowered), "{found:?}");
    }
}
