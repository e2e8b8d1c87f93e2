//! The day's certificate, its marker, and the proof that finds every change.

use contracts::{DayClosed, JournalPosted};
use ingestion::{cross_check, recompute_day};

use super::camt::{Entry, entry, statement};
use super::world::{CALENDAR, World, on, sum};

/// Every money table, and an edit of one of its rows that leaves the constraints whole.
const EDITS: [(&str, &str); 8] = [
    ("payment", "amount_minor = amount_minor + 1"),
    ("sighting", "amount_minor = amount_minor + 1"),
    ("funds", "amount_minor = amount_minor + 1"),
    ("withdrawal", "amount_minor = amount_minor + 1"),
    ("reversal", "amount_minor = amount_minor + 1"),
    ("outgoing", "amount_minor = amount_minor + 1"),
    ("deposit_move", "delta_minor = delta_minor + 1"),
    (
        "journal_line",
        "debit_minor = debit_minor + 1 - sign(credit_minor), credit_minor = credit_minor + sign(credit_minor)",
    ),
];

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told once")]
async fn the_proof_finds_every_row_that_was_altered_deleted_or_doubled() {
    let world = World::new("proof").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let paid = |minor, text, reference| Entry {
        end_to_end: Some(reference),
        ..entry(minor, text)
    };
    let entries = [
        paid(500, "C-1001", "E1"),
        paid(600, "C-1001", "E2"),
        entry(700, "cine stie"),
        Entry {
            reversal: true,
            ..paid(-600, "storno", "E2")
        },
        entry(-30, "comision"),
        Entry {
            status: Some("PDNG"),
            ..entry(40, "vine")
        },
    ];
    world.upload(&statement("2026-11-02", 1, 0, &entries)).await;
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    let of = |name| sum(&certificate, name);
    assert_eq!(
        (of("received"), of("reversed"), of("assigned"), of("unidentified")),
        (1_800, 600, 500, 700)
    );
    assert_eq!(
        (of("outgoing"), of("pending"), of("seen_again"), of("returned")),
        (30, 40, 0, 0)
    );
    let proved = async || {
        let day = recompute_day(world.pool(), CALENDAR, 0, certificate.sequence)
            .await
            .unwrap();
        hex::encode(day.digest) == certificate.digest && day.rows == certificate.rows && day.sums == certificate.sums
    };
    assert!(proved().await);
    assert_eq!(cross_check(world.pool()).await.unwrap(), Vec::<String>::new());
    for (table, edit) in EDITS {
        for change in [
            format!("UPDATE {table} SET {edit} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"),
            format!("DELETE FROM {table} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"),
        ] {
            let kept: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT to_jsonb(t)::text FROM {table} t")))
                    .fetch_all(world.pool())
                    .await
                    .unwrap();
            assert!(!kept.is_empty(), "{table} has rows");
            sqlx::query(sqlx::AssertSqlSafe(change.clone()))
                .execute(world.pool())
                .await
                .unwrap();
            assert!(!proved().await, "{change}");
            restore(&world, table, &kept).await;
            assert!(proved().await, "{table} is whole again");
        }
    }
    double(&world, &proved).await;
    for state in [
        "UPDATE deposit SET remaining_minor = remaining_minor - 1",
        "DELETE FROM deposit",
    ] {
        let kept: Vec<String> = sqlx::query_scalar("SELECT to_jsonb(t)::text FROM deposit t")
            .fetch_all(world.pool())
            .await
            .unwrap();
        sqlx::query(state).execute(world.pool()).await.unwrap();
        assert!(!cross_check(world.pool()).await.unwrap().is_empty(), "{state}");
        restore(&world, "deposit", &kept).await;
    }
    world.finish().await;
}

async fn restore(world: &World, table: &str, rows: &[String]) {
    let run = |sql: String| async {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(world.pool())
            .await
            .unwrap()
    };
    run(format!("DELETE FROM {table}")).await;
    for row in rows {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, $1::jsonb)"
        )))
        .bind(row)
        .execute(world.pool())
        .await
        .unwrap();
    }
}

/// A row doubled: exactly where there is no key (the journal), under a new key elsewhere.
async fn double(world: &World, proved: &impl AsyncFn() -> bool) {
    let keys = [
        ("payment", "payment_id"),
        ("sighting", "statement_id"),
        ("funds", "account_id"),
        ("withdrawal", "withdrawal_id, funds_id"),
        ("reversal", "reversal_id, payment_id"),
        ("outgoing", "outgoing_id"),
        ("deposit_move", "move_id"),
        ("journal_line", ""),
    ];
    for (table, key) in keys {
        let fresh = key
            .split(", ")
            .filter(|column| !column.is_empty())
            .map(|column| format!("'{column}', gen_random_uuid()"));
        let patch = fresh.collect::<Vec<_>>().join(", ");
        let double = format!(
            "INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, to_jsonb(t) || jsonb_build_object({patch}))).* FROM {table} t LIMIT 1"
        );
        let kept: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT to_jsonb(t)::text FROM {table} t")))
                .fetch_all(world.pool())
                .await
                .unwrap();
        sqlx::query(sqlx::AssertSqlSafe(double))
            .execute(world.pool())
            .await
            .unwrap();
        assert!(!proved().await, "{table} doubled");
        restore(world, table, &kept).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marker_tells_coverage_and_the_days_are_apart() {
    let world = World::new("coverage").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    world
        .upload(&statement("2026-11-02", 1, 0, &[entry(100, "C-1001")]))
        .await;
    let monday = world.close("2026-11-02").await;
    // Tuesday's file does not come: on Wednesday the feed is late.
    let tuesday = world.close("2026-11-03").await;
    let wednesday = world.close("2026-11-04").await;
    assert_eq!(
        (
            sum(&monday, "received"),
            sum(&tuesday, "received"),
            sum(&wednesday, "received")
        ),
        (100, 0, 0)
    );
    assert_eq!(
        (tuesday.previous_hash.as_str(), wednesday.previous_hash.as_str()),
        (monday.hash.as_str(), tuesday.hash.as_str())
    );
    world
        .upload(&statement("2026-11-03", 2, 100, &[entry(200, "C-1001")]))
        .await;
    world.upload(&statement("2026-11-04", 3, 300, &[])).await;
    let thursday = world.close("2026-11-05").await;
    assert_eq!((sum(&thursday, "received"), thursday.rows > 0), (200, true));
    let markers = world.events::<DayClosed>("payments.funds.v1").await;
    let mut told: Vec<_> = markers
        .iter()
        .map(|m| (m.closed_on, m.coverage[0].through_on, m.coverage[0].complete, m.held))
        .collect();
    told.sort();
    told.dedup();
    let monday_on = Some(on("2026-11-02"));
    assert_eq!(
        told,
        [
            (on("2026-11-02"), monday_on, true, false),
            (on("2026-11-03"), monday_on, true, false),
            (on("2026-11-04"), monday_on, false, false),
            (on("2026-11-05"), Some(on("2026-11-04")), true, false),
        ]
    );
    let journal = world.events::<JournalPosted>("ingestion.journal.v1").await;
    for sequence in [monday.sequence, thursday.sequence] {
        let lines: Vec<_> = journal.iter().filter(|line| line.sequence == sequence).collect();
        let balance: i64 = lines.iter().map(|line| line.debit_minor - line.credit_minor).sum();
        assert_eq!((lines.len(), balance), (2, 0), "bank and assigned");
    }
    for certificate in [&monday, &tuesday, &wednesday, &thursday] {
        let previous = certificate.sequence - 1;
        let day = recompute_day(world.pool(), CALENDAR, previous, certificate.sequence)
            .await
            .unwrap();
        assert_eq!(
            (hex::encode(day.digest), day.rows, &day.sums),
            (certificate.digest.clone(), certificate.rows, &certificate.sums)
        );
        assert!(certificate.holds && certificate.hash_is_right());
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_waits_for_what_arrived_before_its_cut_off() {
    let world = World::with(
        "cut-off",
        ingestion::Config {
            chunk_entries: 5,
            ..super::world::config()
        },
    )
    .await;
    world.creditor().await;
    let entries: Vec<Entry> = (1..=200).map(|n| entry(n, "nimeni")).collect();
    let (status, _) = world
        .post("/v1/statements", statement("2026-11-02", 1, 0, &entries).xml())
        .await;
    assert_eq!(status, 202);
    let certificate = world.close("2026-11-02").await;
    assert_eq!(
        sum(&certificate, "received"),
        200 * 201 / 2,
        "all of the file or nothing lies in the day"
    );
    assert_eq!(
        certificate.sums.iter().map(|sum| sum.name.as_str()).collect::<Vec<_>>(),
        ["received", "unidentified"]
    );
    world.finish().await;
}

/// Not a check: how fast this machine books. `cargo test -p ingestion --test service -- --ignored speed --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn speed() {
    let world = World::new("speed").await;
    world.creditor().await;
    for n in 0..50 {
        world.account(&format!("C-{}", 100_000 + n), &[], &[]).await;
    }
    let entries: Vec<Entry> = (0..30_000)
        .map(|n| Entry {
            payer_iban: Some("RO66BACX0000001234567890"),
            payer: Some("Ion Popescu"),
            end_to_end: Some("NOTPROVIDED"),
            ..entry(
                1_000 + n,
                &format!("plata contract C-{} luna noiembrie", 100_000 + n % 50),
            )
        })
        .collect();
    let file = statement("2026-11-02", 1, 0, &entries).xml();
    println!("{} bytes", file.len());
    let began = std::time::Instant::now();
    let (_, answer) = world.post("/v1/statements", file).await;
    println!("proved after {:?}", began.elapsed());
    let path = format!("/v1/raw/{}", answer["raw_id"].as_str().unwrap());
    let mut busy = std::collections::BTreeMap::<String, u32>::new();
    while world.get(&path).await["state"] != "done" {
        let running: Vec<String> = sqlx::query_scalar(
            "SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 90) FROM pg_stat_activity
             WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()",
        )
        .fetch_all(world.pool())
        .await
        .unwrap();
        running
            .into_iter()
            .for_each(|query| *busy.entry(query).or_default() += 1);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut busy: Vec<_> = busy.into_iter().map(|(query, n)| (n, query)).collect();
    busy.sort_by(|a, b| b.cmp(a));
    busy.iter().take(14).for_each(|(n, query)| println!("{n:5} {query}"));
    println!("booked after {:?}", began.elapsed());
    let began = std::time::Instant::now();
    let certificate = world.close("2026-11-02").await;
    println!("closed after {:?}, {} rows", began.elapsed(), certificate.rows);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_door_asks_to_come_back() {
    let fixture = testkit::Fixture::new("door").await;
    let door = testkit::Door::new(&fixture.database("ingestion").await).await;
    let mut settings = fixture.settings::<ingestion::Config>("ingestion").await;
    settings.runtime.database.url = runtime::Secret::new(door.url());
    settings.service = super::world::config();
    let running = runtime::start::<ingestion::Ingestion>(settings, runtime::Overrides::default())
        .await
        .unwrap();
    let http = reqwest::Client::new();
    let url = format!(
        "http://{}/v1/webhooks/payu-latam/{}",
        running.http(),
        super::world::MERCHANT
    );
    let send = async |text: &'static str| http.post(&url).body(text).send().await.unwrap();
    assert_eq!(send("merchant_id=1").await.status(), 401);
    door.close();
    let answer = send("merchant_id=2").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    door.open();
    testkit::eventually(super::world::PATIENCE, async || {
        send("merchant_id=2").await.status() == 401
    })
    .await;
    running.stop().await.unwrap();
    fixture.finish().await;
}
