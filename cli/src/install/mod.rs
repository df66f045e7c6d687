//! `executor install`: installs what languages need, as their files say, and tests them.

mod host;
pub(crate) mod language_files;
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nix::unistd::geteuid;
use protocol::{Client, Event, Request};

use crate::check;
use crate::failure::Failure;
use crate::install::host::{DebianPackages, disk_usage};
use crate::install::language_files::LanguageFile;
use crate::output::Output;

/// Arguments of `executor install`.
#[derive(Debug, Args)]
pub(crate) struct InstallArguments {
    /// Names or aliases of languages. NAME@VARIANT is another version of a language
    #[arg(required_unless_present_any = ["all", "list"], value_name = "LANGUAGE")]
    names: Vec<String>,
    /// Install all languages
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// List the languages and the packages that each needs, and install nothing
    #[arg(long)]
    list: bool,
    /// Print the commands, and run none of them
    #[arg(long)]
    dry_run: bool,
    /// Do not reload executord and do not test the languages, for a host on which it does not run
    #[arg(long)]
    no_check: bool,
    /// Directory of language files; can be repeated
    #[arg(long, value_name = "DIR", default_values = ["/usr/lib/executor/languages", "/etc/executor/languages"])]
    languages: Vec<PathBuf>,
}

pub(crate) async fn install(socket: &Path, arguments: InstallArguments) -> Result<ExitCode, Failure> {
    let files = language_files::read(&arguments.languages).map_err(Failure::Usage)?;
    let chosen: Vec<&LanguageFile> = match arguments.names.as_slice() {
        [] => files.iter().collect(),
        names => language_files::find(&files, names).map_err(|name| {
            Failure::Usage(format!("no language is called {name:?}; `executor install --list` lists them"))
        })?,
    };
    let before = DebianPackages::read();
    let mut out = Output::stdout();
    if arguments.list {
        out.write(table(&chosen, &before).as_bytes()).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let steps = steps::steps(&chosen, |package| before.has(package));
    if !arguments.dry_run && !geteuid().is_root() {
        return Err(Failure::Usage(
            "executor install requires root; --dry-run shows what it does".to_owned(),
        ));
    }
    for step in &steps {
        out.line(&out.faint(&format!("+ {step}"))).await?;
        if !arguments.dry_run {
            host::run(step)?;
        }
    }
    if arguments.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let toolchains = disk_usage(&steps::toolchains(&chosen));
    let mebibytes = (DebianPackages::read().bytes.saturating_sub(before.bytes) + toolchains) >> 20;
    out.line(&format!("Installed what {} languages need: {mebibytes} MiB", chosen.len())).await?;
    if arguments.no_check {
        return Ok(ExitCode::SUCCESS);
    }
    let mut client = Client::connect(socket).await?;
    reload(&mut client).await?;
    let ids = chosen.iter().map(|file| file.id()).collect();
    check::check(&mut client, Request::CheckLanguages(ids), false).await
}

/// Lets executord read the language files again.
pub(crate) async fn reload(client: &mut Client) -> Result<(), Failure> {
    client.send(Request::Reload).await?;
    match client.event().await? {
        Event::Reloaded { problem: None } => Ok(()),
        Event::Reloaded { problem: Some(problem) } => {
            Err(Failure::Local(format!("reload executord: {problem}")))
        }
        other => Err(Failure::from_unexpected(other)),
    }
}

fn table(files: &[&LanguageFile], packages: &DebianPackages) -> String {
    let width = |cell: fn(&LanguageFile) -> usize| files.iter().map(|file| cell(file)).max().unwrap_or(0);
    let (ids, titles) = (width(|file| file.id().len()), width(|file| file.title.chars().count()));
    let mut table = String::new();
    for file in files {
        let install = &file.install;
        let is_installed = install.apt.iter().all(|package| packages.has(package.as_str()));
        let state = if is_installed { "installed" } else { "-" };
        let names = install.apt.iter().map(ToString::to_string);
        let names = names.chain(install.npm.iter().map(|name| format!("npm:{name}")));
        let names: Vec<_> = names.chain(install.pip.iter().map(|name| format!("pip:{name}"))).collect();
        table += &format!("{:ids$}  {:titles$}  {state:9}  {}\n", file.id(), file.title, names.join(" "));
    }
    table
}
