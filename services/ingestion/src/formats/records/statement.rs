//! A statement while its records are read, and the way of its events to the receiver.

use std::collections::BTreeSet;

use super::problem::RecordProblem;
use super::record::short;
use crate::formats::model::{Entry, Event, StatementEnd, StatementHeader, Status, Verdict};
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
    fn new(header: StatementHeader) -> Self {
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
            kind: ProblemKind::ProofFails(self.sums.failure(&proof)),
        });
        self.quarantined |= failure.is_some();
        let end = StatementEnd {
            header: self.header,
            proof,
            booked: self.booked,
            pending: self.pending,
            info: self.info,
            quarantined: self.quarantined,
            page: None,
            undecided: false,
            together: Vec::new(),
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
    /// Keys of notes that were told.
    told: BTreeSet<String>,
}

/// Notes of different keys that are told of one file: a hostile one does not fill the memory with them.
const MAX_TOLD: usize = 1000;

impl<'s, E> Out<'s, E> {
    pub(crate) fn new(sink: &'s mut dyn FnMut(Event) -> Result<(), E>) -> Self {
        Self {
            sink,
            statements: 0,
            entries: 0,
            quarantined: 0,
            condemned: false,
            told: BTreeSet::new(),
        }
    }

    fn emit(&mut self, event: Event) -> Result<(), ReadError<E>> {
        (self.sink)(event).map_err(ReadError::Receiver)
    }

    /// Number of the next statement.
    pub(crate) fn next_index(&self) -> u32 {
        self.statements.saturating_add(1)
    }

    /// A statement begins, with the problems of its first record.
    pub(crate) fn begin(&mut self, header: StatementHeader, problems: Vec<Problem>) -> Result<Building, ReadError<E>> {
        let mut building = Building::new(header);
        self.statements = self.next_index();
        self.emit(Event::StatementStart(Box::new(building.header.clone())))?;
        self.tell_all(&mut building, problems)?;
        Ok(building)
    }

    /// A problem of a statement.
    pub(crate) fn tell(&mut self, building: &mut Building, problem: Problem) -> Result<(), ReadError<E>> {
        building.quarantined |= problem.quarantines();
        let statement = Some(building.header.index);
        self.emit(Event::Problem { statement, problem })
    }

    /// Problems of a statement.
    pub(crate) fn tell_all(&mut self, building: &mut Building, problems: Vec<Problem>) -> Result<(), ReadError<E>> {
        problems
            .into_iter()
            .try_for_each(|problem| self.tell(building, problem))
    }

    /// A note that is told once per file, however often it applies: of a statement where one is open.
    pub(crate) fn tell_once(
        &mut self,
        open: Option<&mut Building>,
        key: &str,
        problem: Problem,
    ) -> Result<(), ReadError<E>> {
        if self.told.len() >= MAX_TOLD || !self.told.insert(short(key)) {
            return Ok(());
        }
        match open {
            Some(building) => self.tell(building, problem),
            None => self.note(problem),
        }
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

    /// The statement ends; where its last record is missing, that is told.
    pub(crate) fn end_at(
        &mut self,
        mut building: Building,
        missing: Option<&'static str>,
        line: u64,
    ) -> Result<(), ReadError<E>> {
        if let Some(record) = missing {
            self.tell(&mut building, problem(line, "", RecordProblem::NoEnd(record)))?;
        }
        self.end(building)
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
        let number = self.entries.saturating_add(1);
        Entry::new(self.header.index, number, line, self.header.currency)
    }
}
