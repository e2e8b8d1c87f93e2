//! The shapes of answers.

use std::collections::BTreeMap;

use contracts::Explanation;
use kernel::{BusinessDate, Currency, InvoiceId, Money, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::position::Item;
use crate::store::read::{AllocationRow, FundsRow, Impediment};

/// An account: what is owed on it, and what waits as credit.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountAnswer {
    /// UUIDv5 of the creditor and the ERP's own id.
    pub account_id: Uuid,
    /// UUIDv5 of the creditor's code.
    pub creditor_id: Uuid,
    /// The creditor's code; null while its registration is behind.
    pub creditor: Option<String>,
    /// The account's number as the debtor sees it.
    pub number: String,
    /// ISO 4217 code of every amount of this answer.
    #[schema(value_type = String, example = "RON")]
    pub currency: Currency,
    /// Calendar by which its day closes.
    #[schema(example = "RO@17:00@Europe/Bucharest")]
    pub calendar: String,
    /// Day on which the account ended; null while it goes on.
    #[schema(value_type = Option<String>, format = Date)]
    pub closed_on: Option<BusinessDate>,
    /// What is open on all its items, in minor units.
    pub open_minor: i64,
    /// What waits as credit, in minor units.
    pub credit_minor: i64,
    /// Open items, those due first first; at most 1000.
    pub items: Vec<ItemAnswer>,
    /// Funds that hold the credit, the oldest money first; at most 1000.
    pub credit: Vec<FundsAnswer>,
    /// True while a message that this service rejected holds the account up: what came after it waits, in order.
    pub parked: bool,
    /// Services before this one that hold the account up, with the reason.
    pub impediments: Vec<ImpedimentAnswer>,
}

/// An item: one instalment of an invoice.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemAnswer {
    /// UUIDv5 of the invoice and the instalment's number.
    pub item_id: Uuid,
    /// UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: Uuid,
    /// The invoice's number as printed.
    pub invoice_number: String,
    /// Number of the instalment, from 1.
    pub instalment: u16,
    /// Day of issue.
    #[schema(value_type = String, format = Date)]
    pub issued_on: BusinessDate,
    /// Day on which it is due.
    #[schema(value_type = String, format = Date)]
    pub due_on: BusinessDate,
    /// What is owed after credit notes, in minor units.
    pub amount_minor: i64,
    /// What was paid of it.
    pub settled_minor: i64,
    /// What is still open.
    pub open_minor: i64,
    /// The same in a sentence.
    pub words: String,
}

impl ItemAnswer {
    pub(super) fn new(item: &Item, currency: Currency) -> Self {
        let terms = &item.terms;
        let money = |minor| Money::new(minor, currency);
        Self {
            item_id: terms.item_id.as_uuid(),
            invoice_id: terms.invoice_id.as_uuid(),
            invoice_number: terms.invoice_number.clone(),
            instalment: terms.instalment,
            issued_on: terms.issued_on,
            due_on: terms.due_on,
            amount_minor: terms.amount_minor(),
            settled_minor: item.settled_minor,
            open_minor: item.open_minor(),
            words: wording::open_item(
                &terms.invoice_number,
                terms.due_on,
                money(item.open_minor()),
                money(terms.amount_minor()),
            ),
        }
    }
}

/// The part of a payment that was assigned to one account.
#[derive(Serialize, ToSchema)]
pub(crate) struct FundsAnswer {
    /// The funds.
    pub funds_id: Uuid,
    /// The payment they are part of.
    pub payment_id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// ISO 4217 code of the amounts.
    #[schema(value_type = String, example = "RON")]
    pub currency: Currency,
    /// From this day the money counts.
    #[schema(value_type = String, format = Date)]
    pub value_on: BusinessDate,
    /// What was assigned, in minor units.
    pub assigned_minor: i64,
    /// What of it was withdrawn again.
    pub withdrawn_minor: i64,
    /// What of it settles items.
    pub allocated_minor: i64,
    /// What of it waits as credit.
    pub credit_minor: i64,
    /// The credit in a sentence; null where there is none.
    pub words: Option<String>,
}

impl FundsAnswer {
    pub(super) fn new(funds: &FundsRow, currency: Currency) -> Self {
        let left = funds.assigned_minor.saturating_sub(funds.withdrawn_minor);
        let credit = Money::new(funds.credit_minor, currency);
        Self {
            funds_id: funds.funds_id.as_uuid(),
            payment_id: funds.payment_id.as_uuid(),
            account_id: funds.account_id.as_uuid(),
            currency,
            value_on: funds.value_on,
            assigned_minor: funds.assigned_minor,
            withdrawn_minor: funds.withdrawn_minor,
            allocated_minor: left.saturating_sub(funds.credit_minor),
            credit_minor: funds.credit_minor,
            words: (!credit.is_zero()).then(|| wording::credit_held(credit, funds.value_on)),
        }
    }
}

/// A service that holds the account up.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImpedimentAnswer {
    /// Its name.
    pub service: String,
    /// The rule's name and the numbers involved.
    pub reason: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub impeded_at: Timestamp,
}

impl From<Impediment> for ImpedimentAnswer {
    fn from(impediment: Impediment) -> Self {
        let Impediment {
            service,
            reason,
            impeded_at,
        } = impediment;
        Self {
            service,
            reason,
            impeded_at,
        }
    }
}

/// Rows of the allocations, in the order of account and number.
#[derive(Serialize, ToSchema)]
pub(crate) struct AllocationsAnswer {
    /// The rows. Nothing is ever edited: what was taken back is a row of its own with a negative amount.
    pub allocations: Vec<AllocationAnswer>,
    /// Items of the invoice; only where an invoice was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<ItemAnswer>>,
    /// Where the payment was assigned to, with what of it is credit; only where a payment was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funds: Option<Vec<FundsAnswer>>,
    /// Give it back as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// Money of some funds on an item, or taken from it again.
#[derive(Serialize, ToSchema)]
pub(crate) struct AllocationAnswer {
    /// The row.
    pub allocation_id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// Which row of the account it is, from 1.
    pub number: i64,
    /// The funds.
    pub funds_id: Uuid,
    /// Their payment.
    pub payment_id: Uuid,
    /// The item.
    pub item_id: Uuid,
    /// Its invoice.
    pub invoice_id: Uuid,
    /// ISO 4217 code of the amounts.
    #[schema(value_type = String, example = "RON")]
    pub currency: Currency,
    /// In minor units; negative where money was taken back.
    pub amount_minor: i64,
    /// Value date of the money.
    #[schema(value_type = String, format = Date)]
    pub value_on: BusinessDate,
    /// Message time of what caused it.
    #[schema(value_type = String, format = DateTime)]
    pub allocated_at: Timestamp,
    /// True until the account's day has closed: a fact of the same day with an earlier value date may still change it.
    pub provisional: bool,
    /// Why, in a sentence.
    pub words: String,
    /// What was considered, one line per item.
    pub considered: Vec<String>,
    /// Policy, rule and law, one sentence each.
    pub grounds: Vec<String>,
    /// Why, as data.
    pub explanation: ExplanationAnswer,
}

impl AllocationAnswer {
    pub(super) fn new(row: &AllocationRow, provisional: bool, numbers: &BTreeMap<InvoiceId, String>) -> Self {
        let AllocationRow {
            explanation,
            currency,
            value_on,
            ..
        } = row;
        let amount = Money::new(row.amount_minor, *currency);
        let number_of = |invoice: InvoiceId| numbers.get(&invoice).map(String::as_str);
        Self {
            allocation_id: row.allocation_id,
            account_id: row.account_id.as_uuid(),
            number: row.number,
            funds_id: row.funds_id,
            payment_id: row.payment_id,
            item_id: row.item_id,
            invoice_id: row.invoice_id.as_uuid(),
            currency: *currency,
            amount_minor: row.amount_minor,
            value_on: *value_on,
            allocated_at: row.allocated_at,
            provisional,
            words: wording::allocation(wording::Explained {
                amount,
                value_on: *value_on,
                explanation,
            }),
            considered: wording::considered(explanation, *currency, number_of),
            grounds: wording::grounds(explanation),
            explanation: explanation.into(),
        }
    }
}

/// Why it was decided so.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExplanationAnswer {
    /// Id of the rule.
    #[schema(example = "named-invoice")]
    pub rule: String,
    /// Version of the policy.
    pub policy: String,
    /// The law that the rule follows; null for a house rule.
    pub citation: Option<String>,
    /// Facts that the rule looked at.
    pub facts: Vec<FactAnswer>,
    /// Items that were considered; at most twelve, those that were chosen among them.
    pub considered: Vec<ConsideredAnswer>,
}

/// A fact.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactAnswer {
    /// What it is.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// An item that was considered.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsideredAnswer {
    /// The item.
    pub item_id: Uuid,
    /// Its invoice.
    pub invoice_id: Uuid,
    /// When it is due.
    #[schema(value_type = String, format = Date)]
    pub due_on: BusinessDate,
    /// What was open before, in minor units.
    pub open_minor: i64,
    /// Whether money went to it, or was taken from it.
    pub chosen: bool,
    /// Code of the reason.
    pub why: String,
}

impl From<&Explanation> for ExplanationAnswer {
    fn from(explanation: &Explanation) -> Self {
        let fact = |fact: &contracts::Fact| FactAnswer {
            name: fact.name.clone(),
            value: fact.value.clone(),
        };
        let considered = |item: &contracts::Considered| ConsideredAnswer {
            item_id: item.item_id.as_uuid(),
            invoice_id: item.invoice_id.as_uuid(),
            due_on: item.due_on,
            open_minor: item.open_minor,
            chosen: item.chosen,
            why: item.why.clone(),
        };
        Self {
            rule: explanation.rule.clone(),
            policy: explanation.policy.clone(),
            citation: explanation.citation.clone(),
            facts: explanation.facts.iter().map(fact).collect(),
            considered: explanation.considered.iter().map(considered).collect(),
        }
    }
}
