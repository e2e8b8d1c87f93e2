//! One batch, one transaction: fence, inbox, handlers, outbox, next offset, commit (DESIGN section 4).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use contracts::catalogue::Topic;
use contracts::codec::{self, DecodeError};
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::handlers::{Erased, Verdict};
use crate::lease::Lease;
use crate::positions::{LeaseState, Received};
use crate::record::Record;
use crate::worker::Parts;
use crate::{Context, Failure, Outcome, Rejection, Tx, inbox, parked, steps, waiting};

/// What a worker brings to a transaction.
pub(crate) struct Owner<'a> {
    pub ctx: &'a Context,
    pub parts: &'a Parts,
    pub lease: Lease,
}

impl Owner<'_> {
    /// Begins a writing transaction of this partition under the fence.
    pub(crate) async fn begin(&self, lock: crate::tx::CloseLock) -> Result<(Tx, LeaseState), Failure> {
        let scope = self.parts.scope(self.lease.partition);
        let mut tx = Tx::begin(self.ctx, scope, lock).await?;
        let state = self.lease.fence(tx.conn()).await?;
        Ok((tx, state))
    }

    pub(crate) async fn save(&self, tx: &mut Tx, state: &LeaseState) -> Result<(), Failure> {
        self.lease
            .save(tx.conn(), state, self.ctx.settings().worker.lease_seconds)
            .await
    }
}

/// The row's next offset is where this epoch's reader stands, exactly (protocol.md row 3).
pub(crate) fn check_position(state: &LeaseState, topic: &Topic, expected: Option<i64>) -> Result<(), Failure> {
    let stands = state.positions.get(topic.name).copied();
    if stands == expected {
        return Ok(());
    }
    Err(Failure::fenced(format!(
        "{} stands at {stands:?}, this reader at {expected:?}",
        topic.name
    )))
}

/// Handles the records of one topic that follow `expected`; returns the lease row as it is now.
pub(crate) async fn run(
    owner: &Owner<'_>,
    topic: &'static Topic,
    records: Vec<Record>,
    expected: Option<i64>,
) -> Result<LeaseState, Failure> {
    let ctx = owner.ctx;
    let Some(last) = records.last().map(|record| record.offset) else {
        return Err(anyhow::anyhow!("an empty batch").into());
    };
    let (mut tx, mut state) = owner.begin(crate::tx::CloseLock::Shared).await?;
    ctx.point("batch.begun").await;
    check_position(&state, topic, expected)?;
    ctx.point("batch.fenced").await;
    let mut received = state.received.get(topic.name).copied().unwrap_or_default();
    let fresh = admit(owner.parts, &mut tx, topic, records, &mut received).await?;
    ctx.point("batch.inboxed").await;
    handle(owner.parts, &mut tx, fresh).await?;
    ctx.point("batch.handled").await;
    tx.flush().await?;
    ctx.point("batch.flushed").await;
    state.positions.insert(topic.name.to_owned(), last.saturating_add(1));
    state.received.insert(topic.name.to_owned(), received);
    owner.save(&mut tx, &state).await?;
    ctx.point("batch.saved").await;
    tx.commit_flushed().await?;
    ctx.point("batch.committed").await;
    Ok(state)
}

/// Keeps what is new: duplicates go, messages of parked keys join their queue.
async fn admit(
    parts: &Parts,
    tx: &mut Tx,
    topic: &Topic,
    records: Vec<Record>,
    received: &mut Received,
) -> Result<Vec<Record>, Failure> {
    let keys: HashSet<Uuid> = records.iter().map(Record::key_uuid).collect();
    let parked_keys = parked::parked_among(tx.conn(), &keys.into_iter().collect::<Vec<_>>()).await?;
    let held = Rejection::new("key-parked", "an earlier message of this key was rejected");
    let mut free = Vec::with_capacity(records.len());
    let mut duplicates = 0_u64;
    for record in records {
        if !parked_keys.contains(&record.key_uuid()) {
            free.push(record);
        } else if already_handled(tx, &record).await? {
            duplicates = duplicates.saturating_add(1);
        } else if parked::append(tx, &record, &held, stakes_of(parts, &record)).await? {
            received.add(kernel::checksum(record.id));
        }
    }
    let ids: Vec<_> = free.iter().map(|record| record.id).collect();
    let mut new = inbox::insert(tx.conn(), &ids).await?;
    let mut fresh = Vec::with_capacity(free.len());
    for record in free {
        if new.remove(&record.id.as_uuid()) {
            received.add(kernel::checksum(record.id));
            fresh.push(record);
        } else {
            duplicates = duplicates.saturating_add(1);
        }
    }
    if duplicates > 0 {
        tx.context().metrics().duplicates(topic.name, duplicates);
    }
    Ok(fresh)
}

/// A duplicate of a message that was handled before its key was parked must not join the queue.
async fn already_handled(tx: &mut Tx, record: &Record) -> Result<bool, Failure> {
    Ok(
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM rt_inbox WHERE message_id = $1)")
            .bind(record.id.as_uuid())
            .fetch_one(tx.conn())
            .await?,
    )
}

struct Group {
    kind: &'static str,
    topic: &'static Topic,
    handler: Option<Arc<dyn Erased>>,
    records: Vec<Record>,
}

/// Records that cannot even be typed, with the reason.
type Untyped = Vec<(Record, Rejection)>;

/// Cuts records into groups of one kind with at most one record per key (or several, where the handler takes them), so that the
/// order per key is kept.
fn groups(parts: &Parts, records: Vec<Record>) -> Result<(Vec<Group>, Untyped), Failure> {
    let mut groups: Vec<Group> = Vec::new();
    let mut after: HashMap<Uuid, usize> = HashMap::new();
    let mut bad = Vec::new();
    for record in records {
        let kind = match kind_of(&record)? {
            Ok(kind) => kind,
            Err(rejection) => {
                bad.push((record, rejection));
                continue;
            }
        };
        let from = after.get(&record.key_uuid()).copied().unwrap_or(0);
        let fits = |group: &Group| group.kind == kind && std::ptr::eq(group.topic, record.topic);
        let at = match groups.iter().skip(from).position(fits) {
            Some(n) => from.saturating_add(n),
            None => {
                let handler = parts.handlers.find(record.topic, kind).cloned();
                groups.push(Group {
                    kind,
                    topic: record.topic,
                    handler,
                    records: Vec::new(),
                });
                groups.len().saturating_sub(1)
            }
        };
        if let Some(group) = groups.get_mut(at) {
            let many = group.handler.as_ref().is_none_or(|handler| handler.takes_many());
            after.insert(record.key_uuid(), if many { at } else { at.saturating_add(1) });
            group.records.push(record);
        }
    }
    Ok((groups, bad))
}

/// The event's type; a schema that this version does not know is a failure, anything else undecodable a rejection.
fn kind_of(record: &Record) -> Result<Result<&'static str, Rejection>, Failure> {
    let Some(payload) = &record.payload else {
        // A tombstone on a compacted topic erases; handlers of this version keep nothing personal, so there is nothing to do.
        return Ok(if record.topic.compacted {
            Ok("")
        } else {
            Err(Rejection::new("undecodable", "the record has no value"))
        });
    };
    if let Some(kind) = codec::type_of(payload) {
        return Ok(Ok(kind));
    }
    match codec::to_json(payload) {
        Ok((kind, _)) => Ok(Ok(kind)),
        Err(DecodeError::UnknownFingerprint(fingerprint)) => Err(Failure::unknown_schema(format!(
            "{fingerprint:016x} on {}",
            record.topic.name
        ))),
        Err(error) => Ok(Err(Rejection::new("undecodable", error.to_string()))),
    }
}

/// Runs the handlers over records that are in the inbox; rejected ones are parked, waiting ones kept.
pub(crate) fn handle<'a>(parts: &'a Parts, tx: &'a mut Tx, records: Vec<Record>) -> BoxFuture<'a, Result<(), Failure>> {
    Box::pin(async move {
        if records.is_empty() {
            return Ok(());
        }
        tx.trace(records.iter().map(|record| (record.id, record.traceparent.clone())));
        if untyped(&records)? {
            return one_by_one(parts, tx, records).await;
        }
        let mut parked_now: HashSet<Uuid> = HashSet::new();
        let (groups, _) = groups(parts, records)?;
        for group in groups {
            run_group(parts, tx, group, &mut parked_now).await?;
        }
        Ok(())
    })
}

/// Whether something in the batch cannot even be typed: then order per key is kept by handling one at a time.
fn untyped(records: &[Record]) -> Result<bool, Failure> {
    for record in records {
        if kind_of(record)?.is_err() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn one_by_one(parts: &Parts, tx: &mut Tx, records: Vec<Record>) -> Result<(), Failure> {
    let mut parked_now: HashSet<Uuid> = HashSet::new();
    for record in records {
        if parked_now.contains(&record.key_uuid()) {
            queue_behind(tx, &record, None).await?;
            continue;
        }
        let (groups, bad) = groups(parts, vec![record])?;
        for (record, rejection) in bad {
            reject(tx, &record, &rejection, None, &mut parked_now).await?;
        }
        for group in groups {
            run_group(parts, tx, group, &mut parked_now).await?;
        }
    }
    Ok(())
}

async fn run_group(parts: &Parts, tx: &mut Tx, group: Group, parked_now: &mut HashSet<Uuid>) -> Result<(), Failure> {
    let Some(handler) = group.handler else { return Ok(()) };
    let mut records = Vec::with_capacity(group.records.len());
    for record in group.records {
        if parked_now.contains(&record.key_uuid()) {
            queue_behind(tx, &record, handler.stakes_of(&record)).await?;
        } else {
            records.push(record);
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    let started = std::time::Instant::now();
    let verdicts = handler.run(&records, tx).await?;
    tx.context().metrics().handle_took(group.topic.name, started.elapsed());
    let mut waits = Vec::new();
    let mut done = 0_u64;
    for (record, Verdict { outcome, stakes }) in records.iter().zip(verdicts) {
        // Where a handler takes many of a key, the later ones queue behind the one that it rejected.
        if parked_now.contains(&record.key_uuid()) {
            queue_behind(tx, record, handler.stakes_of(record)).await?;
            continue;
        }
        match outcome {
            Outcome::Done => done = done.saturating_add(1),
            Outcome::Wait => waits.push(record),
            Outcome::Reject(rejection) => reject(tx, record, &rejection, stakes, parked_now).await?,
        }
    }
    tx.context().metrics().handled(group.topic.name, "done", done);
    if !waits.is_empty() {
        waiting::keep(tx.conn(), &waits).await?;
        tx.context().point("waiting.kept").await;
    }
    let released = tx.take_released();
    if !released.is_empty() {
        let records = waiting::take(tx.conn(), &released).await?;
        tx.context().point("waiting.taken").await;
        handle(parts, tx, records).await?;
    }
    Ok(())
}

async fn reject(
    tx: &mut Tx,
    record: &Record,
    why: &Rejection,
    stakes: Option<crate::Stakes>,
    parked_now: &mut HashSet<Uuid>,
) -> Result<(), Failure> {
    inbox::remove(tx.conn(), &[record.id.as_uuid()]).await?;
    parked::park(tx, record, why, stakes).await?;
    parked_now.insert(record.key_uuid());
    Ok(())
}

async fn queue_behind(tx: &mut Tx, record: &Record, stakes: Option<crate::Stakes>) -> Result<(), Failure> {
    inbox::remove(tx.conn(), &[record.id.as_uuid()]).await?;
    let held = Rejection::new("key-parked", "an earlier message of this key was rejected");
    parked::append(tx, record, &held, stakes).await?;
    Ok(())
}

/// What a record would move, where it can be read: parked money is in the certificate, whichever batch it came in.
pub(crate) fn stakes_of(parts: &Parts, record: &Record) -> Option<crate::Stakes> {
    let kind = kind_of(record).ok()?.ok()?;
    parts.handlers.find(record.topic, kind)?.stakes_of(record)
}

/// What still waits when the day closes is rejected: the account should have been known by now.
pub(crate) async fn reject_waiting(parts: &Parts, tx: &mut Tx, partition: Option<u32>) -> Result<(), Failure> {
    let records = waiting::take_all(tx.conn(), partition).await?;
    let why = Rejection::new("account-unknown", "the account was still unknown when the day closed");
    let mut parked_now = HashSet::new();
    for record in records {
        let stakes = stakes_of(parts, &record);
        if parked_now.contains(&record.key_uuid()) {
            queue_behind(tx, &record, stakes).await?;
        } else {
            reject(tx, &record, &why, stakes, &mut parked_now).await?;
        }
    }
    Ok(())
}

/// Redrives a parked key: its messages in order, through the same handlers, the last one frees the key.
pub(crate) async fn redrive(owner: &Owner<'_>, key: Uuid) -> Result<(), Failure> {
    const PAGE: i64 = 100;
    let (mut tx, _) = owner.begin(crate::tx::CloseLock::Shared).await?;
    let queue = parked::queue(tx.conn(), key, PAGE).await?;
    let at = owner.ctx.now();
    steps::redrive(tx.conn(), owner.lease.partition, key, at).await?;
    owner.ctx.point("redrive.begun").await;
    let mut last = None;
    for parked in queue {
        let record = &parked.record;
        let kind = match kind_of(record)? {
            Ok(kind) => kind,
            Err(why) => {
                parked::refused(&mut tx, &parked, &why).await?;
                break;
            }
        };
        inbox::insert(tx.conn(), &[record.id]).await?;
        let outcome = match owner.parts.handlers.find(record.topic, kind) {
            None => Outcome::Done,
            Some(handler) => {
                let handler = Arc::clone(handler);
                let mut verdicts = handler.run(std::slice::from_ref(record), &mut tx).await?;
                verdicts.pop().map_or(Outcome::Done, |verdict| verdict.outcome)
            }
        };
        let refused = match outcome {
            Outcome::Done => None,
            Outcome::Wait => Some(Rejection::new("account-unknown", "the account is still unknown")),
            Outcome::Reject(why) => Some(why),
        };
        if let Some(why) = refused {
            inbox::remove(tx.conn(), &[record.id.as_uuid()]).await?;
            parked::refused(&mut tx, &parked, &why).await?;
            break;
        }
        parked::freed(&mut tx, &parked).await?;
        owner.ctx.point("redrive.handled").await;
        let released = tx.take_released();
        if !released.is_empty() {
            let records = waiting::take(tx.conn(), &released).await?;
            handle(owner.parts, &mut tx, records).await?;
        }
        last = Some(parked);
    }
    if let Some(last) = last {
        parked::free_if_drained(&mut tx, key, &last.record, at).await?;
        owner.ctx.point("redrive.freed").await;
    }
    tx.commit().await?;
    owner.ctx.point("redrive.committed").await;
    Ok(())
}
