//! Pages of one statement.
//!
//! Banks cut a long statement into pages (`StmtPgntn`, or `MsgPgntn` over several files). Some write on each page the balances
//! of that page (`INTM`): such a page proves itself. Others repeat the balances of the whole on every page, or write the
//! opening one on the first and the closing one on the last: then only all pages together can be proved, and none of them is
//! booked before. Pages that are proved together hold different bookings, which nothing else says of statements with the same
//! balances.

use std::collections::BTreeMap;

/// One page, as far as the proof needs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// Whether it says that it is the last one.
    pub last: bool,
    /// Opening balance on it, in minor units.
    pub opening_minor: Option<i64>,
    /// Closing balance on it, in minor units.
    pub closing_minor: Option<i64>,
    /// Signed sum of its booked entries.
    pub booked_minor: i128,
}

/// What pages come to together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Together {
    /// The opening balance of the first, the booked entries of all, and the closing balance of the last agree.
    Holds {
        /// Numbers of the pages that were proved, in order.
        run: Vec<u64>,
        /// From page 1 to the one that says it is the last.
        whole: bool,
    },
    /// All pages are there and do not agree.
    Fails {
        /// Opening balance.
        opening_minor: i64,
        /// Signed sum of all booked entries.
        booked_minor: i128,
        /// Closing balance.
        closing_minor: i64,
    },
    /// All pages are there, without the balances that a proof needs.
    Absent,
    /// Other pages are missing.
    Waits {
        /// Number of the first page that is missing.
        missing: u64,
    },
}

/// The pages from `this` on in both directions, up to a gap or the last page.
fn run(this: u64, pages: &BTreeMap<u64, Page>) -> Vec<u64> {
    let is_last = |number: u64| pages.get(&number).is_some_and(|page| page.last);
    let mut run = vec![this];
    let mut first = this;
    while let Some(before) = first.checked_sub(1).filter(|n| pages.contains_key(n) && !is_last(*n)) {
        run.insert(0, before);
        first = before;
    }
    let mut last = this;
    while let Some(next) = last.checked_add(1).filter(|n| !is_last(last) && pages.contains_key(n)) {
        run.push(next);
        last = next;
    }
    run
}

/// Proves the page with number `this` together with its neighbours among `pages`, in which it is one.
#[must_use]
pub fn together(this: u64, pages: &BTreeMap<u64, Page>) -> Together {
    let run = run(this, pages);
    let first = run.first().and_then(|number| pages.get(number));
    let last = run.last().and_then(|number| pages.get(number));
    let booked_minor = run
        .iter()
        .filter_map(|number| pages.get(number))
        .fold(0_i128, |sum, page| sum.saturating_add(page.booked_minor));
    let whole = run.first() == Some(&1) && last.is_some_and(|page| page.last);
    let opening = first.and_then(|page| page.opening_minor);
    let closing = last.and_then(|page| page.closing_minor);
    match (opening, closing) {
        (Some(opening), Some(closing)) if i128::from(opening).saturating_add(booked_minor) == i128::from(closing) => {
            Together::Holds { run, whole }
        }
        (Some(opening_minor), Some(closing_minor)) if whole => Together::Fails {
            opening_minor,
            booked_minor,
            closing_minor,
        },
        _ if whole => Together::Absent,
        _ => Together::Waits { missing: missing(&run) },
    }
}

fn missing(run: &[u64]) -> u64 {
    match run.first() {
        Some(first) if *first > 1 => first.saturating_sub(1),
        _ => run.last().map_or(1, |last| last.saturating_add(1)),
    }
}

/// Cuts the pages of a file into statements: in the order of the file, a number that does not rise begins another one of the
/// same name.
#[must_use]
pub fn groups<K: Ord, T>(pages: impl IntoIterator<Item = (K, u64, T)>) -> Vec<Vec<(u64, T)>> {
    let mut groups: Vec<Vec<(u64, T)>> = Vec::new();
    let mut open: BTreeMap<K, (usize, u64)> = BTreeMap::new();
    for (key, number, page) in pages {
        let at = match open.get(&key) {
            Some((at, last)) if number > *last => *at,
            _ => {
                groups.push(Vec::new());
                groups.len().saturating_sub(1)
            }
        };
        open.insert(key, (at, number));
        if let Some(group) = groups.get_mut(at) {
            group.push((number, page));
        }
    }
    groups
}

/// A page that is known, and its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known<I> {
    /// Its name.
    pub id: I,
    /// Its number.
    pub number: u64,
    /// What it says.
    pub page: Page,
}

/// Proves `this` with the pages beside it in its file, and where they are not enough with `others` (the oldest first): the
/// newest of each number, else the oldest, since a bank may send a statement again, cut anew. Gives the names of those that it
/// was proved with, too.
#[must_use]
pub fn settle<I: Copy + Eq>(this: &Known<I>, beside: &[Known<I>], others: &[Known<I>]) -> (Together, Vec<I>) {
    let newest: Vec<&Known<I>> = others.iter().chain(beside).collect();
    let oldest: Vec<&Known<I>> = others.iter().rev().chain(beside).collect();
    let mut outcome = None;
    for choice in [newest, oldest] {
        let mut chosen: BTreeMap<u64, &Known<I>> = choice.into_iter().map(|known| (known.number, known)).collect();
        chosen.insert(this.number, this);
        let pages = chosen
            .iter()
            .map(|(number, known)| (*number, known.page.clone()))
            .collect();
        let found = together(this.number, &pages);
        if let Together::Holds { run, .. } = &found {
            let with = run
                .iter()
                .filter_map(|number| chosen.get(number))
                .map(|known| known.id)
                .filter(|id| *id != this.id)
                .collect();
            return (found, with);
        }
        outcome.get_or_insert(found);
    }
    (outcome.unwrap_or(Together::Absent), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(opening: Option<i64>, booked: i128, closing: Option<i64>, last: bool) -> Page {
        Page {
            last,
            opening_minor: opening,
            closing_minor: closing,
            booked_minor: booked,
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn what_pages_come_to() {
        let whole = |booked, last| page(Some(100), booked, Some(160), last);
        let holds = |run: &[u64], whole| Together::Holds {
            run: run.to_vec(),
            whole,
        };
        // name, pages by number, the one looked at, expected
        type Case = (&'static str, Vec<(u64, Page)>, u64, Together);
        let cases: Vec<Case> = vec![
            (
                "whole balances on every page",
                vec![(1, whole(50, false)), (2, whole(-10, false)), (3, whole(20, true))],
                2,
                holds(&[1, 2, 3], true),
            ),
            (
                "one of them is missing",
                vec![(1, whole(50, false)), (3, whole(20, true))],
                1,
                Together::Waits { missing: 2 },
            ),
            (
                "the same, seen from the last",
                vec![(1, whole(50, false)), (3, whole(20, true))],
                3,
                Together::Waits { missing: 2 },
            ),
            (
                "the last is missing",
                vec![(1, whole(50, false)), (2, whole(-10, false))],
                1,
                Together::Waits { missing: 3 },
            ),
            (
                "all are there and a cent is wrong",
                vec![(1, whole(50, false)), (2, whole(11, true))],
                1,
                Together::Fails {
                    opening_minor: 100,
                    booked_minor: 61,
                    closing_minor: 160,
                },
            ),
            (
                "opening on the first, closing on the last",
                vec![
                    (1, page(Some(100), 50, None, false)),
                    (2, page(None, 0, None, false)),
                    (3, page(None, 10, Some(160), true)),
                ],
                3,
                holds(&[1, 2, 3], true),
            ),
            (
                "no closing balance at all",
                vec![(1, page(Some(100), 50, None, false)), (2, page(None, 10, None, true))],
                2,
                Together::Absent,
            ),
            (
                "balances per page chain up to where the pages are known",
                vec![
                    (2, page(Some(150), -10, Some(140), false)),
                    (3, page(Some(140), 20, Some(160), true)),
                ],
                2,
                holds(&[2, 3], false),
            ),
            (
                "pages behind the last one are of another cut of the statement",
                vec![(1, whole(40, false)), (2, whole(20, true)), (3, whole(20, true))],
                1,
                holds(&[1, 2], true),
            ),
            (
                "and for them it is not their neighbour",
                vec![(2, whole(20, true)), (3, whole(20, true))],
                3,
                Together::Waits { missing: 2 },
            ),
            (
                "one page alone that says there are more",
                vec![(1, whole(50, false))],
                1,
                Together::Waits { missing: 2 },
            ),
            (
                "numbers at their end",
                vec![(u64::MAX, whole(50, false)), (0, whole(1, false))],
                u64::MAX,
                Together::Waits { missing: u64::MAX - 1 },
            ),
        ];
        for (case, pages, this, expected) in cases {
            assert_eq!(together(this, &pages.into_iter().collect()), expected, "{case}");
        }
    }

    #[test]
    fn a_file_is_cut_into_statements() {
        let pages = [
            ("a", 1, 'p'),
            ("b", 1, 'q'),
            ("a", 2, 'r'),
            ("a", 1, 's'),
            ("b", 3, 't'),
            ("a", 2, 'u'),
        ];
        let groups = groups(pages);
        assert_eq!(
            groups,
            [
                vec![(1, 'p'), (2, 'r')],
                vec![(1, 'q'), (3, 't')],
                vec![(1, 's'), (2, 'u')]
            ]
        );
    }

    #[test]
    fn pages_sent_again_and_cut_anew() {
        let known = |id: char, number, booked, last| Known {
            id,
            number,
            page: page(Some(0), booked, Some(60), last),
        };
        let old = [
            known('a', 1, 10, false),
            known('b', 2, 20, false),
            known('c', 3, 30, true),
        ];
        let with = |this: &Known<char>, beside: &[Known<char>], others: &[Known<char>]| {
            let (found, with) = settle(this, beside, others);
            (matches!(found, Together::Holds { whole: true, .. }), with)
        };
        // The first page again: with the others as they were.
        assert_eq!(with(&known('A', 1, 10, false), &[], &old), (true, vec!['b', 'c']));
        // Two pages instead of three: the first waits, the second proves both, and then the first, too.
        let (first, second) = (known('X', 1, 25, false), known('Y', 2, 35, true));
        assert!(matches!(settle(&first, &[], &old).0, Together::Fails { .. }));
        let mut now = old.to_vec();
        now.push(first.clone());
        assert_eq!(with(&second, &[], &now), (true, vec!['X']));
        now.push(second.clone());
        assert_eq!(with(&first, &[], &now), (true, vec!['Y']));
        // And the old ones still prove each other after that.
        assert_eq!(with(&known('C', 3, 30, true), &[], &now), (true, vec!['a', 'b']));
        // In one file they need nothing else.
        assert_eq!(with(&first, std::slice::from_ref(&second), &old), (true, vec!['Y']));
    }
}
