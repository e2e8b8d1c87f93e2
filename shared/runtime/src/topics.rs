//! Topic creation and client settings: one place for what librdkafka is told.

use std::time::Duration;

use contracts::catalogue::{self, Topic};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::RuntimeConfig;

/// The client settings that consumer, producer and admin share.
pub fn client(settings: &RuntimeConfig) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.kafka.bootstrap)
        .set("client.id", "incasso")
        .set("log_level", "3");
    for (name, value) in settings.kafka.client_options() {
        config.set(name, value);
    }
    config
}

/// A topic as it has to be created.
struct Wanted {
    name: String,
    compacted: bool,
    retention_days: Option<u32>,
}

fn wanted(settings: &RuntimeConfig) -> Vec<Wanted> {
    let mut topics = Vec::new();
    for topic in catalogue::ALL {
        topics.push(Wanted {
            name: settings.kafka.topic(topic.name),
            compacted: topic.compacted,
            retention_days: topic.retention_days,
        });
        for reader in readers(topic) {
            topics.push(Wanted {
                name: settings.kafka.topic(&catalogue::dlq(topic.name, reader)),
                compacted: false,
                retention_days: topic.retention_days,
            });
        }
    }
    topics
}

fn readers(topic: &Topic) -> impl Iterator<Item = &'static str> {
    topic.waited_by.iter().chain(topic.read_by).copied()
}

/// Creates every topic of the catalogue that is not there yet, with its dead letters.
///
/// # Errors
/// When Kafka does not answer, refuses a topic, or has one with another number of partitions.
pub async fn ensure(settings: &RuntimeConfig) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(settings).create()?;
    let wanted = wanted(settings);
    let partitions = i32::try_from(settings.kafka.partitions)?;
    let replication = settings.kafka.replication.map_or(-1, i32::from);
    let retentions: Vec<String> = wanted
        .iter()
        .map(|topic| {
            topic
                .retention_days
                .map_or("-1".to_owned(), |days| (u64::from(days) * 86_400_000).to_string())
        })
        .collect();
    let new: Vec<NewTopic<'_>> = wanted
        .iter()
        .zip(&retentions)
        .map(|(topic, retention)| {
            let new = NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(replication));
            let policy = if topic.compacted { "compact" } else { "delete" };
            new.set("cleanup.policy", policy).set("retention.ms", retention)
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    for result in admin.create_topics(&new, &options).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => anyhow::bail!("Kafka did not create topic {topic}: {code}"),
        }
    }
    Ok(())
}

/// Deletes every topic of the catalogue under this prefix (tests, the demo).
///
/// # Errors
/// When Kafka does not answer.
pub async fn delete(settings: &RuntimeConfig) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(settings).create()?;
    let wanted = wanted(settings);
    let names: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
    admin.delete_topics(&names, &AdminOptions::new()).await?;
    Ok(())
}
