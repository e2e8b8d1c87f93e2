//! ISO 20022 camt.052 (account report), .053 (statement) and .054 (notification), versions .001.01 to .001.14, and the
//! rejects of pain.002, read as a stream.
//!
//! Elements are matched by local name only: prefixes, wrappers (`AppHdr`, envelopes) and wrong namespaces do not
//! matter, unknown elements are ignored. Memory is bounded by one entry, however large the file.

mod entry;
mod fields;
mod raw;
mod rejects;
mod statement;
mod totals;

use std::io::Read;

use super::format::{Dialect, Family, Format};
use super::model::{Event, Summary};
use super::problem::{Place, Problem, ProblemKind, ReadError, Refusal, RefusalReason};
use super::settings::Settings;
use super::source::Sniffed;
use super::xml::{Step, Walker};
use raw::{Leaf, RawEntry};
use rejects::Report;
use statement::{GroupHeader, Statement};

/// Newest version that this was written for.
const NEWEST: u32 = 14;
/// Newest version of pain.002 that this was written for.
const NEWEST_PAIN: u32 = 14;

/// Reads one file; see [`super::read`].
pub(super) fn read<E>(
    input: impl Read,
    sniffed: &Sniffed,
    settings: &Settings,
    sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    let mut reader = CamtReader {
        walker: Walker::new(input, sniffed),
        settings,
        sink,
        format: None,
        statements: 0,
        entries: 0,
        quarantined: 0,
        root: String::new(),
        announced: String::new(),
    };
    if let Some(note) = &sniffed.note {
        reader.emit(Event::Problem {
            statement: None,
            problem: note.clone(),
        })?;
    }
    match reader.document() {
        Err(ReadError::Refused(mut refusal)) => {
            refusal.format = refusal.format.or_else(|| reader.format.as_ref().map(Format::to_string));
            Err(ReadError::Refused(refusal))
        }
        Err(other) => Err(other),
        Ok(format) => Ok(Summary {
            dialect: dialect(&format, reader.walker.documents()),
            format,
            encoding: sniffed.encoding_name(),
            statements: reader.statements,
            entries: reader.entries,
            quarantined: reader.quarantined,
            bytes: reader.walker.taken(),
        }),
    }
}

struct CamtReader<'s, R, E> {
    walker: Walker<R>,
    settings: &'s Settings,
    sink: &'s mut dyn FnMut(Event) -> Result<(), E>,
    format: Option<Format>,
    statements: u32,
    entries: u64,
    quarantined: u32,
    root: String,
    /// `MsgDefIdr` of the last business application header.
    announced: String,
}

fn refused<E>(refusal: Refusal) -> ReadError<E> {
    ReadError::Refused(Box::new(refusal))
}

impl<R: Read, E> CamtReader<'_, R, E> {
    fn emit(&mut self, event: Event) -> Result<(), ReadError<E>> {
        (self.sink)(event).map_err(ReadError::Receiver)
    }

    /// Looks for messages at any depth: banks wrap them, and glue several documents together.
    fn document(&mut self) -> Result<Format, ReadError<E>> {
        loop {
            match self.walker.step()? {
                Step::Open => self.look()?,
                // Of the business application header: the version, where the namespace does not tell it.
                Step::Close { leaf: true } if self.walker.name() == "MsgDefIdr" => {
                    self.announced = self.walker.text().map_err(refused)?.trim().to_owned();
                }
                Step::Close { .. } => {}
                Step::End => break,
            }
        }
        let Some(format) = self.format.clone() else {
            let refusal = self.walker.refusal(RefusalReason::NoBankMessage(self.root.clone()));
            return Err(refused(Refusal {
                at: Place {
                    line: 1,
                    path: self.root.clone(),
                },
                ..refusal
            }));
        };
        if self.statements == 0 {
            return Err(refused(self.walker.refusal(RefusalReason::NoStatement)));
        }
        Ok(format)
    }

    fn look(&mut self) -> Result<(), ReadError<E>> {
        if self.root.is_empty() {
            self.root = self.walker.name().chars().take(64).collect();
        }
        match self.walker.name().strip_suffix("V01").unwrap_or(self.walker.name()) {
            "BkToCstmrStmt" => self.message(Family::Camt053, "camt.053", "/Stmt"),
            "BkToCstmrAcctRpt" => self.message(Family::Camt052, "camt.052", "/Rpt"),
            "BkToCstmrDbtCdtNtfctn" => self.message(Family::Camt054, "camt.054", "/Ntfctn"),
            "CstmrPmtStsRpt" | "pain.002.001.02" | "pain.002.001.01" => self.report(),
            _ => Ok(()),
        }
    }

    /// Notes the format of a message that begins here.
    fn begin(&mut self, family: Family, name: &str, newest: u32) -> Result<Format, ReadError<E>> {
        let of_namespace = version(self.walker.namespace(), name);
        let variant = match of_namespace.as_str() {
            "" => version(Some(&self.announced), name),
            _ => of_namespace,
        };
        let format = Format { family, variant };
        match &mut self.format {
            Some(known) if *known == format => return Ok(format),
            Some(known) => {
                if known.family != format.family {
                    *known = Format::plain(Family::Several);
                }
            }
            none => *none = Some(format.clone()),
        }
        if format.variant.parse::<u32>().is_ok_and(|number| number > newest) {
            let problem = Problem {
                at: self.walker.place(),
                kind: ProblemKind::UnknownVersion(format.to_string()),
            };
            self.emit(Event::Problem {
                statement: None,
                problem,
            })?;
        }
        Ok(format)
    }

    /// A pain.002.
    fn report(&mut self) -> Result<(), ReadError<E>> {
        let format = self.begin(Family::Pain002, "pain.002", NEWEST_PAIN)?;
        self.statements = self.statements.saturating_add(1);
        let mut report = Report::new(format, self.statements, self.walker.line(), self.walker.path());
        let base = self.walker.path().len();
        loop {
            let step = self.walker.step()?;
            let path = self.walker.path().get(base + 1..).unwrap_or_default();
            match step {
                Step::Open if self.walker.in_supplement() => self.walker.skip()?,
                Step::Open => report.open(path, self.walker.line()),
                Step::Close { .. } if path.is_empty() => break,
                Step::Close { leaf: true } => report.leaf(path, leaf(&self.walker)?),
                Step::Close { .. } => {
                    if let Some((header, entry)) = report.close(path, self.walker.line()) {
                        if let Some(header) = header {
                            self.emit(Event::StatementStart(Box::new(header)))?;
                        }
                        self.entries = self.entries.saturating_add(1);
                        self.emit(Event::Entry(Box::new(entry)))?;
                    }
                }
                Step::End => break,
            }
        }
        let (header, end) = report.finish(self.walker.line());
        if let Some(header) = header {
            self.emit(Event::StatementStart(Box::new(header)))?;
        }
        for problem in report.take_problems() {
            let statement = Some(report.index());
            self.emit(Event::Problem { statement, problem })?;
        }
        self.emit(Event::StatementEnd(Box::new(end)))
    }

    fn message(&mut self, family: Family, name: &str, statement: &str) -> Result<(), ReadError<E>> {
        let format = self.begin(family, name, NEWEST)?;
        let base = self.walker.path().len();
        let mut group = GroupHeader::new(format);
        loop {
            let step = self.walker.step()?;
            let path = self.walker.path().get(base..).unwrap_or_default();
            match step {
                Step::Open if self.walker.in_supplement() => self.walker.skip()?,
                Step::Open if path == statement => self.statement(&group)?,
                Step::Close { .. } if path.is_empty() => return Ok(()),
                Step::Close { leaf: true } => {
                    if let Some(inner) = path.strip_prefix("/GrpHdr/") {
                        group.leaf(inner, leaf(&self.walker)?);
                    }
                }
                Step::Open | Step::Close { .. } => {}
                Step::End => return Ok(()),
            }
        }
    }

    fn statement(&mut self, group: &GroupHeader) -> Result<(), ReadError<E>> {
        self.statements = self.statements.saturating_add(1);
        let mut statement = Statement::new(self.statements, self.walker.line(), self.walker.path(), group);
        let base = self.walker.path().len();
        loop {
            let step = self.walker.step()?;
            let path = self.walker.path().get(base + 1..).unwrap_or_default();
            match step {
                Step::Open if self.walker.in_supplement() => self.walker.skip()?,
                Step::Open if path == "Ntry" => self.entry(&mut statement)?,
                Step::Open => statement.open(path, self.walker.line()),
                Step::Close { .. } if path.is_empty() => break,
                Step::Close { leaf: true } => statement.leaf(path, leaf(&self.walker)?),
                Step::Close { .. } => {}
                Step::End => break,
            }
        }
        let begun = statement.entries > 0;
        let end = statement.finish();
        if !begun {
            self.emit(Event::StatementStart(Box::new(end.header.clone())))?;
        }
        self.problems(&mut statement)?;
        self.quarantined = self.quarantined.saturating_add(u32::from(end.quarantined));
        self.emit(Event::StatementEnd(Box::new(end)))
    }

    fn problems(&mut self, statement: &mut Statement) -> Result<(), ReadError<E>> {
        for problem in statement.take_problems() {
            self.emit(Event::Problem {
                statement: Some(statement.index()),
                problem,
            })?;
        }
        Ok(())
    }

    fn entry(&mut self, statement: &mut Statement) -> Result<(), ReadError<E>> {
        statement.entries = statement.entries.saturating_add(1);
        let mut raw = RawEntry::new(statement.entries, self.walker.line());
        let base = self.walker.path().len();
        loop {
            let step = self.walker.step()?;
            let path = self.walker.path().get(base + 1..).unwrap_or_default();
            match step {
                Step::Open if self.walker.in_supplement() => self.walker.skip()?,
                Step::Open => raw.open(path, self.walker.line()),
                Step::Close { .. } if path.is_empty() => break,
                Step::Close { leaf: is_leaf } => {
                    if is_leaf {
                        raw.leaf(path, leaf(&self.walker)?);
                    }
                    raw.close(path);
                }
                Step::End => break,
            }
        }
        if statement.begin(raw.amount.as_ref()) {
            self.emit(Event::StatementStart(Box::new(statement.header().clone())))?;
        }
        let mut read = statement.entry_reader(self.settings.reversals).read(raw);
        statement.count(&mut read);
        self.problems(statement)?;
        for part in read.parts {
            self.entries = self.entries.saturating_add(1);
            self.emit(Event::Entry(Box::new(part)))?;
        }
        Ok(())
    }
}

fn leaf<R: Read>(walker: &Walker<R>) -> Result<Leaf<'_>, Box<Refusal>> {
    Ok(Leaf {
        text: walker.text().map_err(Box::new)?,
        currency: walker.currency(),
        line: walker.line(),
    })
}

impl<E> From<Box<Refusal>> for ReadError<E> {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Refused(refusal)
    }
}

fn dialect(format: &Format, documents: u32) -> Dialect {
    let mut why = match (format.family, format.variant.as_str()) {
        (Family::Several, _) => "several messages, each by its element".to_owned(),
        (_, "") => "the message's element; no namespace names a version".to_owned(),
        _ => "the message's element and its namespace".to_owned(),
    };
    if documents > 1 {
        why.push_str(&format!("; {documents} documents one after the other"));
    }
    Dialect {
        name: "ISO 20022".to_owned(),
        why,
    }
}

/// The version in a namespace such as `urn:iso:std:iso:20022:tech:xsd:camt.053.001.08`; empty where there is none.
fn version(namespace: Option<&str>, message: &str) -> String {
    let tail = namespace
        .and_then(|text| text.split_once(message))
        .map_or("", |(_, tail)| tail);
    let digits = tail.strip_prefix(".001.").unwrap_or_default();
    digits.chars().take_while(char::is_ascii_digit).take(3).collect()
}
