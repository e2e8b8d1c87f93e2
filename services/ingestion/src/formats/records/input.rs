//! Lines of a file of records: as text, whatever their encoding, and also where the file has no line ends at all.

use std::io::{self, Read};

use encoding_rs::{UTF_8, WINDOWS_1252};

use super::problem::RecordProblem;
use super::statement::problem;
use crate::formats::charset::{Charset, Decoder};
use crate::formats::lines::Lines;
use crate::formats::problem::{Problem, ReadError, Refusal, RefusalReason};
use crate::formats::source::{Sniffed, Source};
use crate::formats::unbroken::Unbroken;

/// The records of a file, one after the other.
pub(crate) struct Input<'r> {
    lines: Lines<Box<dyn Read + 'r>>,
    decoder: Decoder,
    text: String,
    note: Option<Problem>,
}

impl<'r> Input<'r> {
    /// `width` is the length of a record in a file without line ends.
    pub(crate) fn new<R: Read + 'r>(
        input: R,
        sniffed: &Sniffed,
        charset: Option<Charset>,
        width: usize,
    ) -> io::Result<Self> {
        let (note, bytes): (_, Box<dyn Read + 'r>) = if sniffed.encoding == UTF_8 || sniffed.encoding == WINDOWS_1252 {
            (None, Box::new(input))
        } else {
            (sniffed.note.clone(), Box::new(Source::of_text(input, sniffed)))
        };
        Ok(Self {
            lines: Lines::new(Box::new(Unbroken::records(bytes, width)?)),
            decoder: Decoder::new(charset),
            text: String::new(),
            note,
        })
    }

    /// The next line that is not blank, with its number. Blanks, end-of-file marks of MS-DOS and zero bytes at its end
    /// are cut off.
    pub(crate) fn next<E>(&mut self) -> Result<Option<(&str, u64)>, ReadError<E>> {
        loop {
            let Some(bytes) = self.lines.next::<E>()? else {
                return Ok(None);
            };
            let (text, assumed) = self.decoder.decode(bytes);
            self.text.clear();
            self.text.push_str(
                text.trim_start_matches('\u{feff}')
                    .trim_end_matches([' ', '\u{1a}', '\0', '\t', '\u{c}']),
            );
            if let Some(charset) = assumed {
                let kind = RecordProblem::AssumedCharset(charset.name());
                self.note = Some(problem(self.lines.number(), "", kind));
            }
            if !self.text.is_empty() {
                return Ok(Some((&self.text, self.lines.number())));
            }
        }
    }

    /// A note about the encoding, once.
    pub(crate) fn take_note(&mut self) -> Option<Problem> {
        self.note.take()
    }

    /// Line read last.
    pub(crate) fn number(&self) -> u64 {
        self.lines.number().max(1)
    }

    /// Bytes read.
    pub(crate) fn taken(&self) -> u64 {
        self.lines.taken()
    }

    /// Name of the encoding.
    pub(crate) fn encoding(&self) -> &'static str {
        self.decoder.name()
    }

    /// A refusal at the line read last.
    pub(crate) fn refusal(&self, reason: RefusalReason) -> Refusal {
        self.lines.refusal(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<(String, u64)> {
        let mut input = Input::new(bytes, &Sniffed::utf8(), None, 4).unwrap();
        let mut found = Vec::new();
        while let Some((text, line)) = input.next::<()>().unwrap() {
            found.push((text.to_owned(), line));
        }
        found
    }

    #[test]
    fn lines_with_and_without_ends() {
        let expected = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            list.iter().map(|(text, line)| ((*text).to_owned(), *line)).collect()
        };
        assert_eq!(texts(b"aaaabbbbcc"), expected(&[("aaaa", 1), ("bbbb", 2), ("cc", 3)]));
        assert_eq!(
            texts(b"\xEF\xBB\xBFaaaabbbb\r\n\r\ncc \x1A"),
            expected(&[("aaaabbbb", 1), ("cc", 3)])
        );
        assert_eq!(texts(b"aaa "), expected(&[("aaa", 1)]));
        assert_eq!(texts(b""), expected(&[]));
    }
}
