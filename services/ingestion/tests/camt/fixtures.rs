//! Each fixture against its exact `inspect --json`; the fields behind it that only the importer uses.

use std::io::Cursor;

use ingestion::formats::inspection::write_json;
use ingestion::formats::{CopyKind, Part, ReferenceKind, Settings, Status};
use serde_json::Value;

use crate::build::{gather, json};

macro_rules! fixture {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../fixtures/camt/", $name, ".xml")).as_slice(),
            include_str!(concat!("../fixtures/camt/", $name, ".json")),
        )
    };
}

const FIXTURES: [(&str, &[u8], &str); 5] = [
    fixture!("v01_first"),
    fixture!("v02_entries"),
    fixture!("v04_batches"),
    fixture!("v08_wrapped"),
    fixture!("v14_accounts"),
];

#[test]
fn every_fixture_reads_exactly() {
    for (name, bytes, expected) in FIXTURES {
        let expected: Value = serde_json::from_str(expected).unwrap();
        let found = json(bytes);
        assert_eq!(
            found,
            expected,
            "{name}:\n{}",
            serde_json::to_string_pretty(&found).unwrap()
        );
    }
}

#[test]
fn the_streamed_json_says_the_same() {
    for (name, bytes, expected) in FIXTURES {
        let mut out = Vec::new();
        write_json(Cursor::new(bytes), &Settings::default(), &mut out).unwrap();
        let found: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(found, serde_json::from_str::<Value>(expected).unwrap(), "{name}");
    }
}

#[test]
fn what_the_importer_needs_besides() {
    let (entries, ends) = gather(FIXTURES[1].1).unwrap();
    let header = &ends[0].header;
    assert_eq!(
        (header.id.as_deref(), header.sequence_number.as_deref()),
        (Some("STMT-2026-015"), Some("15"))
    );
    assert_eq!(header.legal_sequence_number.as_deref(), Some("12"));
    assert_eq!(header.message_id.as_deref(), Some("MSG-0001"));
    let page = header.message_page.clone().unwrap();
    assert_eq!((page.number.as_str(), page.last), ("1", true));
    assert_eq!(header.from.as_ref().unwrap().text, "2026-01-15T00:00:00+02:00");
    assert_eq!(header.to.as_ref().unwrap().on.to_string(), "2026-01-15");
    assert_eq!(header.copy, Some(CopyKind::Duplicate));
    assert_eq!(header.account.owner.as_deref(), Some("Apa Nova Demo SA"));
    assert_eq!(header.account.bank_bic.as_deref(), Some("AAAAROBU"));
    let codes: Vec<&str> = header.balances.iter().map(|balance| balance.code.as_str()).collect();
    assert_eq!(codes, ["OPBD", "CLBD", "CLAV"]);
    assert_eq!(
        (ends[0].booked, ends[0].pending, ends[0].info, ends[0].quarantined),
        (4, 1, 1, false)
    );

    let first = &entries[0];
    assert_eq!((first.statement, first.number, first.line), (1, 1, 17));
    assert_eq!(first.servicer_reference.as_deref(), Some("ASR-1"));
    assert_eq!(first.code.subfamily.as_deref(), Some("ESCT"));
    assert_eq!(first.code.proprietary.as_deref(), Some("TRF"));
    assert_eq!(first.creditor.iban.as_deref(), Some("RO66BACX0000001234567890"));
    assert_eq!(first.ultimate_debtor.as_deref(), Some("Ana Popescu"));
    assert_eq!(
        (first.entry_text.as_str(), first.detail_text.as_str()),
        ("Incasare", "extra")
    );
    assert_eq!(first.documents, ["1001"]);
    let creditor: Vec<_> = first.creditor_references().collect();
    assert_eq!(creditor.len(), 1);
    assert_eq!(creditor[0].scheme.as_deref(), Some("SCOR"));
    let proprietary = first
        .references
        .iter()
        .find(|found| found.kind == ReferenceKind::Proprietary)
        .unwrap();
    assert_eq!(
        (proprietary.text.as_str(), proprietary.scheme.as_deref()),
        ("PR-1", Some("Seq"))
    );
    assert_eq!(entries[1].counterparty().other_account.as_deref(), Some("4711"));
    let returned = entries[2].returned.clone().unwrap();
    assert_eq!(
        (returned.reasons, returned.text.as_str()),
        (vec!["AC04".to_owned()], "cont inchis")
    );
    assert_eq!(entries[4].status, Status::Pending);
}

#[test]
fn parts_of_batches() {
    let (entries, _) = gather(FIXTURES[2].1).unwrap();
    let parts: Vec<(u64, Part)> = entries.iter().map(|entry| (entry.number, entry.part)).collect();
    let detail = |index, count| Part::Detail { index, count };
    assert_eq!(
        parts,
        [
            (1, detail(0, 3)),
            (1, detail(1, 3)),
            (1, detail(2, 3)),
            (2, detail(0, 2)),
            (2, detail(1, 2)),
            (3, Part::Batch { count: 2 }),
            (4, Part::Batch { count: 2 }),
            (5, Part::Batch { count: 0 }),
            (6, Part::Whole),
            (7, detail(0, 2)),
            (7, detail(1, 2)),
        ]
    );
    let batch = entries[7].batch.clone().unwrap();
    assert_eq!(
        (batch.payment_information_id.as_deref(), batch.count.as_deref()),
        (Some("B5"), Some("3"))
    );
}
