//! Loading language files, and what is refused.

use super::{Config, Registry, registry};

fn load_files(files: &[(&str, &str)]) -> Result<Registry, String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let languages = vec![directory.path().to_owned()];
    registry(&Config { languages, ..Config::default() }).map_err(|error| error.to_string())
}

fn file(name: &str, more: &str) -> String {
    format!(
        "name = {name:?}\ntitle = \"T\"\nextensions = [\"t\"]\nfile_name = \"main.t\"\nexample = \"\"\n{more}\n\
         [version]\ncommand = [\"sh\"]\npattern = '(.*)'\n[editor]\nmode = \"t\"\nline_comment = \"#\"\n\
         indent = 2\n[run]\ncommand = [\"sh\", \"{{main}}\"]\n[self_test]\nstdout = \"\"\nfiles = []\n"
    )
}

#[test]
fn errors_name_the_file_and_the_mistake() {
    assert!(load_files(&[("t.toml", &file("t", ""))]).is_ok());
    for (text, message) in [
        (file("T", ""), "name: must consist of lower-case letters"),
        (file("t", "colour = 1"), "unknown field `colour`"),
        (file("t", "").replace("main.t", "../main.t"), "contains . or .."),
        (file("t", "").replace("'(.*)'", "'('"), "regex parse error"),
        (file("t", "").replace("[\"sh\"]", "[]"), "t.toml:8: version.command: is empty"),
        (file("t", "misread_parts = [\"x\"]"), "t.toml:6: misread_parts: \"x\" has no dot and no backslash"),
        (file("t", "misread_names = '('"), "t.toml:6: misread_names: regex parse error"),
        (file("t", "[install]\napt = [\"--yes\"]"), "is not the name of a package of Debian"),
        (
            file("t", "[install]\npip = [\"a==1\"]"),
            "t.toml:6: install.toolchain: is required with install.pip",
        ),
        (
            format!("{}[run.warm]\ncommand = [\"sh\"]\nmain = \"main.t\"\n", file("t", "")),
            "run.warm.main: was renamed to `run.warm.main_file`",
        ),
    ] {
        let error = load_files(&[("t.toml", &text)]).unwrap_err();
        assert!(error.contains("t.toml") && error.contains(message), "{message:?} is not in {error:?}");
    }
    let error =
        load_files(&[("a.toml", &file("a", "aliases = [\"b\"]")), ("b.toml", &file("b", ""))]).unwrap_err();
    assert!(error.contains("b.toml:1: name: b is also a name or an alias in "), "{error}");
    let aliases = [file("a", "aliases = [\"c\"]"), file("b", "aliases = [\"c\"]")];
    let error = load_files(&[("a.toml", &aliases[0]), ("b.toml", &aliases[1])]).unwrap_err();
    assert!(error.contains("b.toml:6: aliases: c is also a name or an alias in "), "{error}");
}

#[test]
fn files_with_a_variant_are_versions_of_one_language() {
    let files = [
        ("t.toml", file("t", "aliases = [\"u\"]")),
        ("t-1.toml", file("t", "variant = \"1\"\naliases = [\"u-1\", \"u\"]")),
        ("t-3.toml", file("t", "variant = \"3\"\naliases = [\"u-3\"]")),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut registry = load_files(&files).unwrap();
    let id = |found: Option<&std::sync::Arc<super::Toolchain>>| found.map(|one| one.id());
    // Nothing can be used before the versions are known.
    assert_eq!(id(registry.find("u-3")), Some("t@3".to_owned()));
    assert!(registry.find_version("t", "*").is_none());
    for (toolchain, version) in [("t", "2.0"), ("t@1", "1.5.1"), ("t@3", "3.0")] {
        registry.set_version(toolchain, Ok(version.to_owned()));
    }
    for (name, found) in [
        ("T", Some("t")),
        ("u-1", Some("t@1")),
        ("u", Some("t@1")),
        ("u-3", Some("t@3")),
        // The aliases `u-1` and `u-3` with other separators.
        ("U 1", Some("t@1")),
        ("u3", Some("t@3")),
        // A version that follows a name.
        ("t 3", Some("t@3")),
        ("t1.5", Some("t@1")),
        ("T (2.0)", Some("t")),
        ("t 4", None),
        ("u-1 3", None),
    ] {
        assert_eq!(id(registry.find(name)), found.map(str::to_owned), "{name}");
    }
    assert_eq!(id(registry.find_version("t 3", "<2")), Some("t@1".to_owned()));
    for (name, range, found) in [
        ("t", "*", Some("t@3")),
        ("t", "2", Some("t")),
        ("u", "3.x", Some("t@3")),
        ("u-3", "1.x", None),
        ("t", ">3.0.0", None),
        ("t", "", Some("t@3")),
    ] {
        assert_eq!(id(registry.find_version(name, range)), found.map(str::to_owned), "{name} {range}");
    }
    registry.set_version("t", Err("it is gone".to_owned()));
    assert!(registry.find("t 2").is_none());
    assert_eq!(id(registry.find("t")), Some("t@3".to_owned()));
    let described = registry.describe();
    let versions: Vec<_> = described[0].versions.iter().map(|one| (&*one.version, one.is_default)).collect();
    assert_eq!((described.len(), versions), (1, vec![("3.0", true), ("1.5.1", false)]));
    let error = load_files(&[("t.toml", &file("t", "variant = \"a b\""))]).unwrap_err();
    assert!(error.contains("t.toml:6: variant: must consist of"), "{error}");
}

#[test]
fn mistakes_in_options_are_named() {
    let with = |options: &str| {
        let text = file("t", "aliases = [\"u\"]").replace("\"{main}\"]", "\"{options}\", \"{main}\"]");
        format!("{text}{options}")
    };
    let option =
        |more: &str| with(&format!("[[options]]\nname = \"o\"\ntitle = \"O\"\nhelp = \"\"\n{more}\n"));
    let valid =
        option("default = \"a\"\nvalues = [\"a\", { name = \"b\", run = [] }]\nrun = [\"-{value}{stack}\"]");
    assert_eq!(load_files(&[("t.toml", &valid)]).map(|_| ()), Ok(()));
    let implied = |setting: &str| format!("{valid}[alias_options]\n{setting}\n");
    assert_eq!(load_files(&[("t.toml", &implied("u = { o = \"b\" }"))]).map(|_| ()), Ok(()));
    for (text, message) in [
        (option("default = false\ncolour = 1"), "unknown field `colour`"),
        (option("default = 1"), "a value is true, false, a name, or a list of names"),
        (option("default = \"a\"\nvalues = [{ name = \"a\", x = 1 }]"), "a value is a name, or a table with"),
        (
            option("default = \"c\"\nvalues = [\"a\", \"b\"]"),
            "default of options.o: it must be one of \"a\", \"b\"",
        ),
        (option("default = [\"c\"]\nvalues = [\"a\"]"), "default of options.o: it must be a list of \"a\""),
        (option("default = \"a\""), "options.o: values: must have at least one"),
        (
            option("default = true\nvalues = [\"a\"]"),
            "options.o: values: an option whose default is true or false",
        ),
        (option("default = \"a\"\nvalues = [\"a\", \"a\"]"), "options.o: values: a is there twice"),
        (
            option("default = \"a\"\nvalues = [\"a\", { name = \"b\", aliases = [\"a\"] }]"),
            "a is there twice",
        ),
        (option("default = \"-a\"\nvalues = [\"-a\"]"), "options.o: values: \"-a\" must consist of letters"),
        (
            option("default = false\nrun = [\"{sources}\"]"),
            "options.o: run: there is no placeholder {sources} here",
        ),
        (
            option("default = false\nrun = [\"{value}\"]"),
            "options.o: run: there is no placeholder {value} here",
        ),
        (
            option("default = false\ncompile = [\"-g\"]"),
            "options.o: compile: compile.command must have {options} once",
        ),
        (
            option("default = false\nrun = [\"-g\"]").replace("\"{options}\", ", ""),
            "options.o: run: run.command must have",
        ),
        (
            option("default = false").replace("name = \"o\"", "name = \"O\""),
            "options.O: name: must consist of",
        ),
        (
            option("default = false")
                + "[[options]]\nname = \"o\"\ntitle = \"\"\nhelp = \"\"\ndefault = true\n",
            "options.o: two options have this name",
        ),
        (implied("v = { o = \"b\" }"), "alias_options.v: is not in aliases"),
        (implied("u = { p = \"b\" }"), "alias_options.u: options.p: unknown option; the options are o"),
        (implied("u = { o = true }"), "alias_options.u: options.o: it must be one of"),
    ] {
        let error = load_files(&[("t.toml", &text)]).unwrap_err();
        assert!(error.contains("t.toml") && error.contains(message), "{message:?} is not in {error:?}");
    }
}

#[test]
fn a_variable_that_is_a_missing_part_of_the_launcher_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("there")).unwrap();
    let variables = || {
        let values =
            [("A", "{launcher}/there"), ("B", "{launcher}/missing"), ("C", "--use={launcher}/missing")];
        values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    };
    let names = |launcher| super::of_existing_files(variables(), launcher).into_keys().collect::<String>();
    assert_eq!(names(Some(directory.path())), "AC");
    assert_eq!(names(None), "C");
}

#[test]
fn mistakes_in_patterns_of_arguments_are_named() {
    let with = |patterns: &str, place: &str| {
        let text = file("t", "").replace("\"{main}\"]", &format!("{place}\"{{main}}\"]"));
        format!("{text}[arguments]\n{patterns}\n")
    };
    let place = "\"{arguments}\", ";
    assert_eq!(load_files(&[("t.toml", &with("run = ['-O[0-3]']", place))]).map(|_| ()), Ok(()));
    for (patterns, place, message) in [
        ("run = ['O2']", place, "arguments.run: \"O2\" must begin with '-'"),
        ("run = ['-(']", place, "regex parse error"),
        ("run = ['-a)|(-b']", place, "regex parse error"),
        // A class of other characters could match anything that is not ASCII.
        ("run = ['-[^a]']", place, "arguments.run: regex parse error"),
        ("run = ['-O2']", "", "arguments.run: run.command must have {arguments} once"),
        ("run = ['-O2']", "\"{arguments}\", \"{arguments}\", ", "run.command must have {arguments} once"),
        ("", place, "arguments.run: must have patterns, because run.command has {arguments}"),
        ("compile = ['-O2']", "", "arguments.compile: compile.command must have {arguments} once"),
        ("link = ['-O2']", "", "unknown field `link`"),
    ] {
        let error = load_files(&[("t.toml", &with(patterns, place))]).unwrap_err();
        assert!(error.contains("t.toml") && error.contains(message), "{message:?} is not in {error:?}");
    }
    let check = |command: &str| format!("{}[check]\ncommand = {command}\n", file("t", ""));
    assert_eq!(load_files(&[("t.toml", &check("[\"sh\", \"-n\", \"{main}\"]"))]).map(|_| ()), Ok(()));
    let error = load_files(&[("t.toml", &check("[]"))]).unwrap_err();
    assert!(error.contains("check.command: is empty"), "{error}");
}

#[test]
fn a_language_file_that_replaces_another_keeps_its_launcher() {
    let [shipped, own] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    std::fs::write(shipped.path().join("t.toml"), file("t", "")).unwrap();
    std::fs::create_dir(shipped.path().join("t")).unwrap();
    std::fs::write(own.path().join("renamed.toml"), file("t", "")).unwrap();
    let languages = vec![shipped.path().to_owned(), own.path().to_owned()];
    let launcher = || {
        let registry = registry(&Config { languages: languages.clone(), ..Config::default() }).unwrap();
        registry.find("t").unwrap().launcher.clone()
    };
    assert_eq!(launcher(), Some(shipped.path().join("t")));
    std::fs::create_dir(own.path().join("renamed")).unwrap();
    assert_eq!(launcher(), Some(own.path().join("renamed")));
}

#[test]
fn libraries_outside_usr_are_mounted_and_must_exist() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("t.toml"), file("t", "")).unwrap();
    let with = |library: &str| {
        let libraries = [("t".to_owned(), vec![library.into()])].into();
        let languages = vec![directory.path().to_owned()];
        let registry = registry(&Config { languages, libraries, ..Config::default() }).unwrap();
        let toolchain = registry.find("t").unwrap();
        (toolchain.mounts.len(), toolchain.version().map(str::to_owned).map_err(str::to_owned))
    };
    assert_eq!(with("/usr/bin").0, 0);
    assert_eq!(with("/etc/passwd").0, 1);
    assert_eq!(with("/etc/none").1, Err("the library /etc/none does not exist".to_owned()));
}

#[test]
fn a_language_without_its_toolchain_is_unavailable_with_a_reason() {
    for (text, reason) in [
        (
            file("t", "").replace("\"sh\"", "\"no-such-program\""),
            "no-such-program is not in /usr/local/bin, /usr/bin, /bin",
        ),
        (file("t", "requires = [\"/usr/no/such\"]"), "/usr/no/such is not installed"),
        (file("t", "requires = [\"{launcher}/x\"]"), "x of the language's launcher is not installed"),
    ] {
        let registry = load_files(&[("t.toml", &text)]).unwrap();
        assert_eq!(registry.find("t").unwrap().version(), Err(reason));
    }
}
