//! Bank files: from bytes to statements and entries, or a refusal that says where, what and what to do.
//!
//! Pure and synchronous: no clock, no network, no database, and bounded memory for files up to [`MAX_FILE`].
//!
//! - [`read`] recognises the format by content and streams a file as [`Event`]s; the importer calls it twice over the
//!   stored bytes: the first pass proves every statement, the second books. A refusal may come at the very end (a file
//!   that is cut off), so that nothing may be booked from events of a pass that has not ended well.
//! - [`inspect`] gathers the same as one value; [`inspection::write_json`] writes it without gathering.
//!
//! One module per format; all share the model, the balance proof and the problems. A new format is a [`Family`], a shape
//! in `recognise`, and a module with a `read` like the others.

mod archive;
mod asobancaria;
mod camt;
mod cbi;
mod charset;
mod format;
pub mod inspection;
mod lines;
mod model;
mod mt;
mod norma43;
pub mod pages;
mod patterns;
pub mod problem;
mod proof;
pub mod reasons;
mod recognise;
mod records;
mod settings;
mod source;
mod table;
mod unbroken;
mod xml;

use std::io::{self, Read, Seek, SeekFrom};

pub use charset::Charset;
pub use format::{Dialect, Family, Format, StatementKind};
pub use inspection::{Inspection, inspect};
pub use model::{
    Balance, BankCode, Batch, CopyKind, Entry, Event, Page, PageOf, Part, Party, Proof, Reference, ReferenceKind,
    Return, StatementAccount, StatementEnd, StatementHeader, Status, Summary, Verdict, WrittenTime,
};
pub use pages::Pages;
pub use patterns::Pattern;
pub use problem::{Place, Problem, ProblemKind, ProofFailure, ReadError, Refusal, RefusalReason};
pub use records::settings::{CbiSettings, ConceptLayout, FileEnd, RecordSettings, Slice, Totals};
pub use settings::{Reversals, Settings};
pub use source::{MAX_FILE, MAX_TOKEN, Sniffed};
pub use table::map::{Column, Columns, DebitSign, Kind, Map, Order, Sign};
pub use xml::{MAX_DEPTH, MAX_TEXT};

use recognise::{Recognised, Shape, recognise};

/// Reads a bank file from its beginning and hands its events to `sink`, in the order of the file.
///
/// The input needs no buffer of its own. It is looked through once more beforehand where its encoding must be found out.
///
/// # Errors
/// [`ReadError::Refused`]: the file is no bank file that can be read; permanent. [`ReadError::Io`]: the input failed.
/// [`ReadError::Receiver`]: what `sink` returned.
pub fn read<E>(input: impl Read + Seek, sink: &mut dyn FnMut(Event) -> Result<(), E>) -> Result<Summary, ReadError<E>> {
    read_with(input, &Settings::default(), sink)
}

/// As [`read`], with what is configured of the source.
///
/// # Errors
/// As [`read`].
pub fn read_with<E>(
    mut input: impl Read + Seek,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    input.seek(SeekFrom::Start(0))?;
    let recognised = recognise(&mut input)?.map_err(|refusal| ReadError::Refused(Box::new(refusal)))?;
    let mut marked = |event: Event| sink(patterns::mark(&settings.patterns, event));
    if recognised.shape == Shape::Zip
        && let Some(summary) = archive::read(&mut input, settings, &mut marked)?
    {
        return Ok(summary);
    }
    input.seek(SeekFrom::Start(0))?;
    read_recognised(input, &recognised, settings, &mut marked)
}

/// Reads a single file from its beginning by the reader of its format.
fn read_recognised<E>(
    input: impl Read,
    recognised: &Recognised,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    let sniffed = &recognised.sniffed;
    match recognised.shape {
        Shape::Xml => camt::read(input, sniffed, settings, sink),
        Shape::Swift => mt::read(input, sniffed, settings, sink),
        Shape::Norma43 => norma43::read(input, sniffed, settings, sink),
        Shape::Asobancaria => asobancaria::read(input, sniffed, settings, sink),
        Shape::CbiRh => cbi::read(input, sniffed, settings, sink),
        shape @ (Shape::Text | Shape::Zip) => table::read(input, shape, sniffed, settings, sink),
    }
}

/// Reads a file to its end, to know whether it can be read and what pages of one statement come to together.
///
/// # Errors
/// As [`read`], without a receiver's error.
pub fn check(input: impl Read + Seek, settings: &Settings) -> Result<(Summary, Pages), ReadError<io::Error>> {
    let mut pages = Pages::default();
    let mut summary = read_with(input, settings, &mut |event| {
        if let Event::StatementEnd(end) = event {
            pages.note(&end);
        }
        Ok(())
    })?;
    summary.quarantined = summary.quarantined.saturating_add(pages.judge());
    Ok((summary, pages))
}

/// As [`read`], with what [`check`] found of pages.
///
/// # Errors
/// As [`read`].
pub fn read_settled<E>(
    input: impl Read + Seek,
    settings: &Settings,
    pages: &Pages,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    read_with(input, settings, &mut |event| match event {
        Event::StatementEnd(mut end) => {
            if let Some(problem) = pages.settle(&mut end) {
                let statement = Some(end.header.index);
                sink(Event::Problem { statement, problem })?;
            }
            sink(Event::StatementEnd(end))
        }
        other => sink(other),
    })
}
