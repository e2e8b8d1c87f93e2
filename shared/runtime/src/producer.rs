//! The relay's producer: a batch is sent, and awaited as a whole.
//!
//! rdkafka's own polling thread spins for the last millisecond of each tenth of a second (`BaseProducer::poll` rounds what is left
//! of its time down to zero): a percent of a core for nothing. Ours sleeps until there is something on its way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use tokio::sync::Notify;

/// Between two looks while a batch is on its way.
const LOOK: Duration = Duration::from_micros(200);
/// Between two looks while none is: librdkafka's own errors are served then.
const REST: Duration = Duration::from_secs(1);

/// A batch on its way.
#[derive(Default)]
struct Batch {
    /// By place in the batch: the offset once it is acknowledged.
    offsets: Vec<Option<i64>>,
    left: usize,
    failed: Option<KafkaError>,
}

/// Collects the acknowledgements of one batch.
#[derive(Default)]
struct Acknowledged {
    batch: Mutex<Batch>,
    /// Something came: all of the batch, or an error.
    news: Notify,
    /// A batch was sent, or the producer is no longer wanted.
    work: Condvar,
    stop: AtomicBool,
}

impl Acknowledged {
    fn lock(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Acks(Arc<Acknowledged>);

impl ClientContext for Acks {}

impl ProducerContext for Acks {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, at: usize) {
        let mut batch = self.0.lock();
        match result {
            Ok(message) => {
                if let Some(offset) = batch.offsets.get_mut(at) {
                    *offset = Some(message.offset());
                }
            }
            Err((error, _)) => batch.failed = Some(error.clone()),
        }
        batch.left = batch.left.saturating_sub(1);
        if batch.left == 0 || batch.failed.is_some() {
            self.0.news.notify_one();
        }
    }
}

/// One record of a batch.
pub(crate) struct Sent<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub key: Option<&'a [u8]>,
    pub payload: Option<&'a [u8]>,
    pub headers: rdkafka::message::OwnedHeaders,
    pub timestamp_ms: i64,
}

/// Sends batches, one at a time. After any error it must be dropped: what is queued then never leaves.
pub(crate) struct Producer {
    producer: Arc<BaseProducer<Acks>>,
    acknowledged: Arc<Acknowledged>,
}

impl Producer {
    pub(crate) fn new(config: &ClientConfig) -> KafkaResult<Self> {
        let acknowledged = Arc::new(Acknowledged::default());
        let producer: Arc<BaseProducer<Acks>> = Arc::new(config.create_with_context(Acks(Arc::clone(&acknowledged)))?);
        let (polled, state) = (Arc::clone(&producer), Arc::clone(&acknowledged));
        std::thread::Builder::new()
            .name("relay-acks".to_owned())
            .spawn(move || poll(&polled, &state))
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self { producer, acknowledged })
    }

    /// Sends the records in their order and waits until the broker has acknowledged all; their offsets, in the same order.
    /// Cancel-safe only in so far as the producer is dropped then.
    pub(crate) async fn send(&self, records: impl ExactSizeIterator<Item = Sent<'_>>) -> KafkaResult<Vec<i64>> {
        let count = records.len();
        *self.acknowledged.lock() = Batch {
            offsets: vec![None; count],
            left: count,
            failed: None,
        };
        for (at, sent) in records.enumerate() {
            let record: BaseRecord<'_, [u8], [u8], usize> = BaseRecord {
                topic: sent.topic,
                partition: Some(sent.partition),
                payload: sent.payload,
                key: sent.key,
                timestamp: Some(sent.timestamp_ms),
                headers: Some(sent.headers),
                delivery_opaque: at,
            };
            self.producer.send(record).map_err(|(error, _)| error)?;
        }
        self.acknowledged.work.notify_one();
        loop {
            {
                let mut batch = self.acknowledged.lock();
                if let Some(error) = batch.failed.take() {
                    return Err(error);
                }
                if batch.left == 0 {
                    return Ok(batch.offsets.drain(..).flatten().collect());
                }
            }
            self.acknowledged.news.notified().await;
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.acknowledged.stop.store(true, Ordering::Relaxed);
        self.acknowledged.work.notify_one();
    }
}

/// Serves acknowledgements until the producer is dropped; the thread destroys librdkafka's client, which may take its time.
fn poll(producer: &BaseProducer<Acks>, acknowledged: &Acknowledged) {
    while !acknowledged.stop.load(Ordering::Relaxed) {
        let left = acknowledged.lock().left;
        producer.poll(Duration::ZERO);
        let batch = acknowledged.lock();
        if batch.left == 0 {
            // Woken by the next batch; spurious wake-ups are harmless.
            drop(acknowledged.work.wait_timeout(batch, REST));
        } else if batch.left == left {
            drop(batch);
            std::thread::sleep(LOOK);
        }
    }
}
