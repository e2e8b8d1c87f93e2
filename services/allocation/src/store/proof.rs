//! Whether the tables of the current state are what the append-only rows add up to. Read-only; nothing is repaired.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use kernel::Currency;

use super::day::Rows;
use super::parsed;

/// A check: what is wrong with a row that it finds, and the statement that finds it (id, what it is, what it should be).
const CHECKS: [(&str, &str); 10] = [
    (
        "items.settled_minor is not the sum of its allocations: item",
        "SELECT coalesce(i.item_id, a.item_id)::text, coalesce(i.settled_minor::text, 'no row'), coalesce(a.sum, 0)::text
         FROM items i
         FULL JOIN (SELECT item_id, sum(amount_minor) AS sum FROM allocations GROUP BY item_id) a ON a.item_id = i.item_id
         WHERE i.item_id IS NULL OR i.settled_minor <> coalesce(a.sum, 0) ORDER BY 1 LIMIT 10",
    ),
    (
        "items is not as its invoice's last message left it: item",
        "WITH told AS (
             SELECT DISTINCT ON (t->>'item_id') (t->>'item_id')::uuid AS item_id, f.account_id,
                    concat_ws(' ', f.account_id, t->>'invoice_id', t->>'invoice_number', t->>'instalment', t->>'issued_on',
                              t->>'due_on', t->>'charged_minor', t->>'credited_minor') AS text
             FROM facts f CROSS JOIN LATERAL json_array_elements(f.body->'after') AS t
             WHERE f.body->>'kind' = 'invoice' ORDER BY t->>'item_id', f.number DESC),
         kept AS (
             SELECT item_id, concat_ws(' ', account_id, invoice_id, invoice_number, instalment,
                    to_char(issued_on, 'YYYY-MM-DD'), to_char(due_on, 'YYYY-MM-DD'), charged_minor, credited_minor) AS text
             FROM items)
         SELECT coalesce(k.item_id, t.item_id)::text, coalesce(k.text, 'no row'), coalesce(t.text, 'no fact')
         FROM kept k FULL JOIN told t ON t.item_id = k.item_id
         WHERE k.text IS DISTINCT FROM t.text ORDER BY 1 LIMIT 10",
    ),
    (
        "funds is not as its facts left it: funds",
        "WITH told AS (
             SELECT subject_id AS funds_id, concat_ws(' ', account_id, body->>'payment_id', body->>'value_on',
                    funds_minor, coalesce(-(SELECT sum(w.funds_minor) FROM facts w WHERE w.account_id = f.account_id
                    AND w.kind = 'funds_withdrawn' AND w.body->>'funds_id' = f.subject_id::text), 0)) AS text
             FROM facts f WHERE kind = 'funds_assigned'),
         kept AS (
             SELECT funds_id, concat_ws(' ', account_id, payment_id, to_char(value_on, 'YYYY-MM-DD'), assigned_minor,
                    withdrawn_minor) AS text
             FROM funds)
         SELECT coalesce(k.funds_id, t.funds_id)::text, coalesce(k.text, 'no row'), coalesce(t.text, 'no fact')
         FROM kept k FULL JOIN told t ON t.funds_id = k.funds_id
         WHERE k.text IS DISTINCT FROM t.text ORDER BY 1 LIMIT 10",
    ),
    (
        "funds.credit_minor is not assigned - withdrawn - allocated: funds",
        "SELECT coalesce(f.funds_id, a.funds_id)::text, coalesce(f.credit_minor::text, 'no row'),
                (f.assigned_minor - f.withdrawn_minor - coalesce(a.sum, 0))::text
         FROM funds f
         FULL JOIN (SELECT funds_id, sum(amount_minor) AS sum FROM allocations GROUP BY funds_id) a
             ON a.funds_id = f.funds_id
         WHERE f.funds_id IS NULL OR f.credit_minor <> f.assigned_minor - f.withdrawn_minor - coalesce(a.sum, 0)
         ORDER BY 1 LIMIT 10",
    ),
    (
        "accounts.credit_minor is not the sum of its funds' credit: account",
        "SELECT coalesce(a.account_id, f.account_id)::text, coalesce(a.credit_minor::text, 'no row'),
                coalesce(f.sum, 0)::text
         FROM accounts a
         FULL JOIN (SELECT account_id, sum(credit_minor) AS sum FROM funds GROUP BY account_id) f
             ON f.account_id = a.account_id
         WHERE a.account_id IS NULL OR a.credit_minor <> coalesce(f.sum, 0) ORDER BY 1 LIMIT 10",
    ),
    (
        "accounts.facts, accounts.allocations do not count the account's rows: account",
        "SELECT a.account_id::text, concat_ws(' ', a.facts, a.allocations), concat_ws(' ', coalesce(f.n, 0), coalesce(r.n, 0))
         FROM accounts a
         LEFT JOIN (SELECT account_id, count(*) AS n FROM facts GROUP BY account_id) f ON f.account_id = a.account_id
         LEFT JOIN (SELECT account_id, count(*) AS n FROM allocations GROUP BY account_id) r ON r.account_id = a.account_id
         WHERE a.facts <> coalesce(f.n, 0) OR a.allocations <> coalesce(r.n, 0) ORDER BY 1 LIMIT 10",
    ),
    (
        "the journal's credit is not the accounts' credit: account",
        "SELECT coalesce(a.account_id, j.account_id)::text, coalesce(j.sum, 0)::text, coalesce(a.credit_minor, 0)::text
         FROM accounts a
         FULL JOIN (SELECT account_id, sum(CASE WHEN credit = 'credit' THEN amount_minor
                                                WHEN debit = 'credit' THEN -amount_minor ELSE 0 END) AS sum
                    FROM journal_lines GROUP BY account_id) j ON j.account_id = a.account_id
         WHERE coalesce(j.sum, 0) <> coalesce(a.credit_minor, 0) ORDER BY 1 LIMIT 10",
    ),
    (
        "the journal's items are not what is open: account",
        "SELECT coalesce(i.account_id, j.account_id)::text, coalesce(j.sum, 0)::text, coalesce(i.sum, 0)::text
         FROM (SELECT account_id, sum(charged_minor - credited_minor - settled_minor) AS sum FROM items GROUP BY account_id) i
         FULL JOIN (SELECT account_id, sum(CASE WHEN debit = 'items' THEN amount_minor
                                                WHEN credit = 'items' THEN -amount_minor ELSE 0 END) AS sum
                    FROM journal_lines GROUP BY account_id) j ON j.account_id = i.account_id
         WHERE coalesce(j.sum, 0) <> coalesce(i.sum, 0) ORDER BY 1 LIMIT 10",
    ),
    (
        "invoices is not what its items say: invoice",
        "SELECT coalesce(v.invoice_id, i.invoice_id)::text, coalesce(v.text, 'no row'), coalesce(i.text, 'no items')
         FROM (SELECT invoice_id, concat_ws(' ', account_id, number, instalments) AS text FROM invoices) v
         FULL JOIN (SELECT invoice_id, concat_ws(' ', account_id, invoice_number, array_agg(instalment ORDER BY instalment))
                        AS text
                    FROM items GROUP BY invoice_id, account_id, invoice_number) i ON i.invoice_id = v.invoice_id
         WHERE v.text IS DISTINCT FROM i.text ORDER BY 1 LIMIT 10",
    ),
    (
        "a row is there more than once:",
        "SELECT concat_ws(' ', name, id), count(*)::text, '1'
         FROM (SELECT 'account' AS name, account_id AS id FROM accounts UNION ALL SELECT 'invoice', invoice_id FROM invoices
               UNION ALL SELECT 'item', item_id FROM items UNION ALL SELECT 'funds', funds_id FROM funds) AS rows
         GROUP BY name, id HAVING count(*) > 1 ORDER BY 1 LIMIT 10",
    ),
];

/// One state of the database for all further statements of the transaction, which may only read.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn one_state(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(conn)
        .await
        .map(drop)
}

/// Everything that is wrong, one sentence each; at most ten of a kind.
pub(crate) async fn contradictions(conn: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    let mut found = Vec::new();
    for (what, sql) in CHECKS {
        for row in sqlx::query(sql).fetch_all(&mut *conn).await? {
            found.push(sentence(what, &row)?);
        }
    }
    Ok(found)
}

fn sentence(what: &str, row: &PgRow) -> sqlx::Result<String> {
    let (id, is, should): (String, String, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(format!(
        "{what} {id}: is [{is}], should be [{}]",
        should.unwrap_or_default()
    ))
}

/// What messages parked in the day would have moved, less what was freed in it: partition, currency, amount. The runtime's
/// table, read as `Tx::parked_sums` reads it.
pub(crate) async fn parked(conn: &mut PgConnection, rows: &Rows) -> sqlx::Result<Vec<(i32, Currency, i64)>> {
    let parked = sqlx::query(
        "SELECT partition, currency,
                sum(CASE WHEN segment >= $2 AND segment < $3 THEN amount_minor ELSE 0 END
                    - CASE WHEN freed_segment >= $2 AND freed_segment < $3 THEN amount_minor ELSE 0 END)::bigint AS sum
         FROM rt_parked
         WHERE calendar = $1 AND currency IS NOT NULL AND ($4::int IS NULL OR partition = $4)
         GROUP BY partition, currency ORDER BY partition, currency",
    )
    .bind(&rows.calendar)
    .bind(rows.previous)
    .bind(rows.sequence)
    .bind(rows.partition)
    .fetch_all(conn)
    .await?;
    parked
        .iter()
        .map(|row| Ok((row.try_get("partition")?, parsed(row, "currency")?, row.try_get("sum")?)))
        .collect()
}

/// The calendars of all accounts: those that closed a day, and those that will.
pub(crate) async fn calendars(pool: &sqlx::PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT DISTINCT calendar FROM accounts ORDER BY calendar")
        .fetch_all(pool)
        .await
}
