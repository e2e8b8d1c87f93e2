//! Unidentified money: what of it is left, and by which texts it may still be found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{AccountId, CreditorId, InvoiceId, PaymentId};
use sqlx::PgConnection;
use uuid::Uuid;

/// A deposit, locked or about to be opened.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Deposit {
    /// Its payment, and its id.
    pub payment_id: Uuid,
    /// The creditor.
    pub creditor_id: Uuid,
    /// Calendar of its day.
    pub calendar: String,
    /// Bank account or merchant.
    pub collector: String,
    /// The currency's code.
    pub currency: String,
    /// `payment` or `settlement`.
    pub kind: String,
    /// What was unidentified at first.
    pub amount_minor: i64,
    /// What still is.
    pub remaining_minor: i64,
    /// Why: [`crate::domain::identify::Reason`].
    pub reason: String,
    /// A known payer may decide it.
    pub inferable: bool,
    /// Keyed hash of the payer's account.
    pub payer_key: Option<String>,
    /// Value date.
    pub value_on: NaiveDate,
    /// When it was received.
    pub opened_at: DateTime<Utc>,
}

impl Deposit {
    /// The payment.
    #[must_use]
    pub const fn payment(&self) -> PaymentId {
        PaymentId::from_uuid(self.payment_id)
    }

    /// The creditor.
    #[must_use]
    pub const fn creditor(&self) -> CreditorId {
        CreditorId::from_uuid(self.creditor_id)
    }
}

/// Texts of a deposit in which references may stand.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Searchable {
    /// Hashes of all candidates.
    pub tokens: Vec<i64>,
    /// Fields that hold one reference each.
    pub structured: Vec<String>,
    /// Free texts.
    pub free_text: Vec<String>,
}

/// Opens deposits; those with texts can be claimed by references that come later.
///
/// # Errors
/// When the database does not answer.
pub async fn open(conn: &mut PgConnection, deposits: &[(Deposit, Option<Searchable>)]) -> Result<(), sqlx::Error> {
    for (deposit, searchable) in deposits {
        sqlx::query(
            "INSERT INTO deposit (payment_id, creditor_id, calendar, collector, currency, kind, amount_minor, remaining_minor,
                                  reason, inferable, payer_key, value_on, opened_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(deposit.payment_id)
        .bind(deposit.creditor_id)
        .bind(&deposit.calendar)
        .bind(&deposit.collector)
        .bind(&deposit.currency)
        .bind(&deposit.kind)
        .bind(deposit.amount_minor)
        .bind(deposit.remaining_minor)
        .bind(&deposit.reason)
        .bind(deposit.inferable)
        .bind(&deposit.payer_key)
        .bind(deposit.value_on)
        .bind(deposit.opened_at)
        .execute(&mut *conn)
        .await?;
        if let Some(searchable) = searchable {
            set_searchable(conn, deposit.payment_id, deposit.creditor_id, searchable).await?;
        }
    }
    Ok(())
}

/// Makes a deposit findable by these texts as well as those it had.
///
/// # Errors
/// When the database does not answer.
pub async fn set_searchable(
    conn: &mut PgConnection,
    payment: Uuid,
    creditor: Uuid,
    texts: &Searchable,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO deposit_search (payment_id, creditor_id, tokens, structured, free_text) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (payment_id) DO UPDATE SET tokens = deposit_search.tokens || EXCLUDED.tokens,
             structured = concat_ws(E'\\x1f', NULLIF(deposit_search.structured, ''), NULLIF(EXCLUDED.structured, '')),
             free_text = concat_ws(E'\\x1f', NULLIF(deposit_search.free_text, ''), NULLIF(EXCLUDED.free_text, ''))",
    )
    .bind(payment)
    .bind(creditor)
    .bind(&texts.tokens)
    .bind(super::join(&texts.structured))
    .bind(super::join(&texts.free_text))
    .execute(conn)
    .await?;
    Ok(())
}

/// Open deposits in which one of these tokens stands.
///
/// # Errors
/// When the database does not answer.
pub async fn naming(conn: &mut PgConnection, tokens: &[i64]) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    if tokens.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found: Vec<Uuid> = sqlx::query_scalar("SELECT payment_id FROM deposit_search WHERE tokens && $1")
        .bind(tokens)
        .fetch_all(conn)
        .await?;
    Ok(found.into_iter().collect())
}

/// One page of open deposits in which some registered reference stands: what stripes made exact at once should have left
/// none of, looked at again before each marker.
///
/// # Errors
/// When the database does not answer.
pub async fn page_of_named(conn: &mut PgConnection, after: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT s.payment_id FROM deposit_search s
         WHERE s.payment_id > $1 AND EXISTS (SELECT FROM reference r WHERE r.token_hash = ANY(s.tokens))
         ORDER BY s.payment_id LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Locks these deposits in key order; only those with something left come back.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(conn: &mut PgConnection, ids: &BTreeSet<Uuid>) -> Result<Vec<Deposit>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as("SELECT * FROM deposit WHERE payment_id = ANY($1) AND remaining_minor > 0 ORDER BY payment_id FOR NO KEY UPDATE")
        .bind(ids.iter().copied().collect::<Vec<_>>())
        .fetch_all(conn)
        .await
}

/// The texts of these deposits.
///
/// # Errors
/// When the database does not answer.
pub async fn texts(conn: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Searchable>, sqlx::Error> {
    let rows: Vec<(Uuid, Vec<i64>, String, String)> = sqlx::query_as(
        "SELECT payment_id, tokens, structured, free_text FROM deposit_search WHERE payment_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let read = |(id, tokens, structured, free): (Uuid, Vec<i64>, String, String)| {
        (
            id,
            Searchable {
                tokens,
                structured: super::split(&structured),
                free_text: super::split(&free),
            },
        )
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Invoices that earlier funds of these payments were for, and how many funds each account has of each payment.
#[derive(Debug, Default)]
pub struct Earlier {
    /// By payment.
    pub invoices: BTreeMap<Uuid, BTreeSet<InvoiceId>>,
    /// By payment and account.
    pub counts: BTreeMap<(Uuid, AccountId), u32>,
}

/// What was assigned of these payments before.
///
/// # Errors
/// When the database does not answer.
pub async fn earlier(conn: &mut PgConnection, payments: &[Uuid]) -> Result<Earlier, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid, String)> =
        sqlx::query_as("SELECT payment_id, account_id, invoice_ids FROM funds WHERE payment_id = ANY($1)")
            .bind(payments)
            .fetch_all(conn)
            .await?;
    let mut earlier = Earlier::default();
    for (payment, account, invoices) in rows {
        *earlier
            .counts
            .entry((payment, AccountId::from_uuid(account)))
            .or_default() += 1;
        let known = earlier.invoices.entry(payment).or_default();
        known.extend(
            super::split(&invoices)
                .iter()
                .filter_map(|invoice| invoice.parse::<InvoiceId>().ok()),
        );
    }
    Ok(earlier)
}

/// Takes `taken` off what is left of each deposit, conditionally: `false` where less is left. An emptied deposit can no
/// longer be found by texts.
///
/// # Errors
/// When the database does not answer.
pub async fn take(conn: &mut PgConnection, taken: &BTreeMap<Uuid, i64>) -> Result<bool, sqlx::Error> {
    if taken.is_empty() {
        return Ok(true);
    }
    let ids: Vec<Uuid> = taken.keys().copied().collect();
    let changed = sqlx::query(
        "UPDATE deposit SET remaining_minor = remaining_minor - u.a FROM UNNEST($1::uuid[], $2::bigint[]) AS u(i, a)
         WHERE payment_id = u.i AND remaining_minor >= u.a",
    )
    .bind(&ids)
    .bind(taken.values().copied().collect::<Vec<_>>())
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM deposit_search s USING deposit d WHERE s.payment_id = ANY($1) AND d.payment_id = s.payment_id AND d.remaining_minor = 0")
        .bind(&ids)
        .execute(conn)
        .await?;
    Ok(usize::try_from(changed.rows_affected()).is_ok_and(|changed| changed == ids.len()))
}

/// Remembers payers of payments that an exact reference gave wholly to one account.
///
/// # Errors
/// When the database does not answer.
pub async fn learn_payers(
    conn: &mut PgConnection,
    payers: &BTreeSet<(CreditorId, String, AccountId)>,
) -> Result<(), sqlx::Error> {
    if payers.is_empty() {
        return Ok(());
    }
    sqlx::query("INSERT INTO known_payer (creditor_id, payer_key, account_id) SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[]) ON CONFLICT DO NOTHING")
        .bind(payers.iter().map(|(creditor, _, _)| creditor.as_uuid()).collect::<Vec<_>>())
        .bind(payers.iter().map(|(_, key, _)| key.clone()).collect::<Vec<_>>())
        .bind(payers.iter().map(|(_, _, account)| account.as_uuid()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// One page, in canonical order (value date, payment), of open deposits whose payer is known to pay for exactly one
/// account in the deposit's currency.
///
/// # Errors
/// When the database does not answer.
pub async fn page_of_known_payers(
    conn: &mut PgConnection,
    calendar: &str,
    after: (NaiveDate, Uuid),
    limit: i64,
) -> Result<Vec<(NaiveDate, Uuid, Uuid)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT d.value_on, d.payment_id, k.account_id
         FROM deposit d
         JOIN LATERAL (SELECT (array_agg(p.account_id))[1] AS account_id
                       FROM known_payer p JOIN account a ON a.account_id = p.account_id AND a.currency = d.currency
                       WHERE p.creditor_id = d.creditor_id AND p.payer_key = d.payer_key HAVING count(*) = 1) k ON true
         WHERE d.calendar = $1 AND d.remaining_minor > 0 AND d.inferable AND d.payer_key IS NOT NULL
           AND (d.value_on, d.payment_id) > ($2, $3)
         ORDER BY d.value_on, d.payment_id LIMIT $4",
    )
    .bind(calendar)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Keeps a decision's answer under its key.
///
/// # Errors
/// When the database does not answer, or the key was used meanwhile.
pub async fn note_decision(
    conn: &mut PgConnection,
    (subject, key): (&str, &str),
    deposit: Uuid,
    request: &str,
    answer: &serde_json::Value,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO decision (subject, idempotency_key, deposit_id, request, answer, decided_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(subject)
        .bind(key)
        .bind(deposit)
        .bind(request)
        .bind(answer)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}
