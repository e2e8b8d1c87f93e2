//! Topics as bytes: made, written, read from the start, deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(30);

/// A record as it lies on a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The partition it lies on.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// The headers in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value's bytes; `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// The record's timestamp, milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
}

impl Record {
    /// The value of the first header of that name, where it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The key, where it is UTF-8.
    #[must_use]
    pub fn key_text(&self) -> Option<&str> {
        std::str::from_utf8(self.key.as_deref()?).ok()
    }

    fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                .collect(),
            payload: message.payload().map(<[u8]>::to_vec),
            timestamp_ms: message.timestamp().to_millis(),
        }
    }
}

/// A record that a test puts on a topic, however wrong it is.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Where it goes; `None` leaves it to the key.
    pub partition: Option<i32>,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// The headers in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value's bytes; `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
}

impl From<Record> for Outgoing {
    /// The same record again, as a redelivering producer would send it.
    fn from(record: Record) -> Self {
        Self {
            partition: Some(record.partition),
            key: record.key,
            headers: record.headers,
            payload: record.payload,
        }
    }
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("log_level", "3");
    config
}

fn admin(bootstrap: &str) -> anyhow::Result<AdminClient<DefaultClientContext>> {
    Ok(client(bootstrap).create()?)
}

/// Creates topics (name, partitions, compacted) and waits until every partition has a leader.
pub(crate) async fn create(bootstrap: &str, topics: &[(String, i32, bool)]) -> anyhow::Result<()> {
    let new = topics.iter().map(|(name, partitions, compacted)| {
        let topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(1));
        if *compacted {
            topic.set("cleanup.policy", "compact")
        } else {
            topic
        }
    });
    let new: Vec<NewTopic<'_>> = new.collect();
    let options = AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE));
    for outcome in admin(bootstrap)?.create_topics(&new, &options).await? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => bail!("cannot create the topic {topic}: {code}"),
        }
    }
    let (bootstrap, topics) = (bootstrap.to_owned(), topics.to_vec());
    tokio::task::spawn_blocking(move || await_leaders(&bootstrap, &topics)).await?
}

fn await_leaders(bootstrap: &str, topics: &[(String, i32, bool)]) -> anyhow::Result<()> {
    let consumer: BaseConsumer = client(bootstrap).create()?;
    let began = Instant::now();
    loop {
        let metadata = consumer.fetch_metadata(None, PATIENCE)?;
        let ready = |(name, partitions, _): &(String, i32, bool)| {
            let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
                return false;
            };
            let led = topic
                .partitions()
                .iter()
                .filter(|partition| partition.leader() >= 0)
                .count();
            i32::try_from(led).is_ok_and(|led| led >= *partitions)
        };
        if topics.iter().all(ready) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("new topics have no leader after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Deletes topics; those that do not exist are no error.
pub(crate) async fn delete(bootstrap: &str, topics: &[String]) -> anyhow::Result<()> {
    if topics.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let options = AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE));
    for outcome in admin(bootstrap)?.delete_topics(&names, &options).await? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => bail!("cannot delete the topic {topic}: {code}"),
        }
    }
    Ok(())
}

/// The names of the topics that begin with `prefix`.
pub(crate) async fn names(bootstrap: &str, prefix: &str) -> anyhow::Result<Vec<String>> {
    let (bootstrap, prefix) = (bootstrap.to_owned(), prefix.to_owned());
    let listed = tokio::task::spawn_blocking(move || -> anyhow::Result<Vec<String>> {
        let consumer: BaseConsumer = client(&bootstrap).create()?;
        let metadata = consumer.fetch_metadata(None, PATIENCE)?;
        let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
        Ok(names.filter(|name| name.starts_with(&prefix)).collect())
    });
    listed.await?
}

/// Sends records in their order and waits until all are acknowledged.
pub(crate) async fn send(producer: &FutureProducer, topic: &str, records: &[Outgoing]) -> anyhow::Result<()> {
    let mut deliveries = Vec::with_capacity(records.len());
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut outgoing: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).headers(headers);
        outgoing.partition = record.partition;
        outgoing.key = record.key.as_deref();
        outgoing.payload = record.payload.as_deref();
        deliveries.push(producer.send_result(outgoing).map_err(|(error, _)| error)?);
    }
    for delivery in deliveries {
        delivery
            .await
            .context("the producer was dropped")?
            .map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// A producer that keeps the order of what it is given; a key goes where Java's and our own producer send it.
pub(crate) fn producer(bootstrap: &str) -> anyhow::Result<FutureProducer> {
    let mut config = client(bootstrap);
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .set("partitioner", "murmur2_random");
    Ok(config.create()?)
}

/// The offset that the next record of each partition gets.
pub(crate) async fn ends(bootstrap: &str, topic: &str) -> anyhow::Result<BTreeMap<i32, i64>> {
    let (bootstrap, topic) = (bootstrap.to_owned(), topic.to_owned());
    let asked = tokio::task::spawn_blocking(move || -> anyhow::Result<BTreeMap<i32, i64>> {
        let consumer: BaseConsumer = client(&bootstrap).create()?;
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE)?;
        let mut ends = BTreeMap::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            // A partition that was just made has no leader for a moment.
            let began = Instant::now();
            let (_, end) = loop {
                match consumer.fetch_watermarks(&topic, partition.id(), PATIENCE) {
                    Ok(marks) => break marks,
                    Err(error) if began.elapsed() > PATIENCE => return Err(error.into()),
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            };
            ends.insert(partition.id(), end);
        }
        Ok(ends)
    });
    asked.await?
}

/// Deletes the records of a partition before an offset.
pub(crate) async fn delete_records(bootstrap: &str, topic: &str, partition: i32, offset: i64) -> anyhow::Result<()> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    let options = AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE));
    let deleted = admin(bootstrap)?.delete_records(&list, &options).await?;
    for element in deleted.elements() {
        element.error()?;
    }
    Ok(())
}

/// Everything on a topic from the given offsets, else the start, to the end as it is now, by partition and offset.
pub(crate) async fn read(bootstrap: &str, topic: &str, from: &BTreeMap<i32, i64>) -> anyhow::Result<Vec<Record>> {
    let (bootstrap, topic, from) = (bootstrap.to_owned(), topic.to_owned(), from.clone());
    tokio::task::spawn_blocking(move || read_blocking(&bootstrap, &topic, &from)).await?
}

fn read_blocking(bootstrap: &str, topic: &str, from: &BTreeMap<i32, i64>) -> anyhow::Result<Vec<Record>> {
    let mut config = client(bootstrap);
    config
        .set("group.id", "testkit")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    config
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", "10")
        .set("isolation.level", "read_uncommitted");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions())
        .map(|partition| partition.id());
    let mut unfinished: BTreeSet<i32> = partitions.collect();
    if unfinished.is_empty() {
        bail!("there is no topic {topic}");
    }
    let mut assignment = TopicPartitionList::new();
    for partition in &unfinished {
        let at = from.get(partition).map_or(Offset::Beginning, |at| Offset::Offset(*at));
        assignment.add_partition_offset(topic, *partition, at)?;
    }
    consumer.assign(&assignment)?;
    let mut records = Vec::new();
    let mut heard = Instant::now();
    while !unfinished.is_empty() {
        match consumer.poll(Duration::from_millis(500)) {
            Some(Ok(message)) => records.push(Record::of(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unfinished.remove(&partition);
            }
            Some(Err(error)) => return Err(error).with_context(|| format!("cannot read {topic}")),
            None if heard.elapsed() > PATIENCE => bail!("cannot read {topic}: nothing comes for {PATIENCE:?}"),
            None => continue,
        }
        heard = Instant::now();
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(records)
}

/// What comes on a topic from now on, as soon as it comes.
pub struct Tail {
    consumer: BaseConsumer,
}

impl Tail {
    /// Stands at the end of every partition.
    ///
    /// # Errors
    /// The broker does not answer, or there is no such topic.
    pub fn new(bootstrap: &str, topic: &str) -> anyhow::Result<Self> {
        let mut config = client(bootstrap);
        config
            .set("group.id", "testkit-tail")
            .set("enable.auto.commit", "false")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "100");
        let consumer: BaseConsumer = config.create()?;
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
        let mut assignment = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let (_, end) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
            assignment.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
        }
        if assignment.count() == 0 {
            bail!("there is no topic {topic}");
        }
        consumer.assign(&assignment)?;
        Ok(Self { consumer })
    }

    /// The next record; `None` where none comes for so long. Blocks.
    ///
    /// # Errors
    /// The broker says no.
    pub fn next(&mut self, patience: Duration) -> anyhow::Result<Option<Record>> {
        match self.consumer.poll(patience) {
            Some(message) => Ok(Some(Record::of(&message?))),
            None => Ok(None),
        }
    }
}
