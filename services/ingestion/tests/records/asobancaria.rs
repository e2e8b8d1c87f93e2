//! Asobancaria: collections, their references, cheques and returns, counts and totals.

use ingestion::formats::{RecordSettings, Slice, Totals};

use crate::build::{assert_read, inspected, quarantined, records, told, with};

fn header() -> String {
    format!("01{:010}20261103007{:017}202611041230A01", 900_123_456, 1_234_567_890)
}

fn batch(number: u32) -> String {
    format!("057709998888487{number:04}")
}

/// A collection: reference, amount in cents, means, return cause.
fn collection(reference: &str, cents: u64, means: &str, cause: &str) -> String {
    format!("06{reference:0>48}{cents:014}01{means}{:026}{cause}", 2)
        .trim_end()
        .to_owned()
}

fn batch_end(count: u32, cents: u64, number: u32) -> String {
    format!("08{count:09}{cents:018}{number:04}")
}

fn file_end(count: u32, cents: u64) -> String {
    format!("09{count:09}{cents:018}")
}

fn file(collections: &[String], count: u32, cents: u64) -> String {
    let mut lines = vec![header(), batch(1)];
    lines.extend_from_slice(collections);
    lines.extend([batch_end(count, cents, 1), file_end(count, cents)]);
    lines.join("\r\n")
}

#[test]
fn collections_of_a_day() {
    let text = file(
        &[
            collection("770001234", 1_500_000, "15", ""),
            collection("770001235", 250_050, "02", "000"),
            collection("770001234", 1_500_000, "15", "R03"),
        ],
        3,
        3_250_050,
    );
    let found = inspected(&text);
    assert_read(&found);
    assert_eq!(found.format.as_deref(), Some("ASOBANCARIA2001"));
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
        (Some("1234567890"), Some("COP"), None, None, "absent")
    );
    let rows: Vec<_> = statement
        .entries
        .iter()
        .map(|entry| {
            (
                entry.references[0].as_str(),
                entry.amount_minor.unwrap(),
                entry.status,
                entry.reversal,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("770001234", 1_500_000, "booked", false),
            // A cheque is money once it is cleared.
            ("770001235", 250_050, "pending", false),
            ("770001234", -1_500_000, "booked", true),
        ]
    );
    assert_eq!(statement.entries[0].booked_on.as_deref(), Some("2026-11-03"));
}

#[test]
fn the_reference_is_cut_by_agreement() {
    let reference = format!("{:020}{:012}{:016}", 12_345, 987, 55);
    let slice = |name: &str, from, to, agreement: Option<&str>, keep_zeros| Slice {
        name: name.into(),
        from,
        to,
        keep_zeros,
        agreement: agreement.map(str::to_owned),
    };
    let settings = records(RecordSettings {
        slices: vec![
            slice("invoice", 1, 20, None, false),
            slice("contract", 21, 32, Some("7709998888487"), true),
            slice("other", 33, 99, Some("1111111111111"), false),
        ],
        ..RecordSettings::default()
    });
    let text = file(&[collection(&reference, 100, "01", "")], 1, 100);
    let found = with(&text, &settings);
    assert_read(&found);
    let whole = reference.trim_start_matches('0');
    assert_eq!(
        found.statements[0].entries[0].references,
        [whole, "12345", "000000000987"]
    );
}

#[test]
fn what_returns_add_to_totals_is_a_setting() {
    let both = [collection("1", 700, "01", ""), collection("1", 700, "01", "R01")];
    for (totals, cents) in [(Totals::Gross, 1_400), (Totals::WithoutReturns, 700), (Totals::Net, 0)] {
        let settings = records(RecordSettings {
            totals,
            ..RecordSettings::default()
        });
        assert_read(&with(file(&both, 2, cents), &settings));
        let other = with(file(&both, 2, cents + 1), &settings);
        quarantined(&other, "total of collections");
    }
}

#[test]
fn files_that_are_wrong() {
    let one = [collection("1", 700, "01", "")];
    let good = file(&one, 1, 700);
    assert_read(&inspected(&good));
    let without = |line: usize| -> String {
        let lines: Vec<&str> = good
            .lines()
            .enumerate()
            .filter(|(at, _)| *at != line - 1)
            .map(|(_, line)| line)
            .collect();
        lines.join("\n")
    };
    let cases = [
        (
            file(&one, 2, 700),
            "line 4, record 08, positions 3-11 (number of collections): number of collections: 2 stated, 1 found",
        ),
        (
            file(&one, 1, 701),
            "line 5, record 09, positions 12-29 (total of collections): total of collections: 7.01 stated, 7.00 found",
        ),
        (good.replace("000000001", "00000000X"), "\"00000000X\" is not a number"),
        (
            good.replace("20261103", "20261131"),
            "line 1, record 01, positions 13-20 (collection day): \"20261131\" is not a date",
        ),
        (
            good.replace("00000000000700", "0000000000070,"),
            "line 3, record 06, positions 51-64 (amount)",
        ),
        (
            without(2),
            "line 2: record 06 where it may not stand: it stands in a batch",
        ),
        (without(4), "line 4: the statement ends without its record 08"),
        (without(5), "the statement ends without its record 09"),
        (
            good.replacen("0001\r\n09", "0002\r\n09", 1),
            "record 08 of batch 0002 where it may not stand",
        ),
    ];
    for (text, expected) in cases {
        quarantined(&inspected(&text), expected);
    }
}

#[test]
fn quirks_of_real_files() {
    let good = file(&[collection("1", 700, "53", "")], 1, 700);
    // An unknown means is kept, and told once; the last record is short.
    let found = inspected(&good);
    assert_eq!(
        told(&found),
        [
            "line 3, record 06, positions 67-68 (means of payment): the means of payment \"53\" is unknown and was kept as it is"
        ]
    );
    // Two files glued together, without a line end between them; and records of 162 without any line end.
    let found = inspected(format!("{good}{good}"));
    assert_read(&found);
    assert_eq!(found.statements.len(), 2);
    let padded: String = good.lines().map(|line| format!("{line:<162}")).collect();
    assert_read(&inspected(padded));
}

#[test]
fn the_edition_of_1998() {
    let lines = [
        format!("01{:013}20261103{}{:015}", 900_123_456, "007", 1_234_567_890),
        format!("02{:0>25}{:013}01{:07}", "77001", 700, 1),
        file_end(1, 700),
    ];
    let found = inspected(lines.join("\n"));
    assert_read(&found);
    assert_eq!(found.format.as_deref(), Some("ASOBANCARIA1998"));
    let entry = &found.statements[0].entries[0];
    assert_eq!((entry.references[0].as_str(), entry.amount_minor), ("77001", Some(700)));
    assert_eq!(found.statements[0].account.as_deref(), Some("1234567890"));
}
