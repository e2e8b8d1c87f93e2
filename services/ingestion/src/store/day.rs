//! The day's running sums and its digest.

use std::collections::BTreeMap;

use kernel::{CreditorId, Currency};
use runtime::{Bulk, Failure, digest};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::ledger::Sums;

/// Appends the sums of one transaction.
pub fn add_sums(bulk: &mut Bulk, segment: i64, sums: &Sums) {
    if sums.0.is_empty() {
        return;
    }
    let keys: Vec<_> = sums.0.keys().collect();
    let values: Vec<_> = sums.0.values().collect();
    bulk.add(
        "INSERT INTO day_sum (calendar, segment, creditor_id, scope, partition_no, currency, name, journal, amount_minor, credit_minor, lines)
         SELECT c, $2, i, s, p, u, n, j, a, r, l
         FROM UNNEST($1::text[], $3::uuid[], $4::text[], $5::int[], $6::text[], $7::text[], $8::bool[], $9::bigint[], $10::bigint[], $11::bigint[])
              AS t(c, i, s, p, u, n, j, a, r, l)",
    )
    .bind(keys.iter().map(|key| key.calendar.as_str()).collect::<Vec<_>>())
    .bind(segment)
    .bind(keys.iter().map(|key| key.creditor_id.as_uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.scope.as_str()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.partition).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.currency.code()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.name).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.journal).collect::<Vec<_>>())
    .bind(values.iter().map(|sum| sum.amount_minor).collect::<Vec<_>>())
    .bind(values.iter().map(|sum| sum.credit_minor).collect::<Vec<_>>())
    .bind(values.iter().map(|sum| sum.count).collect::<Vec<_>>());
}

/// Appends the digests of one transaction, one per calendar.
pub fn add_digests(bulk: &mut Bulk, segment: i64, digests: &BTreeMap<String, (i64, [u8; 32])>) {
    if digests.is_empty() {
        return;
    }
    bulk.add(
        "INSERT INTO day_digest (calendar, segment, rows, digest)
         SELECT c, $2, r, d FROM UNNEST($1::text[], $3::bigint[], $4::bytea[]) AS t(c, r, d)",
    )
    .bind(digests.keys().map(String::as_str).collect::<Vec<_>>())
    .bind(segment)
    .bind(digests.values().map(|(rows, _)| *rows).collect::<Vec<_>>())
    .bind(digests.values().map(|(_, sum)| sum.as_slice()).collect::<Vec<_>>());
}

/// One sum of a day.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, sqlx::FromRow)]
pub struct DaySum {
    /// The creditor.
    pub creditor_id: Uuid,
    /// Bank account or merchant.
    pub scope: String,
    /// Account partition, -1 for none.
    pub partition_no: i32,
    /// The currency's code.
    pub currency: String,
    /// Which sum, or the ledger account.
    pub name: String,
    /// Whether it is of the journal.
    pub journal: bool,
    /// Amount; of the journal the debit.
    pub amount_minor: i64,
    /// Of the journal the credit.
    pub credit_minor: i64,
    /// Rows.
    pub lines: i64,
}

impl DaySum {
    /// The currency.
    ///
    /// # Errors
    /// When the table holds no currency code.
    pub fn currency(&self) -> Result<Currency, Failure> {
        Currency::parse(&self.currency).map_err(|error| Failure::new(anyhow::Error::new(error)))
    }

    /// The creditor.
    #[must_use]
    pub fn creditor(&self) -> CreditorId {
        CreditorId::from_uuid(self.creditor_id)
    }
}

/// The sums of the segments `from..to` of a calendar, journal totals over all scopes.
///
/// # Errors
/// When the database does not answer.
pub async fn sums(conn: &mut PgConnection, calendar: &str, from: i64, to: i64) -> Result<Vec<DaySum>, sqlx::Error> {
    sqlx::query_as(
        "SELECT creditor_id, CASE WHEN journal THEN '' ELSE scope END AS scope, partition_no, currency, name, journal,
                sum(amount_minor)::bigint AS amount_minor, sum(credit_minor)::bigint AS credit_minor, sum(lines)::bigint AS lines
         FROM day_sum WHERE calendar = $1 AND segment >= $2 AND segment < $3
         GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6",
    )
    .bind(calendar)
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await
}

/// Rows and digest of the segments `from..to` of a calendar.
///
/// # Errors
/// When the database does not answer.
pub async fn digest_of(
    conn: &mut PgConnection,
    calendar: &str,
    from: i64,
    to: i64,
) -> Result<(i64, [u8; 32]), Failure> {
    let parts: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT rows, digest FROM day_digest WHERE calendar = $1 AND segment >= $2 AND segment < $3")
            .bind(calendar)
            .bind(from)
            .bind(to)
            .fetch_all(conn)
            .await?;
    let mut total = (0, [0; 32]);
    for (rows, part) in parts {
        let part: [u8; 32] = part
            .try_into()
            .map_err(|_| anyhow::anyhow!("a digest of other than 32 bytes"))?;
        total = (total.0 + rows, digest::combine(total.1, part));
    }
    Ok(total)
}
