//! A statement while its records are read, and the way of its events to the receiver.

use super::problem::RecordProblem;
use crate::formats::model::{BankCode, Entry, Event, Part, Party, StatementEnd, StatementHeader, Status, Verdict};
use crate::formats::problem::{Place, Problem, ProblemKind, ReadError};
use crate::formats::proof::{Candidates, Sums, prove};

/// A problem of this line and place.
pub(crate) fn problem(line: u64, path: impl Into<String>, kind: RecordProblem) -> Problem {
    Problem {
        at: Place {
            line,
            path: path.into(),
        },
        kind: ProblemKind::OfFormat {
            what: kind.to_string(),
            remedy: kind.remedy(),
            quarantines: kind.quarantines(),
        },
    }
}

/// A statement that is not ended yet.
pub(crate) struct Building {
    pub(crate) header: StatementHeader,
    pub(crate) entries: u64,
    booked: u64,
    pending: u64,
    info: u64,
    sums: Sums,
    quarantined: bool,
}

impl Building {
    pub(crate) fn new(header: StatementHeader) -> Self {
        Self {
            header,
            entries: 0,
            booked: 0,
            pending: 0,
            info: 0,
            sums: Sums::default(),
            quarantined: false,
        }
    }

    /// Adds an entry to the counts and, where it is booked, to the sum.
    fn count(&mut self, entry: &Entry) {
        match entry.status {
            Status::Booked => {
                self.booked += 1;
                self.sums.add_in(entry.amount, self.header.currency, entry.reversal);
            }
            Status::Pending => self.pending += 1,
            Status::Info => self.info += 1,
        }
    }

    fn finish(mut self) -> (StatementEnd, Option<Problem>) {
        let proof = prove(&Candidates::of(&self.header.balances, self.header.currency), &self.sums).proof;
        let failure = (proof.verdict == Verdict::Fails).then(|| Problem {
            at: Place {
                line: self.header.line,
                path: format!("statement {}", self.header.index),
            },
            kind: ProblemKind::ProofFails(self.sums.failure(&proof, false)),
        });
        self.quarantined |= failure.is_some();
        let end = StatementEnd {
            header: self.header,
            proof,
            booked: self.booked,
            pending: self.pending,
            info: self.info,
            quarantined: self.quarantined,
        };
        (end, failure)
    }
}

/// Hands events on and counts them.
pub(crate) struct Out<'s, E> {
    sink: &'s mut dyn FnMut(Event) -> Result<(), E>,
    pub(crate) statements: u32,
    pub(crate) entries: u64,
    quarantined: u32,
    condemned: bool,
}

impl<'s, E> Out<'s, E> {
    pub(crate) fn new(sink: &'s mut dyn FnMut(Event) -> Result<(), E>) -> Self {
        Self {
            sink,
            statements: 0,
            entries: 0,
            quarantined: 0,
            condemned: false,
        }
    }

    fn emit(&mut self, event: Event) -> Result<(), ReadError<E>> {
        (self.sink)(event).map_err(ReadError::Receiver)
    }

    /// Number of the next statement.
    pub(crate) fn next_index(&self) -> u32 {
        self.statements.saturating_add(1)
    }

    pub(crate) fn start(&mut self, building: &Building) -> Result<(), ReadError<E>> {
        self.statements = self.next_index();
        self.emit(Event::StatementStart(Box::new(building.header.clone())))
    }

    /// A problem of a statement.
    pub(crate) fn tell(&mut self, building: &mut Building, problem: Problem) -> Result<(), ReadError<E>> {
        building.quarantined |= problem.quarantines();
        let statement = Some(building.header.index);
        self.emit(Event::Problem { statement, problem })
    }

    /// A note about the file.
    pub(crate) fn note(&mut self, problem: Problem) -> Result<(), ReadError<E>> {
        self.emit(Event::Problem {
            statement: None,
            problem,
        })
    }

    /// A problem of the file that quarantines all of its statements, also those that have ended.
    pub(crate) fn condemn(&mut self, problem: Problem) -> Result<(), ReadError<E>> {
        self.condemned |= problem.quarantines();
        self.note(problem)
    }

    /// Statements that may not be booked.
    pub(crate) fn quarantined(&self) -> u32 {
        if self.condemned {
            self.statements
        } else {
            self.quarantined
        }
    }

    pub(crate) fn entry(&mut self, building: &mut Building, entry: Entry) -> Result<(), ReadError<E>> {
        building.count(&entry);
        building.entries = building.entries.saturating_add(1);
        self.entries = self.entries.saturating_add(1);
        self.emit(Event::Entry(Box::new(entry)))
    }

    pub(crate) fn end(&mut self, building: Building) -> Result<(), ReadError<E>> {
        let index = building.header.index;
        let (end, failure) = building.finish();
        if let Some(problem) = failure {
            self.emit(Event::Problem {
                statement: Some(index),
                problem,
            })?;
        }
        self.quarantined = self.quarantined.saturating_add(u32::from(end.quarantined));
        self.emit(Event::StatementEnd(Box::new(end)))
    }
}

impl Building {
    /// The next entry, of which nothing is read yet; counted as booked.
    pub(crate) fn entry(&self, line: u64) -> Entry {
        Entry {
            statement: self.header.index,
            number: self.entries.saturating_add(1),
            part: Part::Whole,
            line,
            booked_on: None,
            value_on: None,
            amount: None,
            currency: self.header.currency,
            credit: true,
            status: Status::Booked,
            reversal: false,
            references: Vec::new(),
            servicer_reference: None,
            remittance: String::new(),
            documents: Vec::new(),
            debtor: Party::default(),
            creditor: Party::default(),
            ultimate_debtor: None,
            ultimate_creditor: None,
            code: BankCode::default(),
            batch: None,
            returned: None,
            entry_text: String::new(),
            detail_text: String::new(),
        }
    }
}
