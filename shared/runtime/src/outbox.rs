//! The outbox: messages leave in the transaction that decides them.

use std::collections::BTreeMap;

use kernel::{MessageId, Timestamp};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::positions::Received;
use crate::{Bulk, Context};

/// A message on its way out.
pub(crate) struct Outgoing {
    /// Without the prefix.
    pub topic: String,
    pub partition: u32,
    pub key: Option<Vec<u8>>,
    pub id: MessageId,
    pub kind: String,
    pub payload: Option<Vec<u8>>,
    pub at: Timestamp,
    /// Counted in the next marker; markers and dead letters are not.
    pub counted: bool,
    pub traceparent: Option<String>,
    /// Further headers (dead letters).
    pub more: Vec<(String, String)>,
}

#[derive(Default)]
struct Columns<'a> {
    topics: Vec<&'a str>,
    partitions: Vec<i32>,
    keys: Vec<Option<&'a [u8]>>,
    ids: Vec<Uuid>,
    kinds: Vec<&'a str>,
    payloads: Vec<Option<&'a [u8]>>,
    ats: Vec<chrono::DateTime<chrono::Utc>>,
    headers: Vec<Option<Value>>,
}

fn headers_of(message: &Outgoing) -> Option<Value> {
    let mut headers = serde_json::Map::new();
    if let Some(traceparent) = &message.traceparent {
        headers.insert("traceparent".to_owned(), Value::String(traceparent.clone()));
    }
    for (name, value) in &message.more {
        headers.insert(name.clone(), Value::String(value.clone()));
    }
    (!headers.is_empty()).then_some(Value::Object(headers))
}

/// Inserts the messages in their order, and what they add to the next markers.
pub(crate) async fn insert(conn: &mut PgConnection, messages: &[Outgoing]) -> Result<(), sqlx::Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    let mut counts: BTreeMap<(&str, i32), Received> = BTreeMap::new();
    for message in messages {
        let partition = i32::try_from(message.partition).unwrap_or(i32::MAX);
        columns.topics.push(&message.topic);
        columns.partitions.push(partition);
        columns.keys.push(message.key.as_deref());
        columns.ids.push(message.id.as_uuid());
        columns.kinds.push(&message.kind);
        columns.payloads.push(message.payload.as_deref());
        columns.ats.push(message.at.utc());
        columns.headers.push(headers_of(message));
        if message.counted {
            counts
                .entry((&message.topic, partition))
                .or_default()
                .add(kernel::checksum(message.id));
        }
    }
    // WITH ORDINALITY keeps the order of emit in the order of ids.
    let mut bulk = Bulk::default();
    bulk.add(
        "INSERT INTO rt_outbox (topic, partition, key, message_id, type, payload, at, headers)
         SELECT t, p, k, i, y, b, a, h
         FROM UNNEST($1::text[], $2::int[], $3::bytea[], $4::uuid[], $5::text[], $6::bytea[], $7::timestamptz[], $8::jsonb[])
              WITH ORDINALITY AS u(t, p, k, i, y, b, a, h, n)
         ORDER BY n",
    )
    .bind(columns.topics)
    .bind(columns.partitions)
    .bind(columns.keys)
    .bind(columns.ids)
    .bind(columns.kinds)
    .bind(columns.payloads)
    .bind(columns.ats)
    .bind(columns.headers);
    add_counts(&mut bulk, &counts);
    bulk.run(conn).await
}

fn add_counts(bulk: &mut Bulk, counts: &BTreeMap<(&str, i32), Received>) {
    if counts.is_empty() {
        return;
    }
    bulk.add(
        "INSERT INTO rt_emitted (topic, partition, count, checksum)
         SELECT * FROM UNNEST($1::text[], $2::int[], $3::bigint[], $4::bigint[])",
    )
    .bind(counts.keys().map(|(topic, _)| *topic).collect::<Vec<_>>())
    .bind(counts.keys().map(|(_, partition)| *partition).collect::<Vec<_>>())
    .bind(counts.values().map(|sum| sum.count).collect::<Vec<_>>())
    .bind(counts.values().map(|sum| sum.checksum).collect::<Vec<_>>());
}

/// Takes what was emitted on the given topic partition since the last marker.
pub(crate) async fn take_counts(conn: &mut PgConnection, topic: &str, partition: u32) -> Result<Received, sqlx::Error> {
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("DELETE FROM rt_emitted WHERE topic = $1 AND partition = $2 RETURNING count, checksum")
            .bind(topic)
            .bind(i32::try_from(partition).unwrap_or(i32::MAX))
            .fetch_all(conn)
            .await?;
    Ok(sum(&rows))
}

fn sum(rows: &[(i64, i64)]) -> Received {
    rows.iter()
        .fold(Received::default(), |total, (count, checksum)| Received {
            count: total.count.saturating_add(*count),
            checksum: total.checksum.wrapping_add(*checksum),
        })
}

/// Folds many rows into one per topic partition, so that a close under its lock has little to sum.
pub(crate) async fn compact_counts(ctx: &Context) -> Result<(), crate::Failure> {
    let mut tx = crate::Tx::begin(ctx, crate::Scope::Service, crate::tx::CloseLock::Shared).await?;
    let conn = tx.conn();
    let rows: Vec<(String, i32, i64, i64)> = sqlx::query_as(
        "DELETE FROM rt_emitted WHERE id IN (SELECT id FROM rt_emitted ORDER BY id LIMIT 20000 FOR UPDATE SKIP LOCKED)
         RETURNING topic, partition, count, checksum",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut counts: BTreeMap<(&str, i32), Received> = BTreeMap::new();
    for (topic, partition, count, checksum) in &rows {
        let total = counts.entry((topic, *partition)).or_default();
        total.count = total.count.saturating_add(*count);
        total.checksum = total.checksum.wrapping_add(*checksum);
    }
    let mut bulk = Bulk::default();
    add_counts(&mut bulk, &counts);
    bulk.run(conn).await?;
    tx.commit().await
}

/// Wakes this instance's relay, and that of other instances by NOTIFY on a connection of its own (`relay::notify`).
pub(crate) fn wake(ctx: &Context) {
    ctx.wake("relay").notify_one();
    ctx.wake("notify").notify_one();
}
