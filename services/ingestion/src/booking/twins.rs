//! The same money told by a provider and by a bank: each looks for what the other told, under the provider stripes.

use std::collections::{BTreeMap, BTreeSet};

use runtime::{Bulk, Failure, Tx};
use uuid::Uuid;

use super::Session;
use super::incoming::{Incoming, Looked, searchable};
use crate::store::{deposits, payments};

/// For each item the payment of the other channel that is the same money: it names the same order or transaction, with the
/// same amount, currency and creditor. A payment has one twin at most. Beside them the payments of banks that a confirmation meets by its amount alone.
pub(super) async fn find_twins(
    tx: &mut Tx,
    items: &[Incoming],
    looked: &[Looked],
) -> Result<(Vec<Option<Uuid>>, BTreeSet<Uuid>), Failure> {
    let mut twins = vec![None; items.len()];
    // A confirmation looks for bank entries, a bank entry for confirmations.
    let (confirmed, banked): (Vec<_>, Vec<_>) = items.iter().zip(looked).partition(|(item, _)| item.provider.is_some());
    let names = |of: &[(&Incoming, &Looked)]| -> Vec<i64> {
        let by_amount = |item: &Incoming, looked: &Looked| looked.doubt.filter(|_| item.provider.is_some());
        let all = of
            .iter()
            .map(|(item, looked)| (&looked.provider, by_amount(item, looked)));
        let all: BTreeSet<i64> = all
            .flat_map(|(names, amount)| names.iter().copied().chain(amount))
            .collect();
        all.into_iter().collect()
    };
    let (by_confirmations, by_banks) = (names(&confirmed), names(&banked));
    if by_confirmations.is_empty() && by_banks.is_empty() {
        return Ok((twins, BTreeSet::new()));
    }
    let ids: Vec<Uuid> = items.iter().map(|item| item.payment_id.as_uuid()).collect();
    let before = payments::booked_before(tx.conn(), &ids).await?;
    let at_providers = payments::provider_twins(tx.conn(), &by_banks).await?;
    let at_banks = payments::bank_twins(tx.conn(), &by_confirmations).await?;
    let mut used = BTreeSet::new();
    let mut crossed: BTreeMap<Uuid, Uuid> = BTreeMap::new();
    for ((item, looked), twin) in items.iter().zip(looked).zip(&mut twins) {
        let id = item.payment_id.as_uuid();
        if let Some(payment) = before.crossed.get(&id) {
            *twin = Some(*payment);
            continue;
        }
        if before.booked.contains(&id) {
            continue;
        }
        let others = if item.provider.is_some() {
            &at_banks
        } else {
            &at_providers
        };
        *twin = others
            .iter()
            .find(|other| !used.contains(&other.payment_id) && is_twin(item, looked, other))
            .map(|other| other.payment_id);
        if let Some(payment) = *twin {
            used.insert(payment);
            if item.provider.is_none() {
                crossed.insert(payment, id);
            }
        }
    }
    let won = payments::cross(tx.conn(), &crossed).await?;
    for twin in &mut twins {
        if twin.is_some_and(|payment| crossed.contains_key(&payment) && !won.contains(&payment)) {
            *twin = None;
        }
    }
    Ok((twins, met_by_amount(looked, &at_banks, &used)))
}

fn met_by_amount(looked: &[Looked], at_banks: &[payments::Twin], used: &BTreeSet<Uuid>) -> BTreeSet<Uuid> {
    let by_amount: BTreeSet<i64> = looked.iter().filter_map(|looked| looked.doubt).collect();
    let met = at_banks
        .iter()
        .filter(|other| by_amount.contains(&other.token_hash) && !used.contains(&other.payment_id));
    met.map(|other| other.payment_id).collect()
}

fn is_twin(item: &Incoming, looked: &Looked, other: &payments::Twin) -> bool {
    other.creditor_id == item.creditor().as_uuid()
        && other.currency == item.money.currency().code()
        && other.amount_minor == item.money.minor()
        && looked.provider.contains(&other.token_hash)
}

/// Notes under which provider names each payment may be met again.
pub(super) fn note_names(bulk: &mut Bulk, items: &[Incoming], looked: &[Looked], booked: &[Uuid]) {
    let mut mentions = BTreeSet::new();
    let mut orders = BTreeSet::new();
    for ((item, looked), payment) in items.iter().zip(looked).zip(booked) {
        let names = looked.provider.iter().map(|hash| (*hash, *payment));
        if item.provider.is_some() {
            orders.extend(names);
        } else if *payment == item.payment_id.as_uuid() {
            mentions.extend(names.chain(looked.doubt.map(|hash| (hash, *payment))));
        }
    }
    payments::add_mentions(bulk, &mentions);
    payments::add_orders(bulk, &orders);
}

/// A confirmation of money that the bank brought first: its references may say whose the deposit is.
pub(super) async fn claim_twins(
    tx: &mut Tx,
    session: &mut Session,
    items: &[Incoming],
    looked: &[Looked],
    twins: &[Option<Uuid>],
) -> Result<(), Failure> {
    let mut ids = BTreeSet::new();
    let mut at = None;
    for ((item, looked), twin) in items.iter().zip(looked).zip(twins) {
        let (Some(payment), Some(_)) = (twin, &item.provider) else {
            continue;
        };
        if deposits::lock(tx.conn(), &BTreeSet::from([*payment])).await?.is_empty() {
            continue;
        }
        deposits::set_searchable(
            tx.conn(),
            *payment,
            item.creditor().as_uuid(),
            &searchable(item, looked),
        )
        .await?;
        ids.insert(*payment);
        at = at.max(Some(item.received_at));
    }
    match at {
        Some(at) => super::claim(tx, session, &ids, at).await.map(|_| ()),
        None => Ok(()),
    }
}
