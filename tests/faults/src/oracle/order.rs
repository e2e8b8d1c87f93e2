//! What must hold on every topic, whatever it carries: a number that only rises per key, markers that count what they close.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use contracts::catalogue::Topic;
use contracts::{DayClosed, codec};
use kernel::MessageId;
use uuid::Uuid;

use super::Findings;
use crate::topics::Record;

/// A record that was not there before.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A fact, with the number of the last day closed before it on its partition.
    Fact {
        /// That number; 0 before the first marker.
        after: i64,
    },
    /// A marker.
    Marker(Box<DayClosed>),
}

#[derive(Default)]
struct Partition {
    after: i64,
    count: i64,
    checksum: i64,
    last: HashMap<Vec<u8>, i64>,
}

/// One topic while it is read.
pub struct Order {
    topic: &'static Topic,
    ids: HashMap<Uuid, u64>,
    partitions: HashMap<i32, Partition>,
    republished: u64,
}

impl Order {
    /// Nothing read yet.
    pub fn new(topic: &'static Topic) -> Self {
        Self {
            topic,
            ids: HashMap::new(),
            partitions: HashMap::new(),
            republished: 0,
        }
    }

    /// Records that were there before.
    pub fn republished(&self) -> u64 {
        self.republished
    }

    /// Looks at the next record; `None` for one that was there before.
    pub fn look(&mut self, record: &Record<'_>, findings: &mut Findings) -> Option<Seen> {
        let name = self.topic.name;
        let place = || format!("{name}, partition {}, offset {}", record.partition, record.offset);
        let mut hasher = DefaultHasher::new();
        (record.key, record.payload).hash(&mut hasher);
        let digest = hasher.finish();
        if let Some(before) = self.ids.insert(record.id, digest) {
            self.republished += 1;
            if before != digest {
                findings.add("changed", || {
                    format!("{}: the id {} says something else than before", place(), record.id)
                });
            }
            return None;
        }
        let partition = self.partitions.entry(record.partition).or_default();
        let last = partition.last.insert(record.key.to_vec(), record.seq);
        if last.is_some_and(|last| last >= record.seq) {
            findings.add("out_of_order", || {
                format!("{}: {} follows {last:?} of the same key", place(), record.seq)
            });
        }
        let Ok(marker) = codec::decode::<DayClosed>(record.payload) else {
            partition.count += 1;
            let id = MessageId::from_uuid(record.id);
            partition.checksum = partition.checksum.wrapping_add(kernel::checksum(id));
            return Some(Seen::Fact { after: partition.after });
        };
        if (marker.message_count, marker.message_checksum) != (partition.count, partition.checksum) {
            findings.add("behind_marker", || {
                let (said, here) = (marker.message_count, partition.count);
                format!(
                    "{}: the marker {} says {said} messages, {here} lie before it",
                    place(),
                    marker.sequence
                )
            });
        }
        if marker.held {
            findings.add("held", || {
                format!("{}: the marker {} says held", place(), marker.sequence)
            });
        }
        if marker.sequence <= partition.after {
            findings.add("out_of_order", || {
                format!("{}: marker {} after {}", place(), marker.sequence, partition.after)
            });
        }
        *partition = Partition {
            after: marker.sequence,
            last: std::mem::take(&mut partition.last),
            ..Partition::default()
        };
        Some(Seen::Marker(Box::new(marker)))
    }
}
