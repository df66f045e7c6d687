//! `executor packages`: installs, lists and removes the package sets of languages.

mod add;
mod copies;
mod installer;
mod listing;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;
use protocol::Client;
use protocol::packages::{NO_SET, PACKAGES, PackageSupport, SetName};

use crate::failure::Failure;
use crate::install::language_files::{self, LanguageFile};
use crate::install::reload;
use crate::output::Output;
use crate::packages::store::Store;

pub(crate) use crate::packages::add::AddArguments;
pub(crate) use crate::packages::listing::{set_as_json, summary};

/// Arguments of `executor packages`.
#[derive(Debug, Args)]
pub(crate) struct PackagesArguments {
    #[command(subcommand)]
    command: PackagesCommand,
    /// Directory of the package sets
    #[arg(long, global = true, value_name = "DIR", default_value = PACKAGES)]
    directory: PathBuf,
    /// Directory of language files; can be repeated
    #[arg(long, global = true, value_name = "DIR", default_values = ["/usr/lib/executor/languages", "/etc/executor/languages"])]
    languages: Vec<PathBuf>,
    /// Do not reload executord, for a host on which it does not run
    #[arg(long, global = true)]
    no_reload: bool,
}

#[derive(Debug, Subcommand)]
enum PackagesCommand {
    /// Install packages into a package set; the set is created if it does not exist
    Add(AddArguments),
    /// List the package sets and their packages
    List {
        /// Name or alias of a language; NAME@VARIANT is another version of a language
        language: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a package set
    Remove {
        /// Name or alias of the language
        language: String,
        /// Name of the set
        set: SetName,
    },
    /// Choose the package set of programs whose requests name none
    Default {
        /// Name or alias of the language
        language: String,
        /// Name of the set, or `none`
        set: String,
    },
}

pub(crate) async fn packages(socket: &Path, arguments: PackagesArguments) -> Result<ExitCode, Failure> {
    let files = language_files::read(&arguments.languages).map_err(Failure::Usage)?;
    let store = Store::new(arguments.directory);
    let mut out = Output::stdout();
    if let PackagesCommand::List { language, json } = &arguments.command {
        let chosen = language.as_ref().map(|name| find(&files, name)).transpose()?;
        let id = chosen.map(|(file, _)| file.id());
        let text = listing::list(&store, id.as_deref(), *json).map_err(Failure::Local)?;
        out.write(text.as_bytes()).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if !geteuid().is_root() {
        return Err(Failure::Usage("executor packages requires root, except for `list`".to_owned()));
    }
    // Programs of other users read what is installed, whatever the umask of the administrator.
    umask(Mode::from_bits_truncate(0o022));
    let message = match &arguments.command {
        PackagesCommand::Add(add) => {
            let (file, support) = find(&files, &add.language)?;
            add::add(&store, file, support, add)?
        }
        PackagesCommand::Remove { language, set } => {
            let (file, _) = find(&files, language)?;
            let language = store.lock(&file.id()).map_err(Failure::Local)?;
            language.remove(set.as_str()).map_err(Failure::Local)?;
            format!("Removed the package set {} of {}", set.as_str(), file.title)
        }
        PackagesCommand::Default { language, set } => {
            let (file, _) = find(&files, language)?;
            let language = store.lock(&file.id()).map_err(Failure::Local)?;
            language.set_default(set).map_err(Failure::Usage)?;
            match set.as_str() {
                NO_SET => format!("Programs of {} have no packages unless a request names a set", file.title),
                set => format!("Programs of {} have the package set {set} by default", file.title),
            }
        }
        PackagesCommand::List { .. } => String::new(),
    };
    if !arguments.no_reload {
        reload(&mut Client::connect(socket).await?).await?;
    }
    out.line(&message).await?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the language with a name, and how it uses package sets.
fn find<'a>(
    files: &'a [LanguageFile],
    name: &str,
) -> Result<(&'a LanguageFile, &'a PackageSupport), Failure> {
    let found = language_files::find(files, &[name.to_owned()]);
    let found = found.ok().and_then(|found| found.first().copied());
    let file = found.ok_or_else(|| Failure::Usage(format!("no language is called {name:?}")))?;
    let support = file.packages.as_ref().ok_or_else(|| {
        let with: Vec<_> =
            files.iter().filter(|file| file.packages.is_some()).map(LanguageFile::id).collect();
        Failure::Usage(format!(
            "{} has no package sets; these languages have: {}",
            file.title,
            with.join(", ")
        ))
    })?;
    Ok((file, support))
}
