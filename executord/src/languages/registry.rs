//! The languages of this host, by name and alias.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use protocol::language_name::{is_same, key, split_version};
use protocol::{Language, ToolchainVersion};

#[cfg(test)]
use crate::languages::probed_version::ProbedVersion;
use crate::languages::toolchain::Toolchain;

/// The toolchains of this host. Several toolchains with one name are versions of one language.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    /// By [`Toolchain::id`], so that the versions of a language follow each other.
    toolchains: BTreeMap<String, Arc<Toolchain>>,
    /// The toolchains with each of their package sets, by [`Toolchain::id`].
    with_packages: BTreeMap<String, Arc<Toolchain>>,
    /// The ids of the toolchains that have a name, an alias or a title, by its [`key`].
    names: HashMap<String, Vec<String>>,
}

/// A name or an alias that two languages claim.
#[derive(Debug)]
pub(super) struct DuplicateName {
    pub(super) name: String,
    /// The key of the first file that claims it: `name` or `aliases`.
    pub(super) key: &'static str,
    /// The files of the two languages. The first has it as a name or an alias.
    pub(super) files: [PathBuf; 2],
}

impl Registry {
    /// Creates a registry. Of toolchains with the same name and variant it keeps the last.
    pub(super) fn new(toolchains: impl IntoIterator<Item = Toolchain>) -> Result<Self, DuplicateName> {
        let toolchains: BTreeMap<_, _> =
            toolchains.into_iter().map(|toolchain| (toolchain.id(), Arc::new(toolchain))).collect();
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        for (id, toolchain) in &toolchains {
            let own = toolchain.aliases.iter().chain([&toolchain.name]).map(|name| (key(name), name));
            for (own_key, name) in own.collect::<BTreeMap<_, _>>() {
                let ids = names.entry(own_key).or_default();
                let owner = ids.first().and_then(|id| toolchains.get(id));
                if let Some(owner) = owner.filter(|owner| owner.name != toolchain.name) {
                    let files = [toolchain.file.clone(), owner.file.clone()];
                    let key = if is_same(&toolchain.name, name) { "name" } else { "aliases" };
                    return Err(DuplicateName { name: name.clone(), key, files });
                }
                ids.push(id.clone());
            }
        }
        for (title, ids) in titles(&toolchains) {
            names.entry(title).or_insert(ids);
        }
        let with_packages = toolchains.values().flat_map(|toolchain| toolchain.with_each_set());
        let with_packages = with_packages.map(|toolchain| (toolchain.id(), Arc::new(toolchain))).collect();
        Ok(Self { toolchains, with_packages, names })
    }

    /// Returns a toolchain of this registry with the package set that a request gets.
    ///
    /// # Errors
    /// A message for the client, if there is no such set.
    pub(crate) fn with_packages<'a>(
        &'a self,
        toolchain: &'a Arc<Toolchain>,
        requested: Option<&str>,
    ) -> Result<&'a Arc<Toolchain>, String> {
        let Some(set) = toolchain.choose_set(requested)? else { return Ok(toolchain) };
        let id = format!("{}:{}", toolchain.id(), set.name);
        Ok(self.with_packages.get(&id).unwrap_or(toolchain))
    }

    /// Returns a toolchain of this registry with each of its package sets.
    pub(crate) fn sets_of<'a>(
        &'a self,
        toolchain: &'a Toolchain,
    ) -> impl Iterator<Item = &'a Arc<Toolchain>> {
        self.with_packages.values().filter(|one| one.is_version_of(toolchain))
    }

    /// Returns all toolchains, with and without package sets.
    pub(crate) fn all_with_packages(&self) -> impl Iterator<Item = &Arc<Toolchain>> {
        self.toolchains.values().chain(self.with_packages.values())
    }

    /// Returns the version that a name stands for; see [`protocol::language_name`]. An alias of a file with a variant stands
    /// for this variant if it can be used. A name that a version follows stands for the newest version in that range. Every
    /// other name stands for the default version: the file without a variant if it can be used, or else the newest.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Toolchain>> {
        let Some((name, range)) = self.name_and_range(name) else { return self.find_default(name) };
        // Without any version that can be used, the answer says why.
        self.newest(name, range).or_else(|| self.find_default(name).filter(|one| one.version().is_err()))
    }

    fn find_default(&self, name: &str) -> Option<&Arc<Toolchain>> {
        let usable = |one: &&&Arc<Toolchain>| one.is_usable();
        let named = self.named(name);
        let variants = || named.iter().filter(|one| !one.variant.is_empty() && !is_same(&one.name, name));
        if let Some(variant) = variants().filter(usable).max_by_key(|one| one.version_numbers()) {
            return Some(variant);
        }
        let candidates = self.versions(name);
        let main = candidates.iter().find(|one| one.variant.is_empty());
        let newest = || candidates.iter().filter(usable).max_by_key(|one| one.version_numbers());
        main.filter(usable).or_else(newest).or(main).or(candidates.first()).copied()
    }

    /// Returns the newest version in `range` of the language with this name or alias. A version that follows the name does
    /// not count.
    pub(crate) fn find_version(&self, name: &str, range: &str) -> Option<&Arc<Toolchain>> {
        self.newest(self.without_version(name), range)
    }

    /// Splits a name that nothing has into one that something has, and the version that follows it.
    fn name_and_range<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let is_name = |name: &str| self.names.contains_key(&key(name));
        split_version(name).filter(|(shorter, _)| !is_name(name) && is_name(shorter))
    }

    /// Returns a name without the version that follows it, if there is one.
    pub(crate) fn without_version<'a>(&self, name: &'a str) -> &'a str {
        self.name_and_range(name).map_or(name, |(name, _)| name)
    }

    fn newest(&self, name: &str, range: &str) -> Option<&Arc<Toolchain>> {
        let candidates = self.versions(name);
        let fits =
            |one: &&&Arc<Toolchain>| one.version_numbers().is_some_and(|version| version.satisfies(range));
        // Of equal versions, that without a variant.
        candidates
            .iter()
            .filter(fits)
            .max_by_key(|one| (one.version_numbers(), one.variant.is_empty()))
            .copied()
    }

    /// Returns the versions among which a range chooses: all of the language, or those that have the alias if the file without a
    /// variant does not have it.
    fn versions(&self, name: &str) -> Vec<&Arc<Toolchain>> {
        let named = self.named(name);
        match named.iter().find(|one| one.variant.is_empty()) {
            Some(main) => self.all().filter(|one| one.name == main.name).collect(),
            None => named,
        }
    }

    /// Returns the toolchains whose files have a name or an alias.
    fn named(&self, name: &str) -> Vec<&Arc<Toolchain>> {
        let ids = self.names.get(&key(name)).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.toolchains.get(id)).collect()
    }

    /// Returns the versions that can be used of the language with this name or alias.
    pub(crate) fn available_versions(&self, name: &str) -> Vec<String> {
        let versions = self.versions(self.without_version(name));
        versions.into_iter().filter_map(|one| one.version().ok().map(str::to_owned)).collect()
    }

    /// Returns the toolchain with an id, with or without a package set.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Toolchain>> {
        self.toolchains.get(id).or_else(|| self.with_packages.get(id))
    }

    /// Returns all toolchains, ordered by id.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Toolchain>> {
        self.toolchains.values()
    }

    /// Returns the toolchains among which a name or an alias chooses. Some may occur twice.
    pub(crate) fn candidates(&self, name: &str) -> impl Iterator<Item = &Arc<Toolchain>> {
        let name = self.without_version(name);
        self.named(name).into_iter().chain(self.versions(name))
    }

    /// Sets the version of a toolchain, or why it cannot be used, without asking it.
    #[cfg(test)]
    pub(crate) fn set_version(&mut self, id: &str, version: Result<String, String>) {
        let toolchain = self.toolchains.get_mut(id).unwrap();
        let changed = Arc::make_mut(toolchain);
        changed.probed = ProbedVersion::known(version);
        let with_sets = changed.with_each_set().map(|toolchain| (toolchain.id(), Arc::new(toolchain)));
        self.with_packages.extend(with_sets);
    }

    /// Returns what clients may know of each language: of its default version, with the aliases of all versions.
    pub(crate) fn describe(&self) -> Vec<Language> {
        let names: BTreeSet<_> = self.all().map(|toolchain| &toolchain.name).collect();
        names.into_iter().filter_map(|name| self.describe_language(name)).collect()
    }

    fn describe_language(&self, name: &str) -> Option<Language> {
        let main = self.find(name)?;
        let mut all = self.versions(name);
        all.sort_by_key(|one| std::cmp::Reverse((one.version_numbers(), one.variant.is_empty())));
        let versions = all.iter().filter_map(|one| {
            let version = one.version().ok()?.to_owned();
            Some(ToolchainVersion {
                version,
                title: one.title.clone(),
                is_default: Arc::ptr_eq(one, main),
                packages: one.describe_packages(),
            })
        });
        let mut language = main.describe(versions.collect());
        let others = all.iter().filter(|one| !Arc::ptr_eq(one, main)).flat_map(|one| &one.aliases);
        for alias in others {
            if !language.aliases.contains(alias) {
                language.aliases.push(alias.clone());
            }
        }
        Some(language)
    }
}

/// Returns the ids of the toolchains that have a title, by its key. A title that several languages have stands for none.
fn titles(toolchains: &BTreeMap<String, Arc<Toolchain>>) -> HashMap<String, Vec<String>> {
    let mut titles: HashMap<String, Vec<&Arc<Toolchain>>> = HashMap::new();
    for toolchain in toolchains.values() {
        titles.entry(key(&toolchain.title)).or_default().push(toolchain);
    }
    titles.retain(|_, toolchains| toolchains.iter().all(|one| one.name == toolchains[0].name));
    let ids = |toolchains: Vec<&Arc<Toolchain>>| toolchains.into_iter().map(|one| one.id()).collect();
    titles.into_iter().map(|(title, toolchains)| (title, ids(toolchains))).collect()
}
