//! The languages of this host under the names that Piston gives them.

use protocol::{Availability, Language};

use protocol::version_range::LanguageVersion;

/// A name of this server, and what Piston calls the language: its name, its aliases, and the program that runs it.
struct Name {
    own: &'static str,
    name: &'static str,
    aliases: &'static [&'static str],
    runtime: Option<&'static str>,
}

/// The languages that Piston names differently. Every other language has its own name and aliases.
const NAMES: [Name; 5] = [
    Name { own: "python", name: "python", aliases: &["py", "py3", "python3"], runtime: None },
    Name {
        own: "javascript",
        name: "javascript",
        aliases: &["node-javascript", "node-js", "javascript", "js"],
        runtime: Some("node"),
    },
    Name { own: "cpp", name: "c++", aliases: &["cpp", "g++"], runtime: Some("gcc") },
    Name { own: "c", name: "c", aliases: &["gcc"], runtime: Some("gcc") },
    Name { own: "java", name: "java", aliases: &[], runtime: None },
];

/// The versions of Piston's public server, which clients have in their examples and defaults.
const PUBLIC_VERSIONS: [(&str, &str); 14] = [
    ("bash", "5.2.0"),
    ("c", "10.2.0"),
    ("c++", "10.2.0"),
    ("go", "1.16.2"),
    ("java", "15.0.2"),
    ("javascript", "18.15.0"),
    ("lua", "5.4.4"),
    ("perl", "5.36.0"),
    ("php", "8.2.3"),
    ("python", "3.10.0"),
    ("ruby", "3.0.1"),
    ("rust", "1.68.2"),
    ("typescript", "5.0.3"),
    ("typescript", "1.32.3"),
];

/// A language that is available on this host.
#[derive(Clone, Debug)]
pub(crate) struct Runtime {
    /// The name for the daemon.
    pub(crate) own: String,
    /// The name for clients.
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) runtime: Option<&'static str>,
    pub(crate) version: LanguageVersion,
    /// The version for the daemon, if the language has several.
    pub(crate) range: Option<String>,
    /// Extensions of source files, without the dot.
    pub(crate) extensions: Vec<String>,
    pub(crate) is_compiled: bool,
}

impl Runtime {
    /// Returns the versions of a language as runtimes, the default version first; none if it is not available.
    pub(crate) fn all_of(language: &Language) -> Vec<Self> {
        let Some(default) = Self::of(language) else { return Vec::new() };
        let range = |version: &LanguageVersion| (language.versions.len() > 1).then(|| version.to_string());
        let others = language.versions.iter().filter(|version| !version.is_default).map(|version| {
            let version = LanguageVersion::from_reported(&version.version);
            Self { range: range(&version), version, ..default.clone() }
        });
        let others: Vec<_> = others.filter(|other| other.version != default.version).collect();
        std::iter::once(Self { range: range(&default.version), ..default }).chain(others).collect()
    }

    /// Returns the default version of a language as a runtime; `None` if it is not available.
    fn of(language: &Language) -> Option<Self> {
        let Availability::Available { version } = &language.availability else { return None };
        let renamed = NAMES.iter().find(|name| name.own == language.name);
        let aliases = |name: &Name| name.aliases.iter().map(|&alias| alias.to_owned()).collect();
        Some(Self {
            own: language.name.clone(),
            name: renamed.map_or_else(|| language.name.clone(), |name| name.name.to_owned()),
            aliases: renamed.map_or_else(|| language.aliases.clone(), aliases),
            runtime: renamed.and_then(|name| name.runtime),
            version: LanguageVersion::from_reported(version),
            range: None,
            extensions: language.extensions.clone(),
            is_compiled: language.compile_limits.is_some(),
        })
    }

    /// Returns the runtime for a request: the newest version in the range. With `accept_other_versions` the default version
    /// also for a range of older versions, and for the version of the public server.
    pub(crate) fn find<'a>(
        runtimes: &'a [Self],
        language: &str,
        version: &str,
        accept_other_versions: bool,
    ) -> Option<&'a Self> {
        let is_named = |runtime: &&Self| {
            runtime.name == language || runtime.aliases.iter().any(|alias| alias == language)
        };
        let named = || runtimes.iter().filter(is_named);
        let newest = named().filter(|runtime| runtime.version.satisfies(version));
        let is_accepted = |runtime: &&Self| {
            let is_public = PUBLIC_VERSIONS.contains(&(&runtime.name, version));
            accept_other_versions && (is_public || runtime.version.is_newer_than(version))
        };
        newest
            .max_by(|one, other| one.version.cmp(&other.version))
            .or_else(|| named().next().filter(is_accepted))
    }
}

#[cfg(test)]
mod tests {
    use protocol::{ArgumentPatterns, Editor, Limits};

    use super::*;

    fn runtime(name: &str, version: &str) -> Runtime {
        let language = Language {
            name: name.to_owned(),
            title: String::new(),
            aliases: vec![format!("{name}-alias")],
            extensions: vec![],
            file_name: String::new(),
            availability: Availability::Available { version: version.to_owned() },
            limits: Limits::RUN,
            compile_limits: None,
            editor: Editor::default(),
            example: String::new(),
            options: Vec::new(),
            arguments: ArgumentPatterns::default(),
            formatter: None,
            judge0_ids: Vec::new(),
            packages: Vec::new(),
            versions: Vec::new(),
        };
        Runtime::of(&language).unwrap()
    }

    #[test]
    fn each_version_of_a_language_is_a_runtime() {
        let version = |version: &str, is_default| protocol::ToolchainVersion {
            version: version.to_owned(),
            is_default,
            ..protocol::ToolchainVersion::default()
        };
        let python = Language {
            versions: vec![version("3.12.1", false), version("3.11.2", true), version("2.7", false)],
            ..crate::domain::toolchain_words::tests::language("python")
        };
        let python =
            Language { availability: Availability::Available { version: "3.11.2".to_owned() }, ..python };
        let runtimes = Runtime::all_of(&python);
        let versions: Vec<_> = runtimes.iter().map(|runtime| runtime.version.to_string()).collect();
        assert_eq!(versions, ["3.11.2", "3.12.1", "2.7.0"]);
        let find =
            |range: &str, others: bool| Runtime::find(&runtimes, "python", range, others)?.range.clone();
        assert_eq!(find("*", false).as_deref(), Some("3.12.1"));
        assert_eq!(find("2.x", false).as_deref(), Some("2.7.0"));
        assert_eq!(find("3.10.0", true).as_deref(), Some("3.11.2"));
        assert_eq!(find("3.10.0", false), None);
        let single = Language { versions: vec![version("3.11.2", true)], ..python };
        assert_eq!(Runtime::all_of(&single)[0].range, None);
    }

    #[test]
    fn runtimes_are_found_by_name_and_alias_and_range() {
        let runtimes = [
            runtime("python", "3.11.2"),
            runtime("cpp", "12.2.0"),
            runtime("rust", "1.63.0"),
            runtime("lua", "5.4.4"),
        ];
        let find = |language: &str, version: &str, others: bool| {
            Runtime::find(&runtimes, language, version, others).map(|runtime| runtime.name.as_str())
        };
        for (language, version, strict, lenient) in [
            ("python", "*", Some("python"), Some("python")),
            ("py3", "3.x", Some("python"), Some("python")),
            ("python", "3.10.0", None, Some("python")),
            ("python", "99.1.0", None, None),
            ("python", "newest", None, None),
            ("Python", "*", None, None),
            ("python-alias", "*", None, None),
            ("c++", "10.2.0", None, Some("c++")),
            ("cpp", "12", Some("c++"), Some("c++")),
            ("g++", "13.x", None, None),
            ("rust", "1.68.2", None, Some("rust")),
            ("rust", "1.68.1", None, None),
            ("lua-alias", "5.4", Some("lua"), Some("lua")),
            ("cobol", "*", None, None),
        ] {
            assert_eq!(find(language, version, false), strict, "{language} {version}");
            assert_eq!(find(language, version, true), lenient, "{language} {version}");
        }
    }
}
