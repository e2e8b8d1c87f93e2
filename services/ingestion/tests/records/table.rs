//! CSV and XLSX by a column map.

use std::io::{Cursor, Write};
use std::sync::Arc;

use ingestion::formats::inspection::{Inspection, Outcome};
use ingestion::formats::{FileEnd, Map, Settings};

use crate::build::{assert_read, inspected, quarantined, told, with};

/// The example of the README.
const MAP: &str = r#"
name = "bt-export"
kind = "statement"
separator = ";"
decimal = ","
thousands = "."
date_format = "DD.MM.YYYY"
header_rows = 3
skip_rows_with = ["Total"]
currency = "RON"
account = "RO49 AAAA 1B31 0075 9384 0000"

[columns]
booked_on = "Data"
value_on = 2
debit = "Debit"
credit = "Credit"
balance = "Sold"
name = "Partener"
iban = "IBAN"
references = ["Referinta"]
remittance = ["Detalii", "Explicatii"]
"#;

const CSV: &str = "Extras de cont\n\nData;Valuta;Debit;Credit;Sold;Partener;IBAN;Referinta;Detalii;Explicatii\n\
02.11.2026;03.11.2026;;1.234,56;2.234,56;POPESCU ȘTEFAN;RO09 BCYP 0000 0012 3456 7890;R-1;\"factura; F-1\";contract 5\n\
03.11.2026;;234,56;0,00;2.000,00;;;R-2;comision;\n\
;;;;;;;;;\n\
Total;;234,56;1.234,56;;;;;;\n";

fn map(text: &str) -> Map {
    let map: Map = toml::from_str(text).unwrap();
    assert_eq!(map.faults(), Vec::<String>::new());
    map
}

fn by(bytes: impl AsRef<[u8]>, map: Map) -> Inspection {
    let settings = Settings {
        map: Some(Arc::new(map)),
        ..Settings::default()
    };
    with(bytes, &settings)
}

#[test]
fn a_bank_s_export() {
    let found = by(CSV, map(MAP));
    assert_read(&found);
    assert_eq!((found.format.as_deref(), told(&found)), (Some("CSV:bt-export"), vec![]));
    let statement = &found.statements[0];
    assert_eq!(
        (
            statement.account.as_deref(),
            statement.opening_minor,
            statement.closing_minor,
            statement.balance_proof
        ),
        (Some("RO49AAAA1B31007593840000"), Some(100_000), Some(200_000), "holds")
    );
    let [first, second] = &statement.entries[..] else {
        panic!("two entries")
    };
    assert_eq!(
        (first.amount_minor, second.amount_minor),
        (Some(123_456), Some(-23_456))
    );
    assert_eq!(first.counterparty.name.as_deref(), Some("POPESCU ȘTEFAN"));
    assert_eq!(first.counterparty.iban.as_deref(), Some("RO09BCYP0000001234567890"));
    assert_eq!(
        (first.references[0].as_str(), first.remittance.as_str()),
        ("R-1", "factura; F-1contract 5")
    );
    assert_eq!(
        (first.value_on.as_deref(), second.value_on.as_deref()),
        (Some("2026-11-03"), None)
    );
}

#[test]
fn newest_first_and_other_encodings() {
    let mut lines: Vec<&str> = CSV.lines().collect();
    lines.swap(3, 4);
    let text = format!("{}\n", lines.join("\r\n"));
    let newest = Map {
        order: ingestion::formats::Order::NewestFirst,
        ..map(MAP)
    };
    let found = by(&text, newest.clone());
    assert_read(&found);
    assert_eq!(found.statements[0].opening_minor, Some(100_000));
    quarantined(
        &by(&text, map(MAP)),
        "line 5, column 5 (Sold): the balance is 2234.56, but by the row before it would be 3234.56",
    );
    let utf16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let found = by(&utf16, newest.clone());
    assert_eq!(
        found.statements[0].entries[1].counterparty.name.as_deref(),
        Some("POPESCU ȘTEFAN")
    );
    let latin: Vec<u8> = text
        .replace('Ș', "É")
        .chars()
        .map(|letter| u8::try_from(letter).unwrap())
        .collect();
    let found = by(&latin, newest);
    assert_eq!(
        found.statements[0].entries[1].counterparty.name.as_deref(),
        Some("POPESCU ÉTEFAN")
    );
    assert_eq!(
        told(&found),
        ["line 5: the bytes are not UTF-8: read as windows-1252, in which more of them are letters"]
    );
}

#[test]
fn rows_that_are_wrong() {
    let cases = [
        (
            "1.234,56;2",
            "1.23,56;2",
            "line 4, column 4 (Credit): \"1.23,56\" is not an amount",
        ),
        (
            ";;1.234,56;2.234,56",
            ";;;2.234,56",
            "line 4, column 3 (Debit): the row has no amount",
        ),
        (
            ";;1.234,56;2.234,56",
            ";1,00;1.234,56;2.234,56",
            "both the debit and the credit column hold an amount",
        ),
        (
            "234,56;0,00",
            "-234,56;0,00",
            "line 5, column 3 (Debit): \"-234,56\" is not an amount",
        ),
        ("234,56;0,00", "234,561;0,00", "has more decimal places than RON"),
        (
            "02.11.2026;",
            "31.11.2026;",
            "line 4, column 1 (Data): \"31.11.2026\" is not a date",
        ),
        (
            "02.11.2026;",
            ";",
            "line 4, column 1 (Data): the row has no booking date",
        ),
        (
            "2.000,00",
            "2.000,01",
            "line 5, column 5 (Sold): the balance is 2000.01",
        ),
    ];
    for (from, to, expected) in cases {
        let text = CSV.replacen(from, to, 1);
        assert_ne!(text, CSV, "{from}");
        quarantined(&by(&text, map(MAP)), expected);
    }
    // Cut off inside the last row.
    let cut = CSV.split_at(CSV.find("comision").unwrap() + 3).0;
    quarantined(&by(cut, map(MAP)), "line 5: the last row has no line end");
    let optional = Map {
        last_line_end: FileEnd::Optional,
        ..map(MAP)
    };
    assert_read(&by(CSV.trim_end(), optional));
    // Headings between rows are passed over, and told once.
    let found = by(format!("{CSV};;;;;;;;nota;\n;;;;;;;;nota;\n"), map(MAP));
    assert_eq!(
        told(&found),
        ["line 8: the row has neither date nor amount and was passed over, like others of the kind"]
    );
}

#[test]
fn sign_and_direction() {
    let by_words = map(
        "currency = \"COP\"\naccount = \"1\"\nheader_rows = 0\nseparator = \",\"\ncredit_words = [\"C\"]\ndebit_words = [\"D\"]\n\
         [columns]\nbooked_on = 1\namount = 2\ndirection = 3\n",
    );
    let found = by("2026-11-02,5.00,C\n2026-11-02,7.00,d\n", by_words.clone());
    assert_read(&found);
    let amounts: Vec<_> = found.statements[0]
        .entries
        .iter()
        .map(|entry| entry.amount_minor)
        .collect();
    assert_eq!(amounts, [Some(500), Some(-700)]);
    quarantined(
        &by("2026-11-02,5.00,X\n", by_words.clone()),
        "line 1, column 3: the debit or credit code is \"X\"",
    );
    quarantined(
        &by("2026-11-02,-5.00,C\n", by_words),
        "line 1, column 2: \"-5.00\" is not an amount",
    );
    let inverted = map(
        "sign = \"inverted\"\nseparator = \"tab\"\nquote = \"none\"\n[columns]\nbooked_on = \"a\"\namount = \"b\"\ncurrency = \"c\"\naccount = \"d\"\n",
    );
    let found = by("A\tB\tC\tD\n2026-11-02\t5\"\tRON\tX\n", inverted.clone());
    quarantined(&found, "column 2 (B): \"5\\\"\" is not an amount");
    let found = by(
        "A\tB\tC\tD\n2026-11-02\t5\tRON\tX\n2026-11-02\t-6\teur\tY\n2026-11-02\t-6\tRON\tY\n",
        inverted,
    );
    quarantined(&found, "line 4, column 3 (C): the amount is in RON, the account in EUR");
    let statements: Vec<_> = found
        .statements
        .iter()
        .map(|statement| {
            (
                statement.account.as_deref(),
                statement.currency.as_deref(),
                statement.entries.len(),
            )
        })
        .collect();
    assert_eq!(statements, [(Some("X"), Some("RON"), 1), (Some("Y"), Some("EUR"), 2)]);
    assert_eq!(found.statements[0].entries[0].amount_minor, Some(-500));
}

#[test]
fn a_table_that_the_map_does_not_fit_is_refused() {
    let refused = |found: Inspection, expected: &str| {
        assert_eq!(found.outcome, Outcome::Refused);
        assert!(found.problems[0].what.contains(expected), "{:?}", found.problems);
    };
    refused(
        by("Data,Suma\n\n\n1,2\n", map(MAP)),
        "the column \"Data\" of the map \"bt-export\" is not there",
    );
    refused(inspected(CSV), "no column map is given");
    // A quotation that never ends does not fill the memory.
    let endless = format!("Data;\"{}", "x;\n".repeat(2_000_000));
    refused(by(endless, map(MAP)), "longer than 1048576 bytes");
}

/// A workbook as spreadsheet programs write it: shared texts, numbers, and days as numbers with a date format.
fn workbook(sheet: &str, texts: &[&str]) -> Vec<u8> {
    let shared: String = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let parts = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{package}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"r1\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"Extras\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"r1\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"r2\" Type=\"{relations}/sharedStrings\" Target=\"sharedStrings.xml\"/><Relationship Id=\"r3\" Type=\"{relations}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        ("xl/sharedStrings.xml", format!("<sst xmlns=\"{main}\">{shared}</sst>")),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{sheet}</sheetData></worksheet>"),
        ),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const XLSX_MAP: &str = "name = \"x\"\ncurrency = \"RON\"\naccount = \"A1\"\nheader_rows = 2\n[columns]\nbooked_on = \"Data\"\namount = \"Suma\"\nremittance = \"Detalii\"\n";

#[test]
fn a_workbook() {
    let sheet = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>3</v></c></row>\
        <row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c><c r=\"C2\" t=\"s\"><v>1</v></c><c r=\"D2\" t=\"s\"><v>2</v></c></row>\
        <row r=\"4\"><c r=\"A4\" s=\"1\"><v>46328</v></c><c r=\"C4\"><v>1234.5599999999999</v></c><c r=\"D4\" t=\"inlineStr\"><is><t>factura 7</t></is></c></row>\
        <row r=\"5\"><c r=\"A5\"><v>46329</v></c><c r=\"C5\"><v>-7</v></c></row>\
        <row r=\"6\"><c r=\"A6\" s=\"1\"><v>46329</v></c><c r=\"C6\"><v>0.125</v></c></row>";
    let bytes = workbook(sheet, &["Data", "Suma", "Detalii", "Extras"]);
    let mut settings = map(&XLSX_MAP.replace("remittance = \"Detalii\"", "remittance = [\"Detalii\"]"));
    let found = by(&bytes, settings.clone());
    assert_eq!(found.format.as_deref(), Some("XLSX:x"), "{:?}", found.problems);
    let rows: Vec<_> = found.statements[0]
        .entries
        .iter()
        .map(|entry| (entry.booked_on.as_deref().unwrap(), entry.amount_minor))
        .collect();
    assert_eq!(
        rows,
        [
            ("2026-11-02", Some(123_456)),
            ("2026-11-03", Some(-700)),
            ("2026-11-03", None)
        ]
    );
    assert_eq!(found.statements[0].entries[0].remittance, "factura 7");
    quarantined(
        &found,
        "line 6, column 3 (Suma): \"0.125\" has more decimal places than RON",
    );
    settings.sheet = Some("Alta".into());
    assert_eq!(by(&bytes, settings.clone()).outcome, Outcome::Refused);
    // Cut anywhere, it is no archive any more.
    settings.sheet = None;
    for at in 0..bytes.len() {
        assert_eq!(by(&bytes[..at], settings.clone()).outcome, Outcome::Refused, "{at}");
    }
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let text = "x".repeat(17 * 1024 * 1024);
    let bytes = workbook("", &[&text]);
    assert!(bytes.len() < 100_000);
    let found = by(&bytes, map(&XLSX_MAP.replace("remittance = \"Detalii\"", "")));
    assert_eq!(found.outcome, Outcome::Refused);
    assert!(
        found.problems[0].what.contains("unpacks to more"),
        "{:?}",
        found.problems
    );
}
