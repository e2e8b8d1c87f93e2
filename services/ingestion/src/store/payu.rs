//! PayU transactions.

use chrono::{DateTime, Utc};
use kernel::{CreditorId, Currency, Money};
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
    /// The raw bytes that said so first.
    pub raw_id: Uuid,
    /// When.
    pub updated_at: DateTime<Utc>,
}

/// State and money of a transaction, its row locked.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(
    conn: &mut PgConnection,
    merchant: &str,
    transaction: &str,
) -> Result<Option<(State, Money)>, sqlx::Error> {
    let row: Option<(String, String, i64)> = sqlx::query_as(
        "SELECT state, currency, amount_minor FROM payu_transaction WHERE merchant_id = $1 AND transaction_id = $2 FOR UPDATE",
    )
    .bind(merchant)
    .bind(transaction)
    .fetch_optional(conn)
    .await?;
    let Some((state, currency, minor)) = row else {
        return Ok(None);
    };
    let currency = Currency::parse(&currency).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(State::parse(&state).map(|state| (state, Money::new(minor, currency))))
}

/// Puts a transaction in its new state; `bank_entry_id` where a bank entry brought the money before. Of two inserts at
/// once the second fails and is tried again.
///
/// # Errors
/// When the database does not answer.
pub async fn put(
    conn: &mut PgConnection,
    transaction: &Transaction,
    bank_entry_id: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO payu_transaction (merchant_id, transaction_id, order_id, creditor_id, state, currency, amount_minor, payment_id,
                                       bank_entry_id, raw_id, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (merchant_id, transaction_id) DO UPDATE
         SET state = $5, currency = $6, amount_minor = $7, payment_id = $8, bank_entry_id = $9, raw_id = $10, updated_at = $11
         WHERE payu_transaction.state <> 'APPROVED'",
    )
    .bind(&transaction.merchant_id)
    .bind(&transaction.transaction_id)
    .bind(&transaction.order_id)
    .bind(transaction.creditor_id.as_uuid())
    .bind(transaction.state.word())
    .bind(transaction.money.currency().code())
    .bind(transaction.money.minor())
    .bind(transaction.payment_id)
    .bind(bank_entry_id)
    .bind(transaction.raw_id)
    .bind(transaction.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}
