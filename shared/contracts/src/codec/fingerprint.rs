//! CRC-64-AVRO of a schema's Parsing Canonical Form
//! (<https://avro.apache.org/docs/1.12.0/specification/#schema-fingerprints>).
//!
//! Not by `apache-avro`: its 0.22 writes `{"type":"int"}` where a logical type was stripped, and the specification, Java
//! and Python write `"int"`; no other reader would find the schema.

use std::fmt::Write as _;

use apache_avro::Schema;
use apache_avro::schema::SchemaKind;

use super::shape::ShapeError;

/// The specification's `EMPTY`: the fingerprint of no bytes, and the polynomial of the table.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

/// The fingerprint of a schema; on the wire its eight bytes are little-endian.
///
/// # Errors
/// [`ShapeError`] when the schema uses what the contract does not allow.
pub fn fingerprint(schema: &Schema) -> Result<u64, ShapeError> {
    Ok(crc_64_avro(canonical_form(schema)?.as_bytes()))
}

/// The Parsing Canonical Form of a schema of the contract.
///
/// # Errors
/// [`ShapeError`] when the schema uses what the contract does not allow.
pub fn canonical_form(schema: &Schema) -> Result<String, ShapeError> {
    let mut out = String::new();
    write(schema, &mut out)?;
    Ok(out)
}

fn write(schema: &Schema, out: &mut String) -> Result<(), ShapeError> {
    match schema {
        Schema::Null => out.push_str("\"null\""),
        Schema::Boolean => out.push_str("\"boolean\""),
        Schema::Int | Schema::Date => out.push_str("\"int\""),
        Schema::Long | Schema::TimestampMicros => out.push_str("\"long\""),
        Schema::String => out.push_str("\"string\""),
        Schema::Array(array) => {
            out.push_str("{\"type\":\"array\",\"items\":");
            write(&array.items, out)?;
            out.push('}');
        }
        Schema::Union(union) => {
            out.push('[');
            for (n, branch) in union.variants().iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(branch, out)?;
            }
            out.push(']');
        }
        Schema::Record(record) => {
            // Writing to a String cannot fail; Avro names need no escapes.
            let _ = write!(out, "{{\"name\":\"{}\",\"type\":\"record\",\"fields\":[", record.name);
            for (n, field) in record.fields.iter().enumerate() {
                let _ = write!(
                    out,
                    "{}{{\"name\":\"{}\",\"type\":",
                    if n > 0 { "," } else { "" },
                    field.name
                );
                write(&field.schema, out)?;
                out.push('}');
            }
            out.push_str("]}");
        }
        other => return Err(ShapeError::Kind(SchemaKind::from(other))),
    }
    Ok(())
}

/// Bit by bit: schemas are hashed once per process.
fn crc_64_avro(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |hash, byte| {
        let entry = (0..8).fold((hash ^ u64::from(*byte)) & 0xff, |entry, _| {
            let low = entry & 1;
            entry >> 1 ^ if low == 1 { EMPTY } else { 0 }
        });
        hash >> 8 ^ entry
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fingerprints of Avro's own `share/test/data/schema-tests.txt`, as signed numbers.
    #[test]
    fn avros_vectors() {
        for (text, expected) in [
            (r#""null""#, 7_195_948_357_588_979_594),
            (r#""boolean""#, -6_970_731_678_124_411_036),
            (r#"{"name":"foo","type":"fixed","size":15}"#, 1_756_455_273_707_447_556),
            (
                r#"{"name":"PigValue","type":"record","fields":[{"name":"value","type":["null","int","long","PigValue"]}]}"#,
                -1_759_257_747_318_642_341,
            ),
        ] {
            assert_eq!(crc_64_avro(text.as_bytes()).cast_signed(), expected, "{text}");
        }
    }

    #[test]
    fn docs_defaults_and_logical_types_are_stripped() {
        let schema = Schema::parse_str(
            r#"{"type":"record","namespace":"a.b","name":"R","doc":"d","fields":[
                {"name":"on","type":{"type":"int","logicalType":"date"},"doc":"d"},
                {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-micros"}],"default":null},
                {"name":"list","type":{"type":"array","items":{"type":"record","name":"N","fields":[
                    {"name":"yes","type":"boolean"},{"name":"text","type":"string"}]}},"default":[]}]}"#,
        )
        .unwrap();
        assert_eq!(
            canonical_form(&schema).unwrap(),
            concat!(
                r#"{"name":"a.b.R","type":"record","fields":[{"name":"on","type":"int"},"#,
                r#"{"name":"at","type":["null","long"]},{"name":"list","type":{"type":"array","items":"#,
                r#"{"name":"a.b.N","type":"record","fields":[{"name":"yes","type":"boolean"},"#,
                r#"{"name":"text","type":"string"}]}}}]}"#
            )
        );
    }
}
