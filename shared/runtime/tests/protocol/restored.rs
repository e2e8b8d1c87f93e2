//! What database and Kafka have lost of each other is found at start, and said (row 16, and topics whose head is gone).

use std::time::Duration;

use runtime::{Overrides, Running, Secret, Service, Settings};
use sqlx::AssertSqlSafe;
use testkit::toy::{self, CALENDAR, Clock, NoConfig, Whole};
use testkit::{Fixture, eventually};

use crate::chain::{PATIENCE, check_topic, clock, count, start, start_with};

/// Starts and expects a refusal; its text.
async fn refusal<S: Service<Config = NoConfig>>(
    fixture: &Fixture,
    change: impl FnOnce(&mut Settings<NoConfig>),
) -> String {
    let mut settings = fixture.settings(S::NAME).await;
    change(&mut settings);
    match runtime::start::<S>(settings, clock()).await {
        Ok(_) => panic!("{} starts", S::NAME),
        Err(error) => format!("{error:#}"),
    }
}

/// The name of the loss that the text offers to accept.
fn offered(refusal: &str) -> String {
    let (_, rest) = refusal.split_once("accepted_losses = [\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

fn accepting(loss: String) -> impl FnOnce(&mut Settings<NoConfig>) {
    move |settings| settings.runtime.worker.accepted_losses = vec![loss]
}

async fn drained(running: &Running) {
    eventually(PATIENCE, async || {
        count(running.ctx().pool(), "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_restored_database_behind_kafka_refuses_to_start_and_says_what_to_do() {
    let fixture = Fixture::new("restored").await;
    let billing = start::<Clock>(&fixture).await;
    toy::issue(billing.ctx(), "a", "before", 1).await.unwrap();
    drained(&billing).await;
    billing.stop().await.unwrap();
    // The backup.
    let original = fixture.database("billing").await;
    let (server, name) = original.rsplit_once('/').unwrap();
    let backup = format!("{name}_backup");
    let admin = sqlx::PgPool::connect(fixture.admin()).await.unwrap();
    sqlx::query(AssertSqlSafe(format!(
        "CREATE DATABASE \"{backup}\" TEMPLATE \"{name}\""
    )))
    .execute(&admin)
    .await
    .unwrap();
    let restored = Secret::new(format!("{server}/{backup}"));
    let billing = start::<Clock>(&fixture).await;
    for n in 0..3 {
        toy::issue(billing.ctx(), "a", &format!("after {n}"), 1).await.unwrap();
    }
    drained(&billing).await;
    billing.stop().await.unwrap();

    let url = restored.clone();
    let text = refusal::<Clock>(&fixture, |settings| settings.runtime.database.url = url).await;
    for part in [
        "billing refuses to start",
        "the database of billing is behind Kafka: billing.invoice.v1/",
        "3 records are unknown to it",
        "restore a newer backup",
        "INCASSO__BILLING__WORKER__ACCEPTED_LOSSES",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // Another loss than the one accepted is none.
    let url = restored.clone();
    let other = refusal::<Clock>(&fixture, |settings| {
        settings.runtime.database.url = url;
        settings.runtime.worker.accepted_losses = vec!["behind-kafka/1".to_owned()];
    })
    .await;
    assert_eq!(other, text);
    let (url, loss) = (restored.clone(), offered(&text));
    let billing = start_with::<Clock>(&fixture, |settings| {
        settings.runtime.database.url = url;
        settings.runtime.worker.accepted_losses = vec![loss];
    })
    .await;
    toy::issue(billing.ctx(), "a", "anew", 1).await.unwrap();
    drained(&billing).await;
    billing.stop().await.unwrap();
    // Its numbers go on above everything that is on Kafka, and the next start needs no setting.
    check_topic(&fixture, "billing.invoice.v1").await;
    assert_eq!(fixture.read_topic("billing.invoice.v1").await.len(), 5);
    let url = restored.clone();
    let billing = start_with::<Clock>(&fixture, |settings| settings.runtime.database.url = url).await;
    billing.stop().await.unwrap();
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE \"{backup}\" WITH (FORCE)")))
        .execute(&admin)
        .await
        .unwrap();
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_anew_is_found_by_its_writer_and_its_reader() {
    let fixture = Fixture::new("made-anew").await;
    let billing = start::<Clock>(&fixture).await;
    let whole = start::<Whole>(&fixture).await;
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    toy::issue(billing.ctx(), "a", "i", 1).await.unwrap();
    eventually(PATIENCE, async || {
        count(whole.ctx().pool(), "SELECT count(*) FROM toy_paid").await == 1
    })
    .await;
    drained(&billing).await;
    for service in [billing, whole] {
        service.stop().await.unwrap();
    }
    fixture.delete_topic("billing.invoice.v1").await;
    eventually(PATIENCE, async || {
        !fixture.topics().await.contains(&"billing.invoice.v1".to_owned())
    })
    .await;
    fixture.create_topics(&[("billing.invoice.v1", 2, false)]).await;
    let writer = refusal::<Clock>(&fixture, |_| {}).await;
    assert!(writer.contains("Kafka is behind the database of billing"), "{writer}");
    let reader = refusal::<Whole>(&fixture, |_| {}).await;
    assert!(reader.contains("ends before where ingestion stands"), "{reader}");
    let billing = start_with::<Clock>(&fixture, accepting(offered(&writer))).await;
    let whole = start_with::<Whole>(&fixture, accepting(offered(&reader))).await;
    toy::issue(billing.ctx(), "a", "j", 1).await.unwrap();
    eventually(PATIENCE, async || {
        count(whole.ctx().pool(), "SELECT count(*) FROM toy_paid").await == 2
    })
    .await;
    for service in [billing, whole] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_whose_head_was_deleted_is_a_loud_stop() {
    let fixture = Fixture::new("no-head").await;
    let billing = start::<Clock>(&fixture).await;
    let whole = start::<Whole>(&fixture).await;
    let pool = sqlx::PgPool::connect(&fixture.database("ingestion").await)
        .await
        .unwrap();
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    toy::issue(billing.ctx(), "a", "first", 1).await.unwrap();
    let paid = "SELECT count(*) FROM toy_paid";
    eventually(PATIENCE, async || count(&pool, paid).await == 1).await;
    // While it runs and is behind: somebody else holds the partitions, nothing is read.
    let away = "UPDATE rt_lease SET owner = '00000000-0000-0000-0000-00000000dead', epoch = epoch + 1,
                       expires_at = now() + interval '1 hour'";
    sqlx::query(away).execute(&pool).await.unwrap();
    for n in 0..6 {
        toy::issue(billing.ctx(), "a", &format!("i{n}"), 1).await.unwrap();
    }
    drained(&billing).await;
    let partition = i32::try_from(billing.ctx().partition_of(toy::account("a").into())).unwrap();
    let topic = "billing.invoice.v1";
    fixture.delete_records(topic, partition, 4).await;
    sqlx::query("UPDATE rt_lease SET expires_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    let what = format!(
        "the head of {topic}/{partition} was deleted before ingestion had handled it: offset 1 is next, and Kafka's first record is 4; 3 offsets are gone"
    );
    eventually(PATIENCE, async || {
        let report = whole.ctx().health().ready().await;
        let told = report.checks.iter().filter_map(|check| check.detail.clone());
        told.collect::<Vec<_>>().concat().contains(&what)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count(&pool, paid).await, 1, "it does not jump");
    whole.stop().await.unwrap();
    // And it does not start.
    let text = refusal::<Whole>(&fixture, |_| {}).await;
    assert!(text.contains(&what), "{text}");
    assert!(text.contains("raise the topic's retention.ms"), "{text}");
    let name = offered(&text);
    assert_eq!(name, format!("head-deleted/{topic}/{partition}/1-3"));
    let whole = start_with::<Whole>(&fixture, accepting(name)).await;
    eventually(PATIENCE, async || count(&pool, paid).await == 4).await;
    // The marker counts what is missing: the day does not close over it.
    toy::close(billing.ctx(), CALENDAR, "2026-01-05").await.unwrap();
    let halted = "SELECT count(*) FROM rt_lease WHERE halted LIKE '%says 7 messages%4 were new here%'";
    eventually(PATIENCE, async || count(&pool, halted).await == 1).await;
    for service in [billing, whole] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_before_full_topics_is_behind_kafka() {
    let fixture = Fixture::new("empty-database").await;
    let billing = start::<Clock>(&fixture).await;
    toy::issue(billing.ctx(), "a", "i", 1).await.unwrap();
    drained(&billing).await;
    billing.stop().await.unwrap();
    let empty = Secret::new(fixture.database("empty").await);
    let url = empty.clone();
    let text = refusal::<Clock>(&fixture, |settings| settings.runtime.database.url = url).await;
    assert!(text.contains("it knows of none there"), "{text}");
    // Simulations may: they say so in the program, not in the settings.
    let mut settings: Settings<NoConfig> = fixture.settings(Clock::NAME).await;
    settings.runtime.database.url = empty;
    let overrides = Overrides {
        accept_losses: true,
        ..clock()
    };
    let billing = runtime::start::<Clock>(settings, overrides).await.unwrap();
    billing.stop().await.unwrap();
    fixture.finish().await;
}
