//! Records 62 and 63: one movement.

use kernel::{Currency, Money, MoneyError};

use crate::formats::model::{Entry, Reference, ReferenceKind};
use crate::formats::problem::Problem;
use crate::formats::records::problem::{RecordProblem, place};
use crate::formats::records::record::{Record, short, signed};
use crate::formats::records::settings::CbiSettings;
use crate::formats::records::statement::{Building, problem};

/// Records 63 of one movement that are kept.
const MAX_DETAILS: usize = 2000;

/// A movement whose records 63 may still follow.
pub(super) struct Movement {
    entry: Entry,
    /// Progressive numbers of account and movement, which its records 63 repeat.
    keys: String,
    details: usize,
    reconciliation: String,
    other: String,
}

/// C or D at this position.
pub(super) fn direction(record: Record<'_>, at: usize) -> Result<bool, RecordProblem> {
    match record.field(at, at) {
        "C" => Ok(true),
        "D" => Ok(false),
        other => Err(RecordProblem::BadDirection {
            text: short(other),
            expected: "C or D",
        }),
    }
}

/// Fifteen characters: digits, a comma, decimals, and no sign.
pub(super) fn amount(record: Record<'_>, at: usize, currency: Currency) -> Result<i64, RecordProblem> {
    let text = record.field(at, at + 14);
    let bad = || RecordProblem::BadAmount(short(text));
    let (whole, decimals) = text.split_once(',').ok_or_else(bad)?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole.trim_start();
    if text.chars().count() != 15 || whole.is_empty() || !digits(whole) || !digits(decimals) {
        return Err(bad());
    }
    let plain = if decimals.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{decimals}")
    };
    Money::parse(&plain, currency)
        .map(|money| money.minor())
        .map_err(|error| match error {
            MoneyError::TooPrecise(_) => RecordProblem::TooPrecise {
                text: short(text),
                currency,
            },
            MoneyError::Overflow => RecordProblem::Overflow(short(text)),
            _ => bad(),
        })
}

impl Movement {
    /// Record 62.
    pub(super) fn read(
        record: Record<'_>,
        line: u64,
        building: &Building,
        settings: &CbiSettings,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut tell = |from: usize, to: usize, what: &str, kind: RecordProblem| {
            problems.push(problem(line, place("62", from, to, what), kind));
        };
        let mut date = |at: usize, what: &str| {
            record
                .day_first_date(at)
                .map_err(|kind| tell(at, at + 5, what, kind))
                .ok()
        };
        let (first, second) = (date(13, "first date"), date(19, "second date"));
        let credit = direction(record, 25)
            .map_err(|kind| tell(25, 25, "direction", kind))
            .ok();
        let money = building.header.currency.and_then(|currency| {
            let minor = amount(record, 26, currency)
                .map_err(|kind| tell(26, 40, "amount", kind))
                .ok()?;
            Some(signed(minor, credit?, currency))
        });
        let mut entry = building.entry(line);
        (entry.value_on, entry.booked_on) = if settings.booking_date_first {
            (second, first)
        } else {
            (first, second)
        };
        entry.amount = money;
        entry.credit = credit.unwrap_or(true);
        entry.code.proprietary = Some(record.word(41, 42).to_owned()).filter(|code| !code.is_empty());
        if let Some(text) = record.reference(settings.reference_at, 60) {
            refer(&mut entry, ReferenceKind::Customer, text);
        }
        let other = record.word(61, 119).to_owned();
        Self {
            keys: record.field(3, 12).to_owned(),
            entry,
            details: 0,
            reconciliation: String::new(),
            other,
        }
    }

    /// Record 63: a mark, and what it marks.
    pub(super) fn detail(&mut self, record: Record<'_>) -> Result<(), RecordProblem> {
        if record.field(3, 12) != self.keys {
            return Err(RecordProblem::OutOfOrder {
                record: "63".to_owned(),
                rule: "its progressive numbers are those of the record 62 before it",
            });
        }
        self.details += 1;
        if self.details > MAX_DETAILS {
            return Err(RecordProblem::TooMany {
                what: "records 63 of one movement",
                limit: MAX_DETAILS,
            });
        }
        let text = record.word(16, 119);
        match record.field(13, 15) {
            "RI1" | "RI2" => self.reconciliation.push_str(text),
            "ID1" => text
                .split_whitespace()
                .for_each(|id| refer(&mut self.entry, ReferenceKind::EndToEnd, id)),
            "YYY" => self.payer(text),
            // The mark stays: what it means is for people, and for whoever knows the bank.
            _ => {
                if !self.other.is_empty() {
                    self.other.push(' ');
                }
                self.other.push_str(record.word(13, 119));
            }
        }
        Ok(())
    }

    /// `YYY`: a date, then the payer.
    fn payer(&mut self, text: &str) {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let name = match digits {
            6 | 8 => text.get(digits..).unwrap_or_default().trim(),
            _ => text,
        };
        let party = if self.entry.credit {
            &mut self.entry.debtor
        } else {
            &mut self.entry.creditor
        };
        party.name = Some(name.to_owned()).filter(|name| !name.is_empty());
    }

    /// The entry. What the payer wrote stands in `RI1` and `RI2`; without them the bank's description is all there is.
    pub(super) fn finish(self) -> Entry {
        let mut entry = self.entry;
        entry.entry_text.clone_from(&self.other);
        entry.remittance = if self.reconciliation.is_empty() {
            self.other
        } else {
            self.reconciliation
        };
        entry
    }
}

fn refer(entry: &mut Entry, kind: ReferenceKind, text: &str) {
    let known = entry.references.iter().any(|reference| reference.text == text);
    if !known && text != "NOTPROVIDED" {
        entry.references.push(Reference {
            kind,
            text: text.to_owned(),
            scheme: None,
        });
    }
}
