//! Reads Rust sources and lists what they name: every path as it resolves in its module, every macro, every
//! `async`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemUse, Macro, Signature, UseTree};

/// One file and what it names.
pub(crate) struct Source {
    /// From the root of the repository, with forward slashes.
    pub(crate) path: String,
    /// Paths with at least two segments, and those of `use`: `crate::api::names::GROUP`, `kube::Api`. What
    /// starts with `self` or `super` is written from `crate`.
    pub(crate) names: BTreeSet<String>,
    /// Macros, by their last segment.
    pub(crate) macros: BTreeSet<String>,
    /// Functions and blocks that are `async`, and each `.await`.
    pub(crate) asyncs: usize,
    text: String,
}

/// Every source file of the product.
pub(crate) fn product() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let short = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                sources.push(Source::parse(&short, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap();
        let mut reader = Reader {
            module: module_of(path),
            names: BTreeSet::new(),
            macros: BTreeSet::new(),
            asyncs: 0,
        };
        reader.visit_file(&file);
        Self {
            path: path.to_owned(),
            names: reader.names,
            macros: reader.macros,
            asyncs: reader.asyncs,
            text: text.to_owned(),
        }
    }

    /// Whether the file is in a folder of `src/`, or is the module file beside it.
    pub(crate) fn is_in(&self, module: &str) -> bool {
        self.path == format!("src/{module}.rs") || self.path.starts_with(&format!("src/{module}/"))
    }

    /// Whether the whole file is tests.
    pub(crate) fn is_test(&self) -> bool {
        let test_file = |part: &str| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs");
        self.path.split('/').any(test_file)
            || self.path == "src/provider/test_server.rs"
            || self.path.ends_with("/fuzzing.rs")
            || self.path.starts_with("src/core/model")
            || self.path.starts_with("src/core/explore")
    }

    /// Lines that are neither blank nor comment, up to the tests at the end of the file; 0 for a file of tests.
    pub(crate) fn lines_of_code(&self) -> usize {
        if self.is_test() {
            return 0;
        }
        let code = self
            .text
            .split("\n#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let counts = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        code.lines().filter(counts).count()
    }
}

/// The module that a file is, from the root of its crate.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_start_matches("core/");
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let parts = path.split('/').map(str::to_owned);
    parts.filter(|part| part != "lib" && part != "main").collect()
}

struct Reader {
    module: Vec<String>,
    names: BTreeSet<String>,
    macros: BTreeSet<String>,
    asyncs: usize,
}

impl Reader {
    fn name(&mut self, segments: &[String]) {
        let resolved = self.resolve(segments);
        self.names.insert(resolved.join("::"));
    }

    fn resolve(&self, segments: &[String]) -> Vec<String> {
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        let relative = ups > 0 || segments.first().is_some_and(|segment| segment == "self");
        if !relative {
            return segments.to_vec();
        }
        let here = &self.module[..self.module.len().saturating_sub(ups)];
        let rest = &segments[ups.max(1)..];
        let root = ["crate".to_owned()];
        root.iter().chain(here).chain(rest).cloned().collect()
    }

    fn used(&mut self, before: &[String], tree: &UseTree) {
        let with = |last: &syn::Ident| {
            let mut segments = before.to_vec();
            segments.push(last.to_string());
            segments
        };
        match tree {
            UseTree::Path(path) => self.used(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.name(&with(&name.ident)),
            UseTree::Rename(rename) => self.name(&with(&rename.ident)),
            UseTree::Glob(_) => self.name(before),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.used(before, item)),
            // Syntax that a newer compiler may know.
        }
    }

    /// Paths within what a macro or an attribute is given, which is not parsed as Rust.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_path(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(punct) => {
                    if punct.as_char() == '!' && path.len() == 1 {
                        self.macros.insert(path.remove(0));
                    }
                    self.end_path(&mut path);
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.end_path(&mut path);
                    self.tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Literal(_) => {
                    self.end_path(&mut path);
                    colons = 0;
                }
            }
        }
        self.end_path(&mut path);
    }

    fn end_path(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.name(path);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.used(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|one| one.ident.to_string()).collect();
        if segments.len() > 1 {
            self.name(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        if let Some(last) = item.path.segments.last() {
            self.macros.insert(last.ident.to_string());
        }
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.tokens(list.tokens.clone());
        visit::visit_meta_list(self, list);
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        self.asyncs += usize::from(signature.asyncness.is_some());
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.asyncs += 1;
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_await(&mut self, item: &'ast syn::ExprAwait) {
        self.asyncs += 1;
        visit::visit_expr_await(self, item);
    }
}
