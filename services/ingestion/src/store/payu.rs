//! PayU transactions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kernel::{CreditorId, Currency, Money};
use runtime::Bulk;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::payu::State;

/// A transaction as PayU told it last.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// The merchant at PayU.
    pub merchant_id: String,
    /// PayU's transaction.
    pub transaction_id: String,
    /// PayU's order.
    pub order_id: String,
    /// The creditor.
    pub creditor_id: CreditorId,
    /// Its final state.
    pub state: State,
    /// Its amount.
    pub money: Money,
    /// The payment that it is or would be.
    pub payment_id: Uuid,
    /// The bank entry that brought the money before, where one did.
    pub bank_entry_id: Option<Uuid>,
    /// The raw bytes that said so first.
    pub raw_id: Uuid,
    /// When.
    pub updated_at: DateTime<Utc>,
}

/// State and money of those of a merchant's transactions that are known, their rows locked in order.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(
    conn: &mut PgConnection,
    merchant: &str,
    transactions: &BTreeSet<&str>,
) -> Result<BTreeMap<String, (State, Money)>, sqlx::Error> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT t.transaction_id, t.state, t.currency, t.amount_minor FROM UNNEST($2::text[]) AS u (id)
         CROSS JOIN LATERAL (SELECT transaction_id, state, currency, amount_minor FROM payu_transaction
                             WHERE merchant_id = $1 AND transaction_id = u.id FOR UPDATE) t",
    )
    .bind(merchant)
    .bind(transactions.iter().copied().collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let mut known = BTreeMap::new();
    for (transaction, state, currency, minor) in rows {
        let currency = Currency::parse(&currency).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        if let Some(state) = State::parse(&state) {
            known.insert(transaction, (state, Money::new(minor, currency)));
        }
    }
    Ok(known)
}

/// Puts transactions in their new states, each one once. An approved one stays as it is.
pub fn put<'a>(bulk: &mut Bulk, transactions: impl Iterator<Item = &'a Transaction>) {
    let all: Vec<&Transaction> = transactions.collect();
    if all.is_empty() {
        return;
    }
    bulk.add(
        "INSERT INTO payu_transaction (merchant_id, transaction_id, order_id, creditor_id, state, currency, amount_minor, payment_id,
                                       bank_entry_id, raw_id, updated_at)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::uuid[],
                              $9::uuid[], $10::uuid[], $11::timestamptz[])
         ON CONFLICT (merchant_id, transaction_id) DO UPDATE
         SET state = excluded.state, currency = excluded.currency, amount_minor = excluded.amount_minor,
             payment_id = excluded.payment_id, bank_entry_id = excluded.bank_entry_id, raw_id = excluded.raw_id,
             updated_at = excluded.updated_at
         WHERE payu_transaction.state <> 'APPROVED'",
    )
    .bind(all.iter().map(|one| one.merchant_id.as_str()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.transaction_id.as_str()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.order_id.as_str()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.creditor_id.as_uuid()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.state.word()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.money.currency().code()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.money.minor()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.payment_id).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.bank_entry_id).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.raw_id).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.updated_at).collect::<Vec<_>>());
}

/// A transaction of one of these payments is the money of `payment`, which `bank_entry` brought too.
///
/// # Errors
/// When the database does not answer.
pub async fn meet(
    conn: &mut PgConnection,
    either: &[Uuid],
    payment: Uuid,
    bank_entry: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE payu_transaction SET payment_id = $2, bank_entry_id = $3 WHERE payment_id = ANY($1) AND bank_entry_id IS NULL",
    )
    .bind(either)
    .bind(payment)
    .bind(bank_entry)
    .execute(conn)
    .await?;
    Ok(())
}
