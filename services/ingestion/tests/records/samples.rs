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
        told: &[
            "line 10, record 33, positions 74-76 (currency): \"001\" is not a currency of ISO 4217",
            "line 10, record 33, positions 21-25 (number of debits): number of debits: 4 stated, 0 found",
            "line 10, record 33, positions 26-39 (total of debits): total of debits: 49.36 stated, 0.00 found, difference -49.36",
            "line 10, record 33, positions 40-44 (number of credits): number of credits: 2 stated, 4 found",
            "line 10, record 33, positions 45-58 (total of credits): total of credits: 9999.99 stated, 49.36 found, difference -9950.63",
            "line 10: the file ends without its record 88: it may be cut off",
            "line 1, statement 1: the balance proof fails: opening 1234.56 + booked 49.36 = 1283.92, but the closing balance is 788899999999.99 EUR",
        ],
    },
    Expected {
        file: "sequra__norma43_parser__spec_fixtures_example2.n43",
        outcome: Outcome::Quarantined,
        statements: &[("ES0700814797516995216857", 4, 34_278, "absent")],
        told: &[
            "line 13: the file ends without its record 88: it may be cut off",
            "line 13: the statement ends without its record 33",
        ],
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
