//! Deposits that are claimed later: by a reference that came after the money, by a known payer, by a person.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use contracts::Evidence;
use kernel::{AccountId, InvoiceId, Timestamp};
use runtime::{Failure, Tx};
use uuid::Uuid;

use super::incoming::matches;
use super::session::{By, by_person};
use super::{Session, currency};
use crate::domain::identify::{Reason, Share, identify};
use crate::domain::ledger::Kind;
use crate::domain::tokens::candidates;
use crate::store::deposits::{self, Deposit};
use crate::store::{payments, references};

/// Decides these deposits again by the references that are registered now; gives how many were assigned something.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(tx: &mut Tx, session: &mut Session, ids: &BTreeSet<Uuid>, at: Timestamp) -> Result<usize, Failure> {
    let open = deposits::lock(tx.conn(), ids).await?;
    if open.is_empty() {
        return Ok(0);
    }
    let keys: Vec<Uuid> = open.iter().map(|deposit| deposit.payment_id).collect();
    let texts = deposits::texts(tx.conn(), &keys).await?;
    let hashes: Vec<i64> = texts.values().flat_map(|texts| texts.tokens.iter().copied()).collect();
    let targets = references::targets(tx.conn(), &hashes).await?;
    let earlier = deposits::earlier(tx.conn(), &keys).await?;
    let mut decided = Vec::new();
    // A payout is nobody's by what its text says: its payments were counted when they were confirmed.
    for deposit in open.iter().filter(|deposit| Kind::of(&deposit.kind) == Kind::Payment) {
        let Some(texts) = texts.get(&deposit.payment_id) else {
            continue;
        };
        let structured: Vec<&str> = texts.structured.iter().map(String::as_str).collect();
        let free: Vec<&str> = texts.free_text.iter().map(String::as_str).collect();
        let candidates = candidates(&structured, &free);
        let matches = matches(&candidates, deposit.creditor(), currency(&deposit.currency)?, &targets);
        let done = earlier.invoices.get(&deposit.payment_id).cloned().unwrap_or_default();
        let shares = identify(deposit.remaining_minor, &matches, &done).shares;
        // A reference that an earlier share was for names nothing new.
        let shares: Vec<Share> = shares
            .into_iter()
            .filter(|share| is_news(share, &earlier, deposit))
            .collect();
        if !shares.is_empty() {
            decided.push((deposit, shares));
        }
    }
    let count = decided.len();
    take(tx, session, &decided, &earlier, at, None).await?;
    Ok(count)
}

/// An account without a new invoice that had its part of this payment already claims nothing more.
fn is_news(share: &Share, earlier: &deposits::Earlier, deposit: &Deposit) -> bool {
    !share.invoice_ids.is_empty() || !earlier.counts.contains_key(&(deposit.payment_id, share.account_id))
}

/// Takes the shares out of the locked deposits and books them.
async fn take(
    tx: &mut Tx,
    session: &mut Session,
    decided: &[(&Deposit, Vec<Share>)],
    earlier: &deposits::Earlier,
    at: Timestamp,
    by: Option<&By>,
) -> Result<(), Failure> {
    if decided.is_empty() {
        return Ok(());
    }
    let taken: BTreeMap<Uuid, i64> = decided
        .iter()
        .map(|(deposit, shares)| (deposit.payment_id, shares.iter().map(|share| share.amount_minor).sum()))
        .collect();
    if !deposits::take(tx.conn(), &taken).await? {
        return Err(anyhow::anyhow!("a locked deposit had less left than it said").into());
    }
    let keys: Vec<Uuid> = taken.keys().copied().collect();
    let payments = payments::known(tx.conn(), &keys).await?;
    for (deposit, shares) in decided {
        let payment = payments
            .get(&deposit.payment_id)
            .ok_or_else(|| anyhow::anyhow!("a deposit without its payment"))?;
        for share in shares {
            let n = earlier
                .counts
                .get(&(deposit.payment_id, share.account_id))
                .copied()
                .unwrap_or(0);
            session.claimed(payment, share, n, at, by)?;
        }
    }
    Ok(())
}

/// One page of the matching before the marker: deposits whose payer is known to pay for one account. Gives where the next
/// page begins, `None` at the end.
///
/// # Errors
/// When the database does not answer.
pub async fn known_payers(
    tx: &mut Tx,
    session: &mut Session,
    calendar: &str,
    after: (NaiveDate, Uuid),
    limit: i64,
    at: Timestamp,
) -> Result<Option<(NaiveDate, Uuid)>, Failure> {
    let page = deposits::page_of_known_payers(tx.conn(), calendar, after, limit).await?;
    let Some((last_on, last, _)) = page.last().copied() else {
        return Ok(None);
    };
    let accounts: BTreeMap<Uuid, AccountId> = page
        .iter()
        .map(|(_, payment, account)| (*payment, AccountId::from_uuid(*account)))
        .collect();
    let open = deposits::lock(tx.conn(), &accounts.keys().copied().collect()).await?;
    let keys: Vec<Uuid> = accounts.keys().copied().collect();
    let earlier = deposits::earlier(tx.conn(), &keys).await?;
    let decided: Vec<(&Deposit, Vec<Share>)> = open
        .iter()
        .filter(|deposit| deposit.inferable)
        .filter_map(|deposit| Some((deposit, vec![inferred(deposit, *accounts.get(&deposit.payment_id)?)])))
        .collect();
    take(tx, session, &decided, &earlier, at, None).await?;
    let full = i64::try_from(page.len()).is_ok_and(|found| found >= limit);
    Ok(full.then_some((last_on, last)))
}

fn inferred(deposit: &Deposit, account_id: AccountId) -> Share {
    let masked: String = deposit
        .payer_key
        .iter()
        .flat_map(|key| key.chars().take(8))
        .chain("…".chars())
        .collect();
    let evidence = Evidence {
        rule: "known_payer".to_owned(),
        reference: masked,
        invoice_id: None,
        strength: "inferred".to_owned(),
    };
    Share {
        account_id,
        amount_minor: deposit.remaining_minor,
        invoice_ids: Vec::new(),
        evidence: vec![evidence],
    }
}

/// A person's decision about a part of a deposit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decided {
    /// The account.
    pub account_id: AccountId,
    /// Positive.
    pub amount_minor: i64,
    /// Invoices meant.
    pub invoice_ids: Vec<InvoiceId>,
}

/// Books a person's decision about a locked deposit; the caller has checked it. `payment` is the deposit's.
///
/// # Errors
/// When the database does not answer.
pub async fn assign(
    tx: &mut Tx,
    session: &mut Session,
    deposit: &Deposit,
    parts: &[Decided],
    (subject, reason): (&str, &str),
    at: Timestamp,
) -> Result<(), Failure> {
    let earlier = deposits::earlier(tx.conn(), &[deposit.payment_id]).await?;
    let shares = parts
        .iter()
        .map(|part| {
            let mut evidence: Vec<Evidence> = part
                .invoice_ids
                .iter()
                .map(|invoice| by_person(subject, Some(*invoice)))
                .collect();
            if evidence.is_empty() {
                evidence.push(by_person(subject, None));
            }
            Share {
                account_id: part.account_id,
                amount_minor: part.amount_minor,
                invoice_ids: part.invoice_ids.clone(),
                evidence,
            }
        })
        .collect();
    let by = By {
        subject: subject.to_owned(),
        reason: reason.to_owned(),
    };
    take(tx, session, &[(deposit, shares)], &earlier, at, Some(&by)).await
}

/// Splits what is left of a batch that was booked as one sum by what is told of its payments, each with its evidence. Accounts
/// that had a part of it before get none again. `false` where less is left than that, and nothing is booked.
///
/// # Errors
/// When the database does not answer.
pub async fn split(
    tx: &mut Tx,
    session: &mut Session,
    batch: Uuid,
    told: Vec<Share>,
    at: Timestamp,
) -> Result<bool, Failure> {
    let open = deposits::lock(tx.conn(), &BTreeSet::from([batch])).await?;
    let Some(deposit) = open.first() else {
        return Ok(false);
    };
    let earlier = deposits::earlier(tx.conn(), &[batch]).await?;
    let mut shares: BTreeMap<AccountId, Share> = BTreeMap::new();
    for share in told {
        if earlier.counts.contains_key(&(batch, share.account_id)) {
            continue;
        }
        let Some(one) = shares.get_mut(&share.account_id) else {
            shares.insert(share.account_id, share);
            continue;
        };
        one.amount_minor = one.amount_minor.saturating_add(share.amount_minor);
        let invoices: Vec<InvoiceId> = share.invoice_ids;
        one.invoice_ids.extend(invoices);
        one.evidence.extend(share.evidence);
    }
    let total: i128 = shares.values().map(|share| i128::from(share.amount_minor)).sum();
    if total > i128::from(deposit.remaining_minor) {
        return Ok(false);
    }
    let decided = [(deposit, shares.into_values().collect())];
    take(tx, session, &decided, &earlier, at, None).await?;
    Ok(true)
}

/// Another sighting of these payments says by exact references whose they are: those of which nothing was assigned yet go
/// to the accounts that it names.
///
/// # Errors
/// When the database does not answer.
pub async fn explain(
    tx: &mut Tx,
    session: &mut Session,
    told: BTreeMap<Uuid, Vec<Share>>,
    at: Timestamp,
) -> Result<(), Failure> {
    let ids: BTreeSet<Uuid> = told
        .iter()
        .filter(|(_, shares)| !shares.is_empty())
        .map(|(id, _)| *id)
        .collect();
    let open = deposits::lock(tx.conn(), &ids).await?;
    let fits = |deposit: &Deposit, shares: &[Share]| {
        let sum: i128 = shares.iter().map(|share| i128::from(share.amount_minor)).sum();
        let untouched = deposit.remaining_minor == deposit.amount_minor;
        // A batch is split by all that is told of it, or not at all.
        let single = deposit.reason != Reason::Batch.word();
        Kind::of(&deposit.kind) == Kind::Payment && untouched && single && sum <= i128::from(deposit.remaining_minor)
    };
    let decided: Vec<(&Deposit, Vec<Share>)> = open
        .iter()
        .filter_map(|deposit| Some((deposit, told.get(&deposit.payment_id)?)))
        .filter(|(deposit, shares)| fits(deposit, shares))
        .map(|(deposit, shares)| (deposit, shares.clone()))
        .collect();
    let keys: Vec<Uuid> = decided.iter().map(|(deposit, _)| deposit.payment_id).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let earlier = deposits::earlier(tx.conn(), &keys).await?;
    take(tx, session, &decided, &earlier, at, None).await
}
