//! Documents made from the catalogue are committed as they are made.

use std::fs;
use std::path::Path;

use contracts::catalogue::{asyncapi, markdown};
use serde_json::Value;

use crate::tree::{compare, root, updating};

#[test]
fn the_asyncapi_document_is_current() {
    let path = root().join("asyncapi.json");
    if updating() {
        fs::write(&path, serde_json::to_string_pretty(&asyncapi()).unwrap() + "\n").unwrap();
    }
    // Compared as values: the order of keys depends on a feature of serde_json.
    let committed: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(
        committed == asyncapi(),
        "schemas/asyncapi.json is stale: INCASSO_UPDATE=1 cargo test -p conformance"
    );
}

#[test]
fn references_of_the_asyncapi_document_resolve() {
    fn references(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                out.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, out));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, out)),
            _ => {}
        }
    }
    let document = asyncapi();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        match reference.strip_prefix('#') {
            Some(pointer) => assert!(document.pointer(pointer).is_some(), "{reference}"),
            None => assert!(root().join(&reference).is_file(), "{reference}"),
        }
    }
}

const START: &str = "<!-- topics: made from the catalogue by the crate conformance; do not edit -->\n";
const END: &str = "<!-- end of topics -->\n";

/// Both READMEs hold the map of services and topics between the two comments.
#[test]
fn the_map_of_topics_is_current() {
    let front = root().join("../README.md");
    for path in [root().join("README.md"), front] {
        // The front page is written by hand; once it is there it has the map.
        if path.exists() {
            check_map(&path);
        }
    }
}

fn check_map(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let (before, rest) = text
        .split_once(START)
        .unwrap_or_else(|| panic!("{}: no line {START}", path.display()));
    let (_, after) = rest
        .split_once(END)
        .unwrap_or_else(|| panic!("{}: no line {END}", path.display()));
    compare(path, &format!("{before}{START}{}{END}{after}", markdown()));
}
