//! Tables read by a column map, for banks and settlement reports without a public format: text with separators (CSV), and
//! workbooks (XLSX). Nothing is guessed: what the map does not say is not read.
//!
//! A text is streamed whatever its size; a workbook is bounded (see `workbook`), since its texts are held in memory.

pub mod map;
mod reading;
mod statement;
mod text;
mod value;
mod workbook;

use std::io::Read;

use super::format::{Dialect, Family, Format};
use super::lines::Lines;
use super::model::{Event, Summary};
use super::problem::{Problem, ReadError, RefusalReason};
use super::recognise::Shape;
use super::records::settings::FileEnd;
use super::settings::Settings;
use super::source::{Sniffed, Source};
use statement::Table;
use value::Cell;

/// More columns than this are not looked at.
const MAX_COLUMNS: usize = 1024;

/// One row.
struct Row {
    cells: Vec<Cell>,
    line: u64,
}

/// Takes rows, and notes about the file.
trait Cells<E> {
    fn row(&mut self, row: &Row) -> Result<(), ReadError<E>>;
    fn note(&mut self, problem: Problem) -> Result<(), ReadError<E>>;
}

/// Reads one file; see [`super::read`].
pub(super) fn read<E>(
    input: impl Read,
    shape: Shape,
    sniffed: &Sniffed,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    let is_text = shape == Shape::Text;
    let Some(map) = settings.map.as_deref() else {
        let mut lines = Lines::new(Source::of_text(input, sniffed));
        if is_text {
            lines.next()?;
        }
        return Err(ReadError::Refused(Box::new(lines.refusal(RefusalReason::NoMap))));
    };
    let format = Format {
        family: if is_text { Family::Csv } else { Family::Xlsx },
        variant: map.name.clone(),
    };
    let mut table = Table::new(map, format.clone(), sink);
    let (bytes, encoding) = if is_text {
        let read = text::rows(input, sniffed, map, &mut table)?;
        if read.unfinished && map.last_line_end == FileEnd::Required {
            table.tell_open(text::unfinished(read.lines))?;
        }
        (read.bytes, read.encoding)
    } else {
        (workbook::rows(input, map, &mut table)?, "UTF-8")
    };
    let out = table.finish()?;
    Ok(Summary {
        format,
        dialect: Dialect {
            name: format!("map {:?}", map.name),
            why: "configured".to_owned(),
        },
        encoding,
        statements: out.statements,
        entries: out.entries,
        quarantined: out.quarantined(),
        bytes,
    })
}
