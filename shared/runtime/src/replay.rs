//! Recorded days run again: every step of every partition in its order, from the topics into an empty database, and what
//! that emits compared byte for byte with what lies on the topics (DESIGN section 5).
//!
//! Each close has recorded the offsets reached on every input (`rt_day`), each transaction its place in the order
//! (`rt_step`). Only services whose inputs are topics alone can be run again: where work comes in by HTTP or files, the
//! topics do not have it.

mod compare;
mod tape;

use std::collections::BTreeSet;
use std::sync::Arc;

use contracts::catalogue::Topic;
use kernel::{BusinessDate, Timestamp};
use serde::Serialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::Tokens;
use crate::batch::{self, Owner};
use crate::context::Inner;
use crate::lease::{self, Lease};
use crate::reader::Taken;
use crate::worker::Parts;
use crate::{
    Blobs, Close, Context, Definition, Health, ManualClock, Metrics, Secret, Service, Settings, close_partition,
    marker, migrate,
};
use tape::Tape;

pub use compare::{Certified, Difference};

/// Differences that a report lists; more are counted.
const SHOWN: usize = 20;

/// Through which day, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// An empty database of its own; it holds the service's tables afterwards.
    pub scratch: Secret,
    /// The calendar's id, or what of it stands before the `@` where that is enough.
    pub calendar: String,
    /// The last day that is run; all before it are run as well.
    pub day: BusinessDate,
}

/// What was run, and whether it said the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Everything emitted is on the topics byte for byte, nothing else is, and the certificates are the same.
    pub same: bool,
    /// The service.
    pub service: &'static str,
    /// The calendar's id.
    pub calendar: String,
    /// The last day run.
    pub day: BusinessDate,
    /// Its number over all calendars.
    pub sequence: i64,
    /// Steps as recorded, transactions and records handled.
    pub steps: u64,
    /// Transactions.
    pub transactions: u64,
    /// Records read from the inputs.
    pub records: u64,
    /// Messages emitted and compared.
    pub messages: u64,
    /// Every day run, with its certificate's hash then and now.
    pub days: Vec<Certified>,
    /// How many differences there are; the first of them follow.
    pub differing: u64,
    /// At most twenty.
    pub differences: Vec<Difference>,
}

/// One recorded step.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Step {
    kind: String,
    topic: Option<String>,
    from_offset: Option<i64>,
    next_offset: Option<i64>,
    times: i64,
    sequence: Option<i64>,
    key: Option<Uuid>,
    at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Runs the recorded days of `S` through the asked one into `request.scratch`, and compares. The service may run meanwhile:
/// its database and topics are only read.
///
/// # Errors
/// When the service's days cannot be run again, the day is not closed or not recorded from the start, Kafka no longer has the
/// inputs, or a server does not answer.
pub async fn replay<S: Service>(settings: &Settings<S::Config>, request: &Request) -> anyhow::Result<Report> {
    let definition = S::define(settings.service.clone())?;
    anyhow::ensure!(
        matches!(definition.close, Close::Partitioned(_)),
        "{} takes in work by HTTP, files or the clock, which the topics do not have: its days cannot be run again",
        S::NAME
    );
    let original = crate::start::connect(&settings.runtime.database, S::NAME).await?;
    let (calendar, sequence) = day_asked(&original, request).await?;
    migrate::run(request.scratch.expose(), definition.migrations).await?;
    let clock = ManualClock::new(Timestamp::EPOCH);
    let ctx = context::<S>(settings, request, &clock).await?;
    let mut player = Player::new(ctx.clone(), definition, clock).await?;
    for partition in 0..ctx.partitions() {
        let steps = steps(&original, partition, sequence).await?;
        let played = player.partition(partition, &steps).await;
        played.map_err(|error| error.context(format!("partition {partition}")))?;
    }
    let days = compare::certificates(&original, ctx.pool(), sequence).await?;
    let compared = compare::messages(&ctx, sequence).await?;
    original.close().await;
    ctx.pool().close().await;
    Ok(Report {
        same: compared.differing == 0 && days.iter().all(Certified::same),
        service: S::NAME,
        calendar,
        day: request.day,
        sequence,
        steps: player.steps,
        transactions: player.transactions,
        records: player.records,
        messages: compared.messages,
        days,
        differing: compared.differing,
        differences: compared.differences,
    })
}

/// The calendar's full id and the day's number.
async fn day_asked(pool: &PgPool, request: &Request) -> anyhow::Result<(String, i64)> {
    let found: Vec<(String, i64)> = sqlx::query_as(
        "SELECT DISTINCT calendar, sequence FROM rt_day
         WHERE closed_on = $2 AND (calendar = $1 OR split_part(calendar, '@', 1) = $1) ORDER BY calendar",
    )
    .bind(&request.calendar)
    .bind(request.day.naive())
    .fetch_all(pool)
    .await?;
    match found.as_slice() {
        [day] => Ok(day.clone()),
        [] => {
            let known: Vec<String> = sqlx::query_scalar(
                "SELECT calendar || ' ' || min(closed_on) || ' to ' || max(closed_on) FROM rt_day GROUP BY calendar ORDER BY 1",
            )
            .fetch_all(pool)
            .await?;
            anyhow::bail!(
                "{} of calendar {} is not closed here; closed: {}",
                request.day,
                request.calendar,
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            )
        }
        more => anyhow::bail!(
            "calendar {} may be {}: name one",
            request.calendar,
            more.iter()
                .map(|(calendar, _)| calendar.as_str())
                .collect::<Vec<_>>()
                .join(" or ")
        ),
    }
}

/// A partition's steps from its first to the close of the day.
async fn steps(pool: &PgPool, partition: u32, sequence: i64) -> anyhow::Result<Vec<Step>> {
    let partition = i32::try_from(partition)?;
    let end: Option<i64> =
        sqlx::query_scalar("SELECT min(id) FROM rt_step WHERE partition = $1 AND kind = 'closed' AND sequence = $2")
            .bind(partition)
            .bind(sequence)
            .fetch_one(pool)
            .await?;
    let end = end.ok_or_else(|| {
        anyhow::anyhow!("partition {partition} has not closed day {sequence} yet, or before days were recorded")
    })?;
    let steps: Vec<Step> = sqlx::query_as(
        "SELECT kind, topic, from_offset, next_offset, times, sequence, key, at FROM rt_step
         WHERE partition = $1 AND id <= $2 ORDER BY id",
    )
    .bind(partition)
    .bind(end)
    .fetch_all(pool)
    .await?;
    let mut begun: BTreeSet<&str> = BTreeSet::new();
    for step in steps.iter().filter(|step| step.kind == "batch") {
        if let (Some(topic), from) = (&step.topic, step.from_offset)
            && begun.insert(topic)
            && let Some(from) = from.filter(|from| *from > 0)
        {
            anyhow::bail!("{topic} is recorded from offset {from} on only: what came before cannot be run again");
        }
    }
    Ok(steps)
}

/// What the handlers run in: the scratch database, no relay, no workers.
async fn context<S: Service>(
    settings: &Settings<S::Config>,
    request: &Request,
    clock: &ManualClock,
) -> anyhow::Result<Context> {
    let mut runtime = settings.runtime.clone();
    runtime.database.url = request.scratch.clone();
    let pool = crate::start::connect(&runtime.database, S::NAME).await?;
    let blobs = Blobs::open(&runtime.blobs)?;
    let tokens = Tokens::open(&crate::config::TokensConfig::default())?;
    Ok(Context(Arc::new(Inner {
        service: S::NAME,
        settings: runtime,
        pool,
        clock: clock.shared(),
        blobs,
        tokens,
        metrics: Metrics::new(S::NAME),
        health: Health::default(),
        config: Arc::new(settings.service.clone()),
        faults: None,
        crashed: CancellationToken::new(),
        wakes: std::sync::Mutex::default(),
    })))
}

/// Runs steps.
struct Player {
    ctx: Context,
    parts: Parts,
    clock: ManualClock,
    instance: Uuid,
    steps: u64,
    transactions: u64,
    records: u64,
}

impl Player {
    async fn new(ctx: Context, definition: Definition, clock: ManualClock) -> anyhow::Result<Self> {
        let parts = crate::start::parts(ctx.service(), definition.handlers, definition.close);
        let inputs: Vec<String> = parts.inputs.iter().map(|topic| topic.name.to_owned()).collect();
        lease::prepare(&ctx, &inputs).await?;
        let used: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM rt_inbox) OR EXISTS (SELECT FROM rt_outbox) OR EXISTS (SELECT FROM rt_step)",
        )
        .fetch_one(ctx.pool())
        .await?;
        anyhow::ensure!(!used, "the scratch database is not empty");
        let instance = Uuid::from_u128(1);
        sqlx::query("UPDATE rt_lease SET owner = $1, epoch = 1, expires_at = 'infinity'")
            .bind(instance)
            .execute(ctx.pool())
            .await?;
        Ok(Self {
            ctx,
            parts,
            clock,
            instance,
            steps: 0,
            transactions: 0,
            records: 0,
        })
    }

    async fn partition(&mut self, partition: u32, steps: &[Step]) -> anyhow::Result<()> {
        let mut tape = Tape::new(self.ctx.settings().clone(), partition);
        let mut crasher = None;
        for step in steps {
            self.steps = self.steps.saturating_add(1);
            match step.kind.as_str() {
                "batch" => self.batch(&mut tape, step, crasher.take()).await?,
                "parked" => crasher = step.from_offset.zip(i32::try_from(step.times).ok()),
                "redrive" => self.redrive(partition, step).await?,
                _ => self.day(partition, step).await?,
            }
        }
        Ok(())
    }

    fn owner(&self, partition: u32) -> Owner<'_> {
        Owner {
            ctx: &self.ctx,
            parts: &self.parts,
            lease: Lease {
                partition,
                owner: self.instance,
                epoch: 1,
            },
        }
    }

    /// The records of a topic from one offset to another, cut at markers and at the largest batch.
    async fn batch(&mut self, tape: &mut Tape, step: &Step, mut crasher: Option<(i64, i32)>) -> anyhow::Result<()> {
        let (Some(topic), Some(next)) = (
            step.topic.as_deref().and_then(contracts::catalogue::of),
            step.next_offset,
        ) else {
            anyhow::bail!("a recorded step names no topic of the catalogue: {step:?}");
        };
        let mut stands = self.stand(tape.partition(), topic, step.from_offset).await?;
        tape.seek(topic, step.from_offset, next)?;
        loop {
            let max = if crasher.is_some() {
                1
            } else {
                self.ctx.settings().worker.batch_max
            };
            let Some(taken) = tape.take(max).await? else { break };
            let owner = self.owner(tape.partition());
            let (done, last, count) = match taken {
                Taken::Marker(record) => {
                    let last = record.offset;
                    (marker::run(&owner, record, stands).await, last, 1)
                }
                Taken::Batch(records) => {
                    let Some(last) = records.last().map(|record| record.offset) else {
                        break;
                    };
                    let count = records.len();
                    let done = match (records.as_slice(), crasher) {
                        ([record], Some((at, attempts))) if record.offset == at => {
                            marker::park_crasher(&owner, record, stands, attempts).await
                        }
                        _ => batch::run(&owner, topic, records, stands).await,
                    };
                    (done, last, count)
                }
            };
            done.map_err(|failure| {
                failure
                    .into_source()
                    .context(format!("{} through offset {last}", topic.name))
            })?;
            if crasher.is_some_and(|(at, _)| at <= last) {
                crasher = None;
            }
            self.transactions = self.transactions.saturating_add(1);
            self.records = self.records.saturating_add(u64::try_from(count)?);
            stands = Some(last.saturating_add(1));
        }
        // Compaction may have taken the last records of the range.
        self.stand(tape.partition(), topic, Some(next)).await?;
        Ok(())
    }

    /// Puts the position where the recorded step found or left it: somebody may have set it back in between.
    async fn stand(&self, partition: u32, topic: &Topic, at: Option<i64>) -> anyhow::Result<Option<i64>> {
        sqlx::query(
            "UPDATE rt_lease SET positions = CASE WHEN $3::bigint IS NULL THEN positions - $2
                                                  ELSE jsonb_set(positions, ARRAY[$2], to_jsonb($3)) END
             WHERE partition = $1 AND (positions ->> $2)::bigint IS DISTINCT FROM $3",
        )
        .bind(i32::try_from(partition)?)
        .bind(topic.name)
        .bind(at)
        .execute(self.ctx.pool())
        .await?;
        Ok(at)
    }

    async fn redrive(&mut self, partition: u32, step: &Step) -> anyhow::Result<()> {
        let (Some(key), Some(at)) = (step.key, step.at) else {
            anyhow::bail!("a recorded redrive names no key");
        };
        self.clock.set(Timestamp::from_micros(at.timestamp_micros())?);
        let done = batch::redrive(&self.owner(partition), key).await;
        self.transactions = self.transactions.saturating_add(1);
        done.map_err(|failure| failure.into_source().context(format!("redrive of {key}")))
    }

    /// One or more steps of the running day.
    async fn day(&mut self, partition: u32, step: &Step) -> anyhow::Result<()> {
        let Close::Partitioned(close) = &self.parts.close else {
            anyhow::bail!("{} does not close by partition", self.ctx.service());
        };
        let sequence = step.sequence.unwrap_or(0);
        for turn in 0.. {
            let (_, closed) = close_partition::turn(&self.owner(partition), &**close)
                .await
                .map_err(|failure| failure.into_source().context(format!("day {sequence}")))?;
            self.transactions = self.transactions.saturating_add(1);
            let ended = closed >= sequence;
            // Pages may be of another size than they were: the close itself is what must be reached.
            if ended || (step.kind != "closed" && turn + 1 >= step.times) {
                break;
            }
            anyhow::ensure!(
                turn < 1_000_000,
                "day {sequence} does not close: its markers have not all been read"
            );
        }
        Ok(())
    }
}
