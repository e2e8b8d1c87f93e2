//! Creditors and the names under which money comes in for them.

use chrono::NaiveDate;
use kernel::{BusinessDate, CalendarId, CreditorId, Timestamp};
use runtime::{Failure, Tx};
use sqlx::PgConnection;

use super::{calendar, content, date, inconsistent};
use crate::bodies::CreditorBody;
use crate::bodies::fields::Version;
use crate::domain::Content;

/// A stored creditor.
pub struct CreditorRow {
    /// Its id.
    pub creditor_id: CreditorId,
    /// Version and digest.
    pub content: Content,
    /// What its source sent last.
    pub body: CreditorBody,
    /// Its calendar.
    pub calendar: CalendarId,
    /// First day that counts for it.
    pub first_on: BusinessDate,
    /// When that was received.
    pub received_at: Timestamp,
}

type Columns = (i64, Vec<u8>, String, String, NaiveDate, chrono::DateTime<chrono::Utc>);

/// The creditor with this code.
///
/// # Errors
/// When the database does not answer, or the row is not what we wrote.
pub async fn find(conn: &mut PgConnection, code: &str) -> Result<Option<CreditorRow>, Failure> {
    let creditor_id = CreditorId::derive(code);
    let row: Option<Columns> = sqlx::query_as(
        "SELECT version, content, body::text, calendar, first_on, received_at FROM creditors WHERE creditor_id = $1",
    )
    .bind(creditor_id.as_uuid())
    .fetch_optional(conn)
    .await?;
    let Some((version, digest, text, calendar_text, first_on, received_at)) = row else {
        return Ok(None);
    };
    let bad = |what: &dyn std::fmt::Display| inconsistent("creditors", creditor_id.as_uuid(), what);
    let mut body: CreditorBody = serde_json::from_str(&text).map_err(|error| bad(&error))?;
    body.version = Version::stored(version);
    Ok(Some(CreditorRow {
        creditor_id,
        content: content(version, &digest).ok_or_else(|| bad(&"no digest"))?,
        body,
        calendar: calendar(&calendar_text)?,
        first_on: date(first_on)?,
        received_at: Timestamp::from_utc(received_at).map_err(Failure::new)?,
    }))
}

/// Whether it has accounts.
///
/// # Errors
/// When the database does not answer.
pub async fn has_accounts(tx: &mut Tx, creditor: CreditorId) -> Result<bool, Failure> {
    Ok(
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM accounts WHERE creditor_id = $1)")
            .bind(creditor.as_uuid())
            .fetch_one(tx.conn())
            .await?,
    )
}

/// Which of these collectors are another creditor's.
///
/// # Errors
/// When the database does not answer.
pub async fn taken(tx: &mut Tx, creditor: CreditorId, collectors: &[String]) -> Result<Vec<String>, Failure> {
    Ok(
        sqlx::query_scalar("SELECT collector FROM collectors WHERE collector = ANY($1) AND creditor_id <> $2")
            .bind(collectors)
            .bind(creditor.as_uuid())
            .fetch_all(tx.conn())
            .await?,
    )
}

/// What is to be stored of a creditor.
pub struct NewCreditor<'a> {
    /// Its id.
    pub creditor_id: CreditorId,
    /// Its code.
    pub code: &'a str,
    /// Version and digest.
    pub content: Content,
    /// Canonical JSON.
    pub body: &'a str,
    /// Its calendar.
    pub calendar: &'a CalendarId,
    /// First day that counts for it.
    pub first_on: BusinessDate,
    /// Bank accounts and merchants.
    pub collectors: Vec<String>,
    /// Now.
    pub at: Timestamp,
}

/// Writes the creditor and its collectors.
///
/// # Errors
/// When the database does not answer.
pub async fn save(tx: &mut Tx, new: NewCreditor<'_>) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO creditors (creditor_id, code, version, content, body, calendar, first_on, received_at)
         VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
         ON CONFLICT (creditor_id) DO UPDATE
           SET version = excluded.version, content = excluded.content, body = excluded.body,
               calendar = excluded.calendar, first_on = excluded.first_on, received_at = excluded.received_at",
    )
    .bind(new.creditor_id.as_uuid())
    .bind(new.code)
    .bind(new.content.version)
    .bind(new.content.digest.to_vec())
    .bind(new.body)
    .bind(new.calendar.as_str())
    .bind(new.first_on.naive())
    .bind(new.at.utc())
    .execute(tx.conn())
    .await?;
    sqlx::query("DELETE FROM collectors WHERE creditor_id = $1 AND collector <> ALL($2)")
        .bind(new.creditor_id.as_uuid())
        .bind(&new.collectors)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO collectors (collector, creditor_id) SELECT DISTINCT collector, $1 FROM UNNEST($2::text[]) AS collector
         ON CONFLICT (collector) DO NOTHING",
    )
    .bind(new.creditor_id.as_uuid())
    .bind(new.collectors)
    .execute(tx.conn())
    .await?;
    Ok(())
}
