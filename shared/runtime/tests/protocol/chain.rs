//! The chain of three and its helpers.

use std::sync::Arc;
use std::time::Duration;

use contracts::{DayCertified, DayClosed, Message, codec};
use kernel::Timestamp;
use runtime::{Context, ManualClock, Overrides, Running, Service, Settings};
use sqlx::PgPool;
use testkit::toy::{self, CALENDAR, Clock, NoConfig, OTHER_CALENDAR, Split, Whole};
use testkit::{Fixture, eventually};

pub const PATIENCE: Duration = Duration::from_secs(40);

/// A clock that stands still: what is certified is the same in every run.
pub fn clock() -> Overrides {
    let at = Timestamp::from_micros(1_767_300_000_000_000).unwrap();
    Overrides {
        clock: Some(Arc::new(ManualClock::new(at))),
        ..Overrides::default()
    }
}

pub async fn start<S: Service<Config = NoConfig>>(fixture: &Fixture) -> Running {
    start_with::<S>(fixture, |_| {}).await
}

pub async fn start_with<S: Service<Config = NoConfig>>(
    fixture: &Fixture,
    change: impl FnOnce(&mut Settings<NoConfig>),
) -> Running {
    let mut settings = fixture.settings(S::NAME).await;
    change(&mut settings);
    runtime::start::<S>(settings, clock()).await.unwrap()
}

pub struct Chain {
    pub clock: Running,
    pub whole: Running,
    pub split: Running,
}

impl Chain {
    pub async fn start(fixture: &Fixture) -> Self {
        Self {
            clock: start::<Clock>(fixture).await,
            whole: start::<Whole>(fixture).await,
            split: start::<Split>(fixture).await,
        }
    }

    pub fn billing(&self) -> &Context {
        self.clock.ctx()
    }

    pub async fn stop(self) {
        self.clock.stop().await.unwrap();
        self.whole.stop().await.unwrap();
        self.split.stop().await.unwrap();
    }
}

/// Waits until every partition of a split service has closed the day `sequence`.
pub async fn closed(pool: &PgPool, scopes: i64, sequence: i64) {
    eventually(PATIENCE, async || {
        let done: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT scope FROM rt_closed GROUP BY scope HAVING max(sequence) >= $1) s",
        )
        .bind(sequence)
        .fetch_one(pool)
        .await
        .unwrap();
        done == scopes
    })
    .await;
}

pub async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

/// All facts of a day lie before its marker, the marker counts them, and ids rise per key.
pub async fn check_topic(fixture: &Fixture, topic: &str) {
    let mut seen = std::collections::BTreeSet::new();
    let mut last = std::collections::BTreeMap::new();
    let mut counts = std::collections::BTreeMap::new();
    for record in fixture.read_topic(topic).await {
        if !seen.insert(record.header("ce_id").unwrap().to_owned()) {
            continue;
        }
        let seq: i64 = record.header("incasso_seq").unwrap().parse().unwrap();
        let key = (record.partition, record.key.clone());
        assert!(
            last.insert(key, seq).is_none_or(|before| before < seq),
            "{topic}: order per key"
        );
        let count = counts.entry(record.partition).or_insert(0_i64);
        match codec::decode::<DayClosed>(record.payload.as_deref().unwrap()) {
            Ok(marker) => {
                assert_eq!(marker.message_count, *count, "{topic}: what the marker counts");
                *count = 0;
            }
            Err(_) => *count += 1,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_closes_behind_the_money_through_three_services() {
    let fixture = Fixture::new("chain").await;
    let chain = Chain::start(&fixture).await;
    for n in 0..20 {
        // Row 10: two calendars; one sequence over both.
        let calendar = if n % 2 == 0 { CALENDAR } else { OTHER_CALENDAR };
        // The invoice leaves first: it waits for its account.
        toy::issue(chain.billing(), &format!("a{n}"), &format!("i{n}"), 100 + n)
            .await
            .unwrap();
        toy::open(chain.billing(), &format!("a{n}"), calendar).await.unwrap();
    }
    assert_eq!(toy::close(chain.billing(), CALENDAR, "2026-01-05").await.unwrap(), 1);
    assert_eq!(
        toy::close(chain.billing(), OTHER_CALENDAR, "2026-01-05").await.unwrap(),
        2
    );
    // A day that was announced keeps its number.
    assert_eq!(
        toy::close(chain.billing(), OTHER_CALENDAR, "2026-01-05").await.unwrap(),
        2
    );
    closed(chain.whole.ctx().pool(), 1, 2).await;
    closed(chain.split.ctx().pool(), 2, 2).await;
    let pool = chain.split.ctx().pool().clone();
    assert_eq!(
        count(
            &pool,
            "SELECT count(*) FROM toy_balance WHERE owed = received AND owed > 0"
        )
        .await,
        20
    );
    assert_eq!(
        count(&pool, "SELECT count(*) FROM toy_page").await,
        12,
        "three pages, two partitions, two days"
    );
    toy::issue(chain.billing(), "a0", "late", 7).await.unwrap();
    toy::close(chain.billing(), CALENDAR, "2026-01-06").await.unwrap();
    closed(&pool, 2, 3).await;
    assert_eq!(
        count(&pool, "SELECT count(*) FROM toy_log WHERE segment = 2 AND amount = 7").await,
        2
    );
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    for topic in [
        "accounts.account.v1",
        "billing.invoice.v1",
        "payments.funds.v1",
        "allocation.account.v1",
    ] {
        check_topic(&fixture, topic).await;
    }
    for service in ["ingestion", "allocation"] {
        check_certificates(&fixture, service).await;
    }
    chain.stop().await;
    fixture.finish().await;
}

/// Three certificates, chained; they say the same at both services.
async fn check_certificates(fixture: &Fixture, service: &str) {
    let mut certificates: Vec<DayCertified> = Vec::new();
    for record in fixture.read_topic(&format!("{service}.certificate.v1")).await {
        assert_eq!(record.header("ce_type"), Some(DayCertified::TYPE));
        certificates.push(codec::decode(record.payload.as_deref().unwrap()).unwrap());
    }
    certificates.sort_by_key(|certificate| certificate.sequence);
    assert_eq!(certificates.iter().map(|c| c.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let mut previous = DayCertified::FIRST.to_owned();
    for certificate in &certificates {
        assert!(certificate.holds && certificate.hash_is_right());
        assert_eq!(certificate.previous_hash, previous);
        previous = certificate.hash.clone();
    }
    let sums: Vec<i64> = certificates
        .iter()
        .map(|c| c.sums.iter().map(|sum| sum.amount_minor).sum())
        .collect();
    // Even accounts: 100+0, 100+2, … 100+18; odd: 101 … 119; then the late one.
    assert_eq!(sums, [1090, 1100, 7], "{service}");
    assert!(certificates.iter().all(|c| c.digest.len() == 64));
    if service == "ingestion" {
        assert_eq!(certificates[0].inputs.len(), 4, "two waited-for topics, two partitions");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_item_in_hand_keeps_the_day_open_and_is_quarantined_at_last() {
    // Row 8: acknowledged means in the day.
    let fixture = Fixture::new("unfinished").await;
    let chain = Chain::start(&fixture).await;
    let pool = chain.whole.ctx().pool().clone();
    sqlx::query("INSERT INTO toy_raw VALUES ('file', false)")
        .execute(&pool)
        .await
        .unwrap();
    toy::close(chain.billing(), CALENDAR, "2026-01-05").await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(
        count(&pool, "SELECT count(*) FROM rt_closed").await,
        0,
        "the day waits for it"
    );
    closed(&pool, 1, 1).await;
    assert_eq!(
        count(&pool, "SELECT count(*) FROM toy_raw WHERE done").await,
        1,
        "five tries, then quarantine"
    );
    chain.stop().await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_buffer_fills_with_the_next_day_and_nothing_locks_up() {
    // Row 17.
    let fixture = Fixture::new("small-buffer").await;
    let billing = start::<Clock>(&fixture).await;
    let small = |settings: &mut Settings<NoConfig>| {
        settings.runtime.worker.buffer_max = 4;
        settings.runtime.worker.batch_max = 3;
    };
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    toy::open(billing.ctx(), "b", CALENDAR).await.unwrap();
    for day in ["2026-01-05", "2026-01-06", "2026-01-07"] {
        for n in 0..30 {
            toy::issue(
                billing.ctx(),
                if n % 2 == 0 { "a" } else { "b" },
                &format!("{day} {n}"),
                1,
            )
            .await
            .unwrap();
        }
        toy::close(billing.ctx(), CALENDAR, day).await.unwrap();
    }
    let whole = start_with::<Whole>(&fixture, small).await;
    let split = start_with::<Split>(&fixture, small).await;
    closed(split.ctx().pool(), 2, 3).await;
    assert_eq!(
        count(split.ctx().pool(), "SELECT sum(received)::bigint FROM toy_balance").await,
        90
    );
    for service in [billing, whole, split] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}
