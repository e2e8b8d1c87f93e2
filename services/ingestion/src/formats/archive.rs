//! A ZIP of bank files: its files are read one after the other, as if they were one file with all their statements.
//!
//! Bounded: number of files, size of the directory, bytes unpacked in all, and how far one file may swell. What is no bank
//! file in it (a PDF, a note) is left out and said so; a bank file that cannot be read refuses the whole archive, so that
//! nothing of it is lost unseen.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use super::format::{Dialect, Family, Format};
use super::model::{Event, Summary};
use super::problem::{Place, Problem, ProblemKind, ReadError, Refusal, RefusalReason};
use super::recognise::{Recognised, Shape, recognise};
use super::settings::Settings;
use super::source::MAX_FILE;

/// Most files in an archive.
const MAX_FILES: u64 = 10_000;
/// Largest directory of an archive in bytes: it is held in memory.
const MAX_DIRECTORY: u64 = 4 * 1024 * 1024;
/// How many times larger than packed a file may become; statements reach 60.
const MAX_RATIO: u64 = 400;
/// What any file may become, however small it is packed.
const FREE: u64 = 16 * 1024 * 1024;
/// The end of an archive's directory, and its longest comment.
const END: u64 = 22 + 65_535;

const ASK: &str = "Fetch the archive again, or unpack it and send its files.";

/// What went wrong below the ZIP reader: it knows only one kind of error.
#[derive(Clone, Debug, Default)]
struct Watch {
    input_failed: Rc<Cell<bool>>,
    too_large: Rc<Cell<bool>>,
}

/// The archive's bytes.
struct Watched<R> {
    input: R,
    watch: Watch,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.input
            .read(buf)
            .inspect_err(|error| self.watch.input_failed.set(error.kind() != io::ErrorKind::Interrupted))
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.input.seek(to)
    }
}

/// One file's unpacked bytes, up to its bound.
struct Bounded<R> {
    input: R,
    left: u64,
    taken: u64,
    watch: Watch,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buf)?;
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        self.taken = self.taken.saturating_add(bytes);
        if bytes > self.left {
            self.watch.too_large.set(true);
            return Err(io::Error::other("larger than allowed"));
        }
        self.left -= bytes;
        Ok(count)
    }
}

/// Reads the files of an archive; `None` where it is a workbook, which is one file for its own reader.
pub(super) fn read<E>(
    mut input: impl Read + Seek,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Option<Summary>, ReadError<E>> {
    check_directory(&mut input)?;
    let watch = Watch::default();
    input.seek(SeekFrom::Start(0))?;
    let watched = Watched {
        input,
        watch: watch.clone(),
    };
    let archive = ZipArchive::new(watched).map_err(|error| unpack_error(&watch, "", &error.to_string()))?;
    let named: Result<Vec<String>, _> = archive.file_names().map(|name| Ok(name?.into_owned())).collect();
    let names = named.map_err(|error: ZipError| unpack_error(&watch, "", &error.to_string()))?;
    if names.iter().any(|name| name == "[Content_Types].xml") && names.iter().any(|name| name.starts_with("xl/")) {
        return Ok(None);
    }
    let mut reader = Files {
        archive,
        watch,
        settings,
        left: MAX_FILE,
        sum: None,
        files: 0,
        left_out: None,
    };
    for index in 0..names.len() {
        reader.file(index, sink)?;
    }
    reader.end().map(Some)
}

fn refused<E>(path: &str, what: String, remedy: &'static str) -> ReadError<E> {
    let at = Place {
        line: 1,
        path: path.to_owned(),
    };
    ReadError::Refused(Box::new(Refusal {
        at,
        reason: RefusalReason::OfFormat { what, remedy },
        format: None,
    }))
}

/// An error of the ZIP reader: of the input, or of the archive itself.
fn unpack_error<E>(watch: &Watch, path: &str, what: &str) -> ReadError<E> {
    if watch.input_failed.get() {
        return ReadError::Io(io::Error::other(what.to_owned()));
    }
    if watch.too_large.get() {
        let what = format!(
            "unpacked it is more than {MAX_RATIO} times as large as packed, or all together more than {MAX_FILE} bytes"
        );
        return refused(
            path,
            what,
            "Unpack the archive yourself and send the files that are bank files.",
        );
    }
    refused(path, format!("the ZIP archive is damaged or cut off: {what}"), ASK)
}

/// The directory is held in memory, so its size is looked at before.
fn check_directory<E>(input: &mut (impl Read + Seek)) -> Result<(), ReadError<E>> {
    let size = input.seek(SeekFrom::End(0))?;
    input.seek(SeekFrom::Start(size.saturating_sub(END)))?;
    let mut tail = Vec::new();
    input.by_ref().take(END).read_to_end(&mut tail)?;
    let found = tail.windows(4).rposition(|four| four == b"PK\x05\x06");
    let end = found.and_then(|at| tail.get(at..at + 22));
    let number = |from: usize, length: usize| {
        let bytes = end.and_then(|end| end.get(from..from + length)).unwrap_or_default();
        bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    if end.is_none() {
        return Err(refused(
            "",
            "the ZIP archive is cut off: it has no directory".to_owned(),
            ASK,
        ));
    }
    if number(10, 2) > MAX_FILES || number(12, 4) > MAX_DIRECTORY {
        let what = format!("the ZIP archive has more than {MAX_FILES} files, or names of {MAX_DIRECTORY} bytes");
        return Err(refused("", what, "Send smaller archives, for instance one per day."));
    }
    Ok(())
}

struct Files<'s, R> {
    archive: ZipArchive<Watched<R>>,
    watch: Watch,
    settings: &'s Settings,
    /// Bytes that may still be unpacked.
    left: u64,
    sum: Option<Summary>,
    files: u64,
    /// The first file that was left out, and why.
    left_out: Option<Refusal>,
}

impl<R: Read + Seek> Files<'_, R> {
    /// Opens a file for one reading; its name for problems.
    fn open<E>(&mut self, index: usize) -> Result<(Bounded<impl Read>, String), ReadError<E>> {
        let watch = self.watch.clone();
        let file = match self.archive.by_index(index) {
            Ok(file) => file,
            Err(error) => return Err(unpack_error(&watch, "", &error.to_string())),
        };
        let name = file
            .name()
            .map_err(|error| unpack_error(&watch, "", &error.to_string()))?;
        let name: String = name.chars().filter(|letter| !letter.is_control()).take(120).collect();
        let most = file.compressed_size().saturating_mul(MAX_RATIO).max(FREE);
        let left = most.min(self.left);
        let bounded = Bounded {
            input: file,
            left,
            taken: 0,
            watch,
        };
        Ok((bounded, name))
    }

    fn file<E>(&mut self, index: usize, sink: &mut dyn FnMut(Event) -> Result<(), E>) -> Result<(), ReadError<E>> {
        let (mut unpacked, name) = self.open(index)?;
        let watch = unpacked.watch.clone();
        if name.ends_with('/') || name.starts_with("__MACOSX/") {
            return Ok(());
        }
        let recognised = match recognise(&mut unpacked) {
            Ok(Ok(Recognised { shape: Shape::Zip, .. })) => {
                return Err(refused(&name, "an archive inside of an archive".to_owned(), ASK));
            }
            Ok(Ok(recognised)) => recognised,
            Ok(Err(refusal)) => {
                drop(unpacked);
                return self.refusal(refusal, &name, sink);
            }
            Err(error) => return Err(unpack_error(&watch, &name, &error.to_string())),
        };
        drop(unpacked);
        let base = self.sum.as_ref().map_or(0, |sum| sum.statements);
        let settings = self.settings;
        let (mut unpacked, _) = self.open(index)?;
        let mut inside = |event: Event| sink(within(event.after(base), &name));
        let read = super::read_recognised(&mut unpacked, &recognised, settings, &mut inside);
        let taken = unpacked.taken;
        drop(unpacked);
        self.left = self.left.saturating_sub(taken);
        match read {
            Ok(summary) => {
                self.files += 1;
                self.add(summary);
                Ok(())
            }
            Err(ReadError::Io(error)) => Err(unpack_error(&watch, &name, &error.to_string())),
            Err(ReadError::Refused(refusal)) => self.refusal(*refusal, &name, sink),
            Err(ReadError::Receiver(error)) => Err(ReadError::Receiver(error)),
        }
    }

    /// A file that is no bank file is left out with a note; a bank file that cannot be read refuses the archive.
    fn refusal<E>(
        &mut self,
        mut refusal: Refusal,
        name: &str,
        sink: &mut dyn FnMut(Event) -> Result<(), E>,
    ) -> Result<(), ReadError<E>> {
        refusal.at = inside(refusal.at, name);
        let none_of_ours = matches!(
            refusal.reason,
            RefusalReason::NotABankFile(_)
                | RefusalReason::NoBankMessage(_)
                | RefusalReason::NoMap
                | RefusalReason::Empty
        );
        if !none_of_ours {
            return Err(ReadError::Refused(Box::new(refusal)));
        }
        let kind = ProblemKind::OfFormat {
            what: format!("this file of the archive is left out: {}", refusal.reason),
            remedy: "Nothing, if it is no bank file; else send it by itself to see why.",
            quarantines: false,
        };
        let problem = Problem {
            at: refusal.at.clone(),
            kind,
        };
        self.left_out.get_or_insert(refusal);
        sink(Event::Problem {
            statement: None,
            problem,
        })
        .map_err(ReadError::Receiver)
    }

    fn add(&mut self, one: Summary) {
        let Some(sum) = &mut self.sum else {
            self.sum = Some(one);
            return;
        };
        if sum.format != one.format {
            sum.format = Format::plain(Family::Several);
        }
        if sum.encoding != one.encoding {
            sum.encoding = "several encodings";
        }
        if sum.dialect.name != one.dialect.name {
            sum.dialect.name = "several dialects".to_owned();
        }
        sum.statements = sum.statements.saturating_add(one.statements);
        sum.entries = sum.entries.saturating_add(one.entries);
        sum.quarantined = sum.quarantined.saturating_add(one.quarantined);
        sum.bytes = sum.bytes.saturating_add(one.bytes);
    }

    fn end<E>(self) -> Result<Summary, ReadError<E>> {
        let Some(mut sum) = self.sum else {
            return Err(match self.left_out {
                Some(refusal) => ReadError::Refused(Box::new(refusal)),
                None => refused("", "the ZIP archive holds no file".to_owned(), ASK),
            });
        };
        let Dialect { why, .. } = &mut sum.dialect;
        *why = format!("{why}; {} bank files in a ZIP archive", self.files);
        Ok(sum)
    }
}

fn inside(at: Place, name: &str) -> Place {
    let path = match at.path.as_str() {
        "" => name.to_owned(),
        path => format!("{name}: {path}"),
    };
    Place { path, ..at }
}

fn within(mut event: Event, name: &str) -> Event {
    if let Event::Problem { problem, .. } = &mut event {
        problem.at = inside(std::mem::take(&mut problem.at), name);
    }
    event
}
