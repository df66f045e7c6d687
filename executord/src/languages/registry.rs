//! The languages of this host, by name and alias.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use protocol::Language;

use crate::languages::toolchain::Toolchain;

/// The languages of this host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    /// By name, in alphabetical order.
    toolchains: BTreeMap<String, Arc<Toolchain>>,
    /// The name that belongs to each name and alias. The keys are in lower case.
    names: HashMap<String, String>,
}

/// A name or an alias that two languages claim.
#[derive(Debug)]
pub(super) struct DuplicateName {
    pub(super) name: String,
    /// The two languages.
    pub(super) languages: [String; 2],
}

impl Registry {
    /// Creates a registry. Of toolchains with the same name it keeps the last.
    pub(super) fn new(toolchains: impl IntoIterator<Item = Toolchain>) -> Result<Self, DuplicateName> {
        let toolchains: BTreeMap<_, _> =
            toolchains.into_iter().map(|toolchain| (toolchain.name.clone(), Arc::new(toolchain))).collect();
        let mut names: HashMap<String, String> = HashMap::new();
        for toolchain in toolchains.values() {
            for name in toolchain.aliases.iter().chain([&toolchain.name]) {
                let previous = names.insert(name.to_ascii_lowercase(), toolchain.name.clone());
                if let Some(other) = previous.filter(|other| *other != toolchain.name) {
                    return Err(DuplicateName {
                        name: name.clone(),
                        languages: [toolchain.name.clone(), other],
                    });
                }
            }
        }
        Ok(Self { toolchains, names })
    }

    /// Returns the language with this name or alias, in upper or lower case.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Toolchain>> {
        self.toolchains.get(self.names.get(&name.to_ascii_lowercase())?)
    }

    /// Returns all languages, ordered by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Toolchain>> {
        self.toolchains.values()
    }

    /// Sets the version that a toolchain printed, or why it cannot be used.
    pub(crate) fn set_version(&mut self, name: &str, version: Result<String, String>) {
        if let Some(toolchain) = self.toolchains.get_mut(name) {
            Arc::make_mut(toolchain).version = version;
        }
    }

    /// Returns what clients may know of each language.
    pub(crate) fn describe(&self) -> Vec<Language> {
        self.all().map(|toolchain| toolchain.describe()).collect()
    }
}
