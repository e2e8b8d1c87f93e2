//! What a day run again said, against what lies on the topics.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Context as _;
use contracts::catalogue::{self, Topic};
use contracts::{DayClosed, Message as _, codec};
use futures::TryStreamExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use super::SHOWN;
use crate::stored::{self, Stored};

/// A day's certificate, then and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certified {
    /// The calendar's id.
    pub calendar: String,
    /// The day, `YYYY-MM-DD`.
    pub day_on: String,
    /// Its number over all calendars.
    pub sequence: i64,
    /// The certificate's hash as published.
    pub hash: String,
    /// The same of the day run again; absent where it was not certified.
    pub hash_again: Option<String>,
}

impl Certified {
    /// Whether both are the same.
    #[must_use]
    pub fn same(&self) -> bool {
        self.hash_again.as_ref() == Some(&self.hash)
    }
}

/// A message that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Without the prefix.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The record's key.
    pub key: String,
    /// `ce_id`.
    pub message_id: String,
    /// What is different, in words.
    pub what: String,
}

pub(super) struct Compared {
    pub messages: u64,
    pub differing: u64,
    pub differences: Vec<Difference>,
}

/// The certificates through `sequence`.
pub(super) async fn certificates(original: &PgPool, scratch: &PgPool, sequence: i64) -> anyhow::Result<Vec<Certified>> {
    let sql =
        "SELECT sequence, calendar, day_on::text, hash FROM rt_certificate WHERE sequence <= $1 ORDER BY sequence";
    let then: Vec<(i64, String, String, String)> = sqlx::query_as(sql).bind(sequence).fetch_all(original).await?;
    let now: Vec<(i64, String, String, String)> = sqlx::query_as(sql).bind(sequence).fetch_all(scratch).await?;
    let now: BTreeMap<i64, String> = now.into_iter().map(|(sequence, _, _, hash)| (sequence, hash)).collect();
    Ok(then
        .into_iter()
        .map(|(sequence, calendar, day_on, hash)| Certified {
            calendar,
            day_on,
            sequence,
            hash,
            hash_again: now.get(&sequence).cloned(),
        })
        .collect())
}

/// One message: its id, and a digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    id: String,
    digest: [u8; 16],
}

/// What was said on a topic: per partition and key, in order.
type Speech = BTreeMap<(i32, Vec<u8>), Vec<Said>>;

/// Everything that readers see of a message but its number and its trace.
fn digest(kind: &str, time: &str, payload: Option<&[u8]>) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in [kind.as_bytes(), time.as_bytes(), payload.unwrap_or_default()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.update([u8::from(payload.is_some())]);
    let mut digest = [0; 16];
    for (to, from) in digest.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    digest
}

/// Compares what lies in the scratch outbox with the topics of the service.
pub(super) async fn messages(ctx: &crate::Context, sequence: i64) -> anyhow::Result<Compared> {
    let mut compared = Compared {
        messages: 0,
        differing: 0,
        differences: Vec::new(),
    };
    let service = ctx.service();
    let dead = catalogue::inputs(service).map(|input| (catalogue::dlq(input.topic.name, service), None));
    let own = catalogue::outputs(service).map(|topic| (topic.name.to_owned(), Some(topic)));
    for (name, topic) in own.chain(dead) {
        let again = emitted(ctx.pool(), &name).await?;
        let marked = topic.is_some_and(|topic| topic.markers);
        if again.is_empty() && !marked {
            continue;
        }
        let told = published(&ctx.settings().kafka, &name, marked.then_some(sequence)).await?;
        compared.topic(&name, topic, &told, &again);
    }
    Ok(compared)
}

/// What the days run again put on a topic, by the outbox's order.
async fn emitted(pool: &PgPool, topic: &str) -> anyhow::Result<Speech> {
    let mut speech = Speech::new();
    let mut rows = sqlx::query_as::<_, Emitted>(
        "SELECT partition, key, message_id, type, payload, at FROM rt_outbox WHERE topic = $1 ORDER BY id",
    )
    .bind(topic)
    .fetch(pool);
    while let Some(row) = rows.try_next().await? {
        let time = row.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let said = Said {
            id: row.message_id.to_string(),
            digest: digest(&row.r#type, &time, row.payload.as_deref()),
        };
        let place = (row.partition, row.key.unwrap_or_default());
        speech.entry(place).or_default().push(said);
    }
    Ok(speech)
}

#[derive(sqlx::FromRow)]
struct Emitted {
    partition: i32,
    key: Option<Vec<u8>>,
    message_id: uuid::Uuid,
    r#type: String,
    payload: Option<Vec<u8>>,
    at: chrono::DateTime<chrono::Utc>,
}

/// What lies on a topic, each message once; through the marker of a day where markers lie on it.
async fn published(kafka: &crate::config::KafkaConfig, topic: &str, through: Option<i64>) -> anyhow::Result<Speech> {
    let mut speech = Speech::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut ended: BTreeSet<i32> = BTreeSet::new();
    let visit = |record: Stored| {
        if ended.contains(&record.partition) {
            return;
        }
        let id = record.header("ce_id").unwrap_or_default().to_owned();
        if !seen.insert(id.clone()) {
            return;
        }
        let kind = record.header("ce_type").unwrap_or_default();
        let digest = digest(
            kind,
            record.header("ce_time").unwrap_or_default(),
            record.payload.as_deref(),
        );
        if kind == DayClosed::TYPE
            && through.is_some_and(|through| marker_of(&record).is_some_and(|sequence| sequence >= through))
        {
            ended.insert(record.partition);
        }
        let place = (record.partition, record.key.unwrap_or_default());
        speech.entry(place).or_default().push(Said { id, digest });
    };
    stored::visit(kafka, topic, visit)
        .await
        .with_context(|| format!("what {topic} says"))
        .map(|()| speech)
}

fn marker_of(record: &Stored) -> Option<i64> {
    let marker: DayClosed = codec::decode(record.payload.as_deref()?).ok()?;
    Some(marker.sequence)
}

impl Compared {
    /// Messages of an account are compared in their order, also for what should not be there; on topics without markers, and
    /// for keys on which several partitions speak, each message by itself.
    fn topic(&mut self, name: &str, topic: Option<&'static Topic>, told: &Speech, again: &Speech) {
        let whole = topic.is_some_and(|topic| topic.markers && topic.key == "account");
        let mut places: BTreeSet<&(i32, Vec<u8>)> = again.keys().collect();
        if whole {
            places.extend(told.keys());
        }
        for place in places {
            let told = told.get(place).map(Vec::as_slice).unwrap_or_default();
            let again = again.get(place).map(Vec::as_slice).unwrap_or_default();
            self.messages = self
                .messages
                .saturating_add(u64::try_from(again.len()).unwrap_or(u64::MAX));
            if whole && told == again {
                continue;
            }
            let before = self.differing;
            self.each(name, place, told, again);
            if whole {
                self.more(name, place, told, again);
                if before == self.differing {
                    let (first, _) = told.iter().zip(again).find(|(one, other)| one != other).unzip();
                    self.add(name, place, first, "the order is another");
                }
            }
        }
    }

    /// Every message said again must be there, with the same bytes.
    fn each(&mut self, name: &str, place: &(i32, Vec<u8>), told: &[Said], again: &[Said]) {
        let told: BTreeMap<&str, &Said> = told.iter().map(|said| (said.id.as_str(), said)).collect();
        for said in again {
            match told.get(said.id.as_str()) {
                None => self.add(name, place, Some(said), "said again, and not on the topic"),
                Some(then) if then.digest != said.digest => self.add(name, place, Some(said), "its bytes are others"),
                Some(_) => {}
            }
        }
    }

    /// Everything on the topic must have been said again.
    fn more(&mut self, name: &str, place: &(i32, Vec<u8>), told: &[Said], again: &[Said]) {
        let again: HashSet<&str> = again.iter().map(|said| said.id.as_str()).collect();
        for said in told.iter().filter(|said| !again.contains(said.id.as_str())) {
            self.add(name, place, Some(said), "on the topic, and not said again");
        }
    }

    fn add(&mut self, topic: &str, (partition, key): &(i32, Vec<u8>), said: Option<&Said>, what: &str) {
        self.differing = self.differing.saturating_add(1);
        if self.differences.len() < SHOWN {
            self.differences.push(Difference {
                topic: topic.to_owned(),
                partition: *partition,
                key: String::from_utf8_lossy(key).into_owned(),
                message_id: said.map(|said| said.id.clone()).unwrap_or_default(),
                what: what.to_owned(),
            });
        }
    }
}
