//! Money that ingestion assigns to accounts, and takes away again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use contracts::{FundsAssigned, FundsWithdrawn};
use kernel::{AccountId, FundsId};
use runtime::{Failure, Handle, Incoming, Outcome, Rejection, Stakes, Tx};
use uuid::Uuid;

use super::{agrees, key_is_right, locked, outcomes};
use crate::domain::fact::{Body, Received, Withdrawn};
use crate::domain::policy::Policy;
use crate::domain::position::Funds;
use crate::settle::{self, Arrival};
use crate::store::{Account, load};

/// Funds settle items at once; what is left is credit.
#[derive(Clone)]
pub(crate) struct AllocateFunds {
    pub policy: Arc<Policy>,
}

/// Funds that are known, with their account.
type Known = BTreeMap<FundsId, (AccountId, Funds)>;

#[async_trait]
impl Handle<FundsAssigned> for AllocateFunds {
    async fn handle(&self, batch: &[Incoming<FundsAssigned>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let accounts = locked(tx, batch.iter().map(|incoming| incoming.message.account_id)).await?;
        let ids = batch
            .iter()
            .map(|incoming| incoming.message.funds_id.as_uuid())
            .collect();
        let known = load::funds_by_id(tx.conn(), ids).await?;
        let (mut before, mut arrivals) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for incoming in batch {
            let account_id = incoming.message.account_id;
            let outcome = match accounts.get(&account_id) {
                None => Some(Outcome::Wait),
                Some(account) => match assigned(incoming, account, &known) {
                    Err(rejection) => Some(Outcome::Reject(rejection)),
                    Ok(None) => Some(Outcome::Done),
                    Ok(Some(body)) => {
                        arrivals.push(Arrival {
                            account_id,
                            cause: incoming.id,
                            at: incoming.time,
                            body,
                        });
                        None
                    }
                },
            };
            before.push((account_id, outcome));
        }
        let rejected = settle::arrivals(tx, &self.policy, &accounts, arrivals).await?;
        Ok(outcomes(before, rejected))
    }

    fn stakes(&self, message: &FundsAssigned) -> Option<Stakes> {
        let (calendar, currency) = (message.calendar.to_string(), message.currency);
        Some(Stakes {
            calendar,
            currency,
            amount_minor: message.amount_minor,
        })
    }
}

/// The fact; `None` when these funds are known already.
fn assigned(incoming: &Incoming<FundsAssigned>, account: &Account, known: &Known) -> Result<Option<Body>, Rejection> {
    let message = &incoming.message;
    key_is_right(incoming)?;
    agrees(account, message.creditor_id, Some(message.currency))?;
    positive(message.amount_minor)?;
    if let Some((account_id, funds)) = known.get(&message.funds_id) {
        let same = *account_id == message.account_id && funds.assigned_minor == message.amount_minor;
        let changed = || {
            Rejection::new(
                "funds-changed",
                "these funds were assigned before with another amount or account",
            )
        };
        return if same { Ok(None) } else { Err(changed()) };
    }
    Ok(Some(Body::Funds(Received {
        funds_id: message.funds_id,
        payment_id: message.payment_id,
        amount_minor: message.amount_minor,
        value_on: message.value_on,
        named: message.invoice_ids.clone(),
        evidence: message.evidence.clone(),
    })))
}

#[async_trait]
impl Handle<FundsWithdrawn> for AllocateFunds {
    async fn handle(&self, batch: &[Incoming<FundsWithdrawn>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let accounts = locked(tx, batch.iter().map(|incoming| incoming.message.account_id)).await?;
        let ids = batch
            .iter()
            .map(|incoming| incoming.message.funds_id.as_uuid())
            .collect();
        let known = load::funds_by_id(tx.conn(), ids).await?;
        let account_ids = accounts.keys().map(AccountId::as_uuid).collect();
        let withdrawals = batch
            .iter()
            .filter_map(|incoming| incoming.message.withdrawal_id.parse().ok())
            .collect();
        let done = load::known_withdrawals(tx.conn(), account_ids, withdrawals).await?;
        let (mut before, mut arrivals) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for incoming in batch {
            let account_id = incoming.message.account_id;
            let outcome = match accounts.get(&account_id) {
                None => Some(Outcome::Wait),
                Some(account) => match withdrawn(incoming, account, &known, &done) {
                    Err(rejection) => Some(Outcome::Reject(rejection)),
                    Ok(None) => Some(Outcome::Done),
                    Ok(Some(body)) => {
                        arrivals.push(Arrival {
                            account_id,
                            cause: incoming.id,
                            at: incoming.time,
                            body,
                        });
                        None
                    }
                },
            };
            before.push((account_id, outcome));
        }
        let rejected = settle::arrivals(tx, &self.policy, &accounts, arrivals).await?;
        Ok(outcomes(before, rejected))
    }

    fn stakes(&self, message: &FundsWithdrawn) -> Option<Stakes> {
        let (calendar, currency) = (message.calendar.to_string(), message.currency);
        Some(Stakes {
            calendar,
            currency,
            amount_minor: message.amount_minor.saturating_neg(),
        })
    }
}

/// The fact; `None` when this withdrawal is known already.
fn withdrawn(
    incoming: &Incoming<FundsWithdrawn>,
    account: &Account,
    known: &Known,
    done: &BTreeSet<Uuid>,
) -> Result<Option<Body>, Rejection> {
    let message = &incoming.message;
    key_is_right(incoming)?;
    agrees(account, message.creditor_id, Some(message.currency))?;
    positive(message.amount_minor)?;
    let withdrawal_id: Uuid = message
        .withdrawal_id
        .parse()
        .map_err(|_| Rejection::new("withdrawal-id", "the withdrawal's id is no UUID"))?;
    if done.contains(&withdrawal_id) {
        return Ok(None);
    }
    let funds = known
        .get(&message.funds_id)
        .filter(|(account_id, _)| *account_id == message.account_id);
    let (_, funds) =
        funds.ok_or_else(|| Rejection::new("unknown-funds", "these funds were never assigned to this account"))?;
    let left = funds.assigned_minor.saturating_sub(funds.withdrawn_minor);
    if message.amount_minor > left {
        let detail = format!(
            "{} minor units are withdrawn where {left} are left",
            message.amount_minor
        );
        return Err(Rejection::new("withdrawn-beyond-assigned", detail));
    }
    Ok(Some(Body::Withdrawal(Withdrawn {
        withdrawal_id: withdrawal_id.hyphenated().to_string(),
        funds_id: message.funds_id,
        amount_minor: message.amount_minor,
        value_on: message.value_on,
        reason: message.reason.clone(),
    })))
}

fn positive(amount_minor: i64) -> Result<(), Rejection> {
    if amount_minor > 0 {
        return Ok(());
    }
    Err(Rejection::new(
        "amount-not-positive",
        format!("an amount of {amount_minor} minor units: it must be positive"),
    ))
}
