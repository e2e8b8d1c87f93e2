//! What database and Kafka may have lost of each other, in words for whoever has to mend it.

use std::fmt;

use uuid::Uuid;

use crate::heads::Place;

/// A difference between the database and Kafka that no running service can mend: it refuses to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Records of ours on Kafka that the database does not know: it was restored from a backup.
    BehindKafka {
        /// The first such record.
        place: Place,
        offset: i64,
        seq: i64,
        message_id: Option<Uuid>,
        /// `ce_time` of that record.
        time: Option<String>,
        records: u64,
        /// The highest `incasso_seq` among them.
        through_seq: i64,
        /// What the database knows of that partition: outbox id and offset.
        known: Option<(i64, i64)>,
    },
    /// Records of ours that Kafka had acknowledged and no longer has at its end.
    KafkaBehind {
        place: Place,
        /// The last offset that was acknowledged.
        acknowledged: i64,
        /// The offset that the next record will get.
        next: i64,
    },
    /// Records of an input that retention deleted before they were handled.
    HeadDeleted { place: Place, next: i64, first: i64 },
    /// An input ends before the position that was reached: it was made anew, or Kafka lost its end.
    InputShrunk { place: Place, next: i64, end: i64 },
}

impl Loss {
    /// What `worker.accepted_losses` must name to go on in spite of exactly this loss.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::BehindKafka { through_seq, .. } => format!("behind-kafka/{through_seq}"),
            Self::KafkaBehind {
                place: (topic, partition),
                acknowledged,
                next,
            } => format!("kafka-behind/{topic}/{partition}/{next}-{acknowledged}"),
            Self::HeadDeleted {
                place: (topic, partition),
                next,
                first,
            } => format!("head-deleted/{topic}/{partition}/{next}-{}", first.saturating_sub(1)),
            Self::InputShrunk {
                place: (topic, partition),
                next,
                end,
            } => format!("input-shrunk/{topic}/{partition}/{end}-{}", next.saturating_sub(1)),
        }
    }

    /// What happened.
    fn what(&self, service: &str) -> String {
        match self {
            Self::BehindKafka {
                place: (topic, partition),
                offset,
                seq,
                message_id,
                time,
                records,
                through_seq,
                known,
            } => {
                let id = message_id.map_or_else(|| "without id".to_owned(), |id| id.to_string());
                let time = time.as_deref().unwrap_or("of unknown time");
                let known = match known {
                    Some((id, at)) => format!("the last one it knows there is incasso_seq {id} at offset {at}"),
                    None => "it knows of none there".to_owned(),
                };
                format!(
                    "the database of {service} is behind Kafka: {topic}/{partition} has at offset {offset} incasso_seq {seq} \
                     (message {id}, {time}), which is neither published nor waiting in this database; {known}. {records} \
                     records are unknown to it, the highest is incasso_seq {through_seq}. A backup was restored, a standby \
                     without the last commits was promoted, or database.url and kafka.topic_prefix belong to two installations"
                )
            }
            Self::KafkaBehind {
                place: (topic, partition),
                acknowledged,
                next,
            } => format!(
                "Kafka is behind the database of {service}: it had acknowledged offset {acknowledged} of {topic}/{partition}, \
                 and the topic now ends before offset {next}. The topic was made anew, or the broker lost its end"
            ),
            Self::HeadDeleted {
                place: (topic, partition),
                next,
                first,
            } => format!(
                "the head of {topic}/{partition} was deleted before {service} had handled it: offset {next} is next, and \
                 Kafka's first record is {first}; {} offsets are gone",
                first.saturating_sub(*next)
            ),
            Self::InputShrunk {
                place: (topic, partition),
                next,
                end,
            } => format!(
                "{topic}/{partition} ends before where {service} stands: offset {next} is next, and Kafka's end is {end}. \
                 The topic was made anew, or the broker lost its end"
            ),
        }
    }

    /// What is to be done, step by step.
    fn remedy(&self, service: &str) -> String {
        let (mend, effect) = match self {
            Self::BehindKafka { time, .. } => (
                format!(
                    "restore a newer backup, recover to the newest point in time, or promote the standby that has all commits. \
                     If there is none, have everything that came in since {} sent again by its senders (ERP, banks, providers) \
                     after the start: what is known already is recognised",
                    time.as_deref().unwrap_or("the backup")
                ),
                "new messages are then numbered above all that are on Kafka",
            ),
            Self::KafkaBehind { .. } => (
                "bring back the broker's data, from the replicas or a mirror. If it is lost, the readers of the topic lack these \
                 records, and their partitions stop at the next day's marker"
                    .to_owned(),
                "the topic is then continued at its present end",
            ),
            Self::HeadDeleted { .. } => (
                "bring the records back (tiered storage, a mirror), with their offsets, and raise the topic's retention.ms. If they \
                 are lost, have their writer's facts sent again by the senders"
                    .to_owned(),
                "reading then goes on at Kafka's first record; the next day's marker will not match what arrived, and that \
                 partition stops until a person releases it",
            ),
            Self::InputShrunk { .. } => (
                "compare kafka.bootstrap and kafka.topic_prefix with the installation that this database belongs to; bring back \
                 the broker's data from the replicas or a mirror"
                    .to_owned(),
                "the topic is then read again from its first record; what was handled before is recognised by its id",
            ),
        };
        let name = self.name();
        let upper = service.to_uppercase();
        format!(
            "What to do: 1. Stop all instances of {service}. 2. In this order, {mend}. 3. Only when the loss is final, start with \
             [{service}.worker] accepted_losses = [\"{name}\"] (or INCASSO__{upper}__WORKER__ACCEPTED_LOSSES='[\"{name}\"]'): \
             {effect}. It accepts this loss and no other; take it out after the start."
        )
    }

    /// What happened and what is to be done, for logs and health.
    pub(crate) fn told(&self, service: &str) -> String {
        format!("{}. {}", self.what(service), self.remedy(service))
    }
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Refused {
    pub service: &'static str,
    pub losses: Vec<Loss>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refuses to start", self.service)?;
        for loss in &self.losses {
            write!(f, "\n- {}", loss.told(self.service))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        ("billing.invoice.v1".to_owned(), 1)
    }

    fn losses() -> [Loss; 4] {
        [
            Loss::BehindKafka {
                place: place(),
                offset: 101,
                seq: 21,
                message_id: Some(Uuid::nil()),
                time: Some("2026-01-05T10:00:00Z".to_owned()),
                records: 31,
                through_seq: 51,
                known: Some((20, 100)),
            },
            Loss::KafkaBehind {
                place: place(),
                acknowledged: 100,
                next: 40,
            },
            Loss::HeadDeleted {
                place: place(),
                next: 12,
                first: 500,
            },
            Loss::InputShrunk {
                place: place(),
                next: 12,
                end: 3,
            },
        ]
    }

    #[test]
    fn each_loss_has_a_name_that_fits_it_alone() {
        assert_eq!(
            losses().map(|loss| loss.name()),
            [
                "behind-kafka/51",
                "kafka-behind/billing.invoice.v1/1/40-100",
                "head-deleted/billing.invoice.v1/1/12-499",
                "input-shrunk/billing.invoice.v1/1/3-11",
            ]
        );
    }

    #[test]
    fn a_refusal_says_what_where_and_what_to_do() {
        let text = Refused {
            service: "billing",
            losses: losses().into(),
        }
        .to_string();
        for part in [
            "billing refuses to start",
            "billing.invoice.v1/1 has at offset 101 incasso_seq 21",
            "the last one it knows there is incasso_seq 20 at offset 100",
            "offset 12 is next, and Kafka's first record is 500; 488 offsets are gone",
            "INCASSO__BILLING__WORKER__ACCEPTED_LOSSES='[\"head-deleted/billing.invoice.v1/1/12-499\"]'",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
