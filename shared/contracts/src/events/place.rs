//! Consumption places and what protects them.

use kernel::{AccountId, BusinessDate, CreditorId, PlaceId};
use serde::{Deserialize, Serialize};

use crate::message::message;

/// A consumption place is supplied under this account: its whole state, also after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceTaken {
    /// The place, UUIDv5 of the creditor and the ERP's own id of the place.
    pub place_id: PlaceId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The ERP's own id of the place.
    pub external_id: String,
    /// The source's version of this object; it only rises. A lower one is older news.
    pub version: i64,
    /// Region of the place: ISO 3166-2 or the grid's own name; no street address.
    #[serde(default)]
    pub region: Option<String>,
    /// What is supplied: `electricity`, `gas`, `water` …
    #[serde(default)]
    pub product: Option<String>,
    /// Number of the meter, as the grid operator writes it.
    #[serde(default)]
    pub meter_id: Option<String>,
    /// True when supply can be cut and restored from afar; null when unknown.
    #[serde(default)]
    pub remote_cut_possible: Option<bool>,
    /// Voltage level as the grid names it, e.g. `LV`.
    #[serde(default)]
    pub voltage: Option<String>,
    /// Contracted power in kilowatt, decimal text with a point, e.g. `6.6`.
    #[serde(default)]
    pub power_kw: Option<String>,
    /// True when somebody lives there; null when unknown.
    #[serde(default)]
    pub habitual_dwelling: Option<bool>,
    /// Code of the grid operator that cuts and restores.
    #[serde(default)]
    pub grid_operator: Option<String>,
    /// Day from which the place is supplied under this account.
    pub taken_on: BusinessDate,
}

/// A consumption place is no longer supplied under this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceLeft {
    /// The place, as in PlaceTaken.
    pub place_id: PlaceId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The source's version of this object; it only rises. A lower one is older news.
    pub version: i64,
    /// First day on which it is not supplied under this account.
    pub left_on: BusinessDate,
}

/// A place or a whole account is protected from being cut or pressed; no evidence of persons, only its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectionDeclared {
    /// The protection, a UUID as text; the same declaration always has the same id.
    pub protection_id: String,
    /// The protected place; null for the whole account.
    #[serde(default)]
    pub place_id: Option<PlaceId>,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// `life_support`, `vulnerable_class`, `public_body` or another; an unknown kind protects too.
    pub kind: String,
    /// First day of protection, inclusive.
    pub valid_from_on: BusinessDate,
    /// Last day of protection, inclusive; null when open-ended.
    #[serde(default)]
    pub valid_to_on: Option<BusinessDate>,
    /// SHA-256 of the document that proves it, 64 hexadecimal digits; null when none was stored.
    #[serde(default)]
    pub evidence_sha256: Option<String>,
}

/// A protection ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectionLifted {
    /// The protection, as in ProtectionDeclared: a UUID as text.
    pub protection_id: String,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// First day on which it protects no more.
    pub lifted_on: BusinessDate,
    /// Why it ended, e.g. `expired`, `withdrawn`.
    pub reason: String,
}

message!(PlaceTaken, key = account_id);
message!(PlaceLeft, key = account_id);
message!(ProtectionDeclared, key = account_id);
message!(ProtectionLifted, key = account_id);
