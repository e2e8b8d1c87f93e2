//! Public samples of others, read from where `INCASSO_SAMPLES` points (they are not part of this repository).

use std::path::PathBuf;

use ingestion::formats::inspection::Outcome;

use crate::build::inspected;

/// Each camt.053 among the samples, and how it ends.
const EXPECTED: [(&str, Outcome); 15] = [
    (
        "genkgo__camt__test_data_camt053.v2.all-balance-types.xml",
        Outcome::Quarantined,
    ),
    (
        "genkgo__camt__test_data_camt053.v2.five.decimals.xml",
        Outcome::Quarantined,
    ),
    (
        "genkgo__camt__test_data_camt053.v2.minimal.ultimate.xml",
        Outcome::Quarantined,
    ),
    ("genkgo__camt__test_data_camt053.v2.minimal.xml", Outcome::Quarantined),
    ("genkgo__camt__test_data_camt053.v2.multi.statement.xml", Outcome::Read),
    (
        "genkgo__camt__test_data_camt053.v2.with-account-name.xml",
        Outcome::Read,
    ),
    (
        "genkgo__camt__test_data_camt053.v2.with-party-ids.xml",
        Outcome::Quarantined,
    ),
    ("genkgo__camt__test_data_camt053.v2.wrong.xml", Outcome::Refused),
    ("genkgo__camt__test_data_camt053.v3.xml", Outcome::Quarantined),
    ("genkgo__camt__test_data_camt053.v4.xml", Outcome::Quarantined),
    ("genkgo__camt__test_data_camt053.v8.xml", Outcome::Quarantined),
    ("genkgo__camt__test_data_camt53.only-Dt-with-DtTm.xml", Outcome::Read),
    ("newinnovations__camt053__doc_error-camt053.xml", Outcome::Quarantined),
    ("newinnovations__camt053__doc_example-camt053-a.xml", Outcome::Read),
    (
        "prowide__prowide-iso20022__test_resources_camt.053.001.07.xml",
        Outcome::Read,
    ),
];

#[test]
fn samples_of_others() {
    let Some(folder) = std::env::var_os("INCASSO_SAMPLES").map(PathBuf::from) else {
        println!("skipped: INCASSO_SAMPLES does not name the folder of the samples");
        return;
    };
    let folder = if folder.join("camt").is_dir() {
        folder.join("camt")
    } else {
        folder
    };
    for (name, outcome) in EXPECTED {
        let found = inspected(&std::fs::read(folder.join(name)).unwrap());
        assert_eq!(found.outcome, outcome, "{name}: {:?}", found.problems);
    }
}
