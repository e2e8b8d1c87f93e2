//! Accounts: their numbers, payment references and virtual accounts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use contracts::{AccountChanged, AccountClosed, AccountOpened, Message};
use runtime::{Failure, Handle, Incoming, Outcome, Tx};

use super::{lock, references_of, register};
use crate::domain::identify::Rule;
use crate::store::references::{Reference, forget_account_references};
use crate::store::registry::{self, Account};

/// Keeps an account's references: the whole new state replaces the old.
pub struct IndexAccount;

#[async_trait]
impl Handle<AccountOpened> for IndexAccount {
    async fn handle(&self, batch: &[Incoming<AccountOpened>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        index(batch, tx).await
    }
}

#[async_trait]
impl Handle<AccountChanged> for IndexAccount {
    async fn handle(&self, batch: &[Incoming<AccountChanged>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        index(batch, tx).await
    }
}

async fn index<M: Message + Into<AccountOpened>>(batch: &[Incoming<M>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
    let states: Vec<AccountOpened> = batch.iter().map(|incoming| incoming.message.clone().into()).collect();
    let all: BTreeSet<Reference> = states.iter().flat_map(references).collect();
    lock(tx, &all).await?;
    let mut accounts: Vec<Account> = states.iter().map(row).collect();
    accounts.sort_by_key(|account| account.account_id);
    let newer = registry::upsert_accounts(tx.conn(), &accounts).await?;
    forget_account_references(tx.conn(), &newer).await?;
    let now: BTreeSet<Reference> = all
        .into_iter()
        .filter(|reference| newer.contains(&reference.account_id))
        .collect();
    if let Some(at) = batch.iter().map(|incoming| incoming.time).max() {
        register(tx, &now, at).await?;
    }
    for incoming in batch {
        tx.release(incoming.key);
    }
    Ok(vec![Outcome::Done; batch.len()])
}

fn row(state: &AccountOpened) -> Account {
    Account {
        account_id: state.account_id,
        creditor_id: state.creditor_id,
        version: state.version,
        currency: state.currency,
    }
}

fn references(state: &AccountOpened) -> Vec<Reference> {
    let template = Reference {
        creditor_id: state.creditor_id,
        token: String::new(),
        account_id: state.account_id,
        invoice_id: None,
        rule: Rule::AccountNumber,
    };
    let number = references_of(&template, &state.number, Rule::AccountNumber);
    let payment = state
        .payment_references
        .iter()
        .flat_map(|text| references_of(&template, text, Rule::PaymentReference));
    let virtual_accounts = state
        .virtual_accounts
        .iter()
        .flat_map(|text| references_of(&template, text, Rule::VirtualAccount));
    number.chain(payment).chain(virtual_accounts).collect()
}

/// Notes that an account was closed. Its references stay: what is owed stays owed, and money still comes.
pub struct CloseAccount;

#[async_trait]
impl Handle<AccountClosed> for CloseAccount {
    async fn handle(&self, batch: &[Incoming<AccountClosed>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let ids: Vec<_> = batch.iter().map(|incoming| incoming.message.account_id).collect();
        let known = registry::accounts(tx.conn(), &ids).await?;
        let closed: Vec<_> = batch
            .iter()
            .map(|incoming| {
                (
                    incoming.message.account_id,
                    incoming.message.version,
                    incoming.message.closed_on,
                )
            })
            .collect();
        registry::close_accounts(tx.conn(), &closed).await?;
        let outcome = |id| {
            if known.contains_key(id) {
                Outcome::Done
            } else {
                Outcome::Wait
            }
        };
        Ok(ids.iter().map(outcome).collect())
    }
}
