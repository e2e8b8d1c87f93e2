//! The relay: publishes the outbox in id order, deletes what was acknowledged (protocol.md rows 5, 6, 9, 24, 25).

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::lease::seconds_column;
use crate::memory::RELAY_DAYS;
use crate::producer::{Producer, Sent};
use crate::{Context, Failure};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    topic: String,
    partition: i32,
    key: Option<Vec<u8>>,
    message_id: Uuid,
    r#type: String,
    payload: Option<Vec<u8>>,
    at: chrono::DateTime<chrono::Utc>,
    headers: Option<Json<BTreeMap<String, Value>>>,
    old: bool,
}

/// How long a relay that was asked to stop goes on publishing what is left: the next start would publish it as well, but
/// nobody should have to wait for that while Kafka answers.
const DRAIN: Duration = Duration::from_secs(5);

/// Publishes until `stop` is cancelled, then what is left: until the outbox is empty after `alone` (nobody else of this instance
/// writes any more), for [`DRAIN`] at most.
pub(crate) async fn run(
    ctx: Context,
    instance: Uuid,
    stop: CancellationToken,
    alone: CancellationToken,
) -> anyhow::Result<()> {
    let woken = ctx.wake("relay");
    let sleep = Duration::from_millis(ctx.settings().worker.relay_sleep_ms);
    let mut relay = Relay {
        ctx: ctx.clone(),
        instance,
        producer: None,
        renewed: None,
        published: 0,
    };
    while !stop.is_cancelled() {
        let turned = relay.turn().await;
        ctx.gather(std::mem::take(&mut relay.published)).await;
        match turned {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = woken.notified() => {}
                    () = tokio::time::sleep(sleep) => {}
                }
            }
            Err(failure) => {
                tracing::warn!(%failure, "the relay tries again from the first unpublished row");
                // Nothing later may leave before it: a new producer has nothing in its queue.
                relay.producer = None;
                relay.renewed = None;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(Duration::from_millis(500)) => {}
                }
            }
        }
    }
    if tokio::time::timeout(DRAIN, relay.drain(&alone)).await.is_err() {
        tracing::warn!("the outbox was not empty in time: the next start publishes the rest");
    }
    // What is still under way here may be published by another relay at once: it is the same, and nothing later.
    relay.producer = None;
    relay.give_back().await;
    Ok(())
}

struct Relay {
    ctx: Context,
    instance: Uuid,
    producer: Option<Producer>,
    /// When the lease was last proven ours.
    renewed: Option<tokio::time::Instant>,
    /// Rows of the last turn.
    published: usize,
}

impl Relay {
    /// Publishes one batch; `false` when there was nothing to do, or the lease is somebody else's.
    async fn turn(&mut self) -> Result<bool, Failure> {
        if !self.hold().await? {
            return Ok(false);
        }
        self.ctx.point("relay.held").await;
        // Made before there is anything to send: an idempotent producer asks for its id at first, which takes half a second.
        if self.producer.is_none() {
            self.producer = Some(self.new_producer()?);
        }
        let limit = self.ctx.settings().worker.relay_batch_max;
        let rows = read(self.ctx.pool(), limit).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        self.ctx.point("relay.read").await;
        if let Some(row) = rows.iter().find(|row| row.old) {
            return Err(anyhow::anyhow!(
                "outbox row {} is older than {RELAY_DAYS} days: it may have been sent, and a reader could take it for new. Restart \
                 the service: at start it looks on Kafka which of these rows were sent, and sends the others",
                row.id
            )
            .into());
        }
        let more = rows.len() == limit;
        self.published = rows.len();
        let offsets = self.publish(&rows).await?;
        self.ctx.point("relay.produced").await;
        forget(self.ctx.pool(), &rows, &offsets).await?;
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &rows {
            let count = counts.entry(&row.topic).or_default();
            *count = count.saturating_add(1);
        }
        for (topic, count) in counts {
            self.ctx.metrics().published(topic, count);
        }
        self.ctx.point("relay.deleted").await;
        Ok(more)
    }

    /// Publishes what is left.
    async fn drain(&mut self, alone: &CancellationToken) {
        loop {
            let last = alone.is_cancelled();
            match self.turn().await {
                Ok(true) => {}
                Ok(false) if last => return,
                Ok(false) => alone.cancelled().await,
                Err(failure) => {
                    tracing::warn!(%failure, "the relay is stopping and tries again");
                    self.producer = None;
                    self.renewed = None;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// Takes or renews the relay's lease; two relays for a moment are harmless, none for long is not.
    async fn hold(&mut self) -> Result<bool, Failure> {
        let lease = Duration::from_secs(u64::from(self.ctx.settings().worker.lease_seconds));
        if self.renewed.is_some_and(|at| at.elapsed() < lease / 3) {
            return Ok(true);
        }
        let done = sqlx::query(
            "UPDATE rt_relay SET owner = $1, epoch = CASE WHEN owner = $1 THEN epoch ELSE epoch + 1 END,
                    expires_at = now() + $2 * interval '1 second'
             WHERE owner = $1 OR owner IS NULL OR expires_at < now()",
        )
        .bind(self.instance)
        .bind(seconds_column(self.ctx.settings().worker.lease_seconds))
        .execute(self.ctx.pool())
        .await?;
        let ours = done.rows_affected() == 1;
        self.renewed = ours.then(tokio::time::Instant::now);
        if !ours {
            self.producer = None;
        }
        Ok(ours)
    }

    fn new_producer(&self) -> Result<Producer, Failure> {
        let mut config = crate::topics::client(self.ctx.settings());
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // A fact must never time out in the queue while the marker behind it leaves (protocol.md row 9).
            .set("message.timeout.ms", "0")
            // A batch is sent at once: a moment's patience makes one request of it instead of dozens.
            .set("linger.ms", "1")
            .set("queue.buffering.max.messages", "100000")
            .set("message.max.bytes", "2000000");
        Producer::new(&config).map_err(Failure::new)
    }

    /// The offsets of the rows, in their order.
    async fn publish(&mut self, rows: &[Row]) -> Result<Vec<i64>, Failure> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.new_producer()?,
        };
        let source = format!("/incasso/{}", self.ctx.service());
        let names: Vec<String> = rows
            .iter()
            .map(|row| self.ctx.settings().kafka.topic(&row.topic))
            .collect();
        let records = rows.iter().zip(&names).map(|(row, name)| Sent {
            topic: name,
            partition: row.partition,
            key: row.key.as_deref(),
            payload: row.payload.as_deref(),
            headers: headers(row, &source),
            timestamp_ms: row.at.timestamp_millis(),
        });
        let patience = Duration::from_secs(u64::from(self.ctx.settings().worker.lease_seconds).saturating_mul(4));
        // On any error the producer is dropped with what is in its queue: nothing later may leave before it.
        let offsets = tokio::time::timeout(patience, producer.send(records))
            .await
            .map_err(Failure::new)?
            .map_err(Failure::new)?;
        self.producer = Some(producer);
        Ok(offsets)
    }

    async fn give_back(&mut self) {
        let done = sqlx::query("UPDATE rt_relay SET owner = NULL, expires_at = '-infinity' WHERE owner = $1")
            .bind(self.instance)
            .execute(self.ctx.pool())
            .await;
        if let Err(error) = done {
            tracing::warn!(%error, "the relay's lease was not given back; it expires by itself");
        }
    }
}

/// Sessions of the pool plan by indexes alone (`start.rs`): dead rows at the head of a busy outbox would tempt the planner into
/// reading the whole table.
async fn read(pool: &PgPool, limit: usize) -> Result<Vec<Row>, Failure> {
    let rows = sqlx::query_as(
        "SELECT id, topic, partition, key, message_id, type, payload, at, headers,
                created_at < now() - $2 * interval '1 day' AS old
         FROM rt_outbox ORDER BY id LIMIT $1",
    )
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(RELAY_DAYS)
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Deletes by id what was acknowledged, and notes the highest id and offset per topic partition: one statement, both or neither.
async fn forget(pool: &PgPool, rows: &[Row], offsets: &[i64]) -> Result<(), Failure> {
    let mut highest: BTreeMap<(&str, i32), (i64, i64)> = BTreeMap::new();
    for (row, offset) in rows.iter().zip(offsets) {
        let high = highest.entry((&row.topic, row.partition)).or_insert((row.id, *offset));
        high.0 = high.0.max(row.id);
        high.1 = high.1.max(*offset);
    }
    sqlx::query(
        "WITH gone AS (DELETE FROM rt_outbox WHERE id = ANY($5))
         INSERT INTO rt_published (topic, partition, outbox_id, kafka_offset)
         SELECT * FROM UNNEST($1::text[], $2::int[], $3::bigint[], $4::bigint[])
         ON CONFLICT (topic, partition) DO UPDATE
           SET outbox_id = greatest(rt_published.outbox_id, excluded.outbox_id),
               kafka_offset = greatest(rt_published.kafka_offset, excluded.kafka_offset)",
    )
    .bind(highest.keys().map(|(topic, _)| (*topic).to_owned()).collect::<Vec<_>>())
    .bind(highest.keys().map(|(_, partition)| *partition).collect::<Vec<_>>())
    .bind(highest.values().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(highest.values().map(|(_, offset)| *offset).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}

/// CloudEvents' Kafka binding, the trace, and the outbox id.
fn headers(row: &Row, source: &str) -> OwnedHeaders {
    let id = row.message_id.to_string();
    let at = row.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let seq = row.id.to_string();
    let subject = row
        .key
        .as_deref()
        .and_then(|key| std::str::from_utf8(key).ok())
        .unwrap_or_default();
    let mut headers = OwnedHeaders::new();
    let ours = [
        ("ce_specversion", "1.0"),
        ("ce_id", &id),
        ("ce_type", &row.r#type),
        ("ce_source", source),
        ("ce_time", &at),
        ("ce_subject", subject),
        ("content-type", "application/avro"),
        ("incasso_seq", &seq),
    ];
    for (key, value) in ours {
        headers = headers.insert(Header {
            key,
            value: Some(value),
        });
    }
    for (key, value) in row.headers.iter().flat_map(|more| more.iter()) {
        if let Some(value) = value.as_str() {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
    }
    headers
}

/// Tells the relays of other instances that there is something to publish: NOTIFY outside the business transaction, which it
/// would serialise (reliability-ecosystem section 4).
pub(crate) async fn notify(ctx: Context, stop: CancellationToken) -> anyhow::Result<()> {
    let woken = ctx.wake("notify");
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = woken.notified() => {}
        }
        let alone: Result<bool, sqlx::Error> =
            sqlx::query_scalar("SELECT count(*) <= 1 FROM rt_instance WHERE expires_at >= now()")
                .fetch_one(ctx.pool())
                .await;
        if !alone.unwrap_or(false)
            && let Err(error) = sqlx::query("NOTIFY incasso_outbox").execute(ctx.pool()).await
        {
            tracing::debug!(%error, "NOTIFY");
        }
        // Coalesced: at most one a few milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Wakes this instance's relay when another one has something to publish.
pub(crate) async fn listen(ctx: Context, stop: CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        if let Err(error) = listen_once(&ctx, &stop).await {
            tracing::warn!(%error, "listening for other instances; polling meanwhile");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
        }
    }
    Ok(())
}

async fn listen_once(ctx: &Context, stop: &CancellationToken) -> Result<(), sqlx::Error> {
    let mut listener = sqlx::postgres::PgListener::connect(ctx.settings().database.url.expose()).await?;
    listener.listen("incasso_outbox").await?;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            note = listener.recv() => {
                note?;
                ctx.wake("relay").notify_one();
            }
        }
    }
}
