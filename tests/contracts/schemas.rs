//! Rules for every `.avsc`, and that files, table and types are the same set.

use std::collections::{BTreeMap, BTreeSet};

use apache_avro::Schema;
use contracts::codec::Codec;
use contracts::schemas::EVENTS;
use contracts::{Message, every_event};
use serde_json::Value;

use crate::tree::versioned_files;

/// The text of every `.avsc` in the tree, by path.
fn files() -> BTreeMap<String, Value> {
    let files = versioned_files()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".avsc"));
    files
        .map(|(path, content)| (path, serde_json::from_slice(&content).unwrap()))
        .collect()
}

#[test]
fn every_file_is_in_the_table_and_the_reverse() {
    let table: BTreeSet<String> = EVENTS
        .iter()
        .flat_map(|event| {
            event
                .versions
                .iter()
                .map(|(version, _)| format!("{}/{}/v{version}.avsc", event.family, event.name))
        })
        .collect();
    assert_eq!(files().into_keys().collect::<BTreeSet<_>>(), table);
    let of_versions: BTreeSet<String> = table
        .iter()
        .flat_map(|path| {
            [
                path.clone(),
                path.replace(".avsc", ".bin"),
                path.replace(".avsc", ".json"),
            ]
        })
        .collect();
    assert_eq!(
        versioned_files().into_keys().collect::<BTreeSet<_>>(),
        of_versions,
        "nothing else lies in the tree"
    );
}

#[test]
fn versions_count_from_one() {
    for event in EVENTS {
        let numbers: Vec<u32> = event.versions.iter().map(|(number, _)| *number).collect();
        let expected: Vec<u32> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected, "{}", event.name);
    }
}

#[test]
fn every_schema_has_a_type_of_its_name() {
    macro_rules! names {
        ($($event:ident),*) => { [$(<contracts::$event as Message>::TYPE),*] };
    }
    let types = every_event!(names);
    assert_eq!(EVENTS.iter().map(|event| event.name).collect::<Vec<_>>(), types);
    assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len());
}

#[test]
fn record_and_file_have_one_name() {
    for (path, schema) in files() {
        let parts: Vec<&str> = path.split('/').collect();
        assert_eq!(schema["name"], parts[1], "{path}");
        assert_eq!(schema["namespace"], format!("incasso.{}", parts[0]), "{path}");
    }
}

#[test]
fn the_released_codec_is_built() {
    Codec::new(EVENTS).map(|_| ()).unwrap();
}

/// Calls `visit` with the path and JSON of each record and each of its fields.
fn walk(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| walk(branch, path, visit)),
        Value::Object(object) => {
            if let Some(fields) = object.get("fields").and_then(Value::as_array) {
                visit(path, schema);
                for field in fields {
                    let path = format!("{path}.{}", field["name"].as_str().unwrap());
                    visit(&path, field);
                    walk(&field["type"], &path, visit);
                }
            } else {
                walk(&object["type"], path, visit);
                walk(object.get("items").unwrap_or(&Value::Null), path, visit);
            }
        }
        _ => {}
    }
}

#[test]
fn every_record_and_field_has_a_doc() {
    for (path, schema) in files() {
        walk(&schema, &path, &mut |at, part| {
            let doc = part["doc"].as_str().unwrap_or_default();
            assert!(
                doc.len() >= 12 && doc.ends_with(['.', '…']),
                "{at}: says too little: {doc:?}"
            );
        });
    }
}

/// Faults of a schema by the rules of `schemas/README.md`.
fn faults(schema: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    walk(schema, "", &mut |at, part| {
        let Some(kind) = part.get("type").filter(|_| part.get("fields").is_none()) else {
            return;
        };
        let base = match kind {
            Value::Array(branches) => {
                if branches.len() != 2 || branches[0] != "null" || part.get("default") != Some(&Value::Null) {
                    faults.push(format!("{at}: a union is null and one other, and defaults to null"));
                }
                &branches[branches.len() - 1]
            }
            other => other,
        };
        if base["type"] == "array" && part.get("default") != Some(&Value::Array(Vec::new())) {
            faults.push(format!("{at}: a list defaults to the empty list"));
        }
        let name = at.rsplit('.').next().unwrap_or_default();
        let expected = match name {
            _ if name.ends_with("_on") => "date",
            _ if name.ends_with("_at") => "timestamp-micros",
            _ => "",
        };
        if base["logicalType"].as_str().unwrap_or_default() != expected {
            faults.push(format!(
                "{at}: _on is a date, _at is timestamp-micros, and nothing else is"
            ));
        }
        if name.ends_with("_minor") && base != "long" {
            faults.push(format!("{at}: _minor is a long"));
        }
    });
    faults
}

#[test]
fn names_say_types_and_unions_are_optional_fields() {
    for (path, schema) in files() {
        assert_eq!(faults(&schema), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn amounts_have_a_currency_beside_or_above_them() {
    fn check(record: &Value, inherited: bool, path: &str) {
        let fields = record["fields"].as_array().unwrap();
        let here = inherited || fields.iter().any(|field| field["name"] == "currency");
        for field in fields {
            let name = field["name"].as_str().unwrap();
            assert!(here || !name.ends_with("_minor"), "{path}: {name} has no currency");
            let kind = &field["type"];
            for nested in [kind, &kind["items"], &kind[1]] {
                if nested["type"] == "record" {
                    check(nested, here, path);
                }
            }
        }
    }
    for (path, schema) in files() {
        check(&schema, false, &path);
    }
}

/// Java and other generators make one class per full name.
#[test]
fn a_nested_record_is_the_same_wherever_it_is_used() {
    let mut seen: BTreeMap<String, (Value, String)> = BTreeMap::new();
    for event in EVENTS {
        let schema: Value = serde_json::from_str(event.versions.last().unwrap().1).unwrap();
        walk(&schema, event.name, &mut |at, part| {
            if part.get("fields").is_some() {
                let name = format!(
                    "{}.{}",
                    part["namespace"].as_str().unwrap(),
                    part["name"].as_str().unwrap()
                );
                let (first, where_first) = seen
                    .entry(name.clone())
                    .or_insert_with(|| (part.clone(), at.to_owned()));
                assert_eq!(first, part, "{name} at {where_first} and at {at}");
            }
        });
    }
}

/// Names, addresses, contact points, account numbers and tax ids of persons travel on two topics alone.
#[test]
fn personal_fields_are_on_personal_topics_only() {
    const PERSONAL: [&str; 9] = [
        "names",
        "tax_ids",
        "contact_points",
        "refund_accounts",
        "payer_name",
        "payer_iban",
        "remittance",
        "iban",
        "address",
    ];
    for event in EVENTS {
        let schema: Value = serde_json::from_str(event.versions.last().unwrap().1).unwrap();
        let mut found = false;
        walk(&schema, "", &mut |at, _| {
            found |= PERSONAL.contains(&at.rsplit('.').next().unwrap())
        });
        let topics = contracts::catalogue::ALL
            .iter()
            .filter(|topic| topic.events.contains(&event.name));
        assert!(
            !found || topics.into_iter().all(|topic| topic.personal),
            "{}",
            event.name
        );
    }
}

#[test]
fn the_rules_find_faults() {
    let record = |kind: &str| format!(r#"{{"type":"record","name":"R","fields":[{{"name":"kind","type":{kind}}}]}}"#);
    for bad in [
        r#"["null","string","long"]"#,
        r#"["string","null"]"#,
        r#"["null","string"]"#,
        r#"{"type":"array","items":"string"}"#,
        r#"{"type":"int","logicalType":"date"}"#,
    ] {
        assert_eq!(faults(&serde_json::from_str(&record(bad)).unwrap()).len(), 1, "{bad}");
    }
    for refused in [
        r#"{"type":"enum","name":"E","symbols":["A"]}"#,
        r#"{"type":"map","values":"string"}"#,
        r#"{"type":"fixed","name":"F","size":8}"#,
        r#"{"type":"bytes","logicalType":"decimal","precision":18,"scale":2}"#,
        r#""double""#,
        r#"["null","R"]"#,
        r#"{"type":"array","items":"null"}"#,
    ] {
        let schema = Schema::parse_str(&record(refused)).unwrap();
        assert!(contracts::codec::Shape::of(&schema).is_err(), "{refused}");
    }
}
