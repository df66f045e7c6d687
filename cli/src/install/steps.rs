//! From languages to the commands that install them: pure.

use std::fmt;
use std::path::{Path, PathBuf};

use protocol::install::TOOLCHAINS;

use crate::install::language_files::LanguageFile;

/// A command that root runs. Its arguments come from checked names only, and no shell reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
}

impl Step {
    fn new(program: impl Into<PathBuf>, fixed: &[&str], names: impl IntoIterator<Item = String>) -> Self {
        let args = fixed.iter().map(ToString::to_string).chain(names).collect();
        Self { program: program.into(), args }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}", self.program.display())?;
        self.args.iter().try_for_each(|arg| write!(formatter, " {arg}"))
    }
}

/// Returns the commands that install languages. `is_installed` tells of a package of Debian whether the host has it.
pub(super) fn steps(files: &[&LanguageFile], is_installed: impl Fn(&str) -> bool) -> Vec<Step> {
    let mut apt: Vec<_> = files.iter().flat_map(|file| &file.install.apt).map(ToString::to_string).collect();
    apt.sort();
    apt.dedup();
    apt.retain(|package| !is_installed(package));
    let mut npm: Vec<_> = files.iter().flat_map(|file| &file.install.npm).map(ToString::to_string).collect();
    npm.sort();
    npm.dedup();
    let mut steps = Vec::new();
    if !apt.is_empty() {
        steps.push(Step::new("apt-get", &["update", "--quiet"], []));
        steps.push(Step::new(
            "apt-get",
            &["install", "--yes", "--quiet", "--no-install-recommends", "--"],
            apt,
        ));
    }
    if !npm.is_empty() {
        let fixed = ["install", "--global", "--ignore-scripts", "--no-fund", "--no-audit", "--"];
        steps.push(Step::new("npm", &fixed, npm));
    }
    steps.extend(files.iter().filter_map(|file| of_pip(file)));
    steps.extend(files.iter().flat_map(|file| of_launcher(file)));
    steps
}

/// Returns the directories that the steps of pip create.
pub(super) fn toolchains(files: &[&LanguageFile]) -> Vec<PathBuf> {
    let directory = |file: &&LanguageFile| {
        file.install.toolchain.as_ref().map(|directory| Path::new(TOOLCHAINS).join(directory.as_str()))
    };
    files.iter().filter_map(directory).collect()
}

/// Installs wheels only: a source package would run its own code as root.
fn of_pip(file: &LanguageFile) -> Option<Step> {
    let directory = format!("{TOOLCHAINS}/{}", file.install.toolchain.as_ref()?);
    let fixed = [
        "-m",
        "pip",
        "install",
        "--isolated",
        "--quiet",
        "--only-binary=:all:",
        "--no-compile",
        "--no-cache-dir",
        "--root-user-action=ignore",
        "--disable-pip-version-check",
        "--upgrade",
        "--target",
        &directory,
        "--",
    ];
    Some(Step::new("python3", &fixed, file.install.pip.iter().map(ToString::to_string)))
}

fn of_launcher(file: &LanguageFile) -> Vec<Step> {
    let step = |directory: &Path| {
        let programs = file.install.after.iter();
        programs.map(|program| Step::new(directory.join(program.as_str()), &[], [])).collect()
    };
    file.launcher.as_deref().map(step).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> LanguageFile {
        toml::from_str(&format!("name = \"x\"\ntitle = \"X\"\n[install]\n{text}")).unwrap()
    }

    #[test]
    fn commands_are_in_order_and_each_package_once() {
        let zig = file("apt = [\"python3-pip\"]\npip = [\"ziglang==0.13.0\"]\ntoolchain = \"zig/0.13.0\"");
        let mut java = file("apt = [\"openjdk-17-jdk-headless\"]\nafter = [\"archive\"]");
        java.launcher = Some("/l/java".into());
        let typescript = file("apt = [\"nodejs\", \"npm\", \"python3-pip\"]\nnpm = [\"typescript@7.0.2\"]");
        let files = [&zig, &java, &typescript];
        let text = |is_installed: fn(&str) -> bool| {
            steps(&files, is_installed).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            text(|package| package == "nodejs"),
            [
                "apt-get update --quiet",
                "apt-get install --yes --quiet --no-install-recommends -- npm openjdk-17-jdk-headless python3-pip",
                "npm install --global --ignore-scripts --no-fund --no-audit -- typescript@7.0.2",
                "python3 -m pip install --isolated --quiet --only-binary=:all: --no-compile --no-cache-dir \
                 --root-user-action=ignore --disable-pip-version-check --upgrade --target \
                 /opt/executor/toolchains/zig/0.13.0 -- ziglang==0.13.0",
                "/l/java/archive",
            ]
        );
        assert!(!text(|_| true).iter().any(|step| step.starts_with("apt-get")));
        assert_eq!(toolchains(&files), [PathBuf::from("/opt/executor/toolchains/zig/0.13.0")]);
    }
}
