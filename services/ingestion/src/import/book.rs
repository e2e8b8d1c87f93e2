//! The second pass: the proved statements of a file are booked in chunks. Each chunk is a transaction that locks the
//! statement's row and goes on exactly where it stands, so that nothing is booked twice, whoever else works on the file and
//! wherever the pass before was broken off.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::{Money, PaymentId, Timestamp};
use runtime::{Context, Failure, Scope, Tx};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::prove::from_naive;
use super::retold::{Batches, retold};
use super::{map, source};
use crate::booking::{Debit, Incoming, Session, book_debits, book_payments, payer_key};
use crate::config::Config;
use crate::domain::coverage::days_of;
use crate::domain::entry::{BankEntry, Class, SettlementRule, classify};
use crate::domain::identify::Reason;
use crate::domain::keys::{Dates, EntryKey, Occurrences, disjoint};
use crate::domain::retold::Retold;
use crate::domain::sightings::name;
use crate::feeds;
use crate::formats::{self, Event, StatementHeader, StatementKind};
use crate::store::raw::{self, Raw};
use crate::store::registry::{self, Collector};
use crate::store::statements::{self, Progress, Statement};

/// What the reading thread hands over.
enum Piece {
    Entries(Sort, Vec<BankEntry>),
    End(Sort),
    Failed(Failure),
}

/// Which statement of a file, and of what kind.
#[derive(Copy, Clone)]
pub(super) struct Sort {
    number: u32,
    pub(super) kind: StatementKind,
    pub(super) channel: &'static str,
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
pub(super) struct Booking {
    pub(super) statement: Statement,
    pub(super) sort: Sort,
    pub(super) collector: Arc<Collector>,
    occurrences: Occurrences,
    shown: Occurrences,
    /// What other formats told of its days, and which batches of them were booked payment by payment.
    retold: Retold,
    pub(super) batches: Batches,
    /// Statements that were booked beside it when it began.
    pub(super) beside: Vec<Uuid>,
    /// Entries read so far.
    read: i64,
    /// Entries done in the database.
    pub(super) done: i64,
}

/// An entry with its number, key and occurrence.
pub(super) struct Keyed {
    pub(super) entry: BankEntry,
    pub(super) number: i64,
    class: Class,
    pub(super) key: EntryKey,
    pub(super) occurrence: u32,
    /// The payment or debit that another format told it as.
    pub(super) same: Option<PaymentId>,
}

impl Keyed {
    /// The payment or debit that it is: as another format told it, else by its own key.
    pub(super) fn id(&self) -> Uuid {
        let natural = || self.key.occurrence(self.occurrence);
        self.same.unwrap_or_else(natural).as_uuid()
    }
}

/// What one chunk is booked with.
pub(super) struct Chunk<'a> {
    ctx: &'a Context,
    config: &'a Config,
    pub(super) item: &'a Raw,
    sha256: Arc<str>,
    rule: SettlementRule,
    pub(super) received_at: Timestamp,
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
    let (retold, batches) = retold(
        &mut conn,
        statement,
        &others,
        &apart,
        (sort.channel, sort.kind.is_final()),
    )
    .await?;
    Ok(Some(Booking {
        statement: statement.clone(),
        sort,
        collector: Arc::new(collector),
        retold,
        batches,
        beside: others.iter().map(|other| other.statement_id).collect(),
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
        let stands = statements::lock(
            tx.conn(),
            booking.statement.statement_id,
            booking.done == 0 || !booking.sort.kind.is_final(),
        )
        .await?;
        let fits = !self.joined_by_others(&mut tx, booking).await?
            && stands.is_some_and(|stands| stands.state == "proved" && stands.next_entry == booking.done);
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
            self.vanish(&mut tx, &mut session, booking).await?;
            self.say_gaps(&mut tx, booking).await?;
        }
        if end && booking.sort.kind == StatementKind::Notification {
            self.split_lumps(&mut tx, &mut session, booking).await?;
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
        let same = match (class, entry.booked_on) {
            (Class::Shown | Class::Zero, _) | (_, None) => None,
            _ if booking.retold.is_empty() => None,
            (_, Some(on)) => {
                let names = entry.references.iter().filter_map(|text| name(text)).collect();
                let minor = entry.amount.minor();
                booking.retold.take(on, minor, (key, occurrence), &names)
            }
        };
        Keyed {
            same,
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
        let (mut credits, mut incoming) = (Vec::new(), Vec::new());
        let (mut debited, mut debits) = (Vec::new(), Vec::new());
        let mut shown = Vec::new();
        for keyed in new {
            match keyed.class {
                Class::Payment | Class::Settlement | Class::Unassignable => {
                    credits.push(keyed);
                    incoming.push(self.incoming(booking, keyed)?);
                }
                Class::Reversal | Class::Outgoing => {
                    debited.push(keyed);
                    debits.push(self.debit(booking, keyed)?);
                }
                Class::Shown => shown.push(keyed),
                Class::Zero => {}
            }
        }
        let credits = self.explode(tx, booking, credits, incoming).await?;
        let shown = self.foresee(tx, booking, &shown, &credits.incoming).await?;
        let paid = book_payments(tx, session, &credits.incoming).await?;
        let out = book_debits(tx, session, &debits).await?;
        self.exploded(tx, session, booking, &credits, &paid).await?;
        self.settle(tx, session, booking, (&credits, &paid), &debited).await?;
        self.told_better(tx, session, &credits).await?;
        let count = i64::try_from(shown.len()).unwrap_or(i64::MAX);
        self.show(tx, session, booking, shown).await?;
        Ok(Progress {
            next_entry: 0,
            payments: paid.new,
            seen_again: paid.seen_again,
            reversals: out.reversals,
            outgoing: out.outgoing,
            shown: count,
        })
    }

    /// The key under which payers are remembered.
    pub(super) fn payer_secret(&self) -> &runtime::Secret {
        &self.config.payer_key
    }

    /// The value date, else the booking date, else the statement's day.
    pub(super) fn value_on(&self, booking: &Booking, entry: &BankEntry) -> Result<kernel::BusinessDate, Failure> {
        let of_statement = booking.statement.closing_on.map(from_naive).transpose()?;
        let found = entry.value_on.or(entry.booked_on).or(of_statement);
        found.ok_or_else(|| anyhow::anyhow!("a proved entry without any date").into())
    }

    pub(super) fn incoming(&self, booking: &Booking, keyed: &Keyed) -> Result<Incoming, Failure> {
        let entry = &keyed.entry;
        let (kind, unassignable) = match keyed.class {
            Class::Settlement => ("settlement", Some(Reason::Settlement)),
            Class::Unassignable if entry.batch => ("payment", Some(Reason::Batch)),
            Class::Unassignable => ("payment", Some(Reason::OwnDebitReturned)),
            _ => ("payment", None),
        };
        let creditor = booking.collector.creditor_id;
        Ok(Incoming {
            payment_id: PaymentId::from_uuid(keyed.id()),
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
            debit_id: keyed.id(),
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
