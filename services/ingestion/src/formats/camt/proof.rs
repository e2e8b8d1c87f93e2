//! The balance proof: opening balance + booked entries = closing balance.
//!
//! Opening is the earliest `OPBD`, else the earliest `PRCD`; closing the latest `CLBD`. On a page of a longer statement
//! banks mark the balances between pages `INTM`: they are tried where the pair without them does not hold; what a page does
//! not prove by itself its neighbours may ([`crate::formats::pages`]). A balance
//! without direction is a credit unless only a debit makes the proof hold.

use kernel::{Currency, Money};

use super::model::{Balance, Proof, Verdict};
use crate::formats::problem::{ProblemKind, ProofFailure};

/// Running sums of the booked entries of a statement.
#[derive(Debug, Default)]
pub(super) struct Sums {
    booked: i128,
    reversals: i128,
    left_out: u64,
}

impl Sums {
    /// A booked entry; `None` where its amount is not one in the account's currency.
    pub(super) fn add(&mut self, amount: Option<Money>, reversal: bool) {
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
    pub(super) fn failure(&self, proof: &Proof) -> ProofFailure {
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

/// The balances of which a proof can be made.
pub(super) struct Candidates<'a> {
    currency: Option<Currency>,
    opening: Vec<&'a Balance>,
    closing: Vec<&'a Balance>,
}

/// What became of the proof.
pub(super) struct Outcome {
    pub(super) proof: Proof,
    /// A balance without direction is a debit: proven.
    pub(super) sign_proven: bool,
    /// Line of that balance.
    pub(super) line: u64,
}

impl<'a> Candidates<'a> {
    /// Whether balances of this code take part.
    pub(super) fn uses(code: &str) -> bool {
        matches!(code, "OPBD" | "PRCD" | "CLBD")
    }

    /// In the order of preference: the first of each is the one without `INTM`.
    pub(super) fn of(balances: &'a [Balance], currency: Option<Currency>) -> Self {
        let all = |code: &'static str| balances.iter().filter(move |balance| balance.code == code);
        let interim = |balance: &&Balance| balance.subtype.as_deref() == Some("INTM");
        let mut opening: Vec<&Balance> = all("OPBD").collect();
        if opening.is_empty() {
            opening = all("PRCD").collect();
        }
        let mut closing: Vec<&Balance> = all("CLBD").collect();
        // Stable: without dates the first opening and the last closing of the file count.
        opening.sort_by_key(|balance| (interim(balance), balance.on));
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
    pub(super) fn foreign(&self) -> Vec<(u64, ProblemKind)> {
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

pub(super) fn prove(candidates: &Candidates<'_>, sums: &Sums) -> Outcome {
    let own = |group: &[&'_ Balance]| -> Vec<Balance> {
        group
            .iter()
            .filter(|balance| candidates.own(balance))
            .map(|balance| (*balance).clone())
            .collect()
    };
    let (openings, closings) = (own(&candidates.opening), own(&candidates.closing));
    let proof = |verdict, opening, closing| Proof {
        verdict,
        opening,
        closing,
        booked_minor: sums.booked,
        left_out: sums.left_out,
    };
    if sums.left_out == 0 {
        // Preferred pair first; only interim balances come into question beside it.
        let pairs = usable(&openings).flat_map(|opening| usable(&closings).map(move |closing| (opening, closing)));
        for (opening, closing) in pairs {
            for (first, first_turned) in readings(opening) {
                for (last, last_turned) in readings(closing) {
                    if i128::from(first.minor()).saturating_add(sums.booked) == i128::from(last.minor()) {
                        let line = if first_turned { opening.line } else { closing.line };
                        let proof = proof(Verdict::Holds, Some(first), Some(last));
                        return Outcome {
                            proof,
                            sign_proven: first_turned || last_turned,
                            line,
                        };
                    }
                }
            }
        }
    }
    let first = openings.first().and_then(|balance| balance.money);
    let last = closings.first().and_then(|balance| balance.money);
    let both = !candidates.opening.is_empty() && !candidates.closing.is_empty();
    let verdict = if both { Verdict::Fails } else { Verdict::Absent };
    Outcome {
        proof: proof(verdict, first, last),
        sign_proven: false,
        line: 0,
    }
}

/// The first balance, and the interim ones after it.
fn usable(balances: &[Balance]) -> impl Iterator<Item = &Balance> {
    let interim = |balance: &&Balance| balance.subtype.as_deref() == Some("INTM");
    balances
        .first()
        .into_iter()
        .chain(balances.iter().skip(1).filter(interim).take(8))
}
