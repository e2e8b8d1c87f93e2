//! JSON to bodies, with the field and the rule where it is not one.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::fields::RULE_MARK;
use super::json::Json;
use crate::domain::FieldError;

/// Why bytes are no body.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON at all (400).
    #[error("not JSON: {0}")]
    Syntax(String),
    /// JSON, but a field is not what it must be (422).
    #[error("{}: {}", .0.pointer, .0.detail)]
    Shape(FieldError),
}

/// Reads a body.
///
/// # Errors
/// [`ReadError`].
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    let tree = || serde_json::from_slice::<Json>(bytes).map_err(|error| ReadError::Syntax(error.to_string()));
    // Where a field is wrong the body is read again: only then the way to it is worth keeping.
    T::deserialize(tree()?).or_else(|_| {
        serde_path_to_error::deserialize(tree()?)
            .map_err(|error| ReadError::Shape(shape(error.path(), &error.inner().to_string())))
    })
}

/// serde's error as field, rule and detail. serde names rules only in its texts; a test holds them to what is read here.
fn shape(path: &Path, message: &str) -> FieldError {
    let mut pointer = pointer(path);
    let named = message.split('`').nth(1).unwrap_or_default();
    let (rule, detail) = if let Some((rule, detail)) = message.split_once(RULE_MARK) {
        (known(rule), detail.to_owned())
    } else if message.starts_with("missing field") {
        pointer = format!("{pointer}/{}", escaped(named));
        ("required", "this field must be given".to_owned())
    } else if message.starts_with("unknown field") {
        let last = format!("/{}", escaped(named));
        if !pointer.ends_with(&last) {
            pointer.push_str(&last);
        }
        (
            "unknown-field",
            "no such field; the OpenAPI document names all".to_owned(),
        )
    } else if message.starts_with("duplicate field") {
        ("duplicate-field", "the field is there twice".to_owned())
    } else if message.starts_with("unknown variant") {
        let expected = message
            .split_once("expected ")
            .map_or("another word", |(_, expected)| expected);
        ("one-of", format!("expected {expected}"))
    } else if let Some((_, expected)) = message.split_once("expected ") {
        ("type", format!("expected {expected}"))
    } else {
        ("format", message.to_owned())
    };
    FieldError { pointer, rule, detail }
}

/// Rules of [`super::fields`]: an answer's rule is one of a fixed list.
const RULES: [&str; 16] = [
    "account-number",
    "blank",
    "control-characters",
    "decimal",
    "iban",
    "kind",
    "language",
    "max-items",
    "max-length",
    "min-items",
    "range",
    "reference",
    "region",
    "sha256",
    "time",
    "time-zone",
];

fn known(rule: &str) -> &'static str {
    RULES.into_iter().find(|known| *known == rule).unwrap_or("format")
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn pointer(path: &Path) -> String {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", escaped(key))),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.collect()
}
