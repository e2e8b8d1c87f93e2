//! What a chunk tells that is not final, and what a final statement makes of what was told before: the same money by
//! [`crate::domain::sightings`], ended with a reason.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{BusinessDate, SightingId};
use runtime::{Failure, Tx};
use uuid::Uuid;

use super::batches::{Credits, Of};
use super::book::{Booking, Chunk, Keyed};
use super::overdue::booked_told;
use super::prove::from_naive;
use crate::booking::{Booked, Foreseen, Incoming, Session, end, expect, explain, foresee, shares_of};
use crate::domain::entry::{BankEntry, Status};
use crate::domain::identify::Share;
use crate::domain::keys::{Dates, EntryKey};
use crate::domain::sightings::{NEAR_DAYS, Tie, Told, pair};
use crate::formats::StatementKind;
use crate::store::provisional::{self, Again, End, Pending, Window};
use crate::store::rows::SightingRow;
use crate::store::{derived_id, join};

/// An entry that is not on the books, as it is told.
pub(super) struct Telling<'a> {
    keyed: &'a Keyed,
    told: Told,
    /// Of money to us: as it would be booked.
    item: Option<Incoming>,
    /// Whose it would be.
    shares: Vec<Share>,
}

/// Without the payer's reference: what sightings keep of it is all references in one list.
fn words(entry: &BankEntry, bank_account: &str) -> EntryKey {
    let bare = BankEntry {
        end_to_end: None,
        ..entry.clone()
    };
    bare.key(bank_account, Dates::Open)
}

impl Chunk<'_> {
    /// The day of an entry: booking date, else value date, else the statement's, else when it came.
    fn day(&self, booking: &Booking, entry: &BankEntry) -> Result<BusinessDate, Failure> {
        let of_statement = booking.statement.closing_on.map(from_naive).transpose()?;
        let found = entry.booked_on.or(entry.value_on).or(of_statement);
        Ok(found.unwrap_or_else(|| self.received_at.date_in(kernel::Tz::UTC)))
    }

    fn told(&self, booking: &Booking, entry: &BankEntry) -> Result<Told, Failure> {
        let on = self.day(booking, entry)?;
        Ok(Told::of(
            entry,
            &booking.statement.bank_account,
            booking.sort.channel,
            on,
        ))
    }

    /// Whose the provisional money of a chunk would be. Called before anything of the chunk is booked: references are looked
    /// up under the locks that come first, of `booked` too.
    pub(super) async fn foresee<'a>(
        &self,
        tx: &mut Tx,
        booking: &Booking,
        shown: &[&'a Keyed],
        booked: &[Incoming],
    ) -> Result<Vec<Telling<'a>>, Failure> {
        let mut tellings = Vec::with_capacity(shown.len());
        let mut items = Vec::new();
        for keyed in shown {
            let entry = &keyed.entry;
            let money_to_us = entry.status == Status::Pending && entry.amount.minor() > 0 && !entry.reversal;
            let item = if money_to_us && booking.sort.kind != StatementKind::Rejects {
                Some(self.incoming(booking, keyed)?)
            } else {
                None
            };
            items.extend(item.clone());
            tellings.push(Telling {
                keyed,
                told: self.told(booking, entry)?,
                item,
                shares: Vec::new(),
            });
        }
        if items.is_empty() {
            return Ok(tellings);
        }
        items.extend_from_slice(booked);
        let mut found = foresee(tx, &items).await?.into_iter();
        for telling in tellings.iter_mut().filter(|telling| telling.item.is_some()) {
            let Some(found) = found.next() else { break };
            telling.told.account = found.whole();
            telling.shares = found.shares;
        }
        Ok(tellings)
    }

    /// Keeps what a chunk shows. Money that was told before is known again; what is on the books already is linked to its
    /// payment; the rest waits, and the accounts that it names expect it.
    pub(super) async fn show(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        tellings: Vec<Telling<'_>>,
    ) -> Result<(), Failure> {
        let Some(window) = Window::around(tellings.iter().map(|telling| &telling.told), NEAR_DAYS) else {
            return Ok(());
        };
        let statement = booking.statement.statement_id;
        let name = &booking.collector.name;
        let known = provisional::within(tx.conn(), name, &window, false, Some(statement)).await?;
        let days: BTreeSet<_> = tellings.iter().map(|telling| telling.told.on.naive()).collect();
        let covered = provisional::covered(tx.conn(), &booking.statement.bank_account, &days).await?;
        let told: Vec<Told> = tellings.iter().map(|telling| telling.told.clone()).collect();
        let pairs = pair(&told, &all_told(&known)?, &Tie::ALL);
        let (mut again, mut reopened, mut new) = (Vec::new(), Vec::new(), Vec::new());
        let mut foreseen = Vec::new();
        for (telling, found) in tellings.iter().zip(&pairs) {
            let Some(row) = found.and_then(|(at, _)| known.get(at)) else {
                let row = self.row(booking, telling);
                session
                    .book
                    .sighted(self.sighting(booking, telling, &row, true, session.book.segment()))?;
                new.push((telling, row));
                continue;
            };
            session
                .book
                .sighted(self.sighting(booking, telling, row, false, session.book.segment()))?;
            again.push(told_again(telling, row.pending_id));
            let on = telling.told.on.naive();
            let later = row.end_reason.as_deref().is_some_and(|reason| reason != "booked") && on > row.expected_on;
            if later && !covered.contains(&on) {
                reopened.push((row.pending_id, on));
            }
            if (later && !covered.contains(&on)) || (row.ended_at.is_none() && row.account_id.is_none()) {
                foreseen.push(expected(telling, row.pending_id, row.reopened + i32::from(later)));
            }
        }
        provisional::told_again(tx.conn(), &again, statement).await?;
        let told = again.iter().map(|one| one.pending_id);
        let told = tellings
            .iter()
            .zip(&pairs)
            .filter(|(_, found)| found.is_some())
            .map(|(telling, _)| telling)
            .zip(told);
        let first = new.iter().map(|(telling, row)| (*telling, row.pending_id));
        self.name_batches(tx, booking, told.chain(first).map(|(telling, id)| (telling.keyed, id)))
            .await?;
        provisional::reopen(tx.conn(), &reopened).await?;
        self.link(tx, session, booking, &mut new).await?;
        for (telling, row) in &mut new {
            if row.end_reason.is_none() && covered.contains(&row.expected_on) && !booking.sort.kind.is_final() {
                row.end_reason = Some("not-booked".to_owned());
                row.ended_at = Some(self.received_at.utc());
            }
            if row.end_reason.is_none() {
                foreseen.push(expected(telling, row.pending_id, 0));
            }
        }
        let rows: Vec<Pending> = new.iter().map(|(_, row)| row.clone()).collect();
        provisional::insert(tx.conn(), &rows).await?;
        let foreseen: Vec<Foreseen<'_>> = foreseen.into_iter().flatten().collect();
        expect(tx, session, &foreseen).await?;
        self.withdraw(tx, session, booking, &tellings).await
    }

    /// What is on the books already: told late.
    async fn link(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        new: &mut [(&Telling<'_>, Pending)],
    ) -> Result<(), Failure> {
        let mut late: Vec<(&Telling<'_>, &mut Pending)> = new
            .iter_mut()
            .filter(|(telling, _)| telling.item.is_some())
            .map(|(telling, row)| (*telling, row))
            .collect();
        let dates: Vec<Told> = late.iter().map(|(telling, _)| telling.told.clone()).collect();
        let booked = self.booked_near(tx, session, booking, &dates).await?;
        if booked.is_empty() {
            return Ok(());
        }
        let told: Vec<Told> = late
            .iter()
            .map(|(telling, _)| Told {
                text: Some(words(&telling.keyed.entry, &booking.statement.bank_account)),
                ..telling.told.clone()
            })
            .collect();
        let known = booked
            .iter()
            .map(|row| booked_told(row, booking))
            .collect::<Result<Vec<_>, _>>()?;
        let mut shares = BTreeMap::new();
        for ((telling, row), found) in late.iter_mut().zip(pair(&told, &known, &Tie::ALL)) {
            if let Some(payment) = found.and_then(|(at, _)| booked.get(at)) {
                row.end_reason = Some("booked".to_owned());
                row.booked_as = Some(payment.payment_id);
                row.ended_at = Some(self.received_at.utc());
                shares.insert(payment.payment_id, telling.shares.clone());
            }
        }
        explain(tx, session, shares, self.received_at).await
    }

    /// A source takes back what it told, before it was booked.
    async fn withdraw(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        tellings: &[Telling<'_>],
    ) -> Result<(), Failure> {
        let takes_back = |entry: &BankEntry| {
            entry.status == Status::Pending && entry.amount.minor() < 0 && (entry.reversal || entry.returned.is_some())
        };
        let back: Vec<Told> = tellings
            .iter()
            .filter(|telling| takes_back(&telling.keyed.entry))
            .map(|telling| Told {
                amount_minor: telling.told.amount_minor.saturating_neg(),
                // A booking of its own: its reference need not be that of what it takes back.
                bank_reference: None,
                ..telling.told.clone()
            })
            .collect();
        let Some(window) = Window::around(&back, NEAR_DAYS) else {
            return Ok(());
        };
        let open = provisional::within(tx.conn(), &booking.collector.name, &window, true, None).await?;
        let ends: Vec<End> = pair(&back, &all_told(&open)?, &[Tie::Named])
            .into_iter()
            .filter_map(|found| open.get(found?.0))
            .map(|row| End {
                pending_id: row.pending_id,
                reason: "withdrawn",
                payment: None,
            })
            .collect();
        end(tx, session, &ends, self.received_at).await?;
        Ok(())
    }

    /// Booked entries end what was told of them before. `credits` are those of the chunk, and what they were booked as.
    pub(super) async fn settle(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        (credits, booked): (&Credits<'_>, &Booked),
        debits: &[&Keyed],
    ) -> Result<(), Failure> {
        if (credits.of.is_empty() && debits.is_empty())
            || !provisional::any_open(tx.conn(), &booking.collector.name).await?
        {
            return Ok(());
        }
        let mut told = Vec::new();
        let mut payments = Vec::new();
        let linked = provisional::linked(tx.conn(), &booked.payments).await?;
        let facts = booked.payments.iter().zip(&booked.news).zip(&booked.accounts);
        for (of, ((payment, news), account)) in credits.of.iter().zip(facts) {
            if let (Of::Entry(keyed), true) = (of, *news && !linked.contains(payment)) {
                told.push(Told {
                    account: *account,
                    ..self.told(booking, &keyed.entry)?
                });
                payments.push(*payment);
            }
        }
        for keyed in debits {
            told.push(self.told(booking, &keyed.entry)?);
            payments.push(keyed.id());
        }
        let Some(window) = Window::around(&told, NEAR_DAYS) else {
            return Ok(());
        };
        let open = provisional::within(tx.conn(), &booking.collector.name, &window, true, None).await?;
        let ends: Vec<End> = pair(&told, &all_told(&open)?, &Tie::ALL)
            .into_iter()
            .zip(payments)
            .filter_map(|(found, payment)| Some((open.get(found?.0)?, payment)))
            .map(|(row, payment)| End {
                pending_id: row.pending_id,
                reason: "booked",
                payment: Some(payment),
            })
            .collect();
        let ended = end(tx, session, &ends, self.received_at).await?;
        explain(tx, session, shares_of(ended)?, self.received_at).await
    }

    /// Another format told these payments before, perhaps in fewer words: what no account has of them may be found now.
    pub(super) async fn told_better(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        credits: &Credits<'_>,
    ) -> Result<(), Failure> {
        let told_before = |of: &Of<'_>| matches!(of, Of::Entry(keyed) if keyed.same.is_some());
        let items: Vec<Incoming> = credits
            .of
            .iter()
            .zip(&credits.incoming)
            .filter(|(of, _)| told_before(of))
            .map(|(_, item)| item.clone())
            .collect();
        let found = foresee(tx, &items).await?;
        let ids = items.iter().map(|item| item.payment_id.as_uuid());
        let shares = ids.zip(found).map(|(id, found)| (id, found.shares)).collect();
        explain(tx, session, shares, self.received_at).await
    }

    fn row(&self, booking: &Booking, telling: &Telling<'_>) -> Pending {
        let (entry, statement) = (&telling.keyed.entry, booking.statement.statement_id);
        Pending {
            pending_id: derived_id("pending", &[&statement.to_string(), &telling.keyed.number.to_string()]),
            pending_key: telling.keyed.key.id().as_uuid(),
            creditor_id: booking.collector.creditor_id.as_uuid(),
            collector: booking.collector.name.clone(),
            currency: entry.amount.currency().code().to_owned(),
            amount_minor: entry.amount.minor(),
            status: entry.status.word().to_owned(),
            seen_at: self.received_at.utc(),
            expected_on: telling.told.on.naive(),
            dated: telling.told.dated,
            channel: booking.sort.channel.to_owned(),
            bank_reference: telling.told.bank_reference.clone(),
            names: join(&telling.told.names.iter().cloned().collect::<Vec<_>>()),
            account_id: telling.told.account.map(|account| account.as_uuid()),
            statement_id: Some(statement),
            entry_no: Some(telling.keyed.number),
            last_statement: Some(statement),
            structured: join(&entry.structured),
            free_text: join(&entry.free_text),
            end_reason: None,
            ended_at: None,
            booked_as: None,
            reopened: 0,
        }
    }

    fn sighting(
        &self,
        booking: &Booking,
        telling: &Telling<'_>,
        row: &Pending,
        first: bool,
        segment: i64,
    ) -> SightingRow {
        let (keyed, entry) = (telling.keyed, &telling.keyed.entry);
        let statement = booking.statement.statement_id;
        SightingRow {
            statement_id: statement,
            entry_no: keyed.number,
            sighting_id: SightingId::derive(&[&statement.to_string(), &keyed.number.to_string()]).as_uuid(),
            payment_id: row.pending_id,
            creditor_id: booking.collector.creditor_id.as_uuid(),
            calendar: booking.collector.calendar.clone(),
            segment,
            channel: booking.sort.channel.to_owned(),
            collector: booking.collector.name.clone(),
            class: "shown".to_owned(),
            status: entry.status.word().to_owned(),
            first,
            currency: entry.amount.currency().code().to_owned(),
            amount_minor: entry.amount.minor(),
            booked_on: entry.booked_on.map(|on| on.naive()),
            value_on: entry.value_on.map(|on| on.naive()),
            entry_key: keyed.key.id().as_uuid(),
            occurrence: i32::try_from(keyed.occurrence).unwrap_or(i32::MAX),
            refs: join(&entry.references),
            raw_id: self.item.raw_id,
            place: entry.place.clone(),
            sighted_at: self.received_at.utc(),
            payer_name: entry.counterparty_name.clone(),
            payer_iban: entry.counterparty_account.clone(),
            remittance: (!entry.remittance.is_empty()).then(|| entry.remittance.clone()),
        }
    }
}

pub(super) fn all_told(rows: &[Pending]) -> Result<Vec<Told>, Failure> {
    rows.iter()
        .map(|row| row.told().map_err(|error| Failure::new(anyhow::Error::new(error))))
        .collect()
}

fn told_again(telling: &Telling<'_>, pending_id: Uuid) -> Again {
    let entry = &telling.keyed.entry;
    Again {
        pending_id,
        on: telling.told.on.naive(),
        account_id: telling.told.account.map(|account| account.as_uuid()),
        structured: join(&entry.structured),
        free_text: join(&entry.free_text),
    }
}

fn expected<'a>(telling: &'a Telling<'_>, pending_id: Uuid, reopened: i32) -> Option<Foreseen<'a>> {
    let item = telling.item.as_ref()?;
    (!telling.shares.is_empty()).then_some(Foreseen {
        pending_id,
        reopened,
        item,
        shares: &telling.shares,
    })
}
