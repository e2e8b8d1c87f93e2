//! Debtors: personal data, compacted, erased by a tombstone.

use kernel::{AccountId, CreditorId, DebtorId};
use serde::{Deserialize, Serialize};

use crate::message::{message, redacted_debug};

/// A tax or identity number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxId {
    /// What number it is, in lower case: `cnp`, `cui`, `nit`, `cc`, `rfc`, `vat` …
    pub kind: String,
    /// The number as the ERP gave it, without blanks.
    pub value: String,
}

redacted_debug!(TaxId { kind });

/// A way to reach the debtor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactPoint {
    /// `email`, `phone`, `mobile`, `post` or what the ERP says.
    pub kind: String,
    /// Address or number; a postal address with line breaks.
    pub value: String,
    /// Purposes that the debtor agreed to: `invoice`, `dunning`, `marketing` …; empty when unknown.
    #[serde(default)]
    pub authorised_for: Vec<String>,
}

redacted_debug!(ContactPoint { kind, authorised_for });

/// Where money goes back to for one account of the debtor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundAccount {
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// IBAN without blanks, or the local account number.
    pub iban: String,
}

redacted_debug!(RefundAccount { account_id });

/// The whole state of a debtor, at registration and at each change. Personal data: a tombstone erases it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebtorRegistered {
    /// The debtor, UUIDv5 of the creditor and the ERP's own id of the debtor.
    pub debtor_id: DebtorId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The ERP's own id of the debtor.
    pub external_id: String,
    /// The source's version of this object; it only rises. A lower one is older news.
    pub version: i64,
    /// `person` (natural) or `firm` (any legal entity).
    pub kind: String,
    /// Names, the one to display first; at least one.
    #[serde(default)]
    pub names: Vec<String>,
    /// Tax and identity numbers; may be empty.
    #[serde(default)]
    pub tax_ids: Vec<TaxId>,
    /// Language of letters, BCP 47, e.g. `ro`, `es-CO`.
    pub language: String,
    /// Ways to reach the debtor, preferred first.
    #[serde(default)]
    pub contact_points: Vec<ContactPoint>,
    /// Where refunds go, at most one per account.
    #[serde(default)]
    pub refund_accounts: Vec<RefundAccount>,
}

redacted_debug!(DebtorRegistered {
    debtor_id,
    creditor_id,
    version
});

message!(DebtorRegistered, key = debtor_id);
