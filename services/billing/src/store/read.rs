//! What GET shows.

use kernel::{AccountId, BusinessDate, CreditorId, DebtorId, InvoiceId, PlaceId, Timestamp};
use runtime::Failure;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use super::{date, inconsistent};
use crate::bodies::fields::Version;
use crate::bodies::{AccountBody, Body, DebtorBody, InvoiceBody, PlaceBody};

/// A thing as its source sent it last.
pub struct Found<B> {
    /// Its id.
    pub id: Uuid,
    /// What its source sent.
    pub body: B,
    /// When that was received.
    pub received_at: Timestamp,
}

/// What billing knows of a document beyond its body.
pub struct Amounts {
    /// Sum of its credit notes.
    pub credited_minor: i64,
    /// Day of cancellation.
    pub cancelled_on: Option<BusinessDate>,
    /// The invoice that replaced it.
    pub replaced_by: Option<InvoiceId>,
}

async fn find<B: Body>(
    pool: &PgPool,
    table: &'static str,
    sql: &'static str,
    id: Uuid,
) -> Result<Option<Found<B>>, Failure> {
    let Some(row) = sqlx::query(sql).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let text: String = row.try_get("body")?;
    let mut body: B = serde_json::from_str(&text).map_err(|error| inconsistent(table, id, error))?;
    *body.version() = Version::stored(row.try_get("version")?);
    let received_at = Timestamp::from_utc(row.try_get("received_at")?).map_err(Failure::new)?;
    Ok(Some(Found { id, body, received_at }))
}

/// A debtor.
///
/// # Errors
/// When the database does not answer.
pub async fn debtor(
    pool: &PgPool,
    creditor: CreditorId,
    external_id: &str,
) -> Result<Option<Found<DebtorBody>>, Failure> {
    let sql = "SELECT body::text AS body, version, received_at FROM debtors WHERE debtor_id = $1";
    find(pool, "debtors", sql, DebtorId::derive(creditor, external_id).as_uuid()).await
}

/// An account.
///
/// # Errors
/// When the database does not answer.
pub async fn account(
    pool: &PgPool,
    creditor: CreditorId,
    external_id: &str,
) -> Result<Option<Found<AccountBody>>, Failure> {
    let sql = "SELECT body::text AS body, version, received_at FROM accounts WHERE account_id = $1";
    find(
        pool,
        "accounts",
        sql,
        AccountId::derive(creditor, external_id).as_uuid(),
    )
    .await
}

/// A place.
///
/// # Errors
/// When the database does not answer.
pub async fn place(
    pool: &PgPool,
    creditor: CreditorId,
    external_id: &str,
) -> Result<Option<Found<PlaceBody>>, Failure> {
    let sql = "SELECT body::text AS body, version, received_at FROM places WHERE place_id = $1";
    find(pool, "places", sql, PlaceId::derive(creditor, external_id).as_uuid()).await
}

/// An invoice or credit note.
///
/// # Errors
/// When the database does not answer.
pub async fn invoice(
    pool: &PgPool,
    creditor: CreditorId,
    external_id: &str,
) -> Result<Option<(Found<InvoiceBody>, Amounts)>, Failure> {
    let id = InvoiceId::derive(creditor, external_id).as_uuid();
    let sql = "SELECT body::text AS body, version, received_at FROM invoices WHERE invoice_id = $1";
    let Some(found) = find(pool, "invoices", sql, id).await? else {
        return Ok(None);
    };
    let row = sqlx::query("SELECT credited_minor, cancelled_on, replaced_by FROM invoices WHERE invoice_id = $1")
        .bind(id)
        .fetch_one(pool)
        .await?;
    let cancelled_on: Option<chrono::NaiveDate> = row.try_get("cancelled_on")?;
    let replaced_by: Option<Uuid> = row.try_get("replaced_by")?;
    let amounts = Amounts {
        credited_minor: row.try_get("credited_minor")?,
        cancelled_on: cancelled_on.map(date).transpose()?,
        replaced_by: replaced_by.map(InvoiceId::from_uuid),
    };
    Ok(Some((found, amounts)))
}
