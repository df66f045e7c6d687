//! Package managers, as a user without privileges: they read what comes from the internet.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::User;
use protocol::packages::InstalledPackage;
use serde::Deserialize;

/// Where programs of packages are looked up, as executord looks up those of languages.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Variables of the administrator that a package manager gets: proxies, certificates, and its own settings. Names that end in `_`
/// stand for all that begin so. They may be in upper or lower case.
const VARIABLES: [&str; 9] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_",
    "NPM_CONFIG_",
];
/// Maximum size of the list of packages that a package manager prints, in bytes.
const MAX_LIST: u64 = 16 * 1024 * 1024;
/// Prints where an interpreter looks for the packages of a user.
const SITE_PACKAGES: &str = "import site; print(site.getusersitepackages())";
/// Prints the packages in a directory, with the modules by which programs import them. It reads their metadata only.
const LIST_PACKAGES: &str = "
import importlib.metadata, json, sys

def modules(distribution):
    listed = (distribution.read_text('top_level.txt') or '').split()
    names = listed or {file.parts[0].split('.')[0] for file in distribution.files or [] if '.dist-info' not in file.parts[0]}
    return sorted(name for name in names if name.isidentifier() and name != '__pycache__')

found = [
    {'name': one.metadata['Name'], 'version': one.version, 'modules': modules(one)}
    for one in importlib.metadata.distributions(path=[sys.argv[1]])
]
print(json.dumps(sorted(found, key=lambda package: package['name'].lower())))
";

/// A user without privileges who installs packages into a directory that is empty at first.
#[derive(Debug)]
pub(super) struct Installer {
    uid: u32,
    gid: u32,
    directory: PathBuf,
    home: PathBuf,
}

impl Installer {
    /// Gives a user the directory, until [`Installer::seal`].
    pub(super) fn new(user: &str, directory: PathBuf) -> Result<Self, String> {
        let found = User::from_name(user).map_err(|error| format!("look up the user {user}: {error}"))?;
        let found = found.ok_or_else(|| {
            format!("there is no user {user}; create it with `useradd --system --user-group --no-create-home {user}`, or name another with --user")
        })?;
        let (uid, gid) = (found.uid.as_raw(), found.gid.as_raw());
        if uid == 0 {
            return Err("--user: packages are not installed as root".to_owned());
        }
        let home = directory.join(".home");
        let given = std::fs::create_dir(&home)
            .and_then(|()| std::os::unix::fs::chown(&home, Some(uid), Some(gid)))
            .and_then(|()| std::os::unix::fs::chown(&directory, Some(uid), Some(gid)));
        given.map_err(|error| format!("give {} to {user}: {error}", directory.display()))?;
        Ok(Self { uid, gid, directory, home })
    }

    /// Installs wheels for an interpreter, and returns what is installed. A source package would run code of its own.
    pub(super) fn pip(
        &self,
        interpreter: &str,
        target: &str,
        names: &[String],
    ) -> Result<Vec<InstalledPackage>, String> {
        let printed =
            self.output(interpreter, &["-S", "-c", SITE_PACKAGES], &[("PYTHONUSERBASE", target)])?;
        let below = Path::new(printed.trim()).strip_prefix(target);
        let below =
            below.map_err(|_| format!("{interpreter} does not look for packages in PYTHONUSERBASE"))?;
        let site_packages = self.directory.join(below).display().to_string();
        let python = format!("--python={interpreter}");
        let mut args = vec!["-I", "-m", "pip"];
        // The pip of Debian belongs to CPython.
        args.extend((interpreter != "python3").then_some(&*python));
        args.extend(["install", "--no-input", "--quiet", "--only-binary=:all:", "--no-cache-dir"]);
        args.extend([
            "--disable-pip-version-check",
            "--no-warn-script-location",
            "--target",
            &site_packages,
            "--",
        ]);
        args.extend(names.iter().map(String::as_str));
        self.run("python3", &args)?;
        let list = self.output(interpreter, &["-I", "-c", LIST_PACKAGES, &site_packages], &[])?;
        serde_json::from_str(&list).map_err(|error| format!("list the packages: {error}"))
    }

    /// Installs packages of npm without running their scripts, and returns those that were asked for.
    pub(super) fn npm(&self, names: &[String]) -> Result<Vec<InstalledPackage>, String> {
        let prefix = self.directory.display().to_string();
        let mut args = vec!["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        args.extend(["--prefix", &*prefix, "--"]);
        args.extend(names.iter().map(String::as_str));
        self.run("npm", &args)?;
        let list = self.output("npm", &["ls", "--json", "--depth=0", "--prefix", &prefix], &[])?;
        npm_packages(&list)
    }

    /// Gives what was installed to root, so that nobody can change it.
    pub(super) fn seal(&self) -> Result<(), String> {
        let remove = std::fs::remove_dir_all(&self.home);
        remove.map_err(|error| format!("remove {}: {error}", self.home.display()))?;
        let directory = self.directory.display().to_string();
        // Links are not followed. Directories belong to root before anything in them changes.
        succeed(Command::new("chown").args([
            "--recursive",
            "--no-dereference",
            "-P",
            "root:root",
            "--",
            &directory,
        ]))?;
        succeed(Command::new("chmod").args(["--recursive", "u=rwX,go=rX", "--", &directory]))
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        // It prints progress, and the stdout of this command has the result.
        succeed(self.command(program, args).stdout(std::io::stderr()))
    }

    fn output(&self, program: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
        let mut command = self.command(program, args);
        command.envs(variables.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("start {program}: {error}"))?;
        let mut printed = String::new();
        let read = match child.stdout.take() {
            Some(stdout) => stdout.take(MAX_LIST).read_to_string(&mut printed),
            None => Ok(0),
        };
        let status = child.wait().map_err(|error| format!("wait for {program}: {error}"))?;
        read.map_err(|error| format!("read from {program}: {error}"))?;
        if status.success() { Ok(printed) } else { Err(format!("{program} ended with {status}")) }
    }

    /// Returns a command that runs as the user, without privileges and without a way to gain them.
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={}", self.uid), format!("--regid={}", self.gid)]);
        command.args(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]);
        command.arg(program).args(args).stdin(Stdio::null()).current_dir(&self.directory);
        command.env_clear().envs(passed_on(std::env::vars_os()));
        command.env("PATH", PATH).env("HOME", &self.home).env("LANG", "C.UTF-8");
        command
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("start {program}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let words = command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    Err(format!("`{program} {words}` ended with {status}"))
}

/// Returns the variables that a package manager gets.
fn passed_on(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let is_passed_on = |name: &OsString| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        VARIABLES.iter().any(|known| name == *known || (known.ends_with('_') && name.starts_with(known)))
    };
    all.filter(|(name, _)| is_passed_on(name)).collect()
}

/// Returns the packages in the answer of `npm ls --json`.
fn npm_packages(list: &str) -> Result<Vec<InstalledPackage>, String> {
    #[derive(Deserialize)]
    struct List {
        #[serde(default)]
        dependencies: std::collections::BTreeMap<String, Dependency>,
    }
    #[derive(Deserialize)]
    struct Dependency {
        version: Option<String>,
    }
    let list: List = serde_json::from_str(list).map_err(|error| format!("list the packages: {error}"))?;
    let package = |(name, dependency): (String, Dependency)| InstalledPackage {
        name,
        version: dependency.version,
        ..InstalledPackage::default()
    };
    Ok(list.dependencies.into_iter().map(package).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_manager_gets_settings_and_no_secrets() {
        let all = [
            "https_proxy",
            "PIP_INDEX_URL",
            "npm_config_registry",
            "NODE_EXTRA_CA_CERTS",
            "AWS_KEY",
            "PATH",
            "PIPE",
        ];
        let passed = passed_on(all.iter().map(|name| (OsString::from(name), OsString::new())));
        let names: Vec<_> = passed.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(names, ["https_proxy", "PIP_INDEX_URL", "npm_config_registry", "NODE_EXTRA_CA_CERTS"]);
    }

    #[test]
    fn the_list_of_npm_has_names_and_versions() {
        let list =
            r#"{"name": "1", "dependencies": {"lodash": {"version": "4.17.21", "overridden": false}}}"#;
        let packages = npm_packages(list).unwrap();
        assert_eq!((packages[0].name.as_str(), packages[0].version.as_deref()), ("lodash", Some("4.17.21")));
        assert_eq!(npm_packages("{}").unwrap(), []);
        assert!(npm_packages("1").is_err());
    }

    #[test]
    fn root_and_unknown_users_do_not_install() {
        let directory = tempfile::tempdir().unwrap();
        let message = |user| Installer::new(user, directory.path().to_owned()).unwrap_err();
        assert!(message("root").contains("not installed as root"));
        assert!(message("no-such-user").contains("useradd --system"));
    }
}
