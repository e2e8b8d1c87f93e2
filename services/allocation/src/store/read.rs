//! What the API shows. Reads only, from one statement each; nothing is locked.

use std::collections::BTreeMap;

use contracts::Explanation;
use kernel::{AccountId, BusinessDate, CreditorId, Currency, FundsId, InvoiceId, PaymentId, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::load::{date, terms};
use super::{decode, packed, parsed};
use crate::domain::position::Item;

/// An account with what is needed to show it.
#[derive(Clone, Debug)]
pub(crate) struct AccountShown {
    pub account_id: AccountId,
    pub creditor_id: CreditorId,
    /// None while the creditor's registration is behind.
    pub creditor_code: Option<String>,
    pub number: String,
    pub currency: Currency,
    pub calendar: String,
    pub closed_on: Option<BusinessDate>,
    pub credit_minor: i64,
    /// A message that this service rejected holds the account up.
    pub parked: bool,
    /// Sequence from which rows are of the open day.
    pub open_from: i64,
}

/// Accounts by id.
pub(crate) async fn accounts(conn: &mut PgConnection, ids: Vec<Uuid>) -> sqlx::Result<Vec<AccountShown>> {
    let rows = sqlx::query(
        "SELECT a.account_id, a.creditor_id, c.code, a.number, a.currency, a.calendar, a.closed_on, a.credit_minor,
                EXISTS (SELECT FROM rt_parked_key k WHERE k.key = a.account_id) AS parked,
                coalesce((SELECT max(d.sequence) FROM closed_days d
                          WHERE d.partition = a.partition AND d.calendar = a.calendar), 0) AS open_from
         FROM accounts a LEFT JOIN creditors c ON c.creditor_id = a.creditor_id
         WHERE a.account_id = ANY($1) ORDER BY a.account_id",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let shown = |row: PgRow| {
        let closed_on: Option<chrono::NaiveDate> = row.try_get("closed_on")?;
        Ok(AccountShown {
            account_id: AccountId::from_uuid(row.try_get("account_id")?),
            creditor_id: CreditorId::from_uuid(row.try_get("creditor_id")?),
            creditor_code: row.try_get("code")?,
            number: row.try_get("number")?,
            currency: parsed(&row, "currency")?,
            calendar: row.try_get("calendar")?,
            closed_on: closed_on
                .map(BusinessDate::from_naive)
                .transpose()
                .map_err(|error| decode("closed_on", error))?,
            credit_minor: row.try_get("credit_minor")?,
            parked: row.try_get("parked")?,
            open_from: row.try_get("open_from")?,
        })
    };
    rows.into_iter().map(shown).collect()
}

/// Open items of an account, those due first first; at most `limit`.
pub(crate) async fn open_items(conn: &mut PgConnection, account: AccountId, limit: i64) -> sqlx::Result<Vec<Item>> {
    let rows = sqlx::query(
        "SELECT item_id, invoice_id, invoice_number, instalment, issued_on, due_on, charged_minor, credited_minor,
                settled_minor
         FROM items WHERE account_id = $1 AND NOT closed ORDER BY due_on, item_id LIMIT $2",
    )
    .bind(account.as_uuid())
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(item).collect()
}

/// Items by id.
pub(crate) async fn items(conn: &mut PgConnection, ids: Vec<Uuid>) -> sqlx::Result<Vec<Item>> {
    let rows = sqlx::query(
        "SELECT item_id, invoice_id, invoice_number, instalment, issued_on, due_on, charged_minor, credited_minor,
                settled_minor
         FROM items WHERE item_id = ANY($1) ORDER BY invoice_id, instalment",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    rows.iter().map(item).collect()
}

fn item(row: &PgRow) -> sqlx::Result<Item> {
    Ok(Item {
        terms: terms(row)?,
        settled_minor: row.try_get("settled_minor")?,
    })
}

/// What is open on an account in all.
pub(crate) async fn open_minor(conn: &mut PgConnection, account: AccountId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT coalesce(sum(charged_minor - credited_minor - settled_minor), 0)::bigint FROM items
         WHERE account_id = $1 AND NOT closed",
    )
    .bind(account.as_uuid())
    .fetch_one(conn)
    .await
}

/// Funds as they are shown.
#[derive(Clone, Debug)]
pub(crate) struct FundsRow {
    pub funds_id: FundsId,
    pub payment_id: PaymentId,
    pub account_id: AccountId,
    pub value_on: BusinessDate,
    pub assigned_minor: i64,
    pub withdrawn_minor: i64,
    pub credit_minor: i64,
}

fn funds_row(row: &PgRow) -> sqlx::Result<FundsRow> {
    Ok(FundsRow {
        funds_id: FundsId::from_uuid(row.try_get("funds_id")?),
        payment_id: PaymentId::from_uuid(row.try_get("payment_id")?),
        account_id: AccountId::from_uuid(row.try_get("account_id")?),
        value_on: date(row, "value_on")?,
        assigned_minor: row.try_get("assigned_minor")?,
        withdrawn_minor: row.try_get("withdrawn_minor")?,
        credit_minor: row.try_get("credit_minor")?,
    })
}

/// Funds of an account that hold credit, the oldest money first; at most `limit`.
pub(crate) async fn credit(conn: &mut PgConnection, account: AccountId, limit: i64) -> sqlx::Result<Vec<FundsRow>> {
    let rows = sqlx::query(
        "SELECT funds_id, payment_id, account_id, value_on, assigned_minor, withdrawn_minor, credit_minor
         FROM funds WHERE account_id = $1 AND NOT spent ORDER BY value_on, funds_id LIMIT $2",
    )
    .bind(account.as_uuid())
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(funds_row).collect()
}

/// All funds of a payment.
pub(crate) async fn funds_of_payment(conn: &mut PgConnection, payment: PaymentId) -> sqlx::Result<Vec<FundsRow>> {
    let rows = sqlx::query(
        "SELECT funds_id, payment_id, account_id, value_on, assigned_minor, withdrawn_minor, credit_minor
         FROM funds WHERE payment_id = $1 ORDER BY account_id, funds_id",
    )
    .bind(payment.as_uuid())
    .fetch_all(conn)
    .await?;
    rows.iter().map(funds_row).collect()
}

/// Another service holds an account up.
#[derive(Clone, Debug)]
pub(crate) struct Impediment {
    pub service: String,
    pub reason: String,
    pub impeded_at: Timestamp,
}

/// Who holds an account up.
pub(crate) async fn impediments(conn: &mut PgConnection, account: AccountId) -> sqlx::Result<Vec<Impediment>> {
    let rows = sqlx::query(
        "SELECT service, reason, impeded_at FROM impediments WHERE account_id = $1 AND freed_at IS NULL ORDER BY service",
    )
    .bind(account.as_uuid())
    .fetch_all(conn)
    .await?;
    let one = |row: PgRow| {
        Ok(Impediment {
            service: row.try_get("service")?,
            reason: row.try_get("reason")?,
            impeded_at: instant(&row, "impeded_at")?,
        })
    };
    rows.into_iter().map(one).collect()
}

fn instant(row: &PgRow, column: &str) -> sqlx::Result<Timestamp> {
    Timestamp::from_utc(row.try_get(column)?).map_err(|error| decode(column, error))
}

/// An invoice's account and its item ids; `None` when it is not known.
pub(crate) async fn invoice(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> sqlx::Result<Option<(AccountId, Vec<Uuid>)>> {
    let row = sqlx::query("SELECT account_id, instalments FROM invoices WHERE invoice_id = $1")
        .bind(invoice.as_uuid())
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut items = Vec::new();
    for number in row.try_get::<Vec<i32>, _>("instalments")? {
        let number = u32::try_from(number).map_err(|error| decode("instalments", error))?;
        items.push(kernel::ItemId::derive(invoice, number).as_uuid());
    }
    Ok(Some((AccountId::from_uuid(row.try_get("account_id")?), items)))
}

/// Which rows of the allocations: of some accounts, of one invoice or payment, after a place.
pub(crate) struct Wanted {
    pub accounts: Vec<AccountId>,
    pub invoice: Option<InvoiceId>,
    pub payment: Option<PaymentId>,
    /// Account and number of the last row that was shown.
    pub after: Option<(AccountId, i64)>,
    pub limit: i64,
}

/// A row of the allocations.
#[derive(Clone, Debug)]
pub(crate) struct AllocationRow {
    pub account_id: AccountId,
    pub number: i64,
    pub segment: i64,
    pub allocation_id: Uuid,
    pub funds_id: Uuid,
    pub payment_id: Uuid,
    pub item_id: Uuid,
    pub invoice_id: InvoiceId,
    pub currency: Currency,
    pub amount_minor: i64,
    pub value_on: BusinessDate,
    pub explanation: Explanation,
    pub allocated_at: Timestamp,
}

/// Rows in the order of account and number.
pub(crate) async fn allocations(conn: &mut PgConnection, wanted: &Wanted) -> sqlx::Result<Vec<AllocationRow>> {
    let accounts: Vec<Uuid> = wanted.accounts.iter().map(AccountId::as_uuid).collect();
    let (after_account, after_number) = wanted
        .after
        .map_or((Uuid::nil(), 0), |(id, number)| (id.as_uuid(), number));
    let rows = sqlx::query(
        "SELECT account_id, number, segment, allocation_id, funds_id, payment_id, item_id, invoice_id, currency,
                amount_minor, value_on, explanation::text AS explanation, allocated_at
         FROM allocations
         WHERE account_id = ANY($1) AND (account_id, number) > ($2, $3)
           AND ($4::uuid IS NULL OR invoice_id = $4) AND ($5::uuid IS NULL OR payment_id = $5)
         ORDER BY account_id, number LIMIT $6",
    )
    .bind(accounts)
    .bind(after_account)
    .bind(after_number)
    .bind(wanted.invoice.map(|id| id.as_uuid()))
    .bind(wanted.payment.map(|id| id.as_uuid()))
    .bind(wanted.limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(allocation_row).collect()
}

fn allocation_row(row: &PgRow) -> sqlx::Result<AllocationRow> {
    let explanation: &str = row.try_get("explanation")?;
    Ok(AllocationRow {
        account_id: AccountId::from_uuid(row.try_get("account_id")?),
        number: row.try_get("number")?,
        segment: row.try_get("segment")?,
        allocation_id: row.try_get("allocation_id")?,
        funds_id: row.try_get("funds_id")?,
        payment_id: row.try_get("payment_id")?,
        item_id: row.try_get("item_id")?,
        invoice_id: InvoiceId::from_uuid(row.try_get("invoice_id")?),
        currency: parsed(row, "currency")?,
        amount_minor: row.try_get("amount_minor")?,
        value_on: date(row, "value_on")?,
        explanation: packed::unpack(explanation).map_err(|error| decode("explanation", error))?,
        allocated_at: instant(row, "allocated_at")?,
    })
}

/// Printed numbers of invoices.
pub(crate) async fn invoice_numbers(
    conn: &mut PgConnection,
    invoices: Vec<Uuid>,
) -> sqlx::Result<BTreeMap<InvoiceId, String>> {
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT invoice_id, number FROM invoices WHERE invoice_id = ANY($1)")
            .bind(invoices)
            .fetch_all(conn)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(id, number)| (InvoiceId::from_uuid(id), number))
        .collect())
}
