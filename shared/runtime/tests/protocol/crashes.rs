//! Crashes where messages are held up or come by HTTP: between every two steps of waiting, parking, redriving and a route's
//! transaction. The points of batches, markers, relay and closes are crossed by `exactly_once` (`faults`).

use std::collections::BTreeSet;
use std::sync::Arc;

use contracts::{AccountFreed, AccountImpeded, CreditHeld, FundsAssigned, Message as _, codec};
use runtime::faults::{POINTS, SharedFaults};
use runtime::{Overrides, Running, Service, Settings};
use sqlx::PgPool;
use testkit::toy::{self, ABORT_MINOR, CALENDAR, Clock, NoConfig, POISON_MINOR, Split, Whole};
use testkit::{CrashOnce, Fixture, TOKEN, eventually};

use crate::chain::{PATIENCE, clock, count, start};
use crate::faults::{SPLIT_POINTS, WHOLE_POINTS};

const WAITING: &[&str] = &["waiting.kept", "waiting.taken"];
const REDRIVING: &[&str] = &["redrive.begun", "redrive.handled", "redrive.freed", "redrive.committed"];
const PARKING: &[&str] = &["park.begun", "park.saved", "park.committed"];
const HTTP: &[&str] = &["tx.begun", "tx.flushed", "tx.committed"];

#[test]
fn every_point_of_the_runtime_is_crossed_by_a_test() {
    let crossed: BTreeSet<&str> = [WAITING, REDRIVING, PARKING, HTTP, WHOLE_POINTS, SPLIT_POINTS]
        .concat()
        .into_iter()
        .collect();
    assert_eq!(crossed, POINTS.iter().copied().collect());
}

/// An instance that crashes at a point.
async fn crashing<S: Service<Config = NoConfig>>(fixture: &Fixture, point: &'static str) -> (Running, Arc<CrashOnce>) {
    let crash = CrashOnce::new(point, 1);
    let faults: SharedFaults = crash.clone();
    let mut settings: Settings<NoConfig> = fixture.settings(S::NAME).await;
    settings.runtime.worker.lease_seconds = 1;
    settings.runtime.worker.renew_ms = 100;
    let overrides = Overrides {
        faults: Some(faults),
        ..clock()
    };
    (runtime::start::<S>(settings, overrides).await.unwrap(), crash)
}

async fn crashed((mut running, crash): (Running, Arc<CrashOnce>)) {
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    assert!(ended.is_ok_and(|ended| ended.is_err()), "it should have crashed");
    assert!(crash.happened());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_waits_survives_a_crash_before_and_after_it_is_kept_and_taken() {
    let fixture = Fixture::new("crash-waiting").await;
    let billing = start::<Clock>(&fixture).await;
    for point in WAITING {
        let split = crashing::<Split>(&fixture, point).await;
        let pool = PgPool::connect(&fixture.database("allocation").await).await.unwrap();
        let waiting = "SELECT count(*) FROM rt_waiting";
        toy::issue(billing.ctx(), point, &format!("of {point}"), 100)
            .await
            .unwrap();
        if *point == "waiting.taken" {
            eventually(PATIENCE, async || count(&pool, waiting).await == 1).await;
            toy::open(billing.ctx(), point, CALENDAR).await.unwrap();
        }
        crashed(split).await;
        let split = start::<Split>(&fixture).await;
        if *point == "waiting.kept" {
            eventually(PATIENCE, async || count(&pool, waiting).await == 1).await;
            toy::open(billing.ctx(), point, CALENDAR).await.unwrap();
        }
        let key = toy::account(point).as_uuid();
        eventually(PATIENCE, async || {
            let owed: Option<i64> = sqlx::query_scalar("SELECT owed FROM toy_balance WHERE account = $1")
                .bind(key)
                .fetch_optional(&pool)
                .await
                .unwrap();
            owed == Some(100)
        })
        .await;
        assert_eq!(count(&pool, waiting).await, 0, "{point}");
        split.stop().await.unwrap();
    }
    billing.stop().await.unwrap();
    fixture.finish().await;
}

/// What the account's topic says of an account, first occurrences in order.
async fn story(fixture: &Fixture, name: &str) -> Vec<String> {
    let key = toy::account(name).to_string();
    let (mut story, mut seen) = (Vec::new(), BTreeSet::new());
    for record in fixture.read_topic("allocation.account.v1").await {
        if record.key_text() != Some(&key) || !seen.insert(record.header("ce_id").unwrap().to_owned()) {
            continue;
        }
        story.push(match record.header("ce_type").unwrap() {
            AccountImpeded::TYPE => "impeded".to_owned(),
            AccountFreed::TYPE => "freed".to_owned(),
            _ => codec::decode::<CreditHeld>(record.payload.as_deref().unwrap())
                .unwrap()
                .amount_minor
                .to_string(),
        });
    }
    story
}

#[tokio::test(flavor = "multi_thread")]
async fn row_12_a_redrive_survives_a_crash_between_every_two_of_its_steps() {
    let fixture = Fixture::new("crash-redrive").await;
    let billing = start::<Clock>(&fixture).await;
    let whole = start::<Whole>(&fixture).await;
    let client = reqwest::Client::new();
    for point in REDRIVING {
        let split = crashing::<Split>(&fixture, point).await;
        let pool = PgPool::connect(&fixture.database("allocation").await).await.unwrap();
        sqlx::query("DELETE FROM toy_switch").execute(&pool).await.unwrap();
        toy::open(billing.ctx(), point, CALENDAR).await.unwrap();
        for (n, amount) in [100, POISON_MINOR, 5, 6].into_iter().enumerate() {
            toy::issue(billing.ctx(), point, &format!("{point} {n}"), amount)
                .await
                .unwrap();
        }
        // The poison parks the key; invoices and money that come after it queue behind it.
        let parked = "SELECT count(*) FROM rt_parked p WHERE freed_segment IS NULL
                        AND record ->> 'topic' = 'payments.funds.v1'";
        eventually(PATIENCE, async || count(&pool, parked).await == 3).await;
        sqlx::query("INSERT INTO toy_switch VALUES ('mended')")
            .execute(&pool)
            .await
            .unwrap();
        let key = toy::account(point);
        let redrive = format!("http://{}/v1/operations/parked/{key}/redrive", split.0.http());
        let answer = client.post(&redrive).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        crashed(split).await;
        let split = start::<Split>(&fixture).await;
        eventually(PATIENCE, async || {
            count(&pool, "SELECT count(*) FROM rt_parked_key").await == 0
                && count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
        })
        .await;
        assert_eq!(
            story(&fixture, point).await,
            ["100", "impeded", "13", "5", "6", "freed"],
            "{point}"
        );
        split.stop().await.unwrap();
    }
    for service in [billing, whole] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routes_transaction_happens_or_does_not() {
    let fixture = Fixture::new("crash-http").await;
    let split = start::<Split>(&fixture).await;
    for point in HTTP {
        let (billing, crash) = crashing::<Clock>(&fixture, point).await;
        let ctx = billing.ctx().clone();
        let call = tokio::spawn(async move { toy::open(&ctx, point, CALENDAR).await });
        eventually(PATIENCE, async || crash.happened()).await;
        assert!(!call.is_finished(), "{point}: answered");
        // The route's task ends with its process.
        call.abort();
        crashed((billing, crash)).await;
        let billing = start::<Clock>(&fixture).await;
        let pool = split.ctx().pool();
        let known = async || {
            let sql = "SELECT count(*) FROM toy_balance WHERE account = $1";
            let known: i64 = sqlx::query_scalar(sql)
                .bind(toy::account(point).as_uuid())
                .fetch_one(pool)
                .await
                .unwrap();
            known
        };
        if *point == "tx.committed" {
            // Nobody was told, and the relay finds it all the same.
            eventually(PATIENCE, async || known().await == 1).await;
        } else {
            // Undone: the caller asks again.
            toy::open(billing.ctx(), point, CALENDAR).await.unwrap();
            eventually(PATIENCE, async || known().await == 1).await;
        }
        eventually(PATIENCE, async || {
            count(billing.ctx().pool(), "SELECT count(*) FROM rt_outbox").await == 0
        })
        .await;
        billing.stop().await.unwrap();
    }
    assert_eq!(fixture.read_topic("accounts.account.v1").await.len(), 3);
    split.stop().await.unwrap();
    fixture.finish().await;
}

/// Money of three amounts on its way to an account that `Split` knows; the partition and the offset of the second.
async fn three_amounts(fixture: &Fixture, name: &str, second: i64) -> (i32, i64) {
    let billing = start::<Clock>(fixture).await;
    let whole = start::<Whole>(fixture).await;
    toy::open(billing.ctx(), name, CALENDAR).await.unwrap();
    for (n, amount) in [100, second, 5].into_iter().enumerate() {
        toy::issue(billing.ctx(), name, &format!("{name} {n}"), amount)
            .await
            .unwrap();
    }
    let found = eventually(PATIENCE, async || {
        let records = fixture.read_topic("payments.funds.v1").await;
        let key = toy::account(name).to_string();
        let of_account = records.iter().filter(|record| record.key_text() == Some(&key));
        if of_account.clone().count() < 3 {
            return None;
        }
        let mut of_account = of_account.filter(|record| {
            codec::decode::<FundsAssigned>(record.payload.as_deref().unwrap())
                .unwrap()
                .amount_minor
                == second
        });
        of_account.next().map(|record| (record.partition, record.offset))
    });
    let found = found.await;
    for service in [billing, whole] {
        service.stop().await.unwrap();
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn parking_a_message_that_aborts_the_process_survives_a_crash_between_its_steps() {
    let fixture = Fixture::new("crash-park").await;
    start::<Split>(&fixture).await.stop().await.unwrap();
    let pool = PgPool::connect(&fixture.database("allocation").await).await.unwrap();
    for point in PARKING {
        let (partition, offset) = three_amounts(&fixture, point, 7).await;
        // It has been begun and not ended six times.
        sqlx::query("INSERT INTO rt_attempt VALUES ($1, 'payments.funds.v1', $2, 6, $2, true)
                     ON CONFLICT (partition, topic) DO UPDATE SET at_offset = $2, attempts = 6, careful_until = $2, careful = true")
            .bind(partition)
            .bind(offset)
            .execute(&pool)
            .await
            .unwrap();
        // What lies before it has been handled: else the count would be another message's.
        crate::replayed::stand_at(&pool, partition, "payments.funds.v1", offset).await;
        crashed(crashing::<Split>(&fixture, point).await).await;
        let split = start::<Split>(&fixture).await;
        let key = toy::account(point).as_uuid();
        eventually(PATIENCE, async || {
            let sql = "SELECT count(*) FROM rt_parked p JOIN rt_parked_key k USING (key)
                       WHERE key = $1 AND k.rule = 'aborts-the-process' AND p.record ->> 'topic' = 'payments.funds.v1'";
            let parked: i64 = sqlx::query_scalar(sql).bind(key).fetch_one(&pool).await.unwrap();
            parked == 2
        })
        .await;
        split.stop().await.unwrap();
    }
    fixture.finish().await;
}

/// The settings of the process that aborts.
const CHILD: &str = "INCASSO_PROTOCOL_CHILD";

#[tokio::test(flavor = "multi_thread")]
async fn child_that_may_abort() {
    // Run by the test below, as a process of its own.
    let Ok(place) = std::env::var(CHILD) else { return };
    let place: Vec<&str> = place.split(' ').collect();
    let mut settings = Settings {
        runtime: runtime::RuntimeConfig::default(),
        service: NoConfig::default(),
    };
    settings.runtime.kafka.bootstrap = place[0].to_owned();
    settings.runtime.kafka.topic_prefix = place[1].to_owned();
    settings.runtime.kafka.partitions = 2;
    settings.runtime.kafka.replication = Some(1);
    settings.runtime.database.url = runtime::Secret::new(place[2]);
    settings.runtime.blobs.folder = place[3].into();
    settings.runtime.worker.lease_seconds = 1;
    settings.runtime.worker.renew_ms = 50;
    let mut running = runtime::start::<Split>(settings, clock()).await.unwrap();
    running.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_aborts_the_process_is_found_and_parked() {
    let fixture = Fixture::new("aborts").await;
    start::<Split>(&fixture).await.stop().await.unwrap();
    let url = fixture.database("allocation").await;
    let pool = PgPool::connect(&url).await.unwrap();
    three_amounts(&fixture, "sick", ABORT_MINOR).await;
    three_amounts(&fixture, "well", 6).await;
    let place = format!(
        "{} {} {url} {}",
        fixture.kafka(),
        fixture.prefix(),
        fixture.folder().join("child").display()
    );
    let mut aborts = 0;
    let parked = "SELECT count(*) FROM rt_parked_key WHERE rule = 'aborts-the-process'";
    while count(&pool, parked).await == 0 {
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::child_that_may_abort"])
            .env(CHILD, &place)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tokio::select! {
            ended = child.wait() => {
                assert!(!ended.unwrap().success(), "it ended without an abort");
                aborts += 1;
            }
            () = eventually(PATIENCE, async || count(&pool, parked).await == 1) => child.kill().await.unwrap(),
        }
        assert!(aborts < 20, "never parked");
    }
    assert!(aborts >= 6, "found after {aborts} aborts");
    // The others are handled, what came after it on its account waits behind it, and nothing is lost.
    let split = start::<Split>(&fixture).await;
    let received = "SELECT received FROM toy_balance WHERE received IN (100, 111) ORDER BY received";
    eventually(PATIENCE, async || {
        let all: Vec<i64> = sqlx::query_scalar(received).fetch_all(&pool).await.unwrap();
        all == [100, 111]
    })
    .await;
    assert_eq!(
        count(
            &pool,
            "SELECT count(*) FROM rt_parked WHERE freed_segment IS NULL AND record ->> 'topic' = 'payments.funds.v1'"
        )
        .await,
        2
    );
    split.stop().await.unwrap();
    fixture.finish().await;
}
