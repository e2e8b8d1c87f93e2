//! Facts whose account is not known yet: billing's message may be behind.

use contracts::MessageKey;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::record::{Envelope, Record};

/// Keeps a fact until its key is released.
pub(crate) async fn keep(conn: &mut PgConnection, records: &[&Record]) -> Result<(), sqlx::Error> {
    for record in records {
        sqlx::query(
            "INSERT INTO rt_waiting (partition, key, message_id, record, payload) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (message_id) DO NOTHING",
        )
        .bind(i32::try_from(record.partition).unwrap_or(i32::MAX))
        .bind(record.key_uuid())
        .bind(record.id.as_uuid())
        .bind(Json(record.envelope()))
        .bind(&record.payload)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Takes the facts that wait under these keys, in the order in which they came.
pub(crate) async fn take(conn: &mut PgConnection, keys: &[MessageKey]) -> Result<Vec<Record>, sqlx::Error> {
    let keys: Vec<Uuid> = keys.iter().map(|key| key.uuid()).collect();
    let mut rows: Vec<Row> =
        sqlx::query_as("DELETE FROM rt_waiting WHERE key = ANY($1) RETURNING id, key, record, payload")
            .bind(keys)
            .fetch_all(conn)
            .await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows.into_iter().filter_map(Row::record).collect())
}

/// Takes everything that still waits: the day closes. `None`: of all partitions.
pub(crate) async fn take_all(conn: &mut PgConnection, partition: Option<u32>) -> Result<Vec<Record>, sqlx::Error> {
    let mut rows: Vec<Row> = sqlx::query_as(
        "DELETE FROM rt_waiting WHERE $1::int IS NULL OR partition = $1 RETURNING id, key, record, payload",
    )
    .bind(partition.map(|partition| i32::try_from(partition).unwrap_or(i32::MAX)))
    .fetch_all(conn)
    .await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows.into_iter().filter_map(Row::record).collect())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    key: Uuid,
    record: Json<Envelope>,
    payload: Option<Vec<u8>>,
}

impl Row {
    fn record(self) -> Option<Record> {
        Record::from_envelope(self.record.0, self.key, self.payload)
    }
}
