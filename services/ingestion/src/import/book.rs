//! The second pass: the proved statements of a file are booked in chunks. Each chunk is a transaction that locks the
//! statement's row and goes on exactly where it stands, so that nothing is booked twice, whoever else works on the file and
//! wherever the pass before was broken off.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::{Money, Timestamp};
use runtime::{Context, Failure, Scope, Tx};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::prove::from_naive;
use super::{map, source};
use crate::booking::{Debit, Incoming, Session, book_debits, book_payments, payer_key};
use crate::config::Config;
use crate::domain::coverage::days_of;
use crate::domain::entry::{BankEntry, Class, SettlementRule, classify};
use crate::domain::identify::Reason;
use crate::domain::keys::{Dates, EntryKey, Occurrences, disjoint};
use crate::feeds;
use crate::formats::{self, Event, StatementHeader, StatementKind};
use crate::store::payments::{self, Pending};
use crate::store::raw::{self, Raw};
use crate::store::registry::{self, Collector};
use crate::store::rows::SightingRow;
use crate::store::statements::{self, Progress, Statement};
use crate::store::{derived_id, join};

/// What the reading thread hands over.
enum Piece {
    Entries(Sort, Vec<BankEntry>),
    End(Sort),
    Failed(Failure),
}

/// Which statement of a file, and of what kind.
#[derive(Copy, Clone)]
struct Sort {
    number: u32,
    kind: StatementKind,
    channel: &'static str,
}

impl Sort {
    fn of(header: &StatementHeader) -> Self {
        Self {
            number: header.index,
            kind: header.kind,
            channel: header.format.family.channel(),
        }
    }
}

/// A statement on its way.
struct Booking {
    statement: Statement,
    sort: Sort,
    collector: Arc<Collector>,
    occurrences: Occurrences,
    shown: Occurrences,
    /// Entries read so far.
    read: i64,
    /// Entries done in the database.
    done: i64,
}

/// An entry with its number, key and occurrence.
struct Keyed {
    entry: BankEntry,
    number: i64,
    class: Class,
    key: EntryKey,
    occurrence: u32,
}

/// What one chunk is booked with.
struct Chunk<'a> {
    ctx: &'a Context,
    config: &'a Config,
    item: &'a Raw,
    sha256: Arc<str>,
    rule: SettlementRule,
    received_at: Timestamp,
}

/// Books what is proved of a file, and finishes it. `false` where somebody else works on it.
///
/// # Errors
/// When the database or the store does not answer.
pub async fn book(ctx: &Context, item: &Raw) -> Result<bool, Failure> {
    let mut conn = ctx.pool().acquire().await?;
    let proved: BTreeMap<u32, Statement> = statements::of_raw(&mut conn, item.raw_id)
        .await?
        .into_iter()
        .filter(|statement| statement.state == "proved")
        .filter_map(|statement| Some((u32::try_from(statement.number).ok()?, statement)))
        .collect();
    drop(conn);
    let config = ctx.config::<Config>();
    let chunk = Chunk {
        ctx,
        config: &config,
        item,
        sha256: Arc::from(item.sha256.as_str()),
        rule: config.settlement_rule(),
        received_at: Timestamp::from_utc(item.received_at).map_err(anyhow::Error::new)?,
    };
    let last = proved.keys().next_back().copied();
    let input = raw::open(ctx, item).await?;
    let wanted: Vec<u32> = proved.keys().copied().collect();
    let (sender, mut pieces) = mpsc::channel(2);
    let size = config.chunk_entries;
    let named = source::named(&item.origin).map(str::to_owned);
    let settings = Arc::clone(&config);
    let reader = tokio::task::spawn_blocking(move || read(input, &settings, named.as_deref(), &wanted, size, &sender));
    let mut now: Option<Booking> = None;
    let mut held: Vec<BankEntry> = Vec::new();
    while let Some(piece) = pieces.recv().await {
        let (sort, entries, end) = match piece {
            Piece::Entries(sort, entries) => (sort, entries, false),
            Piece::End(sort) => (sort, Vec::new(), true),
            Piece::Failed(failure) => return Err(failure),
        };
        if now.is_none() {
            now = begin(&chunk, proved.get(&sort.number), sort).await?;
        }
        let Some(booking) = &mut now else { continue };
        // One chunk is held back, so that the last one also ends the statement, and the last statement the file.
        if !held.is_empty() && !end && !chunk.flush(booking, std::mem::take(&mut held), false, false).await? {
            return Ok(false);
        }
        if !end {
            held = entries;
            continue;
        }
        if !chunk
            .flush(booking, std::mem::take(&mut held), true, Some(sort.number) == last)
            .await?
        {
            return Ok(false);
        }
        now = None;
    }
    reader.await.map_err(anyhow::Error::new)?;
    Ok(true)
}

/// Blocking: reads the wanted statements in chunks.
fn read(
    mut input: Box<dyn raw::ReadSeek>,
    config: &Config,
    named: Option<&str>,
    wanted: &[u32],
    size: usize,
    sender: &mpsc::Sender<Piece>,
) {
    let unreadable = |error: &dyn std::fmt::Display| {
        let failure = Failure::new(anyhow::anyhow!("a proved file cannot be read again: {error}"));
        // Nobody listens where the booking ended first.
        let _ = sender.blocking_send(Piece::Failed(failure));
    };
    let settings = match source::choose(config, named, &mut input) {
        Ok(Ok(settings)) => settings,
        Ok(Err(refusal)) => return unreadable(&refusal),
        Err(error) => return unreadable(&error),
    };
    let mut entries: Vec<BankEntry> = Vec::with_capacity(size);
    let mut now: Option<Sort> = None;
    let mut sink = |event: Event| -> Result<(), &'static str> {
        let gone = |_| "the booking ended";
        match event {
            Event::StatementStart(header) => {
                now = wanted.contains(&header.index).then(|| Sort::of(&header));
            }
            Event::Entry(entry) => {
                let Some(sort) = now else { return Ok(()) };
                entries.extend(map::entry(&entry, sort.kind));
                if entries.len() >= size {
                    let full = std::mem::take(&mut entries);
                    sender.blocking_send(Piece::Entries(sort, full)).map_err(gone)?;
                }
            }
            Event::StatementEnd(_) => {
                let Some(sort) = now.take() else { return Ok(()) };
                if !entries.is_empty() {
                    let rest = std::mem::take(&mut entries);
                    sender.blocking_send(Piece::Entries(sort, rest)).map_err(gone)?;
                }
                sender.blocking_send(Piece::End(sort)).map_err(gone)?;
            }
            Event::Problem { .. } => {}
        }
        Ok(())
    };
    if let Err(error) = formats::read_with(input, &settings, &mut sink) {
        unreadable(&error);
    }
}

/// Loads what the occurrences of this statement's entries depend on.
async fn begin(chunk: &Chunk<'_>, statement: Option<&Statement>, sort: Sort) -> Result<Option<Booking>, Failure> {
    let Some(statement) = statement else { return Ok(None) };
    let mut conn = chunk.ctx.pool().acquire().await?;
    let collector = registry::bank_account(&mut conn, &statement.bank_account).await?;
    let collector = collector.ok_or_else(|| anyhow::anyhow!("a proved statement's bank account is not known"))?;
    let others = statements::neighbours(&mut conn, statement).await?;
    let periods: Vec<_> = others.iter().map(Statement::period).collect();
    let mut apart: Vec<Uuid> = disjoint(&statement.period(), &periods)
        .into_iter()
        .filter_map(|at| others.get(at))
        .map(|other| other.statement_id)
        .collect();
    // Pages that were proved together hold different bookings, whatever their balances and numbers say.
    let id = statement.statement_id;
    let pages = others
        .iter()
        .filter(|other| statement.pages_with.contains(&other.statement_id) || other.pages_with.contains(&id));
    apart.extend(pages.map(|other| other.statement_id));
    let taken = if apart.is_empty() {
        Vec::new()
    } else {
        statements::occurrences(&mut conn, &apart, statement.first_booked_on, statement.last_booked_on).await?
    };
    Ok(Some(Booking {
        statement: statement.clone(),
        sort,
        collector: Arc::new(collector),
        occurrences: Occurrences::after(taken),
        shown: Occurrences::default(),
        read: 0,
        done: statement.next_entry,
    }))
}

impl Chunk<'_> {
    /// Books one chunk; `false` where the statement stands elsewhere than we thought: somebody else works on it.
    async fn flush(
        &self,
        booking: &mut Booking,
        entries: Vec<BankEntry>,
        end: bool,
        end_of_file: bool,
    ) -> Result<bool, Failure> {
        let keyed: Vec<Keyed> = entries.into_iter().map(|entry| self.key(booking, entry)).collect();
        let new: Vec<Keyed> = keyed.into_iter().filter(|keyed| keyed.number > booking.done).collect();
        if new.is_empty() && !end {
            return Ok(true);
        }
        let mut tx = self.ctx.begin(Scope::Service).await?;
        let state = raw::lock(tx.conn(), self.item.raw_id).await?.map(|raw| raw.state);
        let stands = statements::lock(tx.conn(), booking.statement.statement_id).await?;
        let fits = stands.is_some_and(|stands| stands.state == "proved" && stands.next_entry == booking.done);
        if state.as_deref() != Some("proved") || !fits {
            tx.rollback().await?;
            return Ok(false);
        }
        let mut session = Session::begin(&tx);
        let mut progress = self.post(&mut tx, &mut session, booking, &new).await?;
        progress.next_entry = booking.read.max(booking.done);
        let now = self.ctx.now().utc();
        statements::advance(tx.conn(), booking.statement.statement_id, &progress, end.then_some(now)).await?;
        if end && booking.sort.kind.is_final() {
            cover(&mut tx, &booking.statement).await?;
        }
        if end_of_file {
            raw::set_state(tx.conn(), self.item.raw_id, "done", None, &json!([]), now).await?;
            raw::reopen_own_pages(tx.conn(), self.item.raw_id).await?;
        } else {
            raw::set_half_booked(tx.conn(), self.item.raw_id).await?;
            raw::renew(tx.conn(), self.item.raw_id).await?;
        }
        session.finish(&mut tx).await?;
        tx.commit().await?;
        booking.done = progress.next_entry;
        Ok(true)
    }

    fn key(&self, booking: &mut Booking, entry: BankEntry) -> Keyed {
        booking.read += 1;
        let class = classify(&entry, &self.rule);
        let (dates, counted) = match class {
            Class::Shown => (Dates::Open, &mut booking.shown),
            _ => (Dates::Final, &mut booking.occurrences),
        };
        let key = entry.key(&booking.statement.bank_account, dates);
        let occurrence = counted.next(key);
        Keyed {
            number: booking.read,
            class,
            key,
            occurrence,
            entry,
        }
    }

    async fn post(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        new: &[Keyed],
    ) -> Result<Progress, Failure> {
        let mut incoming = Vec::new();
        let mut debits = Vec::new();
        let mut pending = Vec::new();
        let mut replaced = Vec::new();
        let any_pending = payments::any_pending(tx.conn()).await?;
        for keyed in new {
            match keyed.class {
                Class::Payment | Class::Settlement | Class::Unassignable => {
                    incoming.push(self.incoming(booking, keyed)?)
                }
                Class::Reversal | Class::Outgoing => debits.push(self.debit(booking, keyed)?),
                Class::Shown => pending.push((keyed, self.pending(booking, keyed))),
                Class::Zero => {}
            }
            if any_pending && !matches!(keyed.class, Class::Shown | Class::Zero) {
                let open = keyed.entry.key(&booking.statement.bank_account, Dates::Open);
                replaced.push((open.id().as_uuid(), keyed.key.occurrence(keyed.occurrence).as_uuid()));
            }
        }
        let paid = book_payments(tx, session, &incoming).await?;
        let out = book_debits(tx, session, &debits).await?;
        let rows: Vec<Pending> = pending.iter().map(|(_, row)| row.clone()).collect();
        let first = payments::keep_pending(tx.conn(), &rows).await?;
        for (keyed, row) in &pending {
            session.book.sighted(self.shown(
                booking,
                keyed,
                row,
                first.contains(&row.pending_id),
                session.book.segment(),
            ))?;
        }
        payments::replace_pending(tx.conn(), &replaced, self.received_at.utc()).await?;
        let shown = i64::try_from(pending.len()).unwrap_or(i64::MAX);
        Ok(Progress {
            next_entry: 0,
            payments: paid.new,
            seen_again: paid.seen_again,
            reversals: out.reversals,
            outgoing: out.outgoing,
            shown,
        })
    }

    /// The value date, else the booking date, else the statement's day.
    fn value_on(&self, booking: &Booking, entry: &BankEntry) -> Result<kernel::BusinessDate, Failure> {
        let of_statement = booking.statement.closing_on.map(from_naive).transpose()?;
        let found = entry.value_on.or(entry.booked_on).or(of_statement);
        found.ok_or_else(|| anyhow::anyhow!("a proved entry without any date").into())
    }

    fn incoming(&self, booking: &Booking, keyed: &Keyed) -> Result<Incoming, Failure> {
        let entry = &keyed.entry;
        let (kind, unassignable) = match keyed.class {
            Class::Settlement => ("settlement", Some(Reason::Settlement)),
            Class::Unassignable if entry.batch => ("payment", Some(Reason::Batch)),
            Class::Unassignable => ("payment", Some(Reason::OwnDebitReturned)),
            _ => ("payment", None),
        };
        let creditor = booking.collector.creditor_id;
        Ok(Incoming {
            payment_id: keyed.key.occurrence(keyed.occurrence),
            collector: Arc::clone(&booking.collector),
            channel: booking.sort.channel,
            kind,
            unassignable,
            status: "booked",
            money: entry.amount,
            booked_on: entry.booked_on,
            value_on: self.value_on(booking, entry)?,
            received_at: self.received_at,
            references: entry.references.clone(),
            payer_key: payer_key(&self.config.payer_key, creditor, entry.counterparty_account.as_deref()),
            payer_name: entry.counterparty_name.clone(),
            payer_account: entry.counterparty_account.clone(),
            remittance: (!entry.remittance.is_empty()).then(|| entry.remittance.clone()),
            structured: entry.structured.clone(),
            free_text: entry.free_text.clone(),
            raw_id: self.item.raw_id,
            raw_sha256: Arc::clone(&self.sha256),
            statement_id: booking.statement.statement_id,
            entry_no: keyed.number,
            place: entry.place.clone(),
            entry_key: keyed.key.id().as_uuid(),
            occurrence: keyed.occurrence,
            provider: None,
        })
    }

    fn debit(&self, booking: &Booking, keyed: &Keyed) -> Result<Debit, Failure> {
        let entry = &keyed.entry;
        let money: Money = entry.amount.checked_neg().map_err(anyhow::Error::new)?;
        Ok(Debit {
            debit_id: keyed.key.occurrence(keyed.occurrence).as_uuid(),
            collector: Arc::clone(&booking.collector),
            channel: booking.sort.channel,
            money,
            reversal: keyed.class == Class::Reversal,
            booked_on: entry.booked_on,
            value_on: self.value_on(booking, entry)?,
            received_at: self.received_at,
            references: entry.references.clone(),
            own_references: entry.own_references.clone(),
            payer_key: payer_key(
                &self.config.payer_key,
                booking.collector.creditor_id,
                entry.counterparty_account.as_deref(),
            ),
            payer_name: entry.counterparty_name.clone(),
            payer_account: entry.counterparty_account.clone(),
            remittance: (!entry.remittance.is_empty()).then(|| entry.remittance.clone()),
            reason: entry.returned.clone(),
            raw_id: self.item.raw_id,
            raw_sha256: Arc::clone(&self.sha256),
            statement_id: booking.statement.statement_id,
            entry_no: keyed.number,
            place: entry.place.clone(),
            entry_key: keyed.key.id().as_uuid(),
            occurrence: keyed.occurrence,
        })
    }

    fn pending(&self, booking: &Booking, keyed: &Keyed) -> Pending {
        Pending {
            pending_id: derived_id("pending", &[&keyed.key.id().to_string(), &keyed.occurrence.to_string()]),
            pending_key: keyed.key.id().as_uuid(),
            creditor_id: booking.collector.creditor_id,
            collector: booking.collector.name.clone(),
            currency: keyed.entry.amount.currency().code().to_owned(),
            amount_minor: keyed.entry.amount.minor(),
            status: keyed.entry.status.word(),
            seen_at: self.received_at.utc(),
        }
    }

    fn shown(&self, booking: &Booking, keyed: &Keyed, row: &Pending, first: bool, segment: i64) -> SightingRow {
        let entry = &keyed.entry;
        let place = [booking.statement.statement_id.to_string(), keyed.number.to_string()];
        SightingRow {
            statement_id: booking.statement.statement_id,
            entry_no: keyed.number,
            sighting_id: kernel::SightingId::derive(&[&place[0], &place[1]]).as_uuid(),
            payment_id: row.pending_id,
            creditor_id: row.creditor_id.as_uuid(),
            calendar: booking.collector.calendar.clone(),
            segment,
            channel: booking.sort.channel.to_owned(),
            collector: row.collector.clone(),
            class: "shown".to_owned(),
            status: row.status.to_owned(),
            first,
            currency: row.currency.clone(),
            amount_minor: row.amount_minor,
            booked_on: entry.booked_on.map(|on| on.naive()),
            value_on: entry.value_on.map(|on| on.naive()),
            entry_key: row.pending_key,
            occurrence: i32::try_from(keyed.occurrence).unwrap_or(i32::MAX),
            refs: join(&entry.references),
            raw_id: self.item.raw_id,
            place: entry.place.clone(),
            sighted_at: row.seen_at,
            payer_name: entry.counterparty_name.clone(),
            payer_iban: entry.counterparty_account.clone(),
            remittance: (!entry.remittance.is_empty()).then(|| entry.remittance.clone()),
        }
    }
}

/// A statement whose balances prove it covers its days; one in pages, when all of them are here.
async fn cover(tx: &mut Tx, statement: &Statement) -> Result<(), Failure> {
    if statement.proof != "holds" || !statement.covers {
        return Ok(());
    }
    let mut all = statements::by_ids(tx.conn(), &statement.pages_with).await?;
    all.push(statement.clone());
    all.sort_by_key(|page| page.page_no);
    let (Some(first), Some(closing_on)) = (all.first(), all.iter().filter_map(|page| page.closing_on).max()) else {
        return Ok(());
    };
    let chained = statements::chained_on(tx.conn(), first)
        .await?
        .map(from_naive)
        .transpose()?;
    let earliest = |of: fn(&Statement) -> Option<chrono::NaiveDate>| all.iter().filter_map(of).min();
    let booked = earliest(|page| page.first_booked_on).map(from_naive).transpose()?;
    let from = earliest(|page| page.from_on).map(from_naive).transpose()?;
    let days = days_of(
        from,
        chained.map(kernel::BusinessDate::succ),
        booked,
        from_naive(closing_on)?,
    );
    let days: Vec<chrono::NaiveDate> = days.iter().map(kernel::BusinessDate::naive).collect();
    let at = tx.context().now();
    feeds::cover(tx, &statement.bank_account, &days, at).await
}
