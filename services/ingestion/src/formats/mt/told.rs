//! `:90D:` and `:90C:`: what an interim report tells of the number and the sum of its entries.

use kernel::{Currency, Money};

use super::problem::MtProblem;
use super::tags::Tag;
use super::values::{amount, sum};
use crate::formats::problem::decimal;

/// `:90D:` or `:90C:` as written.
#[derive(Clone, Debug)]
struct Told {
    line: u64,
    count: String,
    currency: Currency,
    amount: String,
}

/// Number and sum of entries.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
struct Count {
    number: u64,
    minor: i128,
}

impl Count {
    fn add(&mut self, minor: i64) {
        self.number += 1;
        self.minor = self.minor.saturating_add(i128::from(minor.unsigned_abs()));
    }
}

/// What was told, and what was found: debits first, then credits.
#[derive(Clone, Debug, Default)]
pub(super) struct ToldSums {
    told: [Option<Told>; 2],
    /// By the letter of the mark: a reversal counts as what it undoes.
    by_letter: [Count; 2],
    /// By where the money goes.
    by_sign: [Count; 2],
}

impl ToldSums {
    /// A `:90D:` or `:90C:`; its currency.
    pub(super) fn tell(&mut self, credit: bool, text: &str, line: u64) -> Option<Currency> {
        let (count, currency, amount) = sum(text)?;
        let told = Told {
            line,
            count,
            currency,
            amount: amount.to_owned(),
        };
        if let Some(place) = self.told.get_mut(usize::from(credit)) {
            *place = Some(told);
        }
        Some(currency)
    }

    /// An entry.
    pub(super) fn count(&mut self, money: Money, credit_letter: bool, credit: bool) {
        for (counts, credit) in [(&mut self.by_letter, credit_letter), (&mut self.by_sign, credit)] {
            if let Some(count) = counts.get_mut(usize::from(credit)) {
                count.add(money.minor());
            }
        }
    }

    /// Where what was told is not what was found. Whether reversals count as what they undo or as what they are, the
    /// standard leaves to the bank: either is accepted.
    pub(super) fn check(&self) -> Vec<(u64, &'static str, MtProblem)> {
        let mut problems = Vec::new();
        for (told, credit) in self.told.iter().zip([false, true]) {
            let Some(told) = told else { continue };
            let at = usize::from(credit);
            let (money, _) = amount(&told.amount, told.currency);
            let minor = money.map(|money| i128::from(money.minor()));
            // A bank that leaves out the number of no entries writes `EUR,00`.
            let number = if told.count.is_empty() {
                Ok(0)
            } else {
                told.count.parse()
            };
            let fits = |count: Option<&Count>| {
                count.is_some_and(|count| number == Ok(count.number) && minor == Some(count.minor))
            };
            if fits(self.by_letter.get(at)) || fits(self.by_sign.get(at)) {
                continue;
            }
            let found = self.by_letter.get(at).copied().unwrap_or_default();
            let tag = Tag::Sum { credit }.name();
            let problem = MtProblem::SumFails {
                tag,
                told: told.count.clone(),
                told_sum: told.amount.clone(),
                found: found.number,
                found_sum: decimal(found.minor, told.currency),
            };
            problems.push((told.line, tag, problem));
        }
        problems
    }
}
