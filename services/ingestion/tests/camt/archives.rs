//! ZIP archives of bank files.

use std::io::{Cursor, Write};

use ingestion::formats::RefusalReason;
use ingestion::formats::inspection::Outcome;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::build::{ACCOUNT, document, entry, gather, inspected, refusal};

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn statement(amount: &str) -> Vec<u8> {
    document(&format!("{ACCOUNT}{}", entry(amount, "CRDT", ""))).into_bytes()
}

#[test]
fn many_files_are_read_as_one() {
    let (first, second) = (statement("1"), statement("2"));
    let bytes = archive(&[
        ("a/1.xml", first.as_slice()),
        ("liesmich.pdf", b"%PDF-1.4"),
        ("b.dat", second.as_slice()),
        ("empty.txt", b""),
    ]);
    let found = inspected(&bytes);
    assert_eq!(found.outcome, Outcome::Read, "{:?}", found.problems);
    assert_eq!(found.format.as_deref(), Some("camt.053.001.02"));
    let amounts: Vec<_> = found.statements.iter().map(|one| one.entries[0].amount_minor).collect();
    assert_eq!(amounts, [Some(100), Some(200)]);
    let places: Vec<&str> = found.problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["line 1, liesmich.pdf", "line 1, empty.txt"]);
    assert!(found.problems[0].what.ends_with("it looks like a PDF"));
    let (_, ends) = gather(&bytes).unwrap();
    assert_eq!(ends[1].header.index, 2);
}

#[test]
fn a_bank_file_that_cannot_be_read_refuses_the_archive() {
    let good = statement("1");
    let cut = &good[..good.len() - 20];
    let found = refusal(&archive(&[("1.xml", good.as_slice()), ("2.xml", cut)]));
    assert_eq!(found.reason, RefusalReason::Truncated);
    assert!(found.at.path.starts_with("2.xml: Document"), "{}", found.at);
    let nested = archive(&[("1.zip", archive(&[("1.xml", good.as_slice())]).as_slice())]);
    assert!(matches!(refusal(&nested).reason, RefusalReason::OfFormat { .. }));
    assert_eq!(
        refusal(&archive(&[("a.pdf", b"%PDF")])).reason,
        RefusalReason::NotABankFile("a PDF")
    );
    assert!(matches!(refusal(&archive(&[])).reason, RefusalReason::OfFormat { .. }));
}

/// A file that swells beyond reason, and too many files.
#[test]
fn bounds() {
    let mut bomb = statement("1");
    bomb.extend(std::iter::repeat_n(b' ', 40 * 1024 * 1024));
    let found = refusal(&archive(&[("bomb.xml", bomb.as_slice())]));
    assert!(found.reason.to_string().contains("times as large as packed"), "{found}");
    let many: Vec<String> = (0..10_001).map(|number| number.to_string()).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert!(
        refusal(&archive(&many))
            .reason
            .to_string()
            .contains("more than 10000 files")
    );
}

/// Cut at every byte or damaged at every byte: refused, or exactly what it was.
#[test]
fn cut_or_damaged_anywhere() {
    let (first, second) = (statement("1"), statement("2"));
    let bytes = archive(&[("1.xml", first.as_slice()), ("2.xml", second.as_slice())]);
    let whole = inspected(&bytes).statements;
    for end in 0..bytes.len() {
        assert_eq!(inspected(&bytes[..end]).outcome, Outcome::Refused, "cut at {end}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let found = inspected(&damaged);
        let same = found.statements == whole || found.statements.iter().all(|one| whole.contains(one));
        assert!(found.outcome == Outcome::Refused || same, "damaged at {at}: {found:?}");
    }
}
