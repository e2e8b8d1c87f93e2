//! Why something was decided, as data.

use kernel::{BusinessDate, InvoiceId, ItemId};
use serde::{Deserialize, Serialize};

/// One fact that a decision or a task rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is, in snake case, e.g. `due_on`, `open_minor`.
    pub name: String,
    /// The value as text: dates ISO 8601, amounts in minor units, ids as they are; no names, IBANs or tax ids.
    pub value: String,
}

/// An open item that the decision looked at, chosen or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// The open item: one instalment of an invoice.
    pub item_id: ItemId,
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// Due date of the item, in the account's jurisdiction.
    pub due_on: BusinessDate,
    /// What was open on the item before the decision.
    pub open_minor: i64,
    /// True when money went to it, or was taken from it.
    pub chosen: bool,
    /// Short code of the reason, e.g. `named`, `oldest_due`, `nothing_left`; `shared/wording` says it in words.
    pub why: String,
}

/// Why it was decided so: enough to say it in words and to decide it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Id of the rule that decided, e.g. `named_then_oldest_due`.
    pub rule: String,
    /// Version of the policy that was in force, e.g. `2026-01-01`.
    pub policy: String,
    /// The law, contract clause or standard that the rule follows; null for a house rule.
    #[serde(default)]
    pub citation: Option<String>,
    /// Facts that the rule looked at.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// Items that were considered, in the order in which the rule looked at them.
    #[serde(default)]
    pub considered: Vec<Considered>,
}
