//! Pages of one statement within a file: what a page does not prove by itself, all of them prove together.

use std::collections::BTreeMap;

use kernel::{Currency, Money};

use super::camt::model::{PageOf, StatementEnd, Verdict};
use super::problem::{Place, Problem, ProblemKind, ProofFailure};
use crate::domain::pages::{Known, Page, Together, groups, settle};

/// What a page says, without its currency.
#[must_use]
pub fn facts(end: &StatementEnd, page: &PageOf) -> Page {
    Page {
        last: page.last,
        opening_minor: end.proof.opening.map(|money| money.minor()),
        closing_minor: end.proof.closing.map(|money| money.minor()),
        booked_minor: end.proof.booked_minor,
    }
}

/// The pages of a file, gathered in one reading of it and judged for the next.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pages {
    found: Vec<(PageOf, Known<u32>, bool)>,
    judged: BTreeMap<u32, Together>,
}

impl Pages {
    /// Notes a statement that may be a page of several.
    pub fn note(&mut self, end: &StatementEnd) {
        let Some(page) = end.page.as_ref().filter(|_| !end.quarantined) else {
            return;
        };
        let known = Known {
            id: end.header.index,
            number: page.number,
            page: facts(end, page),
        };
        self.found.push((page.clone(), known, end.undecided));
    }

    /// Judges those that do not prove themselves; gives how many may not be booked.
    pub fn judge(&mut self) -> u32 {
        let all = self
            .found
            .iter()
            .map(|(page, known, undecided)| (page.of.as_str(), page.number, (known, *undecided)));
        let mut fail = 0_u32;
        for group in groups(all) {
            let beside: Vec<Known<u32>> = group.iter().map(|(_, (known, _))| (*known).clone()).collect();
            for (_, (known, _)) in group.iter().filter(|(_, (_, undecided))| *undecided) {
                let (outcome, _) = settle(known, &beside, &[]);
                fail = fail.saturating_add(u32::from(matches!(outcome, Together::Fails { .. })));
                self.judged.insert(known.id, outcome);
            }
        }
        fail
    }

    /// Puts what was judged into the end of a statement; a problem is told before it.
    #[must_use]
    pub fn settle(&self, end: &mut StatementEnd) -> Option<Problem> {
        let outcome = self.judged.get(&end.header.index)?;
        let kind = apply(outcome, end)?;
        let at = Place {
            line: end.header.line,
            path: format!("Stmt[{}]", end.header.index),
        };
        Some(Problem { at, kind })
    }
}

/// Puts an outcome into the end of a page that other pages decide; gives the problem that it is.
pub fn apply(outcome: &Together, end: &mut StatementEnd) -> Option<ProblemKind> {
    match outcome {
        Together::Holds { run, .. } => {
            end.proof.verdict = Verdict::Holds;
            end.undecided = false;
            end.together.clone_from(run);
            None
        }
        Together::Fails {
            opening_minor,
            booked_minor,
            closing_minor,
        } => {
            end.proof.verdict = Verdict::Fails;
            end.undecided = false;
            end.quarantined = true;
            let failure = failure(end.header.currency, *opening_minor, *booked_minor, *closing_minor);
            Some(ProblemKind::ProofFails(failure))
        }
        Together::Absent => {
            end.undecided = false;
            None
        }
        Together::Waits { missing } => Some(ProblemKind::PageWaits {
            number: end.page.as_ref().map_or(0, |page| page.number),
            missing: *missing,
        }),
    }
}

/// The arithmetic over all pages, for people.
#[must_use]
pub fn failure(currency: Option<Currency>, opening_minor: i64, booked_minor: i128, closing_minor: i64) -> ProofFailure {
    ProofFailure {
        opening: currency.map(|currency| Money::new(opening_minor, currency)),
        booked_minor,
        closing: currency.map(|currency| Money::new(closing_minor, currency)),
        left_out: 0,
        holds_if_reversals_flip: false,
        paged: true,
    }
}
