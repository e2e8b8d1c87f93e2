//! Messages: envelopes, ends, pages, what stands between them.

use ingestion::formats::inspection::Outcome;

use crate::build::{ACCOUNT, gather, message, statement, told};

const ENTRY: &str = ":61:2601020102C5,00NTRFNONREF//B-1\n:86:text\n";

#[test]
fn several_messages_with_and_without_envelopes() {
    let one = statement(ENTRY, "15,00");
    let two = statement("", "10,00")
        .replace("RON10,00\n:62F", "RON15,00\n:62F")
        .replace("62F:C260102RON10", "62F:C260102RON15");
    let enveloped = |text: &str| {
        let body = text.trim_end().trim_end_matches('-');
        format!("\u{1}{{1:F01AAAAROBUAXXX0000000000}}{{2:O9401200}}{{4:\r\n{body}-}}{{5:{{CHK:0}}}}\u{3}")
    };
    for file in [
        format!("{one}{two}"),
        format!("{}{two}", one.trim_end_matches("-\n")),
        format!("AAAAROBU\n940\nAAAAROBU\n{one}AAAAROBU\n940\nAAAAROBU\n{two}"),
        format!("{}\r\n{}", enveloped(&one), enveloped(&two)),
        // The end of one and the beginning of the next on one line; the body behind its brace.
        format!("{}{}", enveloped(&one), enveloped(&two)),
        format!("{}\n{}", enveloped(&one).replace("{4:\r\n", "{4:"), enveloped(&two)),
        // The end on the line of the last field.
        format!(
            "{}{}",
            enveloped(&one).replace("\n-}", "-}"),
            enveloped(&two).replace("\n-}", "-}")
        ),
        format!("free text\n------\n\n{one}\n\n-XXX\n{two}"),
    ] {
        let (outcome, proofs, problems) = told(file.as_bytes());
        assert_eq!(
            (outcome, proofs),
            (Outcome::Read, vec!["holds", "holds"]),
            "{file}\n{problems:?}"
        );
    }
}

#[test]
fn lines_that_only_look_like_tags_or_ends() {
    let text = "um 16\n:20:37 Uhr\n:12:11\n-Nr. 7\n: ?70x\n:KO:NR";
    let file = statement(&format!(":61:2601020102C5,00NTRFNONREF\n:86:{text}\n"), "15,00");
    let (outcome, proofs, problems) = told(file.as_bytes());
    assert_eq!((outcome, proofs), (Outcome::Read, vec!["holds"]), "{problems:?}");
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].ends_with(":12: is no tag of MT940 or MT942: read as text"),
        "{problems:?}"
    );
    let found = gather(file.as_bytes()).unwrap();
    assert_eq!(found.entries[0].remittance, "um 16:20:37 Uhr:12:11-Nr. 7: ?70x:KO:NR");
    // A dash alone inside a text ends nothing while the closing balance is to come.
    let file = statement(&format!("{ENTRY}-\n:61:2601020102C1,00NTRFNONREF\n"), "16,00");
    assert_eq!(told(file.as_bytes()).1, ["holds"]);
}

#[test]
fn details_of_the_statement_are_not_of_the_last_entry() {
    let file = message(&format!(
        ":60F:C260101RON10,00\n:86:IBAN: X\n{ENTRY}:62F:C260102RON15,00\n:64:C260102RON15,00\n:65:C260103RON15,00\n:86:Info\n"
    ));
    let found = gather(file.as_bytes()).unwrap();
    assert_eq!(found.entries[0].remittance, "text");
    assert_eq!(found.ends[0].header.balances.len(), 4);
}

#[test]
fn a_missing_end_is_told() {
    let file = format!(
        "{{1:F01X}}{{2:O9401200}}{{4:\n{}",
        statement(ENTRY, "15,00").trim_end_matches("-\n")
    );
    let (outcome, proofs, problems) = told(file.as_bytes());
    assert_eq!((outcome, proofs), (Outcome::Read, vec!["holds"]));
    assert_eq!(
        problems,
        ["line 2, Stmt[1]: the message begins in an envelope, but its end (-}) is missing: it is cut off"]
    );
}

#[test]
fn pages() {
    let pages = |middle: &str| {
        format!(
            "{}:62M:C260102RON15,00\n-\n:20:T1\n:25:{ACCOUNT}\n:28C:32/2\n:60M:C260102RON{middle}\n{ENTRY}:62F:C260102RON20,00\n-\n",
            message(&format!(":60F:C260101RON10,00\n{ENTRY}"))
        )
    };
    assert_eq!(
        told(pages("15,00").as_bytes()),
        (Outcome::Read, vec!["holds", "holds"], vec![])
    );
    let (outcome, proofs, problems) = told(pages("15,01").as_bytes());
    assert_eq!((outcome, proofs), (Outcome::Quarantined, vec!["holds", "fails"]));
    assert_eq!(
        problems[1],
        "line 9, Stmt[2]/:60M:: the page begins with 15.01 RON, but the page before it ended with 15.00 RON"
    );
    // Pages of one message: the header is not repeated.
    let one = pages("15,00").replace(&format!("-\n:20:T1\n:25:{ACCOUNT}\n:28C"), ":28C");
    let found = gather(one.as_bytes()).unwrap();
    let accounts: Vec<&str> = found
        .ends
        .iter()
        .map(|end| end.header.account.number.as_str())
        .collect();
    assert_eq!(accounts, [ACCOUNT, ACCOUNT]);
    assert!(
        found
            .ends
            .iter()
            .all(|end| !end.quarantined && end.header.id.as_deref() == Some("T1"))
    );
    // The last page is in another file.
    let first = pages("15,00")
        .split(":20:")
        .nth(1)
        .map(|page| format!(":20:{page}"))
        .unwrap();
    let (outcome, _, problems) = told(first.as_bytes());
    assert_eq!(outcome, Outcome::Read);
    assert_eq!(
        problems,
        ["line 1, Stmt[1]: the statement goes on on a page that is not in this file"]
    );
}

#[test]
fn a_missing_statement_between_two_is_told() {
    let file = format!("{}{}", statement(ENTRY, "15,00"), statement(ENTRY, "15,00"));
    let (outcome, proofs, problems) = told(file.as_bytes());
    assert_eq!((outcome, proofs), (Outcome::Read, vec!["holds", "holds"]));
    assert_eq!(
        problems,
        [
            "line 9, Stmt[2]/:60F:: it begins with 10.00 RON, but the statement before it in the file ended with 15.00 RON: one is missing between them, or the order is another"
        ]
    );
}

#[test]
fn encodings() {
    let with = |bytes: &[u8]| {
        let mut file = message(":60F:C260101RON10,00\n:61:2601020102C5,00NTRFNONREF\n:86:").into_bytes();
        file.extend_from_slice(bytes);
        file.extend_from_slice(b"\n:61:2601020102C5,00NTRFNONREF\n:86:\xC8\x99i\n:62F:C260102RON20,00\n");
        gather(&file).unwrap()
    };
    for (bytes, text, name) in [
        ("plată".as_bytes(), "plată", "UTF-8"),
        (b"plat\xE3 Ia\xBAi", "plată Iaşi", "windows-1250"),
        (
            b"plat\xC7 pentru G\x83lea \x8Cn cont",
            "plată pentru Gâlea în cont",
            "IBM852",
        ),
    ] {
        let found = with(bytes);
        assert_eq!(found.summary.encoding, name, "{text}");
        assert_eq!(found.entries[0].remittance, text);
        // A field that is UTF-8 stays it beside others.
        assert_eq!(found.entries[1].remittance, "și");
    }
}
