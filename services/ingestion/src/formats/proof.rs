//! The balance proof, for every format: opening balance + booked entries = closing balance.
//!
//! Formats that have other names for balances use those of ISO 20022: `:60F:` is `OPBD`, `:62F:` `CLBD`, `:60M:` and
//! `:62M:` the same with the subtype `INTM`.
//!
//! Opening is the earliest `OPBD`, else the earliest `PRCD`; closing the latest `CLBD`. On a page of a longer statement
//! banks mark the balances between pages `INTM`: they are tried where the pair without them does not hold, and so is
//! `PRCD` beside an `OPBD`; what a page does not prove by itself its neighbours may ([`crate::formats::pages`]). A balance
//! without direction is a credit unless only a debit makes the proof hold.
//!
//! Where an entry or a balance names another currency, and the numbers hold by plain arithmetic, the proof holds: the name
//! is wrong, not the number. The statement stays quarantined by that name.

use kernel::{Currency, Money};

use super::model::{Balance, Proof, Verdict};
use super::problem::{ProblemKind, ProofFailure};

/// Running sums of the booked entries of a statement.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    booked: i128,
    reversals: i128,
    left_out: u64,
    /// Of those left out, entries in another currency with as many decimals, and their plain sum.
    foreign: u64,
    foreign_sum: i128,
}

impl Sums {
    /// A booked entry of an account in `currency`; `None` where its amount could not be read.
    pub(crate) fn add_in(&mut self, amount: Option<Money>, currency: Option<Currency>, reversal: bool) {
        if let Some(money) = amount.filter(|money| Some(money.currency()) != currency && similar(*money, currency)) {
            self.foreign += 1;
            self.foreign_sum = self.foreign_sum.saturating_add(i128::from(money.minor()));
        }
        self.add(amount.filter(|money| Some(money.currency()) == currency), reversal);
    }

    /// A booked entry; `None` where its amount is not one in the account's currency.
    pub(crate) fn add(&mut self, amount: Option<Money>, reversal: bool) {
        let Some(money) = amount else {
            self.left_out += 1;
            return;
        };
        let minor = i128::from(money.minor());
        // A file of 4 GiB holds less than 2^32 entries of less than 2^63 each.
        self.booked = self.booked.saturating_add(minor);
        if reversal {
            self.reversals = self.reversals.saturating_add(minor);
        }
    }

    /// The arithmetic, for people.
    pub(crate) fn failure(&self, proof: &Proof) -> ProofFailure {
        let gap = match (proof.opening, proof.closing) {
            (Some(opening), Some(closing)) => i128::from(closing.minor()) - i128::from(opening.minor()) - self.booked,
            _ => 0,
        };
        ProofFailure {
            opening: proof.opening,
            booked_minor: self.booked,
            closing: proof.closing,
            left_out: self.left_out,
            holds_if_reversals_flip: gap != 0 && self.left_out == 0 && gap == self.reversals.saturating_mul(-2),
            paged: false,
        }
    }
}

/// Whether an amount has as many decimals as the account's currency.
fn similar(money: Money, currency: Option<Currency>) -> bool {
    currency.is_some_and(|currency| currency.exponent() == money.currency().exponent())
}

/// The balances of which a proof can be made.
pub(crate) struct Candidates<'a> {
    currency: Option<Currency>,
    opening: Vec<&'a Balance>,
    closing: Vec<&'a Balance>,
}

/// What became of the proof.
pub(crate) struct Outcome {
    pub(crate) proof: Proof,
    /// A balance without direction is a debit: proven.
    pub(crate) sign_proven: bool,
    /// Line of that balance.
    pub(crate) line: u64,
}

impl<'a> Candidates<'a> {
    /// Whether balances of this code take part.
    pub(crate) fn uses(code: &str) -> bool {
        matches!(code, "OPBD" | "PRCD" | "CLBD")
    }

    /// In the order of preference: the first of each is the one without `INTM`.
    pub(crate) fn of(balances: &'a [Balance], currency: Option<Currency>) -> Self {
        let all = |code: &'static str| balances.iter().filter(move |balance| balance.code == code);
        let interim = |balance: &&Balance| balance.subtype.as_deref() == Some("INTM");
        let mut opening: Vec<&Balance> = all("OPBD").collect();
        let mut previous: Vec<&Balance> = all("PRCD").collect();
        let mut closing: Vec<&Balance> = all("CLBD").collect();
        // Stable: without dates the first opening and the last closing of the file count.
        opening.sort_by_key(|balance| (interim(balance), balance.on));
        previous.sort_by_key(|balance| (interim(balance), balance.on));
        opening.append(&mut previous);
        closing.reverse();
        closing.sort_by_key(|balance| (interim(balance), std::cmp::Reverse(balance.on)));
        Self {
            currency,
            opening,
            closing,
        }
    }

    fn own(&self, balance: &Balance) -> bool {
        balance
            .money
            .is_some_and(|money| Some(money.currency()) == self.currency)
    }

    /// Opening or closing balances none of which is in the account's currency.
    pub(crate) fn foreign(&self) -> Vec<(u64, ProblemKind)> {
        let Some(account) = self.currency else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for group in [&self.opening, &self.closing] {
            if group.iter().any(|balance| self.own(balance)) {
                continue;
            }
            if let Some((balance, money)) = group.iter().find_map(|balance| Some((balance, balance.money?))) {
                let kind = ProblemKind::ForeignBalance {
                    code: balance.code.clone(),
                    balance: money.currency(),
                    account,
                };
                found.push((balance.line, kind));
            }
        }
        found
    }
}

/// The two readings of a balance: as written, and where it has no direction as a debit.
fn readings(balance: &Balance) -> impl Iterator<Item = (Money, bool)> {
    let written = balance.money;
    let turned = written
        .filter(|_| !balance.sign_stated)
        .and_then(|money| money.checked_neg().ok());
    written
        .map(|money| (money, false))
        .into_iter()
        .chain(turned.map(|money| (money, true)))
}

pub(crate) fn prove(candidates: &Candidates<'_>, sums: &Sums) -> Outcome {
    let with = |group: &[&'_ Balance], fits: &dyn Fn(&Balance) -> bool| -> Vec<Balance> {
        let fitting = group.iter().filter(|balance| fits(balance));
        fitting.map(|balance| (*balance).clone()).collect()
    };
    let own = |balance: &Balance| candidates.own(balance);
    let plain = |balance: &Balance| balance.money.is_some_and(|money| similar(money, candidates.currency));
    let (openings, closings) = (with(&candidates.opening, &own), with(&candidates.closing, &own));
    if sums.left_out == 0
        && let Some(outcome) = holds(&openings, &closings, sums.booked, sums)
    {
        return outcome;
    }
    if sums.left_out == sums.foreign {
        let booked = sums.booked.saturating_add(sums.foreign_sum);
        let (openings, closings) = (with(&candidates.opening, &plain), with(&candidates.closing, &plain));
        if let Some(outcome) = holds(&openings, &closings, booked, sums) {
            return outcome;
        }
    }
    // One in another currency is shown where there is no other: the difference is told with it.
    let shown = |own: &[Balance], all: &[&Balance]| {
        let foreign = || {
            all.iter()
                .find_map(|balance| balance.money.filter(|money| similar(*money, candidates.currency)))
        };
        own.first().and_then(|balance| balance.money).or_else(foreign)
    };
    let first = shown(&openings, &candidates.opening);
    let last = shown(&closings, &candidates.closing);
    let both = !candidates.opening.is_empty() && !candidates.closing.is_empty();
    let verdict = if both { Verdict::Fails } else { Verdict::Absent };
    Outcome {
        proof: Proof {
            verdict,
            opening: first,
            closing: last,
            booked_minor: sums.booked,
            left_out: sums.left_out,
        },
        sign_proven: false,
        line: 0,
    }
}

/// A pair of balances with which the proof holds: the preferred first; only interim balances come into question beside it.
fn holds(openings: &[Balance], closings: &[Balance], booked: i128, sums: &Sums) -> Option<Outcome> {
    let pairs = usable(openings).flat_map(|opening| usable(closings).map(move |closing| (opening, closing)));
    for (opening, closing) in pairs {
        for (first, first_turned) in readings(opening) {
            for (last, last_turned) in readings(closing) {
                if i128::from(first.minor()).saturating_add(booked) == i128::from(last.minor()) {
                    return Some(Outcome {
                        proof: Proof {
                            verdict: Verdict::Holds,
                            opening: Some(first),
                            closing: Some(last),
                            booked_minor: booked,
                            left_out: sums.left_out,
                        },
                        sign_proven: first_turned || last_turned,
                        line: if first_turned { opening.line } else { closing.line },
                    });
                }
            }
        }
    }
    None
}

/// The first balance, the interim ones after it, and the first of another kind (`PRCD` after `OPBD`).
fn usable(balances: &[Balance]) -> impl Iterator<Item = &Balance> {
    let first = balances.first();
    let interim = |balance: &&Balance| balance.subtype.as_deref() == Some("INTM");
    let other = balances
        .iter()
        .find(|balance| first.is_some_and(|first| first.code != balance.code));
    first
        .into_iter()
        .chain(balances.iter().skip(1).filter(interim).take(8))
        .chain(other)
}
