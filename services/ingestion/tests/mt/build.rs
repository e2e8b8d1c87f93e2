//! Small statements made in code, and short ways to look at what was read of them.

use std::io::Cursor;

use ingestion::formats::inspection::Outcome;
use ingestion::formats::{
    Dialect, Entry, Event, Inspection, ReadError, Refusal, Settings, StatementEnd, Summary, inspect, read_with,
};
use serde_json::Value;

/// The account of the tests.
pub const ACCOUNT: &str = "RO49AAAA1B31007593840000";

/// A message in lines: header, then `body`.
pub fn message(body: &str) -> String {
    format!(":20:T1\n:25:{ACCOUNT}\n:28C:32/1\n{body}")
}

/// A statement from 10.00 RON to `closing`, of the second of January 2026.
pub fn statement(entries: &str, closing: &str) -> String {
    message(&format!(":60F:C260101RON10,00\n{entries}:62F:C260102RON{closing}\n-\n"))
}

pub fn inspected(bytes: &[u8]) -> Inspection {
    inspect(Cursor::new(bytes)).unwrap()
}

/// As `inspect --json`.
pub fn json(bytes: &[u8]) -> Value {
    serde_json::to_value(inspected(bytes)).unwrap()
}

/// Outcome, proofs of the statements, and what the problems say.
pub fn told(bytes: &[u8]) -> (Outcome, Vec<&'static str>, Vec<String>) {
    let found = inspected(bytes);
    let proofs = found
        .statements
        .iter()
        .map(|statement| statement.balance_proof)
        .collect();
    let problems = found
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.place, problem.what))
        .collect();
    (found.outcome, proofs, problems)
}

/// Everything that one reading says.
#[derive(Debug)]
pub struct Gathered {
    pub entries: Vec<Entry>,
    pub ends: Vec<StatementEnd>,
    pub summary: Summary,
}

pub fn gather(bytes: &[u8]) -> Result<Gathered, Refusal> {
    gather_with(bytes, &Settings::default())
}

pub fn gather_with(bytes: &[u8], settings: &Settings) -> Result<Gathered, Refusal> {
    let (mut entries, mut ends) = (Vec::new(), Vec::new());
    let result = read_with(Cursor::new(bytes), settings, &mut |event| {
        match event {
            Event::Entry(entry) => entries.push(*entry),
            Event::StatementEnd(end) => ends.push(*end),
            Event::StatementStart(_) | Event::Problem { .. } => {}
        }
        Ok::<(), ()>(())
    });
    match result {
        Ok(summary) => Ok(Gathered { entries, ends, summary }),
        Err(ReadError::Refused(refusal)) => Err(*refusal),
        Err(other) => panic!("{other:?}"),
    }
}

/// The first entry of a statement with these fields.
pub fn entry(fields: &str) -> Entry {
    gather(statement(fields, "10,00").as_bytes()).unwrap().entries.remove(0)
}

pub fn dialect(bytes: &[u8]) -> Dialect {
    gather(bytes).unwrap().summary.dialect
}
