//! Small files made in code, and short ways to look at what was read of them.

use std::io::Cursor;

use ingestion::formats::inspection::{Inspection, Outcome, inspect_with};
use ingestion::formats::{RecordSettings, Settings};

/// As the file is read of which nothing is configured.
pub fn inspected(bytes: impl AsRef<[u8]>) -> Inspection {
    with(bytes, &Settings::default())
}

pub fn with(bytes: impl AsRef<[u8]>, settings: &Settings) -> Inspection {
    inspect_with(Cursor::new(bytes.as_ref()), settings).unwrap()
}

pub fn records(records: RecordSettings) -> Settings {
    Settings {
        records,
        ..Settings::default()
    }
}

/// Where and what of the problems.
pub fn told(inspection: &Inspection) -> Vec<String> {
    let line = |problem: &ingestion::formats::inspection::ProblemView| format!("{}: {}", problem.place, problem.what);
    inspection.problems.iter().map(line).collect()
}

pub fn assert_read(inspection: &Inspection) {
    assert_eq!(inspection.outcome, Outcome::Read, "{:?}", inspection.problems);
}

/// One problem that quarantines, and where and what it is.
pub fn quarantined(inspection: &Inspection, expected: &str) {
    assert_eq!(inspection.outcome, Outcome::Quarantined, "{:?}", inspection.problems);
    let told = told(inspection);
    assert!(
        told.iter().any(|problem| problem.contains(expected)),
        "{expected}: {told:?}"
    );
}

/// Norma 43: an account, in EUR unless `currency` says otherwise.
pub fn n43_account(opening: i64, currency: &str) -> String {
    let sign = if opening < 0 { 1 } else { 2 };
    format!(
        "1100491500123456789226110126110{}{sign}{:014}{currency}3EMPRESA DE AGUAS SA",
        2,
        opening.abs()
    )
}

/// A movement on a day of November 2026.
pub fn n43_movement(day: u32, minor: i64) -> String {
    n43_movement_of("04", day, minor, "0000000000", "", "")
}

pub fn n43_movement_of(concept: &str, day: u32, minor: i64, document: &str, first: &str, second: &str) -> String {
    let sign = if minor < 0 { 1 } else { 2 };
    format!(
        "22    15002611{day:02}2611{day:02}{concept}007{sign}{:014}{document:0>10}{first:<12}{second:<16}",
        minor.abs()
    )
    .trim_end()
    .to_owned()
}

/// Records 33 and 88 that fit.
pub fn n43_ends(opening: i64, amounts: &[i64], records: usize, currency: &str) -> [String; 2] {
    let closing = opening + amounts.iter().sum::<i64>();
    [n43_end(amounts, closing, currency), n43_file_end(records)]
}

pub fn n43_end(amounts: &[i64], closing: i64, currency: &str) -> String {
    let side = |wanted: bool| amounts.iter().filter(move |minor| (**minor < 0) == wanted);
    let sign = if closing < 0 { 1 } else { 2 };
    format!(
        "33004915001234567892{:05}{:014}{:05}{:014}{sign}{:014}{currency}",
        side(true).count(),
        side(true).sum::<i64>().abs(),
        side(false).count(),
        side(false).sum::<i64>(),
        closing.abs()
    )
}

pub fn n43_file_end(records: usize) -> String {
    format!("88{}{records:06}", "9".repeat(18))
}

/// A whole file of one account without records 23.
pub fn n43_file(opening: i64, amounts: &[i64]) -> String {
    let mut lines = vec![n43_account(opening, "978")];
    lines.extend((1..).zip(amounts).map(|(day, minor)| n43_movement(day, *minor)));
    let records = lines.len() + 1;
    lines.extend(n43_ends(opening, amounts, records, "978"));
    lines.join("\r\n")
}
