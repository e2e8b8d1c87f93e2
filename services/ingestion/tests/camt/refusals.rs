//! What is refused, and that nothing makes the reader fall over.

use std::io::{Cursor, Read, Seek, SeekFrom};

use ingestion::formats::{MAX_DEPTH, MAX_TEXT, MAX_TOKEN, ReadError, RefusalReason, Settings, check, inspect};

use crate::build::{ACCOUNT, document, entry, inspected, reason, refusal};

fn good() -> String {
    document(&format!("{ACCOUNT}{}", entry("1.00", "CRDT", "")))
}

fn malformed(bytes: &[u8]) -> bool {
    matches!(reason(bytes), RefusalReason::Malformed(_))
}

#[test]
fn not_a_statement() {
    let root = |name: &str| {
        good()
            .replace("camt.053", "camt.05x")
            .replace("BkToCstmrStmt", name)
            .replace("camt.05x", "camt.052")
            .into_bytes()
    };
    assert_eq!(
        reason(&root("CstmrCdtTrfInitn")),
        RefusalReason::NoBankMessage("Document".to_owned())
    );
    assert_eq!(
        reason(b"<html><body>Session expired</body></html>"),
        RefusalReason::NoBankMessage("html".to_owned())
    );
    assert_eq!(reason(b""), RefusalReason::Empty);
    assert_eq!(reason(b" \n "), RefusalReason::Empty);
    assert_eq!(reason(b"<?xml version=\"1.0\"?><!-- nothing -->"), RefusalReason::Empty);
    assert_eq!(reason(b"%PDF-1.7"), RefusalReason::NotABankFile("a PDF"));
    assert_eq!(reason(b"a;b;c\n"), RefusalReason::NoMap);
    let empty = good()
        .replace("Stmt>", "Other>")
        .replace("<BkToCstmrOther>", "<BkToCstmrStmt>");
    let empty = empty.replace("</BkToCstmrOther>", "</BkToCstmrStmt>");
    assert_eq!(reason(empty.as_bytes()), RefusalReason::NoStatement);
    assert_eq!(refusal(empty.as_bytes()).format.as_deref(), Some("camt.053.001.02"));
}

#[test]
fn a_refused_file_has_one_problem_and_no_statement() {
    let bytes = good().replace("</Document>", "");
    let found = inspected(bytes.as_bytes());
    assert_eq!(
        (found.outcome.exit_code(), found.statements.len(), found.problems.len()),
        (2, 0, 1)
    );
    assert_eq!(found.format.as_deref(), Some("camt.053.001.02"));
    assert_eq!(
        found.problems[0].what,
        "the file ends before its elements are closed: it was cut off"
    );
    let found = serde_json::to_value(inspected(b"<a/>")).unwrap();
    assert_eq!(
        (&found["format"], &found["statements"]),
        (&serde_json::Value::Null, &serde_json::json!([]))
    );
}

/// At every byte: never a panic, and never taken for whole.
#[test]
fn cut_off_anywhere() {
    let whole = std::str::from_utf8(include_bytes!("../fixtures/camt/v02_entries.xml"))
        .unwrap()
        .trim_end()
        .as_bytes();
    assert_eq!(inspected(whole).outcome.exit_code(), 0);
    for end in 0..whole.len() {
        let found = inspected(&whole[..end]);
        assert_eq!(found.outcome.exit_code(), 2, "cut at {end}");
        assert!(found.statements.is_empty());
    }
}

/// One byte changed anywhere: read or refused, never a panic.
#[test]
fn damaged_anywhere() {
    let whole = include_bytes!("../fixtures/camt/v08_wrapped.xml");
    for (at, damage) in (0..whole.len()).flat_map(|at| [0_u8, b'<', b'&'].map(|damage| (at, damage))) {
        let mut bytes = whole.to_vec();
        bytes[at] = damage;
        let found = inspected(&bytes);
        assert!(
            found.outcome.exit_code() == 2 || !found.statements.is_empty(),
            "{damage} at {at}"
        );
    }
}

#[test]
fn document_type_definitions_and_entities() {
    let bomb = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;\">\
                <!ENTITY lol3 \"&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;\">]>";
    let body = good().split_once('\n').unwrap().1.to_owned();
    for doctype in [
        bomb,
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE x [<!ENTITY xxe SYSTEM \"http://127.0.0.1:1/\">]>",
        "<!DOCTYPE Document>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM \"file:///dev/random\"> %p;]>",
    ] {
        assert_eq!(
            reason(format!("{doctype}{body}").as_bytes()),
            RefusalReason::Doctype,
            "{doctype}"
        );
    }
    let with = |text: &str| document(&format!("{ACCOUNT}<AddtlStmtInf>{text}</AddtlStmtInf>"));
    assert_eq!(
        reason(with("&lol3;").as_bytes()),
        RefusalReason::Entity("lol3".to_owned())
    );
    assert_eq!(
        reason(with("&#xFFFFFFFF;").as_bytes()),
        RefusalReason::Entity("#xFFFFFFFF".to_owned())
    );
    assert_eq!(reason(with("&#0;").as_bytes()), RefusalReason::Entity("#0".to_owned()));
    assert_eq!(reason(with("&#1;").as_bytes()), RefusalReason::ForbiddenCharacter(1));
    assert_eq!(reason(with("a\u{0}b").as_bytes()), RefusalReason::ForbiddenCharacter(0));
    assert_eq!(
        reason(with("a\u{1b}b").as_bytes()),
        RefusalReason::ForbiddenCharacter(0x1b)
    );
    assert!(malformed(with("a & b").as_bytes()));
    assert!(malformed(good().replace("Ccy=\"RON\"", "Ccy=\"&lol;\"").as_bytes()));
}

#[test]
fn not_well_formed() {
    for (name, bytes) in [
        ("mismatched end", good().replace("</Amt>", "</Amount>")),
        ("end too many", good() + "</Document>"),
        ("text after the root", good() + "x"),
        (
            "text before the root",
            "x".to_owned() + good().split_once('\n').unwrap().1,
        ),
        ("CDATA after the root", good() + "<![CDATA[]]>"),
        ("reference after the root", good() + "&amp;"),
        ("attribute without quotes", good().replace("Ccy=\"RON\"", "Ccy=RON")),
        (
            "attribute twice",
            good().replace("Ccy=\"RON\"", "Ccy=\"RON\" Ccy=\"RON\""),
        ),
        ("attribute without value", good().replace("Ccy=\"RON\"", "Ccy")),
        (
            "hundreds of attributes",
            good().replace(
                "Ccy=\"RON\"",
                &(0..200_000).map(|n| format!("a{n}=\"\" ")).collect::<String>(),
            ),
        ),
        ("< in an attribute", good().replace("Ccy=\"RON\"", "Ccy=\"<\"")),
        (
            "two hyphens in a comment",
            good().replace("<Acct>", "<!-- a -- b --><Acct>"),
        ),
        (
            "declaration inside of an element",
            good().replace("<Acct>", "<?xml version=\"1.0\"?><Acct>"),
        ),
        ("name that begins with a digit", good().replace("<Acct>", "<1/><Acct>")),
    ] {
        let found = reason(bytes.as_bytes());
        let plain = name == "text before the root" && found == RefusalReason::NoMap;
        assert!(
            matches!(found, RefusalReason::Malformed(_)) || plain,
            "{name}: {found:?}"
        );
    }
    // Whatever follows a whole document is a document too, and must be one.
    assert!(inspected((good() + "<a/>").as_bytes()).outcome.exit_code() == 0);
    let begun = good() + "<?xml version=\"1.0\"?>\n";
    assert_eq!(reason(begun.as_bytes()), RefusalReason::Truncated);
    assert_eq!(reason((good() + "<a>").as_bytes()), RefusalReason::Truncated);
}

#[test]
fn bounds() {
    let deep = document(&format!("{ACCOUNT}{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)));
    assert_eq!(reason(deep.as_bytes()), RefusalReason::TooDeep(MAX_DEPTH));
    let huge = document(&format!(
        "{ACCOUNT}<AddtlStmtInf>{}</AddtlStmtInf>",
        "x".repeat(MAX_TOKEN + 1)
    ));
    assert_eq!(reason(huge.as_bytes()), RefusalReason::TooLong(MAX_TOKEN));
    let attribute = good().replace("Ccy=\"RON\"", &format!("Ccy=\"{}\"", "R".repeat(MAX_TOKEN)));
    assert_eq!(reason(attribute.as_bytes()), RefusalReason::TooLong(MAX_TOKEN));
    let details = format!(
        "<NtryDtls><TxDtls><RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls></NtryDtls>",
        "x".repeat(MAX_TEXT + 1)
    );
    let long = document(&format!("{ACCOUNT}{}", entry("1", "CRDT", &details)));
    assert_eq!(reason(long.as_bytes()), RefusalReason::TooLong(MAX_TEXT));
    let at = refusal(long.as_bytes()).at;
    assert_eq!(
        at.to_string(),
        "line 2, Document/BkToCstmrStmt/Stmt/Ntry/NtryDtls/TxDtls/RmtInf/Ustrd"
    );
    // A bank's supplement may be long: an attachment.
    let supplement = format!("<SplmtryData><X>{}<Y/></X></SplmtryData>", "x".repeat(MAX_TEXT * 4));
    let inside = entry("1", "CRDT", &supplement);
    let found = inspected(document(&format!("{ACCOUNT}{inside}{supplement}")).as_bytes());
    assert_eq!((found.outcome.exit_code(), found.statements[0].entries.len()), (0, 1));
    let cut = document(&format!("{ACCOUNT}{supplement}"))
        .split_once("<Y/>")
        .unwrap()
        .0
        .to_owned();
    assert_eq!(reason(cut.as_bytes()), RefusalReason::Truncated);
}

/// An endless entry and an endless file: memory stays bounded because neither is gathered.
#[test]
fn one_entry_with_too_many_details_is_quarantined() {
    let detail = format!(
        "<TxDtls><RmtInf>{}</RmtInf></TxDtls>",
        format!("<Ustrd>{}</Ustrd>", "x".repeat(60_000)).repeat(10)
    );
    let statement = format!(
        "{ACCOUNT}{}",
        entry("1", "CRDT", &format!("<NtryDtls>{}</NtryDtls>", detail.repeat(130)))
    );
    let found = inspected(document(&statement).as_bytes());
    assert_eq!(found.outcome.exit_code(), 1);
    assert_eq!(found.problems[0].what, "one entry holds more than 64 MiB of details");
    assert_eq!(found.statements[0].entries[0].amount_minor, Some(100));
}

/// An input that fails, as a network file system does: an error of the input, not a refusal.
struct Failing(Cursor<Vec<u8>>, u64);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0.position() >= self.1 {
            return Err(std::io::Error::other("unplugged"));
        }
        let most = buf.len().min(100);
        self.0.read(&mut buf[..most])
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn an_input_that_fails_is_not_refused() {
    let bytes = document(&format!("{ACCOUNT}{}", entry("1.00", "CRDT", "").repeat(100))).into_bytes();
    for after in [0, 100, 2000] {
        let error = inspect(Failing(Cursor::new(bytes.clone()), after)).unwrap_err();
        assert_eq!(error.to_string(), "unplugged");
        assert!(matches!(
            check(Failing(Cursor::new(bytes.clone()), after), &Settings::default()),
            Err(ReadError::Io(_))
        ));
    }
}
