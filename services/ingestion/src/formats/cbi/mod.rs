//! CBI RH (rendicontazione of the Italian banks, CBI-RND-001): records of 120 characters, read as a stream.
//!
//! RH the file begins; 61 an account begins, with its opening balance; 62 a movement; 63 its details, each with a mark
//! of three letters; 64 the account ends, with its closing balance; 65 its liquid balances (passed over); EF the file
//! ends. The positions are those of a working parser: the standard's own text could not be had. Where it is said to
//! differ, a setting decides ([`crate::formats::CbiSettings`]), and the balance proof is the arbiter. The totals of EF
//! are not checked: where they stand is not known.
//!
//! Positions count from 1 at the mark `RH`, `61`, … itself: the blank before it, which the standard has, is cut off.

mod movement;

use std::io::Read;

use kernel::{Currency, Iban};

use super::format::{Dialect, Family, Format};
use super::model::{Balance, Event, StatementHeader, Summary, WrittenTime};
use super::problem::{Problem, ReadError};
use super::records::driver::{Records, drive};
use super::records::input::Input;
use super::records::problem::{RecordProblem, place};
use super::records::record::{Record, short, signed};
use super::records::settings::{FileEnd, RecordSettings};
use super::records::statement::{Building, Out, problem};
use super::settings::Settings;
use super::source::Sniffed;
use movement::Movement;

/// Characters of a record, with the blank before it.
const WIDTH: usize = 120;

/// Reads one file; see [`super::read`].
pub(super) fn read<E>(
    input: impl Read,
    sniffed: &Sniffed,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    let settings = &settings.records;
    let input = Input::new(input, sniffed, settings.charset, WIDTH)?;
    let reader = Reader {
        out: Out::new(sink),
        settings,
        open: None,
        created: None,
        file_ended: false,
    };
    drive(input, reader)
}

struct Open {
    building: Building,
    movement: Option<Movement>,
    ended: bool,
}

struct Reader<'s, 'c, E> {
    out: Out<'s, E>,
    settings: &'c RecordSettings,
    open: Option<Open>,
    created: Option<WrittenTime>,
    file_ended: bool,
}

impl<'s, E> Records<'s, E> for Reader<'s, '_, E> {
    fn line(&mut self, text: &str, line: u64) -> Result<(), ReadError<E>> {
        self.record(Record::new(text.trim_start()), line)
    }

    fn finish(&mut self, line: u64) -> Result<(), ReadError<E>> {
        self.end_movement()?;
        let missing = !self.file_ended && self.settings.file_end == FileEnd::Required;
        if let Some(open) = self.open.as_mut().filter(|_| missing) {
            let kind = RecordProblem::NoFileEnd("EF");
            self.out.tell(&mut open.building, problem(line, "", kind))?;
        }
        self.end_statement(line)
    }

    fn out(&mut self) -> &mut Out<'s, E> {
        &mut self.out
    }

    fn format(&self) -> Format {
        Format::plain(Family::CbiRh)
    }

    fn dialect(&self) -> Dialect {
        Dialect {
            name: "CBI RH".to_owned(),
            why: "record RH, and records 61 to 64 after it".to_owned(),
        }
    }

    fn nothing(&self) -> (&'static str, &'static str) {
        (
            "there is no record 61 in it: no account, no movement",
            "Fetch the file from the bank again: it holds no statement.",
        )
    }
}

impl<E> Reader<'_, '_, E> {
    fn record(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        match record.field(1, 2) {
            "RH" => {
                self.end_statement(line)?;
                self.file_ended = false;
                self.created = record.day_first_date(15).ok().map(|on| WrittenTime {
                    on,
                    text: on.to_string(),
                });
                Ok(())
            }
            "61" => {
                self.end_statement(line)?;
                self.begin(Some(record), line)
            }
            "62" => self.movement(record, line),
            "63" => self.detail(record, line),
            "64" => self.account_end(record, line),
            "65" => self.within(record, line, true),
            "EF" => {
                self.end_statement(line)?;
                self.file_ended = true;
                Ok(())
            }
            other => {
                let problem = problem(line, "", RecordProblem::UnknownRecord(short(other)));
                self.tell_once(other, problem)
            }
        }
    }

    fn begin(&mut self, record: Option<Record<'_>>, line: u64) -> Result<(), ReadError<E>> {
        let mut header = StatementHeader::new(Format::plain(Family::CbiRh), self.out.next_index(), line);
        header.created.clone_from(&self.created);
        let mut problems = Vec::new();
        match record {
            Some(record) => account(record, &mut header, self.settings, &mut problems),
            None => problems.push(problem(line, "", RecordProblem::NoAccount("record 61"))),
        }
        let building = self.out.begin(header, problems)?;
        self.open = Some(Open {
            building,
            movement: None,
            ended: false,
        });
        Ok(())
    }

    /// A record that belongs into an account; `after` where it may stand behind record 64.
    fn within(&mut self, record: Record<'_>, line: u64, after: bool) -> Result<(), ReadError<E>> {
        if self.open.is_none() {
            self.begin(None, line)?;
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.ended && !after) {
            let kind = RecordProblem::OutOfOrder {
                record: short(record.field(1, 2)),
                rule: "after record 64 only 65, 61 or EF may follow",
            };
            self.out.tell(&mut open.building, problem(line, "", kind))?;
        }
        Ok(())
    }

    fn movement(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line, false)?;
        self.end_movement()?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut problems = Vec::new();
        open.movement = Some(Movement::read(
            record,
            line,
            &open.building,
            &self.settings.cbi,
            &mut problems,
        ));
        self.out.tell_all(&mut open.building, problems)
    }

    fn detail(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line, false)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let added = match &mut open.movement {
            Some(movement) => movement.detail(record),
            None => Err(RecordProblem::OutOfOrder {
                record: "63".to_owned(),
                rule: "it belongs to a record 62, and there is none before it",
            }),
        };
        match added {
            Ok(()) => Ok(()),
            Err(kind) => self.out.tell(&mut open.building, problem(line, "record 63", kind)),
        }
    }

    fn end_movement(&mut self) -> Result<(), ReadError<E>> {
        let Some(open) = &mut self.open else { return Ok(()) };
        match open.movement.take() {
            Some(movement) => self.out.entry(&mut open.building, movement.finish()),
            None => Ok(()),
        }
    }

    /// Record 64: the closing balance.
    fn account_end(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line, false)?;
        self.end_movement()?;
        let Some(open) = self.open.as_mut().filter(|open| !open.ended) else {
            return Ok(());
        };
        open.ended = true;
        let mut problems = Vec::new();
        let header = &mut open.building.header;
        match (Currency::parse(record.field(10, 12)), header.currency) {
            (Err(_), _) => {
                let kind = RecordProblem::UnknownCurrency(short(record.field(10, 12)));
                problems.push(problem(line, place("64", 10, 12, "currency"), kind));
            }
            (Ok(stated), Some(account)) if stated != account => {
                let kind = RecordProblem::CurrencyContradicted { stated, account };
                problems.push(problem(line, place("64", 10, 12, "currency"), kind));
            }
            _ => {}
        }
        let closing = balance(record, line, "64", "CLBD", 13, header.currency, &mut problems);
        header.to = closing.on.map(|on| WrittenTime {
            on,
            text: on.to_string(),
        });
        header.balances.push(closing);
        self.out.tell_all(&mut open.building, problems)
    }

    fn end_statement(&mut self, line: u64) -> Result<(), ReadError<E>> {
        self.end_movement()?;
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let missing = (!open.ended).then_some("64");
        self.out.end_at(open.building, missing, line)
    }

    /// A note that is told once per file.
    fn tell_once(&mut self, key: &str, problem: Problem) -> Result<(), ReadError<E>> {
        let open = self.open.as_mut().map(|open| &mut open.building);
        self.out.tell_once(open, key, problem)
    }
}

/// Record 61. The opening balance stands behind the code of the currency; the 23 characters before that code are the
/// account's coordinates, and the four behind the balance its country and check digits: taken only where together they
/// are an IBAN, so that the check digits prove it.
fn account(record: Record<'_>, header: &mut StatementHeader, settings: &RecordSettings, problems: &mut Vec<Problem>) {
    let line = header.line;
    let Some((at, currency)) = currency_mark(record) else {
        let kind = RecordProblem::UnknownCurrency(short(record.field(62, 64)));
        problems.push(problem(line, "record 61 (currency)", kind));
        header.account.number = settings.account.clone().unwrap_or_default();
        return;
    };
    header.currency = Some(currency);
    let opening = balance(record, line, "61", "OPBD", at + 3, header.currency, problems);
    header.from = opening.on.map(|on| WrittenTime {
        on,
        text: on.to_string(),
    });
    header.balances.push(opening);
    let coordinates = record.field(at.saturating_sub(23), at.saturating_sub(1));
    let iban = Iban::parse(&format!("{}{coordinates}", record.field(at + 25, at + 28)));
    if let Ok(iban) = iban {
        header.account.number = iban.as_str().to_owned();
        header.account.is_iban = true;
    } else {
        header.account.number = coordinates.split_whitespace().collect();
    }
    if let Some(account) = &settings.account {
        header.account.number.clone_from(account);
        header.account.is_iban = Iban::parse(account).is_ok();
    }
    if header.account.number.is_empty() {
        let kind = RecordProblem::BadAccount(short(coordinates));
        problems.push(problem(
            line,
            place("61", at.saturating_sub(23), at.saturating_sub(1), "account"),
            kind,
        ));
    }
}

/// Where a code of a currency stands before a date and a direction: `EUR310124C`.
fn currency_mark(record: Record<'_>) -> Option<(usize, Currency)> {
    (10..=record.length().saturating_sub(9)).find_map(|at| {
        let currency = Currency::parse(record.field(at, at + 2)).ok()?;
        record.day_first_date(at + 3).ok()?;
        matches!(record.field(at + 9, at + 9), "C" | "D").then_some((at, currency))
    })
}

/// Date, direction and amount of a balance, from position `at` on.
fn balance(
    record: Record<'_>,
    line: u64,
    code: &str,
    kind: &str,
    at: usize,
    currency: Option<Currency>,
    problems: &mut Vec<Problem>,
) -> Balance {
    let mut tell = |from: usize, to: usize, what: &str, kind: RecordProblem| {
        problems.push(problem(line, place(code, from, to, what), kind));
    };
    let on = record
        .day_first_date(at)
        .map_err(|kind| tell(at, at + 5, "date", kind))
        .ok();
    let credit = movement::direction(record, at + 6)
        .map_err(|kind| tell(at + 6, at + 6, "direction", kind))
        .ok();
    let money = currency.and_then(|currency| {
        let read = movement::amount(record, at + 7, currency);
        let minor = read.map_err(|kind| tell(at + 7, at + 21, "balance", kind)).ok()?;
        Some(signed(minor, credit?, currency))
    });
    Balance {
        code: kind.to_owned(),
        subtype: None,
        money,
        sign_stated: true,
        on,
        line,
    }
}
