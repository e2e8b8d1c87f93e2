//! Payments.

use kernel::{BusinessDate, CalendarId, CreditorId, Currency, PaymentId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::message;

/// Money came in and is booked, told once however often it is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReceived {
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// How the money was seen: `camt053` or `payu-latam`; consumers keep channels that they do not know.
    pub channel: String,
    /// Where the money lies: the creditor's own bank account number (IBAN without blanks or local), or
    /// `provider:merchant`.
    pub collector: String,
    /// `payment`, or `settlement` for a provider's netted payout of money already counted.
    pub kind: String,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// Amount in minor units; positive.
    pub amount_minor: i64,
    /// Booking date of the bank; null where there is none.
    #[serde(default)]
    pub booked_on: Option<BusinessDate>,
    /// Value date: from this day the money counts.
    pub value_on: BusinessDate,
    /// When its raw bytes were stored: the cash has arrived.
    pub received_at: Timestamp,
    /// References of the sighting in the order of the source, without NOTPROVIDED; creditor's references only, no
    /// names.
    #[serde(default)]
    pub references: Vec<String>,
    /// Keyed hash of the payer's account, hexadecimal; null when the payer's account is unknown.
    #[serde(default)]
    pub payer_key: Option<String>,
    /// SHA-256 of the raw bytes it was read from, 64 hexadecimal digits in lower case.
    pub raw_sha256: String,
}

/// Money that came in was taken back, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReversed {
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// Where the money lies: the creditor's own bank account number (IBAN without blanks or local), or
    /// `provider:merchant`.
    pub collector: String,
    /// The reversal, a UUID as text, derived like a payment's id; unique.
    pub reversal_id: String,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What was taken back, in minor units; positive.
    pub amount_minor: i64,
    /// Value date of the reversal.
    pub value_on: BusinessDate,
    /// When its raw bytes were stored.
    pub reversed_at: Timestamp,
    /// ISO 20022 return reason or the provider's state, e.g. `AC04`; null when not given.
    #[serde(default)]
    pub reason: Option<String>,
    /// SHA-256 of the raw bytes it was read from, 64 hexadecimal digits in lower case.
    pub raw_sha256: String,
}

/// A debtor tried to pay and no money moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAttemptFailed {
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// How the money was seen: `camt053` or `payu-latam`; consumers keep channels that they do not know.
    pub channel: String,
    /// Where the money lies: the creditor's own bank account number (IBAN without blanks or local), or
    /// `provider:merchant`.
    pub collector: String,
    /// Reference of the sale that the payer was given.
    #[serde(default)]
    pub reference: Option<String>,
    /// Order id at the provider; null when it gave none.
    #[serde(default)]
    pub provider_order: Option<String>,
    /// Transaction id at the provider, unique there.
    pub provider_transaction: String,
    /// Final state in the provider's words, e.g. `DECLINED`, `EXPIRED`.
    pub state: String,
    /// The provider's response code, e.g. `INSUFFICIENT_FUNDS`.
    #[serde(default)]
    pub reason: Option<String>,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// Amount that was tried, in minor units; positive.
    pub amount_minor: i64,
    /// When the raw bytes that say so were stored.
    pub failed_at: Timestamp,
}

message!(PaymentReceived, key = payment_id);
message!(PaymentReversed, key = payment_id);
message!(PaymentAttemptFailed, key = payment_id);
