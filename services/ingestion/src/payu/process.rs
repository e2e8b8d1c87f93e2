//! What becomes of stored confirmations: the background task books them in batches, right after they were acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use contracts::PaymentAttemptFailed;
use kernel::{Money, PaymentId, Timestamp};
use runtime::{Context, Failure, Scope, Tx};
use uuid::Uuid;

use super::{PROVIDER, read_form};
use crate::booking::{Incoming, ProviderRefs, Session, book_payments};
use crate::config::Config;
use crate::domain::payu::{Confirmation, State, Step, step};
use crate::store::payu::{self, Transaction};
use crate::store::raw::{self, Raw};
use crate::store::registry::{self, Collector};

/// A confirmation on its way.
struct Item {
    raw: Raw,
    confirmation: Confirmation,
    collector: Arc<Collector>,
    money: Money,
    state: State,
}

/// Merchant and transaction.
type Key = (String, String);

impl Item {
    fn key(&self) -> Key {
        (
            self.confirmation.merchant_id.clone(),
            self.confirmation.transaction_id.clone(),
        )
    }

    fn own_payment(&self) -> PaymentId {
        PaymentId::derive(
            PROVIDER,
            &format!("{}|{}", self.confirmation.merchant_id, self.confirmation.transaction_id),
        )
    }

    fn received_at(&self) -> Result<Timestamp, Failure> {
        Timestamp::from_utc(self.raw.received_at).map_err(|error| Failure::new(anyhow::Error::new(error)))
    }
}

/// Books at most `limit` stored confirmations; gives how many there were. Others' batches are skipped, not waited for.
///
/// # Errors
/// When the database does not answer; nothing of the batch happened then.
pub async fn process(ctx: &Context, limit: i64) -> Result<usize, Failure> {
    let mut tx = ctx.begin(Scope::Service).await?;
    let waiting = raw::lock_webhooks(tx.conn(), limit).await?;
    if waiting.is_empty() {
        tx.rollback().await?;
        return Ok(0);
    }
    let count = waiting.len();
    let now = ctx.now();
    let mut collectors: HashMap<String, Option<Arc<Collector>>> = HashMap::new();
    let (mut items, mut finished) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (raw, body) in waiting {
        let confirmation = read_form(&body);
        let merchant = confirmation.merchant_id.clone();
        if !collectors.contains_key(&merchant) {
            let found = registry::merchant(tx.conn(), PROVIDER, &merchant).await?;
            collectors.insert(merchant.clone(), found.map(Arc::new));
        }
        let collector = collectors.get(&merchant).cloned().flatten();
        let books_tests = ctx
            .config::<Config>()
            .payu_merchant(&merchant)
            .is_some_and(|merchant| merchant.books_test_transactions);
        match checked(raw.clone(), confirmation, collector, books_tests) {
            Ok(item) => items.push(item),
            Err(reason) => finished.push((raw.raw_id, Some(reason))),
        }
    }
    let mut session = Session::begin(&tx);
    book(&mut tx, &mut session, items, &mut finished, now).await?;
    raw::finish(session.bulk(), &finished, now.utc());
    session.finish(&mut tx).await?;
    tx.commit().await?;
    Ok(count)
}

/// What must hold beside the signature before anything is booked; the reason of the quarantine otherwise.
fn checked(
    raw: Raw,
    confirmation: Confirmation,
    collector: Option<Arc<Collector>>,
    books_tests: bool,
) -> Result<Item, &'static str> {
    let collector = collector.ok_or("unknown-merchant")?;
    let money = confirmation.money()?;
    if money.currency() != collector.currency {
        return Err("not-the-merchants-currency");
    }
    if money.minor() > crate::import::MAX_AMOUNT_MINOR {
        return Err("implausible-amount");
    }
    let state = confirmation.state().ok_or("not-a-final-state")?;
    if let Some(reason) = confirmation.unusable_text() {
        return Err(reason);
    }
    if confirmation.transaction_id.is_empty() {
        return Err("no-transaction-id");
    }
    if confirmation.is_test() && !books_tests {
        return Err("test-transaction");
    }
    Ok(Item {
        raw,
        confirmation,
        collector,
        money,
        state,
    })
}

/// Books what is new of the items, in their order, and says of each how it ended.
async fn book(
    tx: &mut Tx,
    session: &mut Session,
    items: Vec<Item>,
    finished: &mut Vec<(Uuid, Option<&'static str>)>,
    now: Timestamp,
) -> Result<(), Failure> {
    let mut known = known(tx, &items).await?;
    let mut transactions: BTreeMap<Key, Transaction> = BTreeMap::new();
    let mut to_book: Vec<Item> = Vec::new();
    for item in items {
        let key = item.key();
        let step = step(known.get(&key).copied(), item.state, item.money);
        finished.push((item.raw.raw_id, step.contradiction()));
        if step == Step::Fail {
            session.attempt_failed(failed(&item)?);
            let failed = transaction(&item, item.own_payment().as_uuid(), None, now);
            transactions.insert(key.clone(), failed);
        }
        if matches!(step, Step::Book | Step::Fail) {
            known.insert(key, (item.state, item.money));
        }
        if step == Step::Book {
            to_book.push(item);
        }
    }
    let incoming = to_book.iter().map(incoming).collect::<Result<Vec<_>, _>>()?;
    let booked = book_payments(tx, session, &incoming).await?;
    for (item, payment) in to_book.iter().zip(booked.payments) {
        // A payment that is not the transaction's own was brought by the bank before.
        let bank_entry = (payment != item.own_payment().as_uuid()).then_some(payment);
        transactions.insert(item.key(), transaction(item, payment, bank_entry, now));
    }
    payu::put(session.bulk(), transactions.values());
    Ok(())
}

/// What PayU said before of the transactions at hand, their rows locked.
async fn known(tx: &mut Tx, items: &[Item]) -> Result<BTreeMap<Key, (State, Money)>, Failure> {
    let mut by_merchant: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Item { confirmation, .. } in items {
        let of_merchant = by_merchant.entry(&confirmation.merchant_id).or_default();
        of_merchant.insert(&confirmation.transaction_id);
    }
    let mut known = BTreeMap::new();
    for (merchant, transactions) in by_merchant {
        for (transaction, before) in payu::lock(tx.conn(), merchant, &transactions).await? {
            known.insert((merchant.to_owned(), transaction), before);
        }
    }
    Ok(known)
}

fn transaction(item: &Item, payment_id: Uuid, bank_entry_id: Option<Uuid>, now: Timestamp) -> Transaction {
    Transaction {
        merchant_id: item.confirmation.merchant_id.clone(),
        transaction_id: item.confirmation.transaction_id.clone(),
        order_id: item.confirmation.reference_pol.clone(),
        creditor_id: item.collector.creditor_id,
        state: item.state,
        money: item.money,
        payment_id,
        bank_entry_id,
        raw_id: item.raw.raw_id,
        updated_at: now.utc(),
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn failed(item: &Item) -> Result<PaymentAttemptFailed, Failure> {
    Ok(PaymentAttemptFailed {
        payment_id: item.own_payment(),
        creditor_id: item.collector.creditor_id,
        channel: PROVIDER.to_owned(),
        collector: item.collector.name.clone(),
        reference: text(&item.confirmation.reference_sale),
        provider_order: text(&item.confirmation.reference_pol),
        provider_transaction: item.confirmation.transaction_id.clone(),
        state: item.state.word().to_owned(),
        reason: text(&item.confirmation.response),
        currency: item.money.currency(),
        amount_minor: item.money.minor(),
        failed_at: item.received_at()?,
    })
}

fn incoming(item: &Item) -> Result<Incoming, Failure> {
    let confirmation = &item.confirmation;
    let received_at = item.received_at()?;
    let zone: kernel::Tz = item
        .collector
        .time_zone
        .parse()
        .map_err(|_| anyhow::anyhow!("an unknown time zone of a creditor"))?;
    let names = [
        &confirmation.reference_sale,
        &confirmation.reference_pol,
        &confirmation.transaction_id,
    ];
    Ok(Incoming {
        payment_id: item.own_payment(),
        collector: Arc::clone(&item.collector),
        channel: PROVIDER,
        kind: "payment",
        unassignable: None,
        status: "approved",
        money: item.money,
        booked_on: None,
        value_on: confirmation.paid_on().unwrap_or_else(|| received_at.date_in(zone)),
        received_at,
        references: names.into_iter().filter_map(|name| text(name)).collect(),
        payer_key: None,
        payer_name: None,
        payer_account: None,
        remittance: text(&confirmation.description),
        structured: std::iter::once(confirmation.reference_sale.clone())
            .chain(confirmation.extras.iter().cloned())
            .collect(),
        free_text: vec![confirmation.description.clone()],
        raw_id: item.raw.raw_id,
        raw_sha256: Arc::from(item.raw.sha256.as_str()),
        statement_id: item.raw.raw_id,
        entry_no: 0,
        place: String::new(),
        entry_key: item.own_payment().as_uuid(),
        occurrence: 1,
        provider: Some(ProviderRefs {
            order: confirmation.reference_pol.clone(),
            transaction: confirmation.transaction_id.clone(),
        }),
    })
}
