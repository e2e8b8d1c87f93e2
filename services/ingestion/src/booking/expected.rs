//! What accounts may expect: told when provisional money names one by an exact reference, ended with a reason. Settles
//! nothing.

use std::collections::BTreeMap;

use contracts::{ExpectationEnded, FundsExpected};
use kernel::{AccountId, CreditorId, InvoiceId, PaymentId, Timestamp};
use runtime::{Failure, Tx};
use uuid::Uuid;

use super::{Incoming, Session, business_date, calendar, currency};
use crate::domain::identify::Share;
use crate::store::expectations::{self, Expectation};
use crate::store::provisional::{self, End};
use crate::store::{derived_id, join, split};
use crate::tasks;

/// Provisional money that is for somebody.
#[derive(Clone, Debug)]
pub struct Foreseen<'a> {
    /// The provisional money.
    pub pending_id: Uuid,
    /// How often it had ended before.
    pub reopened: i32,
    /// As it is told.
    pub item: &'a Incoming,
    /// Whose it is.
    pub shares: &'a [Share],
}

/// Keeps and tells what is expected and was not before.
///
/// # Errors
/// When the database does not answer.
pub async fn expect(tx: &mut Tx, session: &mut Session, foreseen: &[Foreseen<'_>]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut events = Vec::new();
    for one in foreseen {
        for share in one.shares {
            let row = row(one, share)?;
            events.push((row.expectation_id, event(&row, share, one)?));
            rows.push(row);
        }
    }
    let new = expectations::expect(tx.conn(), &rows).await?;
    for (_, event) in events.into_iter().filter(|(id, _)| new.contains(id)) {
        session.expected(event);
    }
    Ok(())
}

fn row(one: &Foreseen<'_>, share: &Share) -> Result<Expectation, Failure> {
    let (item, account) = (one.item, share.account_id);
    let parts = [
        one.pending_id.to_string(),
        account.to_string(),
        one.reopened.to_string(),
    ];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Ok(Expectation {
        expectation_id: derived_id("expectation", &parts),
        pending_id: one.pending_id,
        account_id: account.as_uuid(),
        creditor_id: item.collector.creditor_id.as_uuid(),
        calendar: item.collector.calendar.clone(),
        channel: item.channel.to_owned(),
        collector: item.collector.name.clone(),
        currency: item.money.currency().code().to_owned(),
        amount_minor: share.amount_minor,
        expected_on: item.booked_on.unwrap_or(item.value_on).naive(),
        invoice_ids: join(&share.invoice_ids.iter().map(InvoiceId::to_string).collect::<Vec<_>>()),
        evidence: serde_json::to_string(&share.evidence)?,
        raw_id: item.raw_id,
        expected_at: item.received_at.utc(),
        end_reason: None,
        payment_id: None,
    })
}

fn event(row: &Expectation, share: &Share, one: &Foreseen<'_>) -> Result<FundsExpected, Failure> {
    Ok(FundsExpected {
        expectation_id: row.expectation_id.to_string(),
        creditor_id: one.item.collector.creditor_id,
        account_id: share.account_id,
        calendar: calendar(&row.calendar)?,
        channel: row.channel.clone(),
        collector: row.collector.clone(),
        currency: one.item.money.currency(),
        amount_minor: row.amount_minor,
        expected_on: Some(business_date(row.expected_on)?),
        invoice_ids: share.invoice_ids.clone(),
        evidence: share.evidence.clone(),
        raw_sha256: one.item.raw_sha256.to_string(),
        expected_at: one.item.received_at,
    })
}

/// Ends provisional money, and tells the accounts that expected something of it; gives what they expected.
///
/// # Errors
/// When the database does not answer.
pub async fn end(tx: &mut Tx, session: &mut Session, ends: &[End], at: Timestamp) -> Result<Vec<Expectation>, Failure> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ends.iter().map(|end| end.pending_id).collect();
    let doubts = provisional::doubts_of(tx.conn(), &ids).await?;
    if !doubts.is_empty() {
        tasks::close(tx, &doubts, "superseded", None, at).await?;
    }
    let all = provisional::end(tx.conn(), ends, at.utc()).await?;
    for ended in all.iter().cloned() {
        session.expectation_ended(ExpectationEnded {
            expectation_id: ended.expectation_id.to_string(),
            creditor_id: CreditorId::from_uuid(ended.creditor_id),
            account_id: AccountId::from_uuid(ended.account_id),
            calendar: calendar(&ended.calendar)?,
            currency: currency(&ended.currency)?,
            amount_minor: ended.amount_minor,
            reason: ended.end_reason.unwrap_or_default(),
            payment_id: ended.payment_id.map(PaymentId::from_uuid),
            ended_at: at,
        });
    }
    Ok(all)
}

/// What was expected of money that is booked now, by payment: shares as exact references named them.
///
/// # Errors
/// When a row does not say why.
pub fn shares_of(ended: Vec<Expectation>) -> Result<BTreeMap<Uuid, Vec<Share>>, Failure> {
    let mut shares: BTreeMap<Uuid, Vec<Share>> = BTreeMap::new();
    for one in ended {
        let Some(payment) = one.payment_id else { continue };
        shares.entry(payment).or_default().push(Share {
            account_id: AccountId::from_uuid(one.account_id),
            amount_minor: one.amount_minor,
            invoice_ids: split(&one.invoice_ids)
                .iter()
                .filter_map(|invoice| invoice.parse().ok())
                .collect(),
            evidence: serde_json::from_str(&one.evidence)?,
        });
    }
    Ok(shares)
}
