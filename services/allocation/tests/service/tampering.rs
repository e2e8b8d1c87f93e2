use contracts::DayCertified;
use contracts::catalogue::INVOICES;
use sqlx::{AssertSqlSafe, PgPool};

use crate::world::*;

/// One row of each money table altered, deleted and doubled: the proof names it, whichever it is.
const TABLES: [(&str, &[&str]); 7] = [
    (
        "facts",
        &[
            "funds_minor = funds_minor + 1",
            "body = '{}'",
            "counts_on = counts_on + 1",
            "segment = segment + 1",
        ],
    ),
    (
        "allocations",
        &[
            "amount_minor = amount_minor + 1",
            "explanation = '{}'",
            "item_id = funds_id",
        ],
    ),
    (
        "journal_lines",
        &["amount_minor = amount_minor + 1", "debit = 'issued'"],
    ),
    (
        "items",
        &[
            "settled_minor = settled_minor - 1",
            "charged_minor = charged_minor + 1",
            "due_on = due_on + 1",
        ],
    ),
    ("invoices", &["instalments = '{}'", "number = 'F-0'"]),
    (
        "funds",
        &[
            "credit_minor = credit_minor + 1",
            "assigned_minor = assigned_minor + 1",
            "value_on = value_on + 1",
        ],
    ),
    ("accounts", &["credit_minor = credit_minor + 1", "facts = facts + 1"]),
];

/// The first row, the same each time. Tables keep their rows in the order of the copy that they are filled from.
async fn run(pool: &PgPool, sql: String) {
    sqlx::query(AssertSqlSafe(sql.clone()))
        .execute(pool)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn problems(pool: &PgPool, certificates: &[DayCertified]) -> Vec<String> {
    let (mut found, mut previous) = (allocation::proof::check_books(pool).await.unwrap(), 0);
    for certificate in certificates {
        found.extend(allocation::proof::check_day(pool, certificate, previous).await.unwrap());
        previous = certificate.sequence;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_altered_deleted_or_doubled_is_found() {
    let world = World::new("alloc-tamper").await;
    begin(&world.upstream).await;
    busy_day(&world.upstream).await;
    world.facts(account_id("A"), 9).await;
    world.facts(account_id("B"), 4).await;
    let first = world.close("2026-01-20").await;
    world
        .say(&INVOICES, &issued("B", "F7", "2026-01-21", &[("2026-01-28", 900)]))
        .await;
    world.facts(account_id("B"), 5).await;
    let certificates = [first, world.close("2026-01-21").await];
    let pool = &world.pool;
    assert_eq!(problems(pool, &certificates).await, Vec::<String>::new());

    for (table, alterations) in TABLES {
        // Constraints would stop most of it; who edits tables by hand can drop them.
        let constraints: Vec<String> = sqlx::query_scalar(
            "SELECT conname::text FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype IN ('c', 'p')",
        )
        .bind(table)
        .fetch_all(pool)
        .await
        .unwrap();
        for constraint in constraints {
            run(pool, format!("ALTER TABLE {table} DROP CONSTRAINT {constraint}")).await;
        }
        run(pool, format!("CREATE TABLE kept_{table} AS TABLE {table}")).await;
        let one = format!("ctid = (SELECT min(ctid) FROM {table})");
        let altered = alterations
            .iter()
            .map(|set| format!("UPDATE {table} SET {set} WHERE {one}"));
        let others = [
            format!("DELETE FROM {table} WHERE {one}"),
            format!("INSERT INTO {table} SELECT * FROM {table} WHERE {one}"),
        ];
        for tampering in altered.chain(others) {
            run(pool, tampering.clone()).await;
            let found = problems(pool, &certificates).await;
            assert!(!found.is_empty(), "not found: {tampering}");
            println!("{tampering}\n  {}", found.join("\n  "));
            run(pool, format!("TRUNCATE {table}")).await;
            run(pool, format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
        assert_eq!(
            problems(pool, &certificates).await,
            Vec::<String>::new(),
            "{table} is restored"
        );
    }
    world.stop().await;
}
