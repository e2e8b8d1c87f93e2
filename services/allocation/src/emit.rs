//! A decision as events, in the order in which a reader can follow them: items open, money is taken back, items are open
//! again, money is allocated, items are settled, credit is held.

use contracts::catalogue::ALLOCATIONS;
use contracts::{AllocationReversed, CreditHeld, FundsAllocated, ItemOpened, ItemReopened, ItemSettled, Message};
use kernel::{BusinessDate, MessageId};
use runtime::{Failure, Tx};

use crate::domain::decide::{FundsChange, ItemChange, Row};
use crate::settle::allocation_id;
use crate::store::save::Decided;

/// Emits one account's decision; ids are of (message, handler, n), n counted over this account's events alone.
pub(crate) fn decided(tx: &mut Tx, decided: &Decided, provisional: bool) -> Result<(), Failure> {
    let mut out = Out { tx, decided, n: 0 };
    let decision = &decided.decision;
    for change in &decision.items {
        out.opened(change)?;
    }
    for row in decision.rows.iter().filter(|row| row.amount_minor < 0) {
        out.reversed(row)?;
    }
    for change in &decision.items {
        out.reopened(change)?;
    }
    for row in decision.rows.iter().filter(|row| row.amount_minor > 0) {
        out.allocated(row, provisional)?;
    }
    for change in &decision.items {
        out.settled(change)?;
    }
    for change in &decision.funds {
        out.credit(change)?;
    }
    Ok(())
}

struct Out<'a> {
    tx: &'a mut Tx,
    decided: &'a Decided,
    n: u32,
}

impl Out<'_> {
    fn emit<M: Message>(&mut self, event: &M) -> Result<(), Failure> {
        let id = MessageId::derive(self.decided.cause, "allocation/settle", self.n);
        self.n = self.n.saturating_add(1);
        self.tx.emit(&ALLOCATIONS, event, id, self.decided.at)
    }

    /// An item is new, or its amount or due date changed: its whole state, the later event holds.
    fn opened(&mut self, change: &ItemChange) -> Result<(), Failure> {
        let terms = &change.after.terms;
        let told = |terms: &crate::domain::invoice::Terms| (terms.amount_minor(), terms.due_on, terms.issued_on);
        let same = change
            .before
            .as_ref()
            .is_some_and(|before| told(&before.terms) == told(terms));
        if same || terms.amount_minor() == 0 {
            return Ok(());
        }
        let account = &self.decided.account;
        self.emit(&ItemOpened {
            item_id: terms.item_id,
            invoice_id: terms.invoice_id,
            account_id: account.account_id,
            creditor_id: account.creditor_id,
            instalment: terms.instalment,
            issued_on: terms.issued_on,
            due_on: terms.due_on,
            currency: account.currency,
            amount_minor: terms.amount_minor(),
            opened_at: self.decided.at,
        })
    }

    fn reversed(&mut self, row: &Row) -> Result<(), Failure> {
        let account = &self.decided.account;
        self.emit(&AllocationReversed {
            allocation_id: allocation_id(self.decided.cause, row),
            funds_id: row.funds_id,
            payment_id: row.payment_id,
            account_id: account.account_id,
            creditor_id: account.creditor_id,
            item_id: row.item_id,
            invoice_id: row.invoice_id,
            currency: account.currency,
            amount_minor: row.amount_minor.saturating_neg(),
            reason: row.reason.to_owned(),
            reversed_at: self.decided.at,
            explanation: row.explanation.clone(),
        })
    }

    fn allocated(&mut self, row: &Row, provisional: bool) -> Result<(), Failure> {
        let account = &self.decided.account;
        self.emit(&FundsAllocated {
            allocation_id: allocation_id(self.decided.cause, row),
            funds_id: row.funds_id,
            payment_id: row.payment_id,
            account_id: account.account_id,
            creditor_id: account.creditor_id,
            item_id: row.item_id,
            invoice_id: row.invoice_id,
            currency: account.currency,
            amount_minor: row.amount_minor,
            value_on: row.value_on,
            allocated_at: self.decided.at,
            provisional,
            explanation: row.explanation.clone(),
        })
    }

    /// Nothing was open on the item and now something is.
    fn reopened(&mut self, change: &ItemChange) -> Result<(), Failure> {
        let was_settled = change.before.as_ref().is_some_and(|before| before.open_minor() == 0);
        let open_minor = change.after.open_minor();
        if !was_settled || open_minor == 0 {
            return Ok(());
        }
        let item_id = change.after.terms.item_id;
        let rows = &self.decided.decision.rows;
        let reversal = rows.iter().find(|row| row.item_id == item_id && row.amount_minor < 0);
        self.emit(&ItemReopened {
            item_id,
            invoice_id: change.after.terms.invoice_id,
            account_id: self.decided.account.account_id,
            currency: self.decided.account.currency,
            open_minor,
            reason: reversal.map_or("invoice_corrected", |row| row.reason).to_owned(),
            reopened_at: self.decided.at,
        })
    }

    /// Something was open on the item, or it is new, and now nothing is.
    fn settled(&mut self, change: &ItemChange) -> Result<(), Failure> {
        let was_settled = change.before.as_ref().is_some_and(|before| before.open_minor() == 0);
        if was_settled || change.after.open_minor() != 0 {
            return Ok(());
        }
        let terms = &change.after.terms;
        self.emit(&ItemSettled {
            item_id: terms.item_id,
            invoice_id: terms.invoice_id,
            account_id: self.decided.account.account_id,
            currency: self.decided.account.currency,
            amount_minor: terms.amount_minor(),
            settled_on: self.settled_on(change),
            settled_at: self.decided.at,
        })
    }

    /// The latest value date of the money that settled it; of the fact itself where no money did.
    fn settled_on(&self, change: &ItemChange) -> BusinessDate {
        let item_id = change.after.terms.item_id;
        let rows = self.decided.decision.rows.iter();
        let money = rows
            .filter(|row| row.item_id == item_id && row.amount_minor > 0)
            .map(|row| row.value_on)
            .max();
        let fact = self.decided.fact.as_ref().map(|fact| fact.body.on());
        money.or(fact).unwrap_or(change.after.terms.due_on)
    }

    fn credit(&mut self, change: &FundsChange) -> Result<(), Failure> {
        let before = change.before.as_ref().map_or(0, |before| before.credit_minor);
        if before == change.after.credit_minor {
            return Ok(());
        }
        let account = &self.decided.account;
        self.emit(&CreditHeld {
            account_id: account.account_id,
            creditor_id: account.creditor_id,
            funds_id: change.funds_id,
            payment_id: change.after.payment_id,
            currency: account.currency,
            amount_minor: change.after.credit_minor,
            held_at: self.decided.at,
        })
    }
}
