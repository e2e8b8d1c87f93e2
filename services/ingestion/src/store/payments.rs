//! What is known of payments when an entry or a confirmation comes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use runtime::Bulk;
use sqlx::PgConnection;
use uuid::Uuid;

use super::provisional::Window;
use super::rows::{PaymentRow, SightingRow};

/// Payments that are there already, by id: their place and amount.
///
/// # Errors
/// When the database does not answer.
pub async fn known(conn: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, PaymentRow>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<PaymentRow> = sqlx::query_as("SELECT * FROM payment WHERE payment_id = ANY($1)")
        .bind(ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.payment_id, row)).collect())
}

/// Notes texts of bank payments that may name a provider's order or transaction.
pub fn add_mentions(bulk: &mut Bulk, mentions: &BTreeSet<(i64, Uuid)>) {
    add_pairs(
        bulk,
        "INSERT INTO provider_mention (token_hash, payment_id) SELECT * FROM UNNEST($1::bigint[], $2::uuid[]) ON CONFLICT DO NOTHING",
        mentions,
    );
}

/// Notes orders and transactions of approved provider payments.
pub fn add_orders(bulk: &mut Bulk, orders: &BTreeSet<(i64, Uuid)>) {
    add_pairs(
        bulk,
        "INSERT INTO provider_order (token_hash, payment_id) SELECT * FROM UNNEST($1::bigint[], $2::uuid[]) ON CONFLICT DO NOTHING",
        orders,
    );
}

fn add_pairs(bulk: &mut Bulk, sql: &'static str, pairs: &BTreeSet<(i64, Uuid)>) {
    if pairs.is_empty() {
        return;
    }
    let (hashes, ids): (Vec<i64>, Vec<Uuid>) = pairs.iter().copied().unzip();
    bulk.add(sql).bind(hashes).bind(ids);
}

/// A payment of the other channel that may be the same money.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Twin {
    /// The hash of the order or transaction that both name.
    pub token_hash: i64,
    /// The payment.
    pub payment_id: Uuid,
    /// The creditor.
    pub creditor_id: Uuid,
    /// The currency's code.
    pub currency: String,
    /// The amount.
    pub amount_minor: i64,
}

/// Provider payments whose order or transaction has one of these hashes and that no bank entry brought yet.
///
/// # Errors
/// When the database does not answer.
pub async fn provider_twins(conn: &mut PgConnection, hashes: &[i64]) -> Result<Vec<Twin>, sqlx::Error> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT o.token_hash, o.payment_id, t.creditor_id, t.currency, t.amount_minor
         FROM (SELECT token_hash, payment_id FROM provider_order WHERE token_hash = ANY($1) OFFSET 0) o
         CROSS JOIN LATERAL (SELECT creditor_id, currency, amount_minor, state, bank_entry_id
                             FROM payu_transaction WHERE payment_id = o.payment_id OFFSET 0) t
         WHERE t.state = 'APPROVED' AND t.bank_entry_id IS NULL
         ORDER BY o.payment_id",
    )
    .bind(hashes)
    .fetch_all(conn)
    .await
}

/// Bank payments whose text names one of these orders or transactions and that no provider confirmed yet. A payout is not
/// among them: it stands outside what was received, and the confirmation is where its money is counted.
///
/// # Errors
/// When the database does not answer.
pub async fn bank_twins(conn: &mut PgConnection, hashes: &[i64]) -> Result<Vec<Twin>, sqlx::Error> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT m.token_hash, m.payment_id, p.creditor_id, p.currency, p.amount_minor
         FROM (SELECT token_hash, payment_id FROM provider_mention WHERE token_hash = ANY($1) OFFSET 0) m
         CROSS JOIN LATERAL (SELECT creditor_id, currency, amount_minor, kind, value_on
                             FROM payment WHERE payment_id = m.payment_id OFFSET 0) p
         WHERE p.kind = 'payment' AND NOT EXISTS (SELECT FROM payu_transaction t WHERE t.payment_id = m.payment_id)
         ORDER BY p.value_on, m.payment_id",
    )
    .bind(hashes)
    .fetch_all(conn)
    .await
}

/// Notes that a bank entry brought a provider's money; the conditional update lets one entry through. Gives the payments
/// for which this entry was it.
///
/// # Errors
/// When the database does not answer.
pub async fn cross(conn: &mut PgConnection, crossed: &BTreeMap<Uuid, Uuid>) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    if crossed.is_empty() {
        return Ok(BTreeSet::new());
    }
    let done: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE payu_transaction t SET bank_entry_id = u.e FROM UNNEST($1::uuid[], $2::uuid[]) AS u(p, e)
         WHERE t.payment_id = u.p AND t.bank_entry_id IS NULL RETURNING t.payment_id",
    )
    .bind(crossed.keys().copied().collect::<Vec<_>>())
    .bind(crossed.values().copied().collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(done.into_iter().collect())
}

/// What was booked before.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Ids that are payments.
    pub booked: BTreeSet<Uuid>,
    /// Bank entries that were taken for a provider's payment, and for which: a statement sent again must find the same.
    pub crossed: HashMap<Uuid, Uuid>,
}

/// What was booked before under these ids of money.
///
/// # Errors
/// When the database does not answer.
pub async fn booked_before(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Before, sqlx::Error> {
    let rows: Vec<(Uuid, bool, Option<Uuid>)> = sqlx::query_as(
        "SELECT u.id, p.booked IS NOT NULL, t.payment_id FROM UNNEST($1::uuid[]) AS u (id)
         LEFT JOIN LATERAL (SELECT true AS booked FROM payment WHERE payment_id = u.id OFFSET 0) p ON true
         LEFT JOIN LATERAL (SELECT payment_id FROM payu_transaction WHERE bank_entry_id = u.id OFFSET 0) t ON true",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let mut before = Before::default();
    for (id, booked, crossed) in rows {
        if booked {
            before.booked.insert(id);
        }
        if let Some(payment) = crossed {
            before.crossed.insert(id, payment);
        }
    }
    Ok(before)
}

/// Those of these payments that stand, by id, their rows locked in order: not taken back.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_standing(conn: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, PaymentRow>, sqlx::Error> {
    let rows: Vec<PaymentRow> = sqlx::query_as(
        "SELECT * FROM payment p WHERE payment_id = ANY($1) AND NOT EXISTS (SELECT FROM reversal r WHERE r.payment_id = p.payment_id)
         ORDER BY payment_id FOR NO KEY UPDATE",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.payment_id, row)).collect())
}

/// The sighting that brought a payment.
///
/// # Errors
/// When the database does not answer.
pub async fn first_sighting(conn: &mut PgConnection, payment: Uuid) -> Result<Option<SightingRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM sighting WHERE payment_id = $1 AND class = 'payment' AND first LIMIT 1")
        .bind(payment)
        .fetch_optional(conn)
        .await
}

/// Providers' payments of these amounts and days that stand and that no bank entry brought yet.
///
/// # Errors
/// When the database does not answer.
pub async fn unmet_at_providers(
    conn: &mut PgConnection,
    creditors: &[Uuid],
    window: &Window,
) -> Result<Vec<PaymentRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.* FROM payment p JOIN payu_transaction t ON t.payment_id = p.payment_id
         WHERE p.creditor_id = ANY($1) AND p.amount_minor = ANY($2) AND p.value_on BETWEEN $3 AND $4
           AND t.state = 'APPROVED' AND t.bank_entry_id IS NULL AND NOT EXISTS (SELECT FROM reversal r WHERE r.payment_id = p.payment_id)
         ORDER BY p.value_on, p.payment_id LIMIT 5000",
    )
    .bind(creditors)
    .bind(window.amounts.iter().copied().collect::<Vec<_>>())
    .bind(window.from)
    .bind(window.to)
    .fetch_all(conn)
    .await
}
