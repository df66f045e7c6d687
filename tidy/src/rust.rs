//! The Rust sources of a crate as a tree of modules, and the questions that several checks ask about them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, ItemMod, Lit, Meta};

use crate::repository::Repository;

/// The struct whose fields a macro makes of the table of limits.
const LIMITS: &str = "LimitSettings";

/// A module's path within its crate: `["pool", "policy"]`; the root is empty.
pub type ModulePath = Vec<String>;

/// A crate target: everything that its root file declares, without test modules.
#[derive(Default)]
pub struct Target {
    /// The file that each module is in. Inline modules are in their parent's file.
    pub modules: BTreeMap<ModulePath, PathBuf>,
    /// Each file with the module that it is.
    pub files: Vec<SourceFile>,
}

/// A parsed file.
pub struct SourceFile {
    /// Relative to the repository.
    pub path: PathBuf,
    /// The module that it is.
    pub module: ModulePath,
    /// Its contents.
    pub syntax: syn::File,
}

impl Target {
    /// Parses a crate from its root file.
    ///
    /// # Errors
    /// If a file is missing or does not parse.
    pub fn load(repository: &Repository, root: &Path) -> io::Result<Self> {
        let mut target = Self::default();
        let directory = root.parent().unwrap_or(Path::new("")).to_owned();
        target.add(repository, root, &directory, Vec::new())?;
        Ok(target)
    }

    fn add(
        &mut self,
        repository: &Repository,
        path: &Path,
        directory: &Path,
        module: ModulePath,
    ) -> io::Result<()> {
        let syntax = parse(repository, path)?;
        self.modules.insert(module.clone(), path.to_owned());
        self.children(repository, &syntax.items, path, directory, &module)?;
        self.files.push(SourceFile { path: path.to_owned(), module, syntax });
        Ok(())
    }

    fn children(
        &mut self,
        repository: &Repository,
        items: &[Item],
        path: &Path,
        directory: &Path,
        module: &ModulePath,
    ) -> io::Result<()> {
        for item in items {
            let Item::Mod(child) = item else { continue };
            if is_test(&child.attrs) {
                continue;
            }
            let name = child.ident.to_string();
            let mut child_path = module.clone();
            child_path.push(name.clone());
            let child_directory = directory.join(&name);
            if let Some((_, items)) = &child.content {
                self.modules.insert(child_path.clone(), path.to_owned());
                self.children(repository, items, path, &child_directory, &child_path)?;
            } else {
                let file = child_file(repository, child, path, directory);
                self.add(repository, &file, &child_directory, child_path)?;
            }
        }
        Ok(())
    }
}

/// Parses a file of the repository.
///
/// # Errors
/// If it cannot be read or is not Rust.
pub fn parse(repository: &Repository, path: &Path) -> io::Result<syn::File> {
    let text = repository.read(path)?;
    syn::parse_file(&text).map_err(|error| {
        io::Error::other(format!("{}:{}: {error}", path.display(), error.span().start().line))
    })
}

/// Returns the root files of a crate: its library and its programs.
#[must_use]
pub fn roots(repository: &Repository, folder: &Path) -> Vec<PathBuf> {
    let source = folder.join("src");
    let is_root = |file: &&PathBuf| {
        *file == &source.join("lib.rs")
            || *file == &source.join("main.rs")
            || (file.parent() == Some(&source.join("bin"))
                && file.extension().is_some_and(|extension| extension == "rs"))
    };
    repository.files().iter().filter(is_root).cloned().collect()
}

fn child_file(repository: &Repository, child: &ItemMod, parent: &Path, directory: &Path) -> PathBuf {
    if let Some(path) = value_of(&child.attrs, "path") {
        return parent.parent().unwrap_or(Path::new("")).join(path);
    }
    let name = child.ident.to_string();
    let flat = directory.join(format!("{name}.rs"));
    if repository.has(&flat) { flat } else { directory.join(name).join("mod.rs") }
}

/// Returns the text of `#[name = "text"]`.
fn value_of(attributes: &[Attribute], name: &str) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident(name) => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Returns whether an item is compiled for tests only.
#[must_use]
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string();
            let mut words = condition.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            words.any(|word| word == "test") && !condition.contains("not")
        }
        Meta::Path(path) => path.segments.last().is_some_and(|segment| segment.ident == "test"),
        _ => false,
    })
}

/// A struct with named fields, as serde sees it.
#[derive(Clone, Debug)]
struct Struct {
    file: PathBuf,
    /// Each field's name in the file format, and its type's last word within `Option<…>` and the like.
    fields: Vec<(String, String)>,
}

/// The structs of a folder whose fields serde reads, by name.
#[derive(Debug, Default)]
pub struct Structs {
    folder: String,
    by_name: BTreeMap<String, Vec<Struct>>,
}

impl Structs {
    /// Finds the structs below a folder.
    ///
    /// # Errors
    /// If a file does not parse.
    pub fn below(repository: &Repository, folder: &str) -> io::Result<Self> {
        let mut found = Self { folder: folder.to_owned(), by_name: BTreeMap::new() };
        for path in repository.below(folder).filter(|path| path.extension().is_some_and(|end| end == "rs")) {
            found.add_file(repository, path)?;
        }
        Ok(found)
    }

    /// Adds the structs of another file.
    ///
    /// # Errors
    /// If the file does not parse.
    pub fn with_file(mut self, repository: &Repository, path: &str) -> io::Result<Self> {
        self.add_file(repository, Path::new(path))?;
        Ok(self)
    }

    fn add_file(&mut self, repository: &Repository, path: &Path) -> io::Result<()> {
        for item in &parse(repository, path)?.items {
            let Item::Struct(item) = item else { continue };
            let syn::Fields::Named(fields) = &item.fields else { continue };
            if !is_deserialized(&item.attrs) {
                continue;
            }
            let fields = fields.named.iter().filter_map(field).collect();
            let known = Struct { file: path.to_owned(), fields };
            self.by_name.entry(item.ident.to_string()).or_default().push(known);
        }
        Ok(())
    }

    /// Returns the keys that a struct is read from, dotted, with the file that defines each.
    ///
    /// # Errors
    /// If there is no such struct, or more than one.
    pub fn keys(&self, name: &str) -> io::Result<BTreeMap<String, PathBuf>> {
        let [root] = self.by_name.get(name).map_or(&[][..], Vec::as_slice) else {
            return Err(io::Error::other(format!("{} needs exactly one struct `{name}`", self.folder)));
        };
        let mut keys = BTreeMap::new();
        self.add(root, "", &mut keys);
        Ok(keys)
    }

    fn add(&self, parent: &Struct, prefix: &str, keys: &mut BTreeMap<String, PathBuf>) {
        for (name, ty) in &parent.fields {
            let key = format!("{prefix}{name}");
            keys.insert(key.clone(), parent.file.clone());
            let candidates = self.by_name.get(ty).map_or(&[][..], Vec::as_slice);
            let same_file = candidates.iter().find(|other| other.file == parent.file);
            let only = if candidates.len() == 1 { candidates.first() } else { None };
            if let Some(inner) = same_file.or(only) {
                self.add(inner, &format!("{key}."), keys);
            } else if ty == LIMITS {
                let limits = protocol::LIMITS.iter().map(|limit| format!("{key}.{}", limit.name));
                keys.extend(limits.map(|limit| (limit, parent.file.clone())));
            }
        }
    }
}

/// Returns whether serde reads a struct field by field.
fn is_deserialized(attributes: &[Attribute]) -> bool {
    let lists = |name: &'static str, word: &'static str| {
        attributes.iter().any(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident(name) => list.tokens.to_string().contains(word),
            _ => false,
        })
    };
    lists("derive", "Deserialize") && !lists("serde", "from =")
}

fn field(field: &syn::Field) -> Option<(String, String)> {
    let mut name = field.ident.as_ref()?.to_string();
    let mut skipped = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // Other attributes, such as `default = "…"`, end this parser with an error that does not matter.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                name = meta.value()?.parse::<syn::LitStr>()?.value();
            } else if meta.path.is_ident("skip") || meta.path.is_ident("skip_deserializing") {
                skipped = true;
            } else if let Ok(value) = meta.value() {
                value.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    (!skipped).then(|| (name, last_word(&field.ty)))
}

/// Returns the innermost type's name: `Warm` of `Option<Warm>`.
fn last_word(ty: &syn::Type) -> String {
    let syn::Type::Path(path) = ty else { return String::new() };
    let Some(segment) = path.path.segments.last() else { return String::new() };
    let name = segment.ident.to_string();
    match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments)
            if ["Option", "Vec", "Box", "Quantity"].contains(&name.as_str()) =>
        {
            match arguments.args.last() {
                Some(syn::GenericArgument::Type(inner)) => last_word(inner),
                _ => name,
            }
        }
        _ => name,
    }
}
