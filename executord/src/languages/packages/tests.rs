//! Package sets that are found, chosen and named.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use protocol::packages::{InstalledPackage, Installer, Libraries, PackageSupport, SetFile};

use super::{Packages, choose};

fn support() -> PackageSupport {
    toml::from_str("installer = \"pip\"\nmissing = \"No module named '([^']+)'\"").unwrap()
}

fn package(name: &str, modules: &[&str]) -> InstalledPackage {
    let modules = modules.iter().map(ToString::to_string).collect();
    InstalledPackage { name: name.to_owned(), version: Some("1.2".to_owned()), modules, file: None }
}

/// Writes a set of the language `t`.
fn write_set(root: &Path, name: &str, packages: &[InstalledPackage]) {
    let directory = root.join("t").join(name);
    fs::create_dir_all(directory.join("1")).unwrap();
    let file = SetFile { directory: "1".to_owned(), packages: packages.to_vec(), ..SetFile::default() };
    fs::write(directory.join("set.json"), serde_json::to_string(&file).unwrap()).unwrap();
}

fn names(packages: &Packages) -> Vec<(String, bool)> {
    packages.describe().into_iter().map(|set| (set.name, set.is_default)).collect()
}

fn two_sets() -> (tempfile::TempDir, Packages) {
    let root = tempfile::tempdir().unwrap();
    write_set(root.path(), "web", &[package("requests", &[])]);
    write_set(root.path(), "data", &[package("Pillow", &["PIL"]), package("numpy", &["numpy"])]);
    let packages = Packages::find(support(), root.path(), "t").unwrap();
    (root, packages)
}

#[test]
fn sets_are_found_and_the_default_one_is_first() {
    let (root, packages) = two_sets();
    let list = |sets: &[(&str, bool)]| -> Vec<(String, bool)> {
        sets.iter().map(|(name, is_default)| ((*name).to_owned(), *is_default)).collect()
    };
    assert_eq!(names(&packages), list(&[("data", false), ("web", false)]));
    let find = || Packages::find(support(), root.path(), "t").unwrap();
    write_set(root.path(), "default", &[]);
    assert_eq!(names(&find()), list(&[("default", true), ("data", false), ("web", false)]));
    fs::remove_dir_all(root.path().join("t/default")).unwrap();
    fs::write(root.path().join("t/.default"), "web\n").unwrap();
    assert_eq!(names(&find()), list(&[("web", true), ("data", false)]));
    let described = find().describe();
    let first = &described[1].packages[0];
    assert_eq!((first.name.as_str(), first.version.as_deref()), ("Pillow", Some("1.2")));
    assert!(Packages::find(support(), root.path(), "other").unwrap().sets().is_empty());
}

#[test]
fn sets_that_others_can_change_and_malformed_ones_are_left_out() {
    let (root, _) = two_sets();
    write_set(root.path(), "none", &[]);
    write_set(root.path(), ".hidden", &[]);
    let directory = |name: &str| root.path().join("t").join(name);
    for (name, text) in [
        ("a", "{"),
        ("b", r#"{"directory": "../web/1", "requested": [], "packages": []}"#),
        ("c", r#"{"directory": "missing", "requested": [], "packages": []}"#),
        (
            "d",
            r#"{"directory": "1", "requested": [], "packages": [{"name": "x", "version": null, "file": "a:b"}]}"#,
        ),
        ("e", r#"{"directory": "1", "requested": [], "packages": [], "more": 1}"#),
    ] {
        write_set(root.path(), name, &[]);
        fs::write(directory(name).join("set.json"), text).unwrap();
    }
    fs::set_permissions(directory("web/1"), Permissions::from_mode(0o777)).unwrap();
    let packages = Packages::find(support(), root.path(), "t").unwrap();
    assert_eq!(names(&packages), [("data".to_owned(), false)]);
}

#[test]
fn a_request_gets_the_set_that_it_names_or_the_default_one() {
    let (root, mut packages) = two_sets();
    let chosen = |packages: &Packages, requested: Option<&str>| {
        choose(Some(packages), "T", requested).map(|set| set.map(|set| set.name.clone()))
    };
    assert_eq!(chosen(&packages, None), Ok(None));
    assert_eq!(chosen(&packages, Some("web")), Ok(Some("web".to_owned())));
    let message = "`packages`: there is no package set \"x\" of T; available: data, web, none";
    assert_eq!(chosen(&packages, Some("x")), Err(message.to_owned()));
    fs::write(root.path().join("t/.default"), "data").unwrap();
    packages = Packages::find(support(), root.path(), "t").unwrap();
    assert_eq!(chosen(&packages, None), Ok(Some("data".to_owned())));
    assert_eq!(chosen(&packages, Some("none")), Ok(None));
    assert_eq!(choose(None, "T", None), Ok(None));
    let message = "`packages`: there is no package set \"\"; this server has none for T";
    assert_eq!(choose(None, "T", Some("")), Err(message.to_owned()));
}

#[test]
fn a_failed_import_names_the_set_that_has_the_module_or_all_sets() {
    let (_root, packages) = two_sets();
    let hint = |chosen, module: &str| {
        packages.hint("T", chosen, &format!("Traceback\nModuleNotFoundError: No module named '{module}'\n"))
    };
    assert_eq!(hint(None, "PIL.Image").unwrap(), "PIL.Image is in the package set data of T");
    assert_eq!(hint(None, "numpy").unwrap(), "numpy is in the package set data of T");
    let all =
        "no package set of T on this server has torch; it has the sets: data (Pillow, numpy); web (requests)";
    assert_eq!(hint(Some("data"), "torch").unwrap(), all);
    // The program had the set, so naming it would not help.
    assert!(hint(Some("data"), "numpy").unwrap().starts_with("no package set"));
    assert_eq!(packages.hint("T", None, "ValueError: 1"), None);
    assert!(hint(None, &"ä".repeat(2000)).unwrap().len() <= 1024);
}

#[test]
fn libraries_and_mounts_are_those_of_the_language_file() {
    let (root, _) = two_sets();
    let jar = InstalledPackage { file: Some("a-1.jar".to_owned()), ..package("a", &[]) };
    write_set(root.path(), "jars", &[jar]);
    let of = |text: &str| {
        let support: PackageSupport = toml::from_str(text).unwrap();
        let packages = Packages::find(support, root.path(), "t").unwrap();
        let set = packages.sets().iter().find(|set| set.name == "jars").unwrap();
        let libraries = packages.libraries(set);
        let libraries: Vec<_> = libraries.iter().map(|path| path.display().to_string()).collect();
        (packages.mount(set), libraries)
    };
    let (mount, libraries) = of("installer = \"jar\"\nlibraries = \"files\"");
    assert_eq!((mount.target.to_str(), libraries), (Some("/packages"), vec!["/packages/a-1.jar".to_owned()]));
    assert_eq!(mount.source, root.path().join("t/jars/1"));
    assert_eq!(of("installer = \"headers\"\nlibraries = \"directory\"").1, ["/packages"]);
    let (mount, libraries) = of("installer = \"npm\"\ntarget = \"/node_modules\"");
    assert_eq!((mount.source, libraries.len()), (root.path().join("t/jars/1/node_modules"), 0));
    assert_eq!((support().installer, support().libraries), (Installer::Pip, Libraries::None));
}
