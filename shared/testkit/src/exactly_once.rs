//! `exactly_once`: a service run with a crash between every two steps, redelivery and a zombie ends in the same tables and
//! the same messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{LocalBoxFuture, join_all};
use runtime::faults::{Faults, SharedFaults};
use runtime::{Overrides, Running, Secret, Service, Settings};
use sqlx::PgPool;

use crate::{Fixture, Outgoing, Record, dump, eventually};

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

/// Notes which points are passed, and crashes nowhere.
#[derive(Default)]
pub struct Passed(Mutex<BTreeSet<&'static str>>);

impl Passed {
    /// The points passed until now.
    pub fn points(&self) -> BTreeSet<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Faults for Passed {
    fn crash_at(&self, point: &'static str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(point);
        false
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

/// Runs at the same time, each on topics of its own: a run mostly waits for leases to end.
const LANES: usize = 4;

/// A fixture whose input topics are filled once; each run has a database of its own.
struct Lane<'a, S: Service> {
    fixture: Fixture,
    case: &'a Case,
    settings: Settings<S::Config>,
}

impl<'a, S: Service> Lane<'a, S> {
    async fn new(name: &str, case: &'a Case) -> Self {
        let fixture = Fixture::new(name).await;
        let mut settings: Settings<S::Config> = fixture.settings(S::NAME).await;
        settings.runtime.worker.lease_seconds = 1;
        settings.runtime.worker.renew_ms = 100;
        runtime::topics::ensure(&settings.runtime)
            .await
            .unwrap_or_else(|error| panic!("no topics: {error:#}"));
        Self {
            fixture,
            case,
            settings,
        }
    }

    /// The same inputs, byte for byte.
    async fn copy(&self, inputs: &BTreeMap<&'static str, Vec<Record>>) {
        for (topic, records) in inputs {
            let records: Vec<Outgoing> = records.iter().cloned().map(Outgoing::from).collect();
            self.fixture.send(topic, &records).await;
        }
    }

    /// An instance. Its first database may be empty: earlier runs have filled its topics; after a crash nothing is accepted.
    async fn started(&self, url: &str, faults: Option<SharedFaults>, first: bool) -> Running {
        let mut runtime = self.settings.runtime.clone();
        runtime.database.url = Secret::new(url);
        let settings = Settings {
            runtime,
            service: self.settings.service.clone(),
        };
        let overrides = Overrides {
            faults,
            accept_losses: first,
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
    async fn run(&self, name: &str, faults: Option<SharedFaults>, again: bool) -> Left {
        let url = self.fixture.database(&format!("{}-{name}", S::NAME)).await;
        let before = sizes(&self.fixture, S::NAME).await;
        let mut instance = self.started(&url, faults, true).await;
        let pool = PgPool::connect(&url).await.unwrap_or_else(|error| panic!("{error}"));
        let crashed = tokio::select! {
            ended = instance.wait() => { assert!(ended.is_err(), "it ended without a crash"); true }
            () = self.settled(&pool) => false,
        };
        if crashed {
            instance = self.started(&url, None, false).await;
            self.settled(&pool).await;
        }
        if again {
            stopped(instance).await;
            reset_positions(&pool).await;
            instance = self.started(&url, None, false).await;
            eventually(Duration::from_secs(60), || async {
                let sql = "SELECT count(*) FROM rt_lease WHERE positions = '{}'";
                sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap_or(1) == 0
            })
            .await;
            self.settled(&pool).await;
        }
        stopped(instance).await;
        let (tables, ignore) = (self.case.tables, self.case.ignore);
        let left = left_since(&self.fixture, S::NAME, &pool, tables, ignore, &before).await;
        pool.close().await;
        left
    }
}

async fn stopped(instance: Running) {
    let stopped = instance.stop().await;
    stopped.unwrap_or_else(|error| panic!("it does not stop: {error:#}"));
}

/// How many records lie on each partition of a topic.
type Sizes = BTreeMap<String, BTreeMap<i32, i64>>;

async fn sizes(fixture: &Fixture, service: &str) -> Sizes {
    let topics = contracts::catalogue::outputs(service);
    join_all(topics.map(async |topic| (topic.name.to_owned(), fixture.ends(topic.name).await)))
        .await
        .into_iter()
        .collect()
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
    let topics = contracts::catalogue::outputs(service);
    let messages = topics.map(async |topic| {
        let mut seen = BTreeSet::new();
        let mut per_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let from = before.get(topic.name).cloned().unwrap_or_default();
        for record in fixture.read_topic_from(topic.name, &from).await {
            let id = record.header("ce_id").unwrap_or_default().to_owned();
            if seen.insert(id.clone()) {
                let key = format!("{}/{}", record.partition, record.key_text().unwrap_or_default());
                per_key
                    .entry(key)
                    .or_default()
                    .push(format!("{id} {}", blob(record.payload.as_deref())));
            }
        }
        (topic.name.to_owned(), per_key)
    });
    let (messages, tables) = tokio::join!(join_all(messages), dump(pool, tables, ignore));
    Left {
        tables,
        messages: messages.into_iter().collect(),
    }
}

fn blob(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(String::new, |bytes| runtime::blobs::Sha256Hex::of(bytes).to_string())
}

/// Runs the case once undisturbed, then with a crash at each point that this run passed, then with redelivery of everything;
/// all must leave the same. Returns the points at which it crashed. (A zombie's transaction is a test of its own, and the
/// fence is crossed here by every instance that takes a crashed one's partitions.)
///
/// # Panics
/// When a run leaves something else than the undisturbed one.
pub async fn exactly_once<S: Service>(name: &str, case: &Case) -> BTreeSet<&'static str> {
    let home = Lane::<S>::new(name, case).await;
    (case.feed)(&home.fixture).await;
    let mut inputs = BTreeMap::new();
    for input in contracts::catalogue::inputs(S::NAME) {
        inputs.insert(input.topic.name, home.fixture.read_topic(input.topic.name).await);
    }
    let passed = Arc::new(Passed::default());
    let faults: SharedFaults = passed.clone();
    let expected = home.run("undisturbed", Some(faults), false).await;
    assert!(
        expected.messages.values().any(|topic| !topic.is_empty()),
        "the case emits something"
    );
    let points = passed.points().into_iter().map(Some);
    let todo: Mutex<Vec<Option<&'static str>>> = Mutex::new(points.chain([None]).collect());
    let crashed: Mutex<BTreeSet<&'static str>> = Mutex::default();
    let next = || todo.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = async |lane: &Lane<'_, S>| {
        while let Some(point) = next() {
            let began = std::time::Instant::now();
            let (crash, got) = match point {
                Some(point) => {
                    let crash = CrashOnce::new(point, 1);
                    let faults: SharedFaults = crash.clone();
                    let got = lane.run(&point.replace('.', "-"), Some(faults), false).await;
                    // Whether a fact has to wait depends on which topic comes first: such a point may be passed in one run only.
                    if crash.happened() {
                        crashed.lock().unwrap_or_else(PoisonError::into_inner).insert(point);
                    }
                    (point, got)
                }
                None => ("positions reset", lane.run("again", None, true).await),
            };
            println!("{name}: {crash}: {:?}", began.elapsed());
            compare(crash, &expected, &got);
        }
    };
    let others = (1..LANES).map(async |n| {
        let lane = Lane::<S>::new(&format!("{name}-{n}"), case).await;
        lane.copy(&inputs).await;
        work(&lane).await;
        lane.fixture.finish().await;
    });
    tokio::join!(join_all(others), work(&home));
    home.fixture.finish().await;
    crashed.into_inner().unwrap_or_else(PoisonError::into_inner)
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
