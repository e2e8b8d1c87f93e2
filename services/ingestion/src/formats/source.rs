//! From bytes to UTF-8: which encoding a file is in, and a reader that transcodes it in bounded memory.
//!
//! The byte order mark decides, then the declaration, then: UTF-8 if all bytes are, else Windows-1252 with a note.
//! The last rule needs a look at the whole file ([`sniff`]) before the first character is handed over.

use std::io::{self, BufRead, Read};

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::problem::{Place, Problem, ProblemKind, Refusal, RefusalReason};

/// Largest file that is read: 4 GiB.
pub const MAX_FILE: u64 = 4 * 1024 * 1024 * 1024;
/// Longest single token (tag, text between tags, comment) in bytes of UTF-8: bounds memory.
pub const MAX_TOKEN: usize = 8 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;

/// How a file's bytes become text.
#[derive(Clone, Debug)]
pub struct Sniffed {
    pub(crate) encoding: &'static Encoding,
    /// Bytes of the byte order mark to skip.
    skip: usize,
    pub(crate) note: Option<Problem>,
}

impl Sniffed {
    /// Plain UTF-8.
    pub(crate) fn utf8() -> Self {
        Self {
            encoding: UTF_8,
            skip: 0,
            note: None,
        }
    }

    /// Name of the encoding as IANA has it.
    #[must_use]
    pub fn encoding_name(&self) -> &'static str {
        self.encoding.name()
    }
}

/// Finds the encoding of an XML file of which `head` is read, and reads the rest: a declaration may be wrong.
///
/// The mark decides, else the declaration unless the bytes contradict it: declared UTF-8 that is none is Windows-1252;
/// declared one byte per character whose every character above ASCII is good UTF-8 is UTF-8.
///
/// # Errors
/// Of the input; inside, why it cannot be read.
pub(crate) fn sniff_xml(head: Vec<u8>, rest: &mut impl Read) -> io::Result<Result<Sniffed, RefusalReason>> {
    let declared = declared_encoding(&head);
    let marked_as = Encoding::for_bom(&head);
    if let Some((encoding, skip)) = marked_as.filter(|(encoding, _)| *encoding != UTF_8) {
        return Ok(Ok(marked(encoding, skip, declared.as_deref())));
    }
    if let Some(encoding) = utf16_without_mark(&head) {
        return Ok(Ok(Sniffed {
            encoding,
            ..Sniffed::utf8()
        }));
    }
    let skip = marked_as.map_or(0, |(_, skip)| skip);
    let looked = look(head, skip, rest)?;
    let Some(name) = declared else {
        let found = looked.undeclared();
        return Ok(Ok(Sniffed { skip, ..found }));
    };
    let encoding = Encoding::for_label(name.as_bytes());
    let wide = encoding.is_some_and(|encoding| encoding == UTF_16LE || encoding == UTF_16BE);
    let single = encoding.is_some_and(|encoding| encoding.is_ascii_compatible() && encoding != UTF_8);
    let actual = match (encoding, looked.first_bad_line) {
        (_, Some(_)) if skip > 0 => WINDOWS_1252,
        (_, None) if skip > 0 => UTF_8,
        (Some(_), Some(_)) if !single => WINDOWS_1252,
        (Some(encoding), _) if single && !(looked.multibyte && looked.first_bad_line.is_none()) => encoding,
        (Some(_), None) => UTF_8,
        // No such encoding: what is plain ASCII, or good UTF-8 all through, needs none.
        (None, None) => UTF_8,
        _ => return Ok(Err(RefusalReason::UnknownEncoding(name))),
    };
    let contradicted = encoding != Some(actual) || wide;
    let line = looked.first_bad_line.unwrap_or(1);
    let note = contradicted.then(|| Problem {
        at: Place::on_line(line),
        kind: ProblemKind::EncodingContradicted {
            declared: name,
            actual: actual.name(),
        },
    });
    Ok(Ok(Sniffed {
        encoding: actual,
        skip,
        note,
    }))
}

/// Finds the encoding of a text that declares none: by its mark, else UTF-8 if all bytes are, else Windows-1252 with a
/// note (a format may know better).
///
/// # Errors
/// Of the input.
pub(crate) fn sniff_text(head: Vec<u8>, rest: &mut impl Read) -> io::Result<Sniffed> {
    match Encoding::for_bom(&head) {
        Some((encoding, skip)) => Ok(marked(encoding, skip, None)),
        None => Ok(look(head, 0, rest)?.undeclared()),
    }
}

fn first_line() -> Place {
    Place::on_line(1)
}

fn marked(encoding: &'static Encoding, skip: usize, declared: Option<&str>) -> Sniffed {
    let note = declared.and_then(|name| {
        let same = Encoding::for_label(name.as_bytes())
            .is_some_and(|other| other == encoding || (encoding == UTF_16BE && other == UTF_16LE));
        let kind = ProblemKind::EncodingContradicted {
            declared: name.to_owned(),
            actual: encoding.name(),
        };
        (!same).then(|| Problem { at: first_line(), kind })
    });
    Sniffed { encoding, skip, note }
}

fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [b'<', 0, second, 0, ..] if *second != 0 => Some(UTF_16LE),
        [0, b'<', 0, second, ..] if *second != 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// The name in `<?xml … encoding="…"?>`, where the file begins with it in an ASCII-compatible encoding.
fn declared_encoding(head: &[u8]) -> Option<String> {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    if !head.starts_with(b"<?xml") {
        return None;
    }
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let declaration = String::from_utf8_lossy(head.get(..end)?);
    let after = declaration
        .split_once("encoding")?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let name: String = after
        .chars()
        .skip(1)
        .take_while(|letter| *letter != quote)
        .take(40)
        .collect();
    Some(name)
}

/// What a look at all bytes found.
struct Looked {
    /// Line of the first byte that is not UTF-8.
    first_bad_line: Option<u64>,
    /// There is a character above ASCII.
    multibyte: bool,
}

impl Looked {
    fn undeclared(&self) -> Sniffed {
        let Some(line) = self.first_bad_line else {
            return Sniffed::utf8();
        };
        let at = Place::on_line(line);
        let kind = ProblemKind::AssumedWindows1252 { line };
        Sniffed {
            encoding: WINDOWS_1252,
            skip: 0,
            note: Some(Problem { at, kind }),
        }
    }
}

/// Looks at everything after the first `skip` bytes, up to the first byte that is not UTF-8.
fn look(mut head: Vec<u8>, skip: usize, rest: &mut impl Read) -> io::Result<Looked> {
    head.drain(..skip.min(head.len()));
    let mut line = 1_u64;
    let mut multibyte = false;
    let mut chunk = head;
    loop {
        multibyte |= !chunk.is_ascii();
        let tail = match std::str::from_utf8(&chunk) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let (good, bad) = chunk.split_at_checked(error.valid_up_to()).unwrap_or((&chunk, &[]));
                if error.error_len().is_some() {
                    let first_bad_line = Some(line + newlines(good));
                    return Ok(Looked {
                        first_bad_line,
                        multibyte,
                    });
                }
                bad.to_vec()
            }
        };
        line += newlines(&chunk);
        let begun = tail.len();
        chunk = tail;
        rest.by_ref()
            .take(u64::try_from(CHUNK).unwrap_or(u64::MAX))
            .read_to_end(&mut chunk)?;
        if chunk.len() == begun {
            // The end: what is left over is a character cut off.
            let first_bad_line = (begun > 0).then_some(line);
            return Ok(Looked {
                first_bad_line,
                multibyte,
            });
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX)
}

/// Why the source failed while the parser asked for more.
#[derive(Debug)]
pub(crate) enum SourceFailure {
    Io(io::Error),
    Refused(RefusalReason),
}

/// A `BufRead` of UTF-8 over any input: transcodes, counts lines, and refuses tokens that are too long.
///
/// The parser gathers a token from several `fill_buf` calls, so a bound on the bytes between two calls of
/// [`Source::begin_token`] bounds its memory.
pub(crate) struct Source<R> {
    input: R,
    decoder: encoding_rs::Decoder,
    encoding: &'static Encoding,
    raw: Box<[u8]>,
    raw_from: usize,
    raw_to: usize,
    raw_ended: bool,
    finished: bool,
    out: Box<[u8]>,
    out_from: usize,
    out_to: usize,
    token_left: usize,
    skip: usize,
    line: u64,
    /// Where line feeds stand in `out`, and how many of them are consumed: found once per filling, not per token.
    line_feeds: Vec<usize>,
    passed: usize,
    carriage_returns: bool,
    taken: u64,
    failure: Option<SourceFailure>,
    /// Control characters are looked for, and tokens bounded.
    strict: bool,
    /// What the end of the file is filled up with, once it was met: zero bytes, or MS-DOS's mark of the end.
    filler: Option<u8>,
}

impl<R: Read> Source<R> {
    /// For XML.
    pub(crate) fn new(input: R, sniffed: &Sniffed) -> Self {
        Self::with(input, sniffed, true)
    }

    /// For lines of text, which may hold any character; whoever reads them bounds them.
    pub(crate) fn of_text(input: R, sniffed: &Sniffed) -> Self {
        Self::with(input, sniffed, false)
    }

    fn with(input: R, sniffed: &Sniffed, strict: bool) -> Self {
        Self {
            strict,
            input,
            decoder: sniffed.encoding.new_decoder_without_bom_handling(),
            encoding: sniffed.encoding,
            raw: vec![0; CHUNK].into_boxed_slice(),
            raw_from: 0,
            raw_to: 0,
            raw_ended: false,
            finished: false,
            out: vec![0; 2 * CHUNK].into_boxed_slice(),
            out_from: 0,
            out_to: 0,
            token_left: if strict { MAX_TOKEN } else { usize::MAX },
            skip: sniffed.skip,
            line: 1,
            line_feeds: Vec::new(),
            passed: 0,
            carriage_returns: false,
            taken: 0,
            failure: None,
            filler: None,
        }
    }

    /// A new token begins: it may take [`MAX_TOKEN`] bytes.
    pub(crate) fn begin_token(&mut self) {
        self.token_left = MAX_TOKEN;
    }

    /// Line of the next byte, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Whether a carriage return was seen so far.
    pub(crate) fn carriage_returns(&self) -> bool {
        self.carriage_returns
    }

    /// Bytes taken from the input.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Why `fill_buf` failed last.
    pub(crate) fn take_failure(&mut self) -> Option<SourceFailure> {
        self.failure.take()
    }

    fn fail(&mut self, failure: SourceFailure) -> io::Error {
        self.failure = Some(failure);
        io::Error::other("see take_failure")
    }

    fn read_raw(&mut self) -> io::Result<()> {
        self.raw_from = 0;
        self.raw_to = 0;
        loop {
            match self.input.read(&mut self.raw) {
                Ok(0) => self.raw_ended = true,
                Ok(count) => {
                    self.raw_to = count;
                    self.taken = self.taken.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.fail(SourceFailure::Io(error))),
            }
            break;
        }
        if self.strict && self.taken > MAX_FILE {
            return Err(self.fail(SourceFailure::Refused(RefusalReason::TooLarge(MAX_FILE))));
        }
        // A byte order mark lies wholly in what the first reads bring, be they ever so short.
        let skipped = self.skip.min(self.raw_to);
        self.raw_from = skipped;
        self.skip -= skipped;
        Ok(())
    }

    fn refill(&mut self) -> io::Result<()> {
        self.out_from = 0;
        self.out_to = 0;
        while self.out_to == 0 && !self.finished {
            if self.raw_from == self.raw_to && !self.raw_ended {
                self.read_raw()?;
            }
            let input = self.raw.get(self.raw_from..self.raw_to).unwrap_or_default();
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(input, &mut self.out, self.raw_ended);
            self.raw_from += read;
            self.out_to = written;
            self.scan()?;
            match result {
                DecoderResult::InputEmpty => self.finished = self.raw_ended,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.line += u64::try_from(self.line_feeds.len()).unwrap_or_default();
                    let reason = RefusalReason::BadEncoding(self.encoding.name());
                    return Err(self.fail(SourceFailure::Refused(reason)));
                }
            }
        }
        Ok(())
    }

    /// Looks at a filling once, eight bytes at a time: where its lines end, and whether a character in it is forbidden.
    fn scan(&mut self) -> io::Result<()> {
        self.line_feeds.clear();
        self.passed = 0;
        let filled = self.out.get(..self.out_to).unwrap_or_default();
        let mut forbidden = None;
        let mut at = 0;
        for chunk in filled.chunks(8) {
            // Bytes below 0x20 are rare; the exact test runs where eight bytes hold one.
            if chunk
                .try_into()
                .is_ok_and(|eight| !has_control(u64::from_le_bytes(eight)))
            {
                at += 8;
                continue;
            }
            for byte in chunk {
                match byte {
                    b'\n' => self.line_feeds.push(at),
                    b'\r' => self.carriage_returns = true,
                    0..0x20 if *byte != b'\t' => {
                        forbidden = forbidden.or(Some((*byte, self.line_feeds.len(), at)));
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        let from = match forbidden {
            _ if !self.strict => return Ok(()),
            _ if self.filler.is_some() => 0,
            Some((_, _, at)) => at,
            None => return Ok(()),
        };
        let (byte, lines) = forbidden.map_or((self.filler.unwrap_or_default(), 0), |(byte, lines, _)| (byte, lines));
        let rest = filled.get(from..).unwrap_or_default();
        let fills = |byte: &u8| matches!(byte, 0 | 0x1A) || byte.is_ascii_whitespace();
        if !rest.iter().all(fills) {
            self.line += u64::try_from(lines).unwrap_or_default();
            let reason = RefusalReason::ForbiddenCharacter(u32::from(byte));
            return Err(self.fail(SourceFailure::Refused(reason)));
        }
        self.filler = self.filler.or(Some(byte));
        self.out_to = from;
        self.line_feeds.retain(|at| *at < from);
        Ok(())
    }
}

/// Whether one of eight bytes is below 0x20: `hasless` of Anderson's Bit Twiddling Hacks.
fn has_control(eight: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    eight.wrapping_sub(ONES * 0x20) & !eight & (ONES * 0x80) != 0
}

impl<R: Read> Read for Source<R> {
    /// A refusal is the error itself, for whoever reads lines: see [`super::problem::ReadError`].
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.out_from == self.out_to
            && let Err(error) = self.refill()
        {
            return Err(match self.failure.take() {
                Some(SourceFailure::Io(error)) => error,
                Some(SourceFailure::Refused(reason)) => io::Error::other(Refusal {
                    at: Place::on_line(self.line),
                    reason,
                    format: None,
                }),
                None => error,
            });
        }
        let available = self.fill_buf()?;
        let count = available.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.out_from == self.out_to {
            self.refill()?;
        }
        if self.token_left == 0 && self.out_from < self.out_to {
            return Err(self.fail(SourceFailure::Refused(RefusalReason::TooLong(MAX_TOKEN))));
        }
        let until = self.out_to.min(self.out_from.saturating_add(self.token_left));
        Ok(self.out.get(self.out_from..until).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.out_from = self.out_from.saturating_add(amount).min(self.out_to);
        if self.strict {
            self.token_left = self.token_left.saturating_sub(amount);
        }
        while self
            .line_feeds
            .get(self.passed)
            .is_some_and(|feed| *feed < self.out_from)
        {
            self.passed += 1;
            self.line += 1;
        }
    }
}
