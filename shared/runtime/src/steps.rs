//! What a partition did, in order, where the lease row does not show it (`rt_step`; the rest is recorded by its trigger).

use kernel::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::record::Record;

/// A parked key was redriven, when the clock said `at`.
pub(crate) async fn redrive(
    conn: &mut PgConnection,
    partition: u32,
    key: Uuid,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO rt_step (partition, kind, key, at) VALUES ($1, 'redrive', $2, $3)")
        .bind(i32::try_from(partition).unwrap_or(i32::MAX))
        .bind(key)
        .bind(at.utc())
        .execute(conn)
        .await?;
    Ok(())
}

/// A record was parked unhandled after so many attempts, because handling it aborts the process.
pub(crate) async fn parked(conn: &mut PgConnection, record: &Record, attempts: i32) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO rt_step (partition, kind, topic, from_offset, times) VALUES ($1, 'parked', $2, $3, $4)")
        .bind(i32::try_from(record.partition).unwrap_or(i32::MAX))
        .bind(record.topic.name)
        .bind(record.offset)
        .bind(i64::from(attempts))
        .execute(conn)
        .await?;
    Ok(())
}

/// A day closed on all partitions at once.
pub(crate) async fn closed(conn: &mut PgConnection, sequence: i64) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO rt_step (partition, kind, sequence) VALUES (-1, 'closed', $1)")
        .bind(sequence)
        .execute(conn)
        .await?;
    Ok(())
}
