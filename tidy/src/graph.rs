//! The files of a crate and which of them name items of which others. A cycle means that none of its files can be read
//! without the others.
//!
//! A path counts for the deepest module that it names: `crate::pool::slot::Slot` for `pool/slot.rs`, and
//! `crate::pool::Slot` for `pool/mod.rs`, even if that only re-exports it. `mod` declarations and visibilities do not
//! count, and neither does test code.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use proc_macro2::{Spacing, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, UseTree};

use crate::finding::Finding;
use crate::repository::Repository;
use crate::rust::{self, ModulePath, SourceFile, Target, is_test};

/// The first place where a file names an item of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where the path is written.
    pub line: usize,
    /// The path as written.
    pub name: String,
}

/// Which file names which others.
pub type Graph = BTreeMap<PathBuf, BTreeMap<PathBuf, Reference>>;

/// Finds the cycles between files of a crate, in every crate.
///
/// # Errors
/// If a source file cannot be read or parsed.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in repository.crates()? {
        for root in rust::roots(repository, &package.folder) {
            let graph = build(repository, &root)?;
            findings.extend(cycles(&graph).iter().map(|cycle| describe(&graph, cycle)));
        }
    }
    Ok(findings)
}

/// Returns the graph of the crate with this root file.
///
/// # Errors
/// If a source file cannot be read or parsed.
pub fn build(repository: &Repository, root: &Path) -> io::Result<Graph> {
    let target = Target::load(repository, root)?;
    let mut graph = Graph::new();
    for file in &target.files {
        graph.insert(file.path.clone(), references(&target, file));
    }
    Ok(graph)
}

/// Returns one shortest cycle of each group of files that depend on each other.
#[must_use]
pub fn cycles(graph: &Graph) -> Vec<Vec<PathBuf>> {
    let mut seen = BTreeSet::new();
    let mut cycles: Vec<Vec<PathBuf>> = Vec::new();
    for file in graph.keys() {
        if seen.contains(file) {
            continue;
        }
        if let Some(cycle) = shortest_cycle(graph, file) {
            seen.extend(cycle.iter().cloned());
            cycles.push(cycle);
        }
    }
    cycles
}

/// Returns the shortest way from a file back to itself.
fn shortest_cycle(graph: &Graph, start: &Path) -> Option<Vec<PathBuf>> {
    let mut came_from: BTreeMap<&Path, &Path> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in graph.get(file)?.keys() {
            if next == start {
                let mut cycle = vec![file.to_owned()];
                let mut at = file;
                while at != start {
                    at = came_from.get(at)?;
                    cycle.push(at.to_owned());
                }
                cycle.reverse();
                return Some(cycle);
            }
            if !came_from.contains_key(next.as_path()) && graph.contains_key(next) {
                came_from.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}

fn describe(graph: &Graph, cycle: &[PathBuf]) -> Finding {
    let mut message = format!("cycle of {} files:", cycle.len());
    let mut first = 0;
    for (index, file) in cycle.iter().enumerate() {
        let next = &cycle[(index + 1) % cycle.len()];
        if let Some(reference) = graph.get(file).and_then(|edges| edges.get(next)) {
            if index == 0 {
                first = reference.line;
            }
            message += &format!(
                "\n    {}:{} names `{}` of {}",
                file.display(),
                reference.line,
                reference.name,
                next.display()
            );
        }
    }
    Finding::new(cycle[0].clone(), first, message)
}

/// Returns the other files of its crate whose items a file names.
fn references(target: &Target, file: &SourceFile) -> BTreeMap<PathBuf, Reference> {
    let mut collector = Collector {
        target,
        file,
        scope: file.module.clone(),
        aliases: BTreeMap::new(),
        found: BTreeMap::new(),
    };
    collector.scan(&file.syntax.items);
    collector.found
}

struct Collector<'a> {
    target: &'a Target,
    file: &'a SourceFile,
    /// The module whose items are visited; an inline module differs from its file's.
    scope: ModulePath,
    /// Names that `use` gave to modules, by the module that it is in.
    aliases: BTreeMap<(ModulePath, String), ModulePath>,
    found: BTreeMap<PathBuf, Reference>,
}

impl Collector<'_> {
    /// Imports first: they may be written after what uses them.
    fn scan(&mut self, items: &[Item]) {
        let mut imports = Imports::default();
        for item in items {
            imports.visit_item(item);
        }
        for (path, alias, span) in imports.found {
            self.import(&path, alias, span);
        }
        for item in items {
            self.visit_item(item);
        }
    }

    fn import(&mut self, path: &[String], alias: Option<String>, span: Span) {
        let Some((module, rest)) = self.resolve(path) else { return };
        match alias {
            // The name of a module is not an item of it. Paths that begin with the name are resolved where they are used.
            Some(alias) if rest == 0 => {
                self.aliases.insert((self.scope.clone(), alias), module);
            }
            _ => self.refer(&module, path, span),
        }
    }

    /// Returns the deepest module that a path names, and how many of its words are left.
    fn resolve(&self, path: &[String]) -> Option<(ModulePath, usize)> {
        let first = path.first()?;
        let mut used = 1;
        let child: ModulePath = self.scope.iter().chain([first]).cloned().collect();
        let mut module = match first.as_str() {
            "crate" => ModulePath::new(),
            "self" => self.scope.clone(),
            "super" => {
                let mut module = self.scope.clone();
                module.pop()?;
                while path.get(used).is_some_and(|word| word == "super") {
                    module.pop()?;
                    used += 1;
                }
                module
            }
            _ => match self.aliases.get(&(self.scope.clone(), first.clone())) {
                Some(module) => module.clone(),
                None if self.target.modules.contains_key(&child) => child,
                None => return None,
            },
        };
        while let Some(word) = path.get(used) {
            module.push(word.clone());
            if !self.target.modules.contains_key(&module) {
                module.pop();
                break;
            }
            used += 1;
        }
        Some((module, path.len() - used))
    }

    fn refer(&mut self, module: &ModulePath, path: &[String], span: Span) {
        let Some(other) = self.target.modules.get(module) else { return };
        if *other != self.file.path {
            let reference = Reference { line: span.start().line, name: path.join("::") };
            self.found.entry(other.clone()).or_insert(reference);
        }
    }

    fn path(&mut self, path: &[String], span: Span) {
        if let Some((module, rest)) = self.resolve(path)
            && rest > 0
        {
            self.refer(&module, path, span);
        }
    }

    /// Finds paths in the arguments of macros, which nobody has parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut begin = Span::call_site();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.end_of_path(&mut path, begin);
                        begin = word.span();
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    if colons == 1 && mark.spacing() == Spacing::Alone {
                        self.end_of_path(&mut path, begin);
                    }
                }
                TokenTree::Group(group) => {
                    self.end_of_path(&mut path, begin);
                    colons = 0;
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.end_of_path(&mut path, begin);
                    colons = 0;
                }
            }
        }
        self.end_of_path(&mut path, begin);
    }

    fn end_of_path(&mut self, path: &mut Vec<String>, begin: Span) {
        if path.len() > 1 {
            self.path(path, begin);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            return;
        }
        match item {
            Item::Use(_) => {}
            Item::Mod(inline) => {
                if let Some((_, items)) = &inline.content {
                    self.scope.push(inline.ident.to_string());
                    self.scan(items);
                    self.scope.pop();
                }
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(first) = path.segments.first() {
            self.path(&words, first.ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

/// An import: its path, its name here unless it is a glob, and where it is written.
type Import = (Vec<String>, Option<String>, Span);

/// All imports of a module, those within functions too.
#[derive(Default)]
struct Imports {
    found: Vec<Import>,
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) && !matches!(item, Item::Mod(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        flatten(&item.tree, &mut Vec::new(), &mut self.found);
    }
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<Import>) {
    let with = |prefix: &Vec<String>, word: &syn::Ident| {
        let mut path = prefix.clone();
        // `use crate::pool::{self, …}`
        if *word != "self" || path.is_empty() {
            path.push(word.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) => {
            let path = with(prefix, &name.ident);
            found.push((path.clone(), path.last().cloned(), name.ident.span()));
        }
        UseTree::Rename(renamed) => {
            found.push((
                with(prefix, &renamed.ident),
                Some(renamed.rename.to_string()),
                renamed.ident.span(),
            ));
        }
        UseTree::Glob(glob) => found.push((prefix.clone(), None, glob.star_token.spans[0])),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, found);
            }
        }
    }
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a crate and returns the edges of its graph, as `from -> to: name`.
    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let (graph, _directory) = graph_of(files);
        let name = |path: &Path| path.strip_prefix("src").unwrap().display().to_string();
        graph
            .iter()
            .flat_map(|(from, to)| {
                to.iter()
                    .map(move |(to, reference)| format!("{} -> {}: {}", name(from), name(to), reference.name))
            })
            .collect()
    }

    fn graph_of(files: &[(&str, &str)]) -> (Graph, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join("src").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let repository = Repository::open(directory.path()).unwrap();
        (build(&repository, Path::new("src/lib.rs")).unwrap(), directory)
    }

    #[test]
    fn a_path_counts_for_the_deepest_module_that_it_names() {
        let modules =
            [("lib.rs", "mod a;\nmod b;\n"), ("b/mod.rs", "pub mod c;\n"), ("b/c.rs", "pub struct C;\n")];
        let check = |a: &str, expected: &[&str]| {
            let files: Vec<_> = modules.into_iter().chain([("a.rs", a)]).collect();
            assert_eq!(edges(&files), expected, "{a}");
        };
        check("use crate::b::c::C;", &["a.rs -> b/c.rs: crate::b::c::C"]);
        check("use super::b::c::{self, C};", &["a.rs -> b/c.rs: super::b::c::C"]);
        check("use crate::b::B;", &["a.rs -> b/mod.rs: crate::b::B"]);
        check("use crate::b;\nfn f() { b::c::f() }", &["a.rs -> b/c.rs: b::c::f"]);
        check("use crate::b::c as d;\nfn f(x: d::C) {}", &["a.rs -> b/c.rs: d::C"]);
        check("use crate::b;", &[]);
        check("use crate::b::c::*;", &["a.rs -> b/c.rs: crate::b::c"]);
        check("fn f() { let x: crate::b::c::C = y; }", &["a.rs -> b/c.rs: crate::b::c::C"]);
        check("fn f() { println!(\"{}\", crate::b::c::f(1)) }", &["a.rs -> b/c.rs: crate::b::c::f"]);
        check("mod inline { use super::super::b::B; }", &["a.rs -> b/mod.rs: super::super::b::B"]);
        check("pub(in crate::b) struct A;\n", &[]);
        check("#[cfg(test)]\nmod tests { use crate::b::B; }", &[]);
        check("#[cfg(test)]\nuse crate::b::B;", &[]);
        check("use std::b::c::C;", &[]);
    }

    #[test]
    fn a_cycle_is_found_with_the_names_that_make_it() {
        let (graph, _directory) = graph_of(&[
            ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "\nuse crate::c::C;\n"),
            ("c.rs", "use crate::a::A;\n"),
            ("d.rs", "use crate::a::A;\n"),
        ]);
        let found: Vec<_> = cycles(&graph).iter().map(|cycle| describe(&graph, cycle).to_string()).collect();
        assert_eq!(
            found,
            ["src/a.rs:1: cycle of 3 files:\
              \n    src/a.rs:1 names `crate::b::B` of src/b.rs\
              \n    src/b.rs:2 names `crate::c::C` of src/c.rs\
              \n    src/c.rs:1 names `crate::a::A` of src/a.rs"]
        );
    }

    #[test]
    fn a_parent_and_its_child_may_not_name_each_other() {
        let (graph, _directory) = graph_of(&[
            ("lib.rs", "mod a;\n"),
            ("a/mod.rs", "mod b;\nuse b::B;\npub struct A;\n"),
            ("a/b.rs", "use super::A;\npub struct B;\n"),
        ]);
        assert_eq!(cycles(&graph).len(), 1);
    }
}
