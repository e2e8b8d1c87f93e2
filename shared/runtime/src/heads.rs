//! Where topics begin and end on the broker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::RuntimeConfig;

/// How long the broker may take: topics that were just made have no leader for a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// A topic, without the installation's prefix, and a partition.
pub(crate) type Place = (String, u32);

/// What of a partition is on the broker: offsets `first..next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The first record that retention has left.
    pub first: i64,
    /// The offset that the next record will get.
    pub next: i64,
}

/// The extent of each place, in two requests per broker.
///
/// # Errors
/// When Kafka does not answer, or does not have a place.
pub(crate) async fn extents(settings: &RuntimeConfig, places: Vec<Place>) -> anyhow::Result<BTreeMap<Place, Extent>> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || extents_blocking(&settings, &places)).await?
}

fn extents_blocking(settings: &RuntimeConfig, places: &[Place]) -> anyhow::Result<BTreeMap<Place, Extent>> {
    if places.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut config = crate::topics::client(settings);
    // A group is demanded by librdkafka; nothing is committed.
    config.set("group.id", format!("{}incasso-reader", settings.kafka.topic_prefix));
    let consumer: BaseConsumer = config.create()?;
    let began = Instant::now();
    loop {
        let found = ends(&consumer, settings, places, Offset::Beginning)
            .and_then(|first| Ok((first, ends(&consumer, settings, places, Offset::End)?)));
        match found {
            Ok((first, next)) => {
                let extents = places.iter().zip(first.into_iter().zip(next));
                return Ok(extents
                    .map(|(place, (first, next))| (place.clone(), Extent { first, next }))
                    .collect());
            }
            Err(error) if began.elapsed() > PATIENCE => {
                return Err(error.context("Kafka does not say where topics end"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// One end of each place, in the order of the places. Kafka answers for the times -2 and -1 with a partition's two ends, and
/// librdkafka gives them their names.
fn ends(consumer: &BaseConsumer, settings: &RuntimeConfig, places: &[Place], end: Offset) -> anyhow::Result<Vec<i64>> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        list.add_partition_offset(&settings.kafka.topic(topic), i32::try_from(*partition)?, end)?;
    }
    let answer = consumer.offsets_for_times(list, Duration::from_secs(10))?;
    let mut found = Vec::with_capacity(places.len());
    for (topic, partition) in places {
        let element = answer
            .find_partition(&settings.kafka.topic(topic), i32::try_from(*partition)?)
            .with_context(|| format!("nothing about {topic}/{partition}"))?;
        element.error().with_context(|| format!("{topic}/{partition}"))?;
        match element.offset() {
            Offset::Offset(at) => found.push(at),
            other => anyhow::bail!("{topic}/{partition} ends at {other:?}"),
        }
    }
    Ok(found)
}
