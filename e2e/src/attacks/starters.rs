//! Attacks that do not depend on a language, started by programs in other languages.
//!
//! A starter is a program that executes `sh start`. The attack is a file next to it, so it runs with the limits, mounts and
//! environment that the language of the starter has.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::own;
use super::probe::Probe;
use super::target::Target;
use crate::daemons::DEADLINE;
use crate::faults::random::SeededRandom;
use crate::http;

/// The script that a starter executes.
const SCRIPT: &str = "start";
/// The file with the attack. Without an extension, no compiler takes it for a source.
const ATTACK: &str = "attack";

/// The starters of all languages: `e2e/attacks/starters.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Starters {
    programs: BTreeMap<String, String>,
    without: BTreeMap<String, String>,
}

/// A starter for a host that has its language.
#[derive(Debug)]
pub struct Starter {
    /// Name of the language.
    pub language: String,
    file_name: String,
    program: String,
}

impl Starters {
    /// Reads all starters.
    ///
    /// # Errors
    /// If the file cannot be read or parsed.
    pub fn load() -> io::Result<Self> {
        let path = own::directory().join("starters.toml");
        let named = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| named(&error))?;
        toml::from_str(&text).map_err(|error| named(&error))
    }

    /// Returns starters of languages that the target has: of all of `wanted`, or of `count` languages that `seed` determines.
    ///
    /// # Errors
    /// If a language of `wanted` has no starter or is not installed, or if the target does not answer.
    pub async fn choose(
        &self,
        target: &Target,
        wanted: &[String],
        count: usize,
        seed: u64,
    ) -> io::Result<Vec<Starter>> {
        let url = format!("http://{}/api/languages", target.address).parse().map_err(io::Error::other)?;
        let answer = http::get(&url, DEADLINE).await.map_err(io::Error::other)?;
        let mut starters = self.installed(&answer.json);
        if wanted.is_empty() {
            let mut random = SeededRandom::new(seed);
            while starters.len() > count {
                starters.swap_remove(random.below(starters.len()));
            }
            return Ok(starters);
        }
        if let Some(missing) =
            wanted.iter().find(|name| !starters.iter().any(|starter| starter.language == **name))
        {
            let reason = self.without.get(missing).map_or("is not installed", |reason| reason);
            return Err(io::Error::other(format!("{missing} {reason}")));
        }
        starters.retain(|starter| wanted.contains(&starter.language));
        Ok(starters)
    }

    /// Returns the starters of the languages that are available, of the response to `GET /api/languages`.
    #[must_use]
    pub fn installed(&self, languages: &Value) -> Vec<Starter> {
        let languages = languages.as_array().map(Vec::as_slice).unwrap_or_default();
        languages
            .iter()
            .filter(|language| language["available"] == true)
            .filter_map(|language| {
                let name = language["name"].as_str()?;
                let file_name = language["file_name"].as_str()?.to_owned();
                let program = self.programs.get(name)?.clone();
                Some(Starter { language: name.to_owned(), file_name, program })
            })
            .collect()
    }
}

impl Starter {
    /// Returns an attack of this repository, started by this program; `None` if it depends on its language.
    #[must_use]
    pub fn start(&self, attack: &Probe) -> Option<Probe> {
        let interpreter = attack.interpreter.filter(|_| attack.any_language)?;
        let mut started = attack.clone();
        started.id = format!("{} from {}", attack.id, self.language);
        started.language.clone_from(&self.language);
        started.code = Some(self.program.clone());
        started.filename = Some(self.file_name.clone());
        started.greeting = Some(self.greeting());
        let script = format!("exec {interpreter} {ATTACK}");
        for (name, content) in [(SCRIPT, script), (ATTACK, attack.code.clone()?)] {
            started.files.push(own::plain_file(name, &content));
        }
        Some(started)
    }

    /// Returns a request that prints `hello`.
    #[must_use]
    pub fn greeting(&self) -> Value {
        json!({"language": self.language, "files": [
            {"name": self.file_name, "content": self.program},
            {"name": SCRIPT, "content": "echo hello"},
        ]})
    }
}

/// Returns the names of all shipped language files without their extension.
///
/// # Errors
/// If their directory cannot be read.
pub fn shipped_language_files() -> io::Result<Vec<String>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executord/languages");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{Starter, Starters, shipped_language_files};
    use crate::attacks::own;
    use serde_json::json;

    #[test]
    fn each_shipped_language_has_a_starter_or_a_reason() {
        let starters = Starters::load().unwrap();
        let named: BTreeSet<_> = starters.programs.keys().chain(starters.without.keys()).cloned().collect();
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executord/languages");
        // Versions of a language have one name, and one starter.
        let shipped = shipped_language_files().unwrap().into_iter().map(|file| {
            let text = std::fs::read_to_string(directory.join(format!("{file}.toml"))).unwrap();
            text.parse::<toml::Table>().unwrap()["name"].as_str().unwrap().to_owned()
        });
        let shipped: BTreeSet<_> = shipped.collect();
        assert_eq!(named, shipped);
    }

    #[test]
    fn an_attack_becomes_a_file_next_to_the_starter() {
        let starters = Starters::load().unwrap();
        let languages = json!([
            {"name": "lua", "available": true, "file_name": "main.lua"},
            {"name": "perl", "available": false, "file_name": "main.pl"},
            {"name": "bc", "available": true, "file_name": "main.bc"},
        ]);
        let installed = starters.installed(&languages);
        let names: Vec<_> = installed.iter().map(|starter| &*starter.language).collect();
        assert_eq!(names, ["lua"]);
        let attacks: Vec<_> =
            own::load(&own::directory()).unwrap().into_iter().filter_map(Result::ok).collect();
        let started: Vec<_> = attacks.iter().filter_map(|attack| installed[0].start(attack)).collect();
        assert!(started.len() >= 15, "{}", started.len());
        let bomb = started.iter().find(|attack| attack.id == "fork-bomb from lua").unwrap();
        assert_eq!((&*bomb.language, bomb.filename.as_deref()), ("lua", Some("main.lua")));
        assert_eq!(bomb.files[0]["content"], "exec bash attack");
        assert!(bomb.files[1]["content"].as_str().unwrap().starts_with("# tries:"));
        let from = |language: &str| Starter {
            language: language.to_owned(),
            file_name: String::new(),
            program: String::new(),
        };
        assert!(attacks.iter().filter(|attack| !attack.any_language).all(|a| from("c").start(a).is_none()));
    }
}
