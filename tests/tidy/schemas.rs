//! Every record and every field of every `.avsc` says what it is.

use serde_json::Value;

use crate::finding::{Finding, none};
use crate::tree::{File, ending};

fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    match serde_json::from_str(&file.text) {
        Ok(schema) => visit(file, &schema, &mut findings),
        Err(error) => findings.push(Finding::new(
            &file.path,
            error.line(),
            error.to_string(),
            "make it JSON",
        )),
    }
    findings
}

fn visit(file: &File, schema: &Value, findings: &mut Vec<Finding>) {
    match schema {
        Value::Object(object) => {
            let named = object.get("name").and_then(Value::as_str);
            let doc = object.get("doc").and_then(Value::as_str).unwrap_or_default();
            if let Some(name) = named.filter(|_| doc.trim().is_empty()) {
                let line = file.line_of(&format!("\"{name}\""));
                let remedy = "say in \"doc\" what it means, its unit and its source";
                findings.push(Finding::new(&file.path, line, format!("{name} has no doc"), remedy));
            }
            object.values().for_each(|value| visit(file, value, findings));
        }
        Value::Array(values) => values.iter().for_each(|value| visit(file, value, findings)),
        _ => {}
    }
}

#[test]
fn every_field_has_a_doc() {
    assert!(ending(".avsc").count() > 30);
    none(&ending(".avsc").flat_map(check).collect::<Vec<_>>());
}

#[test]
fn a_field_without_doc_is_found() {
    let sample = r#"{"type": "record", "name": "A", "doc": "An a.", "fields": [
        {"name": "b", "doc": " ", "type": "long"},
        {"name": "c", "doc": "Cs.", "type": {"type": "array", "items": {"type": "record", "name": "C", "doc": "A c.", "fields": [
            {"name": "d", "type": "string"}]}}}]}"#;
    crate::finding::at_lines(&check(&File::sample("a.avsc", sample)), &[2, 4]);
    crate::finding::at_lines(&check(&File::sample("a.avsc", "{\n")), &[2]);
}
