//! The check at start: what the database remembers and what lies on Kafka must fit (DESIGN section 4, protocol.md rows 16, 21).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::Context as _;
use contracts::catalogue::{self, Topic};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::Context;
use crate::heads::{self, Extent, Place};
use crate::losses::{Loss, Refused};
use crate::memory;

/// How long nothing may come before the broker counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// Records that are looked up in the database at once.
const CHUNK: usize = 5_000;

/// Refuses to start where one side has lost what the other remembers; applies what a person accepted.
///
/// # Errors
/// [`Refused`], with what to do; or Kafka or the database does not answer.
pub(crate) async fn run(ctx: &Context, inputs: &[&'static Topic], accept_all: bool) -> anyhow::Result<()> {
    let mut losses = inputs_fit(ctx, inputs).await?;
    losses.extend(outputs_fit(ctx, inputs).await?);
    let accepted = &ctx.settings().worker.accepted_losses;
    let (accepted, refused): (Vec<Loss>, Vec<Loss>) = losses
        .into_iter()
        .partition(|loss| accept_all || accepted.contains(&loss.name()));
    if !refused.is_empty() {
        return Err(Refused {
            service: ctx.service(),
            losses: refused,
        }
        .into());
    }
    for loss in accepted {
        if !accept_all {
            tracing::error!(
                loss = loss.name(),
                "a loss was accepted by the settings: take it out of worker.accepted_losses"
            );
        }
        accept(ctx, inputs, loss).await?;
    }
    Ok(())
}

/// Where each input stands, against what Kafka has of it.
async fn inputs_fit(ctx: &Context, inputs: &[&'static Topic]) -> anyhow::Result<Vec<Loss>> {
    let rows: Vec<(i32, String, i64)> = sqlx::query_as(
        "SELECT partition, p.key, p.value::bigint FROM rt_lease, jsonb_each_text(positions) p ORDER BY p.key, partition",
    )
    .fetch_all(ctx.pool())
    .await?;
    let mut stands = BTreeMap::new();
    for (partition, topic, next) in rows {
        if inputs.iter().any(|input| input.name == topic) {
            stands.insert((topic, u32::try_from(partition)?), next);
        }
    }
    let extents = heads::extents(ctx.settings(), stands.keys().cloned().collect()).await?;
    Ok(stands
        .into_iter()
        .filter_map(|(place, next)| input_loss(&place, next, *extents.get(&place)?))
        .collect())
}

/// Whether Kafka still has the record that is next.
pub(crate) fn input_loss(place: &Place, next: i64, extent: Extent) -> Option<Loss> {
    let place = place.clone();
    if next < extent.first {
        let first = extent.first;
        return Some(Loss::HeadDeleted { place, next, first });
    }
    (next > extent.next).then_some(Loss::InputShrunk {
        place,
        next,
        end: extent.next,
    })
}

/// The topics that the service writes, dead letters included.
fn outputs(ctx: &Context, inputs: &[&'static Topic]) -> Vec<Place> {
    let own = catalogue::outputs(ctx.service()).map(|topic| topic.name.to_owned());
    let dead = inputs.iter().map(|topic| catalogue::dlq(topic.name, ctx.service()));
    own.chain(dead)
        .flat_map(|topic| (0..ctx.partitions()).map(move |partition| (topic.clone(), partition)))
        .collect()
}

/// What is on our topics past the last acknowledged offset, against the outbox.
async fn outputs_fit(ctx: &Context, inputs: &[&'static Topic]) -> anyhow::Result<Vec<Loss>> {
    let places = outputs(ctx, inputs);
    // Before Kafka is asked: other instances go on publishing meanwhile.
    let known = published(ctx).await?;
    let extents = heads::extents(ctx.settings(), places).await?;
    let mut losses = Vec::new();
    let mut rest = BTreeMap::new();
    let mut unseen = Vec::new();
    for (place, extent) in extents {
        let acknowledged = known.get(&place).map_or(-1, |(_, offset)| *offset);
        if acknowledged >= extent.next {
            let next = extent.next;
            losses.push(Loss::KafkaBehind {
                place,
                acknowledged,
                next,
            });
            continue;
        }
        let from = acknowledged.saturating_add(1);
        if from < extent.first {
            unseen.push(place.clone());
        }
        if from.max(extent.first) < extent.next {
            rest.insert(place, (from.max(extent.first), extent.next));
        }
    }
    let found = Scan::run(ctx, rest).await?;
    memory::settle_old_rows(ctx, &found.waiting, &unseen).await?;
    losses.extend(found.loss);
    Ok(losses)
}

/// The highest acknowledged outbox id and offset per place.
async fn published(ctx: &Context) -> anyhow::Result<HashMap<Place, (i64, i64)>> {
    let rows: Vec<(String, i32, i64, i64)> =
        sqlx::query_as("SELECT topic, partition, outbox_id, kafka_offset FROM rt_published")
            .fetch_all(ctx.pool())
            .await?;
    let mut known = HashMap::new();
    for (topic, partition, id, offset) in rows {
        known.insert((topic, u32::try_from(partition)?), (id, offset));
    }
    Ok(known)
}

/// A record of ours past the last acknowledged offset.
struct Found {
    place: Place,
    offset: i64,
    seq: i64,
    message_id: Option<Uuid>,
    time: Option<String>,
}

impl Found {
    /// `None` for a record without our number: a foreign producer's.
    fn of(topic: &str, message: &BorrowedMessage<'_>) -> Option<Self> {
        let header = |name: &str| {
            let headers = message.headers()?;
            let found = headers.iter().find(|header| header.key == name)?;
            std::str::from_utf8(found.value?).ok()
        };
        Some(Self {
            place: (topic.to_owned(), u32::try_from(message.partition()).ok()?),
            offset: message.offset(),
            seq: header("incasso_seq")?.parse().ok()?,
            message_id: header("ce_id").and_then(|id| id.parse().ok()),
            time: header("ce_time").map(str::to_owned),
        })
    }
}

/// What lies past the last acknowledged offsets.
struct Scan<'a> {
    ctx: &'a Context,
    /// Ids of outbox rows that are on Kafka already.
    waiting: Vec<i64>,
    loss: Option<Loss>,
}

/// What a scan found.
struct Scanned {
    waiting: Vec<i64>,
    loss: Option<Loss>,
}

impl<'a> Scan<'a> {
    /// Reads the offsets of each place, from the first number to before the second.
    async fn run(ctx: &'a Context, rest: BTreeMap<Place, (i64, i64)>) -> anyhow::Result<Scanned> {
        let mut scan = Self {
            ctx,
            waiting: Vec::new(),
            loss: None,
        };
        let mut by_topic: BTreeMap<String, BTreeMap<i32, (i64, i64)>> = BTreeMap::new();
        for ((topic, partition), range) in rest {
            by_topic
                .entry(topic)
                .or_default()
                .insert(i32::try_from(partition)?, range);
        }
        for (topic, ranges) in by_topic {
            let read = scan.read(&topic, ranges).await;
            read.with_context(|| format!("{topic} cannot be read"))?;
        }
        Ok(Scanned {
            waiting: scan.waiting,
            loss: scan.loss,
        })
    }

    async fn read(&mut self, topic: &str, mut unfinished: BTreeMap<i32, (i64, i64)>) -> anyhow::Result<()> {
        let kafka = &self.ctx.settings().kafka;
        let mut config = crate::topics::client(self.ctx.settings());
        config
            .set("group.id", format!("{}incasso-reader", kafka.topic_prefix))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "20");
        let consumer: StreamConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        for (partition, (from, _)) in &unfinished {
            list.add_partition_offset(&kafka.topic(topic), *partition, Offset::Offset(*from))?;
        }
        consumer.assign(&list)?;
        let mut chunk = Vec::new();
        while !unfinished.is_empty() {
            let next = tokio::time::timeout(PATIENCE, consumer.recv()).await;
            match next.map_err(|_| anyhow::anyhow!("nothing comes for {PATIENCE:?}"))? {
                Ok(message) => {
                    let partition = message.partition();
                    let Some((_, end)) = unfinished.get(&partition).copied() else {
                        continue;
                    };
                    if message.offset() < end {
                        chunk.extend(Found::of(topic, &message));
                    }
                    if message.offset().saturating_add(1) >= end {
                        unfinished.remove(&partition);
                    }
                }
                // Compaction may have taken the last record.
                Err(KafkaError::PartitionEOF(partition)) => {
                    unfinished.remove(&partition);
                }
                Err(error) => return Err(error.into()),
            }
            if chunk.len() >= CHUNK {
                self.look_up(std::mem::take(&mut chunk)).await?;
            }
        }
        self.look_up(chunk).await
    }

    /// Asks the database after Kafka was read: what was on Kafka then is by now in the outbox or noted as published, unless
    /// this database never knew of it.
    async fn look_up(&mut self, found: Vec<Found>) -> anyhow::Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let mut tx = self.ctx.pool().begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .execute(&mut *tx)
            .await?;
        let seqs: Vec<i64> = found.iter().map(|record| record.seq).collect();
        let rows: Vec<(i64, Uuid)> = sqlx::query_as("SELECT id, message_id FROM rt_outbox WHERE id = ANY($1)")
            .bind(seqs)
            .fetch_all(&mut *tx)
            .await?;
        let known: Vec<(String, i32, i64, i64)> =
            sqlx::query_as("SELECT topic, partition, outbox_id, kafka_offset FROM rt_published")
                .fetch_all(&mut *tx)
                .await?;
        tx.commit().await?;
        let outbox: HashMap<i64, Uuid> = rows.into_iter().collect();
        let mut published = HashMap::new();
        for (topic, partition, id, offset) in known {
            published.insert((topic, u32::try_from(partition)?), (id, offset));
        }
        for record in found {
            let known = published.get(&record.place).copied();
            if known.is_some_and(|(id, _)| record.seq <= id) {
                continue;
            }
            match outbox.get(&record.seq) {
                Some(id) if record.message_id.is_none_or(|said| said == *id) => self.waiting.push(record.seq),
                _ => self.unknown(record, known),
            }
        }
        Ok(())
    }

    fn unknown(&mut self, record: Found, known: Option<(i64, i64)>) {
        if let Some(Loss::BehindKafka {
            records, through_seq, ..
        }) = &mut self.loss
        {
            *records = records.saturating_add(1);
            *through_seq = record.seq.max(*through_seq);
            return;
        }
        self.loss = Some(Loss::BehindKafka {
            place: record.place,
            offset: record.offset,
            seq: record.seq,
            message_id: record.message_id,
            time: record.time,
            records: 1,
            through_seq: record.seq,
            known,
        });
    }
}

/// Goes on in spite of a loss: positions and numbers are moved past it.
async fn accept(ctx: &Context, inputs: &[&'static Topic], loss: Loss) -> anyhow::Result<()> {
    match loss {
        Loss::BehindKafka { through_seq, .. } => {
            // The next number is lost as well: harmless, numbers only have to rise.
            sqlx::query(
                "SELECT setval(pg_get_serial_sequence('rt_outbox', 'id'),
                               greatest($1, nextval(pg_get_serial_sequence('rt_outbox', 'id'))))",
            )
            .bind(through_seq)
            .execute(ctx.pool())
            .await?;
            for (place, extent) in heads::extents(ctx.settings(), outputs(ctx, inputs)).await? {
                continue_after(ctx, &place, Some(through_seq), extent).await?;
            }
        }
        Loss::KafkaBehind { place, next, .. } => {
            let extent = Extent { first: 0, next };
            continue_after(ctx, &place, None, extent).await?;
        }
        Loss::HeadDeleted { place, first, .. } => move_position(ctx, &place, Some(first)).await?,
        Loss::InputShrunk { place, .. } => move_position(ctx, &place, None).await?,
    }
    Ok(())
}

/// Notes that everything on a topic partition up to its end is known.
async fn continue_after(ctx: &Context, place: &Place, seq: Option<i64>, extent: Extent) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO rt_published (topic, partition, outbox_id, kafka_offset) VALUES ($1, $2, coalesce($3, 0), $4)
         ON CONFLICT (topic, partition) DO UPDATE
           SET outbox_id = greatest(rt_published.outbox_id, excluded.outbox_id), kafka_offset = excluded.kafka_offset",
    )
    .bind(&place.0)
    .bind(i32::try_from(place.1)?)
    .bind(seq)
    .bind(extent.next.saturating_sub(1))
    .execute(ctx.pool())
    .await?;
    Ok(())
}

/// Moves where an input stands; whoever owns the partition loses it and reads anew.
async fn move_position(ctx: &Context, place: &Place, next: Option<i64>) -> anyhow::Result<()> {
    sqlx::query(
        "UPDATE rt_lease SET owner = NULL, epoch = epoch + 1, expires_at = '-infinity',
                positions = CASE WHEN $3::bigint IS NULL THEN positions - $1 ELSE jsonb_set(positions, ARRAY[$1], to_jsonb($3)) END
         WHERE partition = $2",
    )
    .bind(&place.0)
    .bind(i32::try_from(place.1)?)
    .bind(next)
    .execute(ctx.pool())
    .await?;
    Ok(())
}
