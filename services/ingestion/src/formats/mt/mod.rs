//! SWIFT MT940 (customer statement) and MT942 (interim report), read as a stream of lines.
//!
//! A message is a statement; each page of a paged one (`:60M:`, `:62M:`) is a statement of its own with its own proof, and
//! the chain of pages is checked. What stands before, between and behind messages is ignored. Memory is bounded by one
//! entry, however large the file.

mod account;
mod details;
mod dialect;
mod entry;
mod line61;
mod problem;
mod romania;
mod sepa;
mod slash;
mod statement;
mod subfields;
mod tags;
mod told;
mod values;

use std::collections::BTreeSet;
use std::io::{self, Read};

use encoding_rs::{UTF_16BE, UTF_16LE};

use super::charset::{self, CENTRAL, Charset, WESTERN};
use super::format::{Family, Format};
use super::lines::Lines;
use super::model::{Event, Summary};
use super::problem::{Place, Problem, ReadError, Refusal, RefusalReason};
use super::settings::Settings;
use super::source::{Sniffed, Source};
use super::unbroken::Unbroken;
use dialect::{Dialect, Found};
use entry::RawEntry;
use problem::{MtProblem, short};
use statement::{Chain, Statement};
use tags::{Field, Kind, Line, Tag, inline_end, is_cut_time, is_surely, line_of};

/// Bytes of entries that are held until a balance tells their currency.
const MAX_HELD: usize = 4 * 1024 * 1024;
/// Unknown tags of which the file tells.
const MAX_UNKNOWN: usize = 20;

/// Reads one file; see [`super::read`].
pub(super) fn read<E>(
    input: impl Read,
    sniffed: &Sniffed,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    // Fields are decoded one by one; only UTF-16 has lines that must be decoded first.
    let wide = sniffed.encoding == UTF_16LE || sniffed.encoding == UTF_16BE;
    let input = if wide {
        Input::Text(Box::new(Source::of_text(input, sniffed)))
    } else {
        Input::Raw(input)
    };
    let set = settings
        .dialect
        .as_deref()
        .map(|name| (name, Dialect::of_setting(name)));
    let mut reader = MtReader {
        sink,
        number: 0,
        field: None,
        entry: None,
        held: Vec::new(),
        held_bytes: 0,
        statement: None,
        next_kind: None,
        next_envelope: false,
        page: None,
        dialect: Found::new(set.and_then(|(_, dialect)| dialect)),
        unknown: BTreeSet::new(),
        chain: None,
        families: BTreeSet::new(),
        statements: 0,
        entries: 0,
        quarantined: 0,
    };
    if let Some((name, None)) = set {
        reader.note(1, MtProblem::UnknownDialect(short(name)))?;
    }
    let mut lines = Lines::new(Unbroken::tags(input)?);
    loop {
        reader.number = lines.number().saturating_add(1);
        let Some(line) = lines.next()? else { break };
        reader.line(line)?;
    }
    reader.close_field()?;
    reader.end_statement(true)?;
    if reader.statements == 0 {
        return Err(ReadError::Refused(Box::new(no_statement())));
    }
    reader.check_left_open()?;
    let encoding = match (wide, reader.page) {
        (true, _) => sniffed.encoding_name(),
        (false, Some(page)) => page.name(),
        (false, None) => "UTF-8",
    };
    Ok(Summary {
        format: reader.format(),
        dialect: reader.dialect.told(),
        encoding,
        statements: reader.statements,
        entries: reader.entries,
        quarantined: reader.quarantined,
        bytes: lines.taken(),
    })
}

fn no_statement() -> Refusal {
    Refusal {
        at: Place::on_line(1),
        reason: RefusalReason::OfFormat {
            what:
                "the file has tags of MT940, but no balance (:60F:, :62F:) and no entry (:61:): it holds no statement"
                    .to_owned(),
            remedy: "Fetch the file from the bank again, or send the whole of it.",
        },
        format: Some("MT940".to_owned()),
    }
}

/// Bytes as they are, or decoded.
enum Input<R> {
    Raw(R),
    Text(Box<Source<R>>),
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Raw(input) => input.read(buf),
            Self::Text(source) => source.read(buf),
        }
    }
}

struct MtReader<'s, E> {
    sink: &'s mut dyn FnMut(Event) -> Result<(), E>,
    number: u64,
    /// The field that is still open: lines may follow.
    field: Option<Field>,
    entry: Option<RawEntry>,
    /// Entries of a statement whose opening balance is missing: the closing one tells their currency.
    held: Vec<RawEntry>,
    held_bytes: usize,
    statement: Option<Statement>,
    /// What the envelope, or a line before the message, says of its kind.
    next_kind: Option<Kind>,
    next_envelope: bool,
    /// Code page of fields that are not UTF-8.
    page: Option<Charset>,
    dialect: Found,
    unknown: BTreeSet<String>,
    chain: Option<Chain>,
    families: BTreeSet<&'static str>,
    statements: u32,
    entries: u64,
    quarantined: u32,
}

impl<E> MtReader<'_, E> {
    fn emit(&mut self, event: Event) -> Result<(), ReadError<E>> {
        (self.sink)(event).map_err(ReadError::Receiver)
    }

    /// A note about the file.
    fn note(&mut self, line: u64, problem: MtProblem) -> Result<(), ReadError<E>> {
        let at = Place::on_line(line);
        let kind = problem.into();
        self.emit(Event::Problem {
            statement: None,
            problem: Problem { at, kind },
        })
    }

    /// One line; what follows the end of a message on it is looked at again.
    fn line(&mut self, raw: &[u8]) -> Result<(), ReadError<E>> {
        let mut rest = Some(raw);
        while let Some(part) = rest {
            rest = self.part(part)?;
        }
        Ok(())
    }

    /// The first part of a line; the rest is shorter.
    fn part<'a>(&mut self, raw: &'a [u8]) -> Result<Option<&'a [u8]>, ReadError<E>> {
        match line_of(raw) {
            Line::Tag(_, _) if self.is_in_details() && self.is_cut_time(raw) => self.text(raw),
            Line::Tag(tag, value) => {
                self.close_field()?;
                self.begin_field(tag, value)
            }
            Line::Indented(tag, value, text) if self.is_in_details() && !is_surely(tag, value) => self.text(text),
            Line::Indented(tag, value, _) => {
                self.close_field()?;
                self.begin_field(tag, value)
            }
            Line::Unknown(text) => self.unknown(text),
            Line::Text(text) => self.text(text),
            Line::End(rest) => self.end_message(rest),
            Line::Envelope { kind, body } => {
                self.close_field()?;
                self.end_statement(false)?;
                self.next_kind = kind.or(self.next_kind);
                self.next_envelope |= body.is_some();
                Ok(body.filter(|body| !body.trim_ascii().is_empty()))
            }
        }
    }

    /// In the details of an entry whose statement is not closed yet.
    fn is_in_details(&self) -> bool {
        self.entry.is_some() && self.field.as_ref().is_some_and(|field| field.tag == Tag::Details)
    }

    fn is_cut_time(&self, raw: &[u8]) -> bool {
        self.field
            .as_ref()
            .is_some_and(|field| is_cut_time(field.last_line(), raw))
    }

    fn begin_field<'a>(&mut self, tag: Tag, value: &'a [u8]) -> Result<Option<&'a [u8]>, ReadError<E>> {
        let end = if self.is_in_envelope() { inline_end(value) } else { None };
        let kept = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
        self.field = Some(Field::new(tag, self.number, kept));
        match end {
            Some(at) => self.end_message(value.get(at + 2..).unwrap_or_default()),
            None => Ok(None),
        }
    }

    fn is_in_envelope(&self) -> bool {
        self.next_envelope || self.statement.as_ref().is_some_and(Statement::is_in_envelope)
    }

    fn text<'a>(&mut self, text: &'a [u8]) -> Result<Option<&'a [u8]>, ReadError<E>> {
        let end = if self.is_in_envelope() { inline_end(text) } else { None };
        let kept = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        match &mut self.field {
            Some(field) => {
                field.push(kept);
            }
            None => self.preamble(text.trim_ascii()),
        }
        match end {
            Some(at) => self.end_message(text.get(at + 2..).unwrap_or_default()),
            None => Ok(None),
        }
    }

    /// Banks put `940` or `942` before the message.
    fn preamble(&mut self, text: &[u8]) {
        match text
            .trim_ascii()
            .split(|byte| *byte == b':' || *byte == b' ')
            .find(|part| !part.is_empty())
        {
            Some(b"940") => self.next_kind = Some(Kind::Mt940),
            Some(b"942") => self.next_kind = Some(Kind::Mt942),
            _ => {}
        }
    }

    fn unknown<'a>(&mut self, text: &'a [u8]) -> Result<Option<&'a [u8]>, ReadError<E>> {
        if matches!(text.get(..5), Some(b":940:" | b":942:")) {
            self.close_field()?;
            self.preamble(text);
            return Ok(None);
        }
        let name: Vec<u8> = text.iter().skip(1).take_while(|byte| **byte != b':').copied().collect();
        let name = format!(":{}:", String::from_utf8_lossy(&name));
        if self.unknown.len() < MAX_UNKNOWN && self.unknown.insert(name.clone()) {
            self.note(self.number, MtProblem::UnknownTag(name))?;
        }
        self.text(text)
    }

    /// `-`: the message ends. Where its closing balance is still to come, the line was text and more may follow. Behind the
    /// brace the next envelope may begin.
    fn end_message<'a>(&mut self, rest: &'a [u8]) -> Result<Option<&'a [u8]>, ReadError<E>> {
        self.close_field()?;
        match &mut self.statement {
            Some(statement) => statement.ended = true,
            None => self.next_envelope = false,
        }
        let next = rest.windows(3).position(|part| part == b"{1:");
        Ok(next.and_then(|at| rest.get(at..)))
    }

    fn close_field(&mut self) -> Result<(), ReadError<E>> {
        let Some(field) = self.field.take() else {
            return Ok(());
        };
        match field.tag {
            Tag::Details | Tag::NonSwift => {
                // Without an open entry it is about the statement: nothing of it is needed.
                let Some(mut entry) = self.entry.take() else {
                    return Ok(());
                };
                let text = self.decode(&field)?;
                entry.add(field.tag, &text);
                entry.overfull = entry.overfull.or(field.overfull.then_some(field.tag));
                self.entry = Some(entry);
                Ok(())
            }
            Tag::Entry => {
                self.flush_entry()?;
                self.statement_for(field.tag, field.line)?;
                let text = self.decode(&field)?;
                let (number, late) = self.statement.as_mut().map_or((0, false), Statement::next_entry);
                self.entry = Some(RawEntry {
                    line: field.line,
                    number,
                    late,
                    text,
                    overfull: field.overfull.then_some(field.tag),
                    ..RawEntry::default()
                });
                Ok(())
            }
            _ => self.statement_field(&field),
        }
    }

    fn statement_field(&mut self, field: &Field) -> Result<(), ReadError<E>> {
        self.flush_entry()?;
        if field.tag == Tag::Reference {
            self.end_statement(false)?;
        }
        self.statement_for(field.tag, field.line)?;
        let text = self.decode(field)?;
        if let Some(statement) = &mut self.statement {
            statement.field(field.tag, &text, field.line);
            if field.overfull {
                statement.overfull(field.line, field.tag);
            }
            self.dialect.account(&statement.header.account.number);
            if statement.knows_currency() {
                self.flush_held()?;
            }
        }
        Ok(())
    }

    fn decode(&mut self, field: &Field) -> Result<String, ReadError<E>> {
        let central = self.statement.as_ref().is_some_and(Statement::central);
        let before = self.page;
        let pages: &[Charset] = if central { &CENTRAL } else { &WESTERN };
        let text = charset::text(&field.bytes, &mut self.page, pages).into_owned();
        if let Some(page) = self.page.filter(|_| before.is_none()) {
            self.note(field.line, MtProblem::AssumedEncoding(page.name()))?;
        }
        Ok(text)
    }

    /// The statement that a field belongs to: the open one, its next page, or a new one.
    fn statement_for(&mut self, tag: Tag, line: u64) -> Result<(), ReadError<E>> {
        let mut next = match &mut self.statement {
            None => {
                let kind = self.next_kind.take();
                Statement::new(0, line, kind, std::mem::take(&mut self.next_envelope))
            }
            Some(open) if open.is_over_before(tag) => open.next_page(line),
            Some(open) => {
                open.ended = false;
                return Ok(());
            }
        };
        self.end_statement(false)?;
        next.header.index = self.statements.saturating_add(1);
        self.statement = Some(next);
        Ok(())
    }

    fn flush_entry(&mut self) -> Result<(), ReadError<E>> {
        let Some(raw) = self.entry.take() else { return Ok(()) };
        let known = self.statement.as_ref().is_some_and(Statement::knows_currency);
        if !known && self.held_bytes < MAX_HELD {
            self.held_bytes = self.held_bytes.saturating_add(raw.bytes());
            self.held.push(raw);
            return Ok(());
        }
        self.flush_held()?;
        self.hand_over(&raw)
    }

    fn flush_held(&mut self) -> Result<(), ReadError<E>> {
        self.held_bytes = 0;
        for raw in std::mem::take(&mut self.held) {
            self.hand_over(&raw)?;
        }
        Ok(())
    }

    fn hand_over(&mut self, raw: &RawEntry) -> Result<(), ReadError<E>> {
        let Some(mut statement) = self.statement.take() else {
            return Ok(());
        };
        if statement.begin() {
            self.emit(Event::StatementStart(Box::new(statement.header.clone())))?;
            statement.check_begun(true);
        }
        let dialect = self.dialect.now(&statement.header.account.number);
        let mut read = entry::read(raw, &statement.context(dialect));
        self.dialect.form(read.form);
        statement.count(&mut read, raw.late);
        self.problems(&mut statement)?;
        self.entries = self.entries.saturating_add(1);
        self.statement = Some(statement);
        self.emit(Event::Entry(Box::new(read.entry)))
    }

    fn problems(&mut self, statement: &mut Statement) -> Result<(), ReadError<E>> {
        for problem in statement.take_problems() {
            self.emit(Event::Problem {
                statement: Some(statement.header.index),
                problem,
            })?;
        }
        Ok(())
    }

    /// The open statement is complete. One that has neither balance nor entry is a message cut off behind its header:
    /// told, unless there is nothing else in the file, which is refused then.
    fn end_statement(&mut self, end_of_file: bool) -> Result<(), ReadError<E>> {
        self.flush_entry()?;
        self.flush_held()?;
        let Some(mut statement) = self.statement.take() else {
            return Ok(());
        };
        if !statement.is_statement() && (end_of_file && self.statements == 0) {
            return Ok(());
        }
        if statement.begin() {
            self.emit(Event::StatementStart(Box::new(statement.header.clone())))?;
            statement.check_begun(false);
        }
        let end = statement.finish(self.chain.as_ref());
        self.problems(&mut statement)?;
        if let Some(before) = self
            .chain
            .take()
            .filter(|before| before.is_left_open(Some(&end.header.account)))
        {
            self.left_open(&before)?;
        }
        self.chain = Some(statement.chain(&end.proof));
        self.statements = self.statements.saturating_add(1);
        self.quarantined = self.quarantined.saturating_add(u32::from(end.quarantined));
        self.families.insert(end.header.format.family.channel());
        self.emit(Event::StatementEnd(Box::new(end)))
    }

    fn left_open(&mut self, page: &Chain) -> Result<(), ReadError<E>> {
        let path = format!("Stmt[{}]", page.index);
        let at = Place { line: page.line, path };
        let kind = MtProblem::PageMissing.into();
        self.emit(Event::Problem {
            statement: None,
            problem: Problem { at, kind },
        })
    }

    fn check_left_open(&mut self) -> Result<(), ReadError<E>> {
        match self.chain.take().filter(|last| last.is_left_open(None)) {
            Some(last) => self.left_open(&last),
            None => Ok(()),
        }
    }

    fn format(&self) -> Format {
        let of = |family: Family| self.families.contains(family.channel());
        Format::plain(match (of(Family::Mt940), of(Family::Mt942)) {
            (true, true) => Family::Several,
            (false, true) => Family::Mt942,
            _ => Family::Mt940,
        })
    }
}
