//! Money that is told before it is final, and what accounts may expect of it.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{AccountId, BusinessDate, PaymentId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::expectations::Expectation;
use super::split;
use crate::domain::keys::EntryKey;
use crate::domain::sightings::Told;

/// Money that is not on the books.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Pending {
    /// Derived from its first sighting.
    pub pending_id: Uuid,
    /// Key of payer's reference, text and payer's account.
    pub pending_key: Uuid,
    /// The creditor.
    pub creditor_id: Uuid,
    /// Bank account.
    pub collector: String,
    /// The currency's code.
    pub currency: String,
    /// Signed.
    pub amount_minor: i64,
    /// `pending` or `info`.
    pub status: String,
    /// When it was told first.
    pub seen_at: DateTime<Utc>,
    /// The day it is promised for.
    pub expected_on: NaiveDate,
    /// Whether that day is the booking date.
    pub dated: bool,
    /// Where it was told first.
    pub channel: String,
    /// The bank's reference.
    pub bank_reference: Option<String>,
    /// References that tell one payment from another, normalised, as a list column.
    pub names: String,
    /// The one account that exact references name.
    pub account_id: Option<Uuid>,
    /// The statement that told it first.
    pub statement_id: Option<Uuid>,
    /// Number in it.
    pub entry_no: Option<i64>,
    /// The statement that told it last.
    pub last_statement: Option<Uuid>,
    /// Fields that hold one reference each, as a list column.
    pub structured: String,
    /// Free texts, as a list column.
    pub free_text: String,
    /// `booked`, `not-booked`, `withdrawn`; `None` while it is open.
    pub end_reason: Option<String>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The payment it turned out to be.
    pub booked_as: Option<Uuid>,
    /// How often it was told again after it had ended.
    pub reopened: i32,
}

impl Pending {
    /// What it says of the money.
    ///
    /// # Errors
    /// When its day is not one that the product knows.
    pub fn told(&self) -> Result<Told, kernel::DateError> {
        Ok(Told {
            amount_minor: self.amount_minor,
            on: BusinessDate::from_naive(self.expected_on)?,
            dated: self.dated,
            names: split(&self.names).into_iter().collect(),
            text: Some(EntryKey::from_id(PaymentId::from_uuid(self.pending_key))),
            account: self.account_id.map(AccountId::from_uuid),
            channel: self.channel.clone(),
            bank_reference: self.bank_reference.clone(),
        })
    }
}

/// Keeps new provisional money.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(conn: &mut PgConnection, rows: &[Pending]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($field:ident) => {
            rows.iter().map(|row| row.$field.clone()).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "INSERT INTO pending (pending_id, pending_key, creditor_id, collector, currency, amount_minor, status, seen_at, expected_on,
             channel, bank_reference, names, account_id, statement_id, entry_no, last_statement, structured, free_text, end_reason,
             ended_at, booked_as, dated)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[],
             $9::date[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::uuid[], $15::bigint[], $16::uuid[], $17::text[],
             $18::text[], $19::text[], $20::timestamptz[], $21::uuid[], $22::boolean[])",
    )
    .bind(column!(pending_id))
    .bind(column!(pending_key))
    .bind(column!(creditor_id))
    .bind(column!(collector))
    .bind(column!(currency))
    .bind(column!(amount_minor))
    .bind(column!(status))
    .bind(column!(seen_at))
    .bind(column!(expected_on))
    .bind(column!(channel))
    .bind(column!(bank_reference))
    .bind(column!(names))
    .bind(column!(account_id))
    .bind(column!(statement_id))
    .bind(column!(entry_no))
    .bind(column!(last_statement))
    .bind(column!(structured))
    .bind(column!(free_text))
    .bind(column!(end_reason))
    .bind(column!(ended_at))
    .bind(column!(booked_as))
    .bind(column!(dated))
    .execute(conn)
    .await?;
    Ok(())
}

/// Amounts and days between which tellings of the same money lie.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Window {
    /// Signed amounts.
    pub amounts: BTreeSet<i64>,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Window {
    /// Around these tellings.
    #[must_use]
    pub fn around<'a>(told: impl IntoIterator<Item = &'a Told>, days: i64) -> Option<Self> {
        let mut amounts = BTreeSet::new();
        let (mut from, mut to): (Option<BusinessDate>, Option<BusinessDate>) = (None, None);
        for one in told {
            amounts.insert(one.amount_minor);
            from = Some(from.map_or(one.on, |from| from.min(one.on)));
            to = Some(to.map_or(one.on, |to| to.max(one.on)));
        }
        Some(Self {
            amounts,
            from: from?.plus_days(-days).naive(),
            to: to?.plus_days(days).naive(),
        })
    }

    fn amounts(&self) -> Vec<i64> {
        self.amounts.iter().copied().collect()
    }
}

/// Whether anything of this bank account is open.
///
/// # Errors
/// When the database does not answer.
pub async fn any_open(conn: &mut PgConnection, collector: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pending WHERE collector = $1 AND ended_at IS NULL)")
        .bind(collector)
        .fetch_one(conn)
        .await
}

/// Provisional money of this bank account within the window; with `open`, only what has not ended. What `besides` told is
/// not among it: one statement tells each money once.
///
/// # Errors
/// When the database does not answer.
pub async fn within(
    conn: &mut PgConnection,
    collector: &str,
    window: &Window,
    open: bool,
    besides: Option<Uuid>,
) -> Result<Vec<Pending>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.* FROM pending p
         WHERE p.collector = $1 AND p.amount_minor = ANY($2) AND p.expected_on BETWEEN $3 AND $4 AND (NOT $5 OR p.ended_at IS NULL)
           AND ($6::uuid IS NULL OR NOT EXISTS (SELECT FROM sighting s WHERE s.payment_id = p.pending_id AND s.statement_id = $6))
         ORDER BY p.expected_on, p.seen_at, p.entry_no, p.pending_id FOR NO KEY UPDATE",
    )
    .bind(collector)
    .bind(window.amounts())
    .bind(window.from)
    .bind(window.to)
    .bind(open)
    .bind(besides)
    .fetch_all(conn)
    .await
}

/// Which of these payments something provisional turned out to be already.
///
/// # Errors
/// When the database does not answer.
pub async fn linked(conn: &mut PgConnection, payments: &[Uuid]) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let found: Vec<Uuid> = sqlx::query_scalar("SELECT booked_as FROM pending WHERE booked_as = ANY($1)")
        .bind(payments)
        .fetch_all(conn)
        .await?;
    Ok(found.into_iter().collect())
}

/// What a later telling adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    /// The row.
    pub pending_id: Uuid,
    /// The day it is promised for now.
    pub on: NaiveDate,
    /// The one account that exact references name.
    pub account_id: Option<Uuid>,
    /// Fields that hold one reference each, as a list column.
    pub structured: String,
    /// Free texts, as a list column.
    pub free_text: String,
}

/// Notes that this statement told them again: the later day, and the longer texts, count.
///
/// # Errors
/// When the database does not answer.
pub async fn told_again(conn: &mut PgConnection, again: &[Again], statement: Uuid) -> Result<(), sqlx::Error> {
    if again.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE pending p SET last_statement = $6, account_id = COALESCE(p.account_id, u.a),
             expected_on = CASE WHEN p.ended_at IS NULL THEN GREATEST(p.expected_on, u.e) ELSE p.expected_on END,
             structured = CASE WHEN length(u.s) > length(p.structured) THEN u.s ELSE p.structured END,
             free_text = CASE WHEN length(u.f) > length(p.free_text) THEN u.f ELSE p.free_text END
         FROM UNNEST($1::uuid[], $2::date[], $3::uuid[], $4::text[], $5::text[]) AS u(i, e, a, s, f) WHERE p.pending_id = u.i",
    )
    .bind(again.iter().map(|one| one.pending_id).collect::<Vec<_>>())
    .bind(again.iter().map(|one| one.on).collect::<Vec<_>>())
    .bind(again.iter().map(|one| one.account_id).collect::<Vec<_>>())
    .bind(again.iter().map(|one| one.structured.clone()).collect::<Vec<_>>())
    .bind(again.iter().map(|one| one.free_text.clone()).collect::<Vec<_>>())
    .bind(statement)
    .execute(conn)
    .await?;
    Ok(())
}

/// What ended was told again for a later day: it is open again.
///
/// # Errors
/// When the database does not answer.
pub async fn reopen(conn: &mut PgConnection, again: &[(Uuid, NaiveDate)]) -> Result<(), sqlx::Error> {
    if again.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE pending p SET end_reason = NULL, ended_at = NULL, booked_as = NULL, reopened = reopened + 1, expected_on = u.e
         FROM UNNEST($1::uuid[], $2::date[]) AS u(i, e) WHERE p.pending_id = u.i",
    )
    .bind(again.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(again.iter().map(|(_, on)| *on).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// How provisional money ends.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct End {
    /// The row.
    pub pending_id: Uuid,
    /// `booked`, `not-booked`, `withdrawn`.
    pub reason: &'static str,
    /// The payment, where it is booked.
    pub payment: Option<Uuid>,
}

/// Ends provisional money that is open, and what was expected of it; gives the latter.
///
/// # Errors
/// When the database does not answer.
pub async fn end(conn: &mut PgConnection, ends: &[End], at: DateTime<Utc>) -> Result<Vec<Expectation>, sqlx::Error> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "WITH told AS (SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[]) AS u(pending_id, reason, payment_id)),
         ended AS (UPDATE pending p SET end_reason = t.reason, booked_as = t.payment_id, ended_at = $4
                   FROM told t WHERE p.pending_id = t.pending_id AND (p.ended_at IS NULL OR p.end_reason = 'not-booked')
                   RETURNING p.pending_id)
         UPDATE expectation e SET end_reason = t.reason, payment_id = t.payment_id, ended_at = $4
         FROM told t WHERE e.pending_id = t.pending_id AND e.ended_at IS NULL
         RETURNING e.expectation_id, e.pending_id, e.account_id, e.creditor_id, e.calendar, e.channel, e.collector, e.currency,
             e.amount_minor, e.expected_on, e.invoice_ids, e.evidence, e.raw_id, e.expected_at, e.end_reason, e.payment_id",
    )
    .bind(ends.iter().map(|end| end.pending_id).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| end.reason.to_owned()).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| end.payment).collect::<Vec<_>>())
    .bind(at)
    .fetch_all(conn)
    .await
}

/// Which of these days final statements of the account cover.
///
/// # Errors
/// When the database does not answer.
pub async fn covered(
    conn: &mut PgConnection,
    bank_account: &str,
    days: &BTreeSet<NaiveDate>,
) -> Result<BTreeSet<NaiveDate>, sqlx::Error> {
    let found: Vec<NaiveDate> =
        sqlx::query_scalar("SELECT day_on FROM bank_day WHERE bank_account = $1 AND day_on = ANY($2)")
            .bind(bank_account)
            .bind(days.iter().copied().collect::<Vec<_>>())
            .fetch_all(conn)
            .await?;
    Ok(found.into_iter().collect())
}

/// Open provisional money whose day final statements cover, but for what this statement itself tells.
///
/// # Errors
/// When the database does not answer.
pub async fn overdue(
    conn: &mut PgConnection,
    collector: &str,
    bank_account: &str,
    statement: Uuid,
) -> Result<Vec<Pending>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.* FROM pending p
         WHERE p.collector = $1 AND p.ended_at IS NULL AND p.last_statement IS DISTINCT FROM $3
           AND p.doubt IS NULL AND EXISTS (SELECT FROM bank_day d WHERE d.bank_account = $2 AND d.day_on = p.expected_on)
         ORDER BY p.expected_on, p.pending_id FOR NO KEY UPDATE",
    )
    .bind(collector)
    .bind(bank_account)
    .bind(statement)
    .fetch_all(conn)
    .await
}

/// Notes in which task a person decides about each.
///
/// # Errors
/// When the database does not answer.
pub async fn doubt(conn: &mut PgConnection, doubts: &[(Uuid, Uuid)]) -> Result<(), sqlx::Error> {
    if doubts.is_empty() {
        return Ok(());
    }
    let (ids, tasks): (Vec<Uuid>, Vec<Uuid>) = doubts.iter().copied().unzip();
    sqlx::query(
        "UPDATE pending p SET doubt = u.t FROM UNNEST($1::uuid[], $2::uuid[]) AS u(i, t) WHERE p.pending_id = u.i",
    )
    .bind(ids)
    .bind(tasks)
    .execute(conn)
    .await?;
    Ok(())
}

/// The tasks about these, which their end makes needless.
///
/// # Errors
/// When the database does not answer.
pub async fn doubts_of(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT doubt FROM pending WHERE pending_id = ANY($1) AND doubt IS NOT NULL")
        .bind(ids)
        .fetch_all(conn)
        .await
}

/// A booked payment that no provisional money turned out to be.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Booked {
    /// The payment.
    pub payment_id: Uuid,
    /// Its amount.
    pub amount_minor: i64,
    /// Booking date, else value date.
    pub told_on: NaiveDate,
    /// Where it was seen.
    pub channel: String,
    /// References, as a list column.
    pub refs: String,
    /// Free text.
    pub remittance: Option<String>,
    /// Account of the payer.
    pub payer_iban: Option<String>,
    /// The one account that has all of it.
    pub account_id: Option<Uuid>,
    /// Raw item of the sighting.
    pub raw_id: Uuid,
    /// Place in it.
    pub place: String,
}

/// Payments that final statements of this bank account booked within the window, as each was booked first, and that no
/// provisional money turned out to be.
///
/// # Errors
/// When the database does not answer.
pub async fn booked(
    conn: &mut PgConnection,
    creditor: Uuid,
    collector: &str,
    window: &Window,
) -> Result<Vec<Booked>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.payment_id, p.amount_minor, COALESCE(s.booked_on, p.value_on) AS told_on, s.channel, s.refs, s.remittance, s.payer_iban,
                f.account_id, s.raw_id, s.place
         FROM (SELECT payment_id, amount_minor, value_on FROM payment
               WHERE creditor_id = $1 AND amount_minor = ANY($2) AND value_on BETWEEN $4::date - 10 AND $5::date + 10 OFFSET 0) p
         CROSS JOIN LATERAL (SELECT booked_on, channel, refs, remittance, payer_iban, raw_id, place FROM sighting
                             WHERE payment_id = p.payment_id AND class = 'payment' AND collector = $3
                             ORDER BY sighted_at, sighting_id LIMIT 1) s
         LEFT JOIN LATERAL (SELECT (array_agg(account_id))[1] AS account_id FROM funds WHERE payment_id = p.payment_id
                            HAVING count(*) = 1 AND sum(amount_minor) = p.amount_minor) f ON true
         WHERE COALESCE(s.booked_on, p.value_on) BETWEEN $4 AND $5
           AND NOT EXISTS (SELECT FROM pending o WHERE o.booked_as = p.payment_id)
         ORDER BY 3, p.payment_id LIMIT 5000",
    )
    .bind(creditor)
    .bind(window.amounts())
    .bind(collector)
    .bind(window.from)
    .bind(window.to)
    .fetch_all(conn)
    .await
}
