//! Discards that were done: what people approved is on no topic, so that it is taken from where it was decided.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

/// A decision as it stood before it was done.
#[derive(sqlx::FromRow)]
struct Approved {
    message_id: Uuid,
    rule: String,
    detail: String,
    record: Value,
    payload: Option<Vec<u8>>,
    reason: String,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    decided_by: Option<String>,
    decided_reason: Option<String>,
    decided_at: Option<DateTime<Utc>>,
}

/// Puts what the recorded redrive `step` of `key` discarded into the replayed database as approved: the redrive does it again.
pub(super) async fn approve(original: &PgPool, replayed: &PgPool, key: Uuid, step: i64) -> Result<(), sqlx::Error> {
    let approved: Vec<Approved> = sqlx::query_as(
        "SELECT message_id, rule, detail, record, payload, reason, proposed_by, proposed_at, decided_by, decided_reason, decided_at
         FROM rt_discard d WHERE key = $1 AND state = 'discarded'
           AND (SELECT max(id) FROM rt_step s WHERE s.kind = 'redrive' AND s.key = d.key AND s.at <= d.ended_at) = $2",
    )
    .bind(key)
    .bind(step)
    .fetch_all(original)
    .await?;
    for one in approved {
        sqlx::query(
            "INSERT INTO rt_discard (key, message_id, rule, detail, record, payload, reason, proposed_by, proposed_at, state,
                 decided_by, decided_reason, decided_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'approved', $10, $11, $12)",
        )
        .bind(key)
        .bind(one.message_id)
        .bind(one.rule)
        .bind(one.detail)
        .bind(one.record)
        .bind(one.payload)
        .bind(one.reason)
        .bind(one.proposed_by)
        .bind(one.proposed_at)
        .bind(one.decided_by)
        .bind(one.decided_reason)
        .bind(one.decided_at)
        .execute(replayed)
        .await?;
    }
    Ok(())
}
