//! What accounts may expect of provisional money.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::read::{EvidenceList, Listed};

/// Something expected for an account.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Expectation {
    /// Derived from the provisional money and the account.
    pub expectation_id: Uuid,
    /// The provisional money.
    pub pending_id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// The creditor.
    pub creditor_id: Uuid,
    /// Calendar of its day.
    pub calendar: String,
    /// Where it was told first.
    pub channel: String,
    /// Bank account.
    pub collector: String,
    /// The currency's code.
    pub currency: String,
    /// Positive.
    pub amount_minor: i64,
    /// The day it is promised for.
    pub expected_on: NaiveDate,
    /// Invoices named, as a list column.
    pub invoice_ids: String,
    /// Why, as JSON.
    pub evidence: String,
    /// The raw item.
    pub raw_id: Uuid,
    /// When its bytes were stored.
    pub expected_at: DateTime<Utc>,
    /// How it ended.
    pub end_reason: Option<String>,
    /// The payment it turned out to be.
    pub payment_id: Option<Uuid>,
}

/// Keeps what is expected; gives the ids of what is new.
///
/// # Errors
/// When the database does not answer.
pub async fn expect(conn: &mut PgConnection, rows: &[Expectation]) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    if rows.is_empty() {
        return Ok(BTreeSet::new());
    }
    macro_rules! column {
        ($field:ident) => {
            rows.iter().map(|row| row.$field.clone()).collect::<Vec<_>>()
        };
    }
    let new: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO expectation (expectation_id, pending_id, account_id, creditor_id, calendar, channel, collector, currency,
             amount_minor, expected_on, invoice_ids, evidence, raw_id, expected_at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
             $9::bigint[], $10::date[], $11::text[], $12::text[], $13::uuid[], $14::timestamptz[])
         ON CONFLICT DO NOTHING RETURNING expectation_id",
    )
    .bind(column!(expectation_id))
    .bind(column!(pending_id))
    .bind(column!(account_id))
    .bind(column!(creditor_id))
    .bind(column!(calendar))
    .bind(column!(channel))
    .bind(column!(collector))
    .bind(column!(currency))
    .bind(column!(amount_minor))
    .bind(column!(expected_on))
    .bind(column!(invoice_ids))
    .bind(column!(evidence))
    .bind(column!(raw_id))
    .bind(column!(expected_at))
    .fetch_all(conn)
    .await?;
    Ok(new.into_iter().collect())
}

/// Something expected, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct ExpectationView {
    /// The expectation, as in `FundsExpected`.
    pub expectation_id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// Where it was told first: `camt052`, `camt054`, `mt942`, ….
    pub channel: String,
    /// Bank account.
    pub collector: String,
    /// ISO 4217 code.
    pub currency: String,
    /// In minor units.
    pub amount_minor: i64,
    /// The day it is promised for.
    pub expected_on: NaiveDate,
    /// Invoices that the payer named.
    #[sqlx(try_from = "String")]
    pub invoice_ids: Listed,
    /// Why this account: rule, reference, invoice, strength.
    #[sqlx(try_from = "String")]
    #[schema(value_type = Vec<Object>)]
    pub evidence: EvidenceList,
    /// The raw item that told it.
    pub raw_id: Uuid,
    /// When its bytes were stored.
    pub expected_at: DateTime<Utc>,
}

/// What an account of these creditors (`None`: of all) expects, the earliest day first; 500 at most.
///
/// # Errors
/// When the database does not answer.
pub async fn open_of(
    conn: &mut PgConnection,
    account: Uuid,
    creditors: Option<&[String]>,
) -> Result<Vec<ExpectationView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT e.expectation_id, e.account_id, e.channel, e.collector, e.currency, e.amount_minor, e.expected_on, e.invoice_ids,
                e.evidence, e.raw_id, e.expected_at
         FROM expectation e JOIN creditor c USING (creditor_id)
         WHERE e.account_id = $1 AND e.ended_at IS NULL AND ($2::text[] IS NULL OR c.code = ANY($2))
         ORDER BY e.expected_on, e.expectation_id LIMIT 500",
    )
    .bind(account)
    .bind(creditors)
    .fetch_all(conn)
    .await
}
