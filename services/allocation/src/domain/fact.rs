//! The facts of a day, and the order in which they count.

use std::collections::HashMap;

use contracts::Evidence;
use kernel::{BusinessDate, FundsId, InvoiceId, PaymentId};
use serde::{Deserialize, Serialize};

use super::invoice::Terms;
use super::{Unsettled, minus};

/// One fact of an account. Facts are kept for good; those of the open day are folded again with every new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Which fact of the account it is, by arrival, from 1.
    pub number: i64,
    /// What it says.
    pub body: Body,
}

/// What a fact says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// An invoice begins or changes.
    Invoice(InvoiceChanged),
    /// Funds are taken away again, wholly or in part.
    Withdrawal(Withdrawn),
    /// Money comes in.
    Funds(Received),
}

/// What happened to an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was issued.
    Issued,
    /// Its terms were replaced.
    Corrected,
    /// It is void.
    Cancelled,
    /// A credit note lessened it.
    Credited,
}

impl Change {
    /// The word for it in tables, and in the reasons of events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Issued => "invoice_issued",
            Self::Corrected => "invoice_corrected",
            Self::Cancelled => "invoice_cancelled",
            Self::Credited => "credit_note",
        }
    }
}

/// An invoice begins or changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceChanged {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// What happened.
    pub change: Change,
    /// Day of issue, of the credit note's issue, or of cancellation.
    pub on: BusinessDate,
    /// Its terms before; empty when it begins.
    pub before: Vec<Terms>,
    /// Its terms after.
    pub after: Vec<Terms>,
}

/// Funds are taken away again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The withdrawal: a UUID, hyphenated, in lower case.
    pub withdrawal_id: String,
    /// The funds.
    pub funds_id: FundsId,
    /// What is taken, in minor units; positive.
    pub amount_minor: i64,
    /// Its value date.
    pub value_on: BusinessDate,
    /// `reversal`, `reassigned` or `decided`.
    pub reason: String,
}

/// Money comes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The funds.
    pub funds_id: FundsId,
    /// The payment they are part of.
    pub payment_id: PaymentId,
    /// In minor units; positive.
    pub amount_minor: i64,
    /// From this day the money counts.
    pub value_on: BusinessDate,
    /// Invoices that the payer named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<InvoiceId>,
    /// Why the money is this account's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Where a fact stands in its day: value date, then kind, then id. Facts of one invoice keep the order of their arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    on: BusinessDate,
    kind: u8,
    id: u128,
    second: String,
    number: i64,
}

impl Body {
    /// The day on which it counts.
    #[must_use]
    pub fn on(&self) -> BusinessDate {
        match self {
            Self::Invoice(changed) => changed.on,
            Self::Withdrawal(withdrawn) => withdrawn.value_on,
            Self::Funds(received) => received.value_on,
        }
    }

    /// Its word in the tables.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Invoice(changed) => changed.change.word(),
            Self::Withdrawal(_) => "funds_withdrawn",
            Self::Funds(_) => "funds_assigned",
        }
    }

    /// Whether money that was settled may have to move because of it: then what earlier days decided is needed too.
    #[must_use]
    pub fn may_free(&self) -> bool {
        match self {
            Self::Invoice(changed) => changed.change != Change::Issued,
            Self::Withdrawal(_) => true,
            Self::Funds(_) => false,
        }
    }

    /// What it adds to the account's funds, what to the sums charged by invoices, and what to those taken off by credit
    /// notes; in minor units, signed.
    ///
    /// # Errors
    /// [`Unsettled::Overflow`].
    pub fn moves(&self) -> Result<Moves, Unsettled> {
        let sum = |terms: &[Terms], of: fn(&Terms) -> i64| {
            terms
                .iter()
                .try_fold(0_i64, |sum, terms| sum.checked_add(of(terms)))
                .ok_or(Unsettled::Overflow)
        };
        Ok(match self {
            Self::Funds(received) => Moves {
                funds_minor: received.amount_minor,
                ..Moves::default()
            },
            Self::Withdrawal(withdrawn) => Moves {
                funds_minor: minus(0, withdrawn.amount_minor)?,
                ..Moves::default()
            },
            Self::Invoice(InvoiceChanged { before, after, .. }) => Moves {
                funds_minor: 0,
                issued_minor: minus(sum(after, |t| t.charged_minor)?, sum(before, |t| t.charged_minor)?)?,
                credited_minor: minus(sum(after, |t| t.credited_minor)?, sum(before, |t| t.credited_minor)?)?,
            },
        })
    }

    fn place(&self, on: BusinessDate, number: i64) -> Place {
        let (kind, id, second, number) = match self {
            Self::Invoice(changed) => (0, changed.invoice_id.as_uuid(), String::new(), number),
            Self::Withdrawal(withdrawn) => (1, withdrawn.funds_id.as_uuid(), withdrawn.withdrawal_id.clone(), 0),
            Self::Funds(received) => {
                let kind = if received.named.is_empty() { 3 } else { 2 };
                (kind, received.funds_id.as_uuid(), String::new(), 0)
            }
        };
        let id = id.as_u128();
        Place {
            on,
            kind,
            id,
            second,
            number,
        }
    }
}

/// What a fact moves, in minor units, signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Funds of the account.
    pub funds_minor: i64,
    /// Charged by invoices.
    pub issued_minor: i64,
    /// Taken off by credit notes.
    pub credited_minor: i64,
}

/// The facts in canonical order. A change of an invoice never counts before what it changes: it takes the latest day of the
/// invoice's facts up to it.
#[must_use]
pub fn canonical(facts: &[Fact]) -> Vec<&Fact> {
    let mut by_arrival: Vec<&Fact> = facts.iter().collect();
    by_arrival.sort_by_key(|fact| fact.number);
    let mut latest: HashMap<InvoiceId, BusinessDate> = HashMap::new();
    let mut placed: Vec<(Place, &Fact)> = Vec::with_capacity(facts.len());
    for fact in by_arrival {
        let mut on = fact.body.on();
        if let Body::Invoice(changed) = &fact.body {
            let entry = latest.entry(changed.invoice_id).or_insert(on);
            *entry = on.max(*entry);
            on = *entry;
        }
        placed.push((fact.body.place(on, fact.number), fact));
    }
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    placed.into_iter().map(|(_, fact)| fact).collect()
}
