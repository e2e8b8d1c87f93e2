//! A partition's inputs, read again from one offset to another.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::catalogue::Topic;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::RuntimeConfig;
use crate::reader::{self, Taken};
use crate::record::Record;

/// How long nothing may come before the broker counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// One topic: a consumer that stays where the last range ended.
struct Reel {
    consumer: StreamConsumer,
    /// The offset that the consumer gives next, as far as is known.
    at: Option<i64>,
    /// Read, and beyond the range that was asked for.
    ahead: Option<Record>,
}

/// The inputs of a partition.
pub(super) struct Tape {
    settings: RuntimeConfig,
    partition: u32,
    reels: BTreeMap<&'static str, Reel>,
    /// The topic that is read, and the end of its range.
    range: Option<(&'static Topic, i64)>,
}

impl Tape {
    pub(super) fn new(settings: RuntimeConfig, partition: u32) -> Self {
        Self {
            settings,
            partition,
            reels: BTreeMap::new(),
            range: None,
        }
    }

    pub(super) fn partition(&self) -> u32 {
        self.partition
    }

    /// The range that [`Tape::take`] reads: from an offset, or the topic's first record, to before `next`.
    pub(super) fn seek(&mut self, topic: &'static Topic, from: Option<i64>, next: i64) -> anyhow::Result<()> {
        self.range = Some((topic, next));
        let known = self.reels.get(topic.name);
        if from.is_some() && known.is_some_and(|reel| reel.at == from) {
            return Ok(());
        }
        let mut config = crate::topics::client(&self.settings);
        config
            .set(
                "group.id",
                format!("{}incasso-reader", self.settings.kafka.topic_prefix),
            )
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "20");
        let consumer: StreamConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(
            &self.settings.kafka.topic(topic.name),
            i32::try_from(self.partition)?,
            from.map_or(Offset::Beginning, Offset::Offset),
        )?;
        consumer.assign(&list)?;
        let reel = Reel {
            consumer,
            at: from,
            ahead: None,
        };
        self.reels.insert(topic.name, reel);
        Ok(())
    }

    /// The next records of the range, at most `max`, up to a marker; or a marker. `None` at the end of the range.
    pub(super) async fn take(&mut self, max: usize) -> anyhow::Result<Option<Taken>> {
        let Some((topic, end)) = self.range else {
            return Ok(None);
        };
        let Some(reel) = self.reels.get_mut(topic.name) else {
            return Ok(None);
        };
        let mut batch = Vec::new();
        while let Some(record) = reel.next(topic, self.partition, end).await? {
            if reader::is_marker(&record) {
                if batch.is_empty() {
                    return Ok(Some(Taken::Marker(record)));
                }
                reel.ahead = Some(record);
                break;
            }
            batch.push(record);
            if batch.len() >= max {
                break;
            }
        }
        Ok((!batch.is_empty()).then_some(Taken::Batch(batch)))
    }
}

impl Reel {
    /// The next record before `end`.
    async fn next(&mut self, topic: &'static Topic, partition: u32, end: i64) -> anyhow::Result<Option<Record>> {
        let record = match self.ahead.take() {
            Some(record) => record,
            None if self.at.is_some_and(|at| at >= end) => return Ok(None),
            None => match self.read(topic, partition).await? {
                Some(record) => record,
                // The rest of the range is no longer there: compaction took it.
                None => {
                    self.at = None;
                    return Ok(None);
                }
            },
        };
        if record.offset >= end {
            self.at = Some(end);
            self.ahead = Some(record);
            return Ok(None);
        }
        self.at = Some(record.offset.saturating_add(1));
        Ok(Some(record))
    }

    async fn read(&self, topic: &'static Topic, partition: u32) -> anyhow::Result<Option<Record>> {
        let next = tokio::time::timeout(PATIENCE, self.consumer.recv()).await;
        match next.map_err(|_| anyhow::anyhow!("nothing comes for {PATIENCE:?}"))? {
            Ok(message) => Ok(Some(reader::detach(topic, partition, &message.detach()))),
            Err(KafkaError::PartitionEOF(_)) => Ok(None),
            Err(error) => Err(anyhow::Error::new(error).context(format!(
                "{}/{partition} no longer has what was handled: it cannot be run again",
                topic.name
            ))),
        }
    }
}
