//! Doubtful pairs: two sightings that may be the same money, with nothing that says so. Never merged silently: a task tells
//! both, a person decides.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{CreditorId, PaymentId, SightingId, Timestamp};
use runtime::{Failure, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::outgoing::take_back;
use super::session::By;
use super::{Session, business_date, end, explain, shares_of, split, timestamp};
use crate::domain::identify::Share;
use crate::domain::sightings::{NEAR_DAYS, Told, doubtful};
use crate::domain::tasks::{Decision, TaskKind};
use crate::store::provisional::{self, Booked, End, Pending, Window};
use crate::store::reversals::{self, Claim};
use crate::store::rows::PaymentRow;
use crate::store::{derived_id, payments, payu};
use crate::tasks::{self, Task};

/// What a task of the kind `doubtful-pair` is about.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "pair", rename_all = "kebab-case")]
pub enum Pair {
    /// Something expected, and a booked payment that differs in reference.
    Provisional {
        /// The provisional money.
        pending: Uuid,
        /// The payment.
        payment: Uuid,
    },
    /// A batch booked as one sum, and payments told under its name that come to another one.
    Batch {
        /// The batch's payment.
        batch: Uuid,
        /// The provisional money of the told payments.
        told: Vec<Uuid>,
        /// Whose they would be.
        shares: Vec<Share>,
    },
    /// A provider's confirmation, and a bank entry that may be the same money.
    Provider {
        /// The payment that was booked first.
        earlier: Uuid,
        /// The other one.
        later: Uuid,
    },
}

fn task(matter: &[&str], creditor: Uuid, at: Timestamp, pair: &Pair) -> Result<Task, Failure> {
    Ok(Task::new(TaskKind::DoubtfulPair, matter, at)
        .of_creditor(CreditorId::from_uuid(creditor))
        .with_matter(serde_json::to_value(pair)?))
}

/// Raises a task for each pair of something expected and a payment booked near its day.
///
/// # Errors
/// When the database does not answer.
pub async fn raise_provisional(tx: &mut Tx, pairs: &[(&Pending, &Booked)], at: Timestamp) -> Result<(), Failure> {
    let mut raised = Vec::new();
    let mut marked = Vec::new();
    for (pending, booked) in pairs {
        let pair = Pair::Provisional {
            pending: pending.pending_id,
            payment: booked.payment_id,
        };
        let ids = [pending.pending_id.to_string(), booked.payment_id.to_string()];
        let matter = ["provisional", ids[0].as_str(), ids[1].as_str()];
        marked.push((pending.pending_id, Task::id(TaskKind::DoubtfulPair, &matter).as_uuid()));
        raised.push(
            task(&matter, pending.creditor_id, at, &pair)?
                .of_account(pending.account_id.map(kernel::AccountId::from_uuid))
                .told("expected_minor", pending.amount_minor)
                .told("expected_currency", &pending.currency)
                .told("expected_on", pending.expected_on)
                .told("expected_in", &pending.channel)
                .told("expected_sighting", sighting_of(pending))
                .told("booked_payment", booked.payment_id)
                .told("booked_minor", booked.amount_minor)
                .told("booked_on", booked.told_on)
                .told("booked_in", &booked.channel)
                .told("booked_raw", booked.raw_id)
                .told("booked_place", &booked.place),
        );
    }
    tasks::raise(tx, &raised).await?;
    provisional::doubt(tx.conn(), &marked).await?;
    Ok(())
}

fn sighting_of(pending: &Pending) -> String {
    match (pending.statement_id, pending.entry_no) {
        (Some(statement), Some(entry)) => SightingId::derive(&[&statement.to_string(), &entry.to_string()]).to_string(),
        _ => pending.pending_id.to_string(),
    }
}

/// Raises a task for a batch and payments that are told under its name and come to `told_minor`, which is another sum.
///
/// # Errors
/// When the database does not answer.
pub async fn raise_batch(
    tx: &mut Tx,
    creditor: CreditorId,
    (batch, amount_minor, currency): (Uuid, i64, &str),
    (told, told_minor, shares): (Vec<Uuid>, i64, Vec<Share>),
    at: Timestamp,
) -> Result<(), Failure> {
    let count = told.len();
    let pair = Pair::Batch { batch, told, shares };
    let raised = task(&["batch", &batch.to_string()], creditor.as_uuid(), at, &pair)?
        .told("booked_payment", batch)
        .told("booked_minor", amount_minor)
        .told("currency", currency)
        .told("told_payments", count)
        .told("told_minor", told_minor)
        .told("difference_minor", i128::from(amount_minor) - i128::from(told_minor));
    tasks::raise(tx, &[raised]).await?;
    Ok(())
}

/// A payment that may have been seen by a provider or a bank too.
#[derive(Clone, Debug)]
struct Suspect {
    payment: Uuid,
    creditor: CreditorId,
    currency: String,
    amount_minor: i64,
    value_on: kernel::BusinessDate,
    channel: String,
    received_at: Timestamp,
}

impl Suspect {
    /// A payment as it was booked.
    fn of(row: &PaymentRow) -> Result<Self, Failure> {
        Ok(Self {
            payment: row.payment_id,
            creditor: CreditorId::from_uuid(row.creditor_id),
            currency: row.currency.clone(),
            amount_minor: row.amount_minor,
            value_on: business_date(row.value_on)?,
            channel: row.channel.clone(),
            received_at: timestamp(row.received_at)?,
        })
    }

    fn told(&self) -> Told {
        Told {
            amount_minor: self.amount_minor,
            on: self.value_on,
            dated: false,
            names: BTreeSet::new(),
            text: None,
            account: None,
            channel: self.channel.clone(),
            bank_reference: None,
        }
    }
}

/// New payments that a provider or a bank may tell too, under no name that both use: `met` are payments of banks that
/// new confirmations met by their amount. Costs nothing where there are neither.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn look_for_providers(tx: &mut Tx, new: &[&PaymentRow], met: &BTreeSet<Uuid>) -> Result<(), Failure> {
    let (confirmed, banked): (Vec<&PaymentRow>, Vec<&PaymentRow>) = new
        .iter()
        .copied()
        .partition(|row| row.channel == crate::payu::PROVIDER);
    if !confirmed.is_empty() && !met.is_empty() {
        let met: Vec<Uuid> = met.iter().copied().collect();
        let known = payments::lock_standing(tx.conn(), &met).await?;
        let mut known: Vec<&PaymentRow> = known.values().collect();
        known.sort_by_key(|row| (row.value_on, row.payment_id));
        raise_provider(tx, &suspects(&confirmed)?, &suspects(&known)?).await?;
    }
    if banked.is_empty() {
        return Ok(());
    }
    let new = suspects(&banked)?;
    let told: Vec<Told> = new.iter().map(Suspect::told).collect();
    let Some(window) = Window::around(&told, NEAR_DAYS) else {
        return Ok(());
    };
    let creditors: BTreeSet<Uuid> = banked.iter().map(|row| row.creditor_id).collect();
    let creditors: Vec<Uuid> = creditors.into_iter().collect();
    let known = payments::unmet_at_providers(tx.conn(), &creditors, &window).await?;
    raise_provider(tx, &new, &suspects(&known.iter().collect::<Vec<_>>())?).await
}

fn suspects(rows: &[&PaymentRow]) -> Result<Vec<Suspect>, Failure> {
    rows.iter().map(|row| Suspect::of(row)).collect()
}

/// Raises a task for each of `new` that is equal to one of `known` in creditor, currency and amount, near its day.
///
/// # Errors
/// When the database does not answer.
async fn raise_provider(tx: &mut Tx, new: &[Suspect], known: &[Suspect]) -> Result<(), Failure> {
    let group = |of: &[Suspect]| {
        let mut groups: BTreeMap<(CreditorId, String), Vec<Suspect>> = BTreeMap::new();
        for one in of {
            let key = (one.creditor, one.currency.clone());
            groups.entry(key).or_default().push(one.clone());
        }
        groups
    };
    let known = group(known);
    let mut raised = Vec::new();
    for (key, new) in group(new) {
        let known = known.get(&key).map(Vec::as_slice).unwrap_or_default();
        let all = |of: &[Suspect]| of.iter().map(Suspect::told).collect::<Vec<_>>();
        for (later, earlier) in doubtful(&all(&new), &all(known), &[]) {
            let (Some(later), Some(earlier)) = (new.get(later), known.get(earlier)) else {
                continue;
            };
            raised.push(provider_task(earlier, later)?);
        }
    }
    tasks::raise(tx, &raised).await?;
    Ok(())
}

fn provider_task(earlier: &Suspect, later: &Suspect) -> Result<Task, Failure> {
    let pair = Pair::Provider {
        earlier: earlier.payment,
        later: later.payment,
    };
    let ids = [earlier.payment.to_string(), later.payment.to_string()];
    let matter = ["provider", ids[0].as_str(), ids[1].as_str()];
    Ok(task(&matter, earlier.creditor.as_uuid(), later.received_at, &pair)?
        .told("amount_minor", earlier.amount_minor)
        .told("currency", &earlier.currency)
        .told("earlier_payment", earlier.payment)
        .told("earlier_in", &earlier.channel)
        .told("earlier_value_on", earlier.value_on)
        .told("later_payment", later.payment)
        .told("later_in", &later.channel)
        .told("later_value_on", later.value_on))
}

/// Who decided, and why.
#[derive(Copy, Clone, Debug)]
pub struct Person<'a> {
    /// Subject of the token.
    pub subject: &'a str,
    /// In the person's words.
    pub reason: &'a str,
}

/// Does what follows from a decision about a pair. Why it cannot be done any more, where it cannot.
///
/// # Errors
/// When the database does not answer.
pub async fn decide(
    tx: &mut Tx,
    session: &mut Session,
    pair: &Pair,
    decision: Decision,
    person: Person<'_>,
    at: Timestamp,
) -> Result<Result<(), &'static str>, Failure> {
    let same = decision == Decision::Same;
    match pair {
        Pair::Provisional { pending, payment } => {
            let (reason, payment) = if same {
                ("booked", Some(*payment))
            } else {
                ("not-booked", None)
            };
            let ends = [End {
                pending_id: *pending,
                reason,
                payment,
            }];
            let ended = end(tx, session, &ends, at).await?;
            explain(tx, session, shares_of(ended)?, at).await?;
        }
        Pair::Batch { batch, told, shares } if same => {
            if !split(tx, session, *batch, shares.clone(), at).await? {
                return Ok(Err(
                    "less is left of the batch than is told of its payments: assign what is left of it by hand",
                ));
            }
            let ends: Vec<End> = told
                .iter()
                .map(|pending_id| End {
                    pending_id: *pending_id,
                    reason: "booked",
                    payment: Some(*batch),
                })
                .collect();
            end(tx, session, &ends, at).await?;
        }
        Pair::Provider { earlier, later } if same => return merge(tx, session, (*earlier, *later), person, at).await,
        Pair::Batch { .. } | Pair::Provider { .. } => {}
    }
    Ok(Ok(()))
}

/// The later payment is the earlier one: what was booked of it is taken back by new rows, and it becomes a sighting. What its
/// references found goes to the earlier one, where that has found nobody.
async fn merge(
    tx: &mut Tx,
    session: &mut Session,
    (earlier, later): (Uuid, Uuid),
    person: Person<'_>,
    at: Timestamp,
) -> Result<Result<(), &'static str>, Failure> {
    let rows = payments::lock_standing(tx.conn(), &[earlier, later]).await?;
    let (Some(first), Some(second)) = (rows.get(&earlier), rows.get(&later)) else {
        return Ok(Err("one of the two payments was taken back meanwhile"));
    };
    let shares = reversals::live_funds(tx.conn(), later).await?;
    let shares: Vec<Share> = shares
        .into_iter()
        .map(|funds| funds.share())
        .collect::<Result<_, _>>()?;
    let ids = [earlier.to_string(), later.to_string()];
    let claim = Claim {
        outgoing_id: derived_id("seen-twice", &[&ids[0], &ids[1]]),
        creditor_id: second.creditor_id,
        calendar: second.calendar.clone(),
        collector: second.collector.clone(),
        currency: second.currency.clone(),
        amount_minor: second.amount_minor,
        value_on: second.value_on,
        refs: String::new(),
        payer_key: None,
        reason: Some("seen-twice".to_owned()),
        raw_id: second.raw_id,
        raw_sha256: second.raw_sha256.clone(),
        received_at: at.utc(),
    };
    let by = By {
        subject: person.subject.to_owned(),
        reason: person.reason.to_owned(),
    };
    take_back(tx, session, second, &claim, claim.outgoing_id, Some(&by)).await?;
    if let Some(mut sighting) = payments::first_sighting(tx.conn(), later).await? {
        sighting.statement_id = claim.outgoing_id;
        sighting.entry_no = 1;
        sighting.sighting_id = SightingId::derive(&[&claim.outgoing_id.to_string(), "1"]).as_uuid();
        sighting.payment_id = earlier;
        sighting.segment = session.book.segment();
        sighting.first = false;
        sighting.sighted_at = at.utc();
        session.sighted(sighting, &second.raw_sha256)?;
    }
    let bank = if second.channel == crate::payu::PROVIDER {
        first
    } else {
        second
    };
    payu::meet(tx.conn(), &[earlier, later], earlier, bank.payment_id).await?;
    explain(tx, session, BTreeMap::from([(earlier, shares)]), at).await?;
    tracing::info!(earlier = %PaymentId::from_uuid(earlier), later = %PaymentId::from_uuid(later), by = person.subject,
        "two payments are the same money, says a person");
    Ok(Ok(()))
}
