//! What the targets share. The readers are pure, so they are taken in as files: ingestion as a whole would bring Kafka's and
//! PostgreSQL's clients into a build with sanitizers.

#[path = "../../services/ingestion/src/formats/mod.rs"]
pub mod formats;

#[path = "../../services/ingestion/src/domain/payu.rs"]
pub mod payu;

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use formats::{Map, ReadError, Settings};

/// What the readers need of the domain.
#[path = "."]
pub mod domain {
    #[path = "../../services/ingestion/src/domain/pages.rs"]
    pub mod pages;
}

/// Any bytes as a file of whatever format they seem to be of, read with these settings: two passes tell the same, and what
/// is shown can be written as JSON.
///
/// # Panics
/// Where that does not hold.
pub fn read_twice(data: &[u8], settings: &Settings) {
    let count = || {
        let mut events = 0_u64;
        let read = formats::read_with(Cursor::new(data), settings, &mut |_| {
            events += 1;
            Ok::<(), ()>(())
        });
        match read {
            Ok(summary) => (Some((summary.statements, summary.entries, summary.quarantined)), events),
            Err(ReadError::Refused(_)) => (None, events),
            Err(other) => panic!("bytes in memory do not fail: {other:?}"),
        }
    };
    assert_eq!(count(), count());
    let inspection = formats::inspection::inspect_with(Cursor::new(data), settings).expect("bytes in memory do not fail");
    serde_json::to_vec(&inspection).expect("an inspection is JSON");
}

/// Column maps of which a target's first byte chooses one: marks, signs and orders that differ.
pub fn maps() -> &'static [Settings] {
    static MAPS: LazyLock<Vec<Settings>> = LazyLock::new(|| MAP_TEXTS.iter().map(|text| settings_of(text)).collect());
    &MAPS
}

const MAP_TEXTS: [&str; 3] = [
    "kind = \"statement\"\ndecimal = \",\"\nthousands = \".\"\ndate_format = \"DD.MM.YYYY\"\nskip_rows_with = [\"Total\"]\n\
     currency = \"RON\"\naccount = \"RO49AAAA1B31007593840000\"\n[columns]\nbooked_on = \"Data\"\nvalue_on = 2\n\
     debit = \"Debit\"\ncredit = \"Credit\"\nbalance = \"Sold\"\nname = \"Partener\"\niban = \"IBAN\"\n\
     references = [\"Referinta\"]\nremittance = [\"Detalii\"]\n",
    "separator = \",\"\nheader_rows = 0\norder = \"newest-first\"\nsign = \"inverted\"\nlast_line_end = \"optional\"\n[columns]\n\
     booked_on = 1\namount = 2\nbalance = 3\ncurrency = 4\naccount = 5\nremittance = [6]\n",
    "separator = \"tab\"\nquote = \"none\"\ndate_format = \"D/M/YY\"\ncurrency = \"JPY\"\naccount = \"1\"\ncredit_words = [\"C\"]\n\
     debit_words = [\"D\"]\n[columns]\nbooked_on = 1\namount = 2\ndirection = 3\nend_to_end = 4\nbank_reference = 5\n",
];

fn settings_of(map: &str) -> Settings {
    let map: Map = toml::from_str(map).expect("a map");
    assert!(map.faults().is_empty(), "{:?}", map.faults());
    Settings {
        map: Some(Arc::new(map)),
        ..Settings::default()
    }
}

/// A frame around a datum: the first byte chooses the schema among all released ones, in order of their names.
pub fn framed(data: &[u8]) -> Option<Vec<u8>> {
    static FINGERPRINTS: LazyLock<Vec<u64>> = LazyLock::new(fingerprints);
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
