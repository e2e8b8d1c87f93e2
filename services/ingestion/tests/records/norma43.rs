//! Norma 43: what is read of whole files.

use ingestion::formats::{Charset, ConceptLayout, FileEnd, RecordSettings};

use crate::build::{
    assert_read, inspected, n43_account, n43_end, n43_ends, n43_file, n43_file_end, n43_movement, n43_movement_of,
    quarantined, records, told, with,
};

const IBAN: &str = "ES6000491500051234567892";

#[test]
fn a_whole_file() {
    let lines = [
        n43_account(100_000, "978"),
        n43_movement_of("04", 2, 12_345, "0000012345", "00000000123", "FACT-2026/77"),
        format!("2301{:<38}{}", "GARCIA PEREZ ANA", "12345678Z"),
        "2302FACTURA".to_owned(),
        "240184000000000013580".to_owned(),
        n43_movement_of("17", 3, -250, "0000000000", "000000000000", ""),
        n43_movement_of("14", 4, -5_000, "", "", ""),
        n43_movement_of("98", 4, -100, "", "", ""),
        n43_movement(4, 0),
        n43_end(&[12_345, -250, -5_000, -100, 0], 106_995, "978"),
        n43_file_end(10),
    ];
    let found = inspected(lines.join("\n"));
    assert_read(&found);
    assert_eq!(found.format.as_deref(), Some("NORMA43"));
    assert_eq!(told(&found), Vec::<String>::new());
    let statement = &found.statements[0];
    assert_eq!(
        (
            statement.account.as_deref(),
            statement.currency.as_deref(),
            statement.opening_minor,
            statement.closing_minor,
            statement.balance_proof
        ),
        (Some(IBAN), Some("EUR"), Some(100_000), Some(106_995), "holds")
    );
    let rows: Vec<_> = statement
        .entries
        .iter()
        .map(|entry| {
            (
                entry.booked_on.as_deref().unwrap(),
                entry.amount_minor.unwrap(),
                entry.reversal,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("2026-11-02", 12_345, false),
            ("2026-11-03", -250, false),
            ("2026-11-04", -5_000, false),
            ("2026-11-04", -100, true),
            ("2026-11-04", 0, false),
        ]
    );
    let first = &statement.entries[0];
    assert_eq!(first.references, ["0000012345", "00000000123", "FACT-2026/77"]);
    assert_eq!(first.remittance, "GARCIA PEREZ ANA12345678ZFACTURA");
    assert_eq!(
        (first.value_on.as_deref(), first.status),
        (Some("2026-11-02"), "booked")
    );
    assert!(statement.entries[1].references.is_empty() && first.counterparty.name.is_none());
}

#[test]
fn encodings_and_line_ends() {
    let file = |name: &str| {
        let movement = [n43_account(0, "978"), n43_movement(1, 100), format!("2301{name}")];
        let ends = n43_ends(0, &[100], 4, "978");
        [&movement[..], &ends[..]].concat().join("\n")
    };
    let utf8 = file("MUÑOZ PEÑA, JOSÉ");
    let latin: Vec<u8> = utf8.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    let dos: Vec<u8> = latin
        .iter()
        .map(|byte| match byte {
            0xD1 => 165,
            0xC9 => 0x90,
            other => *other,
        })
        .collect();
    let padded = utf8.lines().map(|line| format!("{line:<80}"));
    let padded: Vec<u8> = padded
        .flat_map(|line| {
            line.chars()
                .map(|letter| u8::try_from(letter).unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    let utf16: Vec<u8> = format!("\u{feff}{utf8}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(Vec<u8>, Option<&str>); 8] = [
        (utf8.clone().into_bytes(), None),
        (format!("\u{feff}{utf8}").into_bytes(), None),
        (latin, Some("line 3: the bytes are not UTF-8: read as windows-1252")),
        (dos.clone(), Some("line 3: the bytes are not UTF-8: read as IBM850")),
        (utf8.replace('\n', "\r\n").into_bytes(), None),
        (format!("{}\r\n\u{1a}", utf8.replace('\n', "   \r")).into_bytes(), None),
        // Records of 80 without line ends.
        (padded, Some("line 3: the bytes are not UTF-8: read as windows-1252")),
        (utf16, None),
    ];
    for (bytes, note) in cases {
        let found = inspected(&bytes);
        assert_read(&found);
        assert_eq!(found.statements[0].entries[0].remittance, "MUÑOZ PEÑA, JOSÉ");
        let told = told(&found);
        assert_eq!(told.len(), usize::from(note.is_some()), "{told:?}");
        assert!(note.is_none_or(|note| told[0].starts_with(note)), "{told:?}");
    }
    let fixed = records(RecordSettings {
        charset: Some(Charset::Cp850),
        ..RecordSettings::default()
    });
    assert!(with(&dos, &fixed).problems.is_empty());
}

#[test]
fn several_accounts_periods_and_files() {
    let other = n43_account(500, "978").replace("0049150012345678922", "2100041802000513322");
    let close = n43_end(&[-500], 0, "978").replace("004915001234567892", "210004180200051332");
    let lines = [
        n43_account(0, "978"),
        n43_movement(1, 500),
        n43_end(&[500], 500, "978"),
        n43_account(500, "978"),
        n43_end(&[], 500, "978"),
        other,
        n43_movement(2, -500),
        close,
        n43_file_end(8),
    ];
    let found = inspected(lines.join("\n"));
    assert_read(&found);
    let proofs: Vec<_> = found
        .statements
        .iter()
        .map(|statement| {
            (
                statement.account.clone().unwrap(),
                statement.entries.len(),
                statement.balance_proof,
            )
        })
        .collect();
    let second = "ES9121000418450200051332".to_owned();
    assert_eq!(
        proofs,
        [
            (IBAN.to_owned(), 1, "holds"),
            (IBAN.to_owned(), 0, "holds"),
            (second, 1, "holds")
        ]
    );
    // Files one after the other, with and without a line end between them.
    let one = n43_file(0, &[700]);
    for glued in [format!("{one}\r\n{one}"), format!("{one}{one}")] {
        let found = inspected(&glued);
        assert_read(&found);
        assert_eq!((found.statements.len(), found.problems.len()), (2, 0));
    }
    // A file header that some banks write, counted or not.
    for count in [3, 4] {
        let lines = [
            "000049261101".to_owned(),
            n43_account(0, "978"),
            n43_movement(1, 1),
            n43_end(&[1], 1, "978"),
        ];
        let found = inspected(format!("{}\n{}", lines.join("\n"), n43_file_end(count)));
        assert_read(&found);
    }
}

#[test]
fn amounts_of_every_currency() {
    // Two decimals are implied, whatever the currency: yen have none, Kuwaiti dinars three.
    for (number, code, written, minor) in [
        ("392", "JPY", 120_000, 1_200),
        ("414", "KWD", 1_234, 12_340),
        ("840", "USD", 5, 5),
    ] {
        let lines = [n43_account(0, number), n43_movement(1, written)];
        let ends = n43_ends(0, &[written], 3, number);
        let found = inspected([&lines[..], &ends[..]].concat().join("\n"));
        assert_read(&found);
        let statement = &found.statements[0];
        assert_eq!(statement.currency.as_deref(), Some(code));
        assert_eq!(statement.entries[0].amount_minor, Some(minor));
        assert_eq!(statement.closing_minor, Some(minor));
    }
}

#[test]
fn the_sepa_layout_is_a_setting() {
    let transfer = [
        n43_account(0, "978"),
        n43_movement(1, 100),
        format!("2301{:<66}{}", "AYUNTAMIENTO DE LEÓN", "P2400000A"),
        format!("2302{:<35}{}", "E2E-77", "EN NOMBRE DE OTRO"),
        format!("2303{:<8}{}", "", "FACTURA F-1 DEL CONTRATO C-2"),
        "2304Y F-3".to_owned(),
    ];
    let debit = [
        n43_movement(2, -40),
        format!("2301CORE{:<70}", "ELECTRICA SA"),
        format!("2302{:<35}{}", "ES90ZZZA", "MANDATO-9"),
        "2303        RECIBO".to_owned(),
        "2305RF18539007547034".to_owned(),
    ];
    let lines = [&transfer[..], &debit[..], &n43_ends(0, &[100, -40], 12, "978")[..]].concat();
    let settings = records(RecordSettings {
        concepts: ConceptLayout::Sepa,
        ..RecordSettings::default()
    });
    let found = with(lines.join("\n"), &settings);
    assert_read(&found);
    let [first, second] = &found.statements[0].entries[..] else {
        panic!("two entries")
    };
    assert_eq!(first.counterparty.name.as_deref(), Some("AYUNTAMIENTO DE LEÓN"));
    assert_eq!(first.references, ["E2E-77"]);
    assert_eq!(first.remittance, "FACTURA F-1 DEL CONTRATO C-2Y F-3");
    assert_eq!(second.counterparty.name.as_deref(), Some("ELECTRICA SA"));
    assert_eq!(second.references, ["ES90ZZZA", "MANDATO-9", "RF18539007547034"]);
    // Not set: two columns of text, and nobody is named.
    let plain = inspected(lines.join("\n"));
    assert_eq!(plain.statements[0].entries[0].counterparty.name, None);
}

#[test]
fn a_bank_that_writes_no_last_record() {
    let whole = n43_file(0, &[5]);
    let without: String = whole.lines().take(3).collect::<Vec<_>>().join("\n");
    let settings = records(RecordSettings {
        file_end: FileEnd::Optional,
        ..RecordSettings::default()
    });
    assert_read(&with(&without, &settings));
    assert_eq!(inspected(&without).outcome.exit_code(), 1);
    assert_eq!(inspected(&without).statements[0].balance_proof, "holds");
}

/// Ways of writing that the Cuaderno does not know and banks have: what is read is the same.
#[test]
fn what_is_written_otherwise_is_read_the_same() {
    let usual = n43_file(1_000, &[5_000, -20]);
    let expected = inspected(&usual);
    assert_read(&expected);
    let letters = |text: &str| -> String {
        // Debe and haber for 1 and 2, where they stand in records 11, 22 and 33.
        let lines = text.lines().map(|line| {
            let at = match &line[..2] {
                "11" => 32,
                "22" => 27,
                "33" => 58,
                _ => return line.to_owned(),
            };
            let letter = if &line[at..=at] == "1" { "D" } else { "H" };
            format!("{}{letter}{}", &line[..at], &line[at + 1..])
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    for (case, file) in [
        ("letters for directions", letters(&usual)),
        ("the currency's letters", usual.replace("978", "EUR")),
        (
            "a blank before each record",
            format!(" {}", usual.replace("\r\n", "\r\n ")),
        ),
    ] {
        let found = inspected(&file);
        assert_read(&found);
        assert_eq!(found.statements, expected.statements, "{case}");
    }
    // Without a direction the arithmetic decides; what is missing is told all the same.
    for (closing, sign) in [("1", 980), ("2", 5_980)] {
        let amounts = if closing == "2" { vec![5_000, -20] } else { vec![-20] };
        let file = n43_file(1_000, &amounts);
        let at = file.rfind("\r\n33").unwrap() + 2 + 58;
        let found = inspected(format!("{}0{}", &file[..at], &file[at + 1..]));
        quarantined(&found, "the debit or credit code is \"0\"");
        assert_eq!(found.statements[0].closing_minor, Some(sign));
        assert_eq!(found.statements[0].balance_proof, "holds");
    }
    let file = n43_file(-5_000, &[-20]);
    let at = file.rfind("\r\n33").unwrap() + 2 + 58;
    let found = inspected(format!("{}0{}", &file[..at], &file[at + 1..]));
    let statement = &found.statements[0];
    assert_eq!(
        (statement.closing_minor, statement.balance_proof),
        (Some(-5_020), "holds")
    );
}
