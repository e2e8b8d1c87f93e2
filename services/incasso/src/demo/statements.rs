//! Which files the bank sends, and on which day: one a day for the banking day before, with what goes wrong in real life.

use std::collections::BTreeMap;

use kernel::BusinessDate;

use super::books::Books;
use super::camt::{Statement, windows_1252};
use super::model::{Effect, File, Movement};

/// What happens to the statement of the n-th banking day (from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Plain,
    /// The very same bytes come again the day after.
    SentAgain,
    /// First it breaks off, then it comes whole.
    Broken,
    /// First with a wrong closing balance; the right one comes the day after.
    WrongSum,
    /// It comes a day late, after its successor.
    Late,
    /// It covers the banking day before, too.
    Overlapping,
    /// No encoding declared, Windows-1252.
    Undeclared,
}

fn fate(jurisdiction: &str, nth: usize) -> Fate {
    match (jurisdiction, nth) {
        ("RO", 2) | ("CO", 3) => Fate::SentAgain,
        ("RO", 4) => Fate::Late,
        ("RO", 7) => Fate::WrongSum,
        ("RO", 9 | 14) | ("CO", 11) => Fate::Overlapping,
        ("CO", 5) => Fate::Broken,
        ("CO", 8) => Fate::Undeclared,
        ("RO", 12) => Fate::Broken,
        _ => Fate::Plain,
    }
}

/// All files of a creditor by the day on which they are sent, and what special about them counts.
#[derive(Debug, Default)]
pub struct Files {
    /// By day.
    pub by_day: BTreeMap<BusinessDate, Vec<File>>,
    /// Files or statements that must not be booked.
    pub quarantined: i64,
    /// Files whose very bytes came before.
    pub sent_again: i64,
    /// Money in that is told of again by overlapping statements.
    pub seen_again_minor: i64,
}

/// One banking day.
struct Sheet<'a> {
    on: BusinessDate,
    opening_minor: i64,
    closing_minor: i64,
    booked: Vec<&'a Movement>,
    pending: Vec<&'a Movement>,
}

fn sheets(books: &Books) -> Vec<Sheet<'_>> {
    let mut by_day: BTreeMap<BusinessDate, Vec<&Movement>> = BTreeMap::new();
    for movement in &books.movements {
        by_day.entry(movement.on).or_default().push(movement);
    }
    let mut balance: i64 = if books.firm.jurisdiction == "RO" {
        125_000_000
    } else {
        8_500_000_000
    };
    let mut sheets = Vec::with_capacity(books.banking.len());
    for (nth, on) in books.banking.iter().enumerate() {
        let booked = by_day.get(on).cloned().unwrap_or_default();
        let next = books
            .banking
            .get(nth.saturating_add(1))
            .and_then(|next| by_day.get(next));
        let pending = next
            .into_iter()
            .flatten()
            .copied()
            .filter(|movement| movement.pending_before)
            .collect();
        let opening_minor = balance;
        balance = booked
            .iter()
            .fold(balance, |sum, movement| sum.saturating_add(movement.amount_minor));
        sheets.push(Sheet {
            on: *on,
            opening_minor,
            closing_minor: balance,
            booked,
            pending,
        });
    }
    sheets
}

/// Writes all files of a creditor.
pub fn files(books: &Books) -> Files {
    let sheets = sheets(books);
    let mut files = Files::default();
    for (nth, sheet) in sheets.iter().enumerate() {
        let fate = fate(books.firm.jurisdiction, nth);
        let before = nth
            .checked_sub(1)
            .and_then(|at| sheets.get(at))
            .filter(|_| fate == Fate::Overlapping);
        let mut statement = Statement {
            firm: &books.firm,
            number: nth.saturating_add(1),
            from: before.map_or(sheet.on, |before| before.on),
            to: sheet.on,
            opening_minor: before.map_or(sheet.opening_minor, |before| before.opening_minor),
            closing_minor: sheet.closing_minor,
            booked: before
                .into_iter()
                .flat_map(|before| before.booked.iter())
                .chain(&sheet.booked)
                .copied()
                .collect(),
            pending: sheet.pending.clone(),
            declares_encoding: fate != Fate::Undeclared,
        };
        files.seen_again_minor += before.map_or(0, |before| again(&before.booked));
        let name = format!("camt053-{}-{}.xml", books.firm.jurisdiction, sheet.on);
        let xml = statement.xml();
        let sent_on = sheet.on.succ();
        match fate {
            Fate::Plain => files.add(sent_on, &name, xml.into_bytes(), ""),
            Fate::Overlapping => files.add(sent_on, &name, xml.into_bytes(), "covers the banking day before, too"),
            Fate::Undeclared => files.add(sent_on, &name, windows_1252(&xml), "no encoding declared; Windows-1252"),
            Fate::Late => files.add(sent_on.succ(), &name, xml.into_bytes(), "a day late"),
            Fate::SentAgain => {
                files.add(sent_on, &name, xml.clone().into_bytes(), "");
                files.add(
                    sent_on.succ(),
                    &format!("again-{name}"),
                    xml.into_bytes(),
                    "the same bytes as the day before",
                );
                files.sent_again += 1;
            }
            Fate::Broken => {
                let half = xml.get(..xml.rfind("<RltdPties>").unwrap_or(0)).unwrap_or_default();
                files.add(
                    sent_on,
                    &format!("broken-{name}"),
                    half.as_bytes().to_vec(),
                    "breaks off: refused",
                );
                files.add(sent_on, &name, xml.into_bytes(), "");
                files.quarantined += 1;
            }
            Fate::WrongSum => {
                statement.closing_minor = statement.closing_minor.saturating_add(1_000);
                files.add(
                    sent_on,
                    &format!("wrong-{name}"),
                    statement.xml().into_bytes(),
                    "wrong closing balance: quarantined",
                );
                files.add(sent_on.succ(), &name, xml.into_bytes(), "the corrected statement");
                files.quarantined += 1;
            }
        }
    }
    files
}

/// What of these movements is money seen again where they are told of twice.
fn again(movements: &[&Movement]) -> i64 {
    let credits = movements.iter().filter(|movement| movement.amount_minor > 0);
    credits.map(|movement| movement.amount_minor).sum()
}

impl Files {
    fn add(&mut self, on: BusinessDate, name: &str, bytes: Vec<u8>, note: &'static str) {
        self.by_day.entry(on).or_default().push(File {
            name: name.to_owned(),
            bytes,
            note,
        });
    }
}

/// Whether a movement is counted again because the provider told of it.
pub fn is_twin(movement: &Movement) -> bool {
    movement.effect == Effect::Twin
}
