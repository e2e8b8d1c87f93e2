//! What was released never changes: files against `released.sha256`, golden bytes against the newest types.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Once;

use apache_avro::Schema;
use contracts::schemas::{EVENTS, EventSchema};
use contracts::{codec, every_event};
use serde_json::Value;

use crate::tree::{root, sha256, updating, versioned_files};
use crate::values::{bytes_of, example};

/// Golden bytes of a schema: its example, by `apache-avro`'s value path and not by our types.
fn golden(text: &str) -> Vec<u8> {
    let schema = Schema::parse_str(text).unwrap();
    let value = example(&schema, "", 0);
    bytes_of(&schema, value)
}

static WRITTEN: Once = Once::new();

/// When updating, before any test reads one.
pub fn write_new_golden_files() {
    if updating() {
        WRITTEN.call_once(write_missing);
    }
}

fn write_missing() {
    for event in EVENTS {
        for (version, text) in event.versions {
            let folder = root().join(event.family).join(event.name);
            let (bin, json) = (
                folder.join(format!("v{version}.bin")),
                folder.join(format!("v{version}.json")),
            );
            if !bin.exists() {
                fs::write(&bin, golden(text)).unwrap();
            }
            if !json.exists() {
                let (_, value) = codec::to_json(&fs::read(&bin).unwrap()).unwrap();
                fs::write(&json, serde_json::to_string_pretty(&value).unwrap() + "\n").unwrap();
            }
        }
    }
}

/// The golden bytes of a version.
pub fn committed_bytes(event: &EventSchema, version: u32) -> Vec<u8> {
    write_new_golden_files();
    fs::read(
        root()
            .join(event.family)
            .join(event.name)
            .join(format!("v{version}.bin")),
    )
    .unwrap()
}

/// The golden bytes of an event's newest version.
pub fn newest_bytes(name: &str) -> Vec<u8> {
    let event = EVENTS.iter().find(|event| event.name == name).unwrap();
    committed_bytes(event, event.versions.last().unwrap().0)
}

fn committed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("released.sha256")).unwrap_or_default();
    text.lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(sha, path)| (path.to_owned(), sha.to_owned()))
        .collect()
}

/// `sha256sum -c released.sha256` in `schemas/` says the same.
#[test]
fn released_files_are_unchanged() {
    write_new_golden_files();
    let files = versioned_files();
    let mut released = committed();
    for (path, sha) in &released {
        let content = files
            .get(path)
            .unwrap_or_else(|| panic!("{path} was released and is gone"));
        assert_eq!(
            &sha256(content),
            sha,
            "{path} was released and is changed: make a new version instead"
        );
    }
    if updating() {
        let new = files.iter().map(|(path, content)| (path.clone(), sha256(content)));
        released.extend(new);
        let mut text = String::new();
        for (path, sha) in &released {
            writeln!(text, "{sha}  {path}").unwrap();
        }
        fs::write(root().join("released.sha256"), text).unwrap();
    }
    for path in files.keys() {
        assert!(
            released.contains_key(path),
            "{path} is not in released.sha256: INCASSO_UPDATE=1 cargo test -p conformance"
        );
    }
}

/// Each version's bytes read into the newest type, and say what its JSON says; later fields may join with defaults.
#[test]
fn golden_bytes_of_every_version_decode() {
    for event in EVENTS {
        for (version, _) in event.versions {
            let bytes = committed_bytes(event, *version);
            let json = root()
                .join(event.family)
                .join(event.name)
                .join(format!("v{version}.json"));
            let text = fs::read_to_string(json).unwrap();
            let (name, found) = codec::to_json(&bytes).unwrap();
            assert_eq!(name, event.name);
            assert_contains(
                &found,
                &serde_json::from_str(&text).unwrap(),
                &format!("{name} v{version}"),
            );
            assert_eq!(
                codec::Codec::released().version_of(&bytes).unwrap(),
                (event.name, *version)
            );
        }
    }
}

fn assert_contains(found: &Value, expected: &Value, at: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (name, value) in expected {
                assert_contains(found.get(name).unwrap_or(&Value::Null), value, &format!("{at}.{name}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{at}");
            for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_contains(found, expected, &format!("{at}[{n}]"));
            }
        }
        _ => assert_eq!(found, expected, "{at}"),
    }
}

/// The newest version's golden bytes are what the codec writes for the value that they hold.
#[test]
fn golden_bytes_of_the_newest_version_are_written_again() {
    macro_rules! check {
        ($($event:ident),*) => {$({
            let event = EVENTS.iter().find(|event| event.name == stringify!($event)).unwrap();
            let (version, _) = event.versions.last().unwrap();
            let bytes = committed_bytes(event, *version);
            let value: contracts::$event = codec::decode(&bytes).unwrap();
            assert_eq!(codec::Codec::released().decode_resolving::<contracts::$event>(&bytes).unwrap(), value);
            assert_eq!(codec::encode(&value).unwrap(), bytes, "{}", event.name);
        })*};
    }
    every_event!(check);
}
