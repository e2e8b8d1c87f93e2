//! Handlers: what a service does with each message, typed at the edge and erased inside.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use contracts::catalogue::Topic;
use contracts::codec::{self, DecodeError};
use contracts::{Message, MessageKey};
use kernel::{Currency, MessageId, Timestamp};

use crate::record::Record;
use crate::{Failure, Rejection, Tx};

/// A message with what came around it.
#[derive(Debug, Clone)]
pub struct Incoming<M> {
    /// The decoded message.
    pub message: M,
    /// Its id: what derived ids are derived from.
    pub id: MessageId,
    /// Its key: of the account, for account topics.
    pub key: MessageKey,
    /// Message time (`ce_time`): handlers know no other.
    pub time: Timestamp,
    /// Where it came from.
    pub topic: &'static Topic,
    /// Its partition.
    pub partition: u32,
    /// Its offset; never used for ids.
    pub offset: i64,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Handled.
    Done,
    /// Its account is not known yet: kept until [`Tx::release`] of its key, rejected when the day closes before that.
    /// A handler answers this before it looks at any rule: else a later fact could park the key of one that still waits.
    Wait,
    /// It breaks a rule: its key is parked.
    Reject(Rejection),
}

/// What a message would move: shown in the certificate while it is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stakes {
    /// The day's calendar.
    pub calendar: String,
    /// The currency.
    pub currency: Currency,
    /// Signed, in minor units.
    pub amount_minor: i64,
}

/// One kind of message: load → decide → save → emit, for a batch with at most one message per key ([`Handle::takes_many`] aside).
#[async_trait]
pub trait Handle<M: Message>: Send + Sync + 'static {
    /// Handles the batch; one outcome per message, in order.
    async fn handle(&self, batch: &[Incoming<M>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure>;

    /// What the message would move.
    fn stakes(&self, _message: &M) -> Option<Stakes> {
        None
    }

    /// Whether a batch may hold several messages of one key, in their order. Such a handler leaves all later messages of a key
    /// alone once it rejected one of it: they queue behind, whatever it answers for them.
    fn takes_many(&self) -> bool {
        false
    }
}

/// A message's verdict, with its stakes where it was rejected.
pub(crate) struct Verdict {
    pub outcome: Outcome,
    pub stakes: Option<Stakes>,
}

#[async_trait]
pub(crate) trait Erased: Send + Sync {
    async fn run(&self, batch: &[Record], tx: &mut Tx) -> Result<Vec<Verdict>, Failure>;
    fn stakes_of(&self, record: &Record) -> Option<Stakes>;
    fn takes_many(&self) -> bool;
}

struct Typed<M, H> {
    handler: H,
    message: PhantomData<fn(M)>,
}

/// Decodes a record, or says why it cannot be.
fn decode<M: Message>(record: &Record) -> Result<Result<Incoming<M>, Rejection>, Failure> {
    let Some(payload) = &record.payload else {
        return Ok(Err(Rejection::new("undecodable", "the record has no value")));
    };
    let message = match codec::decode::<M>(payload) {
        Ok(message) => message,
        Err(DecodeError::UnknownFingerprint(fingerprint)) => {
            return Err(Failure::unknown_schema(format!(
                "{fingerprint:016x} on {}",
                record.topic.name
            )));
        }
        Err(error) => return Ok(Err(Rejection::new("undecodable", error.to_string()))),
    };
    let Some(key) = record.key else {
        return Ok(Err(Rejection::new("no-key", "the record's key is no identifier")));
    };
    let Record {
        id,
        time,
        topic,
        partition,
        offset,
        ..
    } = *record;
    Ok(Ok(Incoming {
        message,
        id,
        key,
        time,
        topic,
        partition,
        offset,
    }))
}

#[async_trait]
impl<M: Message, H: Handle<M>> Erased for Typed<M, H> {
    async fn run(&self, batch: &[Record], tx: &mut Tx) -> Result<Vec<Verdict>, Failure> {
        let mut good = Vec::with_capacity(batch.len());
        let mut bad = HashMap::new();
        for (n, record) in batch.iter().enumerate() {
            match decode::<M>(record)? {
                Ok(incoming) => good.push(incoming),
                Err(rejection) => {
                    bad.insert(n, rejection);
                }
            }
        }
        let outcomes = if good.is_empty() {
            Vec::new()
        } else {
            self.handler.handle(&good, tx).await?
        };
        if outcomes.len() != good.len() {
            return Err(
                anyhow::anyhow!("a handler of {} answered {} of {}", M::TYPE, outcomes.len(), good.len()).into(),
            );
        }
        let mut handled = good.iter().zip(outcomes);
        let mut verdicts = Vec::with_capacity(batch.len());
        for n in 0..batch.len() {
            let verdict = match bad.remove(&n) {
                Some(rejection) => Verdict {
                    outcome: Outcome::Reject(rejection),
                    stakes: None,
                },
                None => {
                    let (incoming, outcome) = handled
                        .next()
                        .ok_or_else(|| anyhow::anyhow!("outcomes and messages do not pair"))?;
                    let stakes = match outcome {
                        Outcome::Reject(_) => self.handler.stakes(&incoming.message),
                        _ => None,
                    };
                    Verdict { outcome, stakes }
                }
            };
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }

    fn stakes_of(&self, record: &Record) -> Option<Stakes> {
        let incoming = decode::<M>(record).ok()?.ok()?;
        self.handler.stakes(&incoming.message)
    }

    fn takes_many(&self) -> bool {
        self.handler.takes_many()
    }
}

/// The list of a service's handlers.
#[derive(Clone, Default)]
pub struct Handlers {
    by_type: HashMap<(&'static str, &'static str), Arc<dyn Erased>>,
    topics: Vec<&'static Topic>,
}

impl Handlers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles `M` on `topic`.
    #[must_use]
    pub fn on<M: Message>(mut self, topic: &'static Topic, handler: impl Handle<M>) -> Self {
        debug_assert!(
            topic.events.contains(&M::TYPE),
            "{} does not carry {}",
            topic.name,
            M::TYPE
        );
        if !self.topics.iter().any(|known| known.name == topic.name) {
            self.topics.push(topic);
        }
        let erased: Arc<dyn Erased> = Arc::new(Typed {
            handler,
            message: PhantomData::<fn(M)>,
        });
        self.by_type.insert((topic.name, M::TYPE), erased);
        self
    }

    pub(crate) fn topics(&self) -> &[&'static Topic] {
        &self.topics
    }

    pub(crate) fn find(&self, topic: &Topic, kind: &str) -> Option<&Arc<dyn Erased>> {
        // The key's lifetime is 'static; both parts come from the catalogue, so a scan-free lookup needs the catalogue's own text.
        let kind = topic.events.iter().find(|known| **known == kind)?;
        self.by_type.get(&(topic.name, *kind))
    }
}
