//! `exactly_once`: a service run with a crash between every two steps, redelivery and a zombie ends in the same tables and
//! the same messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use runtime::faults::{Faults, POINTS, SharedFaults};
use runtime::{Overrides, Running, Secret, Service, Settings};
use sqlx::PgPool;

use crate::{Fixture, dump, eventually};

/// Crashes once, the `nth` time that `point` is reached.
pub struct CrashOnce {
    point: &'static str,
    left: AtomicUsize,
    done: AtomicBool,
}

impl CrashOnce {
    /// The `nth` time, counted from 1.
    pub fn new(point: &'static str, nth: usize) -> Arc<Self> {
        Arc::new(Self {
            point,
            left: AtomicUsize::new(nth),
            done: AtomicBool::new(false),
        })
    }

    /// Whether it has crashed.
    pub fn happened(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

impl Faults for CrashOnce {
    fn crash_at(&self, point: &'static str) -> bool {
        if point != self.point || self.happened() {
            return false;
        }
        let last = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            == Ok(1);
        if last {
            self.done.store(true, Ordering::SeqCst);
        }
        last
    }
}

/// What a run left behind: tables as text, and on each output topic the messages per key in order, duplicates removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Rows in canonical order.
    pub tables: String,
    /// Topic → key → message ids with their payloads, first occurrences.
    pub messages: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// What is to be run.
pub struct Case {
    /// Puts the inputs on the topics of a fixture (through toy or real upstream services, or by [`Fixture::send`]).
    pub feed: fn(&Fixture) -> LocalBoxFuture<'_, ()>,
    /// The service's tables that are compared.
    pub tables: &'static [&'static str],
    /// Columns that may differ (identity numbers).
    pub ignore: &'static [&'static str],
    /// Whether everything has been handled.
    pub done: fn(&PgPool) -> LocalBoxFuture<'_, bool>,
}

/// One fixture whose input topics are filled once; each run has a database of its own.
struct Lab<'a, S: Service> {
    fixture: &'a Fixture,
    case: &'a Case,
    settings: Settings<S::Config>,
}

impl<S: Service> Lab<'_, S> {
    async fn started(&self, url: &str, faults: Option<SharedFaults>) -> Running {
        let mut runtime = self.settings.runtime.clone();
        runtime.database.url = Secret::new(url);
        let settings = Settings {
            runtime,
            service: self.settings.service.clone(),
        };
        let overrides = Overrides {
            faults,
            ..Overrides::default()
        };
        let started = runtime::start::<S>(settings, overrides).await;
        started.unwrap_or_else(|error| panic!("{} does not start: {error:#}", S::NAME))
    }

    /// Waits until the case is done and the outbox is empty.
    async fn settled(&self, pool: &PgPool) {
        eventually(Duration::from_secs(60), || async {
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_outbox")
                .fetch_one(pool)
                .await
                .unwrap_or(1);
            left == 0 && (self.case.done)(pool).await
        })
        .await;
    }

    /// One run; where it crashes, a second instance goes on. Then, where asked, everything once more with positions reset.
    async fn run(&self, name: &str, crash: Option<Arc<CrashOnce>>, again: bool) -> Left {
        let url = self.fixture.database(&format!("{}-{name}", S::NAME)).await;
        let before = sizes(self.fixture, S::NAME).await;
        let faults = crash.clone().map(|crash| -> SharedFaults { crash });
        let mut instance = self.started(&url, faults).await;
        let pool = PgPool::connect(&url).await.unwrap_or_else(|error| panic!("{error}"));
        let crashed = tokio::select! {
            ended = instance.wait() => { assert!(ended.is_err(), "it ended without a crash"); true }
            () = self.settled(&pool) => false,
        };
        if crashed {
            instance = self.started(&url, None).await;
            self.settled(&pool).await;
        }
        if again {
            instance
                .stop()
                .await
                .unwrap_or_else(|error| panic!("it does not stop: {error:#}"));
            reset_positions(&pool).await;
            instance = self.started(&url, None).await;
            eventually(Duration::from_secs(60), || async {
                let sql = "SELECT count(*) FROM rt_lease WHERE positions = '{}'";
                sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap_or(1) == 0
            })
            .await;
            self.settled(&pool).await;
        }
        let left = left_since(
            self.fixture,
            S::NAME,
            &pool,
            self.case.tables,
            self.case.ignore,
            &before,
        )
        .await;
        pool.close().await;
        instance
            .stop()
            .await
            .unwrap_or_else(|error| panic!("it does not stop: {error:#}"));
        left
    }
}

/// How many records lie on each partition of the service's topics.
type Sizes = BTreeMap<(String, i32), i64>;

async fn sizes(fixture: &Fixture, service: &str) -> Sizes {
    let mut sizes = Sizes::new();
    for topic in contracts::catalogue::outputs(service) {
        for record in fixture.read_topic(topic.name).await {
            sizes.insert((topic.name.to_owned(), record.partition), record.offset + 1);
        }
    }
    sizes
}

/// What the service left on its tables and topics.
pub async fn left(fixture: &Fixture, service: &str, pool: &PgPool, tables: &[&str], ignore: &[&str]) -> Left {
    left_since(fixture, service, pool, tables, ignore, &Sizes::new()).await
}

async fn left_since(
    fixture: &Fixture,
    service: &str,
    pool: &PgPool,
    tables: &[&str],
    ignore: &[&str],
    before: &Sizes,
) -> Left {
    let mut messages: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for topic in contracts::catalogue::outputs(service) {
        let mut seen = std::collections::BTreeSet::new();
        let per_key = messages.entry(topic.name.to_owned()).or_default();
        for record in fixture.read_topic(topic.name).await {
            if before
                .get(&(topic.name.to_owned(), record.partition))
                .is_some_and(|size| record.offset < *size)
            {
                continue;
            }
            let id = record.header("ce_id").unwrap_or_default().to_owned();
            if seen.insert(id.clone()) {
                let key = format!("{}/{}", record.partition, record.key_text().unwrap_or_default());
                per_key
                    .entry(key)
                    .or_default()
                    .push(format!("{id} {}", blob(record.payload.as_deref())));
            }
        }
    }
    Left {
        tables: dump(pool, tables, ignore).await,
        messages,
    }
}

fn blob(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(String::new, |bytes| runtime::blobs::Sha256Hex::of(bytes).to_string())
}

/// Runs the case once undisturbed, then with a crash at each point, then with redelivery of everything; all must leave the
/// same. (A zombie's transaction is a test of its own: `a_zombie_commits_nothing`, and the fence is crossed here by every
/// instance that takes a crashed one's partitions.)
///
/// # Panics
/// When a run leaves something else than the undisturbed one.
pub async fn exactly_once<S: Service>(name: &str, case: &Case) {
    let fixture = Fixture::new(name).await;
    let mut settings: Settings<S::Config> = fixture.settings(S::NAME).await;
    settings.runtime.worker.lease_seconds = 1;
    settings.runtime.worker.renew_ms = 100;
    runtime::topics::ensure(&settings.runtime)
        .await
        .unwrap_or_else(|error| panic!("no topics: {error:#}"));
    (case.feed)(&fixture).await;
    let lab = Lab::<S> {
        fixture: &fixture,
        case,
        settings,
    };
    let expected = lab.run("undisturbed", None, false).await;
    assert!(
        expected.messages.values().any(|topic| !topic.is_empty()),
        "the case emits something"
    );
    for (n, point) in POINTS.iter().enumerate() {
        println!("{name}: crash at {point}");
        let got = lab.run(&format!("c{n}"), Some(CrashOnce::new(point, 1)), false).await;
        compare(point, &expected, &got);
    }
    compare("positions reset", &expected, &lab.run("again", None, true).await);
    fixture.finish().await;
}

fn compare(what: &str, expected: &Left, got: &Left) {
    assert_eq!(expected.tables, got.tables, "tables differ after: {what}");
    assert_eq!(expected.messages, got.messages, "messages differ after: {what}");
}

/// Sets every position of a service back to the start; the service must be stopped.
///
/// # Panics
/// When the database does not answer.
pub async fn reset_positions(pool: &PgPool) {
    sqlx::query("UPDATE rt_lease SET positions = '{}'")
        .execute(pool)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}
