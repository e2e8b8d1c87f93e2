//! Raw bytes and how far they are processed.

use chrono::{DateTime, Utc};
use runtime::{Bulk, Context, Failure};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Bodies up to this size lie in the table itself, larger ones in the blob store.
pub const INLINE_BYTES: usize = 64 * 1024;

/// A raw item to store.
#[derive(Debug)]
pub struct NewRaw<'a> {
    /// Derived from source and digest.
    pub raw_id: Uuid,
    /// `statement` or `payu-latam:508029`.
    pub source: &'a str,
    /// `http`, `webhook` or `folder`; behind a colon the source that was named with it.
    pub origin: &'a str,
    /// SHA-256, hexadecimal.
    pub sha256: &'a str,
    /// Size.
    pub size_bytes: i64,
    /// The bytes, up to [`INLINE_BYTES`]; else they are in the blob store already.
    pub body: Option<&'a [u8]>,
    /// Codes of creditors the sender acts for.
    pub acts_for: &'a [String],
    /// Now.
    pub received_at: DateTime<Utc>,
    /// Refused from the start, for this reason: kept, never processed.
    pub refused: Option<&'a str>,
}

/// The id of the raw bytes with this digest from this source.
#[must_use]
pub fn raw_id(source: &str, sha256: &str) -> Uuid {
    super::derived_id("raw", &[source, sha256])
}

/// Stores a raw item, or notes that it came again (then what else the sender acts for is added, and statements that were
/// quarantined for lack of that are tried again). `true` where it is new.
///
/// # Errors
/// When the database does not answer.
pub async fn store(conn: &mut PgConnection, raw: &NewRaw<'_>) -> Result<bool, sqlx::Error> {
    let state = if raw.refused.is_some() { "refused" } else { "received" };
    sqlx::query_scalar(
        "INSERT INTO raw (raw_id, source, origin, sha256, size_bytes, body, acts_for, received_at, state, reason, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $10::text IS NOT NULL THEN $8 END)
         ON CONFLICT (raw_id) DO UPDATE SET times_seen = raw.times_seen + 1,
             acts_for = ARRAY(SELECT DISTINCT UNNEST(raw.acts_for || EXCLUDED.acts_for) ORDER BY 1)
         RETURNING times_seen = 1",
    )
    .bind(raw.raw_id)
    .bind(raw.source)
    .bind(raw.origin)
    .bind(raw.sha256)
    .bind(raw.size_bytes)
    .bind(raw.body)
    .bind(raw.acts_for)
    .bind(raw.received_at)
    .bind(state)
    .bind(raw.refused)
    .fetch_one(conn)
    .await
}

/// A raw item without its bytes.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Raw {
    /// Its id.
    pub raw_id: Uuid,
    /// Where it is from.
    pub source: String,
    /// The way it came, and the source that was named with it: `http`, `folder:NAME`.
    pub origin: String,
    /// SHA-256.
    pub sha256: String,
    /// Size.
    pub size_bytes: i64,
    /// Codes of creditors its sender acts for.
    pub acts_for: Vec<String>,
    /// When it was stored.
    pub received_at: DateTime<Utc>,
    /// `received`, `proved`, `done`, `refused`, `quarantined`.
    pub state: String,
    /// Failed tries.
    pub attempts: i32,
}

const COLUMNS: &str = "raw_id, source, origin, sha256, size_bytes, acts_for, received_at, state, attempts";

/// The item with this id.
///
/// # Errors
/// When the database does not answer.
pub async fn find(conn: &mut PgConnection, raw_id: Uuid) -> Result<Option<Raw>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM raw WHERE raw_id = $1"
    )))
    .bind(raw_id)
    .fetch_optional(conn)
    .await
}

/// The item, its row locked: what processes it holds this to the end of its transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(conn: &mut PgConnection, raw_id: Uuid) -> Result<Option<Raw>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM raw WHERE raw_id = $1 FOR UPDATE"
    )))
    .bind(raw_id)
    .fetch_optional(conn)
    .await
}

/// Leases the oldest open statement file to this instance for 20 s, by the database's clock: so long may a day wait for the file
/// of an instance that crashed. The lease only avoids work done twice: every chunk checks where the file stands. Files with
/// pages of one statement are booked one after the other: equal payments on two pages are told apart by what is booked of the
/// other page.
///
/// # Errors
/// When the database does not answer.
pub async fn lease_statement(conn: &mut PgConnection) -> Result<Option<Raw>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "UPDATE raw SET leased_until = clock_timestamp() + interval '20 seconds'
         WHERE raw_id = (SELECT raw_id FROM raw WHERE state IN ('received', 'proved') AND source = 'statement'
                           AND (leased_until IS NULL OR leased_until < clock_timestamp())
                           AND NOT EXISTS (
                               SELECT FROM statement s
                               JOIN statement o ON o.bank_account = s.bank_account AND o.page_of = s.page_of AND o.raw_id <> s.raw_id
                               JOIN raw other ON other.raw_id = o.raw_id
                               WHERE s.raw_id = raw.raw_id AND other.state IN ('received', 'proved')
                                 AND other.leased_until > clock_timestamp())
                         ORDER BY half_booked DESC, received_at, raw_id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING {COLUMNS}"
    )))
    .fetch_optional(conn)
    .await
}

/// Gives a lease back, at once or after a pause in seconds (a failed try).
///
/// # Errors
/// When the database does not answer.
pub async fn release(conn: &mut PgConnection, raw_id: Uuid, pause_seconds: i32) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE raw SET leased_until = CASE WHEN $2 > 0 THEN clock_timestamp() + make_interval(secs => $2) END WHERE raw_id = $1")
        .bind(raw_id)
        .bind(pause_seconds)
        .execute(conn)
        .await?;
    Ok(())
}

/// Renews a lease, and forgets failed tries: it goes on.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(conn: &mut PgConnection, raw_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE raw SET leased_until = clock_timestamp() + interval '20 seconds', attempts = 0 WHERE raw_id = $1",
    )
    .bind(raw_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// The oldest open webhook bodies with their bytes, locked; others skip them.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_webhooks(conn: &mut PgConnection, limit: i64) -> Result<Vec<(Raw, Vec<u8>)>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct WithBody {
        #[sqlx(flatten)]
        raw: Raw,
        body: Option<Vec<u8>>,
    }
    let rows: Vec<WithBody> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS}, body FROM open_confirmations($1)"
    )))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.raw, row.body.unwrap_or_default()))
        .collect())
}

/// The bytes of an item that lie in the table.
///
/// # Errors
/// When the database does not answer.
pub async fn body(conn: &mut PgConnection, raw_id: Uuid) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT body FROM raw WHERE raw_id = $1")
        .bind(raw_id)
        .fetch_one(conn)
        .await
}

/// Moves an item to a new state. Finished states are dated.
///
/// # Errors
/// When the database does not answer.
pub async fn set_state(
    conn: &mut PgConnection,
    raw_id: Uuid,
    state: &str,
    reason: Option<&str>,
    problems: &Value,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE raw SET state = $2, reason = $3, problems = $4, half_booked = half_booked AND $2 = 'proved',
             finished_at = CASE WHEN $2 IN ('done', 'refused', 'quarantined') THEN $5 END, leased_until = NULL
         WHERE raw_id = $1",
    )
    .bind(raw_id)
    .bind(state)
    .bind(reason)
    .bind(problems)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Finishes items, each one once: `done`, or quarantined for this reason.
pub fn finish(bulk: &mut Bulk, items: &[(Uuid, Option<&'static str>)], at: DateTime<Utc>) {
    if items.is_empty() {
        return;
    }
    bulk.add(
        "UPDATE raw SET state = CASE WHEN u.why IS NULL THEN 'done' ELSE 'quarantined' END, reason = u.why, problems = '[]',
             half_booked = false, finished_at = $3, leased_until = NULL
         FROM UNNEST($1::uuid[], $2::text[]) AS u (id, why) WHERE raw.raw_id = u.id",
    )
    .bind(items.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(items.iter().map(|(_, why)| *why).collect::<Vec<_>>())
    .bind(at);
}

/// A part of the file is booked and a part is not.
///
/// # Errors
/// When the database does not answer.
pub async fn set_half_booked(conn: &mut PgConnection, raw_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE raw SET half_booked = true WHERE raw_id = $1 AND NOT half_booked")
        .bind(raw_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Counts a failed try and pauses the item; gives the number of tries.
///
/// # Errors
/// When the database does not answer.
pub async fn count_attempt(conn: &mut PgConnection, raw_id: Uuid) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar(
        "UPDATE raw SET attempts = attempts + 1, leased_until = clock_timestamp() + make_interval(secs => least(attempts + 1, 5))
         WHERE raw_id = $1 RETURNING attempts",
    )
    .bind(raw_id)
    .fetch_one(conn)
    .await
}

/// Items that a close may not pass: received before `cut_off` and open, or half booked whenever received.
///
/// # Errors
/// When the database does not answer.
pub async fn unfinished(conn: &mut PgConnection, cut_off: DateTime<Utc>) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT raw_id FROM raw WHERE state IN ('received', 'proved') AND (received_at < $1 OR half_booked) ORDER BY received_at, raw_id LIMIT 1000")
        .bind(cut_off)
        .fetch_all(conn)
        .await
}

/// Quarantines those of these items that failed at least `attempts` times; gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn quarantine_failing(
    conn: &mut PgConnection,
    ids: &[Uuid],
    attempts: i32,
    at: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE raw SET state = 'quarantined', reason = 'processing-fails', half_booked = false, finished_at = $3, leased_until = NULL
         WHERE raw_id = ANY($1) AND attempts >= $2 AND state IN ('received', 'proved')",
    )
    .bind(ids)
    .bind(attempts)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Opens a quarantined item again, and its quarantined statements with it: proved anew, booked from where they stopped.
///
/// # Errors
/// When the database does not answer.
pub async fn reopen(conn: &mut PgConnection, raw_id: Uuid) -> Result<bool, sqlx::Error> {
    let opened = sqlx::query(
        "UPDATE raw SET state = 'received', reason = NULL, attempts = 0, leased_until = NULL, finished_at = NULL
         WHERE raw_id = $1 AND (state = 'quarantined'
            OR (state = 'done' AND EXISTS (SELECT FROM statement s WHERE s.raw_id = $1 AND s.state = 'quarantined')))",
    )
    .bind(raw_id)
    .execute(conn)
    .await?;
    Ok(opened.rows_affected() == 1)
}

/// Opens items again whose pages waited for others that are here now.
///
/// # Errors
/// When the database does not answer.
pub async fn reopen_pages(conn: &mut PgConnection, raws: &[Uuid]) -> Result<(), sqlx::Error> {
    if raws.is_empty() {
        return Ok(());
    }
    // Whoever books one of them at this moment finishes it after this transaction, and then sees what it did.
    sqlx::query("SELECT FROM raw WHERE raw_id = ANY($1) ORDER BY raw_id FOR UPDATE")
        .bind(raws)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "UPDATE raw SET state = 'received', reason = NULL, leased_until = NULL, finished_at = NULL
         WHERE raw_id = ANY($1) AND state IN ('done', 'quarantined')",
    )
    .bind(raws)
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens an item again that was finished just now, where a page in it has waited for one that came meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn reopen_own_pages(conn: &mut PgConnection, raw_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE raw SET state = 'received', finished_at = NULL WHERE raw_id = $1 AND EXISTS (
             SELECT FROM statement s JOIN statement o ON o.bank_account = s.bank_account AND o.page_of = s.page_of
             WHERE s.raw_id = $1 AND s.state = 'quarantined' AND s.statement_id = ANY(o.pages_with))",
    )
    .bind(raw_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens again what was quarantined because this bank account or merchant was not known, or not the sender's.
///
/// # Errors
/// When the database does not answer.
pub async fn reopen_unknown(
    conn: &mut PgConnection,
    numbers: &[String],
    sources: &[String],
) -> Result<u64, sqlx::Error> {
    let opened = sqlx::query(
        "UPDATE raw SET state = 'received', reason = NULL, leased_until = NULL, finished_at = NULL
         WHERE (state = 'quarantined' AND reason = 'unknown-merchant' AND source = ANY($2))
            OR (state IN ('done', 'quarantined') AND raw_id IN (
                SELECT raw_id FROM statement WHERE state = 'quarantined' AND reason = 'unknown-bank-account' AND bank_account = ANY($1)))",
    )
    .bind(numbers)
    .bind(sources)
    .execute(conn)
    .await?;
    Ok(opened.rows_affected())
}

/// The bytes of an item as something that can be read and rewound by blocking code.
///
/// # Errors
/// When the database or the store does not answer.
pub async fn open(ctx: &Context, raw: &Raw) -> Result<Box<dyn ReadSeek>, Failure> {
    let mut conn = ctx.pool().acquire().await?;
    if let Some(body) = body(&mut conn, raw.raw_id).await? {
        return Ok(Box::new(std::io::Cursor::new(body)));
    }
    drop(conn);
    let digest = raw
        .sha256
        .parse()
        .map_err(|error| Failure::new(anyhow::Error::new(error).context("raw.sha256")))?;
    let path = ctx
        .blobs()
        .local(&digest)
        .await
        .map_err(|error| Failure::new(anyhow::Error::new(error)))?;
    let file = tokio::fs::File::open(path).await?.into_std().await;
    Ok(Box::new(std::io::BufReader::with_capacity(256 * 1024, file)))
}

/// Bytes that blocking code can read and rewind.
pub trait ReadSeek: std::io::Read + std::io::Seek + Send {}
impl<T: std::io::Read + std::io::Seek + Send> ReadSeek for T {}

/// Opens an item again whose statements were quarantined because an earlier sender did not act for their creditor.
///
/// # Errors
/// When the database does not answer.
pub async fn reopen_forbidden(conn: &mut PgConnection, raw_id: Uuid) -> Result<bool, sqlx::Error> {
    let opened = sqlx::query(
        "UPDATE raw SET state = 'received', reason = NULL, leased_until = NULL, finished_at = NULL
         WHERE raw_id = $1 AND state IN ('done', 'quarantined')
           AND EXISTS (SELECT FROM statement s WHERE s.raw_id = $1 AND s.state = 'quarantined' AND s.reason = 'not-the-senders-bank-account')",
    )
    .bind(raw_id)
    .execute(conn)
    .await?;
    Ok(opened.rows_affected() == 1)
}

/// Counts a failed try of the oldest open confirmation and pauses it.
///
/// # Errors
/// When the database does not answer.
pub async fn pause_oldest_webhook(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE raw SET attempts = attempts + 1, leased_until = clock_timestamp() + make_interval(secs => least(attempts + 1, 5))
         WHERE raw_id = (SELECT raw_id FROM raw WHERE state = 'received' AND source <> 'statement'
                           AND (leased_until IS NULL OR leased_until < clock_timestamp())
                         ORDER BY received_at, raw_id LIMIT 1 FOR UPDATE SKIP LOCKED)",
    )
    .execute(conn)
    .await?;
    Ok(())
}
