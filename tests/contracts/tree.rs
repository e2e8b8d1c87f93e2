//! The files under `schemas/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The folder `schemas/`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../schemas")
        .canonicalize()
        .unwrap()
}

/// Whether generated files are to be written instead of compared.
pub fn updating() -> bool {
    std::env::var_os("INCASSO_UPDATE").is_some_and(|value| value == "1")
}

/// Path relative to `schemas/`, with `/`, and content of every file in a folder of a version: `v1.avsc`, `v1.bin`,
/// `v1.json`.
pub fn versioned_files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for family in folders(&root()) {
        for event in folders(&family) {
            for entry in fs::read_dir(&event).unwrap() {
                let path = entry.unwrap().path();
                let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(relative, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares a generated text with the committed file, or writes it when updating.
pub fn compare(path: &Path, expected: &str) {
    if updating() {
        fs::write(path, expected).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the catalogue says; write it with INCASSO_UPDATE=1 cargo test -p conformance",
        path.display()
    );
}
