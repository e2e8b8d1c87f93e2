//! What lies before a day's marker, and when a day closes (rows 7, 14, 19 and 20).

use std::time::Duration;

use contracts::{DayClosed, Message as _, codec};
use testkit::toy::{self, CALENDAR, Clock, Split, Whole};
use testkit::{Fixture, Outgoing, eventually};

use crate::chain::{Chain, PATIENCE, check_topic, closed, count, start};

#[tokio::test(flavor = "multi_thread")]
async fn row_07_no_fact_commits_behind_its_days_marker() {
    let fixture = Fixture::new("behind-marker").await;
    let chain = Chain::start(&fixture).await;
    let pool = chain.split.ctx().pool().clone();
    for n in 0..4 {
        toy::open(chain.billing(), &format!("a{n}"), CALENDAR).await.unwrap();
    }
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM toy_balance").await == 4
    })
    .await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..24_u64 {
        let (billing, split) = (chain.billing().clone(), chain.split.ctx().clone());
        writers.spawn(async move {
            tokio::time::sleep(Duration::from_millis(n * 25)).await;
            let name = format!("a{}", n % 4);
            // Open while the day closes: by HTTP at the service that closes by partition, and at the clock itself.
            toy::credit(&split, &name, n, Duration::from_millis(150)).await.unwrap();
            toy::issue(&billing, &name, &format!("i{n}"), 1).await.unwrap();
        });
    }
    for day in ["2026-01-05", "2026-01-06", "2026-01-07"] {
        tokio::time::sleep(Duration::from_millis(150)).await;
        toy::close(chain.billing(), CALENDAR, day).await.unwrap();
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    closed(&pool, 2, 3).await;
    for service in [&chain.clock, &chain.split] {
        eventually(PATIENCE, async || {
            count(service.ctx().pool(), "SELECT count(*) FROM rt_outbox").await == 0
        })
        .await;
    }
    for topic in ["billing.invoice.v1", "payments.funds.v1", "allocation.account.v1"] {
        check_topic(&fixture, topic).await;
    }
    chain.stop().await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_service_that_is_not_split_by_account_closes_all_partitions_at_once() {
    let fixture = Fixture::new("at-once").await;
    let billing = start::<Clock>(&fixture).await;
    let whole = start::<Whole>(&fixture).await;
    let pool = whole.ctx().pool().clone();
    for n in 0..6 {
        toy::open(billing.ctx(), &format!("a{n}"), CALENDAR).await.unwrap();
        toy::issue(billing.ctx(), &format!("a{n}"), &format!("i{n}"), 1)
            .await
            .unwrap();
    }
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM toy_paid").await == 6
    })
    .await;
    // Nobody works on partition 1 for a while.
    let away = "UPDATE rt_lease SET owner = '00000000-0000-0000-0000-00000000dead', epoch = epoch + 1,
                       expires_at = now() + interval '1 hour' WHERE partition = 1";
    sqlx::query(away).execute(&pool).await.unwrap();
    toy::close(billing.ctx(), CALENDAR, "2026-01-05").await.unwrap();
    let read =
        "SELECT count(*) FROM rt_lease WHERE partition = 0 AND marks -> 'billing.invoice.v1' ->> 'sequence' = '1'";
    eventually(PATIENCE, async || count(&pool, read).await == 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        count(&pool, "SELECT count(*) FROM rt_closed").await,
        0,
        "one is missing"
    );
    sqlx::query("UPDATE rt_lease SET expires_at = now() WHERE partition = 1")
        .execute(&pool)
        .await
        .unwrap();
    closed(&pool, 1, 1).await;
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    let topic = "payments.funds.v1";
    check_topic(&fixture, topic).await;
    let records = fixture.read_topic(topic).await;
    let markers = records
        .iter()
        .filter(|record| record.header("ce_type") == Some(DayClosed::TYPE));
    assert_eq!(markers.map(|record| record.partition).collect::<Vec<_>>(), [0, 1]);
    for service in [billing, whole] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_19_an_unknown_schema_waits_for_a_reader_that_knows_it() {
    let fixture = Fixture::new("unknown-schema").await;
    let chain = Chain::start(&fixture).await;
    let pool = chain.split.ctx().pool().clone();
    for n in 0..4 {
        toy::open(chain.billing(), &format!("a{n}"), CALENDAR).await.unwrap();
    }
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM toy_balance").await == 4
    })
    .await;
    let on_first = |name: &String| chain.billing().partition_of(toy::account(name).into()) == 0;
    let names: Vec<String> = (0..4).map(|n| format!("a{n}")).collect();
    let (first, second) = (
        names.iter().find(|name| on_first(name)).unwrap(),
        names.iter().find(|name| !on_first(name)).unwrap(),
    );
    let tomorrow = Outgoing {
        key: Some(toy::account(first).to_string().into_bytes()),
        payload: Some([&[0xC3, 0x01][..], &[7; 8], b"tomorrow's message"].concat()),
        ..Outgoing::default()
    };
    fixture.send("payments.funds.v1", &[tomorrow]).await;
    for name in [first, second] {
        toy::issue(chain.billing(), name, &format!("after {name}"), 5)
            .await
            .unwrap();
    }
    let received = "SELECT count(*) FROM toy_balance WHERE received = 5";
    eventually(PATIENCE, async || count(&pool, received).await == 1).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(count(&pool, received).await, 1, "what lies behind it waits");
    assert_eq!(count(&pool, "SELECT count(*) FROM rt_parked").await, 0);
    assert!(fixture.read_topic("payments.funds.v1.allocation.dlq").await.is_empty());
    let stands = "SELECT coalesce((positions ->> 'payments.funds.v1')::bigint, 0) FROM rt_lease WHERE partition = 0";
    assert_eq!(count(&pool, stands).await, 0, "the position does not pass it");
    let told = chain.split.ctx().metrics().render();
    let alarm = told
        .lines()
        .any(|line| line.starts_with("incasso_failures_total") && line.contains("handle") && !line.ends_with(" 0"));
    assert!(alarm, "{told}");
    chain.stop().await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_20_a_marker_stands_for_all_before_it() {
    // A reader that starts on day 3, on a topic that has lost the markers of days 1 and 2.
    let fixture = Fixture::new("late-reader").await;
    let billing = start::<Clock>(&fixture).await;
    for (n, day) in ["2026-01-05", "2026-01-06", "2026-01-07"].iter().enumerate() {
        for name in ["a", "b", "c"] {
            if n == 0 {
                toy::open(billing.ctx(), name, CALENDAR).await.unwrap();
            }
            toy::issue(billing.ctx(), name, &format!("{name}{n}"), 1).await.unwrap();
        }
        toy::close(billing.ctx(), CALENDAR, day).await.unwrap();
    }
    eventually(PATIENCE, async || {
        count(billing.ctx().pool(), "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    let topic = "billing.invoice.v1";
    for record in fixture.read_topic(topic).await {
        let payload = record.payload.as_deref().unwrap();
        if codec::decode::<DayClosed>(payload).is_ok_and(|marker| marker.sequence == 2) {
            fixture.delete_records(topic, record.partition, record.offset + 1).await;
        }
    }
    let whole = start::<Whole>(&fixture).await;
    let split = start::<Split>(&fixture).await;
    closed(whole.ctx().pool(), 1, 3).await;
    closed(split.ctx().pool(), 2, 3).await;
    for service in [&whole, &split] {
        let halted = "SELECT count(*) FROM rt_lease WHERE halted IS NOT NULL";
        assert_eq!(count(service.ctx().pool(), halted).await, 0);
    }
    assert_eq!(
        count(whole.ctx().pool(), "SELECT count(*) FROM toy_paid").await,
        3,
        "the third day's"
    );
    for service in [billing, whole, split] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}
