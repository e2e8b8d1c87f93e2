//! A service's certificates as they lie on its topic.

use std::collections::BTreeMap;

use contracts::catalogue::Topic;
use contracts::{DayCertified, Message as _, codec, headers};
use runtime::config::KafkaConfig;
use runtime::stored::{self, Stored};

use super::report::{Check, Finding};

/// What a certificate topic says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Published {
    /// The service that writes it.
    pub service: &'static str,
    /// In order of their sequence, each once.
    pub certificates: Vec<DayCertified>,
    /// What is on the topic and is no certificate, or a second one of the same day.
    pub findings: Vec<Finding>,
}

/// Reads all partitions from their start.
pub(crate) async fn read(kafka: &KafkaConfig, topic: &'static Topic) -> anyhow::Result<Published> {
    Ok(sorted(topic.writer, &stored::read(kafka, topic).await?))
}

fn sorted(service: &'static str, records: &[Stored]) -> Published {
    let mut by_id: BTreeMap<&str, &Stored> = BTreeMap::new();
    let mut published = Published {
        service,
        ..Published::default()
    };
    let mut by_sequence: BTreeMap<i64, DayCertified> = BTreeMap::new();
    for record in records {
        let place = format!("partition {}, offset {}", record.partition, record.offset);
        let id = record.header(headers::CE_ID).unwrap_or_default();
        // A relay that dies between delivery and note sends again: same id, same bytes.
        match by_id.insert(id, record) {
            Some(before) if before.payload == record.payload => continue,
            Some(before) => {
                let what = format!("{place}: another content under the id of offset {}", before.offset);
                published.findings.push(Finding::of_topic(service, Check::Topic, what));
                continue;
            }
            None => {}
        }
        let payload = record.payload.as_deref().unwrap_or_default();
        let certificate = match codec::decode::<DayCertified>(payload) {
            Ok(certificate) => certificate,
            Err(error) => {
                let what = format!("{place}: no {}: {error}", DayCertified::TYPE);
                published.findings.push(Finding::of_topic(service, Check::Topic, what));
                continue;
            }
        };
        if certificate.service != service {
            let what = format!("{place}: a certificate of {}", certificate.service);
            published
                .findings
                .push(Finding::of(service, &certificate, Check::Topic, what));
        }
        if by_sequence.contains_key(&certificate.sequence) {
            let what = format!("{place}: a second certificate of this sequence");
            published
                .findings
                .push(Finding::of(service, &certificate, Check::Topic, what));
            continue;
        }
        by_sequence.insert(certificate.sequence, certificate);
    }
    published.certificates = by_sequence.into_values().collect();
    published
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::certificate;
    use super::*;

    fn record(offset: i64, id: &str, payload: Vec<u8>) -> Stored {
        let headers = vec![(headers::CE_ID.to_owned(), id.to_owned())];
        Stored {
            partition: 0,
            offset,
            key: None,
            payload: Some(payload),
            headers,
        }
    }

    #[test]
    fn duplicates_pass_and_everything_else_is_told() {
        let (one, two) = (certificate("ingestion", 1, &[]), certificate("ingestion", 2, &[]));
        let bytes = |certificate: &DayCertified| codec::encode(certificate).unwrap();
        let other = DayCertified {
            rows: 99,
            ..one.clone()
        };
        let records = [
            record(0, "b", bytes(&two)),
            record(1, "a", bytes(&one)),
            record(2, "a", bytes(&one)),
            record(3, "a", bytes(&other)),
            record(4, "c", bytes(&other)),
            record(5, "d", b"nonsense".to_vec()),
        ];
        let published = sorted("ingestion", &records);
        assert_eq!(published.certificates, [one, two]);
        let told: Vec<&str> = published.findings.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(told.len(), 3);
        assert_eq!(
            told[0],
            "partition 0, offset 3: another content under the id of offset 2"
        );
        assert_eq!(told[1], "partition 0, offset 4: a second certificate of this sequence");
        assert!(
            told[2].starts_with("partition 0, offset 5: no DayCertified: "),
            "{}",
            told[2]
        );
    }
}
