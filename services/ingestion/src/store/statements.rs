//! Statements: what the first pass proved, and how far the second one booked.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::PaymentId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::keys::{EntryKey, Period};

/// A statement as the first pass found it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Statement {
    /// Derived from raw item and number.
    pub statement_id: Uuid,
    /// The raw item.
    pub raw_id: Uuid,
    /// Running number in the file, from 1.
    pub number: i32,
    /// Capitals and digits of the account's number.
    pub bank_account: String,
    /// Account, type, id, numbers, dates, page.
    pub statement_key: String,
    /// Digest of its entries and balances.
    pub content_sha256: String,
    /// The currency's code.
    pub currency: Option<String>,
    /// Electronic (else legal) sequence number.
    pub sequence: Option<i64>,
    /// Start as written.
    pub from_at: Option<String>,
    /// End as written.
    pub to_at: Option<String>,
    /// Opening balance.
    pub opening_minor: Option<i64>,
    /// Closing balance.
    pub closing_minor: Option<i64>,
    /// First day of its stated period.
    pub from_on: Option<NaiveDate>,
    /// Date of the closing balance, else end of the period.
    pub closing_on: Option<NaiveDate>,
    /// First booking date.
    pub first_booked_on: Option<NaiveDate>,
    /// Last booking date.
    pub last_booked_on: Option<NaiveDate>,
    /// `holds`, `fails`, `absent`.
    pub proof: String,
    /// Entries (details count each).
    pub entries: i64,
    /// `proved`, `booked`, `quarantined`.
    pub state: String,
    /// Why quarantined.
    pub reason: Option<String>,
    /// Problems: where, what, remedy.
    pub problems: Value,
    /// An earlier statement with the same key.
    pub repeats: Option<Uuid>,
    /// Whether that one says the same.
    pub repeats_exactly: Option<bool>,
    /// Entries that the second pass has done.
    pub next_entry: i64,
    /// Of which statement it is a page, where it is one of several.
    pub page_of: Option<String>,
    /// Number of the page, from 1.
    pub page_no: Option<i64>,
    /// Whether it says that it is the last page.
    pub page_last: bool,
    /// Signed sum of its booked entries.
    pub booked_minor: Option<i64>,
    /// Other pages with which it was proved: they hold other bookings.
    pub pages_with: Vec<Uuid>,
    /// Whether its days are covered with it: not by a page without the others.
    pub covers: bool,
}

/// Reason of a page that waits for others, without which it cannot be proved.
pub const AWAITS_PAGES: &str = "awaits-other-pages";
/// Reason of a statement whose balances contradict its entries.
pub const PROOF_FAILS: &str = "balance-proof-fails";

impl Statement {
    /// The id of the n-th statement of a raw item.
    #[must_use]
    pub fn id(raw_id: Uuid, number: u32) -> Uuid {
        super::derived_id("statement", &[&raw_id.to_string(), &number.to_string()])
    }

    /// How it is told: `camt053`, `mt940`, ….
    #[must_use]
    pub fn channel(&self) -> &str {
        self.statement_key.split('|').nth(2).unwrap_or_default()
    }

    /// Its place among the others of its account.
    #[must_use]
    pub fn period(&self) -> Period {
        Period {
            sequence: self.sequence,
            opening_minor: self.opening_minor,
            closing_minor: self.closing_minor,
            from: self.from_at.clone(),
            to: self.to_at.clone(),
        }
    }
}

const COLUMNS: &str = "statement_id, raw_id, number, bank_account, statement_key, content_sha256, currency, sequence, from_at, to_at,
    opening_minor, closing_minor, from_on, closing_on, first_booked_on, last_booked_on, proof, entries, state, reason, problems,
    repeats, repeats_exactly, next_entry, page_of, page_no, page_last, booked_minor, pages_with, covers";

/// Keeps what the first pass found. A statement that is proved or booked already stays as it is: only a quarantined one is
/// judged anew.
///
/// # Errors
/// When the database does not answer.
pub async fn put(conn: &mut PgConnection, statement: &Statement, at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO statement (statement_id, raw_id, number, bank_account, statement_key, content_sha256, currency, sequence, from_at,
             to_at, opening_minor, closing_minor, from_on, closing_on, first_booked_on, last_booked_on, proof, entries, state, reason,
             problems, repeats, repeats_exactly, page_of, page_no, page_last, booked_minor, pages_with, covers, proved_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
             $27, $28, $29, $30)
         ON CONFLICT (statement_id) DO UPDATE SET state = EXCLUDED.state, reason = EXCLUDED.reason, problems = EXCLUDED.problems,
             repeats = EXCLUDED.repeats, repeats_exactly = EXCLUDED.repeats_exactly, proof = EXCLUDED.proof,
             pages_with = EXCLUDED.pages_with, covers = EXCLUDED.covers, proved_at = EXCLUDED.proved_at
         WHERE statement.state = 'quarantined'",
    )
    .bind(statement.statement_id)
    .bind(statement.raw_id)
    .bind(statement.number)
    .bind(&statement.bank_account)
    .bind(&statement.statement_key)
    .bind(&statement.content_sha256)
    .bind(&statement.currency)
    .bind(statement.sequence)
    .bind(&statement.from_at)
    .bind(&statement.to_at)
    .bind(statement.opening_minor)
    .bind(statement.closing_minor)
    .bind(statement.from_on)
    .bind(statement.closing_on)
    .bind(statement.first_booked_on)
    .bind(statement.last_booked_on)
    .bind(&statement.proof)
    .bind(statement.entries)
    .bind(&statement.state)
    .bind(&statement.reason)
    .bind(&statement.problems)
    .bind(statement.repeats)
    .bind(statement.repeats_exactly)
    .bind(&statement.page_of)
    .bind(statement.page_no)
    .bind(statement.page_last)
    .bind(statement.booked_minor)
    .bind(&statement.pages_with)
    .bind(statement.covers)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// An earlier statement with this key that may be booked, and its content's digest.
///
/// # Errors
/// When the database does not answer.
pub async fn with_key(conn: &mut PgConnection, statement: &Statement) -> Result<Option<(Uuid, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT statement_id, content_sha256 FROM statement
         WHERE bank_account = $1 AND statement_key = $2 AND state <> 'quarantined' AND statement_id <> $3
         ORDER BY proved_at, statement_id LIMIT 1",
    )
    .bind(&statement.bank_account)
    .bind(&statement.statement_key)
    .bind(statement.statement_id)
    .fetch_optional(conn)
    .await
}

/// Locks the pages of one statement until the transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_pages(conn: &mut PgConnection, bank_account: &str, page_of: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))")
        .bind(bank_account)
        .bind(page_of)
        .execute(conn)
        .await?;
    Ok(())
}

/// Pages of a statement from other raw items that may be proved together with new ones, the oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn pages(
    conn: &mut PgConnection,
    raw_id: Uuid,
    bank_account: &str,
    page_of: &str,
) -> Result<Vec<Statement>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM statement
         WHERE bank_account = $1 AND page_of = $2 AND raw_id <> $3 AND (state <> 'quarantined' OR reason IN ($4, $5))
         ORDER BY proved_at, statement_id"
    )))
    .bind(bank_account)
    .bind(page_of)
    .bind(raw_id)
    .bind(AWAITS_PAGES)
    .bind(PROOF_FAILS)
    .fetch_all(conn)
    .await
}

/// These statements, by number of the page.
///
/// # Errors
/// When the database does not answer.
pub async fn by_ids(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Statement>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM statement WHERE statement_id = ANY($1) ORDER BY page_no, statement_id"
    )))
    .bind(ids)
    .fetch_all(conn)
    .await
}

/// Statements of a raw item, in order.
///
/// # Errors
/// When the database does not answer.
pub async fn of_raw(conn: &mut PgConnection, raw_id: Uuid) -> Result<Vec<Statement>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM statement WHERE raw_id = $1 ORDER BY number"
    )))
    .bind(raw_id)
    .fetch_all(conn)
    .await
}

/// One statement, its row locked, and its bank account until the transaction ends: `alone`, or beside others that book
/// into it. What is provisional and what is booked look for each other under this lock: at once, neither would find the other.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(conn: &mut PgConnection, statement_id: Uuid, alone: bool) -> Result<Option<Statement>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS}, CASE WHEN $2 THEN pg_advisory_xact_lock(hashtextextended('sightings/' || bank_account, 0))::text
             ELSE pg_advisory_xact_lock_shared(hashtextextended('sightings/' || bank_account, 0))::text END AS held
         FROM statement WHERE statement_id = $1 FOR UPDATE"
    )))
    .bind(statement_id)
    .bind(alone)
    .fetch_optional(conn)
    .await
}

/// Other statements of the account, booked or being booked, whose booking dates touch this one's.
///
/// # Errors
/// When the database does not answer.
pub async fn neighbours(conn: &mut PgConnection, statement: &Statement) -> Result<Vec<Statement>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM statement
         WHERE bank_account = $1 AND statement_id <> $2 AND (state = 'booked' OR next_entry > 0)
           AND first_booked_on <= $4 AND last_booked_on >= $3
         ORDER BY proved_at, statement_id"
    )))
    .bind(&statement.bank_account)
    .bind(statement.statement_id)
    .bind(statement.first_booked_on)
    .bind(statement.last_booked_on)
    .fetch_all(conn)
    .await
}

/// Keys and occurrences of the entries of these statements within these booking dates.
///
/// # Errors
/// When the database does not answer.
pub async fn occurrences(
    conn: &mut PgConnection,
    statements: &[Uuid],
    first_on: Option<NaiveDate>,
    last_on: Option<NaiveDate>,
) -> Result<Vec<(EntryKey, u32)>, sqlx::Error> {
    let rows: Vec<(Uuid, i32)> = sqlx::query_as(
        "SELECT entry_key, occurrence FROM sighting WHERE statement_id = ANY($1) AND class <> 'shown' AND booked_on BETWEEN $2 AND $3",
    )
    .bind(statements)
    .bind(first_on)
    .bind(last_on)
    .fetch_all(conn)
    .await?;
    let read = |(key, occurrence): (Uuid, i32)| {
        (
            EntryKey::from_id(PaymentId::from_uuid(key)),
            u32::try_from(occurrence).unwrap_or(0),
        )
    };
    Ok(rows.into_iter().map(read).collect())
}

/// A booking as a statement told it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Told {
    /// The statement.
    pub statement_id: Uuid,
    /// The payment, or the debit.
    pub id: Uuid,
    /// Signed.
    pub amount_minor: i64,
    /// Booking date.
    pub booked_on: NaiveDate,
    /// Key without occurrence.
    pub entry_key: Uuid,
    /// Occurrence.
    pub occurrence: i32,
    /// References, as a list column.
    pub refs: String,
}

/// What these statements booked within these booking dates, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn told(
    conn: &mut PgConnection,
    statements: &[Uuid],
    first_on: Option<NaiveDate>,
    last_on: Option<NaiveDate>,
) -> Result<Vec<Told>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.statement_id, COALESCE(r.reversal_id, s.payment_id) AS id, s.amount_minor, s.booked_on, s.entry_key, s.occurrence, s.refs
         FROM sighting s LEFT JOIN reversal r ON s.class = 'reversal' AND r.payment_id = s.payment_id
         WHERE s.statement_id = ANY($1) AND s.class <> 'shown' AND s.booked_on BETWEEN $2 AND $3 ORDER BY s.statement_id, s.entry_no",
    )
    .bind(statements)
    .bind(first_on)
    .bind(last_on)
    .fetch_all(conn)
    .await
}

/// What a chunk did.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Entries done so far in the statement.
    pub next_entry: i64,
    /// New payments.
    pub payments: i64,
    /// Money seen again.
    pub seen_again: i64,
    /// Payments taken back.
    pub reversals: i64,
    /// Other debits.
    pub outgoing: i64,
    /// Entries not on the books.
    pub shown: i64,
}

/// Moves a statement on; `done` books it.
///
/// # Errors
/// When the database does not answer.
pub async fn advance(
    conn: &mut PgConnection,
    statement_id: Uuid,
    progress: &Progress,
    done: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE statement SET next_entry = $2, payments = payments + $3, seen_again = seen_again + $4, reversals = reversals + $5,
             outgoing = outgoing + $6, shown = shown + $7, booked_at = $8, state = CASE WHEN $8::timestamptz IS NULL THEN state ELSE 'booked' END
         WHERE statement_id = $1",
    )
    .bind(statement_id)
    .bind(progress.next_entry)
    .bind(progress.payments)
    .bind(progress.seen_again)
    .bind(progress.reversals)
    .bind(progress.outgoing)
    .bind(progress.shown)
    .bind(done)
    .execute(conn)
    .await?;
    Ok(())
}

/// The closing date of the latest booked statement of the account that closes before this one, with the balance that this
/// one opens with.
///
/// # Errors
/// When the database does not answer.
pub async fn chained_on(conn: &mut PgConnection, statement: &Statement) -> Result<Option<NaiveDate>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT closing_on FROM (SELECT closing_on, closing_minor FROM statement
             WHERE bank_account = $1 AND state = 'booked' AND closing_on < $2 AND closing_minor IS NOT NULL ORDER BY closing_on DESC, sequence DESC LIMIT 1) AS last
         WHERE closing_minor = $3",
    )
    .bind(&statement.bank_account)
    .bind(statement.closing_on)
    .bind(statement.opening_minor)
    .fetch_optional(conn)
    .await
}

/// Notes the days that a booked statement covers.
///
/// # Errors
/// When the database does not answer.
pub async fn cover(conn: &mut PgConnection, bank_account: &str, days: &[NaiveDate]) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO bank_day (bank_account, day_on) SELECT $1, UNNEST($2::date[]) ON CONFLICT DO NOTHING")
        .bind(bank_account)
        .bind(days)
        .execute(conn)
        .await?;
    Ok(())
}

/// A booked statement in the chain of its account.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ChainRow {
    /// The statement.
    pub statement_id: Uuid,
    /// Its number.
    pub sequence: Option<i64>,
    /// Opening balance.
    pub opening_minor: Option<i64>,
    /// Closing balance.
    pub closing_minor: Option<i64>,
    /// First day of it.
    pub from_on: NaiveDate,
    /// Date of the closing balance.
    pub closing_on: NaiveDate,
}

/// Booked statements of the account in one format that close within these days, in order.
///
/// # Errors
/// When the database does not answer.
pub async fn chain(
    conn: &mut PgConnection,
    bank_account: &str,
    channel: &str,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<ChainRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT statement_id, sequence, opening_minor, closing_minor, COALESCE(from_on, first_booked_on, closing_on) AS from_on, closing_on
         FROM statement
         WHERE bank_account = $1 AND split_part(statement_key, '|', 3) = $2 AND closing_on BETWEEN $3 AND $4 AND state = 'booked'
         ORDER BY closing_on, sequence, proved_at, statement_id",
    )
    .bind(bank_account)
    .bind(channel)
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await
}

/// Says more about a statement.
///
/// # Errors
/// When the database does not answer.
pub async fn add_problems(conn: &mut PgConnection, statement_id: Uuid, problems: &[Value]) -> Result<(), sqlx::Error> {
    if problems.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE statement SET problems = problems || $2 WHERE statement_id = $1")
        .bind(statement_id)
        .bind(Value::Array(problems.to_vec()))
        .execute(conn)
        .await?;
    Ok(())
}
