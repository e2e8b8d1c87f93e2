//! Every pair of released versions reads the other fully, and bytes of an older version become the newest type.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema::SchemaKind;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use contracts::InvoiceIssued;
use contracts::codec::{Codec, DecodeError, Shape};
use contracts::schemas::{EVENTS, EventSchema};
use serde_json::{Value, json};

use crate::values;

/// Why two versions of a schema may not both be released; `None` when they may.
///
/// `mutual_read` says `Ok(Partial)` where old readers break (apache-avro 0.22), and does not look at logical types.
fn clash(one: &Schema, other: &Schema) -> Option<String> {
    for schema in [one, other] {
        if let Err(error) = Shape::of(schema) {
            return Some(error.to_string());
        }
    }
    match SchemaCompatibility::mutual_read(one, other) {
        Ok(Compatibility::Full) => {}
        found => return Some(format!("{found:?}")),
    }
    let (one, other) = (kinds(one), kinds(other));
    let changed = one
        .iter()
        .find(|(path, kind)| other.get(*path).is_some_and(|after| after != *kind));
    changed.map(|(path, kind)| format!("{path} was {kind:?}"))
}

/// Kind, logical types included, of every field by its path.
fn kinds(schema: &Schema) -> BTreeMap<String, SchemaKind> {
    fn collect(schema: &Schema, path: &str, out: &mut BTreeMap<String, SchemaKind>) {
        match schema {
            Schema::Record(record) => {
                record
                    .fields
                    .iter()
                    .for_each(|field| collect(&field.schema, &format!("{path}.{}", field.name), out));
            }
            Schema::Array(array) => collect(&array.items, &format!("{path}[]"), out),
            Schema::Union(union) => union
                .variants()
                .iter()
                .filter(|branch| !matches!(branch, Schema::Null))
                .for_each(|branch| collect(branch, &format!("{path}?"), out)),
            leaf => {
                out.insert(path.to_owned(), SchemaKind::from(leaf));
            }
        }
    }
    let mut out = BTreeMap::new();
    collect(schema, "", &mut out);
    out
}

#[test]
fn every_pair_of_versions_reads_the_other_fully() {
    for event in EVENTS {
        let schemas: Vec<Schema> = event
            .versions
            .iter()
            .map(|(_, text)| Schema::parse_str(text).unwrap())
            .collect();
        for one in &schemas {
            for other in &schemas {
                assert_eq!(clash(one, other), None, "{}", event.name);
            }
        }
    }
}

fn record(fields: Value) -> Schema {
    Schema::parse(&json!({ "type": "record", "name": "R", "fields": fields })).unwrap()
}

#[test]
fn the_guard_finds_what_breaks_a_reader() {
    let date = || json!({ "name": "due_on", "type": { "type": "int", "logicalType": "date" } });
    let before = record(json!([date()]));
    for (after, allowed) in [
        (
            json!([date(), { "name": "reason", "type": ["null", "string"], "default": null }]),
            true,
        ),
        (
            json!([date(), { "name": "lines", "type": { "type": "array", "items": "string" }, "default": [] }]),
            true,
        ),
        (json!([date(), { "name": "reason", "type": "string" }]), false),
        (json!([{ "name": "due_on", "type": "int" }]), false),
        (json!([{ "name": "due_on", "type": "long" }]), false),
        (
            json!([{ "name": "due_on", "type": ["null", { "type": "int", "logicalType": "date" }], "default": null }]),
            false,
        ),
        (
            json!([{ "name": "due_on", "type": { "type": "int", "logicalType": "time-millis" } }]),
            false,
        ),
        (
            json!([{ "name": "day_on", "type": { "type": "int", "logicalType": "date" } }]),
            false,
        ),
        (json!([]), false),
    ] {
        let after = record(after);
        assert_eq!(clash(&before, &after).is_none(), allowed, "{after:?}");
        assert_eq!(clash(&after, &before).is_none(), allowed, "{after:?}");
    }
    let union = |branches: Value| record(json!([{ "name": "kind", "type": branches, "default": null }]));
    let (two, three) = (
        union(json!(["null", "string"])),
        union(json!(["null", "string", "long"])),
    );
    assert!(clash(&two, &three).is_some());
    let symbols = |symbols: Value| {
        record(json!([{ "name": "kind", "type": { "type": "enum", "name": "K", "symbols": symbols, "default": "A" } }]))
    };
    assert!(clash(&symbols(json!(["A"])), &symbols(json!(["A", "B"]))).is_some());
}

/// InvoiceIssued as an earlier version might have been: without some fields that have defaults, one of them nested.
fn earlier() -> Value {
    let mut schema: Value = serde_json::from_str(invoice().versions[0].1).unwrap();
    remove(&mut schema["fields"], "reason");
    remove(&mut schema["fields"], "corrects");
    let lines = schema["fields"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|field| field["name"] == "lines")
        .unwrap();
    remove(&mut lines["type"]["items"]["fields"], "debt_kind");
    schema
}

fn remove(fields: &mut Value, name: &str) {
    let fields = fields.as_array_mut().unwrap();
    let count = fields.len();
    fields.retain(|field| field["name"] != name);
    assert_eq!(fields.len(), count - 1);
}

fn invoice() -> &'static EventSchema {
    EVENTS.iter().find(|event| event.name == "InvoiceIssued").unwrap()
}

fn leaked(schema: &Value) -> &'static str {
    Box::leak(schema.to_string().into_boxed_str())
}

fn bytes_of(text: &str) -> Vec<u8> {
    let schema = Schema::parse_str(text).unwrap();
    values::bytes_of(&schema, values::example(&schema, "", 0))
}

fn codec(versions: Vec<(u32, &'static str)>) -> Codec {
    Codec::new(&[EventSchema {
        family: "billing",
        name: "InvoiceIssued",
        versions: Vec::leak(versions),
    }])
    .unwrap()
}

#[test]
fn bytes_of_an_older_version_become_the_newest_type() {
    let (old, new) = (leaked(&earlier()), invoice().versions[0].1);
    let schemas = [old, new].map(|text| Schema::parse_str(text).unwrap());
    assert_eq!(clash(&schemas[0], &schemas[1]), None);

    let codec = codec(vec![(1, old), (2, new)]);
    let full: InvoiceIssued = codec.decode(&bytes_of(new)).unwrap();
    let mut expected = InvoiceIssued {
        reason: None,
        corrects: None,
        ..full.clone()
    };
    expected.lines.iter_mut().for_each(|line| line.debt_kind = None);
    assert_eq!(codec.decode::<InvoiceIssued>(&bytes_of(old)).unwrap(), expected);
    assert_eq!(codec.version_of(&bytes_of(old)), Ok(("InvoiceIssued", 1)));
    assert_eq!(
        codec.version_of(&codec.encode(&full).unwrap()),
        Ok(("InvoiceIssued", 2)),
        "the newest is written"
    );
}

/// Old software reads what new software writes once it knows the schema: fields that it does not know fall away.
#[test]
fn bytes_of_a_newer_version_are_read_by_the_older() {
    let (old, new) = (leaked(&earlier()), invoice().versions[0].1);
    let read: InvoiceIssued = codec(vec![(2, new), (1, old)]).decode(&bytes_of(new)).unwrap();
    assert_eq!(
        (read.reason, read.corrects, &read.lines[0].debt_kind),
        (None, None, &None)
    );
    assert_eq!(read.instalments.len(), 2);
}

#[test]
fn an_unknown_version_is_a_failure_and_not_a_rejection() {
    let old = leaked(&earlier());
    let new = bytes_of(invoice().versions[0].1);
    let error = codec(vec![(1, old)]).decode::<InvoiceIssued>(&new).unwrap_err();
    assert!(error.is_failure(), "{error}");
    assert!(matches!(error, DecodeError::UnknownFingerprint(_)), "{error}");
}

#[test]
fn a_codec_refuses_versions_with_one_fingerprint() {
    let text = invoice().versions[0].1;
    let event = EventSchema {
        family: "billing",
        name: "InvoiceIssued",
        versions: Vec::leak(vec![(1, text), (2, text)]),
    };
    assert!(Codec::new(&[event]).is_err());
    assert!(
        Codec::new(&[EventSchema {
            family: "billing",
            name: "InvoiceIssued",
            versions: &[]
        }])
        .is_err()
    );
}
