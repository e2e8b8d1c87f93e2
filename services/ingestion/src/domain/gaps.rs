//! Whether an account's statements follow one another: what is missing is said.

use kernel::BusinessDate;

/// A booked statement in the chain of its account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Its number, where it has one; banks begin again each year.
    pub sequence: Option<i64>,
    /// Opening balance in minor units.
    pub opening_minor: Option<i64>,
    /// Closing balance in minor units.
    pub closing_minor: Option<i64>,
    /// First day of it.
    pub from: BusinessDate,
    /// Date of the closing balance.
    pub closing_on: BusinessDate,
}

/// Two statements between which something is missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Index of the earlier one.
    pub before: usize,
    /// Index of the later one.
    pub after: usize,
    /// What it closes with, and the later one opens with, where both are told and differ.
    pub balances: Option<(i64, i64)>,
    /// First and last number that is missing, where numbers say so.
    pub numbers: Option<(i64, i64)>,
}

/// Gaps in a chain of statements of one source, in order of closing date and number.
///
/// Balances decide: where the next one opens with what the one before closed with, nothing is missing, however the bank
/// counts (many number by day of the year). Numbers decide only where a balance is not told. Statements that overlap (a day
/// sent again, a week after its days) are no gap.
#[must_use]
pub fn gaps(chain: &[Link]) -> Vec<Gap> {
    let mut found = Vec::new();
    // The statement that reaches furthest: a day sent again inside a week that is there does not break the chain.
    let mut last: Option<(usize, &Link)> = None;
    for (at, link) in chain.iter().enumerate() {
        if let Some((before, earlier)) = last {
            if link.closing_on < earlier.closing_on || inside(earlier, link) {
                continue;
            }
            // Of several statements of a day any may be the one before.
            let chained = chain.iter().enumerate().any(|(other, before)| {
                let near = before.closing_on == earlier.closing_on || before.closing_on == link.closing_on;
                other != at && near && link.opening_minor.is_some() && before.closing_minor == link.opening_minor
            });
            if !chained && (link.from > earlier.closing_on || !overlaps(earlier, link)) {
                found.extend(between((before, earlier), (at, link)));
            }
        }
        last = Some((at, link));
    }
    found
}

/// The same days and balances again.
fn inside(earlier: &Link, link: &Link) -> bool {
    link.opening_minor == earlier.opening_minor
        && link.closing_minor == earlier.closing_minor
        && link.closing_on == earlier.closing_on
}

/// It tells of days that the earlier one told too, and begins before it ends: cut anew.
fn overlaps(earlier: &Link, link: &Link) -> bool {
    link.from < earlier.closing_on || (link.from == earlier.from && link.opening_minor == earlier.opening_minor)
}

fn between((before, earlier): (usize, &Link), (after, link): (usize, &Link)) -> Option<Gap> {
    let numbers = match (earlier.sequence, link.sequence) {
        (Some(from), Some(to)) if to > from.saturating_add(1) => Some((from.saturating_add(1), to.saturating_sub(1))),
        _ => None,
    };
    match (earlier.closing_minor, link.opening_minor) {
        (Some(closing), Some(opening)) if closing == opening => None,
        (Some(closing), Some(opening)) => Some(Gap {
            before,
            after,
            balances: Some((closing, opening)),
            numbers,
        }),
        _ => numbers.map(|numbers| Gap {
            before,
            after,
            balances: None,
            numbers: Some(numbers),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn on(day: i64) -> BusinessDate {
        BusinessDate::parse("2026-11-01").unwrap().plus_days(day)
    }

    fn link(sequence: i64, day: i64, opening: i64, closing: i64) -> Link {
        Link {
            sequence: Some(sequence),
            opening_minor: Some(opening),
            closing_minor: Some(closing),
            from: on(day),
            closing_on: on(day),
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let silent = |link: Link| Link {
            opening_minor: None,
            closing_minor: None,
            ..link
        };
        let week = Link {
            from: on(1),
            ..link(9, 5, 0, 50)
        };
        for (chain, expected) in [
            (vec![], vec![]),
            (vec![link(1, 1, 0, 10)], vec![]),
            (vec![link(1, 1, 0, 10), link(2, 2, 10, 30)], vec![]),
            // The bank numbers by day of the year.
            (vec![link(304, 1, 0, 10), link(307, 4, 10, 30)], vec![]),
            (vec![link(365, 1, 0, 10), link(1, 2, 10, 30)], vec![]),
            (
                vec![link(1, 1, 0, 10), link(3, 3, 20, 30)],
                vec![(0, 1, Some((10, 20)), Some((2, 2)))],
            ),
            (
                vec![link(1, 1, 0, 10), link(2, 2, 20, 30)],
                vec![(0, 1, Some((10, 20)), None)],
            ),
            (
                vec![silent(link(1, 1, 0, 0)), silent(link(4, 2, 0, 0))],
                vec![(0, 1, None, Some((2, 3)))],
            ),
            (vec![silent(link(1, 1, 0, 0)), silent(link(2, 2, 0, 0))], vec![]),
            // A day sent again.
            (vec![link(1, 1, 0, 10), link(1, 1, 0, 10), link(2, 2, 10, 30)], vec![]),
            // The week after its days, and the day after the week.
            (
                vec![link(1, 1, 0, 10), link(2, 5, 10, 50), week.clone(), link(10, 6, 50, 60)],
                vec![],
            ),
            (vec![week, link(10, 6, 50, 60)], vec![]),
            // Two statements of one day.
            (vec![link(1, 1, 0, 10), link(2, 1, 10, 15), link(3, 2, 15, 20)], vec![]),
        ] {
            let found: Vec<_> = gaps(&chain)
                .into_iter()
                .map(|gap| (gap.before, gap.after, gap.balances, gap.numbers))
                .collect();
            assert_eq!(found, expected, "{chain:?}");
        }
    }

    proptest! {
        /// Of a chain in which every statement moves money, each run that is left out is exactly one gap.
        #[test]
        fn each_run_that_is_left_out_is_one_gap(moves in prop::collection::vec(1_i64..100, 1..20), left_out in any::<[bool; 20]>()) {
            let mut balance = 0;
            let mut chain = Vec::new();
            let mut runs = 0;
            let mut missing = false;
            for (day, moved) in (0_i64..).zip(&moves) {
                let opening = balance;
                balance += moved;
                if left_out[usize::try_from(day).unwrap()] {
                    missing = true;
                } else {
                    runs += usize::from(missing && !chain.is_empty());
                    missing = false;
                    chain.push(link(day + 1, day, opening, balance));
                }
            }
            prop_assert_eq!(gaps(&chain).len(), runs);
        }
    }
}
