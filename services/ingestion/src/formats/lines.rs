//! Lines of a text file as bytes, one after the other, in bounded memory. Encodings are the business of each format.

use std::io::{self, BufRead, BufReader, Read};

use super::problem::{Place, ReadError, Refusal, RefusalReason};
use super::source::MAX_FILE;

/// Longest line in bytes.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// Reads lines that end with LF, CR LF or CR.
pub(crate) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
    taken: u64,
    after_return: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 * 1024, input),
            line: Vec::new(),
            number: 0,
            taken: 0,
            after_return: false,
        }
    }

    /// Number of the line read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes taken from the input.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// A refusal at the line read last.
    pub(crate) fn refusal(&self, reason: RefusalReason) -> Refusal {
        let at = Place::on_line(self.number.max(1));
        Refusal {
            at,
            reason,
            format: None,
        }
    }

    /// The next line without its end; none after the last. A file that ends with a line end has no empty line after it.
    pub(crate) fn next<E>(&mut self) -> Result<Option<&[u8]>, ReadError<E>> {
        self.line.clear();
        let mut begun = false;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let mut from = 0;
            if std::mem::replace(&mut self.after_return, false) && available.first() == Some(&b'\n') {
                from = 1;
            }
            if available.is_empty() {
                if !begun {
                    return Ok(None);
                }
                self.number += 1;
                return Ok(Some(&self.line));
            }
            let rest = available.get(from..).unwrap_or_default();
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let fits = self.line.len() + part.len() <= MAX_LINE;
            if fits {
                self.line.extend_from_slice(part);
            }
            begun |= !rest.is_empty();
            self.after_return = end.is_some_and(|end| rest.get(end) == Some(&b'\r'));
            let used = from + part.len() + usize::from(end.is_some());
            self.input.consume(used);
            self.taken = self.taken.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            if !fits || self.taken > MAX_FILE {
                self.number += 1;
                let reason = match fits {
                    true => RefusalReason::TooLarge(MAX_FILE),
                    false => RefusalReason::TooLong(MAX_LINE),
                };
                return Err(ReadError::Refused(Box::new(self.refusal(reason))));
            }
            if end.is_some() {
                self.number += 1;
                return Ok(Some(&self.line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, String)> {
        // One byte at a time: line ends fall on every boundary.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(1);
                buf[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let mut lines = Lines::new(Slow(text));
        let mut found = Vec::new();
        while let Some(line) = lines.next::<()>().unwrap() {
            let text = String::from_utf8(line.to_vec()).unwrap();
            found.push((lines.number(), text));
        }
        assert_eq!(lines.taken(), u64::try_from(text.len()).unwrap());
        found
    }

    #[test]
    fn every_line_end() {
        let expected = [(1, "a"), (2, ""), (3, "b"), (4, "c")].map(|(number, text)| (number, text.to_owned()));
        for text in ["a\n\nb\nc\n", "a\r\n\r\nb\r\nc", "a\r\rb\rc\r", "a\n\nb\r\nc\r"] {
            assert_eq!(lines(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n"), [(1, String::new())]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let text = vec![b'x'; MAX_LINE + 1];
        let found = Lines::new(text.as_slice()).next::<()>().map(|_| ());
        assert!(
            matches!(found, Err(ReadError::Refused(refusal)) if refusal.reason == RefusalReason::TooLong(MAX_LINE))
        );
    }
}
