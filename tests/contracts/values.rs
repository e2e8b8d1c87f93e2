//! Values of any event, made from its schema: what a writer in any language could send. Field names say which texts are
//! ids, currencies or calendars; the rest is any text.

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use contracts::codec;
use proptest::prelude::*;
use uuid::Uuid;

/// An event's bytes, made with `apache-avro`'s value path and not with our types.
pub fn bytes_of(schema: &Schema, value: Value) -> Vec<u8> {
    let mut bytes = vec![0xC3, 0x01];
    bytes.extend(codec::fingerprint(schema).unwrap().to_le_bytes());
    let writer = GenericDatumWriter::builder(schema)
        .human_readable(false)
        .build()
        .unwrap();
    bytes.extend(writer.write_value_to_vec(value).unwrap());
    bytes
}

/// Texts that end in `_id` and are not UUIDs but what somebody outside calls a thing.
const FOREIGN_IDS: [&str; 5] = ["external_id", "meter_id", "merchant_id", "tax_id", "reversal_id"];

/// UUIDs whose names do not end in `_id` or `_ids`.
const OTHER_IDS: [&str; 4] = ["co_debtors", "guarantors", "other_payer", "corrects"];

/// Avro ints that the types narrow: never negative, at most 65,535, and a level at most 255.
const NARROW: [&str; 4] = ["number", "instalment", "lag_days", "level"];

pub fn is_id(field: &str) -> bool {
    let ends = field.ends_with("_id") || field.ends_with("_ids");
    (ends && !FOREIGN_IDS.contains(&field)) || OTHER_IDS.contains(&field)
}

/// Days of the years 1 and 9999, which bound a `BusinessDate`.
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

/// Microseconds from the year 1 to the end of 9999.
const MICROS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

pub fn any_value(schema: &Schema, field: &str) -> BoxedStrategy<Value> {
    match schema {
        Schema::Null => Just(Value::Null).boxed(),
        Schema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Schema::Int if field == "level" => (0..=255).prop_map(Value::Int).boxed(),
        Schema::Int if NARROW.contains(&field) => (0..=65_535).prop_map(Value::Int).boxed(),
        Schema::Int => any::<i32>().prop_map(Value::Int).boxed(),
        Schema::Date => DAYS.prop_map(Value::Date).boxed(),
        Schema::Long => any::<i64>().prop_map(Value::Long).boxed(),
        Schema::TimestampMicros => MICROS.prop_map(Value::TimestampMicros).boxed(),
        Schema::String => any_text(field).prop_map(Value::String).boxed(),
        Schema::Array(array) => prop::collection::vec(any_value(&array.items, field), 0..4)
            .prop_map(Value::Array)
            .boxed(),
        Schema::Union(union) => {
            let branches: Vec<_> = (0_u32..)
                .zip(union.variants())
                .map(|(at, branch)| {
                    any_value(branch, field)
                        .prop_map(move |value| Value::Union(at, Box::new(value)))
                        .boxed()
                })
                .collect();
            prop::strategy::Union::new(branches).boxed()
        }
        Schema::Record(record) => {
            let fields: Vec<_> = record
                .fields
                .iter()
                .map(|field| (Just(field.name.clone()), any_value(&field.schema, &field.name)))
                .collect();
            fields.prop_map(Value::Record).boxed()
        }
        other => panic!("{other:?} is not of the contract"),
    }
}

fn any_text(field: &str) -> BoxedStrategy<String> {
    if is_id(field) {
        return any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string()).boxed();
    }
    match field {
        "currency" => prop::sample::select(vec!["RON", "COP", "EUR", "JPY", "KWD"])
            .prop_map(str::to_owned)
            .boxed(),
        "calendar" => prop::sample::select(vec!["RO@17:00@Europe/Bucharest", "CO@23:59@America/Bogota"])
            .prop_map(str::to_owned)
            .boxed(),
        _ => prop_oneof![any::<String>(), "[A-Z0-9 ]{0,12}"].boxed(),
    }
}

/// The one example value of a schema, for golden bytes: every field set, lists of two, plausible and the same for ever.
pub fn example(schema: &Schema, field: &str, n: u32) -> Value {
    match schema {
        Schema::Boolean => Value::Boolean(true),
        Schema::Int => Value::Int(i32::try_from(n).unwrap() + 1),
        // 2026-01-31 and the days after.
        Schema::Date => Value::Date(20_484 + i32::try_from(n).unwrap()),
        // Zigzag of ten bytes, so that the golden bytes hold one; checksums are spread over all of i64.
        Schema::Long if field == "message_checksum" => Value::Long(i64::MIN + 1),
        Schema::Long => Value::Long(123_450 + i64::from(n)),
        // 2026-01-31T15:00:00.000001Z.
        Schema::TimestampMicros => Value::TimestampMicros(1_769_871_600_000_001 + i64::from(n)),
        Schema::String => Value::String(example_text(field, n)),
        Schema::Array(array) => Value::Array((0..2).map(|at| example(&array.items, field, at)).collect()),
        Schema::Union(union) => {
            let (at, branch) = (0_u32..)
                .zip(union.variants())
                .find(|(_, branch)| !matches!(branch, Schema::Null))
                .unwrap();
            Value::Union(at, Box::new(example(branch, field, n)))
        }
        Schema::Record(record) => Value::Record(
            record
                .fields
                .iter()
                .map(|field| (field.name.clone(), example(&field.schema, &field.name, n)))
                .collect(),
        ),
        other => panic!("{other:?} is not of the contract"),
    }
}

fn example_text(field: &str, n: u32) -> String {
    if is_id(field) {
        return Uuid::new_v5(&kernel::ids::NAMESPACE, format!("example {field} {n}").as_bytes()).to_string();
    }
    match field {
        "currency" => "RON".to_owned(),
        "calendar" => "RO@17:00@Europe/Bucharest".to_owned(),
        _ => format!("{field} {} Ţară", n + 1),
    }
}
