//! Reads a topic from its first record to its last.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use uuid::Uuid;

/// How long a topic may say nothing while it is read.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record as the oracle looks at it.
pub struct Record<'a> {
    /// Where it lies.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// `ce_id`.
    pub id: Uuid,
    /// `incasso_seq`.
    pub seq: i64,
    /// The key's bytes.
    pub key: &'a [u8],
    /// The value; empty for a tombstone.
    pub payload: &'a [u8],
}

/// Hands every record of a topic to `look`, per partition in order.
///
/// # Errors
/// The broker does not answer, or a record has no id or number.
pub fn read(
    bootstrap: &str,
    topic: &str,
    mut look: impl FnMut(&Record<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("log_level", "3")
        .set("group.id", "faults-oracle")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", "10")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let mut unfinished: BTreeSet<i32> = partitions.map(|partition| partition.id()).collect();
    if unfinished.is_empty() {
        bail!("there is no topic {topic}");
    }
    let mut assignment = TopicPartitionList::new();
    for partition in &unfinished {
        assignment.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut heard = Instant::now();
    while !unfinished.is_empty() {
        match consumer.poll(Duration::from_millis(500)) {
            Some(Ok(message)) => {
                let record = of(&message).with_context(|| {
                    format!(
                        "{topic}, partition {}, offset {}",
                        message.partition(),
                        message.offset()
                    )
                })?;
                look(&record)?;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unfinished.remove(&partition);
            }
            Some(Err(error)) => return Err(error).with_context(|| format!("cannot read {topic}")),
            None if heard.elapsed() > PATIENCE => bail!("cannot read {topic}: nothing comes for {PATIENCE:?}"),
            None => continue,
        }
        heard = Instant::now();
    }
    Ok(())
}

fn of<'a>(message: &'a BorrowedMessage<'_>) -> anyhow::Result<Record<'a>> {
    let header = |name: &str| {
        let found = message
            .headers()
            .and_then(|all| all.iter().find(|header| header.key == name));
        found
            .and_then(|header| std::str::from_utf8(header.value?).ok())
            .with_context(|| format!("no header {name}"))
    };
    Ok(Record {
        partition: message.partition(),
        offset: message.offset(),
        id: header("ce_id")?.parse().context("ce_id is no UUID")?,
        seq: header("incasso_seq")?.parse().context("incasso_seq is no number")?,
        key: message.key().unwrap_or_default(),
        payload: message.payload().unwrap_or_default(),
    })
}
