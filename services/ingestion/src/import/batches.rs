//! A batch that a statement books as one sum, and the notification that tells its payments one by one: whichever comes
//! first. If the notification does, each payment is booked by itself; else the lump's unidentified money is split.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{Money, PaymentId};
use runtime::{Failure, Tx};
use uuid::Uuid;

use super::book::{Booking, Chunk, Keyed};
use crate::booking::doubts::raise_batch;
use crate::booking::{Booked, Incoming, Session, end, foresee, payer_key, split};
use crate::domain::batches::{Fits, TellsOfOne, fit};
use crate::formats::StatementKind;
use crate::store::batches::{self, Exploded, TellingRow};
use crate::store::provisional::End;
use crate::store::{derived_id, join, payments, split as list};

/// What an item of money in is.
pub(super) enum Of<'a> {
    /// An entry of the statement.
    Entry(&'a Keyed),
    /// A payment out of a batch, as this provisional money told it.
    Told(Uuid),
}

/// Money in of a chunk.
pub(super) struct Credits<'a> {
    /// What each is, in order.
    pub(super) of: Vec<Of<'a>>,
    /// As it is booked.
    pub(super) incoming: Vec<Incoming>,
    /// Batches that were put apart.
    exploded: Vec<Exploded>,
    /// Batches that stay one sum, of whose payments something is told.
    standing: BTreeMap<Uuid, Vec<i64>>,
}

/// A batch whose payments, as they are told, come to another sum.
struct Differing {
    batch: Uuid,
    amount_minor: i64,
    told: Vec<Uuid>,
    told_minor: i64,
    parts: Vec<Incoming>,
}

/// The payment that one told payment of a batch becomes.
fn payment_of(batch: Uuid, told: Uuid) -> PaymentId {
    PaymentId::derive("batch", &format!("{batch}|{told}"))
}

impl Chunk<'_> {
    fn hashes(&self, booking: &Booking, keyed: &Keyed) -> Vec<i64> {
        let collector = &booking.collector;
        let names = keyed.entry.batch_names.iter();
        names
            .map(|name| batches::hash(collector.creditor_id, &collector.name, name))
            .collect()
    }

    /// Puts the payments that a notification told in the place of their batch, where they come to its sum. A batch that was
    /// booked as one sum before stays one.
    pub(super) async fn explode<'a>(
        &self,
        tx: &mut Tx,
        booking: &Booking,
        keyed: Vec<&'a Keyed>,
        incoming: Vec<Incoming>,
    ) -> Result<Credits<'a>, Failure> {
        let mut lumps: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        for (keyed, item) in keyed.iter().zip(&incoming).filter(|(_, item)| item.kind == "payment") {
            let id = item.payment_id.as_uuid();
            // Another format put it apart; this one tells the sum, perhaps without the batch's names.
            if let Some(names) = booking.batches.get(&id) {
                lumps.insert(id, names.clone());
            } else if keyed.entry.lump && !keyed.entry.batch_names.is_empty() {
                lumps.insert(id, self.hashes(booking, keyed));
            }
        }
        let mut credits = Credits {
            of: Vec::with_capacity(keyed.len()),
            incoming: Vec::with_capacity(incoming.len()),
            exploded: Vec::new(),
            standing: BTreeMap::new(),
        };
        let told = batches::told(tx.conn(), &lumps.values().flatten().copied().collect::<Vec<_>>()).await?;
        let known = if told.is_empty() {
            Default::default()
        } else {
            payments::known(tx.conn(), &lumps.keys().copied().collect::<Vec<_>>()).await?
        };
        let mut used = BTreeSet::new();
        let mut differing = Vec::new();
        for (keyed, item) in keyed.into_iter().zip(incoming) {
            let id = item.payment_id.as_uuid();
            if let Some(names) = lumps.get(&id).filter(|_| known.contains_key(&id)) {
                credits.standing.insert(id, names.clone());
            }
            let names = lumps.get(&id).filter(|_| !known.contains_key(&id));
            let found = names.map(|names| parts_of(&item, names, &told, &used));
            let (fits, parts) = found.unwrap_or((Fits::Nothing, Vec::new()));
            if let Fits::Differs { told_minor, .. } = fits {
                let ids = parts.iter().map(|part| part.pending_id).collect();
                let parts = (1_i64..).zip(&parts).map(|(n, part)| self.part(&item, part, n));
                differing.push(Differing {
                    batch: id,
                    amount_minor: item.money.minor(),
                    told: ids,
                    told_minor,
                    parts: parts.collect(),
                });
            }
            if !matches!(fits, Fits::Exactly(_)) {
                credits.of.push(Of::Entry(keyed));
                credits.incoming.push(item);
                continue;
            }
            credits
                .exploded
                .push(exploded(&item, names.cloned().unwrap_or_default()));
            for (number, part) in (1_i64..).zip(parts) {
                used.insert(part.pending_id);
                credits.of.push(Of::Told(part.pending_id));
                credits.incoming.push(self.part(&item, part, number));
            }
        }
        self.doubt(tx, booking, differing).await?;
        Ok(credits)
    }

    /// Raises a task for each batch whose payments, as they are told, come to another sum.
    async fn doubt(&self, tx: &mut Tx, booking: &Booking, differing: Vec<Differing>) -> Result<(), Failure> {
        for one in differing {
            let found = foresee(tx, &one.parts).await?;
            let shares = found.into_iter().flat_map(|found| found.shares).collect();
            let batch = (one.batch, one.amount_minor, booking.collector.currency.code());
            let told = (one.told, one.told_minor, shares);
            raise_batch(tx, booking.collector.creditor_id, batch, told, self.received_at).await?;
        }
        Ok(())
    }

    /// One payment of a batch, as the notification told it, booked by the statement.
    fn part(&self, batch: &Incoming, told: &TellingRow, number: i64) -> Incoming {
        let id = batch.payment_id.as_uuid();
        let place = [batch.statement_id.to_string(), batch.entry_no.to_string()];
        Incoming {
            payment_id: payment_of(id, told.pending_id),
            unassignable: None,
            money: Money::new(told.amount_minor, batch.money.currency()),
            references: list(&told.refs),
            payer_key: payer_key(
                self.payer_secret(),
                batch.collector.creditor_id,
                told.payer_iban.as_deref(),
            ),
            payer_name: told.payer_name.clone(),
            payer_account: told.payer_iban.clone(),
            remittance: told.remittance.clone(),
            structured: list(&told.structured),
            free_text: list(&told.free_text),
            // The batch has one entry in its statement: its payments are counted in a place of their own.
            statement_id: derived_id("batch", &[&place[0], &place[1]]),
            entry_no: number,
            ..batch.clone()
        }
    }

    /// Payments that were booked out of a batch end what was told of them; batches that were booked as one sum may be met
    /// by a notification later.
    pub(super) async fn exploded(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        credits: &Credits<'_>,
        booked: &Booked,
    ) -> Result<(), Failure> {
        let mut ends = Vec::new();
        let mut lumps = Vec::new();
        for (of, payment) in credits.of.iter().zip(&booked.payments) {
            match of {
                Of::Told(pending_id) => ends.push(End {
                    pending_id: *pending_id,
                    reason: "booked",
                    payment: Some(*payment),
                }),
                Of::Entry(keyed) if keyed.entry.lump => lumps.push((*payment, self.hashes(booking, keyed))),
                Of::Entry(_) => {}
            }
        }
        batches::note(tx.conn(), &lumps, true).await?;
        batches::keep_exploded(tx.conn(), &credits.exploded).await?;
        end(tx, session, &ends, self.received_at).await?;
        self.split_these(tx, session, booking, credits.standing.clone()).await
    }

    /// Notes under which batch's names a notification tells payments.
    pub(super) async fn name_batches<'a>(
        &self,
        tx: &mut Tx,
        booking: &Booking,
        told: impl Iterator<Item = (&'a Keyed, Uuid)>,
    ) -> Result<(), Failure> {
        if booking.sort.kind != StatementKind::Notification {
            return Ok(());
        }
        let named: Vec<(Uuid, Vec<i64>)> = told
            .filter(|(keyed, _)| keyed.entry.amount.minor() > 0 && !keyed.entry.lump)
            .map(|(keyed, id)| (id, self.hashes(booking, keyed)))
            .collect();
        batches::note(tx.conn(), &named, false).await?;
        Ok(())
    }

    /// A notification is read to its end: it splits what is left of batches that were booked as one sum before it came.
    pub(super) async fn split_lumps(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
    ) -> Result<(), Failure> {
        // What is told is looked up by its sightings, the last chunk's among them.
        session.book.insert_rows(tx).await?;
        let lumps = batches::lumps_of(tx.conn(), booking.statement.statement_id).await?;
        self.split_these(tx, session, booking, lumps).await
    }

    async fn split_these(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        lumps: BTreeMap<Uuid, Vec<i64>>,
    ) -> Result<(), Failure> {
        if lumps.is_empty() {
            return Ok(());
        }
        let rows = payments::known(tx.conn(), &lumps.keys().copied().collect::<Vec<_>>()).await?;
        let all: Vec<i64> = lumps.values().flatten().copied().collect();
        let told = batches::told(tx.conn(), &all).await?;
        let mut differing = Vec::new();
        for (lump, names) in lumps {
            let Some(row) = rows.get(&lump) else { continue };
            let open: Vec<&TellingRow> = told
                .iter()
                .filter(|one| one.end_reason.as_deref() != Some("booked"))
                .collect();
            let tells: Vec<TellsOfOne> = open.iter().map(|one| one.tells()).collect();
            let fits = fit(row.amount_minor, &names, &tells);
            let parts = these(&fits, &open);
            let batch = self.as_told(booking, row)?;
            let items: Vec<Incoming> = (1_i64..)
                .zip(&parts)
                .map(|(n, part)| self.part(&batch, part, n))
                .collect();
            if let Fits::Differs { told_minor, .. } = fits {
                differing.push(Differing {
                    batch: lump,
                    amount_minor: row.amount_minor,
                    told: parts.iter().map(|part| part.pending_id).collect(),
                    told_minor,
                    parts: items,
                });
                continue;
            }
            if parts.is_empty() {
                continue;
            }
            let shares = foresee(tx, &items).await?.into_iter().flat_map(|found| found.shares);
            let shares = shares.collect();
            if !split(tx, session, lump, shares, self.received_at).await? {
                continue;
            }
            let ends: Vec<End> = parts
                .iter()
                .map(|part| End {
                    pending_id: part.pending_id,
                    reason: "booked",
                    payment: Some(lump),
                })
                .collect();
            end(tx, session, &ends, self.received_at).await?;
        }
        self.doubt(tx, booking, differing).await
    }

    /// A lump that was booked before, as far as looking for its payments' references needs it.
    fn as_told(&self, booking: &Booking, row: &crate::store::rows::PaymentRow) -> Result<Incoming, Failure> {
        Ok(Incoming {
            payment_id: PaymentId::from_uuid(row.payment_id),
            collector: Arc::clone(&booking.collector),
            channel: booking.sort.channel,
            kind: "payment",
            unassignable: None,
            status: "booked",
            money: Money::new(row.amount_minor, booking.collector.currency),
            booked_on: None,
            value_on: super::prove::from_naive(row.value_on)?,
            received_at: self.received_at,
            references: Vec::new(),
            payer_key: None,
            payer_name: None,
            payer_account: None,
            remittance: None,
            structured: Vec::new(),
            free_text: Vec::new(),
            raw_id: self.item.raw_id,
            raw_sha256: Arc::from(self.item.sha256.as_str()),
            statement_id: booking.statement.statement_id,
            entry_no: 0,
            place: String::new(),
            entry_key: row.payment_id,
            occurrence: 1,
            provider: None,
        })
    }
}

/// A batch that is put apart.
fn exploded(batch: &Incoming, hashes: Vec<i64>) -> Exploded {
    Exploded {
        batch_id: batch.payment_id.as_uuid(),
        statement_id: batch.statement_id,
        booked_on: batch.booked_on.map(|on| on.naive()),
        amount_minor: batch.money.minor(),
        entry_key: batch.entry_key,
        occurrence: i32::try_from(batch.occurrence).unwrap_or(i32::MAX),
        refs: join(&batch.references),
        hashes,
    }
}

/// The payments that were found under a batch's names.
fn these<'t>(fits: &Fits, of: &[&'t TellingRow]) -> Vec<&'t TellingRow> {
    match fits {
        Fits::Exactly(which) | Fits::Differs { which, .. } => {
            which.iter().filter_map(|at| of.get(*at).copied()).collect()
        }
        Fits::Nothing => Vec::new(),
    }
}

/// Whether the payments told under a batch's names come to its sum, and which they are.
fn parts_of<'t>(
    batch: &Incoming,
    names: &[i64],
    told: &'t [TellingRow],
    used: &BTreeSet<Uuid>,
) -> (Fits, Vec<&'t TellingRow>) {
    let id = batch.payment_id.as_uuid();
    let free: Vec<&TellingRow> = told
        .iter()
        .filter(|one| !used.contains(&one.pending_id))
        .filter(|one| {
            one.booked_as
                .is_none_or(|payment| payment == payment_of(id, one.pending_id).as_uuid())
        })
        .collect();
    let tells: Vec<TellsOfOne> = free.iter().map(|one| one.tells()).collect();
    let fits = fit(batch.money.minor(), names, &tells);
    let parts = these(&fits, &free);
    (fits, parts)
}
