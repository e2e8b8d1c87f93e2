//! For `incasso proof`: a certified day computed again from the rows, and the current state checked against all rows.
//!
//! | what | table | how |
//! |---|---|---|
//! | funds_in, issued, credited | `facts` | sums of `funds_minor`, `issued_minor`, `credited_minor` |
//! | allocated, settled | `allocations` | sum of `amount_minor` |
//! | credit, open | `journal_lines` | net of the ledger accounts `credit` and `items` |
//! | parked | `rt_parked` | parked in the day less freed in the day |
//! | digest | all three | SHA-256 of each row's canonical text, summed modulo 2^256 |
//!
//! A day's rows have its calendar and `previous <= segment < sequence`, `previous` being the sequence of the calendar's
//! certificate before (0 for the first). `store/day.rs` and `store/proof.rs` have the statements.

use contracts::{CertifiedSum, DayCertified};
use kernel::{CreditorId, Currency};
use sqlx::{PgConnection, PgPool};

use crate::domain::certificate::judge;
use crate::store::day::{self, Rows};
use crate::store::proof;

/// A day as its rows say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recomputed {
    /// As in the certificate: by creditor, scope, partition, currency and name.
    pub sums: Vec<CertifiedSum>,
    /// Number of append-only rows.
    pub rows: i64,
    /// Their digest, 64 hexadecimal digits.
    pub digest: String,
}

/// A day of `calendar` computed again from its rows, over all partitions.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn recompute(pool: &PgPool, calendar: &str, previous: i64, sequence: i64) -> sqlx::Result<Recomputed> {
    let mut tx = pool.begin().await?;
    let rows = Rows {
        partition: None,
        calendar: calendar.to_owned(),
        previous,
        sequence,
    };
    let recomputed = recomputed(&mut tx, &rows).await?;
    tx.rollback().await?;
    Ok(recomputed)
}

async fn recomputed(conn: &mut PgConnection, rows: &Rows) -> sqlx::Result<Recomputed> {
    proof::one_state(conn).await?;
    let mut sums = day::sums(conn, rows).await?;
    for (partition, currency, amount_minor) in proof::parked(conn, rows).await? {
        sums.extend(day::parked(partition, currency, amount_minor));
    }
    sums.sort_by(|one, other| order(one).cmp(&order(other)));
    let (count, digest) = day::digest(conn, rows).await?;
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Recomputed {
        sums,
        rows: count,
        digest,
    })
}

/// Where a sum stands in a certificate.
fn order(sum: &CertifiedSum) -> (Option<CreditorId>, &str, Option<i32>, Currency, &str) {
    (sum.creditor_id, &sum.scope, sum.partition, sum.currency, &sum.name)
}

/// What a certificate and the rows of its day do not agree on, one sentence each; empty when it holds. `previous` is the
/// sequence of the calendar's certificate before this one, 0 for the first.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn check_day(pool: &PgPool, certificate: &DayCertified, previous: i64) -> sqlx::Result<Vec<String>> {
    let is = recompute(pool, certificate.calendar.as_str(), previous, certificate.sequence).await?;
    let mut problems = judge(&is.sums);
    for sum in &certificate.sums {
        let found = is.sums.iter().find(|other| order(other) == order(sum));
        let amounts = found.map(|other| (other.amount_minor, other.count)).unwrap_or_default();
        if amounts != (sum.amount_minor, sum.count) {
            problems.push(differs(sum, amounts));
        }
    }
    for sum in &is.sums {
        let certified = certificate.sums.iter().any(|other| order(other) == order(sum));
        if !certified && (sum.amount_minor, sum.count) != (0, 0) {
            problems.push(format!(
                "{} {} of {} minor units is not certified",
                sum.name, sum.currency, sum.amount_minor
            ));
        }
    }
    if is.rows != certificate.rows {
        problems.push(format!(
            "the day has {} rows, certified were {}",
            is.rows, certificate.rows
        ));
    }
    if is.digest != certificate.digest {
        problems
            .push("the digest of the day's rows is not the certified one: a row was changed, lost or added".to_owned());
    }
    Ok(problems)
}

fn differs(sum: &CertifiedSum, (amount_minor, count): (i64, i64)) -> String {
    let creditor = sum.creditor_id.map_or_else(
        || "parked messages".to_owned(),
        |creditor| format!("creditor {creditor}"),
    );
    format!(
        "{creditor}, partition {}: {} {} is {amount_minor} minor units in {count} rows, certified were {} in {}",
        sum.partition.unwrap_or(-1),
        sum.name,
        sum.currency,
        sum.amount_minor,
        sum.count
    )
}

/// What in the current-state tables (accounts, items, funds) is not what the append-only rows add up to, open days
/// included; one sentence each, at most ten of a kind.
///
/// # Errors
/// When the database does not answer.
pub async fn check_books(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    let mut tx = pool.begin().await?;
    proof::one_state(&mut tx).await?;
    let found = proof::contradictions(&mut tx).await?;
    tx.rollback().await?;
    Ok(found)
}

/// The calendars of all accounts: those that closed a day, and those that will.
///
/// # Errors
/// When the database does not answer.
pub async fn calendars(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    proof::calendars(pool).await
}
