//! Crashes between every two steps, redelivery, zombies, two instances.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use sqlx::PgPool;
use testkit::toy::{self, CALENDAR, Clock, OTHER_CALENDAR, Split, Whole};
use testkit::{Case, Fixture, Outgoing, eventually, exactly_once};

use crate::chain::{Chain, PATIENCE, closed, count, start};

/// Two days of two calendars on billing's topics.
async fn days(fixture: &Fixture) {
    let billing = start::<Clock>(fixture).await;
    let ctx = billing.ctx();
    for n in 0..8 {
        let calendar = if n % 2 == 0 { CALENDAR } else { OTHER_CALENDAR };
        toy::open(ctx, &format!("a{n}"), calendar).await.unwrap();
        toy::issue(ctx, &format!("a{n}"), &format!("first {n}"), 100 + n)
            .await
            .unwrap();
        toy::issue(ctx, &format!("a{n}"), &format!("second {n}"), 10)
            .await
            .unwrap();
    }
    toy::close(ctx, CALENDAR, "2026-01-05").await.unwrap();
    toy::issue(ctx, "a1", "third", 5).await.unwrap();
    toy::close(ctx, OTHER_CALENDAR, "2026-01-05").await.unwrap();
    eventually(PATIENCE, async || {
        count(ctx.pool(), "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    billing.stop().await.unwrap();
}

fn feed_whole(fixture: &Fixture) -> LocalBoxFuture<'_, ()> {
    Box::pin(days(fixture))
}

fn feed_split(fixture: &Fixture) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        days(fixture).await;
        let whole = start::<Whole>(fixture).await;
        closed(whole.ctx().pool(), 1, 2).await;
        eventually(PATIENCE, async || {
            count(whole.ctx().pool(), "SELECT count(*) FROM rt_outbox").await == 0
        })
        .await;
        whole.stop().await.unwrap();
    })
}

fn two_days(pool: &PgPool) -> LocalBoxFuture<'_, bool> {
    Box::pin(async move {
        let sql = "SELECT count(*) FROM rt_closed WHERE sequence = 2";
        let closed: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap_or(0);
        let partitions: i64 =
            sqlx::query_scalar("SELECT (CASE WHEN min(scope) < 0 THEN 1 ELSE 2 END)::bigint FROM rt_closed")
                .fetch_one(pool)
                .await
                .unwrap_or(9);
        closed == partitions
    })
}

/// Where the service that closes at once is crashed, each time between two steps.
pub const WHOLE_POINTS: &[&str] = &[
    "lease.taken",
    "batch.begun",
    "batch.fenced",
    "batch.inboxed",
    "batch.handled",
    "batch.flushed",
    "batch.saved",
    "batch.committed",
    "relay.held",
    "relay.read",
    "relay.produced",
    "relay.deleted",
    "marker.begun",
    "marker.inboxed",
    "marker.saved",
    "marker.committed",
    "close.prepared",
    "close.locked",
    "close.finished",
    "day.rejected",
    "close.certified",
    "close.marked",
    "close.committed",
];

/// Where the service that closes partition by partition is crashed.
pub const SPLIT_POINTS: &[&str] = &[
    "lease.taken",
    "batch.begun",
    "batch.fenced",
    "batch.inboxed",
    "batch.handled",
    "batch.flushed",
    "batch.saved",
    "batch.committed",
    "relay.held",
    "relay.read",
    "relay.produced",
    "relay.deleted",
    "marker.begun",
    "marker.inboxed",
    "marker.saved",
    "marker.committed",
    "day.begun",
    "day.rejected",
    "day.opened",
    "page.begun",
    "page.run",
    "page.saved",
    "page.committed",
    "close.locked",
    "close.certified",
    "close.marked",
    "close.saved",
    "close.committed",
];

/// Everything that is passed in every run was crashed at.
fn assert_crossed(points: &[&str], crossed: &std::collections::BTreeSet<&str>) {
    let missing: Vec<&&str> = points.iter().filter(|point| !crossed.contains(**point)).collect();
    assert!(missing.is_empty(), "never crashed at {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_closed_whole_handles_everything_exactly_once() {
    let case = Case {
        feed: feed_whole,
        tables: &[
            "toy_account",
            "toy_paid",
            "rt_closed",
            "rt_certificate",
            "rt_parked_key",
            "rt_waiting",
        ],
        ignore: &[],
        done: two_days,
    };
    assert_crossed(WHOLE_POINTS, &exactly_once::<Whole>("whole", &case).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_closed_by_partition_handles_everything_exactly_once() {
    let case = Case {
        feed: feed_split,
        tables: &[
            "toy_balance",
            "toy_log",
            "toy_page",
            "rt_closed",
            "rt_certificate",
            "rt_parked_key",
            "rt_waiting",
        ],
        // Numbers of rows over all accounts depend on how batches were cut.
        ignore: &["n"],
        done: two_days,
    };
    assert_crossed(SPLIT_POINTS, &exactly_once::<Split>("split", &case).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_commits_nothing() {
    // Rows 1 and 3: the lease row is taken by somebody else while the worker believes it owns the partition.
    let fixture = Fixture::new("zombie").await;
    let billing = start::<Clock>(&fixture).await;
    let split = start::<Split>(&fixture).await;
    let pool = split.ctx().pool().clone();
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM toy_balance").await == 1
    })
    .await;
    let steal = "UPDATE rt_lease SET owner = '00000000-0000-0000-0000-00000000dead', epoch = epoch + 1, expires_at = now() + interval '3 s'";
    let mut tries = 0;
    while split.ctx().metrics().fenced_so_far() == 0 {
        sqlx::query(steal).execute(&pool).await.unwrap();
        toy::issue(billing.ctx(), "a", &format!("while stolen {tries}"), 1)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        tries += 1;
        assert!(tries < 40, "never fenced");
        if split.ctx().metrics().fenced_so_far() == 0 {
            // The lease loop noticed first; let it take the partitions again, then try once more.
            tokio::time::sleep(Duration::from_millis(3500)).await;
        }
    }
    // It gets the partitions back when the thief's lease has run out, and nothing is lost or doubled.
    eventually(PATIENCE, async || {
        count(&pool, "SELECT sum(owed)::bigint FROM toy_balance").await == tries
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(count(&pool, "SELECT sum(owed)::bigint FROM toy_balance").await, tries);
    billing.stop().await.unwrap();
    split.stop().await.unwrap();
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_the_partitions_and_one_survives_the_other() {
    // Row 4.
    let fixture = Fixture::new("two").await;
    let billing = start::<Clock>(&fixture).await;
    let whole = start::<Whole>(&fixture).await;
    let first = start::<Split>(&fixture).await;
    let second = start::<Split>(&fixture).await;
    let pool = billing.ctx().pool().clone();
    let shared = "SELECT count(DISTINCT owner) FROM rt_lease WHERE expires_at > now()";
    let split_pool = second.ctx().pool().clone();
    eventually(PATIENCE, async || count(&split_pool, shared).await == 2).await;
    for n in 0..10 {
        toy::open(billing.ctx(), &format!("a{n}"), CALENDAR).await.unwrap();
        toy::issue(billing.ctx(), &format!("a{n}"), &format!("i{n}"), 50)
            .await
            .unwrap();
    }
    toy::close(billing.ctx(), CALENDAR, "2026-01-05").await.unwrap();
    closed(&split_pool, 2, 1).await;
    first.crash().await;
    for n in 0..10 {
        toy::issue(billing.ctx(), &format!("a{n}"), &format!("j{n}"), 50)
            .await
            .unwrap();
    }
    toy::close(billing.ctx(), CALENDAR, "2026-01-06").await.unwrap();
    closed(&split_pool, 2, 2).await;
    assert_eq!(
        count(&split_pool, "SELECT sum(received)::bigint FROM toy_balance").await,
        1000
    );
    drop(pool);
    for service in [billing, whole, second] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_of_facts_and_markers_change_nothing() {
    // Rows 2 and 5: the relay published, died before it deleted, published again.
    let fixture = Fixture::new("duplicates").await;
    let chain = Chain::start(&fixture).await;
    let pool = chain.split.ctx().pool().clone();
    toy::open(chain.billing(), "a", CALENDAR).await.unwrap();
    toy::issue(chain.billing(), "a", "i", 100).await.unwrap();
    toy::close(chain.billing(), CALENDAR, "2026-01-05").await.unwrap();
    closed(&pool, 2, 1).await;
    for topic in ["accounts.account.v1", "billing.invoice.v1", "payments.funds.v1"] {
        let records = fixture.read_topic(topic).await;
        let again: Vec<Outgoing> = records.into_iter().map(Outgoing::from).collect();
        fixture.send(topic, &again).await;
    }
    toy::issue(chain.billing(), "a", "j", 1).await.unwrap();
    toy::close(chain.billing(), CALENDAR, "2026-01-06").await.unwrap();
    closed(&pool, 2, 2).await;
    assert_eq!(
        count(&pool, "SELECT owed * 1000 + received FROM toy_balance").await,
        101 * 1000 + 101
    );
    assert_eq!(
        count(&pool, "SELECT count(*) FROM rt_lease WHERE halted IS NOT NULL").await,
        0
    );
    chain.stop().await;
    fixture.finish().await;
}
