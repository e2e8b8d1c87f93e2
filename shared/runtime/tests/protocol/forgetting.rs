//! What the inbox forgets, and what is refused because of it (row 21).

use runtime::Overrides;
use runtime::faults::SharedFaults;
use sqlx::PgPool;
use sqlx::types::Json;
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::toy::{self, CALENDAR, Clock, NoConfig, Split};
use testkit::{CrashOnce, Fixture, TOKEN, dump, eventually, reset_positions};

use crate::chain::{Chain, PATIENCE, clock, closed, count, start};

const TABLES: &[&str] = &["toy_balance", "toy_log", "toy_page", "rt_closed", "rt_certificate"];

/// The note of a day some days ago: the inputs stood and ended where they stand now, or ended later.
async fn note(fixture: &Fixture, pool: &PgPool, days_ago: i32, beyond: i64) {
    let mut ends = BTreeMap::new();
    for topic in [
        "creditors.creditor.v1",
        "accounts.account.v1",
        "billing.invoice.v1",
        "payments.funds.v1",
    ] {
        for (partition, end) in fixture.ends(topic).await {
            ends.insert(format!("{topic}/{partition}"), if end > 0 { end + beyond } else { 0 });
        }
    }
    sqlx::query(
        "INSERT INTO rt_inbox_day (day, positions, ends)
         SELECT CURRENT_DATE - $1, jsonb_object_agg(p.key || '/' || l.partition, p.value), $2
         FROM rt_lease l, jsonb_each(l.positions) p
         ON CONFLICT (day) DO UPDATE SET ends = excluded.ends",
    )
    .bind(days_ago)
    .bind(Json(ends))
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn row_21_ids_are_forgotten_only_when_they_cannot_come_again_and_older_records_are_refused() {
    let fixture = Fixture::new("forgetting").await;
    let chain = Chain::start(&fixture).await;
    let pool = PgPool::connect(&fixture.database("allocation").await).await.unwrap();
    for name in ["a", "b", "c"] {
        toy::open(chain.billing(), name, CALENDAR).await.unwrap();
        toy::issue(chain.billing(), name, &format!("{name} old"), 100)
            .await
            .unwrap();
    }
    toy::close(chain.billing(), CALENDAR, "2026-01-05").await.unwrap();
    closed(&pool, 2, 1).await;
    eventually(PATIENCE, async || {
        count(&pool, "SELECT sum(received)::bigint FROM toy_balance").await == 300
    })
    .await;
    // All of that was 60 days ago.
    sqlx::query("UPDATE rt_inbox SET received_on = received_on - 60")
        .execute(&pool)
        .await
        .unwrap();
    let inbox = "SELECT count(*) FROM rt_inbox";
    let remembered = count(&pool, inbox).await;
    let keep_house = chain.split.ctx().wake("housekeeping");
    // By age alone they could go. But what a relay may last have sent of them lies beyond what has been read.
    note(&fixture, &pool, 50, 0).await;
    note(&fixture, &pool, 40, 5).await;
    note(&fixture, &pool, 0, 5).await;
    keep_house.notify_one();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(count(&pool, inbox).await, remembered);
    // Now everything has been read that could bring them again.
    note(&fixture, &pool, 0, 0).await;
    keep_house.notify_one();
    eventually(PATIENCE, async || count(&pool, inbox).await == 0).await;

    // With the positions set back, nothing could tell what was handled: nothing is, and it says so.
    chain.split.stop().await.unwrap();
    let before = dump(&pool, TABLES, &[]).await;
    reset_positions(&pool).await;
    let split = start::<Split>(&fixture).await;
    let refused = "SELECT count(*) FROM rt_lease WHERE halted LIKE '%lies before offset%release the partition%'";
    eventually(PATIENCE, async || count(&pool, refused).await == 2).await;
    assert_eq!(dump(&pool, TABLES, &[]).await, before);
    let client = reqwest::Client::new();
    for partition in 0..2 {
        let release = format!("http://{}/v1/operations/halted/{partition}/release", split.http());
        let answer = client.post(&release).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }
    toy::issue(chain.clock.ctx(), "a", "new", 1).await.unwrap();
    eventually(PATIENCE, async || {
        count(&pool, "SELECT sum(received)::bigint FROM toy_balance").await == 301
    })
    .await;
    assert_eq!(count(&pool, "SELECT count(*) FROM toy_log").await, 8, "nothing twice");
    for service in [chain.clock, chain.whole, split] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_21_a_new_database_reads_history_however_old() {
    let fixture = Fixture::new("old-history").await;
    let billing = start::<Clock>(&fixture).await;
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    toy::issue(billing.ctx(), "a", "i", 7).await.unwrap();
    let split = start::<Split>(&fixture).await;
    // The toy's messages are of another year than the database's clock.
    let owed = "SELECT coalesce(sum(owed), 0)::bigint FROM toy_balance";
    eventually(PATIENCE, async || count(split.ctx().pool(), owed).await == 7).await;
    for service in [billing, split] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_21_the_relay_refuses_old_rows_and_the_next_start_tells_the_sent_from_the_unsent() {
    let fixture = Fixture::new("old-rows").await;
    let topic = "billing.invoice.v1";
    // One message is published, and its relay dies before it deletes the row.
    let faults: SharedFaults = CrashOnce::new("relay.produced", 1);
    let overrides = Overrides {
        faults: Some(faults),
        ..clock()
    };
    let settings: runtime::Settings<NoConfig> = fixture.settings("billing").await;
    let mut billing = runtime::start::<Clock>(settings, overrides).await.unwrap();
    toy::issue(billing.ctx(), "a", "sent", 1).await.unwrap();
    assert!(billing.wait().await.is_err());
    assert_eq!(fixture.read_topic(topic).await.len(), 1);
    // Another one is written while no relay works; then both are old.
    let pool = PgPool::connect(&fixture.database("billing").await).await.unwrap();
    let away =
        "UPDATE rt_relay SET owner = '00000000-0000-0000-0000-00000000dead', expires_at = now() + interval '1 hour'";
    sqlx::query(away).execute(&pool).await.unwrap();
    let billing = start::<Clock>(&fixture).await;
    toy::issue(billing.ctx(), "a", "unsent", 1).await.unwrap();
    sqlx::query("UPDATE rt_outbox SET created_at = now() - interval '8 days'")
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("UPDATE rt_relay SET expires_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(count(&pool, "SELECT count(*) FROM rt_outbox").await, 2, "refused");
    assert_eq!(fixture.read_topic(topic).await.len(), 1);
    billing.stop().await.unwrap();
    let billing = start::<Clock>(&fixture).await;
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    let records = fixture.read_topic(topic).await;
    assert_eq!(records.len(), 2, "each once");
    assert_ne!(records[0].header("ce_id"), records[1].header("ce_id"));
    billing.stop().await.unwrap();
    fixture.finish().await;
}
