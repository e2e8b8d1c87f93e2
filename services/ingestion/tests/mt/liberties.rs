//! Ways of writing that the standard does not know and banks have, one row each: what is read is the same.

use ingestion::formats::inspection::Outcome;

use crate::build::{ACCOUNT, inspected, message, statement, told};

/// An entry of 5.00 RON.
const ENTRY: &str = ":61:2601020102C5,00NTRFREF//BNK\n:86:text\n";

/// From 10.00 RON by 5.00 to 15.00.
fn usual() -> String {
    statement(ENTRY, "15,00")
}

/// The same, with one text for another.
fn with(old: &str, new: &str) -> String {
    let file = usual();
    assert!(file.contains(old), "{old}");
    file.replace(old, new)
}

#[test]
fn what_is_written_otherwise_is_read_the_same() {
    let expected = inspected(usual().as_bytes());
    assert_eq!(expected.outcome, Outcome::Read);
    for (case, file) in [
        ("signs for line ends", format!("@@{}", usual().replace('\n', "@@"))),
        (
            "the same, from the first tag on, and one line end",
            format!("{}\n", usual().replace('\n', "@@")),
        ),
        ("CR for C", with(":60F:C", ":60F:CR")),
        ("blanks in a balance", with("C260101RON10,00", "C 260101 RON 10,00")),
        ("a blank before the entry date", with("2601020102C", "260102 0102C")),
        ("zeros for an entry date", with("2601020102C", "2601020000C")),
        ("a slash behind the account", with(ACCOUNT, &format!("{ACCOUNT}/"))),
    ] {
        let found = inspected(file.as_bytes());
        assert_eq!(
            (&found.statements, found.outcome),
            (&expected.statements, expected.outcome),
            "{case}"
        );
        assert!(found.problems.is_empty(), "{case}: {:?}", found.problems);
    }
    let untyped = inspected(with("NTRFREF//BNK", "//BNK").as_bytes());
    assert_eq!(untyped.statements[0].entries[0].references, ["BNK"]);
}

/// Without an opening balance the closing one tells the currency, however late.
#[test]
fn entries_before_their_currency_is_known() {
    let file = message(&format!(
        "{ENTRY}{}:62F:C260102RON15,00\n-\n",
        ENTRY.replace("C5,00", "D7,25")
    ));
    let found = inspected(file.as_bytes());
    assert_eq!(found.outcome, Outcome::Quarantined);
    let statement = &found.statements[0];
    assert_eq!(
        (statement.balance_proof, statement.closing_minor),
        ("absent", Some(1_500))
    );
    let entries = &statement.entries;
    let read: Vec<_> = entries
        .iter()
        .map(|entry| (entry.amount_minor, entry.remittance.as_str()))
        .collect();
    assert_eq!(read, [(Some(500), "text"), (Some(-725), "text")]);
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    // More than is held at once: the rest has no currency, and none is invented.
    let long = format!(":61:2601020102C5,00NTRFREF//BNK\n:86:{}\n", "x".repeat(30_000)).repeat(160);
    let found = inspected(message(&format!("{long}:62F:C260102RON15,00\n-\n")).as_bytes());
    assert_eq!(found.statements[0].entries.len(), 160);
    assert!(
        found.statements[0]
            .entries
            .iter()
            .all(|entry| entry.amount_minor.is_none())
    );
}

/// A report of no credits may leave their number out.
#[test]
fn sums_without_a_number() {
    let report = |sum: &str| {
        message(&format!(
            ":34F:EUR 999999999999,99\n:13:2601022055\n:61:260102D0,02NMSCKREF+\n:90D:1EUR,02\n:90C:{sum}\n-\n"
        ))
    };
    let (outcome, _, problems) = told(report("EUR,00").as_bytes());
    assert_eq!((outcome, problems), (Outcome::Read, vec![]));
    let (outcome, _, problems) = told(report("EUR,01").as_bytes());
    assert_eq!((outcome, problems.len()), (Outcome::Quarantined, 1));
}

/// Half a character of UTF-16 is no error of the disk: the file is refused for good.
#[test]
fn bytes_that_are_no_utf16() {
    let mut bytes: Vec<u8> = format!("\u{feff}{}", usual())
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let at = bytes.len() - 20;
    bytes.splice(at..at, [0x00, 0xD8]);
    let found = inspected(&bytes);
    assert_eq!(found.outcome, Outcome::Refused);
    assert_eq!(
        found.problems[0].what,
        "the bytes are not UTF-16LE, as the file declares"
    );
    assert_eq!(found.problems[0].place, "line 7");
}
