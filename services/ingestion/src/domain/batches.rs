//! Whether payments that a notification tells one by one are those of a batch that a statement books as one sum.

use std::collections::BTreeSet;

/// A payment that a notification tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TellsOfOne {
    /// Its amount in minor units.
    pub amount_minor: i64,
    /// Names of the batch that it stands under, as hashes.
    pub names: BTreeSet<i64>,
}

/// What the payments under a batch's names come to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fits {
    /// To the batch's amount: these are its payments.
    Exactly(Vec<usize>),
    /// To another amount: it is not said whether they are its payments.
    Differs {
        /// What they come to.
        told_minor: i64,
        /// Which they are.
        which: Vec<usize>,
    },
    /// Nothing is told under its names.
    Nothing,
}

/// Looks under each of the batch's `names`, the strongest first, for payments that come to `amount_minor` together. Only what
/// the strongest name leads to may differ: weaker ones are shared by the batches of a message.
#[must_use]
pub fn fit(amount_minor: i64, names: &[i64], told: &[TellsOfOne]) -> Fits {
    let mut differs = Fits::Nothing;
    for (strength, name) in names.iter().enumerate() {
        let which: Vec<usize> = told
            .iter()
            .enumerate()
            .filter(|(_, one)| one.names.contains(name))
            .map(|(at, _)| at)
            .collect();
        if which.is_empty() {
            continue;
        }
        let sum: i128 = which
            .iter()
            .filter_map(|at| told.get(*at))
            .map(|one| i128::from(one.amount_minor))
            .sum();
        if sum == i128::from(amount_minor) {
            return Fits::Exactly(which);
        }
        if strength == 0 {
            differs = Fits::Differs {
                told_minor: i64::try_from(sum).unwrap_or(i64::MAX),
                which,
            };
        }
    }
    differs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(amount_minor: i64, names: &[i64]) -> TellsOfOne {
        TellsOfOne {
            amount_minor,
            names: names.iter().copied().collect(),
        }
    }

    #[test]
    fn a_batch_is_its_payments_only_when_the_sum_agrees() {
        let told = [one(100, &[1, 9]), one(200, &[1, 9]), one(50, &[2, 9])];
        for (amount, names, expected) in [
            (300, vec![1], Fits::Exactly(vec![0, 1])),
            (50, vec![2, 9], Fits::Exactly(vec![2])),
            (350, vec![7, 9], Fits::Exactly(vec![0, 1, 2])),
            (
                301,
                vec![1, 9],
                Fits::Differs {
                    told_minor: 300,
                    which: vec![0, 1],
                },
            ),
            // The message holds other batches too.
            (301, vec![7, 9], Fits::Nothing),
            (301, vec![7], Fits::Nothing),
            (301, vec![], Fits::Nothing),
        ] {
            assert_eq!(fit(amount, &names, &told), expected, "{amount} {names:?}");
        }
    }

    proptest! {
        /// What fits comes to the batch's amount and stands under one of its names.
        #[test]
        fn what_fits_adds_up(amount in 1_i64..20, names in prop::collection::vec(0_i64..4, 0..3),
                             told in prop::collection::vec((1_i64..8, prop::collection::btree_set(0_i64..4, 0..3)), 0..8)) {
            let told: Vec<TellsOfOne> = told.into_iter().map(|(amount_minor, names)| TellsOfOne { amount_minor, names }).collect();
            if let Fits::Exactly(which) = fit(amount, &names, &told) {
                prop_assert_eq!(which.iter().map(|at| told[*at].amount_minor).sum::<i64>(), amount);
                prop_assert!(names.iter().any(|name| which.iter().all(|at| told[*at].names.contains(name))));
            }
        }
    }
}
