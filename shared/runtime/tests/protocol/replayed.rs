//! A recorded day runs again to the same bytes.

use contracts::{MessageKey, catalogue};
use kernel::BusinessDate;
use runtime::replay::{Report, Request, replay};
use runtime::{Running, Secret, Settings};
use sqlx::PgPool;
use testkit::toy::{self, CALENDAR, Clock, MENDER, NoConfig, OTHER_CALENDAR, POISON_MINOR, Split, Whole};
use testkit::{Fixture, Outgoing, TOKEN, eventually};

use crate::chain::{Chain, PATIENCE, closed, count, start, start_with};

/// Puts a stopped service's position on a topic.
pub async fn stand_at(pool: &PgPool, partition: i32, topic: &str, offset: i64) {
    sqlx::query("UPDATE rt_lease SET positions = jsonb_set(positions, ARRAY[$2], to_jsonb($3)) WHERE partition = $1")
        .bind(partition)
        .bind(topic)
        .bind(offset)
        .execute(pool)
        .await
        .unwrap();
}

async fn again(fixture: &Fixture, scratch: &str, day: &str) -> anyhow::Result<Report> {
    let settings: Settings<NoConfig> = fixture.settings("allocation").await;
    let request = Request {
        scratch: Secret::new(fixture.database(scratch).await),
        calendar: "RO".to_owned(),
        day: BusinessDate::parse(day).unwrap(),
    };
    replay::<Split>(&settings, &request).await
}

async fn redrive(split: &Running, name: &str) {
    let key = toy::account(name);
    let redrive = format!("http://{}/v1/operations/parked/{key}/redrive", split.http());
    let client = reqwest::Client::new();
    let answer = client.post(&redrive).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 202);
}

/// An account on the partition of the one that mends the poison.
fn sick() -> String {
    let partition = |name: &str| kernel::partition_of(MessageKey::from(toy::account(name)).text().as_bytes(), 2);
    (0..)
        .map(|n| format!("sick{n}"))
        .find(|name| partition(name) == partition(MENDER))
        .unwrap()
}

/// Two days of two calendars on two instances, with facts that wait, a poison and two redrives, a redelivery and a crash.
async fn busy_days(fixture: &Fixture, chain: &Chain) {
    let (billing, split, sick) = (chain.billing(), &chain.split, sick());
    let pool = split.ctx().pool().clone();
    for n in 0..12 {
        let calendar = if n % 3 == 0 { OTHER_CALENDAR } else { CALENDAR };
        toy::issue(billing, &format!("a{n}"), &format!("first {n}"), 100 + n)
            .await
            .unwrap();
        toy::open(billing, &format!("a{n}"), calendar).await.unwrap();
    }
    toy::open(billing, &sick, CALENDAR).await.unwrap();
    for (n, amount) in [100, POISON_MINOR, 5].into_iter().enumerate() {
        toy::issue(billing, &sick, &format!("sick {n}"), amount).await.unwrap();
    }
    toy::issue(billing, "unknown", "of nobody", 3).await.unwrap();
    toy::close(billing, CALENDAR, "2026-01-05").await.unwrap();
    closed(&pool, 2, 1).await;
    eventually(PATIENCE, async || {
        let sql =
            "SELECT count(*) FROM rt_parked WHERE freed_segment IS NULL AND record ->> 'topic' = 'payments.funds.v1'";
        count(&pool, sql).await >= 2
    })
    .await;
    // Refused again while nothing has mended it; then in order.
    redrive(split, &sick).await;
    let asked = "SELECT count(*) FROM rt_parked_key WHERE redrive";
    eventually(PATIENCE, async || count(&pool, asked).await == 0).await;
    toy::open(billing, MENDER, CALENDAR).await.unwrap();
    eventually(PATIENCE, async || {
        let sql = "SELECT count(*) FROM toy_balance WHERE account = $1";
        let known: i64 = sqlx::query_scalar(sql)
            .bind(toy::account(MENDER).as_uuid())
            .fetch_one(&pool)
            .await
            .unwrap();
        known == 1
    })
    .await;
    redrive(split, &sick).await;
    let held = "SELECT count(*) FROM rt_parked_key WHERE rule <> 'account-unknown'";
    eventually(PATIENCE, async || count(&pool, held).await == 0).await;
    let again = fixture.read_topic("payments.funds.v1").await;
    let again: Vec<Outgoing> = again.into_iter().map(Outgoing::from).collect();
    fixture.send("payments.funds.v1", &again).await;
    for n in 0..12 {
        toy::issue(billing, &format!("a{n}"), &format!("second {n}"), 10)
            .await
            .unwrap();
    }
    toy::close(billing, OTHER_CALENDAR, "2026-01-05").await.unwrap();
    toy::close(billing, CALENDAR, "2026-01-06").await.unwrap();
    closed(&pool, 2, 3).await;
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_day_runs_again_to_the_same_bytes() {
    let fixture = Fixture::new("replayed").await;
    let small = |settings: &mut Settings<NoConfig>| settings.runtime.worker.batch_max = 3;
    let chain = Chain {
        clock: start::<Clock>(&fixture).await,
        whole: start::<Whole>(&fixture).await,
        split: start_with::<Split>(&fixture, small).await,
    };
    let second = start_with::<Split>(&fixture, small).await;
    busy_days(&fixture, &chain).await;
    let pool = chain.split.ctx().pool().clone();

    let report = again(&fixture, "again", "2026-01-06").await.unwrap();
    assert!(report.same, "{report:#?}");
    assert_eq!((report.sequence, report.days.len(), report.differing), (3, 3, 0));
    assert!(report.records > 60 && report.messages > 30, "{report:#?}");
    assert_eq!(report.calendar, CALENDAR);
    // Only through the first day, while the service goes on.
    let first = again(&fixture, "first", "2026-01-05").await.unwrap();
    assert!(
        first.same && first.sequence == 1 && first.records < report.records,
        "{first:#?}"
    );

    // It must be able to fail: a message that nobody said, a certificate that was changed, steps in another order.
    toy::issue(chain.billing(), "a0", "third", 10).await.unwrap();
    let foreign = Outgoing {
        partition: Some(0),
        key: Some(b"somebody".to_vec()),
        headers: vec![("ce_id".to_owned(), b"foreign".to_vec())],
        payload: Some(b"rubbish".to_vec()),
    };
    fixture.send(catalogue::ALLOCATIONS.name, &[foreign]).await;
    toy::close(chain.billing(), CALENDAR, "2026-01-07").await.unwrap();
    closed(&pool, 2, 4).await;
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    sqlx::query("UPDATE rt_certificate SET hash = 'changed' WHERE sequence = 2")
        .execute(&pool)
        .await
        .unwrap();
    let other = again(&fixture, "other", "2026-01-07").await.unwrap();
    assert!(!other.same);
    let what: Vec<&str> = other
        .differences
        .iter()
        .map(|difference| difference.what.as_str())
        .collect();
    assert_eq!(what, ["on the topic, and not said again"], "{other:#?}");
    let unlike: Vec<i64> = other
        .days
        .iter()
        .filter(|day| !day.same())
        .map(|day| day.sequence)
        .collect();
    assert_eq!(unlike, [2]);
    let unknown = again(&fixture, "unknown", "2026-02-01").await.unwrap_err().to_string();
    assert!(unknown.contains("is not closed here; closed: "), "{unknown}");
    second.stop().await.unwrap();
    chain.stop().await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_takes_in_work_beside_its_topics_says_that_it_cannot_be_run_again() {
    let fixture = Fixture::new("not-replayed").await;
    let settings: Settings<NoConfig> = fixture.settings("ingestion").await;
    let request = Request {
        scratch: Secret::new(fixture.database("scratch").await),
        calendar: "RO".to_owned(),
        day: BusinessDate::parse("2026-01-05").unwrap(),
    };
    let error = replay::<Whole>(&settings, &request).await.unwrap_err().to_string();
    assert!(error.contains("cannot be run again"), "{error}");
    fixture.finish().await;
}
