//! What reading a file of records comes to, whatever its format.

use super::input::Input;
use super::statement::Out;
use crate::formats::format::{Dialect, Format};
use crate::formats::model::Summary;
use crate::formats::problem::{ReadError, RefusalReason};

/// Takes the records of one format.
pub(crate) trait Records<'s, E: 's> {
    /// A line that is not blank, without the blanks at its end.
    fn line(&mut self, text: &str, line: u64) -> Result<(), ReadError<E>>;
    /// The end of the bytes; `line` was the last.
    fn finish(&mut self, line: u64) -> Result<(), ReadError<E>>;
    /// The way to the receiver.
    fn out(&mut self) -> &mut Out<'s, E>;
    /// What was read, asked at the end.
    fn format(&self) -> Format;
    /// Whose way of writing it is, asked at the end.
    fn dialect(&self) -> Dialect;
    /// What a file without any statement lacks, and what to do.
    fn nothing(&self) -> (&'static str, &'static str);
}

/// Reads all records of a file.
///
/// # Errors
/// [`ReadError::Refused`] where it holds no statement, or a line is longer than any; else of input and receiver.
pub(crate) fn drive<'s, E: 's>(mut input: Input<'_>, mut reader: impl Records<'s, E>) -> Result<Summary, ReadError<E>> {
    while let Some((text, line)) = input.next()? {
        reader.line(text, line)?;
        if let Some(note) = input.take_note() {
            reader.out().note(note)?;
        }
    }
    reader.finish(input.number())?;
    let (format, dialect) = (reader.format(), reader.dialect());
    let (what, remedy) = reader.nothing();
    let out = reader.out();
    if out.statements == 0 {
        let what = what.to_owned();
        let refusal = input.refusal(RefusalReason::OfFormat { what, remedy });
        return Err(ReadError::Refused(Box::new(refusal)));
    }
    Ok(Summary {
        format,
        dialect,
        encoding: input.encoding(),
        statements: out.statements,
        entries: out.entries,
        quarantined: out.quarantined(),
        bytes: input.taken(),
    })
}
