//! An account's open items, its funds, and which money lies on which item.

use std::collections::BTreeMap;

use contracts::Evidence;
use kernel::{BusinessDate, FundsId, InvoiceId, ItemId, PaymentId};

use super::fact::{Body, Fact};
use super::invoice::Terms;
use super::{Unsettled, minus, plus};

/// An item with what was settled of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is owed, and when.
    pub terms: Terms,
    /// What allocations pay of it, in minor units; never more than `terms.amount_minor()`.
    pub settled_minor: i64,
}

impl Item {
    /// What is still owed.
    #[must_use]
    pub fn open_minor(&self) -> i64 {
        self.terms.amount_minor().saturating_sub(self.settled_minor)
    }
}

/// Funds with what of them is credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funds {
    /// The payment they are part of.
    pub payment_id: PaymentId,
    /// From this day the money counts.
    pub value_on: BusinessDate,
    /// What was assigned.
    pub assigned_minor: i64,
    /// What of it was withdrawn again.
    pub withdrawn_minor: i64,
    /// What no item took.
    pub credit_minor: i64,
    /// Invoices that the payer named; empty for funds of earlier days, whose naming has been honoured.
    pub named: Vec<InvoiceId>,
    /// Why the money is this account's; empty for funds of earlier days.
    pub evidence: Vec<Evidence>,
}

/// Money of some funds on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The funds.
    pub funds_id: FundsId,
    /// The item.
    pub item_id: ItemId,
    /// In minor units; positive.
    pub amount_minor: i64,
}

/// Net sums per funds and item, signed: what rows of the allocations add up to.
pub type Net = BTreeMap<(FundsId, ItemId), i64>;

/// Where an account stands: every item and all funds that the facts at hand may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Items.
    pub items: BTreeMap<ItemId, Item>,
    /// Funds.
    pub funds: BTreeMap<FundsId, Funds>,
    /// Money on items, oldest decision first. Complete only where a fact may free money.
    pub lots: Vec<Lot>,
}

impl Position {
    /// The position at the start of the open day: what is known now, less what the day's `facts` (that are in it) and the
    /// day's rows (`recorded`) made of it. `pinned` are the lots of closed days, in any
    /// order.
    ///
    /// # Errors
    /// [`Unsettled`] when the tables contradict each other.
    pub fn at_start(mut self, facts: &[Fact], recorded: &Net, pinned: Vec<Lot>) -> Result<Self, Unsettled> {
        for ((funds_id, item_id), amount) in recorded {
            let item = self.items.get_mut(item_id).ok_or(Unsettled::ItemMissing(*item_id))?;
            item.settled_minor = minus(item.settled_minor, *amount)?;
            let funds = self.funds.get_mut(funds_id).ok_or(Unsettled::FundsMissing(*funds_id))?;
            funds.credit_minor = plus(funds.credit_minor, *amount)?;
        }
        let mut by_arrival: Vec<&Fact> = facts.iter().collect();
        by_arrival.sort_by_key(|fact| std::cmp::Reverse(fact.number));
        for fact in by_arrival {
            self.undo(&fact.body)?;
        }
        self.lots = self.by_age(pinned)?;
        Ok(self)
    }

    /// Lots of closed days, the oldest decision first: by the day on which the money could first meet the item, then by the
    /// age of the money, then by due date. Not by the order of their rows, for that may come from the order of arrival.
    fn by_age(&self, lots: Vec<Lot>) -> Result<Vec<Lot>, Unsettled> {
        let mut placed = Vec::with_capacity(lots.len());
        for lot in lots {
            let item = self
                .items
                .get(&lot.item_id)
                .ok_or(Unsettled::ItemMissing(lot.item_id))?;
            let funds = self
                .funds
                .get(&lot.funds_id)
                .ok_or(Unsettled::FundsMissing(lot.funds_id))?;
            let met_on = funds.value_on.max(item.terms.issued_on);
            placed.push((
                (met_on, funds.value_on, lot.funds_id, item.terms.due_on, lot.item_id),
                lot,
            ));
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, lot)| lot).collect())
    }

    /// Takes one fact back, the latest first.
    fn undo(&mut self, body: &Body) -> Result<(), Unsettled> {
        match body {
            Body::Invoice(changed) => {
                for after in &changed.after {
                    match changed.before.iter().find(|before| before.item_id == after.item_id) {
                        Some(before) => {
                            let item = self.items.get_mut(&after.item_id);
                            item.ok_or(Unsettled::ItemMissing(after.item_id))?.terms = before.clone();
                        }
                        None => {
                            self.items.remove(&after.item_id);
                        }
                    }
                }
            }
            Body::Withdrawal(withdrawn) => {
                let missing = Unsettled::FundsMissing(withdrawn.funds_id);
                let funds = self.funds.get_mut(&withdrawn.funds_id).ok_or(missing)?;
                funds.withdrawn_minor = minus(funds.withdrawn_minor, withdrawn.amount_minor)?;
                funds.credit_minor = plus(funds.credit_minor, withdrawn.amount_minor)?;
            }
            Body::Funds(received) => {
                self.funds.remove(&received.funds_id);
            }
        }
        Ok(())
    }
}
