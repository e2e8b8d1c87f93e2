//! Each fixture against its exact `inspect --json`; the fields behind it that only the importer uses.

use std::io::Cursor;

use ingestion::formats::inspection::write_json;
use ingestion::formats::{Family, ReferenceKind, Settings, StatementKind};
use serde_json::Value;

use crate::build::{dialect, entry, gather, gather_with, json};

macro_rules! fixture {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../fixtures/mt/", $name, ".sta")).as_slice(),
            include_str!(concat!("../fixtures/mt/", $name, ".json")),
        )
    };
}

pub const FIXTURES: [(&str, &[u8], &str); 5] = [
    fixture!("alpha"),
    fixture!("dutch"),
    fixture!("german_pages"),
    fixture!("interim"),
    fixture!("romania"),
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

/// Line ends, a byte order mark and blank lines say nothing.
#[test]
fn written_otherwise_it_reads_the_same() {
    for (name, bytes, expected) in FIXTURES {
        let mut expected: Value = serde_json::from_str(expected).unwrap();
        expected["problems"].take();
        let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
        for other in [
            text.replace('\n', "\r\n"),
            text.replace('\n', "\r"),
            format!("\u{feff}{text}"),
            text.replace("\n:", "\n  :"),
            format!("\n\n  \n{}", text.replace('\n', "\n\n")),
            text.trim_end_matches(['\n', '-']).to_owned(),
        ] {
            let mut found = json(other.as_bytes());
            found["problems"].take();
            assert_eq!(found, expected, "{name}: {:?}", other.get(..40));
        }
        let wide: Vec<u8> = format!("\u{feff}{text}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(json(&wide)["statements"], expected["statements"], "{name} in UTF-16");
    }
}

#[test]
fn dialects_and_why() {
    let told: Vec<(&str, String, String)> = FIXTURES
        .iter()
        .map(|(name, bytes, _)| {
            let dialect = dialect(bytes);
            (*name, dialect.name, dialect.why)
        })
        .collect();
    let expected = [
        ("alpha", "Alpha Bank Romania", "the account's IBAN is of the bank BUCU"),
        (
            "dutch",
            "slash tags as Dutch banks write them",
            ":86: is in tags between slashes",
        ),
        (
            "german_pages",
            "subfields as German banks write them",
            ":86: is in subfields of two digits",
        ),
        (
            "interim",
            "subfields as German banks write them",
            ":86: is in subfields of two digits",
        ),
        ("romania", "BCR Romania", "the account's IBAN is of the bank RNCB"),
    ];
    for ((name, dialect, why), expected) in told.iter().zip(expected) {
        assert_eq!((*name, dialect.as_str(), why.as_str()), expected);
    }
    let settings = Settings {
        dialect: Some("brd".into()),
        ..Settings::default()
    };
    let found = gather_with(FIXTURES[1].1, &settings).unwrap();
    assert_eq!(found.summary.dialect.why, "the settings say so");
}

#[test]
fn what_the_importer_needs_besides() {
    let found = gather(FIXTURES[2].1).unwrap();
    let first = &found.ends[0].header;
    assert_eq!(
        (first.id.as_deref(), first.sequence_number.as_deref()),
        (Some("AUSZUG"), Some("00231"))
    );
    let pages: Vec<_> = found.ends.iter().map(|end| end.header.page.clone().unwrap()).collect();
    assert_eq!((pages[0].number.as_str(), pages[0].last), ("001", false));
    assert_eq!((pages[1].number.as_str(), pages[1].last), ("002", true));
    assert_eq!(first.kind, StatementKind::Final);
    let entry = &found.entries[0];
    assert_eq!(entry.servicer_reference.as_deref(), Some("BNK-0001"));
    let kinds: Vec<ReferenceKind> = entry.references.iter().map(|reference| reference.kind).collect();
    assert_eq!(
        kinds,
        [ReferenceKind::Servicer, ReferenceKind::EndToEnd, ReferenceKind::Mandate]
    );
    assert_eq!(entry.code.proprietary.as_deref(), Some("NTRF+166"));
    assert_eq!(entry.entry_text, "GUTSCHRIFT");
    let returned = &found.entries[3];
    assert_eq!(returned.returned.as_ref().unwrap().reasons, ["AM04"]);
    assert_eq!(
        returned.detail_text,
        "CRED+DE98ZZZ09999999999 /OCMT/EUR23,00//CHGS/EUR3,00/"
    );
    let interim = gather(FIXTURES[3].1).unwrap();
    assert_eq!(
        (interim.ends[0].header.kind, interim.summary.format.family),
        (StatementKind::Intraday, Family::Mt942)
    );
    assert_eq!(
        interim.ends[0].header.created.as_ref().unwrap().on.to_string(),
        "2026-02-01"
    );
    // BCR tells the account that was credited: it may be a virtual one.
    let romania = gather(FIXTURES[4].1).unwrap();
    assert_eq!(romania.entries[0].creditor.name.as_deref(), Some("Energie Test SA"));
}

#[test]
fn texts_that_the_payer_cut_in_lines() {
    let found = entry(":61:2601020102C1,00NTRFNONREF\n:86:factura 2026 417\ncontract 88\n");
    assert_eq!(found.remittance, "factura 2026 417contract 88");
    assert_eq!(found.detail_text, "factura 2026 417 contract 88");
    let full = "x".repeat(65);
    let found = entry(&format!(":61:2601020102C1,00NTRFNONREF\n:86:{full}\ny\n"));
    assert_eq!(
        (found.remittance, found.detail_text),
        (format!("{full}y"), String::new())
    );
}

#[test]
fn without_details_the_supplement_is_the_text() {
    let found = entry(":61:2601020102C1,00NTRFREF 7\nplata chirie\n");
    assert_eq!(found.remittance, "plata chirie");
    let found = entry(":61:2601020102C1,00NTRFREF 7\n:NS:01plata\n02chirie\n15IONESCU\n16 ANA\n17INCASARE\n");
    assert_eq!(found.remittance, "platachirie");
    assert_eq!(found.counterparty().name.as_deref(), Some("IONESCU ANA"));
    assert_eq!(found.entry_text, "INCASARE");
}
