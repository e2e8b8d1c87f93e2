//! A test's own place on the shared servers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rdkafka::producer::FutureProducer;
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use stack::{Options, Stack};
use tokio::sync::OnceCell;

use crate::topics::{self, Outgoing, Record};

/// The servers of this process's tests; the hold on them ends with the process.
static STACK: OnceCell<Stack> = OnceCell::const_new();
/// Numbers the fixtures of a process.
static NEXT: AtomicU32 = AtomicU32::new(0);
/// What databases and topics of tests begin with. A number of seconds follows: leftovers are known by their age.
const DATABASES: &str = "it_";
const TOPICS: &str = "it-";
/// Older than these seconds, and its test is gone.
const LEFTOVER: u64 = 3600;

/// A test's databases and topics, under names that no other run has. `finish` removes them; so does dropping it.
///
/// Every topic is named without the prefix that the fixture puts before it.
pub struct Fixture {
    kafka: String,
    admin: String,
    prefix: String,
    database_prefix: String,
    producer: FutureProducer,
    made: Mutex<Made>,
}

/// What is to be removed.
#[derive(Default)]
struct Made {
    /// Name as the test says it, to the database's own name and URL.
    databases: BTreeMap<String, (String, String)>,
    /// All of it is removed or being removed.
    removed: bool,
}

impl Fixture {
    /// Finds or starts the servers (once per process) and a name for this test.
    ///
    /// # Panics
    /// The servers cannot be had; the message says what to do.
    pub async fn new(name: &str) -> Self {
        Self::open(name)
            .await
            .unwrap_or_else(|error| panic!("no fixture: {error:#}"))
    }

    /// A name for this test on servers of its own, for a test that hurts them: start them under a name of their own
    /// and keep them until the fixture is finished.
    ///
    /// # Panics
    /// The broker's address is no address.
    #[must_use]
    pub fn on(stack: &Stack, name: &str) -> Self {
        Self::with(stack, name).unwrap_or_else(|error| panic!("no fixture: {error:#}"))
    }

    async fn open(name: &str) -> anyhow::Result<Self> {
        Self::with(STACK.get_or_try_init(start).await?, name)
    }

    fn with(stack: &Stack, name: &str) -> anyhow::Result<Self> {
        let (pid, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let stamp = now().as_secs();
        let name = plain(name);
        Ok(Self {
            kafka: stack.kafka().to_owned(),
            admin: stack.postgres().to_owned(),
            prefix: format!("{TOPICS}{stamp}-{pid}-{number}-{}.", name.replace('_', "-")),
            database_prefix: format!("{DATABASES}{stamp}_{pid}_{number}_{name}"),
            producer: topics::producer(stack.kafka())?,
            made: Mutex::default(),
        })
    }

    /// Kafka's bootstrap servers.
    #[must_use]
    pub fn kafka(&self) -> &str {
        &self.kafka
    }

    /// The URL of a database that exists and is nobody's: for creating others.
    #[must_use]
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// What every topic and consumer group of this test begins with; it ends with a dot.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A topic's full name.
    #[must_use]
    pub fn topic(&self, topic: &str) -> String {
        format!("{}{topic}", self.prefix)
    }

    /// The URL of this test's database of that name, created when first asked for. Empty: migrations are the test's.
    ///
    /// # Panics
    /// It cannot be created.
    pub async fn database(&self, name: &str) -> String {
        let known = self.made().databases.get(name).map(|(_, url)| url.clone());
        if let Some(url) = known {
            return url;
        }
        let mut full = format!("{}_{}", self.database_prefix, plain(name));
        full.truncate(63);
        let created = stack::create_database(&self.admin, &full).await;
        let url = created.unwrap_or_else(|error| panic!("no database for {name}: {error:#}"));
        self.made().databases.insert(name.to_owned(), (full, url.clone()));
        url
    }

    /// Creates topics: name, partitions (0 is the usual two), compacted.
    ///
    /// # Panics
    /// Kafka refuses.
    pub async fn create_topics(&self, new: &[(&str, i32, bool)]) {
        let full: Vec<(String, i32, bool)> = new
            .iter()
            .map(|(name, partitions, compacted)| {
                (
                    self.topic(name),
                    if *partitions == 0 { 2 } else { *partitions },
                    *compacted,
                )
            })
            .collect();
        topics::create(&self.kafka, &full)
            .await
            .unwrap_or_else(|error| panic!("no topics: {error:#}"));
    }

    /// Puts records on a topic in their order; returns when all are acknowledged.
    ///
    /// # Panics
    /// Kafka refuses one.
    pub async fn send(&self, topic: &str, records: &[Outgoing]) {
        let sent = topics::send(&self.producer, &self.topic(topic), records).await;
        sent.unwrap_or_else(|error| panic!("cannot send to {topic}: {error:#}"));
    }

    /// Everything on a topic, from its start to its end as it is now, by partition and offset.
    ///
    /// # Panics
    /// There is no such topic.
    pub async fn read_topic(&self, topic: &str) -> Vec<Record> {
        self.read_topic_from(topic, &BTreeMap::new()).await
    }

    /// The same from the given offset of each partition on; partitions that are not named, from their start.
    ///
    /// # Panics
    /// There is no such topic.
    pub async fn read_topic_from(&self, topic: &str, from: &BTreeMap<i32, i64>) -> Vec<Record> {
        let read = topics::read(&self.kafka, &self.topic(topic), from).await;
        read.unwrap_or_else(|error| panic!("cannot read: {error:#}"))
    }

    /// The offset that the next record of each partition gets.
    ///
    /// # Panics
    /// There is no such topic.
    pub async fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        let ends = topics::ends(&self.kafka, &self.topic(topic)).await;
        ends.unwrap_or_else(|error| panic!("{topic}: {error:#}"))
    }

    /// Deletes all records of a partition before `offset`, as retention does.
    ///
    /// # Panics
    /// Kafka refuses.
    pub async fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let deleted = topics::delete_records(&self.kafka, &self.topic(topic), partition, offset).await;
        deleted.unwrap_or_else(|error| panic!("{topic}/{partition}: {error:#}"));
    }

    /// Deletes a topic; it can be made again ([`Fixture::create_topics`]).
    ///
    /// # Panics
    /// Kafka refuses.
    pub async fn delete_topic(&self, topic: &str) {
        let deleted = topics::delete(&self.kafka, &[self.topic(topic)]).await;
        deleted.unwrap_or_else(|error| panic!("{topic}: {error:#}"));
    }

    /// The topics that this test has now, without the prefix, sorted.
    ///
    /// # Panics
    /// Kafka is away.
    pub async fn topics(&self) -> Vec<String> {
        let listed = topics::names(&self.kafka, &self.prefix)
            .await
            .unwrap_or_else(|error| panic!("{error:#}"));
        let mut names: Vec<String> = listed
            .iter()
            .filter_map(|name| Some(name.strip_prefix(&self.prefix)?.to_owned()))
            .collect();
        names.sort();
        names
    }

    /// Removes the databases (whoever is still connected is cut off) and the topics, also those that the code under
    /// test made under the prefix.
    ///
    /// # Panics
    /// A server refuses.
    pub async fn finish(self) {
        let rest = self.rest();
        if let Some(rest) = rest {
            rest.remove()
                .await
                .unwrap_or_else(|error| panic!("cannot clean up: {error:#}"));
        }
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be removed, once.
    fn rest(&self) -> Option<Rest> {
        let mut made = self.made();
        if std::mem::replace(&mut made.removed, true) {
            return None;
        }
        let databases = std::mem::take(&mut made.databases)
            .into_values()
            .map(|(full, _)| full)
            .collect();
        Some(Rest {
            kafka: self.kafka.clone(),
            admin: self.admin.clone(),
            prefix: self.prefix.clone(),
            databases,
        })
    }
}

impl Drop for Fixture {
    /// A failed test does not reach `finish`. What cannot be removed here is removed by a later run, or with the servers.
    fn drop(&mut self) {
        let Some(rest) = self.rest() else { return };
        // The test's runtime cannot be waited for inside itself.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                let _ = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), rest.remove()).await });
            }
        });
        let _ = thread.join();
    }
}

/// What a test leaves.
struct Rest {
    kafka: String,
    admin: String,
    prefix: String,
    databases: Vec<String>,
}

impl Rest {
    async fn remove(self) -> anyhow::Result<()> {
        for database in &self.databases {
            stack::drop_database(&self.admin, database).await?;
        }
        let topics = topics::names(&self.kafka, &self.prefix).await?;
        topics::delete(&self.kafka, &topics).await
    }
}

async fn start() -> anyhow::Result<Stack> {
    let stack = Stack::start(Options::new("test")).await?;
    // Only servers that outlive their tests have any: those of the environment.
    if let Err(error) = remove_leftovers(&stack).await {
        eprintln!("testkit: leftovers of earlier tests stay: {error:#}");
    }
    Ok(stack)
}

/// Removes what crashed tests left, told by its age: a process's number says nothing about another machine's.
async fn remove_leftovers(stack: &Stack) -> anyhow::Result<()> {
    let options: PgConnectOptions = stack.postgres().parse().context("the URL of PostgreSQL")?;
    let mut connection = options.connect().await?;
    let pattern = "SELECT datname::text FROM pg_database WHERE datname LIKE 'it\\_%'";
    let databases: Vec<String> = sqlx::query_scalar(pattern).fetch_all(&mut connection).await?;
    let old = |name: &String, prefix: &str| stamp(name, prefix).is_some_and(|stamp| now().as_secs() > stamp + LEFTOVER);
    for database in databases.iter().filter(|name| old(name, DATABASES)) {
        stack::drop_database(stack.postgres(), database).await?;
    }
    let mut topics = topics::names(stack.kafka(), TOPICS).await?;
    topics.retain(|name| old(name, TOPICS));
    topics::delete(stack.kafka(), &topics).await
}

/// The seconds in a name that a fixture made.
fn stamp(name: &str, prefix: &str) -> Option<u64> {
    name.strip_prefix(prefix)?.split(['_', '-']).next()?.parse().ok()
}

/// Lower-case letters, digits and underscores of a name, 20 at most.
fn plain(name: &str) -> String {
    let letters = name.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    });
    letters.take(20).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "names of tests' databases tell their age; nothing is decided by it"
)]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_age() {
        assert_eq!(stamp("it_1764000000_12_0_day_close", DATABASES), Some(1_764_000_000));
        assert_eq!(stamp("it-1764000000-12-0-day.payments.v1", TOPICS), Some(1_764_000_000));
        assert_eq!(stamp("it_x", DATABASES), None);
        assert_eq!(stamp("italy", DATABASES), None);
    }

    #[test]
    fn a_name_is_fit_for_databases_and_topics() {
        assert_eq!(plain("Day-Close é"), "day_close__");
    }
}
