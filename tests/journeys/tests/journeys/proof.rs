//! `incasso proof` on services that have lived through some days: it holds; then one row of each money table is altered,
//! deleted or doubled, and it does not.

use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::world::World;
use crate::{feeds, replay, stories, unidentified};

/// Three days with something in every money table.
async fn lived() -> World {
    let world = World::new("proof").await;
    tokio::join!(
        stories::paid_in_full(&world),
        stories::overpaid(&world),
        stories::before_changes(&world),
        stories::one_for_two(&world),
        unidentified::decided_by_a_person(&world),
        unidentified::becomes_known(&world),
        feeds::payu_then_bank(&world),
        feeds::bank_then_payu(&world),
        feeds::wrong_files(&world),
    );
    world.close("2026-01-05").await;
    tokio::join!(
        stories::changes(&world),
        stories::taken_back(&world, "2026-01-06"),
        unidentified::known_payer(&world),
        unidentified::outgoing_and_early_reversal(&world),
        unidentified::reversal_of_nothing(&world),
    );
    world.close("2026-01-06").await;
    // The third day stays open.
    feeds::file_twice(&world).await;
    world
}

/// Tables with amounts that are no books of this service: copies of what others said, and announcements.
const NO_BOOKS: [(&str, &str); 6] = [
    // What billing says an invoice comes to; only for finding whose money it is.
    ("ingestion", "invoice"),
    // What the bank wrote; the raw bytes are kept beside it.
    ("ingestion", "statement"),
    // Announced entries.
    ("ingestion", "pending"),
    // What accounts may expect of them; it settles nothing.
    ("ingestion", "expectation"),
    // Sums of batches whose payments are booked one by one; only for knowing the sum when another format tells it again.
    ("ingestion", "exploded"),
    // Attempts that failed stand there too, without money.
    ("ingestion", "payu_transaction"),
];

/// Work lists: without a row of these nothing is looked for again, but every cent stays where it is.
const WORK_LISTS: [&str; 1] = ["unmatched_reversal"];

/// Amounts of every table that has any: table and columns.
async fn money(service: &str, pool: &PgPool) -> Vec<(String, Vec<String>)> {
    let all: Vec<(String, Vec<String>)> = sqlx::query_as(
        "SELECT c.table_name::text, array_agg(c.column_name::text ORDER BY c.ordinal_position)
         FROM information_schema.columns c JOIN pg_tables t ON t.tablename = c.table_name AND t.schemaname = c.table_schema
         WHERE c.table_schema = 'public' AND c.column_name LIKE '%\\_minor' GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    all.into_iter()
        .filter(|(table, _)| !NO_BOOKS.contains(&(service, table.as_str())) && table != "rt_parked")
        .collect()
}

async fn execute(pool: &PgPool, sql: String) -> u64 {
    sqlx::query(AssertSqlSafe(sql.clone()))
        .execute(pool)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
        .rows_affected()
}

/// Which row of a table is touched: one of a closed day, or one of the open day.
#[derive(Clone, Copy, Debug)]
enum Pick {
    First,
    Last,
}

/// Rows of a table as they lie; of accounts only those that have rows.
async fn places(pool: &PgPool, table: &str, pick: Pick) -> Vec<String> {
    let condition = if table == "accounts" { "WHERE facts > 0" } else { "" };
    let order = if matches!(pick, Pick::First) { "ASC" } else { "DESC" };
    let sql = format!("SELECT ctid::text FROM {table} {condition} ORDER BY ctid {order}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap()
}

/// One more, or less, in the first row whose constraints allow it.
async fn alter(pool: &PgPool, table: &str, column: &str, places: &[String]) -> bool {
    for place in places {
        for by in ["+ 1", "- 1"] {
            let sql = format!("UPDATE {table} SET {column} = {column} {by} WHERE ctid = '{place}'");
            if sqlx::query(AssertSqlSafe(sql)).execute(pool).await.is_ok() {
                return true;
            }
        }
    }
    false
}

/// The row again, under another key where the table has one.
async fn double(pool: &PgPool, table: &str, place: &str) {
    let keys: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT a.attname::text, format_type(a.atttypid, NULL)
         FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[i.indnkeyatts - 1]
         WHERE i.indrelid = '{table}'::regclass AND i.indisunique"
    )))
    .fetch_all(pool)
    .await
    .unwrap();
    let other = keys.iter().map(|(column, kind)| match kind.as_str() {
        "uuid" => format!("'{column}', '{}'", Uuid::from_u128(0x1234_5678)),
        "text" => format!("'{column}', 'another'"),
        _ => format!("'{column}', (SELECT max({column}) + 1000 FROM {table})"),
    });
    let other: Vec<String> = other.collect();
    let record = format!("to_jsonb(t) || jsonb_build_object({})", other.join(", "));
    let sql = format!(
        "INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, {record})).* FROM (SELECT * FROM {table} WHERE ctid = '{place}') t"
    );
    assert_eq!(execute(pool, sql).await, 1, "{table}");
}

/// The table as it was.
async fn restore(pool: &PgPool, table: &str) {
    execute(pool, format!("TRUNCATE {table}")).await;
    execute(pool, format!("INSERT INTO {table} SELECT * FROM kept.{table}")).await;
}

/// Whether the proof, given this service's rows, finds it and blames the service.
async fn unseen(world: &World, service: &str) -> Option<String> {
    let report = world.prove_rows_of(&[service]).await;
    let told = report
        .first
        .as_ref()
        .is_some_and(|first| first.service == service && !first.what.is_empty());
    (report.holds || !told).then(|| format!("{:?}", report.first))
}

/// Alters, deletes and doubles a row of each money table in turn; what the proof did not see.
async fn touch_everything(world: &World, service: &str) -> Vec<String> {
    let pool = world.pool(service).await;
    let mut missed = Vec::new();
    execute(&pool, "CREATE SCHEMA kept".to_owned()).await;
    let mut tables = money(service, &pool).await;
    tables.push(("rt_certificate".to_owned(), Vec::new()));
    if service == "ingestion" {
        tables.push(("day_digest".to_owned(), vec!["rows".to_owned()]));
    }
    for (table, columns) in tables {
        execute(&pool, format!("CREATE TABLE kept.{table} AS SELECT * FROM {table}")).await;
        for pick in [Pick::First, Pick::Last] {
            missed.extend(touch(world, service, &pool, (&table, &columns), pick).await);
        }
    }
    missed
}

async fn touch(
    world: &World,
    service: &str,
    pool: &PgPool,
    (table, columns): (&str, &[String]),
    pick: Pick,
) -> Vec<String> {
    let mut missed = Vec::new();
    let mut judge = |what: &str, unseen: Option<String>| {
        missed.extend(unseen.map(|first| format!("{service}: {table} {pick:?}: {what}: {first}")));
    };
    let places_now = places(pool, table, pick).await;
    assert!(
        !places_now.is_empty(),
        "{service}: nothing is in {table}, the stories must put something there"
    );
    for column in columns {
        if alter(pool, table, column, &places(pool, table, pick).await).await {
            judge(&format!("{column} altered"), unseen(world, service).await);
            restore(pool, table).await;
        }
    }
    let place = places(pool, table, pick).await.swap_remove(0);
    if table != "rt_certificate" {
        double(pool, table, &place).await;
        judge("a row doubled", unseen(world, service).await);
        restore(pool, table).await;
    }
    if !WORK_LISTS.contains(&table) {
        let place = places(pool, table, pick).await.swap_remove(0);
        execute(pool, format!("DELETE FROM {table} WHERE ctid = '{place}'")).await;
        judge("a row deleted", unseen(world, service).await);
        restore(pool, table).await;
    }
    missed
}

/// A payment of the first day with a cent too much: the first certificate that does not hold is named, and why.
async fn is_explained(world: &World) {
    let pool = world.pool("ingestion").await;
    let change = |by: &str| format!("UPDATE payment SET amount_minor = amount_minor {by} WHERE amount_minor = 10000");
    let rows = execute(&pool, change("+ 1")).await;
    assert!(rows > 0);
    let first = world.prove().await.first.unwrap();
    assert_eq!(
        (first.service, first.sequence, first.sum.as_deref()),
        ("ingestion", Some(1), Some("received"))
    );
    assert_eq!(first.day_on.map(|on| on.to_string()).as_deref(), Some("2026-01-05"));
    assert!(
        first
            .calendar
            .is_some_and(|calendar| calendar.to_string() == crate::world::RO)
    );
    assert!(first.expected.is_some() && first.found.is_some() && first.expected != first.found);
    execute(&pool, change("- 1").replace("= 10000", "= 10001")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_changes_nothing_and_no_touch_goes_unseen() {
    let mut world = lived().await;
    let report = world.prove().await;
    assert!(report.holds, "{}", report.words());
    for service in &report.services {
        assert_eq!((service.certificates, service.hold), (4, 4), "{service:?}");
        assert!(service.rows_checked && service.rows > 0, "{service:?}");
    }
    assert_eq!(report.joined_days, 4);
    assert!(report.words().starts_with("Every certificate holds."));
    replay::runs_again(&world).await;
    replay::changes_nothing(&mut world).await;
    world.holds().await;
    is_explained(&world).await;
    let (one, other) = tokio::join!(
        touch_everything(&world, "ingestion"),
        touch_everything(&world, "allocation")
    );
    let missed = [one, other].concat();
    assert!(missed.is_empty(), "not caught:\n{}", missed.join("\n"));
    world.holds().await;
    world.finish().await;
}
