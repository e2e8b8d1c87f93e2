//! Where a batch, booked as one sum, and the payments in it, told one by one, meet: by the hashes of the batch's names.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kernel::CreditorId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::token_hash;
use crate::domain::batches::TellsOfOne;

/// The number under which a batch of this bank account is looked up.
#[must_use]
pub fn hash(creditor: CreditorId, collector: &str, name: &str) -> i64 {
    token_hash(creditor, &format!("batch:{collector}:{name}"))
}

/// Notes under which names, the strongest first, a lump (a payment) or one told payment (a `pending_id`) may be met.
///
/// # Errors
/// When the database does not answer.
pub async fn note(conn: &mut PgConnection, named: &[(Uuid, Vec<i64>)], lump: bool) -> Result<(), sqlx::Error> {
    let all = named
        .iter()
        .flat_map(|(id, names)| (0_i16..).zip(names).map(|(strength, name)| (*id, *name, strength)));
    let all: Vec<(Uuid, i64, i16)> = all.collect();
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO batch_name (token_hash, of_id, lump, strength)
         SELECT h, i, $4, s FROM UNNEST($1::bigint[], $2::uuid[], $3::smallint[]) AS u(h, i, s) ON CONFLICT DO NOTHING",
    )
    .bind(all.iter().map(|(_, name, _)| *name).collect::<Vec<_>>())
    .bind(all.iter().map(|(id, _, _)| *id).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, _, strength)| *strength).collect::<Vec<_>>())
    .bind(lump)
    .execute(conn)
    .await?;
    Ok(())
}

/// A payment that a notification tells, with all that booking it needs.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct TellingRow {
    /// Hashes of the batch's names that it stands under.
    pub hashes: Vec<i64>,
    /// The provisional money.
    pub pending_id: Uuid,
    /// Positive.
    pub amount_minor: i64,
    /// How it ended.
    pub end_reason: Option<String>,
    /// The payment it turned out to be.
    pub booked_as: Option<Uuid>,
    /// Fields that hold one reference each, as a list column.
    pub structured: String,
    /// Free texts, as a list column.
    pub free_text: String,
    /// References, as a list column.
    pub refs: String,
    /// Name of the payer.
    pub payer_name: Option<String>,
    /// Account of the payer.
    pub payer_iban: Option<String>,
    /// Free text as one.
    pub remittance: Option<String>,
    /// Value date.
    pub value_on: Option<NaiveDate>,
    /// The statement that told it first.
    pub statement_id: Uuid,
    /// The raw item.
    pub raw_id: Uuid,
    /// Place in it.
    pub place: String,
}

impl TellingRow {
    /// What the decision needs of it.
    #[must_use]
    pub fn tells(&self) -> TellsOfOne {
        TellsOfOne {
            amount_minor: self.amount_minor,
            names: self.hashes.iter().copied().collect(),
        }
    }
}

/// Payments told under these names, in the order in which they were told.
///
/// # Errors
/// When the database does not answer.
pub async fn told(conn: &mut PgConnection, hashes: &[i64]) -> Result<Vec<TellingRow>, sqlx::Error> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT b.hashes, p.pending_id, p.amount_minor, p.end_reason, p.booked_as, p.structured, p.free_text, s.refs, s.payer_name,
                s.payer_iban, s.remittance, s.value_on, s.statement_id, s.raw_id, s.place
         FROM (SELECT of_id, array_agg(token_hash) AS hashes FROM batch_name WHERE token_hash = ANY($1) AND NOT lump GROUP BY 1) b
         JOIN pending p ON p.pending_id = b.of_id
         JOIN sighting s ON s.statement_id = p.statement_id AND s.entry_no = p.entry_no
         WHERE p.amount_minor > 0 AND p.status = 'pending' AND p.end_reason IS DISTINCT FROM 'withdrawn'
         ORDER BY p.seen_at, p.statement_id, p.entry_no",
    )
    .bind(hashes)
    .fetch_all(conn)
    .await
}

/// Lumps with money left that stand under names which payments of this statement stand under too: each with all of its
/// names, the strongest first.
///
/// # Errors
/// When the database does not answer.
pub async fn lumps_of(conn: &mut PgConnection, statement: Uuid) -> Result<BTreeMap<Uuid, Vec<i64>>, sqlx::Error> {
    let rows: Vec<(Uuid, Vec<i64>)> = sqlx::query_as(
        "SELECT n.of_id, array_agg(n.token_hash ORDER BY n.strength) FROM batch_name n
         WHERE n.lump AND EXISTS (SELECT FROM deposit d WHERE d.payment_id = n.of_id AND d.remaining_minor > 0)
           AND n.of_id IN (SELECT l.of_id FROM sighting s
                           JOIN batch_name b ON b.of_id = s.payment_id AND NOT b.lump
                           JOIN batch_name l ON l.token_hash = b.token_hash AND l.lump
                           WHERE s.statement_id = $1 AND s.class = 'shown')
         GROUP BY 1",
    )
    .bind(statement)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// A batch that was booked payment by payment.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Exploded {
    /// What the payment of the whole sum would have been.
    pub batch_id: Uuid,
    /// The statement that booked it.
    pub statement_id: Uuid,
    /// Booking date.
    pub booked_on: Option<NaiveDate>,
    /// The sum.
    pub amount_minor: i64,
    /// Key without occurrence.
    pub entry_key: Uuid,
    /// Occurrence.
    pub occurrence: i32,
    /// References, as a list column.
    pub refs: String,
    /// Hashes of its names, the strongest first.
    pub hashes: Vec<i64>,
}

/// Keeps batches that were booked payment by payment.
///
/// # Errors
/// When the database does not answer.
pub async fn keep_exploded(conn: &mut PgConnection, rows: &[Exploded]) -> Result<(), sqlx::Error> {
    for row in rows {
        sqlx::query(
            "INSERT INTO exploded (batch_id, statement_id, booked_on, amount_minor, entry_key, occurrence, refs, hashes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(row.batch_id)
        .bind(row.statement_id)
        .bind(row.booked_on)
        .bind(row.amount_minor)
        .bind(row.entry_key)
        .bind(row.occurrence)
        .bind(&row.refs)
        .bind(&row.hashes)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Batches that these statements booked payment by payment.
///
/// # Errors
/// When the database does not answer.
pub async fn exploded_by(conn: &mut PgConnection, statements: &[Uuid]) -> Result<Vec<Exploded>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM exploded WHERE statement_id = ANY($1) ORDER BY batch_id")
        .bind(statements)
        .fetch_all(conn)
        .await
}
