//! Parked keys: after a rejected message, it and later ones of its key wait in order; other keys flow on.

use std::collections::HashSet;

use contracts::catalogue::{self, Topic};
use contracts::{AccountFreed, AccountImpeded, Fact, TaskClosed, TaskRaised};
use kernel::{AccountId, MessageId, TaskId, Timestamp};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::handlers::Stakes;
use crate::outbox::Outgoing;
use crate::record::{Envelope, Record};
use crate::{Day, Failure, Rejection, Tx};

/// Which of these keys are held up.
pub(crate) async fn parked_among(conn: &mut PgConnection, keys: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let parked: Vec<Uuid> = sqlx::query_scalar("SELECT key FROM rt_parked_key WHERE key = ANY($1)")
        .bind(keys)
        .fetch_all(conn)
        .await?;
    Ok(parked.into_iter().collect())
}

/// The topic on which the service says that an account is impeded.
fn account_topic(service: &str) -> Option<&'static Topic> {
    catalogue::ALL
        .iter()
        .copied()
        .find(|topic| topic.writer == service && topic.events.contains(&"AccountImpeded"))
}

fn task_topic(service: &str) -> Option<&'static Topic> {
    catalogue::ALL
        .iter()
        .copied()
        .find(|topic| topic.writer == service && topic.events.contains(&"TaskRaised"))
}

/// The task of a parked key; the same for the same key and message, so that a replay raises it once.
fn task_of(service: &str, key: Uuid, message: MessageId) -> TaskId {
    TaskId::derive(&[service, "parked", &key.to_string(), &message.to_string()])
}

/// Parks a message that was rejected, and its key with it. Returns whether the message was new to the parked table.
pub(crate) async fn park(
    tx: &mut Tx,
    record: &Record,
    why: &Rejection,
    stakes: Option<Stakes>,
) -> Result<bool, Failure> {
    let key = record.key_uuid();
    let account = record.topic.key == "account" && record.key.is_some();
    let first = sqlx::query(
        "INSERT INTO rt_parked_key (key, partition, rule, detail, account, message_id, parked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING",
    )
    .bind(key)
    .bind(i32::try_from(record.partition).unwrap_or(i32::MAX))
    .bind(why.rule)
    .bind(&why.detail)
    .bind(account)
    .bind(record.id.as_uuid())
    .bind(record.time.utc())
    .execute(tx.conn())
    .await?
    .rows_affected()
        == 1;
    let fresh = append(tx, record, why, stakes).await?;
    if fresh {
        dead_letter(tx, record, why);
        let ctx = tx.context().clone();
        ctx.metrics().dead_letter(record.topic.name, why.rule);
        tracing::warn!(topic = record.topic.name, partition = record.partition, offset = record.offset,
            message_id = %record.id, rule = why.rule, detail = %why.detail, "message rejected, key parked");
    }
    if first {
        announce(tx, record, why, account)?;
    }
    Ok(fresh)
}

/// Appends a message to its key's queue.
pub(crate) async fn append(
    tx: &mut Tx,
    record: &Record,
    why: &Rejection,
    stakes: Option<Stakes>,
) -> Result<bool, Failure> {
    let segment = tx.segment();
    let (calendar, currency, amount) = match stakes {
        Some(stakes) => (
            Some(stakes.calendar),
            Some(stakes.currency.code().to_owned()),
            Some(stakes.amount_minor),
        ),
        None => (None, None, None),
    };
    let done = sqlx::query(
        "INSERT INTO rt_parked (partition, key, message_id, record, payload, rule, detail, calendar, currency, amount_minor, segment)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (message_id) DO NOTHING",
    )
    .bind(i32::try_from(record.partition).unwrap_or(i32::MAX))
    .bind(record.key_uuid())
    .bind(record.id.as_uuid())
    .bind(Json(record.envelope()))
    .bind(&record.payload)
    .bind(why.rule)
    .bind(&why.detail)
    .bind(calendar)
    .bind(currency)
    .bind(amount)
    .bind(segment)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The dead-letter topic holds a copy: payload untouched, origin and reason in headers.
fn dead_letter(tx: &mut Tx, record: &Record, why: &Rejection) {
    let service = tx.context().service();
    let more = [
        ("incasso_topic", record.topic.name.to_owned()),
        ("incasso_partition", record.partition.to_string()),
        ("incasso_offset", record.offset.to_string()),
        ("incasso_rule", why.rule.to_owned()),
        ("incasso_detail", why.detail.clone()),
    ];
    tx.push(Outgoing {
        topic: catalogue::dlq(record.topic.name, service),
        partition: record.partition,
        key: record.key.map(|key| key.text().into_bytes()),
        id: record.id,
        kind: "DeadLetter".to_owned(),
        payload: record.payload.clone(),
        at: record.time,
        counted: false,
        traceparent: record.traceparent.clone(),
        more: more.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    });
}

fn announce(tx: &mut Tx, record: &Record, why: &Rejection, account: bool) -> Result<(), Failure> {
    let service = tx.context().service();
    let key = record.key_uuid();
    let account_id = account.then(|| AccountId::from_uuid(key));
    if let (Some(topic), Some(account_id)) = (account_topic(service), account_id) {
        let event = AccountImpeded {
            account_id,
            service: service.to_owned(),
            reason: why.rule.to_owned(),
            message_id: record.id,
            impeded_at: record.time,
        };
        tx.emit(
            topic,
            &event,
            MessageId::derive(record.id, "runtime.impede", 0),
            record.time,
        )?;
    }
    if let Some(topic) = task_topic(service) {
        let event = TaskRaised {
            task_id: task_of(service, key, record.id),
            queue: "operations".to_owned(),
            account_id,
            creditor_id: None,
            kind: "parked-key".to_owned(),
            due_on: None,
            evidence: vec![
                evidence("rule", why.rule),
                evidence("detail", &why.detail),
                evidence("topic", record.topic.name),
            ],
            raised_at: record.time,
        };
        tx.emit(
            topic,
            &event,
            MessageId::derive(record.id, "runtime.park-task", 0),
            record.time,
        )?;
    }
    Ok(())
}

fn evidence(name: &str, value: &str) -> Fact {
    Fact {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// A parked message that still waits.
pub(crate) struct Parked {
    pub id: i64,
    pub record: Record,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    key: Uuid,
    record: Json<Envelope>,
    payload: Option<Vec<u8>>,
}

/// The first messages of a parked key, in order.
pub(crate) async fn queue(conn: &mut PgConnection, key: Uuid, limit: i64) -> Result<Vec<Parked>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, key, record, payload FROM rt_parked WHERE key = $1 AND freed_segment IS NULL AND discarded_at IS NULL
         ORDER BY id LIMIT $2",
    )
    .bind(key)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Parked {
                id: row.id,
                record: Record::from_envelope(row.record.0, row.key, row.payload)?,
            })
        })
        .collect())
}

/// The keys of a partition that a person asked to redrive.
pub(crate) async fn redrivable(conn: &mut PgConnection, partition: u32) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT key FROM rt_parked_key WHERE partition = $1 AND redrive ORDER BY key LIMIT 16")
        .bind(i32::try_from(partition).unwrap_or(i32::MAX))
        .fetch_all(conn)
        .await
}

/// A redriven message was handled.
pub(crate) async fn freed(tx: &mut Tx, parked: &Parked) -> Result<(), Failure> {
    let segment = tx.segment();
    sqlx::query("UPDATE rt_parked SET freed_segment = $2, freed_at = now() WHERE id = $1")
        .bind(parked.id)
        .bind(segment)
        .execute(tx.conn())
        .await?;
    crate::discard::expire(tx, parked.record.id.as_uuid()).await
}

/// A redriven message was rejected again: the request is answered.
pub(crate) async fn refused(tx: &mut Tx, parked: &Parked, why: &Rejection) -> Result<(), Failure> {
    sqlx::query("UPDATE rt_parked SET rule = $2, detail = $3 WHERE id = $1")
        .bind(parked.id)
        .bind(why.rule)
        .bind(&why.detail)
        .execute(tx.conn())
        .await?;
    sqlx::query("UPDATE rt_parked_key SET redrive = false, rule = $2, detail = $3 WHERE key = $1")
        .bind(parked.record.key_uuid())
        .bind(why.rule)
        .bind(&why.detail)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Frees the key when nothing of it is left: in the same transaction as its last message.
pub(crate) async fn free_if_drained(tx: &mut Tx, key: Uuid, last: &Record, at: Timestamp) -> Result<bool, Failure> {
    let row: Option<(bool, Uuid)> = sqlx::query_as(
        "DELETE FROM rt_parked_key k WHERE key = $1
           AND NOT EXISTS (SELECT FROM rt_parked p WHERE p.key = k.key AND p.freed_segment IS NULL AND p.discarded_at IS NULL)
         RETURNING account, message_id",
    )
    .bind(key)
    .fetch_optional(tx.conn())
    .await?;
    let Some((account, first)) = row else { return Ok(false) };
    let service = tx.context().service();
    let account_id = account.then(|| AccountId::from_uuid(key));
    if let (Some(topic), Some(account_id)) = (account_topic(service), account_id) {
        let event = AccountFreed {
            account_id,
            service: service.to_owned(),
            freed_at: at,
        };
        tx.emit(topic, &event, MessageId::derive(last.id, "runtime.free", 0), at)?;
    }
    if let Some(topic) = task_topic(service) {
        let event = TaskClosed {
            task_id: task_of(service, key, MessageId::from_uuid(first)),
            account_id,
            reason: "drained".to_owned(),
            closed_at: at,
        };
        tx.emit(topic, &event, MessageId::derive(last.id, "runtime.close-task", 0), at)?;
    }
    Ok(true)
}

/// What messages parked in the day would have moved, less what was freed in it, per currency. What was discarded is not freed: its
/// money was assigned and arrived nowhere else.
pub(crate) async fn sums(
    conn: &mut PgConnection,
    day: &Day,
    partition: i32,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT currency, sum(CASE WHEN segment >= $2 AND segment < $3 THEN amount_minor ELSE 0 END
                            - CASE WHEN freed_segment >= $2 AND freed_segment < $3 THEN amount_minor ELSE 0 END)::bigint
         FROM rt_parked
         WHERE calendar = $1 AND currency IS NOT NULL AND ($4 < 0 OR partition = $4)
         GROUP BY currency ORDER BY currency",
    )
    .bind(&day.calendar)
    .bind(day.previous)
    .bind(day.sequence)
    .bind(partition)
    .fetch_all(conn)
    .await
}
