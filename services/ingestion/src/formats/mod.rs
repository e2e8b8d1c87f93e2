//! Bank files: from bytes to statements and entries, or a refusal that says where, what and what to do.
//!
//! Pure and synchronous: no clock, no network, no database, and bounded memory for files up to [`MAX_FILE`].
//!
//! - [`read`] streams a file as [`Event`]s; the importer calls it twice over the stored bytes: the first pass proves
//!   every statement, the second books. A refusal may come at the very end (a file that is cut off), so that nothing
//!   may be booked from events of a pass that has not ended well.
//! - [`inspect`] gathers the same as one value; [`inspection::write_json`] writes it without gathering.

mod camt;
pub mod inspection;
pub mod pages;
pub mod problem;
mod source;
mod xml;

use std::io::{self, Read, Seek, SeekFrom};

pub use camt::model::{
    Balance, BankCode, Batch, CopyKind, Entry, Event, Format, Page, PageOf, Part, Party, Proof, Reference,
    ReferenceKind, Return, StatementAccount, StatementEnd, StatementHeader, Status, Summary, Verdict, WrittenTime,
};
pub use inspection::{Inspection, inspect};
pub use pages::Pages;
pub use problem::{Place, Problem, ProblemKind, ProofFailure, ReadError, Refusal, RefusalReason};
pub use source::{MAX_FILE, MAX_TOKEN, Sniffed, sniff};
pub use xml::{MAX_DEPTH, MAX_TEXT};

/// Reads a bank file from its beginning and hands its events to `sink`, in the order of the file.
///
/// The input needs no buffer of its own. It is looked through once more beforehand where it declares no encoding (see [`sniff`]).
///
/// # Errors
/// [`ReadError::Refused`]: the file is no camt.053 that can be read; permanent. [`ReadError::Io`]: the input failed.
/// [`ReadError::Receiver`]: what `sink` returned.
pub fn read<E>(
    mut input: impl Read + Seek,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    input.seek(SeekFrom::Start(0))?;
    let sniffed = sniff(&mut input)?.map_err(|refusal| ReadError::Refused(Box::new(refusal)))?;
    input.seek(SeekFrom::Start(0))?;
    camt::read(input, &sniffed, sink)
}

/// As [`read`], for an input that cannot be rewound and whose encoding is known.
///
/// # Errors
/// As [`read`].
pub fn read_sniffed<E>(
    input: impl Read,
    sniffed: &Sniffed,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    camt::read(input, sniffed, sink)
}

/// Reads a file to its end, to know whether it can be read and what pages of one statement come to together.
///
/// # Errors
/// As [`read`], without a receiver's error.
pub fn check(input: impl Read + Seek) -> Result<(Summary, Pages), ReadError<io::Error>> {
    let mut pages = Pages::default();
    let mut summary = read(input, &mut |event| {
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
    pages: &Pages,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    read(input, &mut |event| match event {
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
