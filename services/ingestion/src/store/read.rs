//! What the API shows. Reads only.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

/// A payment.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct PaymentView {
    /// The payment.
    pub payment_id: Uuid,
    /// The creditor.
    pub creditor_id: Uuid,
    /// The creditor's code.
    pub creditor: String,
    /// `camt053` or `payu-latam`: where it was first seen.
    pub channel: String,
    /// Bank account or `provider:merchant`.
    pub collector: String,
    /// `payment` or `settlement`.
    pub kind: String,
    /// ISO 4217 code of all amounts.
    pub currency: String,
    /// Amount in minor units.
    pub amount_minor: i64,
    /// Booking date.
    pub booked_on: Option<NaiveDate>,
    /// Value date.
    pub value_on: NaiveDate,
    /// When its raw bytes were stored.
    pub received_at: DateTime<Utc>,
    /// What is not assigned to any account; 0 for a settlement.
    pub unidentified_minor: i64,
    /// Of a settlement what stands outside received = assigned + unidentified + returned; 0 for a payment.
    pub settlement_minor: i64,
    /// Why it is not assigned, where it is not: `nothing_named`, `ambiguous`, `less_than_named`, `more_than_named`,
    /// `amounts_not_said`, `batch`, `own_debit_returned`, `settlement`.
    pub unidentified_reason: Option<String>,
    /// References of the first sighting.
    #[sqlx(try_from = "String")]
    pub references: Listed,
    /// The raw item.
    pub raw_id: Uuid,
}

/// A list kept in one text column.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Listed(pub Vec<String>);

impl From<String> for Listed {
    fn from(text: String) -> Self {
        Self(super::split(&text))
    }
}

/// The payment with this id.
///
/// # Errors
/// When the database does not answer.
pub async fn payment(conn: &mut PgConnection, id: Uuid) -> Result<Option<PaymentView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.payment_id, p.creditor_id, c.code AS creditor, p.channel, p.collector, p.kind, p.currency, p.amount_minor, p.booked_on,
                p.value_on, p.received_at,
                CASE WHEN p.kind = 'payment' THEN COALESCE(d.remaining_minor, 0) ELSE 0 END AS unidentified_minor,
                CASE WHEN p.kind = 'settlement' THEN COALESCE(d.remaining_minor, 0) ELSE 0 END AS settlement_minor,
                CASE WHEN d.remaining_minor > 0 THEN d.reason END AS unidentified_reason, p.refs AS references, p.raw_id
         FROM payment p JOIN creditor c USING (creditor_id) LEFT JOIN deposit d USING (payment_id) WHERE p.payment_id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// Funds: a part of a payment for one account.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct FundsView {
    /// The funds.
    pub funds_id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// Amount in minor units.
    pub amount_minor: i64,
    /// Invoices that the payer named, or that a person meant.
    #[sqlx(try_from = "String")]
    pub invoice_ids: Listed,
    /// Why: rule, reference, invoice, strength.
    #[sqlx(try_from = "String")]
    #[schema(value_type = Vec<Object>)]
    pub evidence: EvidenceList,
    /// Subject of the token of the person who decided.
    pub decided_by: Option<String>,
    /// That person's words.
    pub decided_reason: Option<String>,
    /// When.
    pub assigned_at: DateTime<Utc>,
    /// When it was taken away again.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// Evidence as it was recorded.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct EvidenceList(pub Value);

impl From<String> for EvidenceList {
    fn from(text: String) -> Self {
        Self(serde_json::from_str(&text).unwrap_or_default())
    }
}

/// Funds of a payment, in order of assignment.
///
/// # Errors
/// When the database does not answer.
pub async fn funds(conn: &mut PgConnection, payment: Uuid) -> Result<Vec<FundsView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT f.funds_id, f.account_id, f.amount_minor, f.invoice_ids, f.evidence, f.decided_by, f.decided_reason, f.assigned_at,
                w.withdrawn_at
         FROM funds f LEFT JOIN withdrawal w USING (funds_id) WHERE f.payment_id = $1 ORDER BY f.assigned_at, f.funds_id",
    )
    .bind(payment)
    .fetch_all(conn)
    .await
}

/// One look at money. Holds personal data.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct SightingView {
    /// The sighting.
    pub sighting_id: Uuid,
    /// `camt053` or `payu-latam`.
    pub channel: String,
    /// Bank account or `provider:merchant`.
    pub collector: String,
    /// `payment` or `reversal`.
    pub class: String,
    /// `booked` or `approved`.
    pub status: String,
    /// The money was first seen here.
    pub first: bool,
    /// Signed: plus is money to the creditor.
    pub amount_minor: i64,
    /// Value date as this document says it.
    pub value_on: Option<NaiveDate>,
    /// The payer's name.
    pub payer_name: Option<String>,
    /// The payer's account.
    pub payer_iban: Option<String>,
    /// Unstructured remittance.
    pub remittance: Option<String>,
    /// References.
    #[sqlx(try_from = "String")]
    pub references: Listed,
    /// The raw item.
    pub raw_id: Uuid,
    /// Statement, entry and detail in it.
    pub place_in_raw: String,
    /// When its bytes were stored.
    pub sighted_at: DateTime<Utc>,
}

/// Sightings of a payment.
///
/// # Errors
/// When the database does not answer.
pub async fn sightings(conn: &mut PgConnection, payment: Uuid) -> Result<Vec<SightingView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT sighting_id, channel, collector, class, status, first, amount_minor, value_on, payer_name, payer_iban, remittance,
                refs AS references, raw_id, place AS place_in_raw, sighted_at
         FROM sighting WHERE payment_id = $1 ORDER BY sighted_at, first DESC, sighting_id LIMIT 200",
    )
    .bind(payment)
    .fetch_all(conn)
    .await
}

/// A payment taken back.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct ReversalView {
    /// The reversal.
    pub reversal_id: Uuid,
    /// Amount in minor units.
    pub amount_minor: i64,
    /// Value date.
    pub value_on: NaiveDate,
    /// Return reason, such as `AC04`.
    pub reason: Option<String>,
    /// When its bytes were stored.
    pub reversed_at: DateTime<Utc>,
}

/// The reversal of a payment.
///
/// # Errors
/// When the database does not answer.
pub async fn reversal(conn: &mut PgConnection, payment: Uuid) -> Result<Option<ReversalView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT reversal_id, amount_minor, value_on, reason, reversed_at FROM reversal WHERE payment_id = $1",
    )
    .bind(payment)
    .fetch_optional(conn)
    .await
}

/// Unidentified money.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct DepositView {
    /// The deposit; the same id as its payment.
    pub deposit_id: Uuid,
    /// The creditor's code.
    pub creditor: String,
    /// Bank account or `provider:merchant`.
    pub collector: String,
    /// `payment`, or `settlement` for a provider's payout of money that was counted already: shown, outside the day's equation,
    /// and assigned only by a person who says that it counts as received.
    pub kind: String,
    /// ISO 4217 code.
    pub currency: String,
    /// The payment's amount in minor units.
    pub amount_minor: i64,
    /// What of it no account has.
    pub remaining_minor: i64,
    /// Why.
    pub reason: String,
    /// Value date.
    pub value_on: NaiveDate,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Unstructured remittance of its first sighting.
    pub remittance: Option<String>,
    /// The payer's name in it.
    pub payer_name: Option<String>,
}

/// Where a page of deposits begins.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct After {
    /// Value date of the last one shown.
    pub value_on: NaiveDate,
    /// Its id.
    pub deposit_id: Uuid,
}

/// Which deposits to show.
#[derive(Clone, Debug)]
pub struct DepositFilter<'a> {
    /// Creditor codes; `None` for all.
    pub creditors: Option<&'a [String]>,
    /// `payment` or `settlement`; `None` for both.
    pub kind: Option<&'a str>,
    /// Where the page begins.
    pub after: Option<After>,
    /// Rows.
    pub limit: i64,
}

/// One page of open deposits, oldest value date first.
///
/// # Errors
/// When the database does not answer.
pub async fn open_deposits(
    conn: &mut PgConnection,
    filter: &DepositFilter<'_>,
) -> Result<Vec<DepositView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT d.payment_id AS deposit_id, c.code AS creditor, d.collector, d.kind, d.currency, d.amount_minor, d.remaining_minor,
                d.reason, d.value_on, d.opened_at AS received_at, s.remittance, s.payer_name
         FROM deposit d JOIN creditor c USING (creditor_id)
         LEFT JOIN LATERAL (SELECT remittance, payer_name FROM sighting WHERE payment_id = d.payment_id ORDER BY first DESC LIMIT 1) s ON true
         WHERE d.remaining_minor > 0 AND ($1::text[] IS NULL OR c.code = ANY($1)) AND ($2::text IS NULL OR d.kind = $2)
           AND (d.value_on, d.payment_id) > (coalesce($3, '-infinity'::date), coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
         ORDER BY d.value_on, d.payment_id LIMIT $5",
    )
    .bind(filter.creditors)
    .bind(filter.kind)
    .bind(filter.after.map(|after| after.value_on))
    .bind(filter.after.map(|after| after.deposit_id))
    .bind(filter.limit)
    .fetch_all(conn)
    .await
}

/// A raw item.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct RawView {
    /// The item.
    pub raw_id: Uuid,
    /// `statement` or `payu-latam:merchant`.
    pub source: String,
    /// `http`, `folder` or `webhook`.
    pub origin: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its size.
    pub size_bytes: i64,
    /// When it was stored.
    pub received_at: DateTime<Utc>,
    /// `received`, `proved`, `done`, `refused`, `quarantined`.
    pub state: String,
    /// Why refused or quarantined.
    pub reason: Option<String>,
    /// Problems of the file: `where`, `what`, `remedy`.
    #[schema(value_type = Vec<Object>)]
    pub problems: Value,
    /// How often these bytes came.
    pub times_seen: i32,
    /// Failed tries.
    pub attempts: i32,
    /// When it was finished.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The raw item with this id.
///
/// # Errors
/// When the database does not answer.
pub async fn raw(conn: &mut PgConnection, id: Uuid) -> Result<Option<RawView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT raw_id, source, origin, sha256, size_bytes, received_at, state, reason, problems, times_seen, attempts, finished_at
         FROM raw WHERE raw_id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// Creditor codes for whose feeds the item was sent; `*` for all.
///
/// # Errors
/// When the database does not answer.
pub async fn raw_acts_for(conn: &mut PgConnection, id: Uuid) -> Result<Vec<String>, sqlx::Error> {
    Ok(sqlx::query_scalar("SELECT acts_for FROM raw WHERE raw_id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .unwrap_or_default())
}

/// The problems for which an item is refused; `None` where it is not.
///
/// # Errors
/// When the database does not answer.
pub async fn refusal(conn: &mut PgConnection, id: Uuid) -> Result<Option<Value>, sqlx::Error> {
    sqlx::query_scalar("SELECT problems FROM raw WHERE raw_id = $1 AND state = 'refused'")
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// A statement of a file.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct StatementView {
    /// The statement.
    pub statement_id: Uuid,
    /// Running number in the file, from 1.
    pub number: i32,
    /// Capitals and digits of the account's number.
    pub bank_account: String,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// `proved`, `booked`, `quarantined`.
    pub state: String,
    /// Why quarantined.
    pub reason: Option<String>,
    /// Balance proof: `holds`, `fails`, `absent`.
    pub proof: String,
    /// Problems: `where`, `what`, `remedy`.
    #[schema(value_type = Vec<Object>)]
    pub problems: Value,
    /// An earlier statement with the same key.
    pub repeats: Option<Uuid>,
    /// Whether that one says the same.
    pub repeats_exactly: Option<bool>,
    /// Date of the closing balance.
    pub closing_on: Option<NaiveDate>,
    /// Entries in it.
    pub entries: i64,
    /// New payments booked.
    pub payments: i64,
    /// Payments seen before.
    pub seen_again: i64,
    /// Payments taken back.
    pub reversals: i64,
    /// Other debits.
    pub outgoing: i64,
    /// Entries that are pending or for information.
    pub shown: i64,
}

const STATEMENT: &str =
    "s.statement_id, s.number, s.bank_account, s.currency, s.state, s.reason, s.proof, s.problems, s.repeats,
    s.repeats_exactly, s.closing_on, s.entries, s.payments, s.seen_again, s.reversals, s.outgoing, s.shown";

/// Statements of a raw item.
///
/// # Errors
/// When the database does not answer.
pub async fn statements(conn: &mut PgConnection, raw_id: Uuid) -> Result<Vec<StatementView>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {STATEMENT} FROM statement s WHERE s.raw_id = $1 ORDER BY s.number"
    )))
    .bind(raw_id)
    .fetch_all(conn)
    .await
}

/// Something in quarantine.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct QuarantineView {
    /// The statement, or the raw item where it is quarantined as a whole.
    pub id: Uuid,
    /// `statement` or `raw`.
    pub what: String,
    /// The raw item.
    pub raw_id: Uuid,
    /// Where it came from.
    pub source: String,
    /// The bank account, of a statement.
    pub bank_account: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Problems: `where`, `what`, `remedy`.
    #[schema(value_type = Vec<Object>)]
    pub problems: Value,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// One page of what is in quarantine, by id. Senders see what they sent.
///
/// # Errors
/// When the database does not answer.
pub async fn quarantine(
    conn: &mut PgConnection,
    creditors: Option<&[String]>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<QuarantineView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM (
             SELECT s.statement_id AS id, 'statement' AS what, r.raw_id, r.source, s.bank_account, s.reason, s.problems, r.received_at
             FROM statement s JOIN raw r USING (raw_id) WHERE s.state = 'quarantined' AND ($1::text[] IS NULL OR r.acts_for && $1)
             UNION ALL
             SELECT r.raw_id, 'raw', r.raw_id, r.source, NULL, r.reason, r.problems, r.received_at
             FROM raw r WHERE r.state = 'quarantined' AND ($1::text[] IS NULL OR r.acts_for && $1)
               AND NOT EXISTS (SELECT FROM statement s WHERE s.raw_id = r.raw_id AND s.state = 'quarantined')
         ) q WHERE id > $2 ORDER BY id LIMIT $3",
    )
    .bind(creditors)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// The raw item of something in quarantine.
///
/// # Errors
/// When the database does not answer.
pub async fn raw_of_quarantine(conn: &mut PgConnection, id: Uuid) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT raw_id FROM raw WHERE raw_id = $1 UNION ALL SELECT raw_id FROM statement WHERE statement_id = $1 LIMIT 1")
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// An earlier decision with this key.
///
/// # Errors
/// When the database does not answer.
pub async fn decision(
    conn: &mut PgConnection,
    subject: &str,
    key: &str,
) -> Result<Option<(String, Value)>, sqlx::Error> {
    sqlx::query_as("SELECT request, answer FROM decision WHERE subject = $1 AND idempotency_key = $2")
        .bind(subject)
        .bind(key)
        .fetch_optional(conn)
        .await
}
