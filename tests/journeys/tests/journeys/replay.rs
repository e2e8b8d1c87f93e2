//! Every topic again from its start.

use std::collections::BTreeMap;

use incasso::replay::ReplayArgs;
use kernel::BusinessDate;
use sqlx::PgPool;
use testkit::{dump, eventually, reset_positions};

use crate::world::{PATIENCE, RO, World};

/// Who works on what and until when differs by right, and what was done in which order.
const OF_INSTANCES: [&str; 4] = ["rt_instance", "rt_relay", "rt_step", "rt_inbox_day"];
const OWNERSHIP: [&str; 3] = ["owner", "epoch", "expires_at"];

async fn tables(pool: &PgPool) -> String {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL($1) ORDER BY 1",
    )
    .bind(OF_INSTANCES)
    .fetch_all(pool)
    .await
    .unwrap();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    dump(pool, &names, &OWNERSHIP).await
}

async fn positions(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT positions::text FROM rt_lease ORDER BY partition")
        .fetch_all(pool)
        .await
        .unwrap()
}

async fn records(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for topic in world.fixture.topics().await {
        let count = world.fixture.read_topic(&topic).await.len();
        counts.insert(topic, count);
    }
    counts
}

/// What two texts differ in, line by line.
fn differences<'a>(before: &'a str, after: &'a str) -> Vec<(&'static str, &'a str)> {
    let gone = before
        .lines()
        .filter(|line| !after.lines().any(|other| other == *line))
        .map(|line| ("gone", line));
    gone.chain(
        after
            .lines()
            .filter(|line| !before.lines().any(|other| other == *line))
            .map(|line| ("new", line)),
    )
    .collect()
}

/// Allocation's days run again from the topics into an empty database, to the same bytes and certificates.
pub async fn runs_again(world: &World) {
    let pool = world.pool("allocation").await;
    let sql = "SELECT max(closed_on)::text FROM rt_day WHERE calendar = $1";
    let day: String = sqlx::query_scalar(sql).bind(RO).fetch_one(&pool).await.unwrap();
    let args = ReplayArgs {
        config: None,
        calendar: "RO".to_owned(),
        day: BusinessDate::parse(&day).unwrap(),
        scratch: Some(world.fixture.database("again").await),
        json: false,
    };
    let report = incasso::replay::run(&args, world.allocation_settings()).await.unwrap();
    assert!(report.same, "{report:#?}");
    assert!(
        report.days.len() >= 3 && report.records > 0 && report.messages > 0,
        "{report:#?}"
    );
}

/// With all positions reset, everything is read again, and nothing changes: neither a table nor a topic.
pub async fn changes_nothing(world: &mut World) {
    world.at_rest().await;
    world.stop_readers().await;
    let pools = [
        ("ingestion", world.pool("ingestion").await),
        ("allocation", world.pool("allocation").await),
    ];
    let (mut before, mut stood) = (Vec::new(), Vec::new());
    for (_, pool) in &pools {
        before.push(tables(pool).await);
        stood.push(positions(pool).await);
    }
    let sent = records(world).await;
    let billing = tables(world.billing().ctx().pool()).await;
    for (_, pool) in &pools {
        reset_positions(pool).await;
    }
    world.start_readers().await;
    for ((_, pool), stood) in pools.iter().zip(&stood) {
        eventually(PATIENCE, async || {
            let stands = positions(pool).await;
            if stands == *stood {
                Ok(())
            } else {
                Err(format!("{stands:?} of {stood:?}"))
            }
        })
        .await;
    }
    world.at_rest().await;
    world.stop_readers().await;
    for ((service, pool), before) in pools.iter().zip(&before) {
        let after = tables(pool).await;
        assert!(before == &after, "{service}: {:#?}", differences(before, &after));
    }
    assert_eq!(records(world).await, sent);
    assert!(billing == tables(world.billing().ctx().pool()).await);
    world.start_readers().await;
}
