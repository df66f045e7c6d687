//! The language files of this repository, for tests.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::config::Config;
use crate::languages::load;
use crate::languages::registry::Registry;

/// Loads the shipped languages as if all their toolchains were installed.
pub(crate) fn shipped() -> Registry {
    // Parsing all files and their patterns takes a debug build a second.
    static SHIPPED: LazyLock<Registry> = LazyLock::new(load_shipped);
    SHIPPED.clone()
}

fn load_shipped() -> Registry {
    let languages = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/languages"))];
    let mut registry = load::registry(&Config { languages, ..Config::default() }).unwrap();
    let names: Vec<String> = registry.all().map(|toolchain| toolchain.id()).collect();
    for name in names {
        registry.set_version(&name, Ok("1".to_owned()));
    }
    registry
}

#[test]
fn every_shipped_language_file_is_valid() {
    let registry = shipped();
    for toolchain in registry.all() {
        assert!(!toolchain.self_test.files.is_empty(), "{} has no self-test", toolchain.name);
        assert!(toolchain.is_source(Path::new(&toolchain.file_name).extension().unwrap().to_str().unwrap()));
    }
    load::sandbox_probe(&Config::default()).unwrap();
}

#[test]
fn a_language_has_many_names() {
    let registry = shipped();
    for (name, id) in [
        ("js", "javascript"),
        ("Node.js", "javascript"),
        ("node-js", "javascript"),
        ("Node JS 1", "javascript"),
        ("JavaScript (Node.js 1.0.0)", "javascript"),
        ("c++", "cpp"),
        ("G++", "cpp"),
        ("C++ 17", "cpp"),
        ("C++ (GCC)", "cpp"),
        ("GCC C++", "cpp"),
        ("C++ (GCC 1)", "cpp"),
        ("C++ (Clang)", "cpp-clang"),
        ("C++ (GCC 11)", "cpp@11"),
        ("gcc 11", "c@11"),
        ("ANSI C", "c"),
        ("C (GCC)", "c"),
        ("C 11", "c"),
        ("Python 3", "python"),
        ("python-3.11", "python"),
        ("Python (PyPy)", "python@pypy"),
        ("Java 17", "java"),
        ("Java (OpenJDK 1)", "java"),
        ("Type Script", "typescript"),
        ("C# (Mono)", "csharp"),
        ("Objective C", "objective-c"),
        ("Common Lisp (SBCL)", "commonlisp"),
    ] {
        assert_eq!(registry.find(name).map(|found| found.id()), Some(id.to_owned()), "{name}");
    }
    for name in ["c--", "VB", "nodejs 2", "python 2.7", "c++-", "cpp17 2", "1", "", "(", " "] {
        assert!(registry.find(name).is_none(), "{name:?}");
    }
    let options = |name| registry.find(name).unwrap().implied_options(name);
    assert!(!options("c++17").is_empty());
    assert_eq!(options("C++ 17"), options("c++17"));
    assert_eq!(options("C++17 1"), options("c++17"));
}

/// [`Registry::new`] refuses names that collide; names of one language may.
#[test]
fn every_title_stands_for_its_language() {
    let registry = shipped();
    for toolchain in registry.all() {
        assert_eq!(registry.find(&toolchain.title).map(|found| found.id()), Some(toolchain.id()));
    }
}
