//! The inbox: a message's effect happens once.

use std::collections::HashSet;

use kernel::MessageId;
use sqlx::PgConnection;
use uuid::Uuid;

/// Records the ids; what comes back was not there before and is handled. Ids already parked or waiting are not new either.
pub(crate) async fn insert(conn: &mut PgConnection, ids: &[MessageId]) -> Result<HashSet<Uuid>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let fresh: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO rt_inbox (message_id) SELECT DISTINCT i FROM UNNEST($1::uuid[]) AS u(i)
         ON CONFLICT DO NOTHING RETURNING message_id",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(fresh.into_iter().collect())
}

/// Takes ids back out: of messages that are parked instead.
pub(crate) async fn remove(conn: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM rt_inbox WHERE message_id = ANY($1)")
        .bind(ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Drops ids received before `day`, which [`crate::memory`] allows; at most `limit` at a time.
pub(crate) async fn prune(conn: &mut PgConnection, day: chrono::NaiveDate, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM rt_inbox WHERE message_id IN
           (SELECT message_id FROM rt_inbox WHERE received_on < $1 LIMIT $2)",
    )
    .bind(day)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
