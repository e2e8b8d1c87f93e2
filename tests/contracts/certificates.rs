//! Certificates are chained by a hash that any program can compute.

use contracts::{DayCertified, codec};

use crate::released::{committed_bytes, newest_bytes};

fn certificate() -> DayCertified {
    codec::decode(&newest_bytes("DayCertified")).unwrap()
}

/// Computed by the Python function in `schemas/README.md` from the golden bytes.
#[test]
fn another_program_computes_the_same_hash() {
    assert_eq!(
        certificate().compute_hash(),
        "e0dbfcf3d340d1465b3c12357d5f52e158bc5f08d982cb4b0bf3f24429ed94ae"
    );
}

/// A certificate that was written before there was `coverage` keeps its hash.
#[test]
fn the_first_version_keeps_its_hash() {
    let event = contracts::schemas::EVENTS
        .iter()
        .find(|event| event.name == "DayCertified");
    let first: DayCertified = codec::decode(&committed_bytes(event.unwrap(), 1)).unwrap();
    assert!(first.coverage.is_empty());
    assert_eq!(
        first.compute_hash(),
        "9c8ded84d17dd44d2264adf4f24047c7ea17b7904cc9d36ac07c78f13c89bfc3"
    );
}

/// Every field but `hash` itself goes into the hash; a change anywhere is seen.
#[test]
fn every_field_counts() {
    let good = certificate();
    let good = DayCertified {
        hash: good.compute_hash(),
        ..good
    };
    assert!(good.hash_is_right());
    let json = serde_json::to_value(&good).unwrap();
    for field in json.as_object().unwrap().keys().filter(|field| *field != "hash") {
        let mut changed = json.clone();
        let value = &mut changed[field];
        *value = match &*value {
            serde_json::Value::String(text) if field.ends_with("_on") => text.replace("2026-01", "2026-03").into(),
            serde_json::Value::String(text) if field.ends_with("_at") => text.replace("2026-01", "2026-03").into(),
            serde_json::Value::String(text) if field == "calendar" => text.replace("17:00", "18:00").into(),
            serde_json::Value::String(text) => format!("{text}x").into(),
            serde_json::Value::Bool(holds) => (!holds).into(),
            serde_json::Value::Array(items) => items[..1].to_vec().into(),
            number => (number.as_i64().unwrap() + 1).into(),
        };
        let changed: DayCertified = serde_json::from_value(changed).unwrap();
        assert!(!changed.hash_is_right(), "{field}");
    }
}
