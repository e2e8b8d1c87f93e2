//! A Kafka record as the worker sees it.

use contracts::MessageKey;
use contracts::catalogue::Topic;
use kernel::{MessageId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One record of an input, detached from librdkafka's memory.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub topic: &'static Topic,
    pub partition: u32,
    pub offset: i64,
    pub id: MessageId,
    /// `None` where the record's key is no identifier.
    pub key: Option<MessageKey>,
    pub time: Timestamp,
    pub traceparent: Option<String>,
    pub payload: Option<Vec<u8>>,
}

/// Everything of a record but its payload, as kept in the parked and waiting tables.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub topic: String,
    pub partition: u32,
    pub offset: i64,
    pub id: MessageId,
    pub time_micros: i64,
    pub traceparent: Option<String>,
}

impl Record {
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope {
            topic: self.topic.name.to_owned(),
            partition: self.partition,
            offset: self.offset,
            id: self.id,
            time_micros: self.time.micros(),
            traceparent: self.traceparent.clone(),
        }
    }

    /// The record of an envelope; `None` when the catalogue no longer has its topic.
    pub(crate) fn from_envelope(envelope: Envelope, key: Uuid, payload: Option<Vec<u8>>) -> Option<Self> {
        Some(Self {
            topic: contracts::catalogue::of(&envelope.topic)?,
            partition: envelope.partition,
            offset: envelope.offset,
            id: envelope.id,
            key: (!key.is_nil()).then(|| MessageKey::new(key)),
            time: Timestamp::from_micros(envelope.time_micros).ok()?,
            traceparent: envelope.traceparent,
            payload,
        })
    }

    /// The key's uuid; nil where the record has none.
    pub(crate) fn key_uuid(&self) -> Uuid {
        self.key.map_or(Uuid::nil(), |key| key.uuid())
    }
}
