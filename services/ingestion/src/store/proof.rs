//! A closed day recomputed from its rows, for `incasso proof`: sums and digest again, and what each state table must say.

use std::collections::{BTreeMap, HashSet};

use contracts::CertifiedSum;
use kernel::{CreditorId, Currency};
use runtime::digest;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use crate::close::certified as certified_sums;
use crate::domain::ledger::{self, Added, Kind};

use super::day;
use super::rows::{
    DepositMoveRow, FundsRow, LineRow, OutgoingRow, PaymentRow, ReversalRow, Row, SightingRow, WithdrawalRow,
};

/// A day as its rows make it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recomputed {
    /// The certificate's sums, in its order: creditor, scope, partition, currency, name.
    pub sums: Vec<CertifiedSum>,
    /// Append-only rows.
    pub rows: i64,
    /// Their digest.
    pub digest: [u8; 32],
    /// Debit and credit by creditor, ledger account and currency code.
    pub journal: BTreeMap<(CreditorId, String, String), (i64, i64, i64)>,
    /// What the running sums and the running digest say otherwise, one sentence each.
    pub running: Vec<String>,
}

type Key = (Uuid, String, i32, String, &'static str);

#[derive(Default)]
struct Adding {
    sums: BTreeMap<Key, (i64, i64)>,
    rows: i64,
    digest: [u8; 32],
}

impl Adding {
    fn row(&mut self, row: &impl Row) {
        self.rows += 1;
        self.digest = digest::combine(self.digest, digest::row_hash(&row.canonical()));
    }

    fn all(&mut self, of: (Uuid, &str, &str), partition: i32, parts: &[Added]) {
        for part in parts {
            let partition = if part.by_partition { partition } else { -1 };
            self.sum(of, partition, part.name, part.amount_minor);
        }
    }

    fn sum(&mut self, of: (Uuid, &str, &str), partition: i32, name: &'static str, amount: i64) {
        let (creditor, scope, currency) = of;
        let key = (creditor, scope.to_owned(), partition, currency.to_owned(), name);
        let sum = self.sums.entry(key).or_default();
        sum.0 = sum.0.saturating_add(amount);
        sum.1 += 1;
    }
}

async fn load<T>(
    conn: &mut PgConnection,
    table: &str,
    calendar: &str,
    from: i64,
    to: i64,
) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT * FROM {table} WHERE calendar = $1 AND segment >= $2 AND segment < $3"
    )))
    .bind(calendar)
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await
}

/// Recomputes the segments `from..to` of a calendar: `from` is the sequence of the calendar's certificate before (0 for the
/// first), `to` the sequence of the one to prove.
///
/// # Errors
/// When the database does not answer, or a row holds no currency code.
pub async fn recompute_day(pool: &PgPool, calendar: &str, from: i64, to: i64) -> anyhow::Result<Recomputed> {
    let mut tx = pool.begin().await?;
    // One state of the database for all statements: the open day goes on meanwhile.
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *tx)
        .await?;
    let mut adding = Adding::default();
    money(&mut tx, &mut adding, calendar, from, to).await?;
    for row in load::<SightingRow>(&mut tx, SightingRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let name = match (row.class.as_str(), row.first) {
            ("payment", false) => "seen_again",
            ("shown", true) if row.status == "pending" => "pending",
            _ => continue,
        };
        let of = (row.creditor_id, row.collector.as_str(), row.currency.as_str());
        adding.sum(of, -1, name, row.amount_minor);
    }
    let mut journal: BTreeMap<(CreditorId, String, String), (i64, i64, i64)> = BTreeMap::new();
    for row in load::<LineRow>(&mut tx, LineRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let key = (CreditorId::from_uuid(row.creditor_id), row.ledger_account, row.currency);
        let total = journal.entry(key).or_default();
        total.0 = total.0.saturating_add(row.debit_minor);
        total.1 = total.1.saturating_add(row.credit_minor);
        total.2 += 1;
    }
    let sums = adding.sums.into_iter().map(certified).collect::<anyhow::Result<_>>()?;
    let mut again = Recomputed {
        sums,
        rows: adding.rows,
        digest: adding.digest,
        journal,
        running: Vec::new(),
    };
    again.running = running(&mut tx, &again, calendar, from, to).await?;
    tx.rollback().await?;
    Ok(again)
}

/// The rows of money that moved.
async fn money(
    conn: &mut PgConnection,
    adding: &mut Adding,
    calendar: &str,
    from: i64,
    to: i64,
) -> Result<(), sqlx::Error> {
    let payouts: HashSet<Uuid> =
        sqlx::query_scalar("SELECT payment_id FROM payment WHERE kind = 'settlement' AND calendar = $1")
            .bind(calendar)
            .fetch_all(&mut *conn)
            .await?
            .into_iter()
            .collect();
    let kind = |payment: &Uuid| {
        if payouts.contains(payment) {
            Kind::Settlement
        } else {
            Kind::Payment
        }
    };
    for row in load::<PaymentRow>(conn, PaymentRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let of = (row.creditor_id, row.collector.as_str(), row.currency.as_str());
        adding.all(of, -1, &ledger::of_payment(Kind::of(&row.kind), row.amount_minor));
    }
    for row in load::<ReversalRow>(conn, ReversalRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let of = (row.creditor_id, row.collector.as_str(), row.currency.as_str());
        adding.all(of, -1, &ledger::of_reversal(kind(&row.payment_id), row.amount_minor));
    }
    for row in load::<FundsRow>(conn, FundsRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let of = (row.creditor_id, row.collector.as_str(), row.currency.as_str());
        let parts = ledger::of_funds(kind(&row.payment_id), row.amount_minor);
        adding.all(of, row.partition_no, &parts);
    }
    for row in load::<WithdrawalRow>(conn, WithdrawalRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let of = (row.creditor_id, row.collector.as_str(), row.currency.as_str());
        let parts = ledger::of_withdrawal(kind(&row.payment_id), row.amount_minor);
        adding.all(of, row.partition_no, &parts);
    }
    for row in load::<DepositMoveRow>(conn, DepositMoveRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let of = (row.creditor_id, row.collector.as_str(), row.currency.as_str());
        adding.all(of, -1, &ledger::of_move(kind(&row.payment_id), row.delta_minor));
    }
    for row in load::<OutgoingRow>(conn, OutgoingRow::TABLE, calendar, from, to).await? {
        adding.row(&row);
        let of = (row.creditor_id, row.collector.as_str(), row.currency.as_str());
        adding.sum(of, -1, "outgoing", row.amount_minor);
    }
    Ok(())
}

/// What the running sums and digest of these segments say otherwise: they are what the day will be certified by.
async fn running(
    conn: &mut PgConnection,
    again: &Recomputed,
    calendar: &str,
    from: i64,
    to: i64,
) -> anyhow::Result<Vec<String>> {
    let wrong = |failure: runtime::Failure| anyhow::anyhow!("{failure}");
    let mut problems = Vec::new();
    let (rows, digest) = day::digest_of(conn, calendar, from, to).await.map_err(wrong)?;
    if (rows, digest) != (again.rows, again.digest) {
        let is = again.rows;
        problems.push(format!(
            "day_digest is not of the rows that are there: it is of {rows} rows, there are {is}"
        ));
    }
    let kept = certified_sums(&day::sums(conn, calendar, from, to).await?).map_err(wrong)?;
    let lacking = again
        .sums
        .iter()
        .filter(|sum| !kept.contains(sum))
        .map(|sum| ("lacks", sum));
    let too_much = kept
        .iter()
        .filter(|sum| !again.sums.contains(sum))
        .map(|sum| ("has", sum));
    for (word, sum) in lacking.chain(too_much) {
        problems.push(format!(
            "day_sum {word} {} of {} {} in {} rows at {}",
            sum.name, sum.amount_minor, sum.currency, sum.count, sum.scope
        ));
    }
    Ok(problems)
}

fn certified((key, (amount_minor, count)): (Key, (i64, i64))) -> anyhow::Result<CertifiedSum> {
    let (creditor, scope, partition, currency, name) = key;
    Ok(CertifiedSum {
        creditor_id: Some(CreditorId::from_uuid(creditor)),
        scope,
        partition: (partition >= 0).then_some(partition),
        currency: Currency::parse(&currency)?,
        name: name.to_owned(),
        amount_minor,
        count,
    })
}

/// What holds over all rows, closed or not: each statement names its rule and gives the ids that break it.
const CHECKS: [(&str, &str); 16] = [
    (
        "a deposit's remainder is the sum of its moves",
        "SELECT d.payment_id::text FROM deposit d LEFT JOIN deposit_move m USING (payment_id)
         GROUP BY d.payment_id, d.remaining_minor HAVING d.remaining_minor <> COALESCE(sum(m.delta_minor), 0)
         UNION ALL SELECT DISTINCT m.payment_id::text FROM deposit_move m WHERE NOT EXISTS (SELECT FROM deposit d WHERE d.payment_id = m.payment_id)",
    ),
    (
        "a payment is its funds, less those withdrawn, and what is unidentified, less what was taken back",
        "SELECT p.payment_id::text FROM payment p
         LEFT JOIN (SELECT payment_id, sum(amount_minor) AS a FROM funds GROUP BY 1) f USING (payment_id)
         LEFT JOIN (SELECT payment_id, sum(amount_minor) AS a FROM withdrawal GROUP BY 1) w USING (payment_id)
         LEFT JOIN (SELECT payment_id, sum(delta_minor) AS a FROM deposit_move GROUP BY 1) m USING (payment_id)
         LEFT JOIN reversal r USING (payment_id)
         WHERE p.amount_minor - COALESCE(r.amount_minor, 0) <> COALESCE(f.a, 0) - COALESCE(w.a, 0) + COALESCE(m.a, 0)",
    ),
    (
        "funds, reversals and moves are of a known payment",
        "SELECT payment_id::text FROM (SELECT payment_id FROM funds UNION ALL SELECT payment_id FROM reversal UNION ALL SELECT payment_id FROM deposit_move) x
         WHERE NOT EXISTS (SELECT FROM payment p WHERE p.payment_id = x.payment_id)",
    ),
    (
        "of a provider's payout only a person assigns",
        "SELECT f.funds_id::text FROM funds f JOIN payment p USING (payment_id) WHERE p.kind = 'settlement' AND f.decided_by IS NULL",
    ),
    (
        "a withdrawal takes away exactly its funds",
        "SELECT w.withdrawal_id::text FROM withdrawal w LEFT JOIN funds f USING (funds_id)
         WHERE f.funds_id IS NULL OR f.amount_minor <> w.amount_minor OR f.account_id <> w.account_id",
    ),
    (
        "every journal transaction balances, and no line is there twice",
        "SELECT transaction_id::text FROM journal_line GROUP BY transaction_id
         HAVING sum(debit_minor) <> sum(credit_minor) OR count(*) <> count(DISTINCT line_no)",
    ),
    (
        "every payment was seen, and first seen once",
        "SELECT p.payment_id::text FROM payment p LEFT JOIN sighting s ON s.payment_id = p.payment_id AND s.class = 'payment' AND s.first
         GROUP BY p.payment_id HAVING count(s.sighting_id) <> 1",
    ),
    (
        "a day's running sums are the sums of its transactions' journal",
        "SELECT calendar || '/' || segment FROM (
             SELECT calendar, segment, name, currency, creditor_id, sum(amount_minor) AS d, sum(credit_minor) AS c FROM day_sum WHERE journal GROUP BY 1, 2, 3, 4, 5) s
         FULL JOIN (SELECT calendar, segment, ledger_account AS name, currency, creditor_id, sum(debit_minor) AS d, sum(credit_minor) AS c
                    FROM journal_line GROUP BY 1, 2, 3, 4, 5) j USING (calendar, segment, name, currency, creditor_id)
         WHERE s.d IS DISTINCT FROM j.d OR s.c IS DISTINCT FROM j.c",
    ),
    (
        "a booked statement has a sighting for each entry that moved or may move money",
        "SELECT s.statement_id::text FROM statement s
         LEFT JOIN (SELECT statement_id, count(*) AS n FROM sighting GROUP BY 1) x USING (statement_id)
         WHERE s.state = 'booked' AND COALESCE(x.n, 0) > s.entries",
    ),
    (
        "a deposit is of a payment, with its amount, currency and place",
        "SELECT d.payment_id::text FROM deposit d LEFT JOIN payment p USING (payment_id)
         WHERE (p.amount_minor, p.currency, p.collector, p.creditor_id, p.kind)
             IS DISTINCT FROM (d.amount_minor, d.currency, d.collector, d.creditor_id, d.kind)",
    ),
    (
        "a reversal that waits for its payment is outgoing until then",
        "SELECT u.outgoing_id::text FROM unmatched_reversal u LEFT JOIN outgoing o USING (outgoing_id)
         WHERE (o.amount_minor, o.currency, o.collector) IS DISTINCT FROM (u.amount_minor, u.currency, u.collector)",
    ),
    (
        "what was seen is what was booked",
        "SELECT s.sighting_id::text FROM sighting s
         LEFT JOIN payment p ON s.class = 'payment' AND p.payment_id = s.payment_id
         LEFT JOIN reversal r ON s.class = 'reversal' AND r.payment_id = s.payment_id
         LEFT JOIN outgoing o ON s.class = 'outgoing' AND o.outgoing_id = s.payment_id
         WHERE s.class <> 'shown' AND s.amount_minor IS DISTINCT FROM COALESCE(p.amount_minor, -r.amount_minor, -o.amount_minor)",
    ),
    (
        "an approved transaction at PayU is the money of its payment",
        "SELECT t.merchant_id || '/' || t.transaction_id FROM payu_transaction t LEFT JOIN payment p USING (payment_id)
         WHERE t.state = 'APPROVED' AND (p.amount_minor, p.currency) IS DISTINCT FROM (t.amount_minor, t.currency)",
    ),
    (
        "what is expected is of provisional money, and ends with it",
        "SELECT e.expectation_id::text FROM expectation e LEFT JOIN pending p USING (pending_id)
         WHERE p.pending_id IS NULL OR (e.ended_at IS NULL AND p.ended_at IS NOT NULL) OR p.amount_minor < e.amount_minor",
    ),
    (
        "what provisional money turned out to be is on the books",
        "SELECT p.pending_id::text FROM pending p WHERE p.booked_as IS NOT NULL
           AND NOT EXISTS (SELECT FROM payment b WHERE b.payment_id = p.booked_as)
           AND NOT EXISTS (SELECT FROM outgoing b WHERE b.outgoing_id = p.booked_as)
           AND NOT EXISTS (SELECT FROM reversal b WHERE b.reversal_id = p.booked_as)",
    ),
    (
        "only the journal's running sums have a credit side",
        "SELECT calendar || '/' || segment FROM day_sum WHERE NOT journal AND credit_minor <> 0",
    ),
];

/// Checks state tables and rows against each other; one sentence per rule that is broken, with up to five ids.
///
/// # Errors
/// When the database does not answer.
pub async fn cross_check(pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (rule, sql) in CHECKS {
        let broken: Vec<String> = sqlx::query_scalar(sql).fetch_all(pool).await?;
        if !broken.is_empty() {
            let ids: Vec<&str> = broken.iter().take(5).map(String::as_str).collect();
            problems.push(format!("{rule}: broken {} times, by {}", broken.len(), ids.join(", ")));
        }
    }
    Ok(problems)
}

/// The calendars of all creditors: those that closed a day, and those that will.
///
/// # Errors
/// When the database does not answer.
pub async fn calendars(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT DISTINCT calendar FROM creditor ORDER BY calendar")
        .fetch_all(pool)
        .await
}
