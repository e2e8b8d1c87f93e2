//! What the targets share. The readers are pure, so they are taken in as files: ingestion as a whole would bring Kafka's and
//! PostgreSQL's clients into a build with sanitizers.

#[path = "../../services/ingestion/src/formats/mod.rs"]
pub mod formats;

#[path = "../../services/ingestion/src/domain/payu.rs"]
pub mod payu;

/// What the readers need of the domain.
#[path = "."]
pub mod domain {
    #[path = "../../services/ingestion/src/domain/pages.rs"]
    pub mod pages;
}

/// A frame around a datum: the first byte chooses the schema among all released ones, in order of their names.
pub fn framed(data: &[u8]) -> Option<Vec<u8>> {
    static FINGERPRINTS: std::sync::LazyLock<Vec<u64>> = std::sync::LazyLock::new(fingerprints);
    let (choice, datum) = data.split_first()?;
    let fingerprint = FINGERPRINTS[usize::from(*choice) % FINGERPRINTS.len()];
    Some([&[0xC3, 0x01][..], &fingerprint.to_le_bytes(), datum].concat())
}

fn fingerprints() -> Vec<u64> {
    let mut events: Vec<_> = contracts::schemas::EVENTS.iter().collect();
    events.sort_by_key(|event| event.name);
    let versions = events.iter().flat_map(|event| event.versions);
    versions
        .map(|(_, text)| {
            let schema = apache_avro::Schema::parse_str(text).expect("a released schema is valid");
            contracts::codec::fingerprint(&schema).expect("a released schema is in the contract")
        })
        .collect()
}
