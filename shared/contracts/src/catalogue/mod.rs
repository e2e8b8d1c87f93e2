//! The topics: who writes, who waits for it, who reads it as feedback, by what key, for how long.
//!
//! Topic creation, the README's diagram, the AsyncAPI document and the manifests come from this table.

mod asyncapi;
mod graph;
mod markdown;
mod table;

pub use self::asyncapi::asyncapi;
pub use self::graph::{Cycle, close_order, graph};
pub use self::markdown::markdown;
pub use self::table::*;
use crate::codec::MAX_BYTES;

/// A topic of the platform. Names have no environment in them; a deployment may put a prefix before all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Topic {
    /// `<domain>.<entity>.v1`; `.v2` when key, partitions or meaning change, never in place.
    pub name: &'static str,
    /// The one service that writes it.
    pub writer: &'static str,
    /// Services that handle nothing past a marker until all their waited-for inputs have it.
    pub waited_by: &'static [&'static str],
    /// Services that read it as feedback: at once, also between the pages of a day.
    pub read_by: &'static [&'static str],
    /// What the record's key is the id of: `account`, `creditor`, `debtor`, `payment`, `calendar`. A task without an
    /// account is keyed by its own id; a marker's key is [`crate::events::day::DAY_KEY`].
    pub key: &'static str,
    /// Kafka keeps the last record per key; a record without value is a tombstone.
    pub compacted: bool,
    /// Carries names, addresses, contact points, account numbers or tax ids of persons.
    pub personal: bool,
    /// Days that records are kept; `None` for good.
    pub retention_days: Option<u32>,
    /// The writer puts `DayClosed` on every partition.
    pub markers: bool,
    /// Names of its event types; their order on the topic matters per key.
    pub events: &'static [&'static str],
    /// What one record's value may have, in bytes; `emit` refuses more.
    pub max_bytes: usize,
}

/// A day in milliseconds.
const DAY_MS: u64 = 86_400_000;

impl Topic {
    /// Settings of the Kafka topic that its nature demands; partitions, replicas and `min.insync.replicas` are the
    /// deployment's. Time stamps are the producer's: message time, not the broker's.
    #[must_use]
    pub fn config(&self) -> Vec<(&'static str, String)> {
        let policy = if self.compacted { "compact" } else { "delete" };
        let retention = match self.retention_days {
            Some(days) => (u64::from(days) * DAY_MS).to_string(),
            None => "-1".to_owned(),
        };
        // Kafka's own default for a batch holds one message of MAX_BYTES with key and headers.
        let mut config = vec![
            ("cleanup.policy", policy.to_owned()),
            ("retention.ms", retention),
            ("max.message.bytes", (self.max_bytes + RECORD_OVERHEAD).to_string()),
        ];
        if self.personal {
            // What was erased or expired must be gone from the disk soon, also on a quiet topic.
            config.push(("segment.ms", DAY_MS.to_string()));
        }
        if self.personal && self.compacted {
            config.push(("max.compaction.lag.ms", (7 * DAY_MS).to_string()));
        }
        config
    }
}

/// Room for key, headers and batch framing around a value, in bytes; with [`MAX_BYTES`] Kafka's default of 1,048,588.
const RECORD_OVERHEAD: usize = 48_588;

/// A topic as a service reads it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The topic.
    pub topic: &'static Topic,
    /// Whether the day waits for it; else it is feedback.
    pub waited: bool,
}

/// The topic of this name.
#[must_use]
pub fn of(name: &str) -> Option<&'static Topic> {
    ALL.iter().copied().find(|topic| topic.name == name)
}

/// Topics that this service writes, in the order of the table.
pub fn outputs(service: &str) -> impl Iterator<Item = &'static Topic> {
    ALL.iter().copied().filter(move |topic| topic.writer == service)
}

/// Topics that this service reads, in the order of the table.
pub fn inputs(service: &str) -> impl Iterator<Item = Input> {
    ALL.iter().copied().filter_map(move |topic| {
        let waited = topic.waited_by.contains(&service);
        (waited || topic.read_by.contains(&service)).then_some(Input { topic, waited })
    })
}

/// Services that write or read a topic, each once, in the order in which the table names them.
#[must_use]
pub fn services() -> Vec<&'static str> {
    let mut services: Vec<&'static str> = Vec::new();
    for topic in ALL {
        for service in std::iter::once(&topic.writer)
            .chain(topic.waited_by)
            .chain(topic.read_by)
        {
            if !services.contains(service) {
                services.push(service);
            }
        }
    }
    services
}

/// Name of the topic that gets copies of what `consumer` could not handle of `topic`.
#[must_use]
pub fn dlq(topic: &str, consumer: &str) -> String {
    format!("{topic}.{consumer}.dlq")
}

/// The largest size in bytes that any topic takes of this event; [`MAX_BYTES`] for an event on no topic.
#[must_use]
pub fn max_bytes_of(event: &str) -> usize {
    ALL.iter()
        .filter(|topic| topic.events.contains(&event))
        .map(|topic| topic.max_bytes)
        .max()
        .unwrap_or(MAX_BYTES)
}
