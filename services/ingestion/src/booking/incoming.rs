//! Money that comes in, from whatever source.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kernel::{AccountId, BusinessDate, CreditorId, Money, PaymentId, SightingId, Timestamp};
use runtime::{Failure, Tx};
use uuid::Uuid;

use super::twins::{claim_twins, find_twins, note_names};
use super::{Session, doubts};
use crate::domain::identify::{Identified, Match, Reason, identify};
use crate::domain::payu::hinted;
use crate::domain::tokens::{Candidate, candidates, normalise, shape};
use crate::store::deposits::{Deposit, Searchable};
use crate::store::references::Targets;
use crate::store::registry::Collector;
use crate::store::rows::{PaymentRow, SightingRow};
use crate::store::{self, deposits, join, references, token_hash};

/// A provider's names for a payment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderRefs {
    /// The provider's order.
    pub order: String,
    /// The provider's transaction.
    pub transaction: String,
}

/// Money in, as one document tells it.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// What the payment's id is if it is new money.
    pub payment_id: PaymentId,
    /// Where the money lies.
    pub collector: Arc<Collector>,
    /// `camt053` or `payu-latam`.
    pub channel: &'static str,
    /// `payment` or `settlement`.
    pub kind: &'static str,
    /// Why no reference may decide whose it is; `None` where one may.
    pub unassignable: Option<Reason>,
    /// `booked` or `approved`.
    pub status: &'static str,
    /// Positive.
    pub money: Money,
    /// Booking date.
    pub booked_on: Option<BusinessDate>,
    /// Value date.
    pub value_on: BusinessDate,
    /// When the raw bytes were stored.
    pub received_at: Timestamp,
    /// References as the source gave them.
    pub references: Vec<String>,
    /// Keyed hash of the payer's account.
    pub payer_key: Option<String>,
    /// The payer's name.
    pub payer_name: Option<String>,
    /// The payer's account.
    pub payer_account: Option<String>,
    /// Free text as one.
    pub remittance: Option<String>,
    /// Fields that hold one reference each.
    pub structured: Vec<String>,
    /// Free texts.
    pub free_text: Vec<String>,
    /// The raw item.
    pub raw_id: Uuid,
    /// Its digest.
    pub raw_sha256: Arc<str>,
    /// The statement; of a confirmation the raw item.
    pub statement_id: Uuid,
    /// Number in the statement.
    pub entry_no: i64,
    /// Place in the raw bytes.
    pub place: String,
    /// Key without occurrence.
    pub entry_key: Uuid,
    /// Occurrence.
    pub occurrence: u32,
    /// Of a provider's confirmation.
    pub provider: Option<ProviderRefs>,
}

impl Incoming {
    pub(super) fn creditor(&self) -> CreditorId {
        self.collector.creditor_id
    }

    fn row(&self, segment: i64) -> PaymentRow {
        PaymentRow {
            payment_id: self.payment_id.as_uuid(),
            creditor_id: self.creditor().as_uuid(),
            calendar: self.collector.calendar.clone(),
            segment,
            channel: self.channel.to_owned(),
            collector: self.collector.name.clone(),
            kind: self.kind.to_owned(),
            currency: self.money.currency().code().to_owned(),
            amount_minor: self.money.minor(),
            booked_on: self.booked_on.map(|on| on.naive()),
            value_on: self.value_on.naive(),
            received_at: self.received_at.utc(),
            refs: join(&self.references),
            payer_key: self.payer_key.clone(),
            raw_id: self.raw_id,
            raw_sha256: self.raw_sha256.to_string(),
        }
    }

    fn sighting(&self, payment: Uuid, first: bool, segment: i64) -> SightingRow {
        let id = SightingId::derive(&[&self.statement_id.to_string(), &self.entry_no.to_string()]);
        SightingRow {
            statement_id: self.statement_id,
            entry_no: self.entry_no,
            sighting_id: id.as_uuid(),
            payment_id: payment,
            creditor_id: self.creditor().as_uuid(),
            calendar: self.collector.calendar.clone(),
            segment,
            channel: self.channel.to_owned(),
            collector: self.collector.name.clone(),
            class: "payment".to_owned(),
            status: self.status.to_owned(),
            first,
            currency: self.money.currency().code().to_owned(),
            amount_minor: self.money.minor(),
            booked_on: self.booked_on.map(|on| on.naive()),
            value_on: Some(self.value_on.naive()),
            entry_key: self.entry_key,
            occurrence: i32::try_from(self.occurrence).unwrap_or(i32::MAX),
            refs: join(&self.references),
            raw_id: self.raw_id,
            place: self.place.clone(),
            sighted_at: self.received_at.utc(),
            payer_name: self.payer_name.clone(),
            payer_iban: self.payer_account.clone(),
            remittance: self.remittance.clone(),
        }
    }
}

/// What a call booked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Booked {
    /// New payments.
    pub new: i64,
    /// Money seen again.
    pub seen_again: i64,
    /// The payment that each item turned out to be, in order.
    pub payments: Vec<Uuid>,
    /// Whether this source tells each of them for the first time.
    pub news: Vec<bool>,
    /// The one account that got all of a new payment.
    pub accounts: Vec<Option<AccountId>>,
}

/// The texts of one item, looked at once.
pub(super) struct Looked {
    candidates: Vec<Candidate>,
    /// Hashes of the names under which a provider and a bank may tell of the same money.
    pub(super) provider: Vec<i64>,
    /// Hash under which they meet by amount alone: nothing says that it is the same money, and nothing that it is not.
    pub(super) doubt: Option<i64>,
}

/// Books money in: new money is received and finds its accounts, other money is seen again.
///
/// # Errors
/// When the database does not answer.
pub async fn book_payments(tx: &mut Tx, session: &mut Session, items: &[Incoming]) -> Result<Booked, Failure> {
    if items.is_empty() {
        return Ok(Booked::default());
    }
    let looked: Vec<Looked> = items.iter().map(look).collect();
    let targets = load_targets(tx, items, &looked).await?;
    let provider: BTreeSet<i64> = looked
        .iter()
        .flat_map(|looked| looked.provider.iter().copied())
        .collect();
    store::lock_for_providers(tx.conn(), &provider).await?;
    let (twins, met) = find_twins(tx, items, &looked).await?;
    let mut rows: Vec<PaymentRow> = Vec::new();
    for (item, twin) in items.iter().zip(&twins) {
        if twin.is_none() {
            rows.push(item.row(session.book.segment()));
        }
    }
    rows.sort_by_key(|row| row.payment_id);
    rows.dedup_by_key(|row| row.payment_id);
    let opened_new: BTreeSet<Uuid> = PaymentRow::insert_new(tx.conn(), &rows).await?.into_iter().collect();
    let mut new = opened_new.clone();
    let rows: HashMap<Uuid, PaymentRow> = rows.into_iter().map(|row| (row.payment_id, row)).collect();
    let mut booked = Booked::default();
    let mut opened = Vec::new();
    for ((item, looked), twin) in items.iter().zip(&looked).zip(&twins) {
        let payment = twin.unwrap_or_else(|| item.payment_id.as_uuid());
        let first = twin.is_none() && new.remove(&payment);
        let mut account = None;
        if let Some(row) = rows.get(&payment).filter(|_| first) {
            let found = found(item, looked, &targets);
            account = found.whole();
            opened.extend(receive(session, item, looked, row, found)?);
            booked.new += 1;
        } else {
            booked.seen_again += 1;
        }
        booked.news.push(first || twin.is_some());
        booked.accounts.push(account);
        session.sighted(item.sighting(payment, first, session.book.segment()), &item.raw_sha256)?;
        booked.payments.push(payment);
    }
    deposits::open(tx.conn(), &opened).await?;
    note_names(session.bulk(), items, &looked, &booked.payments);
    claim_twins(tx, session, items, &looked, &twins).await?;
    let doubted = looked
        .iter()
        .zip(&booked.payments)
        .filter(|(looked, _)| looked.doubt.is_some());
    let suspects = doubted.filter_map(|(_, payment)| rows.get(payment).filter(|_| opened_new.contains(payment)));
    doubts::look_for_providers(tx, &suspects.collect::<Vec<_>>(), &met).await?;
    Ok(booked)
}

fn look(item: &Incoming) -> Looked {
    let structured: Vec<&str> = item.structured.iter().map(String::as_str).collect();
    let free: Vec<&str> = item.free_text.iter().map(String::as_str).collect();
    let candidates = candidates(&structured, &free);
    let creditor = item.creditor();
    let provider = match &item.provider {
        Some(refs) => [&refs.order, &refs.transaction]
            .into_iter()
            .map(|name| provider_hash(creditor, &normalise(name)))
            .collect(),
        None if item.collector.has_merchants => {
            let names = candidates.iter().filter(|candidate| may_be_providers(&candidate.token));
            names
                .map(|candidate| provider_hash(creditor, &candidate.token))
                .collect()
        }
        None => Vec::new(),
    };
    let texts = [&item.payer_name, &item.remittance].into_iter().flatten();
    let suggested = || item.collector.has_merchants && item.kind == "payment" && hinted(texts.map(String::as_str));
    let doubt = (item.provider.is_some() || suggested()).then(|| {
        provider_hash(
            creditor,
            &format!("{}{}", item.money.minor(), item.money.currency().code()),
        )
    });
    Looked {
        candidates,
        provider,
        doubt,
    }
}

fn provider_hash(creditor: CreditorId, name: &str) -> i64 {
    token_hash(creditor, &format!("provider:{name}"))
}

/// PayU's orders are numbers, its transactions UUIDs.
fn may_be_providers(token: &str) -> bool {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (7..=12).contains(&token.len()))
        || (token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Looks the candidates up that have a shape of the creditor's references, under the locks of protocol.md row 13.
async fn load_targets(tx: &mut Tx, items: &[Incoming], looked: &[Looked]) -> Result<Targets, Failure> {
    store::lock_shapes(tx.conn()).await?;
    let creditors: BTreeSet<CreditorId> = items.iter().map(Incoming::creditor).collect();
    let shapes = references::shapes(tx.conn(), &creditors).await?;
    let mut hashes = BTreeSet::new();
    for (item, looked) in items.iter().zip(looked) {
        let Some(known) = shapes.get(&item.creditor()).filter(|_| item.unassignable.is_none()) else {
            continue;
        };
        for candidate in looked
            .candidates
            .iter()
            .filter(|candidate| known.contains(&shape(&candidate.token)))
        {
            hashes.insert(token_hash(item.creditor(), &candidate.token));
        }
    }
    let hashes: Vec<i64> = hashes.into_iter().collect();
    store::lock_for_money(tx.conn(), &hashes).await?;
    Ok(references::targets(tx.conn(), &hashes).await?)
}

/// Whose it is by its exact references.
fn found(item: &Incoming, looked: &Looked, targets: &Targets) -> Identified {
    match item.unassignable {
        Some(reason) => Identified::nothing(reason),
        None => {
            let matches: Vec<Match<'_>> = matches(&looked.candidates, item.creditor(), item.money.currency(), targets);
            identify(item.money.minor(), &matches, &BTreeSet::new())
        }
    }
}

/// Whose this money would be, if it were booked now: the same rules, and nothing is booked.
///
/// # Errors
/// When the database does not answer.
pub async fn foresee(tx: &mut Tx, items: &[Incoming]) -> Result<Vec<Identified>, Failure> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let looked: Vec<Looked> = items.iter().map(look).collect();
    let targets = load_targets(tx, items, &looked).await?;
    let all = items.iter().zip(&looked);
    Ok(all.map(|(item, looked)| found(item, looked, &targets)).collect())
}

/// New money: its shares, and the deposit of the rest.
fn receive(
    session: &mut Session,
    item: &Incoming,
    looked: &Looked,
    row: &PaymentRow,
    found: Identified,
) -> Result<Option<(Deposit, Option<Searchable>)>, Failure> {
    session.received(row, &found.shares, item.received_at)?;
    let Some(reason) = found.rest else { return Ok(None) };
    let rest = row.amount_minor - found.shares.iter().map(|share| share.amount_minor).sum::<i64>();
    let deposit = Deposit {
        payment_id: row.payment_id,
        creditor_id: row.creditor_id,
        calendar: row.calendar.clone(),
        collector: row.collector.clone(),
        currency: row.currency.clone(),
        kind: row.kind.clone(),
        amount_minor: row.amount_minor,
        remaining_minor: rest,
        reason: reason.word().to_owned(),
        inferable: item.unassignable.is_none() && reason.leaves_room_for_inference(),
        payer_key: row.payer_key.clone(),
        value_on: row.value_on,
        opened_at: row.received_at,
    };
    let searchable = item.unassignable.is_none().then(|| searchable(item, looked));
    Ok(Some((deposit, searchable)))
}

/// The candidates that lead somewhere.
pub(super) fn matches<'a>(
    candidates: &'a [Candidate],
    creditor: CreditorId,
    currency: kernel::Currency,
    targets: &'a Targets,
) -> Vec<Match<'a>> {
    let found = candidates.iter().map(|candidate| Match {
        candidate,
        targets: targets.of(creditor, &candidate.token, currency),
    });
    found.filter(|found| !found.targets.is_empty()).collect()
}

pub(super) fn searchable(item: &Incoming, looked: &Looked) -> Searchable {
    let tokens: BTreeSet<i64> = looked
        .candidates
        .iter()
        .map(|candidate| token_hash(item.creditor(), &candidate.token))
        .collect();
    Searchable {
        tokens: tokens.into_iter().collect(),
        structured: item.structured.clone(),
        free_text: item.free_text.clone(),
    }
}
