//! One writing transaction: close lock first, outbox last.

use std::collections::{BTreeMap, BTreeSet};

use contracts::catalogue::Topic;
use contracts::codec::EncodeError;
use contracts::{Message, MessageKey, codec};
use kernel::{MessageId, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _, Transaction};

use crate::context::Scope;
use crate::outbox::{self, Outgoing};
use crate::{Context, Failure};

/// First half of the two-part key of the close locks ("inca").
const CLOSE_LOCK: i32 = 0x696e_6361;

/// How a transaction takes its scope's close lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseLock {
    /// Every writing transaction.
    Shared,
    /// A close.
    Exclusive,
}

/// A writing transaction. Takes its locks in the order of DESIGN section 4; what it emits leaves through the outbox, in the
/// order of [`Tx::emit`], when and only when it commits.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    ctx: Context,
    scope: Scope,
    closed: BTreeMap<String, i64>,
    out: Vec<Outgoing>,
    released: Vec<MessageKey>,
    traceparent: Option<String>,
    traces: BTreeMap<MessageId, String>,
    done: BTreeSet<&'static str>,
}

impl Tx {
    pub(crate) async fn begin(ctx: &Context, scope: Scope, lock: CloseLock) -> Result<Self, Failure> {
        let mut inner = ctx.pool().begin().await?;
        let lock = match lock {
            CloseLock::Shared => "pg_advisory_xact_lock_shared",
            CloseLock::Exclusive => "pg_advisory_xact_lock",
        };
        let scope_column = scope.column();
        // One way to the server and back for both. The second statement sees what was committed while the first one waited: each
        // has a snapshot of its own.
        let both = format!(
            "SELECT {lock}({CLOSE_LOCK}, {scope_column}); SELECT calendar, sequence FROM rt_closed WHERE scope = {scope_column}"
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(both)).fetch_all(&mut *inner).await?;
        let closed = closed_days(rows.iter().filter(|row| row.len() == 2))?;
        Ok(Self {
            inner,
            ctx: ctx.clone(),
            scope,
            closed,
            out: Vec::new(),
            released: Vec::new(),
            // Of an HTTP request; a batch sets its records' own.
            traceparent: crate::telemetry::current().map(|trace| trace.to_string()),
            traces: BTreeMap::new(),
            done: BTreeSet::new(),
        })
    }

    /// The connection, for the service's own statements.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// The instance.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// Whether this is asked for the first time in the transaction: locks that are taken in order are taken at once, and never
    /// waited for a second time.
    pub fn first(&mut self, what: &'static str) -> bool {
        self.done.insert(what)
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// Sequence of the last day closed in this scope; every append-only row is stamped with it.
    pub fn segment(&self) -> i64 {
        self.closed.values().copied().max().unwrap_or(0)
    }

    /// Sequence of this calendar's last closed day in this scope, 0 if none: rows of its open day have `segment >= day_start`.
    pub fn day_start(&self, calendar: &str) -> i64 {
        self.closed.get(calendar).copied().unwrap_or(0)
    }

    /// The traces of the records at hand; without [`Tx::follow`], what is emitted continues the first one.
    pub(crate) fn trace(&mut self, records: impl Iterator<Item = (MessageId, Option<String>)>) {
        self.traces = records
            .filter_map(|(id, traceparent)| Some((id, traceparent?)))
            .collect();
        self.traceparent = self.traces.first_key_value().map(|(_, trace)| trace.clone());
    }

    /// What is emitted next continues the trace of this message.
    pub fn follow(&mut self, cause: MessageId) {
        self.traceparent = self.traces.get(&cause).cloned();
    }

    /// What is emitted next continues this W3C trace (an HTTP request's).
    pub fn follow_trace(&mut self, traceparent: Option<String>) {
        self.traceparent = traceparent;
    }

    /// Puts an event on one of the service's topics. The account's row is locked before, so that the outbox order of a key is
    /// its commit order.
    ///
    /// # Errors
    /// When the topic is not the service's, does not carry the event, or the event is larger than the topic allows.
    pub fn emit<M: Message>(
        &mut self,
        topic: &'static Topic,
        event: &M,
        id: MessageId,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let key = event.key();
        self.emit_to(
            topic,
            event,
            id,
            at,
            Some(key.text().into_bytes()),
            self.ctx.partition_of(key),
        )
    }

    /// Puts an event on a given partition (markers).
    pub(crate) fn emit_to<M: Message>(
        &mut self,
        topic: &'static Topic,
        event: &M,
        id: MessageId,
        at: Timestamp,
        key: Option<Vec<u8>>,
        partition: u32,
    ) -> Result<(), Failure> {
        if topic.writer != self.ctx.service() || !topic.events.contains(&M::TYPE) {
            return Err(anyhow::anyhow!("{} may not put {} on {}", self.ctx.service(), M::TYPE, topic.name).into());
        }
        let payload = codec::encode(event).and_then(|payload| match payload.len() {
            bytes if bytes > topic.max_bytes => Err(EncodeError::TooLarge {
                bytes,
                limit: topic.max_bytes,
            }),
            _ => Ok(payload),
        });
        // The type of the error stays beneath: a caller by HTTP is told that this can never succeed.
        let payload = payload.map_err(|error| anyhow::Error::new(error).context(format!("encoding {}", M::TYPE)))?;
        self.out.push(Outgoing {
            topic: topic.name.to_owned(),
            partition,
            key,
            id,
            kind: M::TYPE.to_owned(),
            payload: Some(payload),
            at,
            counted: M::TYPE != contracts::DayClosed::TYPE,
            traceparent: self.traceparent.clone(),
            more: Vec::new(),
        });
        Ok(())
    }

    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.out.push(outgoing);
    }

    /// Facts that wait under this key are handled right after this handler, in the same transaction.
    pub fn release(&mut self, key: MessageKey) {
        self.released.push(key);
    }

    pub(crate) fn take_released(&mut self) -> Vec<MessageKey> {
        std::mem::take(&mut self.released)
    }

    /// Whether a rejected message holds up this key: HTTP decisions on it answer 409.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_parked(&mut self, key: MessageKey) -> Result<bool, Failure> {
        Ok(
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM rt_parked_key WHERE key = $1)")
                .bind(key.uuid())
                .fetch_one(&mut *self.inner)
                .await?,
        )
    }

    /// What messages parked in the day would have moved, less what was freed in it, per currency code.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn parked_sums(&mut self, day: &crate::Day) -> Result<Vec<(String, i64)>, Failure> {
        let partition = self.scope.column();
        Ok(crate::parked::sums(&mut self.inner, day, partition).await?)
    }

    /// Writes the outbox rows; nothing may be emitted after.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        let out = std::mem::take(&mut self.out);
        outbox::insert(&mut self.inner, &out).await?;
        Ok(())
    }

    /// Commits, and wakes the relay where something was emitted.
    ///
    /// # Errors
    /// When the database does not answer; then nothing of it happened, or, if the connection was lost during the commit, all.
    pub async fn commit(mut self) -> Result<(), Failure> {
        let emitted = !self.out.is_empty();
        self.flush().await?;
        self.ctx.point("tx.flushed").await;
        self.inner.commit().await?;
        self.ctx.point("tx.committed").await;
        if emitted {
            outbox::wake(&self.ctx);
        }
        Ok(())
    }

    /// Commits what `flush` wrote.
    pub(crate) async fn commit_flushed(self) -> Result<(), Failure> {
        self.inner.commit().await?;
        outbox::wake(&self.ctx);
        Ok(())
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the database does not answer; the server undoes it all the same.
    pub async fn rollback(self) -> Result<(), Failure> {
        Ok(self.inner.rollback().await?)
    }
}

/// Last closed day per calendar.
fn closed_days<'a>(rows: impl Iterator<Item = &'a PgRow>) -> Result<BTreeMap<String, i64>, sqlx::Error> {
    rows.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
