//! Debits: a reversal takes a known payment back and with it the funds of its accounts; everything else is outgoing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kernel::{BusinessDate, FundsId, Money, SightingId, Timestamp};
use runtime::{Failure, Tx};
use uuid::Uuid;

use super::Session;
use super::session::By;
use crate::domain::ledger::Kind;
use crate::store::registry::Collector;
use crate::store::reversals::{self, Claim};
use crate::store::rows::{OutgoingRow, PaymentRow, ReversalRow, SightingRow, WithdrawalRow};
use crate::store::{deposits, derived_id, join};

/// A debit as a statement tells it.
#[derive(Clone, Debug)]
pub struct Debit {
    /// Derived from its key and occurrence.
    pub debit_id: Uuid,
    /// The bank account.
    pub collector: Arc<Collector>,
    /// How it was seen: `camt053`, `mt940`, ….
    pub channel: &'static str,
    /// Positive.
    pub money: Money,
    /// Whether it says that it takes something back.
    pub reversal: bool,
    /// Booking date.
    pub booked_on: Option<BusinessDate>,
    /// Value date.
    pub value_on: BusinessDate,
    /// When the raw bytes were stored.
    pub received_at: Timestamp,
    /// All references.
    pub references: Vec<String>,
    /// References that tell one payment from another.
    pub own_references: Vec<String>,
    /// Keyed hash of the account that the money goes to.
    pub payer_key: Option<String>,
    /// Name of the other side.
    pub payer_name: Option<String>,
    /// Account of the other side.
    pub payer_account: Option<String>,
    /// Free text.
    pub remittance: Option<String>,
    /// Return reason.
    pub reason: Option<String>,
    /// The raw item.
    pub raw_id: Uuid,
    /// Its digest.
    pub raw_sha256: Arc<str>,
    /// The statement.
    pub statement_id: Uuid,
    /// Number in the statement.
    pub entry_no: i64,
    /// Place in the raw bytes.
    pub place: String,
    /// Key without occurrence.
    pub entry_key: Uuid,
    /// Occurrence.
    pub occurrence: u32,
}

impl Debit {
    fn claim(&self) -> Claim {
        Claim {
            outgoing_id: self.debit_id,
            creditor_id: self.collector.creditor_id.as_uuid(),
            calendar: self.collector.calendar.clone(),
            collector: self.collector.name.clone(),
            currency: self.money.currency().code().to_owned(),
            amount_minor: self.money.minor(),
            value_on: self.value_on.naive(),
            refs: join(&self.own_references),
            payer_key: self.payer_key.clone(),
            reason: self.reason.clone(),
            raw_id: self.raw_id,
            raw_sha256: self.raw_sha256.to_string(),
            received_at: self.received_at.utc(),
        }
    }

    fn outgoing(&self, segment: i64) -> OutgoingRow {
        OutgoingRow {
            outgoing_id: self.debit_id,
            creditor_id: self.collector.creditor_id.as_uuid(),
            calendar: self.collector.calendar.clone(),
            segment,
            collector: self.collector.name.clone(),
            currency: self.money.currency().code().to_owned(),
            amount_minor: self.money.minor(),
            value_on: self.value_on.naive(),
            raw_id: self.raw_id,
            booked_at: self.received_at.utc(),
        }
    }

    fn sighting(&self, payment: Uuid, class: &str, first: bool, segment: i64) -> SightingRow {
        let id = SightingId::derive(&[&self.statement_id.to_string(), &self.entry_no.to_string()]);
        SightingRow {
            statement_id: self.statement_id,
            entry_no: self.entry_no,
            sighting_id: id.as_uuid(),
            payment_id: payment,
            creditor_id: self.collector.creditor_id.as_uuid(),
            calendar: self.collector.calendar.clone(),
            segment,
            channel: self.channel.to_owned(),
            collector: self.collector.name.clone(),
            class: class.to_owned(),
            status: "booked".to_owned(),
            first,
            currency: self.money.currency().code().to_owned(),
            amount_minor: -self.money.minor(),
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
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Debits {
    /// Payments taken back.
    pub reversals: i64,
    /// Other debits.
    pub outgoing: i64,
}

/// Books debits that were not seen before. Payments of the same transaction must be booked first.
///
/// # Errors
/// When the database does not answer.
pub async fn book_debits(tx: &mut Tx, session: &mut Session, debits: &[Debit]) -> Result<Debits, Failure> {
    let mut booked = Debits::default();
    if debits.is_empty() {
        return Ok(booked);
    }
    let ids: Vec<Uuid> = debits.iter().map(|debit| debit.debit_id).collect();
    let mut seen: HashMap<Uuid, Option<Uuid>> = HashMap::new();
    for (id, payment) in reversals::seen_debits(tx.conn(), &ids).await? {
        let known = seen.entry(id).or_insert(payment);
        *known = known.or(payment);
    }
    if debits.iter().any(|debit| debit.reversal) {
        // What is taken back may have been booked a moment ago.
        session.book.insert_rows(tx).await?;
    }
    let segment = session.book.segment();
    for debit in debits {
        if let Some(payment) = seen.get(&debit.debit_id) {
            let class = if payment.is_some() { "reversal" } else { "outgoing" };
            session.sighted(
                debit.sighting(payment.unwrap_or(debit.debit_id), class, false, segment),
                &debit.raw_sha256,
            )?;
            continue;
        }
        let payment = if debit.reversal {
            reversals::original(tx.conn(), &debit.claim()).await?
        } else {
            None
        };
        if let Some(payment) = payment {
            session.sighted(
                debit.sighting(payment.payment_id, "reversal", true, segment),
                &debit.raw_sha256,
            )?;
            take_back(tx, session, &payment, &debit.claim(), debit.debit_id, None).await?;
            seen.insert(debit.debit_id, Some(payment.payment_id));
            booked.reversals += 1;
            continue;
        }
        let row = debit.outgoing(segment);
        row.insert_now(tx.conn()).await?;
        session.book.outgoing(&row)?;
        if debit.reversal {
            reversals::keep_unmatched(tx.conn(), &debit.claim()).await?;
        }
        session.sighted(
            debit.sighting(debit.debit_id, "outgoing", true, segment),
            &debit.raw_sha256,
        )?;
        seen.insert(debit.debit_id, None);
        booked.outgoing += 1;
    }
    Ok(booked)
}

/// Takes a locked payment back: its funds are withdrawn from their accounts, the rest out of its deposit.
///
/// `by` is the person who decided it, where one did.
///
/// # Errors
/// When the database does not answer, or funds and deposit do not come to the payment's amount.
pub(super) async fn take_back(
    tx: &mut Tx,
    session: &mut Session,
    payment: &PaymentRow,
    claim: &Claim,
    reversal_id: Uuid,
    by: Option<&By>,
) -> Result<(), Failure> {
    let segment = session.book.segment();
    let reversal = ReversalRow {
        reversal_id,
        payment_id: payment.payment_id,
        creditor_id: payment.creditor_id,
        calendar: payment.calendar.clone(),
        segment,
        collector: payment.collector.clone(),
        currency: payment.currency.clone(),
        amount_minor: claim.amount_minor,
        value_on: claim.value_on,
        reason: claim.reason.clone(),
        raw_id: claim.raw_id,
        reversed_at: claim.received_at,
    };
    reversal.insert_now(tx.conn()).await?;
    let open = deposits::lock(tx.conn(), &BTreeSet::from([payment.payment_id])).await?;
    let withdrawals: Vec<WithdrawalRow> = reversals::live_funds(tx.conn(), payment.payment_id)
        .await?
        .into_iter()
        .map(|funds| WithdrawalRow {
            withdrawal_id: derived_id(
                "withdrawal",
                &[&FundsId::from_uuid(funds.funds_id).to_string(), "reversal"],
            ),
            funds_id: funds.funds_id,
            payment_id: payment.payment_id,
            account_id: funds.account_id,
            creditor_id: payment.creditor_id,
            calendar: payment.calendar.clone(),
            segment,
            collector: payment.collector.clone(),
            partition_no: funds.partition_no,
            currency: payment.currency.clone(),
            amount_minor: funds.amount_minor,
            reason: if by.is_some() { "decided" } else { "reversal" }.to_owned(),
            withdrawn_at: claim.received_at,
        })
        .collect();
    let withdrawn: i64 = withdrawals.iter().map(|withdrawal| withdrawal.amount_minor).sum();
    let left: BTreeMap<Uuid, i64> = open
        .iter()
        .map(|deposit| (deposit.payment_id, deposit.remaining_minor))
        .collect();
    if withdrawn + left.values().sum::<i64>() != claim.amount_minor || !deposits::take(tx.conn(), &left).await? {
        return Err(anyhow::anyhow!(
            "funds and deposit of payment {} do not come to its amount",
            payment.payment_id
        )
        .into());
    }
    session.reversed(Kind::of(&payment.kind), &reversal, withdrawals, &claim.raw_sha256, by)
}

/// Reversals whose payment came later than they did (its file was late): taken back now, and no longer outgoing.
///
/// # Errors
/// When the database does not answer.
pub async fn retry_unmatched(tx: &mut Tx, session: &mut Session, calendar: &str) -> Result<usize, Failure> {
    let mut settled = 0;
    for claim in reversals::unmatched(tx.conn(), calendar).await? {
        let Some(payment) = reversals::original(tx.conn(), &claim).await? else {
            continue;
        };
        if !reversals::settle_unmatched(tx.conn(), claim.outgoing_id).await? {
            continue;
        }
        let undone = OutgoingRow {
            outgoing_id: derived_id("outgoing-undone", &[&claim.outgoing_id.to_string()]),
            creditor_id: claim.creditor_id,
            calendar: claim.calendar.clone(),
            segment: session.book.segment(),
            collector: claim.collector.clone(),
            currency: claim.currency.clone(),
            amount_minor: -claim.amount_minor,
            value_on: claim.value_on,
            raw_id: claim.raw_id,
            booked_at: claim.received_at,
        };
        undone.insert_now(tx.conn()).await?;
        session.book.outgoing(&undone)?;
        let reversal_id = derived_id("late-reversal", &[&claim.outgoing_id.to_string()]);
        take_back(tx, session, &payment, &claim, reversal_id, None).await?;
        settled += 1;
    }
    Ok(settled)
}
