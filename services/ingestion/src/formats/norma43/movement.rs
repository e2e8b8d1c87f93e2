//! Records 22, 23 and 24: one movement.

use kernel::{Currency, Money};

use crate::formats::model::{Entry, Party, Reference, ReferenceKind, Return};
use crate::formats::problem::Problem;
use crate::formats::records::problem::{RecordProblem, place};
use crate::formats::records::record::{Record, short, signed};
use crate::formats::records::settings::ConceptLayout;
use crate::formats::records::statement::{Building, problem};

/// Records 23 that belong to one movement at most.
pub(super) const MAX_CONCEPTS: usize = 5;

/// A movement whose records 23 and 24 may still follow.
pub(super) struct Movement {
    entry: Entry,
    concepts: Vec<String>,
    equivalence: bool,
}

/// What a movement adds to the totals of record 33: its side counts, also where the amount is zero.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Side {
    pub(super) count: u64,
    pub(super) total: i128,
}

impl Movement {
    /// Record 22.
    pub(super) fn read(record: Record<'_>, line: u64, building: &Building, problems: &mut Vec<Problem>) -> Self {
        let mut tell = |from: usize, to: usize, what: &str, kind: RecordProblem| {
            problems.push(problem(line, place("22", from, to, what), kind));
        };
        let mut date = |from: usize, what: &str| {
            record
                .short_date(from)
                .map_err(|kind| tell(from, from + 5, what, kind))
                .ok()
        };
        let booked_on = date(11, "operation date");
        let no_value_date = record.reference(17, 22).is_none();
        let value_on = if no_value_date { None } else { date(17, "value date") };
        if no_value_date {
            tell(17, 22, "value date", RecordProblem::NoValueDate);
        }
        let credit = direction(record, 28)
            .map_err(|kind| tell(28, 28, "debit or credit", kind))
            .ok();
        let amount = building.header.currency.and_then(|currency| {
            let minor = record
                .amount(29, 42, currency)
                .map_err(|kind| tell(29, 42, "amount", kind))
                .ok()?;
            Some(signed(minor, credit?, currency))
        });
        let common = record.field(23, 24);
        let credit = credit.unwrap_or(true);
        let mut entry = building.entry(line);
        entry.booked_on = booked_on;
        entry.value_on = value_on;
        entry.amount = amount;
        entry.credit = credit;
        // Concept 98: "anulaciones, correcciones de asiento". Its direction is the real one.
        entry.reversal = common == "98";
        // Concept 14: "devoluciones e impagados". Only a debit takes money back.
        entry.returned = (common == "14" && !credit).then(|| Return {
            reasons: vec!["14".to_owned()],
            text: String::new(),
        });
        entry.code.proprietary = Some(format!("{common}/{}", record.field(25, 27).trim()));
        for (from, to, scheme) in [
            (43, 52, "documento"),
            (53, 64, "referencia 1"),
            (65, 80, "referencia 2"),
        ] {
            if let Some(text) = record.reference(from, to) {
                refer(&mut entry, ReferenceKind::Customer, text, Some(scheme));
            }
        }
        Self {
            entry,
            concepts: Vec::new(),
            equivalence: false,
        }
    }

    /// Record 23. Those beyond the fifth are told and left out.
    pub(super) fn concept(&mut self, record: Record<'_>) -> Result<(), RecordProblem> {
        if self.concepts.len() >= MAX_CONCEPTS {
            return Err(RecordProblem::TooMany {
                what: "records 23 of one movement",
                limit: MAX_CONCEPTS,
            });
        }
        self.concepts.push(record.text().trim_end().to_owned());
        Ok(())
    }

    /// Record 24: the amount in the currency of its origin. It is told, never counted.
    pub(super) fn equivalence(&mut self, record: Record<'_>) -> Result<(), RecordProblem> {
        if std::mem::replace(&mut self.equivalence, true) {
            return Err(RecordProblem::OutOfOrder {
                record: "24".to_owned(),
                rule: "a movement has at most one",
            });
        }
        let currency = currency(record, 5)?;
        let minor = record.amount(8, 21, currency)?;
        self.entry.detail_text = Money::new(minor, currency).to_string();
        Ok(())
    }

    /// What it adds to the debits and to the credits.
    pub(super) fn sides(&self) -> (Side, Side) {
        let side = Side {
            count: 1,
            total: self.entry.amount.map_or(0, |money| i128::from(money.minor()).abs()),
        };
        match self.entry.credit {
            true => (Side::default(), side),
            false => (side, Side::default()),
        }
    }

    /// The entry, with what its records 23 say.
    pub(super) fn finish(self, layout: ConceptLayout) -> Entry {
        let mut entry = self.entry;
        let records: Vec<Record<'_>> = self.concepts.iter().map(|text| Record::new(text)).collect();
        entry.entry_text = readable(&records);
        match layout {
            ConceptLayout::Plain => {
                let parts = records
                    .iter()
                    .flat_map(|record| [record.word(5, 42), record.word(43, 80)]);
                entry.remittance = parts.collect();
            }
            ConceptLayout::Sepa => sepa(&mut entry, &records),
        }
        entry
    }
}

/// Debit or credit at this position: 1 and 2, in some files the letters of `debe` and `haber`.
pub(super) fn direction(record: Record<'_>, at: usize) -> Result<bool, RecordProblem> {
    match record.field(at, at) {
        "1" | "D" => Ok(false),
        "2" | "H" => Ok(true),
        other => Err(RecordProblem::BadDirection {
            text: short(other),
            expected: "1 (debit) or 2 (credit)",
        }),
    }
}

/// The currency by its number at this position, in some files by its letters.
pub(super) fn currency(record: Record<'_>, from: usize) -> Result<Currency, RecordProblem> {
    let text = record.field(from, from + 2);
    if let Ok(found) = Currency::parse(text) {
        return Ok(found);
    }
    let number = record
        .number(from, from + 2)
        .ok()
        .and_then(|number| u16::try_from(number).ok());
    number
        .and_then(|number| Currency::from_numeric(number).ok())
        .ok_or_else(|| RecordProblem::UnknownCurrency(short(text)))
}

fn refer(entry: &mut Entry, kind: ReferenceKind, text: &str, scheme: Option<&str>) {
    let new = !entry.references.iter().any(|reference| reference.text == text);
    if new && !text.is_empty() && !matches!(text, "NOTPROVIDED" | "No proporcionado" | "NO PROPORCIONADO") {
        entry.references.push(Reference {
            kind,
            text: text.to_owned(),
            scheme: scheme.map(str::to_owned),
        });
    }
}

/// The concepts as a person reads them: a column that is full goes on in the next without a blank.
fn readable(records: &[Record<'_>]) -> String {
    let mut text = String::new();
    for record in records {
        for (from, to) in [(5, 42), (43, 80)] {
            let part = record.field(from, to);
            text.push_str(part);
            if part.chars().count() < to + 1 - from {
                text.push(' ');
            }
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// Cuaderno 43, annex 4: the five records of a SEPA credit transfer or direct debit.
fn sepa(entry: &mut Entry, records: &[Record<'_>]) {
    let debit = records
        .iter()
        .any(|record| record.field(3, 4) == "01" && matches!(record.word(5, 8), "CORE" | "B2B"));
    let mut party = Party::default();
    for record in records {
        match (record.field(3, 4), debit) {
            ("01", false) => party.name = Some(record.word(5, 70).to_owned()).filter(|name| !name.is_empty()),
            ("01", true) => party.name = Some(record.word(9, 78).to_owned()).filter(|name| !name.is_empty()),
            ("02", false) => {
                refer(entry, ReferenceKind::EndToEnd, record.word(5, 39), None);
                let behalf = Some(record.word(40, 80).to_owned()).filter(|name| !name.is_empty());
                entry.ultimate_debtor = behalf;
            }
            ("02", true) => {
                refer(entry, ReferenceKind::Customer, record.word(5, 39), Some("acreedor"));
                refer(entry, ReferenceKind::Mandate, record.word(40, 74), None);
            }
            ("03", _) => entry.remittance.push_str(record.word(13, 80)),
            ("04", _) => entry.remittance.push_str(record.word(5, 76)),
            ("05", true) => refer(entry, ReferenceKind::Creditor, record.word(5, 39), None),
            _ => {}
        }
    }
    if entry.credit != entry.reversal {
        entry.debtor = party;
    } else {
        entry.creditor = party;
    }
}
