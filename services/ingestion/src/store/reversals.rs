//! Reversals: which payment a debit takes back, and what became of that payment.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::AccountId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::PaymentRow;
use crate::domain::identify::Share;

/// A debit that says it takes something back.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Claim {
    /// The debit; becomes the reversal's id.
    pub outgoing_id: Uuid,
    /// The creditor.
    pub creditor_id: Uuid,
    /// Calendar of its day.
    pub calendar: String,
    /// The bank account that was debited.
    pub collector: String,
    /// The currency's code.
    pub currency: String,
    /// Positive.
    pub amount_minor: i64,
    /// Value date of the debit.
    pub value_on: NaiveDate,
    /// References that tell one payment from another, as a list column.
    pub refs: String,
    /// Keyed hash of the account that the money goes back to.
    pub payer_key: Option<String>,
    /// Return reason, such as `AC04`.
    pub reason: Option<String>,
    /// The raw bytes.
    pub raw_id: Uuid,
    /// Their digest.
    pub raw_sha256: String,
    /// When they were stored.
    pub received_at: DateTime<Utc>,
}

/// Days after its value date in which a payment is taken back: a SEPA debit's 13 months, and some.
const WINDOW_DAYS: i64 = 420;

/// The payment that a debit takes back, locked: same creditor, amount and currency, not taken back yet, not after it; one
/// that shares a reference before one that shares only the payer's account; the latest of several. By the payer alone only
/// where there is no other.
///
/// # Errors
/// When the database does not answer.
pub async fn original(conn: &mut PgConnection, claim: &Claim) -> Result<Option<PaymentRow>, sqlx::Error> {
    let refs = super::split(&claim.refs);
    let from = claim.value_on - chrono::TimeDelta::days(WINDOW_DAYS);
    let candidates: Vec<(Uuid, bool)> = sqlx::query_as(
        "SELECT p.payment_id, string_to_array(p.refs, E'\\x1f') && $5::text[] AS named
         FROM payment p
         WHERE p.creditor_id = $1 AND p.amount_minor = $2 AND p.currency = $3 AND p.value_on BETWEEN $4 AND $7
           AND (string_to_array(p.refs, E'\\x1f') && $5::text[] OR p.payer_key = $6)
           AND NOT EXISTS (SELECT FROM reversal r WHERE r.payment_id = p.payment_id)
         ORDER BY named DESC, p.value_on DESC, p.payment_id LIMIT 2",
    )
    .bind(claim.creditor_id)
    .bind(claim.amount_minor)
    .bind(&claim.currency)
    .bind(from)
    .bind(&refs)
    .bind(&claim.payer_key)
    .bind(claim.value_on + chrono::TimeDelta::days(3))
    .fetch_all(&mut *conn)
    .await?;
    let chosen = match candidates.as_slice() {
        [(payment, true), ..] | [(payment, false)] => *payment,
        _ => return Ok(None),
    };
    sqlx::query_as("SELECT * FROM payment WHERE payment_id = $1 FOR NO KEY UPDATE")
        .bind(chosen)
        .fetch_optional(conn)
        .await
}

/// Funds of a payment that were not withdrawn.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct LiveFunds {
    /// The funds.
    pub funds_id: Uuid,
    /// Their account.
    pub account_id: Uuid,
    /// Its partition.
    pub partition_no: i32,
    /// Their amount.
    pub amount_minor: i64,
    invoice_ids: String,
    evidence: String,
}

impl LiveFunds {
    /// The share as it was decided, and why.
    ///
    /// # Errors
    /// When the row does not say why.
    pub fn share(self) -> Result<Share, serde_json::Error> {
        Ok(Share {
            account_id: AccountId::from_uuid(self.account_id),
            amount_minor: self.amount_minor,
            invoice_ids: super::split(&self.invoice_ids)
                .iter()
                .filter_map(|invoice| invoice.parse().ok())
                .collect(),
            evidence: serde_json::from_str(&self.evidence)?,
        })
    }
}

/// Funds of a payment that are still assigned, in order of account.
///
/// # Errors
/// When the database does not answer.
pub async fn live_funds(conn: &mut PgConnection, payment: Uuid) -> Result<Vec<LiveFunds>, sqlx::Error> {
    sqlx::query_as(
        "SELECT f.funds_id, f.account_id, f.partition_no, f.amount_minor, f.invoice_ids, f.evidence FROM funds f
         WHERE f.payment_id = $1 AND NOT EXISTS (SELECT FROM withdrawal w WHERE w.funds_id = f.funds_id)
         ORDER BY f.account_id, f.n",
    )
    .bind(payment)
    .fetch_all(conn)
    .await
}

/// Keeps a reversal whose payment is not known yet.
///
/// # Errors
/// When the database does not answer.
pub async fn keep_unmatched(conn: &mut PgConnection, claim: &Claim) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO unmatched_reversal (outgoing_id, creditor_id, calendar, collector, currency, amount_minor, value_on, refs,
                                         payer_key, reason, raw_id, raw_sha256, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    )
    .bind(claim.outgoing_id)
    .bind(claim.creditor_id)
    .bind(&claim.calendar)
    .bind(&claim.collector)
    .bind(&claim.currency)
    .bind(claim.amount_minor)
    .bind(claim.value_on)
    .bind(&claim.refs)
    .bind(&claim.payer_key)
    .bind(&claim.reason)
    .bind(claim.raw_id)
    .bind(&claim.raw_sha256)
    .bind(claim.received_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Unmatched reversals of a calendar for which a payment with their amount is there, in canonical order.
///
/// # Errors
/// When the database does not answer.
pub async fn unmatched(conn: &mut PgConnection, calendar: &str) -> Result<Vec<Claim>, sqlx::Error> {
    sqlx::query_as(
        "SELECT u.* FROM unmatched_reversal u
         WHERE u.calendar = $1 AND EXISTS (
             SELECT FROM payment p WHERE p.creditor_id = u.creditor_id AND p.amount_minor = u.amount_minor AND p.currency = u.currency)
         ORDER BY u.value_on, u.outgoing_id",
    )
    .bind(calendar)
    .fetch_all(conn)
    .await
}

/// An unmatched reversal found its payment; `false` where another transaction was first.
///
/// # Errors
/// When the database does not answer.
pub async fn settle_unmatched(conn: &mut PgConnection, outgoing: Uuid) -> Result<bool, sqlx::Error> {
    let gone = sqlx::query("DELETE FROM unmatched_reversal WHERE outgoing_id = $1")
        .bind(outgoing)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected() == 1)
}

/// Debits of this list that were seen before, as outgoing or as reversal; with the payment taken back.
///
/// # Errors
/// When the database does not answer.
pub async fn seen_debits(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, Option<Uuid>)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT outgoing_id, NULL::uuid FROM outgoing WHERE outgoing_id = ANY($1)
         UNION ALL SELECT reversal_id, payment_id FROM reversal WHERE reversal_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await
}
