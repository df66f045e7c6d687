//! `executord --check-config`: what of a valid configuration will fail on this host.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use protocol::{LIMITS, Limits};

use crate::admission::limits::LimitSettings;
use crate::config::Config;
use crate::languages::registry::Registry;

/// Directories that the systemd unit hides from executord, and the setting that hides them.
const HIDDEN: [(&str, &str); 5] = [
    ("/home", "ProtectHome="),
    ("/root", "ProtectHome="),
    ("/run/user", "ProtectHome="),
    ("/tmp", "PrivateTmp="),
    ("/var/tmp", "PrivateTmp="),
];

/// Where `systemctl edit executord` keeps changes of the unit.
const DROP_INS: &str = "/etc/systemd/system/executord.service.d";

/// Returns everything that will fail, worded for the administrator, in the order of the configuration file.
pub(crate) fn problems(config: &Config, languages: &Registry) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_executable(&config.helper) {
        problems.push(format!("helper: {} is not an executable file", config.helper.display()));
    }
    let is_default = config.languages == Config::default().languages;
    let directories = config.languages.iter().filter(|directory| !is_default && !directory.is_dir());
    problems.extend(directories.map(|directory| missing("languages", directory)));
    if languages.all().next().is_none() {
        problems.push("languages: there is no language file in any of the directories".to_owned());
    }
    for directory in &config.toolchains {
        problems.extend(hidden("toolchains", directory));
        if !directory.is_dir() {
            problems.push(missing("toolchains", directory));
        }
    }
    for (language, libraries) in &config.libraries {
        let key = format!("libraries.{language}");
        if languages.all().all(|toolchain| toolchain.name != *language) {
            problems.push(format!("{key}: there is no language of this name"));
        }
        for library in libraries {
            problems.extend(hidden(&key, library));
            if !library.exists() {
                problems.push(format!("{key}: {} does not exist", library.display()));
            }
        }
    }
    if let Some(other) = config.runtime_directory.ancestors().find(|path| path.exists() && !path.is_dir()) {
        problems.push(format!("runtime_directory: {} is not a directory", other.display()));
    }
    let sections = [("run", &config.limits.run), ("compile", &config.limits.compile)];
    let maxima = config.maxima();
    for (section, settings) in sections {
        problems.extend(above(section, settings, &maxima));
    }
    for (section, settings) in sections.into_iter().chain([("maximum", &config.limits.maximum)]) {
        if let Some(limit) = settings.over(&Limits::MAXIMA).below_minimum() {
            let minimum = limit.written(&Limits::MINIMA);
            problems.push(format!("limits.{section}.{}: must be at least {minimum}", limit.name));
        }
    }
    problems
}

/// Returns a message for each limit that a section sets above its maximum, to which it would be lowered.
fn above(section: &str, settings: &LimitSettings, maxima: &Limits) -> Vec<String> {
    let limits = settings.over(maxima);
    let above = LIMITS.iter().filter(|limit| limit.number(&limits) > limit.number(maxima));
    let message = |limit: &protocol::LimitInfo| {
        let (name, value, maximum) = (limit.name, limit.written(&limits), limit.written(maxima));
        format!(
            "limits.{section}.{name}: {value} is above the maximum of {maximum}; raise limits.maximum.{name}"
        )
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
    use super::problems;
    use crate::config::Config;
    use crate::languages::shipped::shipped;

    fn found(text: &str) -> Vec<String> {
        let config: Config = toml::from_str(&format!("helper = \"/bin/sh\"\n{text}")).unwrap();
        problems(&config, &shipped())
    }

    #[test]
    fn what_will_fail_is_reported() {
        assert_eq!(found(""), Vec::<String>::new());
        assert_eq!(found("toolchains = [\"/usr\"]\n[limits.run]\nmemory = \"2GiB\"").len(), 0);
        for (text, expected) in [
            ("languages = [\"/nonexistent\"]", "languages: /nonexistent is not a directory"),
            ("toolchains = [\"/nonexistent\"]", "toolchains: /nonexistent is not a directory"),
            ("libraries = { java = [\"/nonexistent\"] }", "libraries.java: /nonexistent does not exist"),
            ("libraries = { abc = [\"/usr\"] }", "libraries.abc: there is no language of this name"),
            ("runtime_directory = \"/bin/sh/run\"", "runtime_directory: /bin/sh is not a directory"),
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
            assert_eq!(found(text), [expected], "{text}");
        }
        let hidden = &found("toolchains = [\"/home/me/swift\"]")[0];
        assert!(hidden.contains("below /home") && hidden.contains("ProtectHome="), "{hidden}");
        let config: Config = toml::from_str("helper = \"/nonexistent\"").unwrap();
        assert_eq!(problems(&config, &shipped()), ["helper: /nonexistent is not an executable file"]);
    }
}
