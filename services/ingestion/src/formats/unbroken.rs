//! Line ends for files that have none: after every so many bytes, or where signs stand for them (`@@`: Volksbanken and others).

use std::collections::VecDeque;
use std::io::{self, Read};

use super::recognise::SIGNS_FOR_LINE_END;

/// No format has records as long as this.
const LONGEST: usize = 1024;

/// What stands for line ends.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Ends {
    /// Line ends.
    Theirs,
    /// Nothing: records have this width, and so many bytes of the current one are left.
    After { width: usize, left: usize },
    /// Two signs; of the last one so far it is not known whether another follows.
    Signs { half: bool },
}

/// A file as it is, or with line ends put into it.
pub(super) struct Unbroken<R> {
    input: R,
    head: VecDeque<u8>,
    ends: Ends,
    /// Bytes that are ready to be handed over.
    ready: VecDeque<u8>,
}

impl<R: Read> Unbroken<R> {
    /// Where there is no line end, one is put after every `width` bytes.
    pub(super) fn records(input: R, width: usize) -> io::Result<Self> {
        let mut file = Self::new(input)?;
        let ends = file.head.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        if !ends && file.head.make_contiguous().trim_ascii_end().len() > width {
            file.ends = Ends::After { width, left: width };
        }
        Ok(file)
    }

    /// Where tags stand behind `@@` and none behind a line end, `@@` is one.
    pub(super) fn tags(input: R) -> io::Result<Self> {
        let mut file = Self::new(input)?;
        let head = file.head.make_contiguous();
        let tag = format!("{SIGNS_FOR_LINE_END}:");
        let signs = head.windows(tag.len()).any(|bytes| bytes == tag.as_bytes());
        let ends = head.windows(2).any(|pair| matches!(pair, b"\n:" | b"\r:"));
        if signs && !ends {
            file.ends = Ends::Signs { half: false };
        }
        Ok(file)
    }

    fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::with_capacity(LONGEST);
        input
            .by_ref()
            .take(u64::try_from(LONGEST).unwrap_or(u64::MAX))
            .read_to_end(&mut head)?;
        Ok(Self {
            input,
            head: head.into(),
            ends: Ends::Theirs,
            ready: VecDeque::new(),
        })
    }

    fn plain(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.input.read(buf);
        }
        self.head.read(buf)
    }

    /// Signs become line ends; where all that was read is half of them, more is read.
    fn without_signs(&mut self, buf: &mut [u8], mut half: bool) -> io::Result<usize> {
        while self.ready.is_empty() && !buf.is_empty() {
            let count = self.plain(buf)?;
            if count == 0 {
                self.ready.extend(std::mem::take(&mut half).then_some(b'@'));
                break;
            }
            for byte in buf.iter().take(count).copied() {
                match (byte, std::mem::replace(&mut half, byte == b'@')) {
                    (b'@', true) => {
                        half = false;
                        self.ready.push_back(b'\n');
                    }
                    (b'@', false) => {}
                    (_, true) => self.ready.extend([b'@', byte]),
                    (_, false) => self.ready.push_back(byte),
                }
            }
        }
        self.ends = Ends::Signs { half };
        self.ready.read(buf)
    }
}

impl<R: Read> Read for Unbroken<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.ends {
            Ends::Theirs => self.plain(buf),
            Ends::Signs { half } => self.without_signs(buf, half),
            Ends::After { width, left: 0 } => {
                let Some(first) = buf.first_mut() else { return Ok(0) };
                *first = b'\n';
                self.ends = Ends::After { width, left: width };
                Ok(1)
            }
            Ends::After { width, left } => {
                let most = left.min(buf.len());
                let count = self.plain(buf.get_mut(..most).unwrap_or_default())?;
                self.ends = Ends::After {
                    width,
                    left: left.saturating_sub(count),
                };
                Ok(count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads by so many bytes at once.
    fn text(mut file: Unbroken<&[u8]>, at_once: usize) -> String {
        let (mut all, mut part) = (Vec::new(), vec![0; at_once]);
        loop {
            match file.read(&mut part).unwrap() {
                0 => return String::from_utf8(all).unwrap(),
                count => all.extend_from_slice(&part[..count]),
            }
        }
    }

    #[test]
    fn ends_are_put_where_there_are_none() {
        for at_once in 1..12 {
            let records = |bytes: &'static str| text(Unbroken::records(bytes.as_bytes(), 4).unwrap(), at_once);
            assert_eq!(records("aaaabbbbcc"), "aaaa\nbbbb\ncc");
            assert_eq!(records("aaa\nbbbbcc"), "aaa\nbbbbcc");
            assert_eq!(records("aaaa"), "aaaa");
            let tags = |bytes: &'static str| text(Unbroken::tags(bytes.as_bytes()).unwrap(), at_once);
            assert_eq!(tags("@@:20:A@@:86:b@c@@d@"), "\n:20:A\n:86:b@c\nd@");
            assert_eq!(tags(":20:A@@@:86:@@@@"), ":20:A\n@:86:\n\n");
            assert_eq!(tags(":20:A@@:86:b\n"), ":20:A\n:86:b\n");
            assert_eq!(tags(":20:A@@\n:86:@@:"), ":20:A@@\n:86:@@:");
            assert_eq!(tags(":20:A@@b"), ":20:A@@b");
        }
    }
}
