//! Who may depend on whom; every crate takes the workspace's lints.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::finding::{Finding, at_lines, none};
use crate::tree::{File, files};

/// What a crate in `shared/` may use of ours.
const SHARED: [(&str, &[&str]); 6] = [
    ("kernel", &[]),
    ("contracts", &["kernel"]),
    ("wording", &["kernel", "contracts"]),
    ("stack", &[]),
    ("runtime", &["kernel", "contracts"]),
    ("testkit", &["kernel", "contracts", "runtime", "stack"]),
];

/// What a service may use of ours, and what its tests may besides.
const SERVICE: &[&str] = &["kernel", "contracts", "runtime", "wording"];
const IN_TESTS: &[&str] = &["testkit", "stack"];

/// A crate of the workspace.
struct Crate<'a> {
    file: &'a File,
    table: Table,
}

impl Crate<'_> {
    /// `services/billing`.
    fn folder(&self) -> &str {
        self.file.path.trim_end_matches("/Cargo.toml")
    }

    /// Every dependency in any table: name, definition, whether the product is built with it.
    fn dependencies(&self) -> Vec<(&str, &Value, bool)> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let tables = std::iter::once(&self.table).chain(
            targets
                .into_iter()
                .flat_map(|targets| targets.values().filter_map(Value::as_table)),
        );
        let mut out = Vec::new();
        for table in tables {
            for (kind, product) in [
                ("dependencies", true),
                ("build-dependencies", true),
                ("dev-dependencies", false),
            ] {
                let dependencies = table.get(kind).and_then(Value::as_table);
                out.extend(
                    dependencies
                        .into_iter()
                        .flatten()
                        .map(|(name, value)| (name.as_str(), value, product)),
                );
            }
        }
        out
    }
}

fn read(file: &File) -> Option<Crate<'_>> {
    if !file.path.ends_with("/Cargo.toml") {
        return None;
    }
    let table = toml::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
    Some(Crate { file, table })
}

/// The crates of the tree, and the root's names for them: name → folder.
fn workspace(files: &[File]) -> (Vec<Crate<'_>>, BTreeMap<String, String>) {
    let crates = files.iter().filter_map(read).collect();
    let root = files
        .iter()
        .find(|file| file.path == "Cargo.toml")
        .expect("a Cargo.toml at the root");
    let root: Table = toml::from_str(&root.text).expect("the root's Cargo.toml");
    let names = root["workspace"]["dependencies"].as_table().into_iter().flatten();
    let folders = names.filter_map(|(name, value)| Some((name.clone(), value.get("path")?.as_str()?.to_owned())));
    (crates, folders.collect())
}

/// The folder of ours that a dependency names, by the workspace's name or by a path of its own.
fn folder_of(name: &str, value: &Value, names: &BTreeMap<String, String>) -> Option<String> {
    match value.get("path").and_then(Value::as_str) {
        Some(path) => Some(path.rsplit("../").next().unwrap_or(path).to_owned()),
        None => names.get(name).cloned(),
    }
}

fn dependencies(files: &[File]) -> Vec<Finding> {
    let (crates, names) = workspace(files);
    let mut findings = Vec::new();
    for krate in &crates {
        let (room, own) = krate.folder().split_once('/').unwrap_or_default();
        let allowed: &[&str] = match room {
            "services" if own != "incasso" => SERVICE,
            "shared" => SHARED
                .iter()
                .find(|(name, _)| *name == own)
                .map_or(&[], |(_, allowed)| allowed),
            // The tool and the tests that look at everything.
            _ => continue,
        };
        for (name, value, product) in krate.dependencies() {
            let Some(folder) = folder_of(name, value, &names) else {
                continue;
            };
            let theirs = folder.rsplit('/').next().unwrap_or(&folder);
            if allowed.contains(&theirs) || !product && IN_TESTS.contains(&theirs) {
                continue;
            }
            let remedy = match folder.starts_with("services/") {
                true => "services talk through topics alone: read its events",
                false => "kernel ← contracts ← runtime ← services: move what both need down",
            };
            let line = krate.file.line_of(name);
            findings.push(Finding::new(
                &krate.file.path,
                line,
                format!("{own} depends on {folder}"),
                remedy,
            ));
        }
    }
    findings
}

fn lints(files: &[File]) -> Vec<Finding> {
    let crates = files.iter().filter_map(read);
    let careless = crates.filter(|krate| {
        let lints = krate.table.get("lints").and_then(Value::as_table);
        let shared = lints.is_some_and(|lints| lints.get("workspace") == Some(&Value::Boolean(true)));
        // Test crates may panic: they write their lints out. Fuzz targets are no members of the workspace.
        let apart = krate.folder().starts_with("tests/") || krate.folder() == "fuzz";
        let own = apart && lints.is_some_and(|lints| lints.contains_key("clippy"));
        !shared && !own
    });
    let remedy = "add [lints] workspace = true";
    careless
        .map(|krate| Finding::new(&krate.file.path, 1, "the workspace's lints do not hold here", remedy))
        .collect()
}

#[test]
fn services_depend_on_no_service() {
    none(&dependencies(files()));
}

#[test]
fn every_crate_takes_the_lints() {
    none(&lints(files()));
}

#[test]
fn wrong_dependencies_are_found() {
    let root = "[workspace.dependencies]\nbilling = { path = \"services/billing\" }\nmoney = { path = \"services/billing\" }\n\
                kernel = { path = \"shared/kernel\" }\nruntime = { path = \"shared/runtime\" }\nstack = { path = \"shared/stack\" }";
    let check = |path: &str, text: &str| dependencies(&[File::sample("Cargo.toml", root), File::sample(path, text)]);
    let service = "services/dunning/Cargo.toml";
    at_lines(
        &check(
            service,
            "[dependencies]\nbilling.workspace = true\nkernel.workspace = true\nserde = \"1\"",
        ),
        &[2],
    );
    at_lines(&check(service, "[dependencies]\nmoney.workspace = true"), &[2]);
    at_lines(
        &check(
            service,
            "[dev-dependencies]\nstack.workspace = true\nb = { path = \"../billing\" }",
        ),
        &[3],
    );
    at_lines(
        &check(service, "[target.'cfg(unix)'.dependencies]\nbilling.workspace = true"),
        &[2],
    );
    at_lines(&check(service, "[dependencies]\nstack.workspace = true"), &[2]);
    at_lines(
        &check("shared/kernel/Cargo.toml", "[dependencies]\nruntime.workspace = true"),
        &[2],
    );
    at_lines(
        &check("shared/new/Cargo.toml", "[dependencies]\nkernel.workspace = true"),
        &[2],
    );
    assert_eq!(
        check(
            "services/incasso/Cargo.toml",
            "[dependencies]\nbilling.workspace = true"
        ),
        []
    );
}

#[test]
fn missing_lints_are_found() {
    let check = |path: &str, text: &str| lints(&[File::sample(path, text)]);
    assert_eq!(check("shared/a/Cargo.toml", "[lints]\nworkspace = true"), []);
    assert_eq!(check("tests/a/Cargo.toml", "[lints.clippy]\nall = \"deny\""), []);
    at_lines(&check("tests/a/Cargo.toml", "[package]\nname = \"a\""), &[1]);
    at_lines(&check("shared/a/Cargo.toml", "[lints.clippy]\nall = \"deny\""), &[1]);
}
