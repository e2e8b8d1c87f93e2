//! The one function that says where every cent goes: facts, in canonical order, folded into a position.
//!
//! It serves arrival, late facts and the day's close alike, so the order in which messages arrive changes nothing.

use std::rc::Rc;

use contracts::Considered;
use kernel::{BusinessDate, FundsId, InvoiceId, ItemId};

use super::fact::{Body, Change, Fact, InvoiceChanged, Received, Withdrawn, canonical};
use super::position::{Funds, Item, Lot, Net, Position};
use super::{Unsettled, minus, plus};

/// Why money moved in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The payer named the invoice.
    Named,
    /// It was the open item that fell due first.
    OldestDue,
    /// Credit waited when the item was issued, or rose.
    CreditToNew,
    /// Credit waited when the item was open again.
    CreditToReopened,
    /// Money that a lesser invoice freed went to the open item that fell due first.
    Freed,
    /// The funds were withdrawn; the reason given.
    Withdrawn(String),
    /// The invoice is less than what was paid on it.
    Reduced(Change),
}

/// Money moves between funds and an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The funds.
    pub funds_id: FundsId,
    /// The item.
    pub item_id: ItemId,
    /// Minus when it is taken from the item; never zero.
    pub amount_minor: i64,
    /// Why.
    pub why: Why,
    /// What was open and looked at then.
    pub considered: Rc<[Considered]>,
}

/// What the day's facts make of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The position after them.
    pub end: Position,
    /// How it came about, in order.
    pub steps: Vec<Step>,
}

impl Target {
    /// Net sums per funds and item over all steps; pairs that cancel out are left out.
    ///
    /// # Errors
    /// [`Unsettled::Overflow`].
    pub fn net(&self) -> Result<Net, Unsettled> {
        let mut net = Net::new();
        for step in &self.steps {
            let sum = net.entry((step.funds_id, step.item_id)).or_default();
            *sum = plus(*sum, step.amount_minor)?;
        }
        net.retain(|_, amount| *amount != 0);
        Ok(net)
    }
}

/// Folds the day's facts into the position at its start.
///
/// # Errors
/// [`Unsettled`]: nothing is moved then.
pub fn target(start: Position, facts: &[Fact]) -> Result<Target, Unsettled> {
    let mut fold = Fold {
        at: start,
        steps: Vec::new(),
        early: Vec::new(),
    };
    for fact in canonical(facts) {
        match &fact.body {
            Body::Invoice(changed) => fold.invoice(changed)?,
            Body::Withdrawal(withdrawn) => fold.withdraw(withdrawn)?,
            Body::Funds(received) => fold.receive(received)?,
        }
    }
    if let Some((funds_id, _)) = fold.early.first() {
        return Err(Unsettled::Overdrawn(*funds_id));
    }
    Ok(Target {
        end: fold.at,
        steps: fold.steps,
    })
}

struct Fold {
    at: Position,
    steps: Vec<Step>,
    /// Withdrawals that stand before their funds in the day's order.
    early: Vec<(FundsId, i64)>,
}

/// Which open items a round of settling may use, and what to say of it.
struct Round<'a> {
    named: &'a [InvoiceId],
    why: Why,
    code: &'static str,
}

impl Fold {
    /// An item opens or changes: what was settled beyond its amount is freed, then waiting credit is applied.
    fn invoice(&mut self, changed: &InvoiceChanged) -> Result<(), Unsettled> {
        let waiting = self.credit_oldest_first();
        for terms in &changed.after {
            let item = self.at.items.entry(terms.item_id);
            let item = item.or_insert_with(|| Item {
                terms: terms.clone(),
                settled_minor: 0,
            });
            item.terms = terms.clone();
            let beyond = minus(item.settled_minor, terms.amount_minor())?;
            if beyond > 0 {
                self.free(terms.item_id, beyond, changed.change)?;
            }
        }
        for funds_id in self.credit_oldest_first() {
            let why = if waiting.contains(&funds_id) {
                Why::CreditToNew
            } else {
                Why::Freed
            };
            self.settle(
                funds_id,
                &Round {
                    named: &[],
                    why,
                    code: "credit_waiting",
                },
            )?;
        }
        Ok(())
    }

    /// Takes money from an item, the latest lots first; it is credit of its funds again.
    fn free(&mut self, item_id: ItemId, amount: i64, change: Change) -> Result<(), Unsettled> {
        let considered = self.taken_from(&[item_id]);
        let mut rest = amount;
        for n in (0..self.at.lots.len()).rev() {
            let Some(lot) = self.at.lots.get_mut(n).filter(|lot| lot.item_id == item_id && rest > 0) else {
                continue;
            };
            let part = lot.amount_minor.min(rest);
            let funds_id = lot.funds_id;
            lot.amount_minor = minus(lot.amount_minor, part)?;
            rest = minus(rest, part)?;
            self.take(funds_id, item_id, part, Why::Reduced(change), &considered)?;
            let funds = self
                .at
                .funds
                .get_mut(&funds_id)
                .ok_or(Unsettled::FundsMissing(funds_id))?;
            funds.credit_minor = plus(funds.credit_minor, part)?;
        }
        self.at.lots.retain(|lot| lot.amount_minor > 0);
        if rest == 0 {
            Ok(())
        } else {
            Err(Unsettled::Contradiction(item_id))
        }
    }

    /// Takes funds away: their credit first, then what they settled, the latest first; then waiting credit of other funds
    /// goes to what is open again.
    fn withdraw(&mut self, withdrawn: &Withdrawn) -> Result<(), Unsettled> {
        let funds_id = withdrawn.funds_id;
        let Some(funds) = self.at.funds.get_mut(&funds_id) else {
            self.early.push((funds_id, withdrawn.amount_minor));
            return Ok(());
        };
        funds.withdrawn_minor = plus(funds.withdrawn_minor, withdrawn.amount_minor)?;
        let from_credit = funds.credit_minor.min(withdrawn.amount_minor);
        funds.credit_minor = minus(funds.credit_minor, from_credit)?;
        let mut rest = minus(withdrawn.amount_minor, from_credit)?;
        let on_items: Vec<ItemId> = self
            .at
            .lots
            .iter()
            .filter(|lot| lot.funds_id == funds_id)
            .map(|lot| lot.item_id)
            .collect();
        let considered = self.taken_from(&on_items);
        for n in (0..self.at.lots.len()).rev() {
            let Some(lot) = self
                .at
                .lots
                .get_mut(n)
                .filter(|lot| lot.funds_id == funds_id && rest > 0)
            else {
                continue;
            };
            let part = lot.amount_minor.min(rest);
            let item_id = lot.item_id;
            lot.amount_minor = minus(lot.amount_minor, part)?;
            rest = minus(rest, part)?;
            self.take(
                funds_id,
                item_id,
                part,
                Why::Withdrawn(withdrawn.reason.clone()),
                &considered,
            )?;
        }
        self.at.lots.retain(|lot| lot.amount_minor > 0);
        if rest > 0 {
            return Err(Unsettled::Overdrawn(funds_id));
        }
        for funds_id in self.credit_oldest_first() {
            self.settle(
                funds_id,
                &Round {
                    named: &[],
                    why: Why::CreditToReopened,
                    code: "credit_waiting",
                },
            )?;
        }
        Ok(())
    }

    /// Money comes in: items of the invoices that the payer named, then all open items; what is left is credit.
    fn receive(&mut self, received: &Received) -> Result<(), Unsettled> {
        let mut early = 0_i64;
        for (_, amount) in self
            .early
            .extract_if(.., |(funds_id, _)| *funds_id == received.funds_id)
        {
            early = plus(early, amount)?;
        }
        let credit = minus(received.amount_minor, early)?;
        if credit < 0 {
            return Err(Unsettled::Overdrawn(received.funds_id));
        }
        let funds = Funds {
            payment_id: received.payment_id,
            value_on: received.value_on,
            assigned_minor: received.amount_minor,
            withdrawn_minor: early,
            credit_minor: credit,
            named: received.named.clone(),
            evidence: received.evidence.clone(),
        };
        self.at.funds.insert(received.funds_id, funds);
        if !received.named.is_empty() {
            self.settle(
                received.funds_id,
                &Round {
                    named: &received.named,
                    why: Why::Named,
                    code: "named",
                },
            )?;
        }
        self.settle(
            received.funds_id,
            &Round {
                named: &[],
                why: Why::OldestDue,
                code: "oldest_due",
            },
        )
    }

    /// Funds with credit, the oldest money first.
    fn credit_oldest_first(&self) -> Vec<FundsId> {
        let with_credit = self.at.funds.iter().filter(|(_, funds)| funds.credit_minor > 0);
        let mut order: Vec<(BusinessDate, FundsId)> = with_credit.map(|(id, funds)| (funds.value_on, *id)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, id)| id).collect()
    }

    /// Open items, those due first first.
    fn open_oldest_first(&self) -> Vec<(BusinessDate, ItemId)> {
        let open = self.at.items.iter().filter(|(_, item)| item.open_minor() > 0);
        let mut order: Vec<(BusinessDate, ItemId)> = open.map(|(id, item)| (item.terms.due_on, *id)).collect();
        order.sort_unstable();
        order
    }

    /// Spreads the credit of some funds over open items, those due first first: all, or those of named invoices.
    fn settle(&mut self, funds_id: FundsId, round: &Round<'_>) -> Result<(), Unsettled> {
        let Some(mut credit) = self
            .at
            .funds
            .get(&funds_id)
            .map(|funds| funds.credit_minor)
            .filter(|rest| *rest > 0)
        else {
            return Ok(());
        };
        let mut considered = Vec::new();
        let mut paid: Vec<(ItemId, i64)> = Vec::new();
        for (due_on, item_id) in self.open_oldest_first() {
            let item = self.at.items.get_mut(&item_id).ok_or(Unsettled::ItemMissing(item_id))?;
            let allowed = round.named.is_empty() || round.named.contains(&item.terms.invoice_id);
            let open_minor = item.open_minor();
            let part = if allowed { credit.min(open_minor) } else { 0 };
            item.settled_minor = plus(item.settled_minor, part)?;
            credit = minus(credit, part)?;
            let why = match (part > 0, allowed) {
                (true, _) => round.code,
                (false, true) => "nothing_left",
                (false, false) => "not_named",
            };
            let invoice_id = item.terms.invoice_id;
            considered.push(Considered {
                item_id,
                invoice_id,
                due_on,
                open_minor,
                chosen: part > 0,
                why: why.to_owned(),
            });
            if part > 0 {
                paid.push((item_id, part));
            }
        }
        let considered: Rc<[Considered]> = considered.into();
        for (item_id, amount_minor) in paid {
            self.at.lots.push(Lot {
                funds_id,
                item_id,
                amount_minor,
            });
            let (why, considered) = (round.why.clone(), Rc::clone(&considered));
            self.steps.push(Step {
                funds_id,
                item_id,
                amount_minor,
                why,
                considered,
            });
        }
        self.at
            .funds
            .get_mut(&funds_id)
            .ok_or(Unsettled::FundsMissing(funds_id))?
            .credit_minor = credit;
        Ok(())
    }

    /// Notes that an item loses money.
    fn take(
        &mut self,
        funds_id: FundsId,
        item_id: ItemId,
        part: i64,
        why: Why,
        considered: &Rc<[Considered]>,
    ) -> Result<(), Unsettled> {
        let item = self.at.items.get_mut(&item_id).ok_or(Unsettled::ItemMissing(item_id))?;
        item.settled_minor = minus(item.settled_minor, part)?;
        if item.settled_minor < 0 {
            return Err(Unsettled::Contradiction(item_id));
        }
        let considered = Rc::clone(considered);
        self.steps.push(Step {
            funds_id,
            item_id,
            amount_minor: minus(0, part)?,
            why,
            considered,
        });
        Ok(())
    }

    /// What lay on these items before money is taken from them.
    fn taken_from(&self, items: &[ItemId]) -> Rc<[Considered]> {
        let mut seen: Vec<ItemId> = items.to_vec();
        seen.sort_unstable();
        seen.dedup();
        let known = seen.iter().filter_map(|item_id| self.at.items.get(item_id));
        known
            .map(|item| Considered {
                item_id: item.terms.item_id,
                invoice_id: item.terms.invoice_id,
                due_on: item.terms.due_on,
                open_minor: item.open_minor().max(0),
                chosen: true,
                why: "taken_back".to_owned(),
            })
            .collect()
    }
}
