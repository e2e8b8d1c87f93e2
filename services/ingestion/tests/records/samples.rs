//! Public samples of others, read from where `INCASSO_SAMPLES` points (they are not part of this repository).

use std::path::PathBuf;

use ingestion::formats::inspection::Outcome;

use crate::build::{inspected, told};

/// File; outcome; per statement account, entries, sum of their amounts, proof; what is told of it.
struct Expected {
    file: &'static str,
    outcome: Outcome,
    statements: &'static [(&'static str, usize, i64, &'static str)],
    told: &'static [&'static str],
}

/// Every Norma 43 sample. Both are edited by those who published them.
const EXPECTED: [Expected; 2] = [
    Expected {
        file: "sequra__norma43_parser__spec_fixtures_example1.n43",
        outcome: Outcome::Quarantined,
        statements: &[("ES1799991111710123456789", 4, 4_936, "fails")],
        told: &[],
    },
    Expected {
        file: "sequra__norma43_parser__spec_fixtures_example2.n43",
        outcome: Outcome::Quarantined,
        statements: &[("ES0700814797516995216857", 4, 34_278, "absent")],
        told: &[],
    },
];

#[test]
fn samples_of_others() {
    let Some(folder) = std::env::var_os("INCASSO_SAMPLES").map(PathBuf::from) else {
        println!("skipped: INCASSO_SAMPLES does not name the folder of the samples");
        return;
    };
    let folder = folder.join("norma43");
    for expected in EXPECTED {
        let found = inspected(std::fs::read(folder.join(expected.file)).unwrap());
        assert_eq!(found.outcome, expected.outcome, "{}", expected.file);
        let statements: Vec<_> = found
            .statements
            .iter()
            .map(|statement| {
                let sum = statement
                    .entries
                    .iter()
                    .filter_map(|entry| entry.amount_minor)
                    .sum::<i64>();
                (
                    statement.account.as_deref().unwrap(),
                    statement.entries.len(),
                    sum,
                    statement.balance_proof,
                )
            })
            .collect();
        assert_eq!(statements, expected.statements, "{}", expected.file);
        assert_eq!(told(&found), expected.told, "{}", expected.file);
    }
    let files = std::fs::read_dir(&folder).unwrap().filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".n43")
    });
    assert_eq!(files.count(), EXPECTED.len(), "a sample has no row in the table");
}
