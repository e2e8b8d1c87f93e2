//! Norma 43 (Cuaderno 43 of the Spanish banks, edition of June 2012): records of 80 characters, read as a stream.
//!
//! 11 an account begins; 22 a movement, with up to five records 23 (concepts) and one 24 (amount in the currency of its
//! origin); 33 the account ends, with counts, totals and closing balance; 88 the file ends, with its number of records.
//! Blanks cut off at the end of lines are as good as written; amounts have two implied decimals, whatever the currency;
//! the direction is a code of its own (1 debit, 2 credit), never a sign.

mod account;
mod ccc;
mod movement;

use std::io::Read;

use super::format::{Dialect, Family, Format};
use super::model::{Event, StatementHeader, Summary};
use super::problem::{Problem, ReadError};
use super::records::driver::{Records, drive};
use super::records::input::Input;
use super::records::problem::{RecordProblem, place};
use super::records::record::{Record, short};
use super::records::settings::{FileEnd, RecordSettings};
use super::records::statement::{Building, Out, problem};
use super::settings::Settings;
use super::source::Sniffed;
use movement::{Movement, Side};

/// Characters of a record.
const WIDTH: usize = 80;
/// Common concepts of the edition of 2012.
const CONCEPTS: std::ops::RangeInclusive<u8> = 1..=17;

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
        records: 0,
        file_headers: 0,
        file_ended: false,
    };
    drive(input, reader)
}

/// An account whose record 33, or the end after it, was not met yet.
struct Open {
    building: Building,
    movement: Option<Movement>,
    debits: Side,
    credits: Side,
    ended: bool,
}

struct Reader<'s, 'c, E> {
    out: Out<'s, E>,
    settings: &'c RecordSettings,
    open: Option<Open>,
    /// Since the file began, without record 88.
    records: u64,
    file_headers: u64,
    file_ended: bool,
}

impl<'s, E> Records<'s, E> for Reader<'s, '_, E> {
    fn line(&mut self, text: &str, line: u64) -> Result<(), ReadError<E>> {
        // A blank before the records is of a form, not of them.
        self.records_of(text.trim_start(), line)
    }

    fn finish(&mut self, line: u64) -> Result<(), ReadError<E>> {
        self.end_movement()?;
        let missing = !self.file_ended && self.settings.file_end == FileEnd::Required;
        if let Some(open) = self.open.as_mut().filter(|_| missing) {
            let kind = RecordProblem::NoFileEnd("88");
            self.out.tell(&mut open.building, problem(line, "", kind))?;
        }
        self.end_statement(line)
    }

    fn out(&mut self) -> &mut Out<'s, E> {
        &mut self.out
    }

    fn format(&self) -> Format {
        Format::plain(Family::Norma43)
    }

    fn dialect(&self) -> Dialect {
        Dialect {
            name: "Cuaderno 43".to_owned(),
            why: "records 11 with bank, branch, account and period".to_owned(),
        }
    }

    fn nothing(&self) -> (&'static str, &'static str) {
        (
            "there is no record 11 in it: no account, no movement",
            "Fetch the file from the bank again: it holds no statement.",
        )
    }
}

impl<E> Reader<'_, '_, E> {
    /// A line: one record, or several where line ends were lost.
    fn records_of(&mut self, text: &str, line: u64) -> Result<(), ReadError<E>> {
        let record = Record::new(text);
        let length = record.length();
        // Record 88 says nothing after position 26: what stands there is the next file.
        if record.field(1, 2) == "88" && starts_file(record.field(27, length)) {
            let rest = record.field(27, length);
            self.record(Record::new(record.field(1, 26)), line)?;
            return self.records_of(rest, line);
        }
        if length > WIDTH {
            let rest = record.field(WIDTH + 1, length);
            if starts_record(rest) {
                self.record(Record::new(record.field(1, WIDTH)), line)?;
                return self.records_of(rest, line);
            }
            let path = format!("record {}", record.field(1, 2));
            let kind = RecordProblem::TooWide {
                found: length,
                limit: WIDTH,
            };
            self.tell_once("wide", problem(line, path, kind))?;
        }
        self.record(record, line)
    }

    fn record(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        let code = record.field(1, 2);
        if code == "88" {
            return self.file_end(record, line);
        }
        if self.file_ended {
            // Files glued together: the next one begins.
            self.file_ended = false;
            self.records = 0;
            self.file_headers = 0;
        }
        self.records += 1;
        match code {
            "00" => {
                self.file_headers += 1;
                self.end_statement(line)
            }
            "11" => {
                self.end_statement(line)?;
                self.begin(Some(record), line)
            }
            "22" => self.movement(record, line),
            "23" => self.belonging(record, line, |movement| movement.concept(record)),
            "24" => self.belonging(record, line, |movement| movement.equivalence(record)),
            "33" => self.account_end(record, line),
            other => {
                let problem = problem(line, "", RecordProblem::UnknownRecord(short(other)));
                self.tell_once(other, problem)
            }
        }
    }

    /// An account begins; without its record 11 it has no number, and nothing of it is booked.
    fn begin(&mut self, record: Option<Record<'_>>, line: u64) -> Result<(), ReadError<E>> {
        let mut header = StatementHeader::new(Format::plain(Family::Norma43), self.out.next_index(), line);
        let mut problems = Vec::new();
        match record {
            Some(record) => account::begin(record, &mut header, &mut problems),
            None => problems.push(problem(line, "", RecordProblem::NoAccount("record 11"))),
        }
        let building = self.out.begin(header, problems)?;
        self.open = Some(Open {
            building,
            movement: None,
            debits: Side::default(),
            credits: Side::default(),
            ended: false,
        });
        Ok(())
    }

    /// A record that belongs into an account: one without number is begun where none is open.
    fn within(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        if self.open.is_none() {
            self.begin(None, line)?;
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.ended) {
            let kind = RecordProblem::OutOfOrder {
                record: short(record.field(1, 2)),
                rule: "after record 33 only 11 or 88 may follow",
            };
            self.out.tell(&mut open.building, problem(line, "", kind))?;
        }
        Ok(())
    }

    fn movement(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line)?;
        self.end_movement()?;
        let common = record.field(23, 24);
        let known = common
            .parse::<u8>()
            .is_ok_and(|code| CONCEPTS.contains(&code) || code == 98 || code == 99);
        if !known {
            let kind = RecordProblem::UnknownCode {
                what: "the common concept",
                code: short(common),
            };
            let key = format!("concept {common}");
            self.tell_once(&key, problem(line, place("22", 23, 24, "common concept"), kind))?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut problems = Vec::new();
        let movement = Movement::read(record, line, &open.building, &mut problems);
        let (debit, credit) = movement.sides();
        for (sum, side) in [(&mut open.debits, debit), (&mut open.credits, credit)] {
            sum.count = sum.count.saturating_add(side.count);
            sum.total = sum.total.saturating_add(side.total);
        }
        open.movement = Some(movement);
        self.out.tell_all(&mut open.building, problems)
    }

    /// A record 23 or 24 of the movement before it.
    fn belonging(
        &mut self,
        record: Record<'_>,
        line: u64,
        add: impl FnOnce(&mut Movement) -> Result<(), RecordProblem>,
    ) -> Result<(), ReadError<E>> {
        self.within(record, line)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let added = match &mut open.movement {
            Some(movement) => add(movement),
            None => Err(RecordProblem::OutOfOrder {
                record: short(record.field(1, 2)),
                rule: "it belongs to a record 22, and there is none before it",
            }),
        };
        match added {
            Ok(()) => Ok(()),
            Err(kind) => {
                let path = format!("record {}", record.field(1, 2));
                self.out.tell(&mut open.building, problem(line, path, kind))
            }
        }
    }

    fn end_movement(&mut self) -> Result<(), ReadError<E>> {
        let Some(open) = &mut self.open else { return Ok(()) };
        match open.movement.take() {
            Some(movement) => self
                .out
                .entry(&mut open.building, movement.finish(self.settings.concepts)),
            None => Ok(()),
        }
    }

    fn account_end(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line)?;
        self.end_movement()?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut problems = Vec::new();
        if !std::mem::replace(&mut open.ended, true) {
            let sides = (open.debits, open.credits);
            account::end(record, line, &mut open.building.header, sides, &mut problems);
        }
        self.out.tell_all(&mut open.building, problems)
    }

    fn end_statement(&mut self, line: u64) -> Result<(), ReadError<E>> {
        self.end_movement()?;
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let missing = (!open.ended).then_some("33");
        self.out.end_at(open.building, missing, line)
    }

    /// Record 88, or a second one.
    fn file_end(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.end_movement()?;
        let at = || place("88", 21, 26, "number of records");
        let counted = self.records;
        let fault = match record.number(21, 26) {
            // Record 88 is not counted; whether a file header 00 is, the standard does not say: it has none.
            Ok(stated) if stated == counted || stated == counted.saturating_sub(self.file_headers) => None,
            Ok(stated) => Some(RecordProblem::CountDiffers {
                what: "number of records",
                stated,
                found: counted,
            }),
            Err(kind) => Some(kind),
        };
        if let Some(kind) = fault {
            self.of_file(problem(line, at(), kind))?;
        }
        self.end_statement(line)?;
        self.file_ended = true;
        Ok(())
    }

    /// A problem of the whole file: of its statement where it has one, else of all of them.
    fn of_file(&mut self, problem: Problem) -> Result<(), ReadError<E>> {
        match &mut self.open {
            Some(open) if self.out.statements == 1 => self.out.tell(&mut open.building, problem),
            _ => self.out.condemn(problem),
        }
    }

    /// A note that is told once per file.
    fn tell_once(&mut self, key: &str, problem: Problem) -> Result<(), ReadError<E>> {
        let open = self.open.as_mut().map(|open| &mut open.building);
        self.out.tell_once(open, key, problem)
    }
}

/// Two digits of a record, and digits of its first field.
fn starts_record(text: &str) -> bool {
    let code = text.get(..2).unwrap_or_default();
    let digits = |text: Option<&str>| text.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match code {
        "11" | "33" => digits(text.get(2..20)),
        "22" => digits(text.get(10..22)),
        "23" => matches!(text.get(2..4), Some("01" | "02" | "03" | "04" | "05")),
        "24" => text.get(2..4) == Some("01"),
        "88" => text.get(2..20) == Some("999999999999999999"),
        _ => false,
    }
}

fn starts_file(text: &str) -> bool {
    text.starts_with("11") && starts_record(text)
}
