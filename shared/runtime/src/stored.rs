//! What lies on a topic now, from its start: for tools that check what was said, never for handlers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use contracts::catalogue::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::RuntimeConfig;
use crate::config::KafkaConfig;

/// How long nothing may come before the broker counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// One record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Its partition, from 0.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// The headers in their order, those whose value is UTF-8.
    pub headers: Vec<(String, String)>,
}

impl Stored {
    /// The value of the first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        Some(value)
    }

    fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let text = |value: Option<&[u8]>| Some(std::str::from_utf8(value?).ok()?.to_owned());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .filter_map(|header| Some((header.key.to_owned(), text(header.value)?)))
                .collect(),
        }
    }
}

/// All records of a topic, by partition and offset: from the start of each partition to its end when it is reached.
///
/// # Errors
/// When Kafka does not answer, or does not have the topic.
pub async fn read(kafka: &KafkaConfig, topic: &Topic) -> anyhow::Result<Vec<Stored>> {
    let (kafka, name) = (kafka.clone(), kafka.topic(topic.name));
    let read = move || {
        let mut records = Vec::new();
        read_blocking(kafka, &name, |record| records.push(record))?;
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    };
    tokio::task::spawn_blocking(read).await?
}

/// Shows each record of a topic (without the prefix) once, those of a partition in their order, as [`read`] without keeping
/// them.
///
/// # Errors
/// As [`read`].
pub(crate) async fn visit(kafka: &KafkaConfig, topic: &str, mut visitor: impl FnMut(Stored)) -> anyhow::Result<()> {
    let (kafka, name) = (kafka.clone(), kafka.topic(topic));
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1_000);
    let read = tokio::task::spawn_blocking(move || {
        // A receiver that is gone has failed already.
        read_blocking(kafka, &name, |record| drop(sender.blocking_send(record)))
    });
    while let Some(record) = receiver.recv().await {
        visitor(record);
    }
    read.await?
}

fn read_blocking(kafka: KafkaConfig, name: &str, mut found: impl FnMut(Stored)) -> anyhow::Result<()> {
    let settings = RuntimeConfig {
        kafka,
        ..RuntimeConfig::default()
    };
    let mut config = crate::topics::client(&settings);
    // A group is demanded by librdkafka; nothing is committed.
    config.set("group.id", format!("{}incasso-reader", settings.kafka.topic_prefix));
    config
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "5");
    // The broker tells of a partition's end only in an answer without records: it must not wait for new ones.
    config.set("fetch.wait.max.ms", "20");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer
        .fetch_metadata(Some(name), PATIENCE)
        .context("Kafka does not answer")?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let mut unfinished: BTreeSet<i32> = partitions.map(|partition| partition.id()).collect();
    anyhow::ensure!(!unfinished.is_empty(), "Kafka has no topic {name}");
    let mut assignment = TopicPartitionList::new();
    for partition in &unfinished {
        assignment.add_partition_offset(name, *partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut heard = Instant::now();
    while !unfinished.is_empty() {
        match consumer.poll(Duration::from_millis(500)) {
            Some(Ok(message)) => found(Stored::of(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unfinished.remove(&partition);
            }
            Some(Err(error)) => return Err(error).with_context(|| format!("cannot read {name}")),
            None if heard.elapsed() > PATIENCE => anyhow::bail!("cannot read {name}: nothing comes for {PATIENCE:?}"),
            None => continue,
        }
        heard = Instant::now();
    }
    Ok(())
}
