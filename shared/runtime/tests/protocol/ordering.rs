//! Order per key, whatever the batches and whoever commits first.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::toy::{self, CALENDAR, Clock, Split, Whole};
use testkit::{Fixture, eventually, left};

use crate::chain::{PATIENCE, check_topic, closed, count, start, start_with};

#[tokio::test(flavor = "multi_thread")]
async fn ids_do_not_depend_on_how_batches_are_cut() {
    // Row 18.
    let mut runs = BTreeMap::new();
    for batch_max in [1, 2, 1000] {
        let fixture = Fixture::new(&format!("cut-{batch_max}")).await;
        let billing = start::<Clock>(&fixture).await;
        for n in 0..6 {
            if n < 3 {
                toy::open(billing.ctx(), &format!("a{n}"), CALENDAR).await.unwrap();
            }
            toy::issue(billing.ctx(), &format!("a{}", n % 3), &format!("i{n}"), 10 + n)
                .await
                .unwrap();
        }
        toy::close(billing.ctx(), CALENDAR, "2026-01-05").await.unwrap();
        let whole = start_with::<Whole>(&fixture, |settings| settings.runtime.worker.batch_max = batch_max).await;
        let pool = whole.ctx().pool().clone();
        closed(&pool, 1, 1).await;
        eventually(PATIENCE, async || {
            count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
        })
        .await;
        runs.insert(batch_max, left(&fixture, "ingestion", &pool, &["toy_paid"], &[]).await);
        whole.stop().await.unwrap();
        billing.stop().await.unwrap();
        fixture.finish().await;
    }
    assert_eq!(runs[&1], runs[&1000]);
    assert_eq!(runs[&2], runs[&1000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn outbox_order_is_commit_order_per_account() {
    // Rows 6 and 24: many writers on one account, each holding the account's row before it emits.
    let fixture = Fixture::new("outbox-order").await;
    let split = start::<Split>(&fixture).await;
    let billing = start::<Clock>(&fixture).await;
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    let ctx = split.ctx().clone();
    eventually(PATIENCE, async || {
        count(ctx.pool(), "SELECT count(*) FROM toy_balance").await == 1
    })
    .await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..40_u64 {
        let ctx = ctx.clone();
        writers.spawn(async move {
            tokio::time::sleep(Duration::from_millis(n % 7)).await;
            toy::credit(&ctx, "a", n, Duration::from_millis((n * 13) % 11))
                .await
                .unwrap();
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    eventually(PATIENCE, async || {
        count(ctx.pool(), "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    check_topic(&fixture, "allocation.account.v1").await;
    let records = fixture.read_topic("allocation.account.v1").await;
    assert_eq!(records.len(), 40);
    // The balance that each event carries was read under the row lock: it only rises in the order of the topic.
    let balances: Vec<i64> = records
        .iter()
        .map(|record| {
            contracts::codec::decode::<contracts::CreditHeld>(record.payload.as_deref().unwrap())
                .unwrap()
                .amount_minor
        })
        .collect();
    assert!(balances.is_sorted(), "{balances:?}");
    split.stop().await.unwrap();
    billing.stop().await.unwrap();
    fixture.finish().await;
}
