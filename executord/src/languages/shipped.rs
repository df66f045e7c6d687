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
    for (alias, name) in
        [("js", "javascript"), ("c++", "cpp"), ("g++", "cpp"), ("py", "python"), ("ts", "typescript")]
    {
        assert_eq!(registry.find(alias).unwrap().name, name);
    }
    for toolchain in registry.all() {
        assert!(!toolchain.self_test.files.is_empty(), "{} has no self-test", toolchain.name);
        assert!(toolchain.is_source(Path::new(&toolchain.file_name).extension().unwrap().to_str().unwrap()));
    }
    load::sandbox_probe(&Config::default()).unwrap();
}
