//! One small struct per kind of fact: which message, which checks, which fact it becomes; [`crate::settle`] does the rest.

mod accounts;
mod funds;
mod invoices;

pub(crate) use accounts::{Accounts, Creditors, Impediments};
pub(crate) use funds::AllocateFunds;
pub(crate) use invoices::OpenItems;

use std::collections::{BTreeMap, BTreeSet};

use contracts::Message;
use kernel::{AccountId, CreditorId, Currency};
use runtime::{Failure, Incoming, Outcome, Rejection, Tx};

use crate::store::{Account, load};

/// Locks the accounts of a batch.
async fn locked(tx: &mut Tx, ids: impl Iterator<Item = AccountId>) -> Result<BTreeMap<AccountId, Account>, Failure> {
    let ids: BTreeSet<AccountId> = ids.collect();
    Ok(load::accounts(tx.conn(), &ids).await?)
}

/// A record whose key is not its message's: its order among the account's messages is not certain.
fn key_is_right<M: Message>(incoming: &Incoming<M>) -> Result<(), Rejection> {
    if incoming.key == incoming.message.key() {
        return Ok(());
    }
    Err(Rejection::new(
        "key",
        "the record's key is not the id of the message's account",
    ))
}

/// What every fact must agree on with its account.
fn agrees(account: &Account, creditor: CreditorId, currency: Option<Currency>) -> Result<(), Rejection> {
    if account.creditor_id != creditor {
        return Err(Rejection::new("creditor-mismatch", "the account is another creditor's"));
    }
    match currency.filter(|currency| *currency != account.currency) {
        Some(other) => {
            let detail = format!("an amount in {other} on an account in {}", account.currency);
            Err(Rejection::new("currency-mismatch", detail))
        }
        None => Ok(()),
    }
}

/// The outcomes of a batch, in order: those decided before settling, else by whether the account's fact was rejected.
fn outcomes(before: Vec<(AccountId, Option<Outcome>)>, mut rejected: BTreeMap<AccountId, Rejection>) -> Vec<Outcome> {
    let outcome = |(account_id, outcome): (AccountId, Option<Outcome>)| {
        outcome.unwrap_or_else(|| rejected.remove(&account_id).map_or(Outcome::Done, Outcome::Reject))
    };
    before.into_iter().map(outcome).collect()
}
