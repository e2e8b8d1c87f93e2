//! One partition's worker: waiting is state, not a blocked task (protocol.md rows 2, 3 and 17).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use contracts::catalogue::Topic;
use tokio_util::sync::CancellationToken;

use crate::batch::{self, Owner};
use crate::context::Scope;
use crate::failure::FailureKind;
use crate::lease::Lease;
use crate::positions::LeaseState;
use crate::reader::{Buffers, Reader, Taken};
use crate::record::Record;
use crate::{Close, Context, Failure, Handlers, Rejection, close_partition, heads, marker, memory, start_check};

/// Batches that a crash may have interrupted this often are handled one message at a time; twice as often, parked.
const CRASHES_SUSPECT: i32 = 3;
const CRASHES_PARK: i32 = 6;
/// So many batches of one topic, then the others have their turn.
const IN_A_ROW: u32 = 8;

/// What all workers of an instance share.
pub(crate) struct Parts {
    pub handlers: Handlers,
    pub close: Close,
    /// All inputs, feedback included, in the catalogue's order.
    pub inputs: Vec<&'static Topic>,
    /// Those that the day waits for.
    pub waited: Vec<&'static str>,
    /// Held while a message is handled that may abort the process: a neighbour's must not be in hand then, or it would be
    /// counted as well, and parked in the end.
    pub alone: tokio::sync::Mutex<()>,
}

impl Parts {
    pub(crate) fn scope(&self, partition: u32) -> Scope {
        match self.close {
            Close::Partitioned(_) => Scope::Partition(partition),
            _ => Scope::Service,
        }
    }
}

pub(crate) struct Worker {
    ctx: Context,
    parts: Arc<Parts>,
    lease: Lease,
    buffers: Arc<Buffers>,
    reader: Reader,
    stop: CancellationToken,
    /// The lease row after our last transaction.
    state: LeaseState,
    /// Sequence of the last day closed in our scope.
    closed: i64,
    /// Where this epoch's reader stands.
    positions: BTreeMap<String, i64>,
    /// Records taken from a buffer whose transaction failed: tried again before anything else.
    again: Option<(&'static Topic, Taken)>,
    /// Before these offsets the inbox has forgotten what was handled.
    floors: BTreeMap<String, i64>,
    /// Crashes may lie behind us until this offset of this topic.
    careful: BTreeMap<&'static str, i64>,
    /// Topics of which a batch has ended well in this epoch.
    probed: BTreeSet<&'static str>,
    failures: u32,
    /// Records of the last batch.
    handled: usize,
    /// The topic taken last, by its place among the inputs, and how often in a row.
    last_topic: (usize, u32),
}

enum Turn {
    Worked,
    Idle,
}

impl Worker {
    pub(crate) fn new(
        ctx: Context,
        parts: Arc<Parts>,
        lease: Lease,
        buffers: Arc<Buffers>,
        reader: Reader,
        stop: CancellationToken,
    ) -> Self {
        Self {
            ctx,
            parts,
            lease,
            buffers,
            reader,
            stop,
            state: LeaseState::default(),
            closed: 0,
            positions: BTreeMap::new(),
            again: None,
            floors: BTreeMap::new(),
            careful: BTreeMap::new(),
            probed: BTreeSet::new(),
            failures: 0,
            handled: 0,
            last_topic: (0, 0),
        }
    }

    /// Runs until cancelled or fenced.
    pub(crate) async fn run(mut self) {
        let mut loaded = false;
        let mut published = tokio::time::Instant::now();
        while !self.stop.is_cancelled() {
            let turn = if loaded {
                self.turn().await
            } else {
                self.load().await.map(|()| Turn::Worked)
            };
            match turn {
                Ok(Turn::Worked) => {
                    loaded = true;
                    self.failures = 0;
                    self.ctx.gather(std::mem::take(&mut self.handled)).await;
                }
                Ok(Turn::Idle) => {
                    self.failures = 0;
                    self.idle().await;
                }
                Err(failure) if failure.kind() == FailureKind::Fenced => {
                    self.ctx.metrics().fenced();
                    tracing::warn!(partition = self.lease.partition, epoch = self.lease.epoch, %failure, "fenced");
                    return;
                }
                Err(failure) => self.back_off(&failure).await,
            }
            if published.elapsed() > Duration::from_secs(5) {
                published = tokio::time::Instant::now();
                self.reader.publish_positions(self.lease.partition, &self.positions);
            }
        }
        self.reader.publish_positions(self.lease.partition, &self.positions);
    }

    fn owner(&self) -> Owner<'_> {
        Owner {
            ctx: &self.ctx,
            parts: &self.parts,
            lease: self.lease,
        }
    }

    async fn load(&mut self) -> Result<(), Failure> {
        let (tx, state) = self.owner().begin(crate::tx::CloseLock::Shared).await?;
        self.closed = tx.segment();
        tx.rollback().await?;
        self.positions = state.positions.0.clone();
        self.state = state;
        self.careful = self.suspects().await?;
        self.floors = memory::floors(&self.ctx, self.lease.partition).await?;
        Ok(())
    }

    /// Kafka refused the next offset of some input. Where it is one of ours, this partition stops and says what to do; else
    /// reading starts anew, in a new epoch.
    async fn doubt(&self) -> Result<(), Failure> {
        // Asked again when Kafka does not answer now.
        let places = self.positions.keys().map(|topic| (topic.clone(), self.lease.partition));
        let extents = heads::extents(self.ctx.settings(), places.collect()).await?;
        for (place, extent) in extents {
            let next = self.positions.get(&place.0).copied().unwrap_or(0);
            if let Some(loss) = start_check::input_loss(&place, next, extent) {
                let told = loss.told(self.ctx.service());
                tracing::error!(partition = self.lease.partition, told, "the partition stops");
                self.ctx.health().note("inputs", Some(told.clone()));
                self.buffers.set_broken(told);
                self.buffers.set_doubted(false);
                return Ok(());
            }
        }
        Err(Failure::fenced("Kafka refused an offset: reading starts anew"))
    }

    async fn idle(&self) {
        let woken = self.ctx.wake("workers");
        // Somebody else may close the day that blocks us; else only an arrival or a request wakes an idle worker.
        let patience = if self.blocked() {
            Duration::from_millis(250)
        } else {
            Duration::from_secs(5)
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.buffers.arrived.notified() => {}
            () = woken.notified() => {}
            () = tokio::time::sleep(patience) => {}
        }
    }

    fn blocked(&self) -> bool {
        self.parts
            .waited
            .iter()
            .any(|topic| self.state.blocked(topic, self.closed))
    }

    async fn back_off(&mut self, failure: &Failure) {
        self.failures = self.failures.saturating_add(1);
        let worker = &self.ctx.settings().worker;
        let least = worker.retry_min_ms;
        let wait = least
            .saturating_mul(1_u64 << self.failures.min(12))
            .min(worker.retry_max_ms);
        match failure.kind() {
            FailureKind::UnknownSchema => {
                tracing::error!(partition = self.lease.partition, %failure, "deploy readers first: waiting for a version that knows the schema");
            }
            _ => tracing::warn!(partition = self.lease.partition, %failure, wait_ms = wait, "trying again"),
        }
        self.ctx.metrics().failure("handle");
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
        }
    }

    /// One transaction's worth of work, in this order: the running day, redrives, new records.
    async fn turn(&mut self) -> Result<Turn, Failure> {
        if self.buffers.doubted() {
            self.doubt().await?;
        }
        if let Some(why) = self.buffers.broken() {
            return Err(anyhow::anyhow!(why).into());
        }
        if let Some(halted) = &self.state.halted {
            tracing::error!(
                partition = self.lease.partition,
                halted,
                "stopped until a person releases it"
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.load().await?;
            return Ok(Turn::Idle);
        }
        if let Close::Partitioned(close) = &self.parts.close {
            let close = Arc::clone(close);
            let waited = self.parts.waited.iter().copied();
            if self.again.is_none() && self.state.aligned(waited, self.closed).is_some() {
                let (state, closed) = close_partition::turn(&self.owner(), &*close).await?;
                self.state = state;
                self.closed = closed;
                return Ok(Turn::Worked);
            }
        }
        self.redrive().await?;
        let Some((topic, taken)) = self.take() else {
            self.look_for_close().await?;
            return Ok(Turn::Idle);
        };
        self.handle(topic, taken).await?;
        Ok(Turn::Worked)
    }

    /// Where all partitions close at once, somebody else may have closed the day that blocks us.
    async fn look_for_close(&mut self) -> Result<(), Failure> {
        if self.blocked() {
            let scope = self.parts.scope(self.lease.partition);
            let closed: Option<i64> = sqlx::query_scalar("SELECT max(sequence) FROM rt_closed WHERE scope = $1")
                .bind(scope.column())
                .fetch_one(self.ctx.pool())
                .await?;
            let before = self.closed;
            self.closed = closed.unwrap_or(0);
            if self.closed > before {
                self.buffers.arrived.notify_one();
            }
        }
        Ok(())
    }

    async fn redrive(&mut self) -> Result<(), Failure> {
        if !self.buffers.take_redrive() {
            return Ok(());
        }
        let mut conn = self.ctx.pool().acquire().await?;
        let keys = crate::parked::redrivable(&mut conn, self.lease.partition).await?;
        drop(conn);
        for key in keys {
            batch::redrive(&self.owner(), key).await?;
        }
        Ok(())
    }

    /// The next records of a topic that is not blocked. The catalogue's order is that in which facts need each other (accounts,
    /// invoices, money), so that little has to wait; but nobody starves.
    fn take(&mut self) -> Option<(&'static Topic, Taken)> {
        if let Some(again) = self.again.take() {
            return Some(again);
        }
        let inputs = &self.parts.inputs;
        let (last, times) = self.last_topic;
        let first = if times < IN_A_ROW { 0 } else { last.wrapping_add(1) };
        for n in 0..inputs.len() {
            let at = first.wrapping_add(n).checked_rem(inputs.len())?;
            let topic = inputs.get(at).copied()?;
            let waited = self.parts.waited.contains(&topic.name);
            if waited && self.state.blocked(topic.name, self.closed) {
                continue;
            }
            let max = if self.careful.contains_key(topic.name) {
                1
            } else {
                self.ctx.settings().worker.batch_max
            };
            if let Some(taken) = self.buffers.take(topic.name, max, &self.reader) {
                let times = if at == last { times.wrapping_add(1) } else { 1 };
                self.last_topic = (at, times);
                return Some((topic, taken));
            }
        }
        None
    }

    async fn handle(&mut self, topic: &'static Topic, taken: Taken) -> Result<(), Failure> {
        let expected = self.positions.get(topic.name).copied();
        let first = taken.first_offset();
        if expected.is_some_and(|expected| first < expected) {
            return Err(Failure::fenced(format!(
                "{}: offset {first} comes again, this reader stands at {expected:?}",
                topic.name
            )));
        }
        if let Some(floor) = self.floors.get(topic.name).copied()
            && first < floor
        {
            let refused = memory::refuse(&self.owner(), topic, first, floor).await;
            self.again = Some((topic, taken));
            self.state = refused?;
            return Ok(());
        }
        let (result, records) = match taken {
            Taken::Marker(record) => {
                let result = marker::run(&self.owner(), record.clone(), expected).await;
                (result, Taken::Marker(record))
            }
            Taken::Batch(records) => {
                self.handled = records.len();
                let result = self.batch(topic, &records, expected).await;
                (result, Taken::Batch(records))
            }
        };
        match result {
            Ok(state) => {
                self.positions = state.positions.0.clone();
                self.state = state;
                self.ctx.wake("closer").notify_one();
                Ok(())
            }
            Err(failure) => {
                self.again = Some((topic, records));
                Err(failure)
            }
        }
    }

    async fn batch(
        &mut self,
        topic: &'static Topic,
        records: &[Record],
        expected: Option<i64>,
    ) -> Result<LeaseState, Failure> {
        let Some(first) = records.first() else {
            return Err(anyhow::anyhow!("an empty batch").into());
        };
        if let Some(expected) = expected
            && first.offset > expected
            && !topic.compacted
        {
            tracing::error!(topic = topic.name, expected, got = first.offset, "records are missing");
            return Err(anyhow::anyhow!(
                "{}: offset {} follows {expected}: records are missing",
                topic.name,
                first.offset
            )
            .into());
        }
        let parts = Arc::clone(&self.parts);
        let _alone = if self.careful.contains_key(topic.name) {
            Some(parts.alone.lock().await)
        } else {
            None
        };
        let attempts = self.count_attempt(topic, records).await?;
        if attempts > CRASHES_PARK && records.len() == 1 {
            let state = marker::park_crasher(&self.owner(), first, expected, attempts).await?;
            self.calm(topic, first.offset).await?;
            return Ok(state);
        }
        let state = batch::run(&self.owner(), topic, records.to_vec(), expected).await?;
        if let Some(last) = records.last() {
            self.calm(topic, last.offset).await?;
        }
        Ok(state)
    }

    /// Topics on which crashes were counted, with the offset until which each message is handled alone.
    async fn suspects(&self) -> Result<BTreeMap<&'static str, i64>, Failure> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "UPDATE rt_attempt SET careful = true WHERE partition = $1 AND (careful OR attempts >= $2) RETURNING topic, careful_until",
        )
        .bind(i32::try_from(self.lease.partition).unwrap_or(i32::MAX))
        .bind(CRASHES_SUSPECT)
        .fetch_all(self.ctx.pool())
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(topic, until)| Some((contracts::catalogue::of(&topic)?.name, until)))
            .collect())
    }

    /// Counts the attempt before handling, but only where a crash may lie behind us: in a topic's first batch of each epoch,
    /// and message by message while careful. Returns how often a batch at this offset was begun and not ended.
    async fn count_attempt(&self, topic: &'static Topic, records: &[Record]) -> Result<i32, Failure> {
        let suspect = !self.probed.contains(topic.name) || self.careful.contains_key(topic.name);
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Ok(0);
        };
        if !suspect || self.failures > 0 {
            return Ok(0);
        }
        let attempts = sqlx::query_scalar(
            "INSERT INTO rt_attempt (partition, topic, at_offset, attempts, careful_until) VALUES ($1, $2, $3, 1, $4)
             ON CONFLICT (partition, topic) DO UPDATE SET
               attempts = CASE WHEN rt_attempt.at_offset = excluded.at_offset THEN rt_attempt.attempts + 1 ELSE 1 END,
               careful_until = greatest(rt_attempt.careful_until, excluded.careful_until),
               at_offset = excluded.at_offset
             RETURNING attempts",
        )
        .bind(i32::try_from(self.lease.partition).unwrap_or(i32::MAX))
        .bind(topic.name)
        .bind(first.offset)
        .bind(last.offset)
        .fetch_one(self.ctx.pool())
        .await?;
        Ok(attempts)
    }

    /// A batch ended well: past the suspect range nothing of the crashes is remembered.
    async fn calm(&mut self, topic: &'static Topic, last: i64) -> Result<(), Failure> {
        if self.careful.get(topic.name).is_some_and(|until| last < *until) {
            return Ok(());
        }
        let was_careful = self.careful.remove(topic.name).is_some();
        if self.probed.insert(topic.name) || was_careful {
            sqlx::query("DELETE FROM rt_attempt WHERE partition = $1 AND topic = $2")
                .bind(i32::try_from(self.lease.partition).unwrap_or(i32::MAX))
                .bind(topic.name)
                .execute(self.ctx.pool())
                .await?;
        }
        Ok(())
    }
}

/// Why a message that aborts the process is parked.
pub(crate) fn crasher(attempts: i32) -> Rejection {
    Rejection::new(
        "aborts-the-process",
        format!("handling it was begun {attempts} times and never ended"),
    )
}
