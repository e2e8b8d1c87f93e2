//! `TxsSummry`: the counts and sums that a bank states of its entries. They are the only control where no balances are
//! (camt.054); where the balance proof holds, a total that does not fit is told as a note.

use kernel::{Currency, Money};

use super::raw::Leaf;
use crate::formats::model::Status;
use crate::formats::problem::{ProblemKind, decimal};

/// Entries of one direction, or all.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
struct Side {
    count: u64,
    sum: i128,
}

impl Side {
    fn add(&mut self, minor: i128) {
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(minor.saturating_abs());
    }
}

#[derive(Clone, Debug, Default)]
struct Stated {
    count: Option<String>,
    sum: Option<String>,
}

/// What is stated, and what was met.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) line: u64,
    entries: Stated,
    credits: Stated,
    debits: Stated,
    /// Of credits and debits: all, and booked alone. Banks mean either.
    met_credits: [Side; 2],
    met_debits: [Side; 2],
    /// Details, or entries without: some banks count these.
    parts: [u64; 2],
    unreadable: bool,
}

impl Totals {
    /// A leaf of `TxsSummry`, by its path in it.
    pub(super) fn leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        if self.line == 0 {
            self.line = leaf.line;
        }
        let Some((group, field)) = path.split_once('/') else {
            return;
        };
        let stated = match group {
            "TtlNtries" => &mut self.entries,
            "TtlCdtNtries" => &mut self.credits,
            "TtlDbtNtries" => &mut self.debits,
            _ => return,
        };
        match field {
            "NbOfNtries" => stated.count = leaf.word(),
            "Sum" => stated.sum = leaf.word(),
            _ => {}
        }
    }

    pub(super) fn add(&mut self, amount: Option<Money>, credit: bool, status: Status, parts: usize) {
        let Some(money) = amount else {
            self.unreadable = true;
            return;
        };
        let minor = i128::from(money.minor());
        let [all, booked] = if credit {
            &mut self.met_credits
        } else {
            &mut self.met_debits
        };
        let parts = u64::try_from(parts).unwrap_or(u64::MAX);
        let [all_parts, booked_parts] = &mut self.parts;
        all.add(minor);
        *all_parts = all_parts.saturating_add(parts);
        if status == Status::Booked {
            booked.add(minor);
            *booked_parts = booked_parts.saturating_add(parts);
        }
    }

    /// What does not fit. `proven`: the balance proof holds, so that it is a note.
    pub(super) fn check(&self, currency: Option<Currency>, proven: bool) -> Vec<ProblemKind> {
        let Some(currency) = currency.filter(|_| !self.unreadable && self.line > 0) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut tell = |element: &str, stated: &str, met: String| {
            found.push(ProblemKind::OfFormat {
                what: format!("the totals (TxsSummry/{element}) say {stated:?}, but the entries come to {met}"),
                remedy: "An entry is missing, doubled or wrong: ask the bank for a corrected file.",
                quarantines: !proven,
            });
        };
        let counts = |sides: &[Side; 2]| sides.map(|side| side.count);
        let [credits, debits] = [counts(&self.met_credits), counts(&self.met_debits)];
        let both = |at: usize| Some(credits.get(at)?.saturating_add(*debits.get(at)?));
        let all = both(0).into_iter().chain(both(1)).chain(self.parts);
        check_count(
            &self.entries,
            "TtlNtries/NbOfNtries",
            &all.collect::<Vec<_>>(),
            &mut tell,
        );
        check_count(&self.credits, "TtlCdtNtries/NbOfNtries", &credits, &mut tell);
        check_count(&self.debits, "TtlDbtNtries/NbOfNtries", &debits, &mut tell);
        check_sum(
            &self.credits,
            "TtlCdtNtries/Sum",
            &self.met_credits,
            currency,
            &mut tell,
        );
        check_sum(&self.debits, "TtlDbtNtries/Sum", &self.met_debits, currency, &mut tell);
        found
    }
}

fn check_count(stated: &Stated, element: &str, met: &[u64], tell: &mut impl FnMut(&str, &str, String)) {
    let Some(text) = &stated.count else { return };
    if !text.parse::<u64>().is_ok_and(|count| met.contains(&count)) {
        tell(element, text, met.first().map(u64::to_string).unwrap_or_default());
    }
}

fn check_sum(
    stated: &Stated,
    element: &str,
    met: &[Side; 2],
    currency: Currency,
    tell: &mut impl FnMut(&str, &str, String),
) {
    let Some(text) = &stated.sum else { return };
    let sum = Money::parse(text, currency).map(|money| i128::from(money.minor()).saturating_abs());
    if !sum.is_ok_and(|sum| met.iter().any(|side| side.sum == sum)) {
        tell(
            element,
            text,
            met.first().map(|side| decimal(side.sum, currency)).unwrap_or_default(),
        );
    }
}
