//! What `incasso inspect` tells of a file, in the exact shape of its `--json`.
//!
//! Statements and entries come from the events of one reading; a refused file has a problem and no statement.

use std::io::{self, Read, Seek, Write};

use serde::Serialize;

use super::problem::{Place, Problem, ReadError, Refusal};
use super::{Entry, Event, Party, Settings, StatementEnd, StatementHeader, check, read_settled};

/// Problems beyond this many are counted, not listed.
pub const MAX_PROBLEMS: usize = 1000;

/// How a file is read: gathered in memory, for small files and tests.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Inspection {
    /// `camt.053.001.08`; of a refused file what it seems to be, or null.
    pub format: Option<String>,
    /// Statements in the order of the file; empty where it is refused.
    pub statements: Vec<StatementView>,
    /// Problems and notes.
    pub problems: Vec<ProblemView>,
    /// How it ended: decides the exit code.
    #[serde(skip)]
    pub outcome: Outcome,
}

/// How the reading of a file ended.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Read, and no statement is quarantined.
    Read,
    /// At least one statement is quarantined.
    Quarantined,
    /// The file is refused, or could not be read at all.
    Refused,
}

impl Outcome {
    /// 0, 1 or 2.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::Quarantined => 1,
            Self::Refused => 2,
        }
    }
}

/// One statement.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct StatementView {
    /// IBAN, or the bank's own account number; null where it names none.
    pub account: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Signed, in minor units; null where there is no opening balance that can be read.
    pub opening_minor: Option<i64>,
    /// Signed, in minor units; null where there is no closing balance that can be read.
    pub closing_minor: Option<i64>,
    /// `holds`, `fails` or `absent`, over booked entries.
    pub balance_proof: &'static str,
    /// Entries in the order of the file.
    pub entries: Vec<EntryView>,
}

/// One entry, or one detail of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct EntryView {
    /// ISO date as written, or null.
    pub booked_on: Option<String>,
    /// ISO date as written, or null.
    pub value_on: Option<String>,
    /// Signed, plus is money to us; null where it could not be read.
    pub amount_minor: Option<i64>,
    /// ISO 4217; null where it is none.
    pub currency: Option<String>,
    /// `booked`, `pending` or `info`.
    pub status: &'static str,
    /// It undoes an earlier entry.
    pub reversal: bool,
    /// Distinct, in the order of the file.
    pub references: Vec<String>,
    /// Unstructured parts joined without separator.
    pub remittance: String,
    /// The other side.
    pub counterparty: PartyView,
}

/// The other side of an entry.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PartyView {
    /// Name, or null.
    pub name: Option<String>,
    /// IBAN, or null.
    pub iban: Option<String>,
}

/// A problem or a note.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ProblemView {
    /// Line and path.
    #[serde(rename = "where")]
    pub place: String,
    /// What it is.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            booked_on: entry.booked_on.map(|date| date.to_string()),
            value_on: entry.value_on.map(|date| date.to_string()),
            amount_minor: entry.amount.map(|money| money.minor()),
            currency: entry.currency.map(|currency| currency.code().to_owned()),
            status: entry.status.word(),
            reversal: entry.reversal,
            references: entry
                .references
                .iter()
                .map(|reference| reference.text.clone())
                .collect(),
            remittance: entry.remittance.clone(),
            counterparty: PartyView::from(entry.counterparty()),
        }
    }
}

impl From<&Party> for PartyView {
    fn from(party: &Party) -> Self {
        Self {
            name: party.name.clone(),
            iban: party.iban.clone(),
        }
    }
}

impl StatementView {
    /// The statement without its entries.
    #[must_use]
    pub fn of(end: &StatementEnd) -> Self {
        Self {
            account: account_of(&end.header),
            currency: currency_of(&end.header),
            opening_minor: end.proof.opening.map(|money| money.minor()),
            closing_minor: end.proof.closing.map(|money| money.minor()),
            balance_proof: end.proof.verdict.word(),
            entries: Vec::new(),
        }
    }
}

fn account_of(header: &StatementHeader) -> Option<String> {
    Some(header.account.number.clone()).filter(|number| !number.is_empty())
}

fn currency_of(header: &StatementHeader) -> Option<String> {
    header.currency.map(|currency| currency.code().to_owned())
}

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        Self {
            place: problem.at.to_string(),
            what: problem.kind.to_string(),
            remedy: problem.kind.remedy().to_owned(),
        }
    }
}

impl From<&Refusal> for ProblemView {
    fn from(refusal: &Refusal) -> Self {
        Self {
            place: refusal.at.to_string(),
            what: refusal.reason.to_string(),
            remedy: refusal.reason.remedy().to_owned(),
        }
    }
}

/// Problems up to [`MAX_PROBLEMS`], and how many more there were.
#[derive(Debug, Default)]
pub struct ProblemList {
    listed: Vec<ProblemView>,
    more: u64,
}

impl ProblemList {
    /// Adds one.
    pub fn add(&mut self, problem: &Problem) {
        if self.listed.len() < MAX_PROBLEMS {
            self.listed.push(ProblemView::from(problem));
        } else {
            self.more += 1;
        }
    }

    /// All that were listed; one more line tells of the rest.
    #[must_use]
    pub fn into_views(mut self) -> Vec<ProblemView> {
        if self.more > 0 {
            self.listed.push(ProblemView {
                place: Place::on_line(1).to_string(),
                what: format!("{} more problems are not listed", self.more),
                remedy: "Correct those above first.".to_owned(),
            });
        }
        self.listed
    }
}

/// Reads a file and gathers what it says. For files that may be large: [`write_json`].
///
/// # Errors
/// Only of the input; a refused file is an [`Inspection`] too.
pub fn inspect(input: impl Read + Seek) -> io::Result<Inspection> {
    inspect_with(input, &Settings::default())
}

/// As [`inspect`], with what is configured of the source.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_with(mut input: impl Read + Seek, settings: &Settings) -> io::Result<Inspection> {
    let (summary, pages) = match check(&mut input, settings) {
        Ok(checked) => checked,
        Err(ReadError::Refused(refusal)) => return Ok(refused(&refusal)),
        Err(ReadError::Io(error) | ReadError::Receiver(error)) => return Err(error),
    };
    let mut statements = Vec::new();
    let mut entries = Vec::new();
    let mut problems = ProblemList::default();
    let result = read_settled(input, settings, &pages, &mut |event| {
        match event {
            Event::StatementStart(_) => {}
            Event::Entry(entry) => entries.push(EntryView::from(&*entry)),
            Event::StatementEnd(end) => {
                let entries = std::mem::take(&mut entries);
                statements.push(StatementView {
                    entries,
                    ..StatementView::of(&end)
                });
            }
            Event::Problem { problem, .. } => problems.add(&problem),
        }
        Ok::<(), io::Error>(())
    });
    match result {
        Ok(_) => {
            let outcome = if summary.quarantined > 0 {
                Outcome::Quarantined
            } else {
                Outcome::Read
            };
            let format = Some(summary.format.to_string());
            Ok(Inspection {
                format,
                statements,
                problems: problems.into_views(),
                outcome,
            })
        }
        Err(ReadError::Refused(refusal)) => Ok(refused(&refusal)),
        Err(ReadError::Io(error) | ReadError::Receiver(error)) => Err(error),
    }
}

fn refused(refusal: &Refusal) -> Inspection {
    Inspection {
        format: refusal.format.clone(),
        statements: Vec::new(),
        problems: vec![ProblemView::from(refusal)],
        outcome: Outcome::Refused,
    }
}

/// Writes the JSON of [`Inspection`] in bounded memory: one reading decides whether the file is refused, the second
/// writes. `entries` comes before the balances of a statement, which are known only after them.
///
/// # Errors
/// Of the input or the output.
pub fn write_json(mut input: impl Read + Seek, settings: &Settings, out: &mut dyn Write) -> io::Result<Outcome> {
    let (summary, pages) = match check(&mut input, settings) {
        Ok(checked) => checked,
        Err(ReadError::Refused(refusal)) => {
            serde_json::to_writer_pretty(&mut *out, &refused(&refusal))?;
            writeln!(out)?;
            return Ok(Outcome::Refused);
        }
        Err(ReadError::Io(error) | ReadError::Receiver(error)) => return Err(error),
    };
    write!(
        out,
        "{{\n  \"format\": {},\n  \"statements\": [",
        serde_json::to_string(&summary.format.to_string())?
    )?;
    let mut writer = JsonWriter {
        out,
        statements: 0,
        entries: 0,
        problems: ProblemList::default(),
    };
    match read_settled(input, settings, &pages, &mut |event| writer.event(event)) {
        Ok(_) => {}
        Err(ReadError::Io(error) | ReadError::Receiver(error)) => return Err(error),
        // It was read a moment ago: the file was changed in between.
        Err(ReadError::Refused(refusal)) => return Err(io::Error::other(refusal)),
    }
    let JsonWriter { out, problems, .. } = writer;
    writeln!(
        out,
        "\n  ],\n  \"problems\": {}\n}}",
        serde_json::to_string(&problems.into_views())?
    )?;
    Ok(if summary.quarantined > 0 {
        Outcome::Quarantined
    } else {
        Outcome::Read
    })
}

struct JsonWriter<'a> {
    out: &'a mut dyn Write,
    statements: u64,
    entries: u64,
    problems: ProblemList,
}

impl JsonWriter<'_> {
    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::StatementStart(header) => {
                let comma = if self.statements > 0 { "," } else { "" };
                self.statements += 1;
                self.entries = 0;
                let account = serde_json::to_string(&account_of(&header))?;
                let currency = serde_json::to_string(&currency_of(&header))?;
                write!(
                    self.out,
                    "{comma}\n    {{\n      \"account\": {account},\n      \"currency\": {currency},\n      \"entries\": ["
                )
            }
            Event::Entry(entry) => {
                let comma = if self.entries > 0 { "," } else { "" };
                self.entries += 1;
                write!(self.out, "{comma}\n        ")?;
                Ok(serde_json::to_writer(&mut *self.out, &EntryView::from(&*entry))?)
            }
            Event::StatementEnd(end) => {
                let view = StatementView::of(&end);
                let number = |value: Option<i64>| value.map_or("null".to_owned(), |minor| minor.to_string());
                write!(
                    self.out,
                    "\n      ],\n      \"opening_minor\": {},\n      \"closing_minor\": {},\n      \
                     \"balance_proof\": \"{}\"\n    }}",
                    number(view.opening_minor),
                    number(view.closing_minor),
                    view.balance_proof
                )
            }
            Event::Problem { problem, .. } => {
                self.problems.add(&problem);
                Ok(())
            }
        }
    }
}
