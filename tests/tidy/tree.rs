//! The files of the tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A text file.
#[derive(Debug, Clone)]
pub struct File {
    /// Path below the root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// A file that a test makes up.
    pub fn sample(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The service that the file belongs to.
    pub fn service(&self) -> Option<&str> {
        let (service, _) = self.path.strip_prefix("services/")?.split_once('/')?;
        Some(service)
    }

    /// Whether it is compiled for tests alone.
    pub fn is_test(&self) -> bool {
        ["/tests/", "/tests.rs", "shared/testkit/"]
            .iter()
            .any(|part| self.path.contains(part))
            || self.path.starts_with("tests/")
    }

    /// Whether any of these parts is in its text: a look before it is read as Rust.
    pub fn mentions(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.text.contains(part))
    }

    /// Lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// The number of the first line that holds `part`, else 1.
    pub fn line_of(&self, part: &str) -> usize {
        self.lines()
            .find(|(_, line)| line.contains(part))
            .map_or(1, |(number, _)| number)
    }
}

/// The root of the tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Every text file, sorted by path; without git's and cargo's own folders.
pub fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let root = root();
        let own = |path: &Path| path != root.join("target") && path != root.join(".git");
        let walk = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter();
        let entries = walk.filter_entry(|entry| own(entry.path())).map(Result::unwrap);
        entries
            .filter(|entry| entry.file_type().is_file())
            .filter_map(|entry| {
                // What is no text has no rules here.
                let text = String::from_utf8(fs::read(entry.path()).unwrap()).ok()?;
                let path = entry.path().strip_prefix(&root).unwrap().to_str().unwrap();
                Some(File {
                    path: path.replace('\\', "/"),
                    text,
                })
            })
            .collect()
    })
}

/// The files whose path ends so.
pub fn ending(end: &str) -> impl Iterator<Item = &'static File> {
    files().iter().filter(move |file| file.path.ends_with(end))
}

/// The names of the folders in `services/`.
pub fn services() -> Vec<&'static str> {
    let mut services: Vec<&str> = files().iter().filter_map(File::service).collect();
    services.dedup();
    services
}

#[test]
fn the_tree_is_read() {
    assert!(ending(".rs").count() > 100);
    assert_eq!(services(), ["allocation", "billing", "incasso", "ingestion"]);
}
