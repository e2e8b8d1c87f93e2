//! Sightings of payments: personal data, kept 30 days.

use kernel::{BusinessDate, CreditorId, Currency, PaymentId, SightingId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::{message, redacted_debug};

/// One look at a payment in one raw document, the first or a later one. Personal data; kept 30 days.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSighted {
    /// The sighting, derived from the raw bytes and the place in them.
    pub sighting_id: SightingId,
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// How the money was seen: `camt053` or `payu-latam`; consumers keep channels that they do not know.
    pub channel: String,
    /// Where the money lies: the creditor's own bank account number (IBAN without blanks or local), or
    /// `provider:merchant`.
    pub collector: String,
    /// `booked`, `pending`, `info` (bank) or `approved` (provider).
    pub status: String,
    /// True when the money was first seen here; false when it is seen again.
    pub first: bool,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// Signed, in minor units: plus is money to the creditor.
    pub amount_minor: i64,
    /// Value date as this document says it.
    #[serde(default)]
    pub value_on: Option<BusinessDate>,
    /// The payer's name as the document has it; personal data.
    #[serde(default)]
    pub payer_name: Option<String>,
    /// The payer's IBAN or local account number; personal data.
    #[serde(default)]
    pub payer_iban: Option<String>,
    /// Unstructured remittance text, its parts joined without a separator; may hold personal data.
    #[serde(default)]
    pub remittance: Option<String>,
    /// References in the order of the source, without NOTPROVIDED.
    #[serde(default)]
    pub references: Vec<String>,
    /// SHA-256 of the raw bytes it was read from, 64 hexadecimal digits in lower case.
    pub raw_sha256: String,
    /// Where in the raw bytes: statement, entry and detail numbers from 1, e.g. `1/17/2`; empty for a whole
    /// document.
    pub place_in_raw: String,
    /// When the raw bytes were stored.
    pub sighted_at: Timestamp,
}

redacted_debug!(PaymentSighted {
    sighting_id,
    payment_id,
    channel,
    status,
    first
});

message!(PaymentSighted, key = payment_id);
