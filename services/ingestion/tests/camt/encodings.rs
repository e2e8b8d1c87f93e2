//! The same statement in every encoding that banks write.

use ingestion::formats::RefusalReason;

use crate::build::{ACCOUNT, document, entry, inspected, reason};

const NAME: &str = "Müller & Söhne € Ñandú";

fn text(declaration: &str) -> String {
    let details = format!(
        "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>{}</Nm></Dbtr></RltdPties></TxDtls></NtryDtls>",
        NAME.replace('&', "&amp;")
    );
    let whole = document(&format!("{ACCOUNT}\n{}", entry("1", "CRDT", &details)));
    let (_, rest) = whole.split_once('\n').unwrap();
    format!("{declaration}{rest}")
}

fn declared(name: &str) -> String {
    text(&format!("<?xml version=\"1.0\" encoding=\"{name}\"?>\n"))
}

/// The name that was read, and what the notes say.
fn read_name(bytes: &[u8]) -> (String, Vec<String>) {
    let found = inspected(bytes);
    assert_eq!(found.outcome.exit_code(), 0, "{:?}", found.problems);
    let name = found.statements[0].entries[0].counterparty.name.clone().unwrap();
    (name, found.problems.into_iter().map(|problem| problem.what).collect())
}

fn single_byte(text: &str, euro: u8) -> Vec<u8> {
    let byte = |letter: char| match letter {
        '€' => euro,
        other => u8::try_from(u32::from(other)).unwrap(),
    };
    text.chars().map(byte).collect()
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16()
        .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
        .collect()
}

fn with_mark(mark: &[u8], rest: &[u8]) -> Vec<u8> {
    [mark, rest].concat()
}

#[test]
fn read_without_a_note() {
    let cases = [
        ("UTF-8", declared("UTF-8").into_bytes()),
        ("utf-8 in small letters", declared("utf-8").into_bytes()),
        ("nothing declared", text("<?xml version=\"1.0\"?>\n").into_bytes()),
        ("no declaration", text("").into_bytes()),
        ("a blank line first", text("\n").into_bytes()),
        ("UTF-8 mark", with_mark(b"\xEF\xBB\xBF", declared("UTF-8").as_bytes())),
        ("UTF-8 mark alone", with_mark(b"\xEF\xBB\xBF", text("").as_bytes())),
        ("ISO-8859-15", single_byte(&declared("ISO-8859-15"), 0xA4)),
        ("windows-1252", single_byte(&declared("windows-1252"), 0x80)),
        // As everywhere on the web, ISO-8859-1 is read as its superset.
        ("ISO-8859-1", single_byte(&declared("ISO-8859-1"), 0x80)),
        (
            "quotes",
            single_byte(
                &declared("x").replace("\"1.0\" encoding=\"x\"", "'1.0' encoding = 'iso-8859-15'"),
                0xA4,
            ),
        ),
        (
            "UTF-16LE mark",
            with_mark(b"\xFF\xFE", &utf16(&declared("UTF-16"), false)),
        ),
        (
            "UTF-16BE mark",
            with_mark(b"\xFE\xFF", &utf16(&declared("UTF-16"), true)),
        ),
        ("UTF-16LE", utf16(&declared("UTF-16"), false)),
        ("UTF-16BE", utf16(&declared("UTF-16"), true)),
        (
            "UTF-16LE without declaration",
            with_mark(b"\xFF\xFE", &utf16(&text(""), false)),
        ),
    ];
    for (name, bytes) in cases {
        assert_eq!(read_name(&bytes), (NAME.to_owned(), Vec::new()), "{name}");
    }
}

#[test]
fn read_with_a_note() {
    for declaration in ["", "<?xml version=\"1.0\"?>\n"] {
        let bytes = single_byte(&text(declaration), 0x80);
        let line = if declaration.is_empty() { 2 } else { 3 };
        let note =
            format!("no encoding is declared and the bytes are not UTF-8 (first at line {line}): read as Windows-1252");
        assert_eq!(read_name(&bytes), (NAME.to_owned(), vec![note]));
    }
    let (name, notes) = read_name(declared("UTF-16").as_bytes());
    assert_eq!(name, NAME);
    assert_eq!(
        notes,
        ["the file declares the encoding \"UTF-16\" but its bytes are UTF-8: read as UTF-8"]
    );
    let (name, notes) = read_name(&with_mark(b"\xEF\xBB\xBF", declared("ISO-8859-1").as_bytes()));
    assert_eq!((name.as_str(), notes.len()), (NAME, 1));
}

/// The first byte that is not UTF-8 may come after any number of chunks, and a character may be cut by a chunk's end.
#[test]
fn far_into_the_file() {
    for blanks in (65_000..68_000).step_by(37) {
        let padded = text("").replace("<Ntry>", &format!("{}<Ntry>", " ".repeat(blanks)));
        assert_eq!(read_name(padded.as_bytes()), (NAME.to_owned(), Vec::new()), "{blanks}");
        let (name, notes) = read_name(&single_byte(&padded, 0x80));
        assert_eq!((name.as_str(), notes.len()), (NAME, 1), "{blanks}");
        let marked = with_mark(b"\xFF\xFE", &utf16(&padded, false));
        assert_eq!(read_name(&marked), (NAME.to_owned(), Vec::new()), "{blanks}");
    }
}

#[test]
fn refused_encodings() {
    for name in ["EBCDIC-37", "UTF-7"] {
        let bytes = single_byte(&declared(name), 0x80);
        assert_eq!(reason(&bytes), RefusalReason::UnknownEncoding(name.to_owned()));
    }
    let mut odd = with_mark(b"\xFF\xFE", &utf16(&declared("UTF-16"), false));
    odd.pop();
    assert_eq!(reason(&odd), RefusalReason::BadEncoding("UTF-16LE"));
}

/// What a file declares and is not: read as what its bytes are, and said so.
#[test]
fn declared_wrongly() {
    let says = |declared: &str, actual: &str| {
        format!("the file declares the encoding {declared:?} but its bytes are {actual}: read as {actual}")
    };
    for (name, bytes, actual) in [
        ("UTF-8", single_byte(&declared("UTF-8"), 0x80), "windows-1252"),
        ("ISO-8859-1", declared("ISO-8859-1").into_bytes(), "UTF-8"),
        ("windows-1252", declared("windows-1252").into_bytes(), "UTF-8"),
        ("EBCDIC-37", declared("EBCDIC-37").into_bytes(), "UTF-8"),
        (
            "utf-8",
            with_mark(b"\xEF\xBB\xBF", &single_byte(&declared("utf-8"), 0x80)),
            "windows-1252",
        ),
    ] {
        assert_eq!(read_name(&bytes), (NAME.to_owned(), vec![says(name, actual)]), "{name}");
    }
    // An overlong form of "/", as used to smuggle characters past a check, is no UTF-8: two harmless letters.
    let overlong = [
        text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").as_bytes(),
        b"<!--\xC0\xAF-->",
    ]
    .concat();
    assert_eq!(inspected(&overlong).problems.len(), 1);
}

/// Zero bytes and MS-DOS's mark fill up a file's end, and nothing stands behind them.
#[test]
fn what_fills_up_the_end() {
    for filler in ["\u{1a}", "\0", "\r\n\u{1a}\r\n", &"\0".repeat(200_000)] {
        let filled = text("") + filler;
        assert_eq!(read_name(filled.as_bytes()), (NAME.to_owned(), Vec::new()));
        let more = format!("{filled}<a/>");
        assert!(matches!(
            reason(more.as_bytes()),
            RefusalReason::ForbiddenCharacter(0 | 0x1a)
        ));
    }
    let cut = text("").replace("</Document>", "\0\0");
    assert_eq!(reason(cut.as_bytes()), RefusalReason::Truncated);
}
