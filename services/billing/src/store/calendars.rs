//! The day's clock: which day of each calendar is open, and what moved in those that were closed.

use chrono::NaiveDate;
use futures::TryStreamExt;
use kernel::{BusinessDate, CalendarId, CreditorId, Timestamp};
use runtime::{Failure, Tx, digest};
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use super::{calendar, currency, date};

/// A calendar's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarRow {
    /// The calendar.
    pub calendar: CalendarId,
    /// Its first day.
    pub first_on: BusinessDate,
    /// The day that is open now.
    pub open_on: BusinessDate,
    /// Sequence of its last closed day.
    pub last_sequence: Option<i64>,
}

/// All calendars.
///
/// # Errors
/// When the database does not answer.
pub async fn all(pool: &PgPool) -> Result<Vec<CalendarRow>, Failure> {
    let rows: Vec<(String, NaiveDate, NaiveDate, Option<i64>)> = sqlx::query_as(
        "SELECT calendar, first_on, open_on,
                (SELECT max(sequence) FROM days WHERE days.calendar = calendars.calendar)
         FROM calendars ORDER BY calendar",
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|(text, first_on, open_on, last_sequence)| {
            Ok(CalendarRow {
                calendar: calendar(&text)?,
                first_on: date(first_on)?,
                open_on: date(open_on)?,
                last_sequence,
            })
        })
        .collect()
}

/// The calendar's open day; one that is not known yet opens with `first_on`.
///
/// # Errors
/// When the database does not answer.
pub async fn register(
    tx: &mut Tx,
    id: &CalendarId,
    first_on: BusinessDate,
    at: Timestamp,
) -> Result<BusinessDate, Failure> {
    sqlx::query(
        "INSERT INTO calendars (calendar, first_on, open_on, registered_at) VALUES ($1, $2, $2, $3)
         ON CONFLICT (calendar) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(first_on.naive())
    .bind(at.utc())
    .execute(tx.conn())
    .await?;
    let open_on: NaiveDate = sqlx::query_scalar("SELECT open_on FROM calendars WHERE calendar = $1")
        .bind(id.as_str())
        .fetch_one(tx.conn())
        .await?;
    date(open_on)
}

/// The calendar's open day, if it is known.
///
/// # Errors
/// When the database does not answer.
pub async fn open_day(conn: &mut PgConnection, id: &CalendarId) -> Result<Option<BusinessDate>, Failure> {
    let open_on: Option<NaiveDate> = sqlx::query_scalar("SELECT open_on FROM calendars WHERE calendar = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    open_on.map(date).transpose()
}

/// Takes or renews the clock's lease, by the database's time: one instance closes at a time. `owner` is this instance's name,
/// drawn from the database when first needed.
///
/// # Errors
/// When the database does not answer.
pub async fn lease(pool: &PgPool, owner: &mut Option<Uuid>) -> Result<bool, Failure> {
    let name = match *owner {
        Some(name) => name,
        None => *owner.insert(sqlx::query_scalar("SELECT gen_random_uuid()").fetch_one(pool).await?),
    };
    let taken = sqlx::query(
        "UPDATE clock_lease SET owner = $1, expires_at = now() + interval '15 seconds'
         WHERE owner = $1 OR expires_at < now()",
    )
    .bind(name)
    .execute(pool)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Notes that a day was closed under `sequence`: the sequence of the calendar's day before (0 for the first), or nothing
/// where it was noted already.
///
/// # Errors
/// When the database does not answer.
pub async fn note_closed(
    tx: &mut Tx,
    id: &CalendarId,
    closed_on: BusinessDate,
    sequence: i64,
    at: Timestamp,
) -> Result<Option<i64>, Failure> {
    let moved = sqlx::query("UPDATE calendars SET open_on = $3 WHERE calendar = $1 AND open_on = $2")
        .bind(id.as_str())
        .bind(closed_on.naive())
        .bind(closed_on.succ().naive())
        .execute(tx.conn())
        .await?;
    if moved.rows_affected() == 0 {
        return Ok(None);
    }
    let previous: i64 = sqlx::query_scalar(
        "INSERT INTO days (calendar, closed_on, sequence, previous, closed_at)
         SELECT $1, $2, $3, coalesce(max(sequence), 0), $4 FROM days WHERE calendar = $1
         RETURNING previous",
    )
    .bind(id.as_str())
    .bind(closed_on.naive())
    .bind(sequence)
    .bind(at.utc())
    .fetch_one(tx.conn())
    .await?;
    Ok(Some(previous))
}

/// One sum of a closed day.
pub struct DaySum {
    /// Whose.
    pub creditor_id: CreditorId,
    /// Its currency.
    pub currency: kernel::Currency,
    /// `issued` or `credited`.
    pub kind: String,
    /// Signed, in minor units.
    pub amount_minor: i64,
    /// Rows in it.
    pub count: i64,
}

/// The sums over the day's movements: `segment` from `previous` to before `sequence`.
///
/// # Errors
/// When the database does not answer, or a sum exceeds 64 bits.
pub async fn sums(tx: &mut Tx, id: &CalendarId, previous: i64, sequence: i64) -> Result<Vec<DaySum>, Failure> {
    let rows: Vec<(Uuid, String, String, i64, i64)> = sqlx::query_as(
        "SELECT creditor_id, currency, kind, sum(amount_minor)::int8, count(*)
         FROM movements WHERE calendar = $1 AND segment >= $2 AND segment < $3
         GROUP BY creditor_id, currency, kind ORDER BY creditor_id, currency, kind",
    )
    .bind(id.as_str())
    .bind(previous)
    .bind(sequence)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|(creditor, currency_text, kind, amount_minor, count)| {
            let creditor_id = CreditorId::from_uuid(creditor);
            Ok(DaySum {
                creditor_id,
                currency: currency(&currency_text)?,
                kind,
                amount_minor,
                count,
            })
        })
        .collect()
}

/// Digest of the day's movements, independent of their order. A row's canonical text: its columns in the order of the table
/// without `moved_at`, held together by `|`.
///
/// # Errors
/// When the database does not answer.
pub async fn day_digest(tx: &mut Tx, id: &CalendarId, previous: i64, sequence: i64) -> Result<[u8; 32], Failure> {
    let mut rows = sqlx::query(
        "SELECT concat_ws('|', movement_id, invoice_id, account_id, creditor_id, calendar, currency, kind, amount_minor, segment)
         FROM movements WHERE calendar = $1 AND segment >= $2 AND segment < $3",
    )
    .bind(id.as_str())
    .bind(previous)
    .bind(sequence)
    .fetch(tx.conn());
    let mut sum = [0_u8; 32];
    while let Some(row) = rows.try_next().await? {
        let text: String = row.try_get(0)?;
        sum = digest::combine(sum, digest::row_hash(&text));
    }
    Ok(sum)
}
