//! Invoices: their numbers and payment references, and what they come to (a transfer for many invoices is split by that).

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use contracts::{CreditNoteIssued, InvoiceCancelled, InvoiceCorrected, InvoiceIssued, Message};
use kernel::{AccountId, CreditorId};
use runtime::{Failure, Handle, Incoming, Outcome, Rejection, Tx};

use super::{lock, references_of, register};
use crate::domain::identify::Rule;
use crate::store::references::Reference;
use crate::store::registry::{self, Invoice};

/// Keeps an invoice's references. A corrected invoice keeps its old ones too: the payer holds the old paper.
pub struct IndexInvoice;

#[async_trait]
impl Handle<InvoiceIssued> for IndexInvoice {
    async fn handle(&self, batch: &[Incoming<InvoiceIssued>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        index(batch, tx).await
    }

    fn takes_many(&self) -> bool {
        true
    }
}

#[async_trait]
impl Handle<InvoiceCorrected> for IndexInvoice {
    async fn handle(&self, batch: &[Incoming<InvoiceCorrected>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        index(batch, tx).await
    }

    fn takes_many(&self) -> bool {
        true
    }
}

type Known = HashMap<AccountId, (CreditorId, String)>;

/// An invoice waits for its account, and must be of its creditor and in its currency.
fn judge(state: &InvoiceIssued, known: &Known) -> Outcome {
    match known.get(&state.account_id) {
        None => Outcome::Wait,
        Some((creditor, _)) if *creditor != state.creditor_id => Outcome::Reject(Rejection::new(
            "account-of-another-creditor",
            format!("invoice {}", state.invoice_id),
        )),
        Some((_, currency)) if currency != state.currency.code() => Outcome::Reject(Rejection::new(
            "currency-mismatch",
            format!(
                "invoice {} is in {}, its account in {currency}",
                state.invoice_id, state.currency
            ),
        )),
        Some(_) => Outcome::Done,
    }
}

async fn index<M: Message + Into<InvoiceIssued>>(batch: &[Incoming<M>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
    let states: Vec<InvoiceIssued> = batch.iter().map(|incoming| incoming.message.clone().into()).collect();
    let accounts: Vec<AccountId> = states.iter().map(|state| state.account_id).collect();
    let known = registry::accounts(tx.conn(), &accounts).await?;
    let mut rejected: BTreeSet<AccountId> = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(states.len());
    for state in &states {
        let mut outcome = judge(state, &known);
        if rejected.contains(&state.account_id) {
            outcome = Outcome::Reject(Rejection::new(
                "key-parked",
                "an earlier invoice of this account was rejected",
            ));
        }
        if matches!(outcome, Outcome::Reject(_)) {
            rejected.insert(state.account_id);
        }
        outcomes.push(outcome);
    }
    let good: Vec<&InvoiceIssued> = states
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| **outcome == Outcome::Done)
        .map(|(state, _)| state)
        .collect();
    let all: BTreeSet<Reference> = good.iter().flat_map(|state| references(state)).collect();
    lock(tx, &all).await?;
    // Of several states of one invoice the newest is kept.
    let mut rows: Vec<Invoice> = good.iter().map(|state| row(state)).collect();
    rows.sort_by_key(|invoice| (invoice.invoice_id, std::cmp::Reverse(invoice.version)));
    rows.dedup_by_key(|invoice| invoice.invoice_id);
    registry::upsert_invoices(tx.conn(), &rows).await?;
    if let Some(at) = batch.iter().map(|incoming| incoming.time).max() {
        register(tx, &all, at).await?;
    }
    Ok(outcomes)
}

fn row(state: &InvoiceIssued) -> Invoice {
    Invoice {
        invoice_id: state.invoice_id,
        account_id: state.account_id,
        creditor_id: state.creditor_id,
        version: state.version,
        total_minor: state.total_minor,
        cancelled: false,
    }
}

fn references(state: &InvoiceIssued) -> Vec<Reference> {
    let template = Reference {
        creditor_id: state.creditor_id,
        token: String::new(),
        account_id: state.account_id,
        invoice_id: Some(state.invoice_id),
        rule: Rule::InvoiceNumber,
    };
    let number = references_of(&template, &state.number, Rule::InvoiceNumber);
    let payment = state
        .payment_references
        .iter()
        .flat_map(|text| references_of(&template, text, Rule::PaymentReference));
    number.chain(payment).collect()
}

/// A void invoice owes nothing; its number still leads to its account.
pub struct CancelInvoice;

#[async_trait]
impl Handle<InvoiceCancelled> for CancelInvoice {
    async fn handle(&self, batch: &[Incoming<InvoiceCancelled>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let mut rows: Vec<Invoice> = batch
            .iter()
            .map(|incoming| Invoice {
                invoice_id: incoming.message.invoice_id,
                account_id: incoming.message.account_id,
                creditor_id: incoming.message.creditor_id,
                version: incoming.message.version,
                total_minor: 0,
                cancelled: true,
            })
            .collect();
        rows.sort_by_key(|invoice| invoice.invoice_id);
        registry::upsert_invoices(tx.conn(), &rows).await?;
        Ok(vec![Outcome::Done; batch.len()])
    }
}

/// A credit note lessens what its invoice comes to.
pub struct CreditInvoice;

#[async_trait]
impl Handle<CreditNoteIssued> for CreditInvoice {
    async fn handle(&self, batch: &[Incoming<CreditNoteIssued>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let credited: Vec<_> = batch
            .iter()
            .map(|incoming| (incoming.message.invoice_id, incoming.message.amount_minor))
            .collect();
        registry::credit_invoices(tx.conn(), &credited).await?;
        Ok(vec![Outcome::Done; batch.len()])
    }
}
