//! A day's touched accounts, and the sums and digest of the rows that it appended.

use std::collections::BTreeMap;

use contracts::CertifiedSum;
use futures::TryStreamExt as _;
use kernel::{AccountId, CreditorId, Currency};
use runtime::digest::{combine, row_hash};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::parsed;

/// Which rows belong to a day: `calendar` and `previous <= segment < sequence`; of one partition, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub partition: Option<i32>,
    pub calendar: String,
    pub previous: i64,
    pub sequence: i64,
}

/// The next accounts that the day touched, by id.
pub(crate) async fn touched(
    conn: &mut PgConnection,
    rows: &Rows,
    after: Option<AccountId>,
    limit: i64,
) -> sqlx::Result<Vec<AccountId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT account_id FROM accounts
         WHERE partition = $1 AND day = $2 AND calendar = $3 AND account_id > $4
         ORDER BY account_id LIMIT $5",
    )
    .bind(rows.partition)
    .bind(rows.previous)
    .bind(&rows.calendar)
    .bind(after.map_or(Uuid::nil(), |account| account.as_uuid()))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(AccountId::from_uuid).collect())
}

/// What a sum is for: creditor, partition, currency.
type Book = (Option<CreditorId>, i32, Currency);

/// The day's sums, from the three append-only tables and nothing else: what came in and what was charged from the facts,
/// what was settled from the allocations, credit and open debt from the journal. So a row that is changed, lost or doubled
/// in one of them breaks an equation.
pub(crate) async fn sums(conn: &mut PgConnection, rows: &Rows) -> sqlx::Result<Vec<CertifiedSum>> {
    let mut books: BTreeMap<Book, BTreeMap<&'static str, (i64, i64)>> = BTreeMap::new();
    let facts = "SELECT creditor_id, partition, currency,
            sum(funds_minor)::bigint AS funds_in, count(*) FILTER (WHERE funds_minor <> 0) AS funds_in_count,
            sum(issued_minor)::bigint AS issued, count(*) FILTER (WHERE issued_minor <> 0) AS issued_count,
            sum(credited_minor)::bigint AS credited, count(*) FILTER (WHERE credited_minor <> 0) AS credited_count
         FROM facts
         WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND ($4::int IS NULL OR partition = $4)
         GROUP BY creditor_id, partition, currency";
    let allocations = "SELECT creditor_id, partition, currency,
            sum(amount_minor)::bigint AS allocated, count(*) AS allocated_count,
            sum(amount_minor)::bigint AS settled, count(*) AS settled_count
         FROM allocations
         WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND ($4::int IS NULL OR partition = $4)
         GROUP BY creditor_id, partition, currency";
    let journal = "SELECT creditor_id, partition, currency,
            sum(CASE WHEN credit = 'credit' THEN amount_minor WHEN debit = 'credit' THEN -amount_minor ELSE 0 END)::bigint
                AS credit,
            count(*) FILTER (WHERE 'credit' IN (debit, credit)) AS credit_count,
            sum(CASE WHEN debit = 'items' THEN amount_minor WHEN credit = 'items' THEN -amount_minor ELSE 0 END)::bigint
                AS open,
            count(*) FILTER (WHERE 'items' IN (debit, credit)) AS open_count
         FROM journal_lines
         WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND ($4::int IS NULL OR partition = $4)
         GROUP BY creditor_id, partition, currency";
    for (sql, names) in [
        (facts, ["funds_in", "issued", "credited"].as_slice()),
        (allocations, &["allocated", "settled"]),
        (journal, &["credit", "open"]),
    ] {
        for row in bound(sql, rows).fetch_all(&mut *conn).await? {
            let book = books.entry(book(&row)?).or_default();
            for name in names {
                let count = format!("{name}_count");
                book.insert(name, (row.try_get(name)?, row.try_get(count.as_str())?));
            }
        }
    }
    Ok(books
        .into_iter()
        .flat_map(|(book, sums)| all_sums(book, &sums))
        .collect())
}

/// Names of a certificate's sums, in alphabetical order as the certificate has them.
const NAMES: [&str; 12] = [
    "allocated",
    "charged",
    "credit",
    "credited",
    "funds_in",
    "guarantees",
    "issued",
    "open",
    "parked",
    "refunded",
    "settled",
    "written_off",
];

/// Every sum of the two equations, also those that nothing books yet: zero is said, not left to be guessed.
fn all_sums((creditor_id, partition, currency): Book, sums: &BTreeMap<&'static str, (i64, i64)>) -> Vec<CertifiedSum> {
    let sum = |name: &str| {
        let (amount_minor, count) = sums.get(name).copied().unwrap_or_default();
        let (scope, name, partition) = (String::new(), name.to_owned(), Some(partition));
        CertifiedSum {
            creditor_id,
            scope,
            partition,
            currency,
            name,
            amount_minor,
            count,
        }
    };
    NAMES.iter().map(|name| sum(name)).collect()
}

/// What parked messages would have moved: it has arrived and is not placed. Of no creditor, for nobody read them.
pub(crate) fn parked(partition: i32, currency: Currency, amount_minor: i64) -> Vec<CertifiedSum> {
    let sums = BTreeMap::from([("funds_in", (amount_minor, 0)), ("parked", (amount_minor, 0))]);
    all_sums((None, partition, currency), &sums)
}

/// The four values that say which rows.
fn bound<'q>(sql: &'static str, rows: &'q Rows) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(sql)
        .bind(&rows.calendar)
        .bind(rows.previous)
        .bind(rows.sequence)
        .bind(rows.partition)
}

fn book(row: &PgRow) -> sqlx::Result<Book> {
    let creditor = CreditorId::from_uuid(row.try_get("creditor_id")?);
    Ok((Some(creditor), row.try_get("partition")?, parsed(row, "currency")?))
}

/// A ledger account's totals of the day.
pub(crate) struct LedgerTotal {
    pub partition: i32,
    pub creditor_id: CreditorId,
    pub currency: Currency,
    pub ledger_account: String,
    pub debit_minor: i64,
    pub credit_minor: i64,
    pub lines: i64,
}

/// The day's journal, summed per creditor, currency and ledger account.
pub(crate) async fn journal(conn: &mut PgConnection, rows: &Rows) -> sqlx::Result<Vec<LedgerTotal>> {
    let sql = "SELECT creditor_id, partition, currency, side.account AS ledger_account,
                sum(side.debit_minor)::bigint AS debit_minor, sum(side.credit_minor)::bigint AS credit_minor,
                count(*) AS lines
         FROM journal_lines
         CROSS JOIN LATERAL (VALUES (debit, amount_minor, 0), (credit, 0, amount_minor))
             AS side (account, debit_minor, credit_minor)
         WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND ($4::int IS NULL OR partition = $4)
         GROUP BY creditor_id, partition, currency, side.account
         ORDER BY creditor_id, partition, currency, side.account";
    let totals = bound(sql, rows).fetch_all(conn).await?;
    let total = |row: PgRow| {
        Ok(LedgerTotal {
            partition: row.try_get("partition")?,
            creditor_id: CreditorId::from_uuid(row.try_get("creditor_id")?),
            currency: parsed(&row, "currency")?,
            ledger_account: row.try_get("ledger_account")?,
            debit_minor: row.try_get("debit_minor")?,
            credit_minor: row.try_get("credit_minor")?,
            lines: row.try_get("lines")?,
        })
    };
    totals.into_iter().map(total).collect()
}

/// The canonical text of each append-only row: table and all columns in the order of the table, joined by `|`; dates as
/// `2026-01-31`, instants in microseconds since 1970, the rest as PostgreSQL writes it.
const CANONICAL: [&str; 3] = [
    "SELECT concat_ws('|', 'facts', account_id, number, partition, calendar, segment, creditor_id, currency, kind,
            subject_id, message_id, to_char(counts_on, 'YYYY-MM-DD'), funds_minor, issued_minor, credited_minor,
            body, (extract(epoch FROM arrived_at) * 1000000)::bigint)
     FROM facts WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND ($4::int IS NULL OR partition = $4)",
    "SELECT concat_ws('|', 'allocations', account_id, number, allocation_id, partition, calendar, segment, creditor_id,
            currency, funds_id, payment_id, item_id, invoice_id, amount_minor, to_char(value_on, 'YYYY-MM-DD'),
            explanation, (extract(epoch FROM allocated_at) * 1000000)::bigint)
     FROM allocations WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND ($4::int IS NULL OR partition = $4)",
    "SELECT concat_ws('|', 'journal_lines', partition, calendar, segment, creditor_id, currency, account_id, message_id,
            debit, credit, amount_minor)
     FROM journal_lines WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND ($4::int IS NULL OR partition = $4)",
];

/// Number and digest of the day's append-only rows: every column of every row is in it, their order is not.
pub(crate) async fn digest(conn: &mut PgConnection, rows: &Rows) -> sqlx::Result<(i64, [u8; 32])> {
    let (mut count, mut sum) = (0_i64, [0_u8; 32]);
    for sql in CANONICAL {
        let mut stream = bound(sql, rows).fetch(&mut *conn);
        while let Some(row) = stream.try_next().await? {
            sum = combine(sum, row_hash(row.try_get::<&str, _>(0)?));
            count = count.saturating_add(1);
        }
    }
    Ok((count, sum))
}

/// Notes that a day is closed here: its rows are provisional no longer.
pub(crate) async fn note_closed(conn: &mut PgConnection, rows: &Rows, day_on: chrono::NaiveDate) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO closed_days (partition, calendar, sequence, previous, day_on) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(rows.partition)
    .bind(&rows.calendar)
    .bind(rows.sequence)
    .bind(rows.previous)
    .bind(day_on)
    .execute(conn)
    .await?;
    Ok(())
}
