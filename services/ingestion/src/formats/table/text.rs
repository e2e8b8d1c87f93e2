//! Rows of a text table, in bounded memory.

use std::cell::{Cell as Shared, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

use encoding_rs::{UTF_8, WINDOWS_1252};

use super::map::Map;
use super::value::Cell;
use super::{Cells, MAX_COLUMNS, Row};
use crate::formats::charset::Decoder;
use crate::formats::problem::{Place, Problem, ReadError, Refusal, RefusalReason};
use crate::formats::records::problem::RecordProblem;
use crate::formats::records::record::short;
use crate::formats::records::statement::problem;
use crate::formats::source::{MAX_FILE, Sniffed, Source};

/// Longest row in bytes, quoted line ends included.
const MAX_ROW: u64 = 1024 * 1024;
/// `csv` reads its input in pieces of this size.
const BUFFER: usize = 64 * 1024;

/// What passed through the input so far.
#[derive(Clone, Debug, Default)]
struct Passed {
    bytes: Rc<Shared<u64>>,
    allowed: Rc<Shared<u64>>,
    last: Rc<Shared<u8>>,
    /// Where carriage returns and line feeds (true) stand that rows have not passed yet.
    ends: Rc<RefCell<VecDeque<(u64, bool)>>>,
}

impl Passed {
    /// Line feeds before the row that begins at this byte, blank lines included.
    fn lines_before(&self, start: u64) -> u64 {
        let mut ends = self.ends.borrow_mut();
        let (mut at, mut lines) = (start, 0);
        while let Some((offset, feed)) = ends.front().copied() {
            if offset > at {
                break;
            }
            at += u64::from(offset == at);
            lines += u64::from(feed);
            ends.pop_front();
        }
        lines
    }
}

/// Counts bytes, and stops where one row takes too many.
struct Counted<R> {
    input: R,
    passed: Passed,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buf)?;
        let begin = self.passed.bytes.get();
        let bytes = begin.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.passed.bytes.set(bytes);
        let read = buf.get(..count).unwrap_or_default();
        let ends = (begin..).zip(read).filter(|(_, byte)| matches!(byte, b'\n' | b'\r'));
        self.passed
            .ends
            .borrow_mut()
            .extend(ends.map(|(at, byte)| (at, *byte == b'\n')));
        if let Some(last) = buf.get(..count).and_then(<[u8]>::last) {
            self.passed.last.set(*last);
        }
        if bytes > self.passed.allowed.get() {
            return Err(io::Error::other(TooLong));
        }
        Ok(count)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("one row is too long")]
struct TooLong;

/// What was read of a text table.
pub(super) struct TextRead {
    pub(super) bytes: u64,
    pub(super) encoding: &'static str,
    /// Ends inside a row: the last one has no line end.
    pub(super) unfinished: bool,
    pub(super) lines: u64,
}

/// A reader by the map's separator and quotes.
fn reader<R: Read>(input: R, map: &Map) -> csv::Reader<R> {
    let quote = map.quote_byte().ok().flatten();
    csv::ReaderBuilder::new()
        .delimiter(map.separator_byte().unwrap_or(b';'))
        .quote(quote.unwrap_or(b'"'))
        .quoting(quote.is_some())
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(input)
}

/// Hands the rows of a text table to `each`, and notes to `note`.
pub(super) fn rows<E>(
    input: impl Read,
    sniffed: &Sniffed,
    map: &Map,
    each: &mut dyn Cells<E>,
) -> Result<TextRead, ReadError<E>> {
    let native = sniffed.encoding == UTF_8 || sniffed.encoding == WINDOWS_1252;
    let input: Box<dyn Read + '_> = match native {
        true => Box::new(input),
        false => Box::new(Source::of_text(input, sniffed)),
    };
    let passed = Passed::default();
    passed.allowed.set(MAX_ROW);
    let counted = Counted {
        input,
        passed: passed.clone(),
    };
    let mut reader = reader(counted, map);
    let mut decoder = Decoder::new(map.charset());
    let mut record = csv::ByteRecord::new();
    let mut line = 1;
    loop {
        let read = reader
            .read_byte_record(&mut record)
            .map_err(|error| failed(error, line))?;
        line += passed.lines_before(record.position().map_or(0, csv::Position::byte));
        if !read {
            break;
        }
        let done = reader.position().byte();
        passed.allowed.set(
            done.saturating_add(MAX_ROW)
                .saturating_add(2 * u64::try_from(BUFFER).unwrap_or_default()),
        );
        if passed.bytes.get() > MAX_FILE {
            return Err(refused(line, RefusalReason::TooLarge(MAX_FILE)));
        }
        let mut row = Row {
            cells: Vec::with_capacity(record.len()),
            line,
        };
        for field in record.iter().take(MAX_COLUMNS) {
            let (text, assumed) = decoder.decode(field);
            row.cells.push(Cell::Text(
                text.trim_start_matches('\u{feff}').trim_end_matches('\0').to_owned(),
            ));
            if let Some(charset) = assumed {
                let kind = RecordProblem::AssumedCharset(charset.name());
                each.note(problem(line, "", kind))?;
            }
        }
        each.row(&row)?;
    }
    let last = passed.last.get();
    Ok(TextRead {
        bytes: passed.bytes.get(),
        encoding: if native {
            decoder.name()
        } else {
            sniffed.encoding_name()
        },
        unfinished: passed.bytes.get() > 0 && !matches!(last, b'\n' | b'\r' | 0x1a),
        lines: line,
    })
}

fn refused<E>(line: u64, reason: RefusalReason) -> ReadError<E> {
    let at = Place::on_line(line);
    ReadError::Refused(Box::new(Refusal {
        at,
        reason,
        format: Some("CSV".to_owned()),
    }))
}

fn failed<E>(error: csv::Error, line: u64) -> ReadError<E> {
    let text = short(&error.to_string());
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<TooLong>()) => {
            let most = usize::try_from(MAX_ROW).unwrap_or(usize::MAX);
            refused(line, RefusalReason::TooLong(most))
        }
        csv::ErrorKind::Io(error) => error.into(),
        _ => refused(
            line,
            RefusalReason::OfFormat {
                what: format!("the table cannot be read further: {text}"),
                remedy: "Export the table again; check separator and quotes of the map.",
            },
        ),
    }
}

/// The problem of a table that ends inside a row.
pub(super) fn unfinished(line: u64) -> Problem {
    problem(line, "", RecordProblem::UnfinishedRow)
}
