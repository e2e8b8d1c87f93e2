//! The consumer: assigned by hand from the lease rows, routed into bounded buffers per topic and partition.
//!
//! The poll loop never blocks; a full buffer pauses its partition, and buffers are fresh per epoch (protocol.md rows 3 and 17).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use contracts::MessageKey;
use contracts::catalogue::Topic;
use kernel::{MessageId, Timestamp};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _, OwnedMessage};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::record::Record;
use crate::{Context, Failure};

/// Records of one topic partition that were read and not handled yet.
#[derive(Default)]
pub(crate) struct Buffer {
    queue: VecDeque<Record>,
    paused: bool,
}

/// The buffers of one partition in one epoch.
pub(crate) struct Buffers {
    partition: u32,
    epoch: i64,
    by_topic: Mutex<BTreeMap<&'static str, Buffer>>,
    pub arrived: Notify,
    /// A person asked for a parked key of this partition to be redriven.
    redrive: AtomicBool,
    /// Kafka no longer had the next offset of some input: this partition's worker looks whether it is one of its own.
    doubted: AtomicBool,
    /// Why reading stopped for good: Kafka no longer has what is next.
    broken: Mutex<Option<String>>,
}

/// What a worker takes at once: records up to a marker, or a marker.
pub(crate) enum Taken {
    Batch(Vec<Record>),
    Marker(Record),
}

impl Taken {
    /// Where the first of its records lies.
    pub(crate) fn first_offset(&self) -> i64 {
        match self {
            Self::Marker(record) => record.offset,
            Self::Batch(records) => records.first().map_or(i64::MAX, |record| record.offset),
        }
    }
}

impl Buffers {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Buffer>> {
        self.by_topic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ask_redrive(&self) {
        self.redrive.store(true, Ordering::Relaxed);
        self.arrived.notify_one();
    }

    pub(crate) fn take_redrive(&self) -> bool {
        self.redrive.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn doubted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed)
    }

    pub(crate) fn set_doubted(&self, doubted: bool) {
        self.doubted.store(doubted, Ordering::Relaxed);
    }

    pub(crate) fn set_broken(&self, why: String) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(crate) fn broken(&self) -> Option<String> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the next records of a topic, at most `max`, up to its next marker.
    pub(crate) fn take(&self, topic: &str, max: usize, reader: &Reader) -> Option<Taken> {
        let mut buffers = self.lock();
        let buffer = buffers.get_mut(topic)?;
        let first = buffer.queue.front()?;
        let taken = if is_marker(first) {
            Taken::Marker(buffer.queue.pop_front()?)
        } else {
            let end = buffer
                .queue
                .iter()
                .take(max)
                .position(is_marker)
                .unwrap_or(max.min(buffer.queue.len()));
            Taken::Batch(buffer.queue.drain(..end).collect())
        };
        if buffer.paused && buffer.queue.len() <= reader.0.low {
            buffer.paused = false;
            reader.resume(topic, self.partition);
        }
        Some(taken)
    }
}

pub(crate) fn is_marker(record: &Record) -> bool {
    record.payload.as_deref().and_then(contracts::codec::type_of) == Some("DayClosed")
}

struct Inner {
    consumer: StreamConsumer,
    prefix: String,
    routes: Mutex<HashMap<u32, Arc<Buffers>>>,
    inputs: Vec<&'static Topic>,
    high: usize,
    low: usize,
}

/// The instance's one consumer; cheap to clone.
#[derive(Clone)]
pub(crate) struct Reader(Arc<Inner>);

impl Reader {
    /// A consumer that reads nothing yet.
    pub(crate) fn new(ctx: &Context, inputs: Vec<&'static Topic>) -> anyhow::Result<Self> {
        let settings = ctx.settings();
        let mut config = crate::topics::client(settings);
        config
            .set("group.id", format!("{}{}", settings.kafka.topic_prefix, ctx.service()))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A position that Kafka no longer has is a loud stop, never a silent jump.
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "500")
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "16384")
            .set("enable.partition.eof", "false");
        let consumer: StreamConsumer = config.create()?;
        let high = settings.worker.buffer_max;
        Ok(Self(Arc::new(Inner {
            consumer,
            prefix: settings.kafka.topic_prefix.clone(),
            routes: Mutex::default(),
            inputs,
            high,
            low: high / 2,
        })))
    }

    fn routes(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<Buffers>>> {
        self.0.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, topics: &[&'static Topic], partition: u32) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            list.add_partition(
                &format!("{}{}", self.0.prefix, topic.name),
                i32::try_from(partition).unwrap_or(i32::MAX),
            );
        }
        list
    }

    /// Starts reading partition `partition` of all inputs where the lease row stands; fresh buffers.
    pub(crate) fn assign(
        &self,
        partition: u32,
        epoch: i64,
        inputs: &[&'static Topic],
        positions: &BTreeMap<String, i64>,
    ) -> Result<Arc<Buffers>, Failure> {
        let by_topic = inputs.iter().map(|topic| (topic.name, Buffer::default())).collect();
        let buffers = Arc::new(Buffers {
            partition,
            epoch,
            by_topic: Mutex::new(by_topic),
            arrived: Notify::new(),
            redrive: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
            broken: Mutex::default(),
        });
        self.routes().insert(partition, Arc::clone(&buffers));
        let mut list = TopicPartitionList::new();
        for topic in inputs {
            let offset = positions
                .get(topic.name)
                .map_or(Offset::Beginning, |next| Offset::Offset(*next));
            let name = format!("{}{}", self.0.prefix, topic.name);
            list.add_partition_offset(&name, i32::try_from(partition).unwrap_or(i32::MAX), offset)
                .map_err(Failure::new)?;
        }
        self.0.consumer.incremental_assign(&list).map_err(Failure::new)?;
        Ok(buffers)
    }

    /// Tells a partition's worker that a person asked for a redrive.
    pub(crate) fn ask_redrive(&self, partition: u32) {
        if let Some(buffers) = self.routes().get(&partition) {
            buffers.ask_redrive();
        }
    }

    /// Stops reading a partition; what was buffered is forgotten.
    pub(crate) fn unassign(&self, partition: u32) {
        self.routes().remove(&partition);
        if let Err(error) = self
            .0
            .consumer
            .incremental_unassign(&self.list(&self.0.inputs, partition))
        {
            tracing::debug!(partition, %error, "unassign");
        }
    }

    fn resume(&self, topic: &str, partition: u32) {
        let mut list = TopicPartitionList::new();
        list.add_partition(
            &format!("{}{topic}", self.0.prefix),
            i32::try_from(partition).unwrap_or(i32::MAX),
        );
        if let Err(error) = self.0.consumer.resume(&list) {
            tracing::warn!(topic, partition, %error, "resume");
        }
    }

    /// Polls until cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = self.0.consumer.recv() => message,
            };
            match message {
                Ok(message) => self.route(message.detach()),
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&self, error: &KafkaError) {
        if let KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) =
            error
        {
            // The error does not say of which: each worker knows where it stands.
            tracing::error!(%error, "Kafka no longer has the next offset of an input");
            for buffers in self.routes().values() {
                buffers.set_doubted(true);
                buffers.arrived.notify_one();
            }
            return;
        }
        tracing::warn!(%error, "reading from Kafka");
    }

    fn route(&self, message: OwnedMessage) {
        let Ok(partition) = u32::try_from(message.partition()) else {
            return;
        };
        let Some(buffers) = self.routes().get(&partition).cloned() else {
            return;
        };
        let Some(name) = message.topic().strip_prefix(&self.0.prefix) else {
            return;
        };
        let Some(topic) = self.0.inputs.iter().copied().find(|topic| topic.name == name) else {
            return;
        };
        let record = detach(topic, partition, &message);
        tracing::trace!(
            topic = topic.name,
            partition,
            epoch = buffers.epoch,
            offset = record.offset,
            "read"
        );
        {
            let mut by_topic = buffers.lock();
            let Some(buffer) = by_topic.get_mut(topic.name) else {
                return;
            };
            buffer.queue.push_back(record);
            if buffer.queue.len() >= self.0.high && !buffer.paused {
                buffer.paused = true;
                if let Err(error) = self.0.consumer.pause(&self.list(&[topic], partition)) {
                    tracing::warn!(topic = topic.name, partition, %error, "pause");
                }
            }
        }
        buffers.arrived.notify_one();
    }

    /// Commits positions to Kafka, for lag metrics and scaling alone.
    pub(crate) fn publish_positions(&self, partition: u32, positions: &BTreeMap<String, i64>) {
        let mut list = TopicPartitionList::new();
        for (topic, next) in positions {
            let name = format!("{}{topic}", self.0.prefix);
            let added = list.add_partition_offset(
                &name,
                i32::try_from(partition).unwrap_or(i32::MAX),
                Offset::Offset(*next),
            );
            if added.is_err() {
                return;
            }
        }
        if let Err(error) = self.0.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "offset commit");
        }
    }
}

fn header<'a>(message: &'a OwnedMessage, name: &str) -> Option<&'a str> {
    let headers = message.headers()?;
    headers
        .iter()
        .find(|header| header.key == name)
        .and_then(|header| std::str::from_utf8(header.value?).ok())
}

/// Detaches a record. A foreign producer may have left out our headers: the id is then derived from where the record lies.
pub(crate) fn detach(topic: &'static Topic, partition: u32, message: &OwnedMessage) -> Record {
    let offset = message.offset();
    let id = header(message, "ce_id").and_then(|text| text.parse::<MessageId>().ok());
    let time = header(message, "ce_time").and_then(|text| text.parse::<Timestamp>().ok());
    let millis = message.timestamp().to_millis().unwrap_or(0);
    let broker_time = Timestamp::from_micros(millis.saturating_mul(1000)).unwrap_or(Timestamp::EPOCH);
    Record {
        topic,
        partition,
        offset,
        id: id.unwrap_or_else(|| MessageId::derive_text(&format!("{}/{partition}/{offset}", topic.name))),
        key: message.key().and_then(MessageKey::parse),
        time: time.unwrap_or(broker_time),
        traceparent: header(message, "traceparent").map(str::to_owned),
        payload: message.payload().map(<[u8]>::to_vec),
    }
}
