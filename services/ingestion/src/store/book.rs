//! All money rows of one transaction, with the journal, the day's running sums and the digest that follow from them.
//!
//! Whatever moves money goes through here, so that rows, journal, sums and digest cannot differ. Sums and digest are kept
//! as one set of rows per transaction: the close adds a few thousand of them up instead of a million payments.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kernel::{CreditorId, Currency};
use runtime::{Bulk, Failure, Tx, digest};
use uuid::Uuid;

use super::derived_id;
use super::rows::{
    DepositMoveRow, FundsRow, LineRow, OutgoingRow, PaymentRow, ReversalRow, Row, SightingRow, WithdrawalRow,
};
use crate::domain::ledger::{self, Added, Entry, Kind, SumKey, Sums};

/// Where an amount belongs: creditor, day and collector.
#[derive(Clone, Debug)]
pub struct Place {
    /// The creditor.
    pub creditor_id: Uuid,
    /// Calendar of the creditor's day.
    pub calendar: String,
    /// Bank account or `provider:merchant`.
    pub collector: String,
    /// The currency's code.
    pub currency: String,
}

impl Place {
    fn sum_key(&self, name: &'static str, partition: i32) -> Result<SumKey, Failure> {
        Ok(SumKey {
            creditor_id: CreditorId::from_uuid(self.creditor_id),
            calendar: self.calendar.clone(),
            scope: self.collector.clone(),
            partition,
            currency: Currency::parse(&self.currency).map_err(|error| Failure::new(anyhow::Error::new(error)))?,
            name,
            journal: false,
        })
    }
}

macro_rules! place_of {
    ($($row:ident),*) => {$(
        impl From<&$row> for Place {
            fn from(row: &$row) -> Self {
                Self {
                    creditor_id: row.creditor_id,
                    calendar: row.calendar.clone(),
                    collector: row.collector.clone(),
                    currency: row.currency.clone(),
                }
            }
        }
    )*};
}

place_of!(
    PaymentRow,
    SightingRow,
    FundsRow,
    WithdrawalRow,
    ReversalRow,
    OutgoingRow,
    DepositMoveRow
);

/// What became of a deposit.
pub struct Move<'a> {
    /// What makes it unique: the payment, the funds, the reversal.
    pub cause_id: Uuid,
    /// The payment.
    pub payment_id: Uuid,
    /// What kind of money it is.
    pub kind: Kind,
    /// Signed: plus is more money that no account has.
    pub delta_minor: i64,
    /// `received`, `assigned`, `reversed`.
    pub cause: &'static str,
    /// When.
    pub at: DateTime<Utc>,
    /// Where.
    pub place: &'a Place,
}

/// The money rows of one transaction.
#[derive(Debug)]
pub struct Book {
    segment: i64,
    digests: BTreeMap<String, (i64, [u8; 32])>,
    sums: Sums,
    sightings: Vec<SightingRow>,
    funds: Vec<FundsRow>,
    withdrawals: Vec<WithdrawalRow>,
    moves: Vec<DepositMoveRow>,
    lines: Vec<LineRow>,
}

impl Book {
    /// An empty book for a transaction of this segment ([`Tx::segment`]).
    #[must_use]
    pub fn new(segment: i64) -> Self {
        Self {
            segment,
            digests: BTreeMap::new(),
            sums: Sums::default(),
            sightings: Vec::new(),
            funds: Vec::new(),
            withdrawals: Vec::new(),
            moves: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The segment that every row is stamped with.
    #[must_use]
    pub const fn segment(&self) -> i64 {
        self.segment
    }

    fn count(&mut self, calendar: &str, row: &impl Row) {
        let (rows, sum) = self.digests.entry(calendar.to_owned()).or_insert((0, [0; 32]));
        *rows += 1;
        *sum = digest::combine(*sum, digest::row_hash(&row.canonical()));
    }

    fn add(&mut self, place: &Place, name: &'static str, partition: i32, amount_minor: i64) -> Result<(), Failure> {
        self.sums.add(place.sum_key(name, partition)?, amount_minor);
        Ok(())
    }

    fn add_all(&mut self, place: &Place, partition: i32, parts: &[Added]) -> Result<(), Failure> {
        for part in parts {
            let partition = if part.by_partition { partition } else { -1 };
            self.add(place, part.name, partition, part.amount_minor)?;
        }
        Ok(())
    }

    fn post(&mut self, transaction_id: Uuid, place: &Place, entry: &Entry) -> Result<(), Failure> {
        let key = place.sum_key("", -1)?;
        for (number, line) in (0_i32..).zip(&entry.0) {
            self.sums.add_line(&key, line);
            let row = LineRow {
                transaction_id,
                line_no: number,
                creditor_id: place.creditor_id,
                calendar: place.calendar.clone(),
                segment: self.segment,
                scope: place.collector.clone(),
                ledger_account: line.account.word().to_owned(),
                currency: place.currency.clone(),
                debit_minor: line.debit_minor,
                credit_minor: line.credit_minor,
            };
            self.count(&place.calendar, &row);
            self.lines.push(row);
        }
        Ok(())
    }

    /// A payment whose row was inserted just now; `shares` of it are assigned (their rows come by [`Self::funds`]).
    ///
    /// # Errors
    /// Never by input that was checked.
    pub fn received(&mut self, payment: &PaymentRow, shares: &[i64]) -> Result<(), Failure> {
        let (place, kind) = (Place::from(payment), Kind::of(&payment.kind));
        self.count(&place.calendar, payment);
        self.add_all(&place, -1, &ledger::of_payment(kind, payment.amount_minor))?;
        self.post(
            payment.payment_id,
            &place,
            &Entry::received(kind, payment.amount_minor, shares.iter().copied()),
        )?;
        let rest = payment.amount_minor - shares.iter().sum::<i64>();
        if rest == 0 {
            return Ok(());
        }
        let (payment_id, at) = (payment.payment_id, payment.received_at);
        self.moved(&Move {
            cause_id: payment_id,
            payment_id,
            kind,
            delta_minor: rest,
            cause: "received",
            at,
            place: &place,
        })
    }

    /// Funds assigned together with their payment, which is of this kind: the payment's journal entry holds them.
    ///
    /// # Errors
    /// Never by input that was checked.
    pub fn funds(&mut self, kind: Kind, funds: FundsRow) -> Result<(), Failure> {
        let place = Place::from(&funds);
        self.count(&place.calendar, &funds);
        self.add_all(&place, funds.partition_no, &ledger::of_funds(kind, funds.amount_minor))?;
        self.funds.push(funds);
        Ok(())
    }

    /// Funds assigned out of a deposit.
    ///
    /// # Errors
    /// Never by input that was checked.
    pub fn claimed(&mut self, kind: Kind, funds: FundsRow) -> Result<(), Failure> {
        let place = Place::from(&funds);
        let (funds_id, payment_id, amount, at) =
            (funds.funds_id, funds.payment_id, funds.amount_minor, funds.assigned_at);
        self.funds(kind, funds)?;
        self.post(funds_id, &place, &Entry::claimed(kind, amount))?;
        self.moved(&Move {
            cause_id: funds_id,
            payment_id,
            kind,
            delta_minor: -amount,
            cause: "assigned",
            at,
            place: &place,
        })
    }

    /// A payment of this kind taken back, the reversal's row inserted just now: funds withdrawn, the rest out of the deposit.
    ///
    /// # Errors
    /// Never by input that was checked.
    pub fn reversed(
        &mut self,
        kind: Kind,
        reversal: &ReversalRow,
        withdrawals: Vec<WithdrawalRow>,
    ) -> Result<(), Failure> {
        let place = Place::from(reversal);
        let (payment_id, at) = (reversal.payment_id, reversal.reversed_at);
        self.count(&place.calendar, reversal);
        self.add_all(&place, -1, &ledger::of_reversal(kind, reversal.amount_minor))?;
        let shares: Vec<i64> = withdrawals.iter().map(|withdrawal| withdrawal.amount_minor).collect();
        self.post(
            reversal.reversal_id,
            &place,
            &Entry::reversed(kind, reversal.amount_minor, shares.iter().copied()),
        )?;
        let rest = reversal.amount_minor - shares.iter().sum::<i64>();
        if rest != 0 {
            let cause_id = reversal.reversal_id;
            self.moved(&Move {
                cause_id,
                payment_id,
                kind,
                delta_minor: -rest,
                cause: "reversed",
                at,
                place: &place,
            })?;
        }
        for withdrawal in withdrawals {
            self.count(&place.calendar, &withdrawal);
            self.add_all(
                &place,
                withdrawal.partition_no,
                &ledger::of_withdrawal(kind, withdrawal.amount_minor),
            )?;
            self.withdrawals.push(withdrawal);
        }
        Ok(())
    }

    /// A debit whose row was inserted just now.
    ///
    /// # Errors
    /// Never by input that was checked.
    pub fn outgoing(&mut self, outgoing: &OutgoingRow) -> Result<(), Failure> {
        let place = Place::from(outgoing);
        self.count(&place.calendar, outgoing);
        self.add(&place, "outgoing", -1, outgoing.amount_minor)?;
        self.post(outgoing.outgoing_id, &place, &Entry::outgoing(outgoing.amount_minor))
    }

    /// One look at money; counts money seen again and money pending.
    ///
    /// # Errors
    /// Never by input that was checked.
    pub fn sighted(&mut self, sighting: SightingRow) -> Result<(), Failure> {
        let place = Place::from(&sighting);
        self.count(&place.calendar, &sighting);
        if sighting.class == "payment" && !sighting.first {
            self.add(&place, "seen_again", -1, sighting.amount_minor)?;
        }
        if sighting.class == "shown" && sighting.first && sighting.status == "pending" {
            self.add(&place, "pending", -1, sighting.amount_minor)?;
        }
        self.sightings.push(sighting);
        Ok(())
    }

    fn moved(&mut self, change: &Move<'_>) -> Result<(), Failure> {
        let row = DepositMoveRow {
            move_id: derived_id(
                "deposit-move",
                &[
                    &change.payment_id.to_string(),
                    &change.cause_id.to_string(),
                    change.cause,
                ],
            ),
            payment_id: change.payment_id,
            creditor_id: change.place.creditor_id,
            calendar: change.place.calendar.clone(),
            segment: self.segment,
            collector: change.place.collector.clone(),
            currency: change.place.currency.clone(),
            delta_minor: change.delta_minor,
            cause: change.cause.to_owned(),
            moved_at: change.at,
        };
        self.count(&change.place.calendar, &row);
        self.add_all(change.place, -1, &ledger::of_move(change.kind, change.delta_minor))?;
        self.moves.push(row);
        Ok(())
    }

    /// Inserts the rows so far: what is decided next in this transaction may ask for them.
    ///
    /// # Errors
    /// When the database does not answer, or a row is there already.
    pub async fn insert_rows(&mut self, tx: &mut Tx) -> Result<(), Failure> {
        let mut bulk = Bulk::default();
        self.rows_into(&mut bulk);
        Ok(bulk.run(tx.conn()).await?)
    }

    /// Moves the rows so far into a bulk.
    fn rows_into(&mut self, bulk: &mut Bulk) {
        SightingRow::insert(bulk, &std::mem::take(&mut self.sightings));
        FundsRow::insert(bulk, &std::mem::take(&mut self.funds));
        WithdrawalRow::insert(bulk, &std::mem::take(&mut self.withdrawals));
        DepositMoveRow::insert(bulk, &std::mem::take(&mut self.moves));
        LineRow::insert(bulk, &std::mem::take(&mut self.lines));
    }

    /// Inserts everything that was not inserted yet, with sums and digests and what else the bulk holds.
    ///
    /// # Errors
    /// When the database does not answer, or a row is there already.
    pub async fn save(mut self, tx: &mut Tx, mut bulk: Bulk) -> Result<(), Failure> {
        self.rows_into(&mut bulk);
        super::day::add_sums(&mut bulk, self.segment, &self.sums);
        super::day::add_digests(&mut bulk, self.segment, &self.digests);
        Ok(bulk.run(tx.conn()).await?)
    }
}
