//! The baseline: the allocation of a payment as a bare PostgreSQL transaction, on allocation's own tables, with fence, inbox
//! and outbox rows, but without Kafka, Avro or a handler. Two connections, a thousand payments a transaction.

use std::time::Instant;

use anyhow::Context as _;
use kernel::BusinessDate;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::place::Place;

const BATCH: i32 = 1_000;
const BATCHES: i32 = 24;
const CONNECTIONS: i32 = 2;
/// Items per account; each payment settles one.
const ITEMS: i32 = 4;

/// Payments per second.
///
/// # Errors
/// PostgreSQL does not answer.
pub async fn run(place: &Place) -> anyhow::Result<u64> {
    let pool = place.pool("allocation").await?;
    let on = crate::inputs::today()?;
    prepare(&pool, on).await?;
    let began = Instant::now();
    let mut hands = tokio::task::JoinSet::new();
    for hand in 0..CONNECTIONS {
        let pool = pool.clone();
        hands.spawn(async move {
            let mut conn = pool.acquire().await?;
            sqlx::raw_sql("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off")
                .execute(&mut *conn)
                .await?;
            for batch in 0..BATCHES {
                allocate(&mut conn, hand, batch, on).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(hand) = hands.join_next().await {
        hand??;
    }
    let took = u64::try_from(began.elapsed().as_micros())?;
    let payments = u64::try_from(CONNECTIONS.saturating_mul(BATCHES).saturating_mul(BATCH))?;
    payments
        .saturating_mul(1_000_000)
        .checked_div(took)
        .context("the clock stands still")
}

/// Accounts and items of their own, beside those of the pipeline.
async fn prepare(pool: &PgPool, on: BusinessDate) -> anyhow::Result<()> {
    let accounts = CONNECTIONS.saturating_mul(BATCHES).saturating_mul(BATCH) / ITEMS;
    sqlx::query(
        "INSERT INTO accounts (account_id, partition, creditor_id, number, version, calendar, currency)
         SELECT md5('bare-account-' || n)::uuid, n % $2, md5('bare')::uuid, 'bare-' || n, 1, 'RO@17:00@Europe/Bucharest', 'RON'
         FROM generate_series(0, $1 - 1) AS n",
    )
    .bind(accounts)
    .bind(CONNECTIONS)
    .execute(pool)
    .await?;
    sqlx::query(
        "INSERT INTO items (item_id, account_id, invoice_id, invoice_number, instalment, issued_on, due_on, charged_minor,
                            credited_minor, settled_minor, closed)
         SELECT md5('bare-item-' || n || '-' || i)::uuid, md5('bare-account-' || n)::uuid, md5('bare-invoice-' || n || '-' || i)::uuid,
                'bare-' || n || '-' || i, 1, $3, $3 + i, 10000, 0, 0, false
         FROM generate_series(0, $1 - 1) AS n, generate_series(1, $2) AS i",
    )
    .bind(accounts)
    .bind(ITEMS)
    .bind(on.naive())
    .execute(pool)
    .await?;
    sqlx::query("CREATE TABLE bare_offset (hand int PRIMARY KEY, next_offset bigint NOT NULL)")
        .execute(pool)
        .await?;
    sqlx::query("INSERT INTO bare_offset SELECT n, 0 FROM generate_series(0, $1 - 1) AS n")
        .bind(CONNECTIONS)
        .execute(pool)
        .await?;
    sqlx::query("ANALYZE accounts, items").execute(pool).await?;
    Ok(())
}

/// One batch: which accounts pay follows from its number, each settles its oldest item.
async fn allocate(conn: &mut PgConnection, hand: i32, batch: i32, on: BusinessDate) -> anyhow::Result<()> {
    let per_round = BATCHES.saturating_mul(BATCH) / ITEMS;
    let first = batch.saturating_mul(BATCH) % per_round;
    let accounts: Vec<Uuid> = sqlx::query_scalar(
        "SELECT md5('bare-account-' || (n * $3 + $1))::uuid FROM generate_series($2, $2 + $4 - 1) AS n",
    )
    .bind(hand)
    .bind(first)
    .bind(CONNECTIONS)
    .bind(BATCH)
    .fetch_all(&mut *conn)
    .await?;
    let payments: Vec<Uuid> = (0..BATCH)
        .map(|n| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("bare/{hand}/{batch}/{n}").as_bytes()))
        .collect();
    sqlx::query("BEGIN").execute(&mut *conn).await?;
    let stands: i64 = sqlx::query_scalar("SELECT next_offset FROM bare_offset WHERE hand = $1 FOR UPDATE")
        .bind(hand)
        .fetch_one(&mut *conn)
        .await?;
    sqlx::query("INSERT INTO rt_inbox (message_id) SELECT * FROM UNNEST($1::uuid[]) ON CONFLICT DO NOTHING RETURNING message_id")
        .bind(&payments)
        .fetch_all(&mut *conn)
        .await?;
    sqlx::query("SELECT account_id, credit_minor, facts FROM accounts WHERE account_id = ANY($1) ORDER BY account_id FOR NO KEY UPDATE")
        .bind(&accounts)
        .fetch_all(&mut *conn)
        .await?;
    let open: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT account_id, item_id FROM items WHERE account_id = ANY($1) AND NOT closed ORDER BY account_id, due_on DESC, item_id DESC",
    )
    .bind(&accounts)
    .fetch_all(&mut *conn)
    .await?;
    let oldest: std::collections::BTreeMap<Uuid, Uuid> = open.into_iter().collect();
    let items: Vec<Uuid> = accounts
        .iter()
        .filter_map(|account| oldest.get(account).copied())
        .collect();
    anyhow::ensure!(
        items.len() == accounts.len(),
        "{} of {} accounts have an open item",
        items.len(),
        accounts.len()
    );
    write(conn, &accounts, &payments, &items, on).await?;
    sqlx::query("UPDATE bare_offset SET next_offset = $2 WHERE hand = $1 AND next_offset = $3")
        .bind(hand)
        .bind(stands.saturating_add(i64::from(BATCH)))
        .bind(stands)
        .execute(&mut *conn)
        .await?;
    sqlx::query("COMMIT").execute(&mut *conn).await?;
    Ok(())
}

async fn write(
    conn: &mut PgConnection,
    accounts: &[Uuid],
    payments: &[Uuid],
    items: &[Uuid],
    on: BusinessDate,
) -> anyhow::Result<()> {
    let statements = [
        "UPDATE accounts a SET facts = facts + 1, allocations = allocations + 1
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS u (a, p, i) WHERE a.account_id = u.a AND $4::date IS NOT NULL",
        "INSERT INTO facts (account_id, number, partition, calendar, segment, creditor_id, currency, kind, subject_id, message_id,
                            counts_on, funds_minor, issued_minor, credited_minor, body, arrived_at)
         SELECT a, extract(epoch FROM clock_timestamp()) * 1000000, 0, 'RO@17:00@Europe/Bucharest', 0, md5('bare')::uuid, 'RON',
                'funds_assigned', p, p, $4, 10000, 0, 0, '{\"funds_id\":\"00000000-0000-0000-0000-000000000000\"}', now()
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS u (a, p, i)",
        "UPDATE items t SET settled_minor = charged_minor, closed = true
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS u (a, p, i) WHERE t.item_id = u.i AND $4::date IS NOT NULL",
        "INSERT INTO funds (funds_id, payment_id, account_id, value_on, assigned_minor, withdrawn_minor, credit_minor, spent)
         SELECT p, p, a, $4, 10000, 0, 0, true FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS u (a, p, i)",
        "INSERT INTO allocations (account_id, number, allocation_id, partition, calendar, segment, creditor_id, currency, funds_id,
                                  payment_id, item_id, invoice_id, amount_minor, value_on, explanation, allocated_at)
         SELECT a, extract(epoch FROM clock_timestamp()) * 1000000, p, 0, 'RO@17:00@Europe/Bucharest', 0, md5('bare')::uuid, 'RON', p, p,
                i, i, 10000, $4, '{\"rule\":\"oldest-due-first\"}', now()
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS u (a, p, i)",
        "INSERT INTO journal_lines (partition, calendar, segment, creditor_id, currency, account_id, message_id, debit, credit, amount_minor)
         SELECT 0, 'RO@17:00@Europe/Bucharest', 0, md5('bare')::uuid, 'RON', a, p, 'assigned', 'items', 10000
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS u (a, p, i) WHERE $4::date IS NOT NULL",
        "INSERT INTO rt_outbox (topic, partition, key, message_id, type, payload, at)
         SELECT 'bare', 0, a::text::bytea, p, 'FundsAllocated', decode(repeat('00', 300), 'hex'), now()
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS u (a, p, i) WHERE $4::date IS NOT NULL",
    ];
    for statement in statements {
        sqlx::query(statement)
            .bind(accounts)
            .bind(payments)
            .bind(items)
            .bind(on.naive())
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
