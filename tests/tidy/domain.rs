//! A service's domain is pure: no I/O, no clock, no `async`, nothing of the service outside it.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use toml::{Table, Value};

use crate::finding::{Finding, at_lines, none};
use crate::tokens::{Kind, Token, Without, stands, tokens};
use crate::tree::{File, ending, files};

const ALLOWED: [&str; 6] = ["kernel", "contracts", "rust_decimal", "chrono", "serde", "thiserror"];
/// The parts of `std` that reach outside.
const OUTSIDE: [&str; 7] = ["fs", "net", "env", "process", "thread", "io", "time"];
const REMEDY: &str = "the domain decides from values it is given; load and save in the handler and the store";

/// How deep in the crate the domain's file is: `domain/mod.rs` is 1, `domain/fold.rs` 2. `None`: not of a domain.
fn depth(file: &File) -> Option<usize> {
    let (_, inside) = file.path.split_once("/src/")?;
    file.service()?;
    let inside = inside.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    (inside == "domain" || inside.starts_with("domain/")).then(|| inside.split('/').count())
}

/// Crates that the file's service is built with and its domain may not use.
fn forbidden(manifest: &str) -> BTreeSet<String> {
    let table: Table = toml::from_str(manifest).expect("a manifest");
    let kinds = ["dependencies", "dev-dependencies"];
    let names = kinds
        .iter()
        .filter_map(|kind| table.get(*kind).and_then(Value::as_table))
        .flatten();
    let names = names.map(|(name, _)| name.replace('-', "_"));
    names.filter(|name| !ALLOWED.contains(&name.as_str())).collect()
}

fn check(file: &File, forbidden: &BTreeSet<String>) -> Vec<Finding> {
    let Some(depth) = depth(file).filter(|_| !file.is_test()) else {
        return Vec::new();
    };
    let tokens = tokens(file, Without::Tests);
    let mut findings = Vec::new();
    let mut found = |line, what: String| findings.push(Finding::new(&file.path, line, what, REMEDY));
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let path_head = stands(&tokens, at + 1, &[":", ":"]) && !continues(&tokens, at);
        let used = at
            .checked_sub(1)
            .and_then(|before| tokens.get(before))
            .is_some_and(|before| before.is("use"));
        let next = tokens.get(at + 3).map_or("", |next| next.text.as_str());
        match token.text.as_str() {
            "async" | "await" => found(token.line, token.text.clone()),
            name if (path_head || used) && forbidden.contains(name) => found(token.line, format!("the crate {name}")),
            "std" if path_head && OUTSIDE.contains(&next) => found(token.line, format!("std::{next}")),
            "crate" if path_head && next != "domain" => found(token.line, format!("crate::{next}")),
            _ => {}
        }
    }
    if let Ok(parsed) = syn::parse_file(&file.text) {
        let mut supers = Supers {
            depth,
            too_far: Vec::new(),
        };
        supers.visit_file(&parsed);
        supers
            .too_far
            .into_iter()
            .for_each(|line| found(line, "super leads out of the domain".to_owned()));
    }
    findings
}

/// Whether the word at `at` stands behind `::`.
fn continues(tokens: &[Token], at: usize) -> bool {
    at >= 2 && stands(tokens, at - 2, &[":", ":"])
}

/// Imports that lead above the domain's own module.
struct Supers {
    depth: usize,
    too_far: Vec<usize>,
}

impl<'ast> Visit<'ast> for Supers {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let (mut tree, mut supers) = (&item.tree, 0);
        while let syn::UseTree::Path(path) = tree {
            supers += usize::from(path.ident == "super");
            tree = &path.tree;
        }
        if supers >= self.depth {
            self.too_far.push(item.use_token.span.start().line);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let supers = path.segments.iter().filter(|segment| segment.ident == "super").count();
        if let Some(first) = path.segments.first().filter(|_| supers > 0 && supers >= self.depth) {
            self.too_far.push(first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }
}

#[test]
fn domains_are_pure() {
    let mut findings = Vec::new();
    for file in ending(".rs").filter(|file| depth(file).is_some()) {
        let manifest = format!("services/{}/Cargo.toml", file.service().unwrap());
        let manifest = files().iter().find(|file| file.path == manifest).unwrap();
        findings.extend(check(file, &forbidden(&manifest.text)));
    }
    none(&findings);
}

#[test]
fn impure_domains_are_found() {
    let forbidden = forbidden("[dependencies]\nkernel.workspace = true\nsqlx.workspace = true\nserde-json = \"1\"");
    let check = |path: &str, text: &str| check(&File::sample(path, text), &forbidden);
    let at = "services/a/src/domain/b.rs";
    at_lines(
        &check(
            at,
            "use std::collections::BTreeMap;\nuse kernel::Money;\nuse super::c;\nuse crate::domain::d;",
        ),
        &[],
    );
    at_lines(
        &check(at, "use sqlx::Row;\nfn a() { serde_json::to_string(b) }"),
        &[1, 2],
    );
    at_lines(&check(at, "async fn a() {\n b.await }"), &[1, 2]);
    at_lines(
        &check(at, "use std::fs;\nfn a() { std::env::var(b) }\nuse crate::store::C;"),
        &[1, 2, 3],
    );
    at_lines(
        &check(at, "use super::super::store;\nmod a { use super::super::b; }"),
        &[1],
    );
    at_lines(
        &check(
            "services/a/src/domain/mod.rs",
            "use super::store;\nfn a() { super::b() }",
        ),
        &[1, 2],
    );
    at_lines(&check("services/a/src/domain.rs", "use super::store;"), &[1]);
    at_lines(&check(at, "#[cfg(test)]\nmod tests { use sqlx::Row; }"), &[]);
    at_lines(&check("services/a/src/handlers.rs", "use sqlx::Row;"), &[]);
}
