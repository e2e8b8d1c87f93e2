//! Asobancaria: the collection files of Colombian banks, format 2001 ("98/2001", records of 162 characters) and the older
//! one of 1998 (128 characters), read as a stream. Layout by agreement of four public parsers and three real files; the
//! association's own text could not be had, so that what rests on one source alone is a setting.
//!
//! 01 a file begins: whose collection, day, bank, account; 05 a batch begins; 06 (1998: 02) one collection; 08 the batch
//! ends; 09 the file ends, both with number and total of collections. There are no balances: counts and totals prove the
//! file. Blanks cut off at the end of lines are as good as written.

mod collection;

use std::io::Read;

use kernel::Currency;

use super::format::{Dialect, Format};
use super::model::{Event, StatementHeader, Summary, WrittenTime};
use super::problem::{Problem, ReadError};
use super::records::driver::{Records, drive};
use super::records::input::Input;
use super::records::problem::{RecordProblem, place};
use super::records::record::{Record, short};
use super::records::settings::{RecordSettings, Totals};
use super::records::statement::{Building, Out, problem};
use super::settings::Settings;
use super::source::Sniffed;
use collection::{Collection, Layout};

/// Reads one file; see [`super::read`].
pub(super) fn read<E>(
    input: impl Read,
    sniffed: &Sniffed,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    let settings = &settings.records;
    let input = Input::new(input, sniffed, settings.charset, Layout::WIDTH)?;
    let reader = Reader {
        out: Out::new(sink),
        settings,
        currency: settings.currency.or_else(|| Currency::parse("COP").ok()),
        open: None,
        layout: Layout::Of2001,
    };
    drive(input, reader)
}

/// Number and amount of collections.
#[derive(Copy, Clone, Debug, Default)]
struct Sum {
    count: u64,
    total: i128,
}

impl Sum {
    fn add(&mut self, total: i128) {
        self.count = self.count.saturating_add(1);
        self.total = self.total.saturating_add(total);
    }
}

/// A batch between its records 05 and 08.
struct Batch {
    number: String,
    service: String,
    sum: Sum,
}

/// A file between its records 01 and 09.
struct Open {
    building: Building,
    /// Bank, account, day and modifier: with batch and sequence the key against duplicates.
    key: String,
    batch: Option<Batch>,
    sum: Sum,
    ended: bool,
}

struct Reader<'s, 'c, E> {
    out: Out<'s, E>,
    settings: &'c RecordSettings,
    currency: Option<Currency>,
    open: Option<Open>,
    layout: Layout,
}

impl<'s, E> Records<'s, E> for Reader<'s, '_, E> {
    fn line(&mut self, text: &str, line: u64) -> Result<(), ReadError<E>> {
        self.records_of(text, line)
    }

    fn finish(&mut self, line: u64) -> Result<(), ReadError<E>> {
        self.end_statement(line)
    }

    fn out(&mut self) -> &mut Out<'s, E> {
        &mut self.out
    }

    fn format(&self) -> Format {
        self.layout.format()
    }

    fn dialect(&self) -> Dialect {
        Dialect {
            name: format!("Asobancaria {}", self.layout.year()),
            why: "record 01 with company, day and bank, and the records after it".to_owned(),
        }
    }

    fn nothing(&self) -> (&'static str, &'static str) {
        (
            "there is no record 01 and no collection in it",
            "Fetch the file from the bank again: it holds no collection.",
        )
    }
}

impl<E> Reader<'_, '_, E> {
    /// A line: one record, or a record 09 with the next file glued to it.
    fn records_of(&mut self, text: &str, line: u64) -> Result<(), ReadError<E>> {
        let record = Record::new(text);
        let length = record.length();
        for end in [29, self.layout.width()] {
            let rest = record.field(end + 1, length);
            if record.field(1, 2) == "09" && rest.starts_with("01") && rest.len() > 40 {
                self.record(Record::new(record.field(1, end)), line)?;
                return self.records_of(rest, line);
            }
        }
        if length > self.layout.width() {
            let path = format!("record {}", record.field(1, 2));
            let kind = RecordProblem::TooWide {
                found: length,
                limit: self.layout.width(),
            };
            self.tell_once("wide", problem(line, path, kind))?;
        }
        self.record(record, line)
    }

    fn record(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        match record.field(1, 2) {
            "01" => {
                self.end_statement(line)?;
                self.layout = Layout::of(record);
                self.begin(Some(record), line)
            }
            "05" => self.batch(record, line),
            "06" => self.collection(record, line),
            "02" if self.layout == Layout::Of1998 => self.collection(record, line),
            "08" => self.batch_end(record, line),
            "09" => self.file_end(record, line),
            other => self.tell_once(other, problem(line, "", RecordProblem::UnknownRecord(short(other)))),
        }
    }

    fn begin(&mut self, record: Option<Record<'_>>, line: u64) -> Result<(), ReadError<E>> {
        let mut header = StatementHeader::new(self.layout.format(), self.out.next_index(), line);
        header.currency = self.currency;
        let mut problems = Vec::new();
        let mut key = String::new();
        match record {
            Some(record) => key = self.file_header(record, &mut header, &mut problems),
            None => problems.push(problem(line, "", RecordProblem::NoAccount("record 01"))),
        }
        let building = self.out.begin(header, problems)?;
        self.open = Some(Open {
            building,
            key,
            batch: None,
            sum: Sum::default(),
            ended: false,
        });
        Ok(())
    }

    /// Record 01. The answer is the file's part of the key of its collections.
    fn file_header(&self, record: Record<'_>, header: &mut StatementHeader, problems: &mut Vec<Problem>) -> String {
        let at = self.layout.header();
        let account = record.word(at.account.0, at.account.1);
        let number = account.trim_start_matches('0');
        header.account.number = number.split_whitespace().collect();
        if header.account.number.is_empty() && self.settings.account.is_none() {
            let kind = RecordProblem::BadAccount(short(account));
            problems.push(problem(
                header.line,
                place("01", at.account.0, at.account.1, "account"),
                kind,
            ));
        }
        if let Some(account) = &self.settings.account {
            header.account.number.clone_from(account);
        }
        match record.long_date(at.day) {
            Ok(on) => {
                let time = WrittenTime {
                    on,
                    text: on.to_string(),
                };
                header.from = Some(time.clone());
                header.to = Some(time);
            }
            Err(kind) => problems.push(problem(
                header.line,
                place("01", at.day, at.day + 7, "collection day"),
                kind,
            )),
        }
        let modifier = at.modifier.map_or("", |at| record.word(at, at));
        if let Some(made) = at.made.and_then(|made| record.long_date(made).ok()) {
            let time = at.made.map_or("", |made| record.word(made + 8, made + 11));
            header.created = Some(WrittenTime {
                on: made,
                text: format!("{made}T{time}"),
            });
        }
        header.id = Some(modifier.to_owned()).filter(|modifier| !modifier.is_empty());
        let bank = record.word(at.bank, at.bank + 2);
        let day = record.word(at.day, at.day + 7);
        format!("{bank}/{number}/{day}/{modifier}")
    }

    /// What a record needs before it: a file, and in 2001 a batch.
    fn within(&mut self, record: Record<'_>, line: u64, in_batch: bool) -> Result<(), ReadError<E>> {
        if self.open.is_none() {
            self.begin(None, line)?;
        }
        let of_2001 = self.layout == Layout::Of2001;
        let Some(open) = &mut self.open else { return Ok(()) };
        let rule = if open.ended {
            Some("after record 09 only a new file (01) may follow")
        } else if in_batch && of_2001 && open.batch.is_none() {
            Some("it stands in a batch, between records 05 and 08")
        } else {
            None
        };
        if let Some(rule) = rule {
            let record = short(record.field(1, 2));
            let problem = problem(line, "", RecordProblem::OutOfOrder { record, rule });
            self.out.tell(&mut open.building, problem)?;
        }
        Ok(())
    }

    fn batch(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line, false)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let batch = Batch {
            service: record.word(3, 15).to_owned(),
            number: record.word(16, 19).to_owned(),
            sum: Sum::default(),
        };
        if open.batch.replace(batch).is_some() {
            self.out
                .tell(&mut open.building, problem(line, "", RecordProblem::NoEnd("08")))?;
        }
        Ok(())
    }

    fn collection(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line, true)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let (service, number) = open
            .batch
            .as_ref()
            .map_or(("", ""), |batch| (batch.service.as_str(), batch.number.as_str()));
        let mut problems = Vec::new();
        let collection = Collection::read(
            record,
            line,
            self.layout,
            &open.building,
            service,
            self.settings,
            &mut problems,
        );
        let mut entry = collection.entry;
        entry.servicer_reference = Some(format!("{}/{number}/{}", open.key, collection.key));
        let counted = self.settings.totals.counted(collection.written, collection.returned);
        open.sum.add(counted);
        if let Some(batch) = &mut open.batch {
            batch.sum.add(counted);
        }
        let means = collection
            .means
            .filter(|means| !Layout::MEANS.contains(&means.as_str()));
        self.out.entry(&mut open.building, entry)?;
        self.out.tell_all(&mut open.building, problems)?;
        let Some(code) = means else { return Ok(()) };
        let key = format!("means {code}");
        let kind = RecordProblem::UnknownCode {
            what: "the means of payment",
            code,
        };
        self.tell_once(&key, problem(line, place("06", 67, 68, "means of payment"), kind))
    }

    fn batch_end(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line, true)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let Some(batch) = open.batch.take() else { return Ok(()) };
        let mut problems = Vec::new();
        check(record, line, "08", batch.sum, self.currency, &mut problems);
        let number = record.word(30, 33);
        if number != batch.number {
            let kind = RecordProblem::OutOfOrder {
                record: format!("08 of batch {}", short(number)),
                rule: "it ends the batch that record 05 began",
            };
            problems.push(problem(line, place("08", 30, 33, "batch"), kind));
        }
        self.out.tell_all(&mut open.building, problems)
    }

    fn file_end(&mut self, record: Record<'_>, line: u64) -> Result<(), ReadError<E>> {
        self.within(record, line, false)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut problems = Vec::new();
        if open.batch.take().is_some() {
            problems.push(problem(line, "", RecordProblem::NoEnd("08")));
        }
        check(record, line, "09", open.sum, self.currency, &mut problems);
        open.ended = true;
        self.out.tell_all(&mut open.building, problems)
    }

    fn end_statement(&mut self, line: u64) -> Result<(), ReadError<E>> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let missing = (!open.ended).then_some("09");
        self.out.end_at(open.building, missing, line)
    }

    /// A note that is told once per file.
    fn tell_once(&mut self, key: &str, problem: Problem) -> Result<(), ReadError<E>> {
        let open = self.open.as_mut().map(|open| &mut open.building);
        self.out.tell_once(open, key, problem)
    }
}

impl Totals {
    /// What a collection of this amount adds to a total.
    fn counted(self, written: i128, returned: bool) -> i128 {
        match self {
            _ if !returned => written,
            Self::Gross => written,
            Self::WithoutReturns => 0,
            Self::Net => written.saturating_neg(),
        }
    }
}

/// Number and total of a record 08 or 09 against what was read.
fn check(
    record: Record<'_>,
    line: u64,
    code: &'static str,
    sum: Sum,
    currency: Option<Currency>,
    problems: &mut Vec<Problem>,
) {
    let what = "number of collections";
    match record.number(3, 11) {
        Ok(stated) if stated == sum.count => {}
        Ok(stated) => {
            let found = sum.count;
            let kind = RecordProblem::CountDiffers { what, stated, found };
            problems.push(problem(line, place(code, 3, 11, what), kind));
        }
        Err(kind) => problems.push(problem(line, place(code, 3, 11, what), kind)),
    }
    let Some(currency) = currency else { return };
    let what = "total of collections";
    match record.amount(12, 29, currency).map(i128::from) {
        Ok(stated) if stated == sum.total => {}
        Ok(stated) => {
            let kind = RecordProblem::TotalDiffers {
                what,
                stated,
                found: sum.total,
                currency,
            };
            problems.push(problem(line, place(code, 12, 29, what), kind));
        }
        Err(kind) => problems.push(problem(line, place(code, 12, 29, what), kind)),
    }
}
