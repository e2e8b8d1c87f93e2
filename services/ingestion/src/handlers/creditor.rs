//! Creditors: their bank accounts and merchants.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::CreditorRegistered;
use runtime::{Failure, Handle, Incoming, Outcome, Rejection, Tx};

use crate::domain::tokens::normalise;
use crate::import::{WAKE_STATEMENTS, WAKE_WEBHOOKS};
use crate::store::{raw, registry};

/// Takes a creditor over, and tries again what was quarantined because its collectors were not known.
pub struct RegisterCreditor;

#[async_trait]
impl Handle<CreditorRegistered> for RegisterCreditor {
    async fn handle(&self, batch: &[Incoming<CreditorRegistered>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for incoming in batch {
            outcomes.push(register(&incoming.message, tx).await?);
        }
        Ok(outcomes)
    }
}

async fn register(creditor: &CreditorRegistered, tx: &mut Tx) -> Result<Outcome, Failure> {
    let foreign = registry::foreign_collectors(tx.conn(), creditor).await?;
    if !foreign.is_empty() {
        let detail = format!(
            "{} bank accounts or merchants of {} are another creditor's",
            foreign.len(),
            creditor.code
        );
        return Ok(Outcome::Reject(Rejection::new("collector-of-another-creditor", detail)));
    }
    if !registry::upsert_creditor(tx.conn(), creditor).await? {
        return Ok(Outcome::Done);
    }
    let numbers: Vec<String> = creditor
        .bank_accounts
        .iter()
        .map(|account| normalise(&account.number))
        .collect();
    let sources: Vec<String> = creditor
        .merchants
        .iter()
        .map(|m| format!("{}:{}", m.provider, m.merchant_id))
        .collect();
    if raw::reopen_unknown(tx.conn(), &numbers, &sources).await? > 0 {
        let ctx = tx.context().clone();
        for name in [WAKE_STATEMENTS, WAKE_WEBHOOKS] {
            Arc::clone(&ctx.wake(name)).notify_one();
        }
    }
    Ok(Outcome::Done)
}
