//! Funds: parts of payments that belong to accounts.

use kernel::{AccountId, BusinessDate, CalendarId, CreditorId, Currency, FundsId, InvoiceId, PaymentId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::message;

/// One reason for which money was assigned to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// `invoice_number`, `account_number`, `payment_reference`, `iso11649`, `virtual_account`, `known_payer` or
    /// `person`.
    pub rule: String,
    /// The reference that matched; masked for payers.
    pub reference: String,
    /// The invoice that it names; null when it names an account only.
    #[serde(default)]
    pub invoice_id: Option<InvoiceId>,
    /// `exact`, `inferred` or `decided`.
    pub strength: String,
}

/// A payment, or a part of it, belongs to this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundsAssigned {
    /// The funds: the part of one payment that was assigned to one account.
    pub funds_id: FundsId,
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// How the money was seen: `camt053` or `payu-latam`; consumers keep channels that they do not know.
    pub channel: String,
    /// Where the money lies: the creditor's own bank account number (IBAN without blanks or local), or
    /// `provider:merchant`.
    pub collector: String,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// The assigned part of the payment, in minor units; positive.
    pub amount_minor: i64,
    /// Value date: from this day the money counts.
    pub value_on: BusinessDate,
    /// When the payment's raw bytes were stored.
    pub received_at: Timestamp,
    /// Invoices of this account that the payer named, in the order named; empty when none.
    #[serde(default)]
    pub invoice_ids: Vec<InvoiceId>,
    /// Why this account; at least one entry, the strongest first.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// Subject of the token of the person who decided; null when a rule did.
    #[serde(default)]
    pub decided_by: Option<String>,
    /// That person's words, without names or account numbers.
    #[serde(default)]
    pub decided_reason: Option<String>,
    /// Message time of what made the assignment possible.
    pub assigned_at: Timestamp,
}

/// Funds that were assigned to this account are taken away again, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundsWithdrawn {
    /// The withdrawal, a UUID as text, derived from its cause; unique.
    pub withdrawal_id: String,
    /// The funds: the part of one payment that was assigned to one account.
    pub funds_id: FundsId,
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What is taken away, in minor units; positive.
    pub amount_minor: i64,
    /// Value date of the withdrawal.
    pub value_on: BusinessDate,
    /// `reversal`, `reassigned` or `decided`.
    pub reason: String,
    /// Subject of the token of the person who decided; null when a rule did.
    #[serde(default)]
    pub decided_by: Option<String>,
    /// Message time of what caused it.
    pub withdrawn_at: Timestamp,
}

/// Money for this account was told by a source that is not final: it settles nothing, but lets a harsher step wait until
/// ExpectationEnded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundsExpected {
    /// The expectation, a UUID as text, derived from what was seen and the account; unique.
    pub expectation_id: String,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// Where it was seen first: `camt052`, `camt054`, `mt942`, `camt053` or `mt940` (a pending entry), `asobancaria`;
    /// consumers keep channels that they do not know.
    pub channel: String,
    /// Where the money will lie: the creditor's own bank account number (IBAN without blanks or local).
    pub collector: String,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// The part that is expected for this account, in minor units; positive.
    pub amount_minor: i64,
    /// Booking date that the source gives, else its value date; null when it gives none.
    #[serde(default)]
    pub expected_on: Option<BusinessDate>,
    /// Invoices of this account that the payer named, in the order named; empty when none.
    #[serde(default)]
    pub invoice_ids: Vec<InvoiceId>,
    /// Why this account; at least one entry, the strongest first.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// SHA-256 of the raw bytes that told it, 64 hexadecimal digits in lower case.
    pub raw_sha256: String,
    /// Message time: when those raw bytes were stored.
    pub expected_at: Timestamp,
}

/// What was expected for this account is no longer expected: it was booked, or it will not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectationEnded {
    /// The expectation, as in FundsExpected.
    pub expectation_id: String,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The contract account, as in FundsExpected, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What was expected, as in FundsExpected, in minor units; positive.
    pub amount_minor: i64,
    /// `booked` (the payment says what became of it), `not-booked` (a final statement covers the day and does not have it)
    /// or `withdrawn` (the source took it back).
    pub reason: String,
    /// The payment that it turned out to be; null unless it was booked.
    #[serde(default)]
    pub payment_id: Option<PaymentId>,
    /// Message time of what ended it.
    pub ended_at: Timestamp,
}

message!(FundsAssigned, key = account_id);
message!(FundsWithdrawn, key = account_id);
message!(FundsExpected, key = account_id);
message!(ExpectationEnded, key = account_id);
