//! What billing and ingestion say of creditors and accounts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use contracts::{
    AccountChanged, AccountClosed, AccountFreed, AccountImpeded, AccountOpened, CreditorRegistered, Message,
};
use kernel::AccountId;
use runtime::{Failure, Handle, Incoming, Outcome, Rejection, Tx};

use super::{key_is_right, locked};
use crate::store::{Account, registry};

/// Creditors, for their codes: tokens name creditors by code.
pub(crate) struct Creditors;

#[async_trait]
impl Handle<CreditorRegistered> for Creditors {
    async fn handle(&self, batch: &[Incoming<CreditorRegistered>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let creditors: Vec<&CreditorRegistered> = batch.iter().map(|incoming| &incoming.message).collect();
        registry::creditors(tx.conn(), &creditors).await?;
        Ok(vec![Outcome::Done; batch.len()])
    }
}

/// Accounts; facts that wait for one are released when it comes.
pub(crate) struct Accounts;

#[async_trait]
impl Handle<AccountOpened> for Accounts {
    async fn handle(&self, batch: &[Incoming<AccountOpened>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        upsert(batch, tx).await
    }
}

#[async_trait]
impl Handle<AccountChanged> for Accounts {
    async fn handle(&self, batch: &[Incoming<AccountChanged>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        upsert(batch, tx).await
    }
}

async fn upsert<M: Message + Into<AccountOpened>>(batch: &[Incoming<M>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
    let told: Vec<AccountOpened> = batch.iter().map(|incoming| incoming.message.clone().into()).collect();
    let known = locked(tx, told.iter().map(|account| account.account_id)).await?;
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut newer = Vec::new();
    for (incoming, account) in batch.iter().zip(told) {
        let checked = key_is_right(incoming).and_then(|()| unchanged(&known, &account));
        match checked {
            Err(rejection) => outcomes.push(Outcome::Reject(rejection)),
            Ok(()) => {
                outcomes.push(Outcome::Done);
                if known
                    .get(&account.account_id)
                    .is_none_or(|known| known.version < account.version)
                {
                    let partition = i32::try_from(incoming.partition).map_err(Failure::new)?;
                    newer.push((partition, account));
                }
            }
        }
    }
    if !newer.is_empty() {
        registry::accounts(tx.conn(), &newer).await?;
    }
    for (_, account) in newer {
        if !known.contains_key(&account.account_id) {
            tx.release(account.account_id.into());
        }
    }
    Ok(outcomes)
}

/// What an account never changes.
fn unchanged(known: &BTreeMap<AccountId, Account>, told: &AccountOpened) -> Result<(), Rejection> {
    let Some(known) = known.get(&told.account_id) else {
        return Ok(());
    };
    if known.currency != told.currency {
        let detail = format!("the account is in {}, now told {}", known.currency, told.currency);
        return Err(Rejection::new("currency-changed", detail));
    }
    if known.creditor_id != told.creditor_id {
        return Err(Rejection::new("creditor-changed", "the account is another creditor's"));
    }
    Ok(())
}

#[async_trait]
impl Handle<AccountClosed> for Accounts {
    async fn handle(&self, batch: &[Incoming<AccountClosed>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let known = locked(tx, batch.iter().map(|incoming| incoming.message.account_id)).await?;
        let outcome = |incoming: &Incoming<AccountClosed>| match known.get(&incoming.message.account_id) {
            Some(_) => Outcome::Done,
            None => Outcome::Reject(Rejection::new(
                "unknown-account",
                "an account ends that was never opened",
            )),
        };
        let closed: Vec<&AccountClosed> = batch.iter().map(|incoming| &incoming.message).collect();
        registry::closed(tx.conn(), &closed).await?;
        Ok(batch.iter().map(outcome).collect())
    }
}

/// What ingestion says of accounts that it cannot serve: shown beside the account.
pub(crate) struct Impediments;

#[async_trait]
impl Handle<AccountImpeded> for Impediments {
    async fn handle(&self, batch: &[Incoming<AccountImpeded>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let impeded: Vec<&AccountImpeded> = batch.iter().map(|incoming| &incoming.message).collect();
        registry::impeded(tx.conn(), &impeded).await?;
        Ok(vec![Outcome::Done; batch.len()])
    }
}

#[async_trait]
impl Handle<AccountFreed> for Impediments {
    async fn handle(&self, batch: &[Incoming<AccountFreed>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let freed: Vec<&AccountFreed> = batch.iter().map(|incoming| &incoming.message).collect();
        registry::freed(tx.conn(), &freed).await?;
        Ok(vec![Outcome::Done; batch.len()])
    }
}
