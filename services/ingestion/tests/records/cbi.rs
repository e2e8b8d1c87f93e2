//! CBI RH: as far as the positions are known.

use ingestion::formats::{CbiSettings, FileEnd, RecordSettings};

use crate::build::{assert_read, inspected, quarantined, records, with};

/// ABI, CAB and account of an IBAN that holds: IT60X0542811101000000123456.
const COORDINATES: &str = "X0542811101000000123456";

fn header() -> String {
    " RH0310031999021126FILE".to_owned()
}

fn account(opening: &str) -> String {
    format!(
        " 6100000010542893001{:<18}{COORDINATES}EUR{}{}IT60",
        "", "011126", opening
    )
}

fn movement(number: u32, sign: char, amount: &str, text: &str) -> String {
    format!(
        " 620000001{number:03}021126031126{sign}{amount}48{:<18}{text}",
        " RIF77"
    )
}

fn detail(number: u32, mark: &str, text: &str) -> String {
    format!(" 630000001{number:03}{mark}{text}")
}

fn closing(amount: &str) -> String {
    format!(" 640000001EUR031126{amount}")
}

fn file() -> Vec<String> {
    vec![
        header(),
        account("C000000001000,00"),
        movement(1, 'C', "000000004377,96", "BONIFICO"),
        detail(1, "YYY", "02112026ROSSI MARIA"),
        detail(1, "ID1", "E2E-1"),
        detail(1, "RI1", "FATTURA 77 "),
        detail(1, "RI2", "CONTRATTO 5"),
        movement(2, 'D', "000000000001,50", "COMMISSIONI"),
        detail(2, "VS.", "DISPOSIZIONE"),
        closing("C000000005376,46"),
        " 650000001EUR".to_owned(),
        " EF0310031999021126FILE".to_owned(),
    ]
}

#[test]
fn a_whole_file() {
    let found = inspected(file().join("\r\n"));
    assert_read(&found);
    assert_eq!((found.format.as_deref(), found.problems.len()), (Some("CBI-RH"), 0));
    let statement = &found.statements[0];
    assert_eq!(
        (
            statement.account.as_deref(),
            statement.opening_minor,
            statement.closing_minor,
            statement.balance_proof
        ),
        (
            Some("IT60X0542811101000000123456"),
            Some(100_000),
            Some(537_646),
            "holds"
        )
    );
    let [first, second] = &statement.entries[..] else {
        panic!("two entries")
    };
    assert_eq!((first.amount_minor, second.amount_minor), (Some(437_796), Some(-150)));
    // The value date stands first unless it is set otherwise.
    assert_eq!(first.value_on.as_deref(), Some("2026-11-02"));
    assert_eq!(first.booked_on.as_deref(), Some("2026-11-03"));
    assert_eq!(first.counterparty.name.as_deref(), Some("ROSSI MARIA"));
    assert_eq!(first.remittance, "FATTURA 77CONTRATTO 5");
    assert_eq!(first.references, ["RIF77", "E2E-1"]);
    assert_eq!(second.remittance, "COMMISSIONI VS.DISPOSIZIONE");
}

#[test]
fn what_is_not_sure_is_a_setting() {
    let settings = records(RecordSettings {
        file_end: FileEnd::Optional,
        cbi: CbiSettings {
            booking_date_first: true,
            reference_at: 45,
        },
        ..RecordSettings::default()
    });
    let mut lines = file();
    lines.pop();
    let found = with(lines.join("\n"), &settings);
    assert_read(&found);
    let entry = &found.statements[0].entries[0];
    assert_eq!(entry.booked_on.as_deref(), Some("2026-11-02"));
    assert_eq!(entry.references[0], "IF77");
    quarantined(&inspected(lines.join("\n")), "the file ends without its record EF");
}

#[test]
fn files_that_are_wrong() {
    let spoilt = |line: usize, from: &str, to: &str| {
        let mut lines = file();
        lines[line - 1] = lines[line - 1].replace(from, to);
        inspected(lines.join("\n"))
    };
    let cases = [
        (
            3,
            "021126",
            "310226",
            "line 3, record 62, positions 13-18 (first date): \"310226\" is not a date",
        ),
        (3, "C0000", "X0000", "line 3, record 62, positions 25-25 (direction)"),
        (3, "4377,96", "4377,9X", "line 3, record 62, positions 26-40 (amount)"),
        (3, "4377,96", "437,961", "has more decimal places than EUR"),
        (
            4,
            "001YYY",
            "009YYY",
            "line 4, record 63: record 63 where it may not stand",
        ),
        (
            10,
            "EUR",
            "USD",
            "line 10, record 64, positions 10-12 (currency): the currency is USD here",
        ),
        (10, "5376,46", "5376,47", "the balance proof fails"),
    ];
    for (line, from, to, expected) in cases {
        quarantined(&spoilt(line, from, to), expected);
    }
    quarantined(
        &spoilt(2, "000000001000,00", "000000001000.00"),
        "line 2, record 61, positions 71-85 (balance)",
    );
    let mut lines = file();
    lines.remove(9);
    quarantined(&inspected(lines.join("\n")), "the statement ends without its record 64");
    let mut lines = file();
    lines.remove(1);
    quarantined(
        &inspected(lines.join("\n")),
        "records without an account: record 61 is missing",
    );
}

#[test]
fn without_line_ends() {
    let expected = inspected(file().join("\r\n"));
    let padded: String = file().iter().map(|line| format!("{line:<120}")).collect();
    assert_eq!(inspected(padded).statements, expected.statements);
}
