//! Certificates and journal totals of closed days.

use std::fmt::Write as _;

use kernel::{BusinessDate, CalendarId, CreditorId, Currency, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::message::message;
use crate::{BankCoverage, Message, MessageKey};

/// Totals of a closed day for one ledger account of one creditor, from one partition; the single lines stay in
/// the service's tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPosted {
    /// Name of the service that says so, e.g. `allocation`.
    pub service: String,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// The closed day of the calendar; not the clock's date of the close.
    pub day_on: BusinessDate,
    /// Sequence of the close, as in DayClosed.
    pub sequence: i64,
    /// Partition that the lines were booked for, from 0; -1 for a service that is not split by account.
    pub partition: i32,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// Ledger account in snake case, e.g. `bank`, `unidentified`, `assigned`, `settlement`, `items`, `credit`.
    pub ledger_account: String,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// Sum of the day's debit lines, in minor units; never negative.
    pub debit_minor: i64,
    /// Sum of the day's credit lines, in minor units; never negative.
    pub credit_minor: i64,
    /// Number of journal lines in the two sums.
    pub lines: i64,
}

/// One sum of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedSum {
    /// Creditor that the sum is for; null for all together.
    #[serde(default)]
    pub creditor_id: Option<CreditorId>,
    /// Bank account or `provider:merchant` that the sum is for; empty for all.
    pub scope: String,
    /// Account partition that the sum is for, from 0; null for all.
    #[serde(default)]
    pub partition: Option<i32>,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// Which sum. ingestion: received, reversed, assigned, unidentified, returned, settlement, seen_again, outgoing, pending.
    /// allocation: funds_in, allocated, credit, guarantees, refunded, parked, issued, charged, credited,
    /// written_off, settled, open. billing: issued, credited.
    pub name: String,
    /// The sum, in minor units of `currency`.
    pub amount_minor: i64,
    /// Number of rows that the sum is over.
    pub count: i64,
}

/// How far the writer had read one input partition when it closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPosition {
    /// Topic name as in the catalogue, without a deployment's prefix.
    pub topic: String,
    /// Kafka partition, from 0.
    pub partition: i32,
    /// Offset of the first record that was not yet handled.
    pub next_offset: i64,
}

/// Certificate of one service for one closed day of one calendar, chained by hash to the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCertified {
    /// Name of the service that says so, e.g. `allocation`.
    pub service: String,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// The closed day of the calendar; not the clock's date of the close.
    pub day_on: BusinessDate,
    /// Sequence of the close, as in DayClosed.
    pub sequence: i64,
    /// True when every equation holds: no cent is lost, none is invented.
    pub holds: bool,
    /// What does not hold, one sentence each with its numbers; empty when it holds.
    #[serde(default)]
    pub problems: Vec<String>,
    /// The sums of the day, in a fixed order: creditor, scope, partition, currency, name.
    #[serde(default)]
    pub sums: Vec<CertifiedSum>,
    /// Number of append-only rows of the day.
    pub rows: i64,
    /// SHA-256 over the day's append-only rows in key order, 64 hexadecimal digits in lower case.
    pub digest: String,
    /// `hash` of this service's certificate before this one; 64 zeros for the first.
    pub previous_hash: String,
    /// SHA-256 of this certificate without this field, 64 hexadecimal digits in lower case; schemas/README.md
    /// says how to compute it.
    pub hash: String,
    /// Instant at which the close was committed.
    pub certified_at: Timestamp,
    /// How far every input had been read, so that the day can be run again exactly as it was.
    #[serde(default)]
    pub inputs: Vec<InputPosition>,
    /// How far each bank account's feed reaches, for creditors of this calendar, as in this close's DayClosed; empty where the
    /// writer knows no banks. Left out of `hash` when empty.
    #[serde(default)]
    pub coverage: Vec<BankCoverage>,
}

message!(JournalPosted, key = creditor_id);

impl Message for DayCertified {
    const TYPE: &'static str = "DayCertified";

    /// All certificates of a calendar lie on one partition, in order.
    fn key(&self) -> MessageKey {
        MessageKey::of_calendar(&self.calendar.to_string())
    }
}

impl DayCertified {
    /// `previous_hash` of a service's first certificate.
    pub const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// What `hash` must be: SHA-256, as 64 hexadecimal digits in lower case, over the characters of `previous_hash`, a
    /// line feed, and the canonical JSON of all fields but `hash` and `previous_hash`, and but `coverage` where that is empty: so
    /// the hash of a certificate of version 1, which has none, stays what it was.
    ///
    /// Canonical JSON: keys sorted, no blanks, UTF-8 without escapes but those that JSON demands; dates as `2026-01-31`,
    /// instants as `2026-01-31T15:00:00.000000Z`. Python's `json.dumps(…, sort_keys=True, separators=(",", ":"),
    /// ensure_ascii=False)` writes the same; `schemas/README.md` has the whole function.
    #[must_use]
    pub fn compute_hash(&self) -> String {
        #[expect(
            clippy::expect_used,
            reason = "a record of text, numbers and lists always has a JSON form"
        )]
        let mut value = serde_json::to_value(self).expect("a certificate has a JSON form");
        if let Some(fields) = value.as_object_mut() {
            fields.remove("hash");
            fields.remove("previous_hash");
            if self.coverage.is_empty() {
                fields.remove("coverage");
            }
        }
        let mut text = format!("{}\n", self.previous_hash);
        canonical_json(&value, &mut text);
        Sha256::digest(text.as_bytes())
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }

    /// Whether `hash` is what the other fields make it.
    #[must_use]
    pub fn hash_is_right(&self) -> bool {
        self.hash == self.compute_hash()
    }
}

/// Writes keys in order of code points, whatever order the map has (serde_json's depends on a feature).
fn canonical_json(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                canonical_json(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (n, (key, field)) in sorted.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                // A scalar's Display is its JSON.
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                canonical_json(field, out);
            }
            out.push('}');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}
