//! Follows markers and payments as they appear on topics, for the protocol of days.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::{DayClosed, Message, PaymentReceived, codec};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::cluster::PARTITIONS;

#[derive(Default)]
struct Seen {
    /// The highest sequence per topic and partition.
    markers: BTreeMap<(String, i32), i64>,
    /// Keys of payments received.
    payments: HashSet<Vec<u8>>,
}

impl Seen {
    fn see(&mut self, message: &BorrowedMessage<'_>) {
        let Some(payload) = message.payload() else { return };
        match codec::type_of(payload) {
            Some(PaymentReceived::TYPE) => {
                self.payments.insert(message.key().unwrap_or_default().to_vec());
            }
            Some(DayClosed::TYPE) => {
                let Ok(marker) = codec::decode::<DayClosed>(payload) else {
                    return;
                };
                let last = self
                    .markers
                    .entry((message.topic().to_owned(), message.partition()))
                    .or_default();
                *last = marker.sequence.max(*last);
            }
            _ => {}
        }
    }
}

/// A thread that reads the topics with the days' markers. Ends with this value.
pub struct Markers {
    prefix: String,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl Drop for Markers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Markers {
    /// Follows these topics, which must exist.
    ///
    /// # Errors
    /// The consumer cannot be made.
    pub fn follow(bootstrap: &str, prefix: &str, topics: &[&str]) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("log_level", "0")
            .set("group.id", "faults")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        let mut assignment = TopicPartitionList::new();
        for topic in topics {
            for partition in 0..PARTITIONS {
                assignment.add_partition_offset(&format!("{prefix}{topic}"), partition, Offset::Beginning)?;
            }
        }
        consumer.assign(&assignment)?;
        let markers = Self {
            prefix: prefix.to_owned(),
            seen: Arc::default(),
            stop: Arc::default(),
        };
        let (seen, stop) = (Arc::clone(&markers.seen), Arc::clone(&markers.stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // Errors are the broker's being away: the client connects again by itself.
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) else {
                    continue;
                };
                seen.lock().unwrap_or_else(PoisonError::into_inner).see(&message);
            }
        });
        Ok(markers)
    }

    /// How many payments are on their topic.
    pub fn payments(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).payments.len()
    }

    /// The day that is closed on all partitions of a topic; 0 before the first.
    pub fn closed(&self, topic: &str) -> i64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |partition| {
            seen.markers
                .get(&(format!("{}{topic}", self.prefix), partition))
                .copied()
                .unwrap_or(0)
        };
        (0..PARTITIONS).map(of).min().unwrap_or(0)
    }
}
