//! Creditors, accounts, invoices and references, as billing's topics say them. A version that is not newer changes nothing.

use std::collections::{BTreeSet, HashMap};

use contracts::CreditorRegistered;
use kernel::{AccountId, BusinessDate, CreditorId, Currency, InvoiceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::tokens::normalise;

/// What ingestion knows of a creditor's bank account or merchant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Collector {
    /// The creditor.
    pub creditor_id: CreditorId,
    /// Its code.
    pub code: String,
    /// Calendar of its day.
    pub calendar: String,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Number as registered, or `provider:merchant`.
    pub name: String,
    /// The currency.
    pub currency: Currency,
    /// Whether the creditor has merchants at providers.
    pub has_merchants: bool,
}

#[derive(sqlx::FromRow)]
struct CollectorRow {
    creditor_id: Uuid,
    code: String,
    calendar: String,
    time_zone: String,
    name: String,
    currency: String,
    has_merchants: bool,
}

impl CollectorRow {
    fn read(self) -> Result<Collector, sqlx::Error> {
        let currency = Currency::parse(&self.currency).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Collector {
            creditor_id: CreditorId::from_uuid(self.creditor_id),
            code: self.code,
            calendar: self.calendar,
            time_zone: self.time_zone,
            name: self.name,
            currency,
            has_merchants: self.has_merchants,
        })
    }
}

/// The bank account with this number, in whatever way it is written.
///
/// # Errors
/// When the database does not answer.
pub async fn bank_account(conn: &mut PgConnection, number: &str) -> Result<Option<Collector>, sqlx::Error> {
    let row: Option<CollectorRow> = sqlx::query_as(
        "SELECT c.creditor_id, c.code, c.calendar, c.time_zone, b.number AS name, b.currency,
                EXISTS (SELECT FROM merchant m WHERE m.creditor_id = c.creditor_id) AS has_merchants
         FROM bank_account b JOIN creditor c USING (creditor_id) WHERE b.number_key = $1",
    )
    .bind(normalise(number))
    .fetch_optional(conn)
    .await?;
    row.map(CollectorRow::read).transpose()
}

/// The merchant.
///
/// # Errors
/// When the database does not answer.
pub async fn merchant(
    conn: &mut PgConnection,
    provider: &str,
    merchant_id: &str,
) -> Result<Option<Collector>, sqlx::Error> {
    let row: Option<CollectorRow> = sqlx::query_as(
        "SELECT c.creditor_id, c.code, c.calendar, c.time_zone, m.provider || ':' || m.merchant_id AS name, m.currency,
                true AS has_merchants
         FROM merchant m JOIN creditor c USING (creditor_id) WHERE m.provider = $1 AND m.merchant_id = $2",
    )
    .bind(provider)
    .bind(merchant_id)
    .fetch_optional(conn)
    .await?;
    row.map(CollectorRow::read).transpose()
}

/// The code of a creditor.
///
/// # Errors
/// When the database does not answer.
pub async fn creditor_code(conn: &mut PgConnection, creditor: CreditorId) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT code FROM creditor WHERE creditor_id = $1")
        .bind(creditor.as_uuid())
        .fetch_optional(conn)
        .await
}

/// Numbers of this creditor's collectors that belong to another creditor already.
///
/// # Errors
/// When the database does not answer.
pub async fn foreign_collectors(
    conn: &mut PgConnection,
    creditor: &CreditorRegistered,
) -> Result<Vec<String>, sqlx::Error> {
    let numbers: Vec<String> = creditor
        .bank_accounts
        .iter()
        .map(|account| normalise(&account.number))
        .collect();
    let merchants: Vec<String> = creditor
        .merchants
        .iter()
        .map(|m| format!("{}:{}", m.provider, m.merchant_id))
        .collect();
    sqlx::query_scalar(
        "SELECT number FROM bank_account WHERE number_key = ANY($2) AND creditor_id <> $1
         UNION ALL
         SELECT provider || ':' || merchant_id FROM merchant WHERE provider || ':' || merchant_id = ANY($3) AND creditor_id <> $1",
    )
    .bind(creditor.creditor_id.as_uuid())
    .bind(numbers)
    .bind(merchants)
    .fetch_all(conn)
    .await
}

/// Takes a creditor's state over; `false` where a newer one is known. Bank accounts and merchants are never taken away:
/// their feeds may still come.
///
/// # Errors
/// When the database does not answer.
pub async fn upsert_creditor(conn: &mut PgConnection, creditor: &CreditorRegistered) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query(
        "INSERT INTO creditor (creditor_id, code, version, calendar, time_zone, first_on) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (creditor_id) DO UPDATE SET version = $3, calendar = $4, time_zone = $5, first_on = $6
         WHERE creditor.version < $3",
    )
    .bind(creditor.creditor_id.as_uuid())
    .bind(&creditor.code)
    .bind(creditor.version)
    .bind(creditor.calendar.as_str())
    .bind(&creditor.time_zone)
    .bind(creditor.first_on.naive())
    .execute(&mut *conn)
    .await?;
    if taken.rows_affected() == 0 {
        return Ok(false);
    }
    for account in &creditor.bank_accounts {
        sqlx::query(
            "INSERT INTO bank_account (number_key, number, creditor_id, currency, first_on, banking_calendar, lag_days)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (number_key) DO UPDATE SET number = $2, currency = $4, first_on = $5, banking_calendar = $6, lag_days = $7,
                 through_on = CASE WHEN bank_account.first_on = $5 THEN bank_account.through_on END",
        )
        .bind(normalise(&account.number))
        .bind(&account.number)
        .bind(creditor.creditor_id.as_uuid())
        .bind(account.currency.code())
        .bind(account.first_on.naive())
        .bind(&account.banking_calendar)
        .bind(i32::from(account.lag_days))
        .execute(&mut *conn)
        .await?;
    }
    for merchant in &creditor.merchants {
        sqlx::query(
            "INSERT INTO merchant (provider, merchant_id, creditor_id, currency) VALUES ($1, $2, $3, $4)
             ON CONFLICT (provider, merchant_id) DO UPDATE SET currency = $4",
        )
        .bind(&merchant.provider)
        .bind(&merchant.merchant_id)
        .bind(creditor.creditor_id.as_uuid())
        .bind(merchant.currency.code())
        .execute(&mut *conn)
        .await?;
    }
    Ok(true)
}

/// An account as the index keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The account.
    pub account_id: AccountId,
    /// Its creditor.
    pub creditor_id: CreditorId,
    /// The source's version.
    pub version: i64,
    /// Its currency.
    pub currency: Currency,
}

/// Takes accounts over; gives those whose version was newer.
///
/// # Errors
/// When the database does not answer.
pub async fn upsert_accounts(
    conn: &mut PgConnection,
    accounts: &[Account],
) -> Result<BTreeSet<AccountId>, sqlx::Error> {
    let taken: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO account (account_id, creditor_id, version, currency)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::text[])
         ON CONFLICT (account_id) DO UPDATE SET version = EXCLUDED.version WHERE account.version < EXCLUDED.version
         RETURNING account_id",
    )
    .bind(
        accounts
            .iter()
            .map(|account| account.account_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(
        accounts
            .iter()
            .map(|account| account.creditor_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(accounts.iter().map(|account| account.version).collect::<Vec<_>>())
    .bind(
        accounts
            .iter()
            .map(|account| account.currency.code().to_owned())
            .collect::<Vec<_>>(),
    )
    .fetch_all(conn)
    .await?;
    Ok(taken.into_iter().map(AccountId::from_uuid).collect())
}

/// Notes the day on which accounts were closed; money still finds them.
///
/// # Errors
/// When the database does not answer.
pub async fn close_accounts(
    conn: &mut PgConnection,
    closed: &[(AccountId, i64, BusinessDate)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE account SET closed_on = u.d, version = u.v FROM UNNEST($1::uuid[], $2::bigint[], $3::date[]) AS u(i, v, d)
         WHERE account_id = u.i AND version < u.v",
    )
    .bind(closed.iter().map(|(account, _, _)| account.as_uuid()).collect::<Vec<_>>())
    .bind(closed.iter().map(|(_, version, _)| *version).collect::<Vec<_>>())
    .bind(closed.iter().map(|(_, _, on)| on.naive()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Creditor and currency of the accounts that are known.
///
/// # Errors
/// When the database does not answer.
pub async fn accounts(
    conn: &mut PgConnection,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, (CreditorId, String)>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid, String)> =
        sqlx::query_as("SELECT account_id, creditor_id, currency FROM account WHERE account_id = ANY($1)")
            .bind(ids.iter().map(AccountId::as_uuid).collect::<Vec<_>>())
            .fetch_all(conn)
            .await?;
    let read = |(account, creditor, currency)| {
        (
            AccountId::from_uuid(account),
            (CreditorId::from_uuid(creditor), currency),
        )
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Locks account rows in key order: outbox order per account is commit order.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_accounts(conn: &mut PgConnection, ids: &BTreeSet<AccountId>) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT FROM account WHERE account_id = ANY($1) ORDER BY account_id FOR NO KEY UPDATE")
        .bind(ids.iter().map(AccountId::as_uuid).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// An invoice as the index keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invoice {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Its account.
    pub account_id: AccountId,
    /// Its creditor.
    pub creditor_id: CreditorId,
    /// The source's version.
    pub version: i64,
    /// Its total in minor units.
    pub total_minor: i64,
    /// Whether it is void.
    pub cancelled: bool,
}

/// Takes invoices over; gives those whose version was newer.
///
/// # Errors
/// When the database does not answer.
pub async fn upsert_invoices(
    conn: &mut PgConnection,
    invoices: &[Invoice],
) -> Result<BTreeSet<InvoiceId>, sqlx::Error> {
    let taken: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO invoice (invoice_id, account_id, creditor_id, version, total_minor, cancelled)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bool[])
         ON CONFLICT (invoice_id) DO UPDATE SET version = EXCLUDED.version, cancelled = EXCLUDED.cancelled,
             total_minor = CASE WHEN EXCLUDED.cancelled THEN invoice.total_minor ELSE EXCLUDED.total_minor END
         WHERE invoice.version < EXCLUDED.version RETURNING invoice_id",
    )
    .bind(
        invoices
            .iter()
            .map(|invoice| invoice.invoice_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(
        invoices
            .iter()
            .map(|invoice| invoice.account_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(
        invoices
            .iter()
            .map(|invoice| invoice.creditor_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(invoices.iter().map(|invoice| invoice.version).collect::<Vec<_>>())
    .bind(invoices.iter().map(|invoice| invoice.total_minor).collect::<Vec<_>>())
    .bind(invoices.iter().map(|invoice| invoice.cancelled).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(taken.into_iter().map(InvoiceId::from_uuid).collect())
}

/// Adds credit notes to what their invoices owe; the inbox lets each through once.
///
/// # Errors
/// When the database does not answer.
pub async fn credit_invoices(conn: &mut PgConnection, credited: &[(InvoiceId, i64)]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE invoice SET credited_minor = credited_minor + u.a
         FROM (SELECT i, sum(a)::bigint AS a FROM UNNEST($1::uuid[], $2::bigint[]) AS t(i, a) GROUP BY i) AS u WHERE invoice_id = u.i",
    )
    .bind(credited.iter().map(|(invoice, _)| invoice.as_uuid()).collect::<Vec<_>>())
    .bind(credited.iter().map(|(_, amount)| *amount).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
