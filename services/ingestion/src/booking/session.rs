//! What one transaction books: rows by the [`Book`], events in their order, accounts to lock before these leave.

use std::collections::BTreeSet;

use contracts::catalogue::{FUNDS, PAYMENTS, SIGHTINGS};
use contracts::{
    Evidence, ExpectationEnded, FundsAssigned, FundsExpected, FundsWithdrawn, MessageKey, PaymentAttemptFailed,
    PaymentReceived, PaymentReversed, PaymentSighted,
};
use kernel::{AccountId, CreditorId, FundsId, InvoiceId, MessageId, PaymentId, SightingId, Timestamp};
use runtime::{Bulk, Context, Failure, Tx};

use super::{business_date, calendar, currency, timestamp};
use crate::domain::identify::Share;
use crate::domain::ledger::Kind;
use crate::store::book::Book;
use crate::store::rows::{FundsRow, PaymentRow, ReversalRow, SightingRow, WithdrawalRow};
use crate::store::{deposits, join, registry, split};

enum Event {
    Received(Box<PaymentReceived>),
    Reversed(Box<PaymentReversed>),
    Failed(Box<PaymentAttemptFailed>),
    Sighted(Box<PaymentSighted>),
    Assigned(Box<FundsAssigned>),
    Withdrawn(Box<FundsWithdrawn>),
    Expected(Box<FundsExpected>),
    Ended(Box<ExpectationEnded>),
}

/// Characters of a text that an event tells, and references of a payment: far beyond what formats allow, and together far
/// below what a topic takes. The tables and the raw bytes keep all.
const TOLD_TEXT: usize = 5_000;
const TOLD_REFERENCE: usize = 200;
const TOLD_REFERENCES: usize = 200;

fn told(text: &str) -> String {
    text.chars().take(TOLD_TEXT).collect()
}

fn told_references(refs: &str) -> Vec<String> {
    let told = split(refs).into_iter().take(TOLD_REFERENCES);
    told.map(|text| text.chars().take(TOLD_REFERENCE).collect()).collect()
}

/// Who decided, where a person did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct By {
    pub subject: String,
    pub reason: String,
}

/// One transaction's bookings.
pub struct Session {
    /// The money rows.
    pub book: Book,
    bulk: Bulk,
    ctx: Context,
    events: Vec<Event>,
    accounts: BTreeSet<AccountId>,
    payers: BTreeSet<(CreditorId, String, AccountId)>,
}

impl Session {
    /// A session of this transaction.
    #[must_use]
    pub fn begin(tx: &Tx) -> Self {
        Self {
            book: Book::new(tx.segment()),
            bulk: Bulk::default(),
            ctx: tx.context().clone(),
            events: Vec::new(),
            accounts: BTreeSet::new(),
            payers: BTreeSet::new(),
        }
    }

    /// What is written with the money rows and read by nothing before them.
    pub fn bulk(&mut self) -> &mut Bulk {
        &mut self.bulk
    }

    /// A payment whose row is new, with its first shares.
    pub(super) fn received(&mut self, payment: &PaymentRow, shares: &[Share], at: Timestamp) -> Result<(), Failure> {
        let amounts: Vec<i64> = shares.iter().map(|share| share.amount_minor).collect();
        self.book.received(payment, &amounts)?;
        self.events.push(Event::Received(Box::new(PaymentReceived {
            payment_id: PaymentId::from_uuid(payment.payment_id),
            creditor_id: CreditorId::from_uuid(payment.creditor_id),
            calendar: calendar(&payment.calendar)?,
            channel: payment.channel.clone(),
            collector: payment.collector.clone(),
            kind: payment.kind.clone(),
            currency: currency(&payment.currency)?,
            amount_minor: payment.amount_minor,
            booked_on: payment.booked_on.map(business_date).transpose()?,
            value_on: business_date(payment.value_on)?,
            received_at: timestamp(payment.received_at)?,
            references: told_references(&payment.refs),
            payer_key: payment.payer_key.clone(),
            raw_sha256: payment.raw_sha256.clone(),
        })));
        for share in shares {
            let (row, event) = self.funds(payment, share, 0, at, None)?;
            self.book.funds(Kind::of(&payment.kind), row)?;
            self.events.push(event);
        }
        if let [share] = shares {
            self.learn(payment, share);
        }
        Ok(())
    }

    /// A payer whose whole payment an exact reference gave to one account is known from now on.
    fn learn(&mut self, payment: &PaymentRow, share: &Share) {
        let exact = share.evidence.iter().all(|evidence| evidence.strength == "exact");
        if let Some(payer) = payment
            .payer_key
            .as_ref()
            .filter(|_| exact && share.amount_minor == payment.amount_minor)
        {
            self.payers.insert((
                CreditorId::from_uuid(payment.creditor_id),
                payer.clone(),
                share.account_id,
            ));
        }
    }

    /// A part of a deposit for an account; `n` counts earlier funds of this payment for it.
    pub(super) fn claimed(
        &mut self,
        payment: &PaymentRow,
        share: &Share,
        n: u32,
        at: Timestamp,
        by: Option<&By>,
    ) -> Result<(), Failure> {
        let (row, event) = self.funds(payment, share, n, at, by)?;
        self.learn(payment, share);
        self.book.claimed(Kind::of(&payment.kind), row)?;
        self.events.push(event);
        Ok(())
    }

    fn funds(
        &mut self,
        payment: &PaymentRow,
        share: &Share,
        n: u32,
        at: Timestamp,
        by: Option<&By>,
    ) -> Result<(FundsRow, Event), Failure> {
        let payment_id = PaymentId::from_uuid(payment.payment_id);
        let funds_id = FundsId::derive(payment_id, share.account_id, n);
        let partition = self.ctx.partition_of(MessageKey::from(share.account_id));
        let row = FundsRow {
            payment_id: payment.payment_id,
            account_id: share.account_id.as_uuid(),
            n: i32::try_from(n).map_err(anyhow::Error::new)?,
            funds_id: funds_id.as_uuid(),
            creditor_id: payment.creditor_id,
            calendar: payment.calendar.clone(),
            segment: self.book.segment(),
            collector: payment.collector.clone(),
            partition_no: i32::try_from(partition).map_err(anyhow::Error::new)?,
            currency: payment.currency.clone(),
            amount_minor: share.amount_minor,
            invoice_ids: join(&share.invoice_ids.iter().map(InvoiceId::to_string).collect::<Vec<_>>()),
            evidence: serde_json::to_string(&share.evidence)?,
            decided_by: by.map(|by| by.subject.clone()),
            decided_reason: by.map(|by| by.reason.clone()),
            assigned_at: at.utc(),
        };
        let event = Event::Assigned(Box::new(FundsAssigned {
            funds_id,
            payment_id,
            creditor_id: CreditorId::from_uuid(payment.creditor_id),
            account_id: share.account_id,
            calendar: calendar(&payment.calendar)?,
            channel: payment.channel.clone(),
            collector: payment.collector.clone(),
            currency: currency(&payment.currency)?,
            amount_minor: share.amount_minor,
            value_on: business_date(payment.value_on)?,
            received_at: timestamp(payment.received_at)?,
            invoice_ids: share.invoice_ids.clone(),
            evidence: share.evidence.clone(),
            decided_by: row.decided_by.clone(),
            decided_reason: row.decided_reason.clone(),
            assigned_at: at,
        }));
        self.accounts.insert(share.account_id);
        Ok((row, event))
    }

    /// A payment of this kind taken back, with the funds withdrawn for it.
    pub(super) fn reversed(
        &mut self,
        kind: Kind,
        reversal: &ReversalRow,
        withdrawals: Vec<WithdrawalRow>,
        raw_sha256: &str,
        by: Option<&By>,
    ) -> Result<(), Failure> {
        let reversed_at = timestamp(reversal.reversed_at)?;
        self.events.push(Event::Reversed(Box::new(PaymentReversed {
            payment_id: PaymentId::from_uuid(reversal.payment_id),
            creditor_id: CreditorId::from_uuid(reversal.creditor_id),
            calendar: calendar(&reversal.calendar)?,
            collector: reversal.collector.clone(),
            reversal_id: reversal.reversal_id.to_string(),
            currency: currency(&reversal.currency)?,
            amount_minor: reversal.amount_minor,
            value_on: business_date(reversal.value_on)?,
            reversed_at,
            reason: reversal.reason.clone(),
            raw_sha256: raw_sha256.to_owned(),
        })));
        for withdrawal in &withdrawals {
            let account_id = AccountId::from_uuid(withdrawal.account_id);
            self.accounts.insert(account_id);
            self.events.push(Event::Withdrawn(Box::new(FundsWithdrawn {
                withdrawal_id: withdrawal.withdrawal_id.to_string(),
                funds_id: FundsId::from_uuid(withdrawal.funds_id),
                payment_id: PaymentId::from_uuid(withdrawal.payment_id),
                creditor_id: CreditorId::from_uuid(withdrawal.creditor_id),
                account_id,
                calendar: calendar(&withdrawal.calendar)?,
                currency: currency(&withdrawal.currency)?,
                amount_minor: withdrawal.amount_minor,
                value_on: business_date(reversal.value_on)?,
                reason: withdrawal.reason.clone(),
                decided_by: by.map(|by| by.subject.clone()),
                withdrawn_at: reversed_at,
            })));
        }
        self.book.reversed(kind, reversal, withdrawals)
    }

    /// One look at money.
    pub(super) fn sighted(&mut self, sighting: SightingRow, raw_sha256: &str) -> Result<(), Failure> {
        self.events.push(Event::Sighted(Box::new(PaymentSighted {
            sighting_id: SightingId::from_uuid(sighting.sighting_id),
            payment_id: PaymentId::from_uuid(sighting.payment_id),
            creditor_id: CreditorId::from_uuid(sighting.creditor_id),
            channel: sighting.channel.clone(),
            collector: sighting.collector.clone(),
            status: sighting.status.clone(),
            first: sighting.first,
            currency: currency(&sighting.currency)?,
            amount_minor: sighting.amount_minor,
            value_on: sighting.value_on.map(business_date).transpose()?,
            payer_name: sighting.payer_name.as_deref().map(told),
            payer_iban: sighting.payer_iban.as_deref().map(told),
            remittance: sighting.remittance.as_deref().map(told),
            references: told_references(&sighting.refs),
            raw_sha256: raw_sha256.to_owned(),
            place_in_raw: sighting.place.clone(),
            sighted_at: timestamp(sighting.sighted_at)?,
        })));
        self.book.sighted(sighting)
    }

    /// An attempt to pay that failed.
    pub fn attempt_failed(&mut self, failed: PaymentAttemptFailed) {
        self.events.push(Event::Failed(Box::new(failed)));
    }

    /// Something is expected for an account.
    pub(super) fn expected(&mut self, expected: FundsExpected) {
        self.accounts.insert(expected.account_id);
        self.events.push(Event::Expected(Box::new(expected)));
    }

    /// It is no longer expected.
    pub(super) fn expectation_ended(&mut self, ended: ExpectationEnded) {
        self.accounts.insert(ended.account_id);
        self.events.push(Event::Ended(Box::new(ended)));
    }

    /// Saves the rows, locks the accounts and emits, in the order in which things were booked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn finish(self, tx: &mut Tx) -> Result<(), Failure> {
        self.book.save(tx, self.bulk).await?;
        deposits::learn_payers(tx.conn(), &self.payers).await?;
        registry::lock_accounts(tx.conn(), &self.accounts).await?;
        for event in &self.events {
            emit(tx, event)?;
        }
        Ok(())
    }
}

/// Ids are of what happened, not of the transaction that booked it: a replay emits the same.
fn emit(tx: &mut Tx, event: &Event) -> Result<(), Failure> {
    let id = |kind: &str, of: &dyn std::fmt::Display| MessageId::derive_text(&format!("{kind}/{of}"));
    match event {
        Event::Received(event) => tx.emit(
            &PAYMENTS,
            &**event,
            id("PaymentReceived", &event.payment_id),
            event.received_at,
        ),
        Event::Reversed(event) => tx.emit(
            &PAYMENTS,
            &**event,
            id("PaymentReversed", &event.reversal_id),
            event.reversed_at,
        ),
        Event::Failed(event) => {
            let key = format!("{}/{}/{}", event.collector, event.provider_transaction, event.state);
            tx.emit(&PAYMENTS, &**event, id("PaymentAttemptFailed", &key), event.failed_at)
        }
        Event::Sighted(event) => tx.emit(
            &SIGHTINGS,
            &**event,
            id("PaymentSighted", &event.sighting_id),
            event.sighted_at,
        ),
        Event::Assigned(event) => tx.emit(
            &FUNDS,
            &**event,
            id("FundsAssigned", &event.funds_id),
            event.assigned_at,
        ),
        Event::Withdrawn(event) => tx.emit(
            &FUNDS,
            &**event,
            id("FundsWithdrawn", &event.withdrawal_id),
            event.withdrawn_at,
        ),
        Event::Expected(event) => tx.emit(
            &FUNDS,
            &**event,
            id("FundsExpected", &event.expectation_id),
            event.expected_at,
        ),
        Event::Ended(event) => tx.emit(
            &FUNDS,
            &**event,
            id("ExpectationEnded", &event.expectation_id),
            event.ended_at,
        ),
    }
}

/// Evidence of a person's decision.
pub(super) fn by_person(subject: &str, invoice_id: Option<InvoiceId>) -> Evidence {
    Evidence {
        rule: "person".to_owned(),
        reference: subject.to_owned(),
        invoice_id,
        strength: "decided".to_owned(),
    }
}
