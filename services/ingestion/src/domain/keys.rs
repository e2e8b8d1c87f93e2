//! Whether a statement or an entry was seen before: the second and third level against duplicates (the first is the
//! SHA-256 of the file).
//!
//! An entry's key is its bank's reference, else its content, with date and signed amount; the n-th entry with the same
//! key gets occurrence n, so that two identical payments of a day both count. Occurrences are counted per statement: the
//! same statement cut anew, or sent again, yields the same ones. Only where another statement provably holds *other*
//! bookings of the same day (it ends where this one begins) its occurrences are taken, and this one counts past them.

use std::collections::{BTreeSet, HashMap};

use kernel::{BusinessDate, Money, PaymentId};

/// What identifies an entry at its bank.
#[derive(Clone, Debug)]
pub struct EntryFacts<'a> {
    /// Number of the bank account, capitals and digits only.
    pub account: &'a str,
    /// The strongest reference of the bank, with the name of its element: `AcctSvcrRef`, `TxId`, `UETR`.
    pub reference: Option<(&'static str, &'a str)>,
    /// Booking date.
    pub booked_on: Option<BusinessDate>,
    /// Value date.
    pub value_on: Option<BusinessDate>,
    /// Signed.
    pub amount: Money,
    /// The payer's reference.
    pub end_to_end: Option<&'a str>,
    /// References of a line format, joined; empty where there are none.
    pub customer: &'a str,
    /// Free text.
    pub remittance: &'a str,
    /// Account of the other side.
    pub counterparty: Option<&'a str>,
}

/// A key without its occurrence: equal for entries that cannot be told apart by what the bank says.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct EntryKey(PaymentId);

/// Which dates tell entries apart.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Dates {
    /// Booked entries: their dates are final.
    Final,
    /// Pending ones: dates and bank references may still change.
    Open,
}

impl EntryKey {
    /// The key of an entry.
    #[must_use]
    pub fn of(facts: &EntryFacts<'_>, dates: Dates) -> Self {
        let date = |on: Option<BusinessDate>| on.map(|on| on.to_string()).unwrap_or_default();
        let amount = format!("{}{}", facts.amount.minor(), facts.amount.currency().code());
        let customer = match facts.customer {
            "" => String::new(),
            references => format!("|{references}"),
        };
        let text = match (dates, facts.reference) {
            (Dates::Final, Some((element, reference))) => {
                format!(
                    "{}|{element}|{reference}|{}|{amount}",
                    facts.account,
                    date(facts.booked_on)
                )
            }
            (Dates::Final, None) => format!(
                "{}|content|{}|{}|{amount}|{}|{}|{}{}",
                facts.account,
                date(facts.booked_on),
                date(facts.value_on),
                facts.end_to_end.unwrap_or_default(),
                facts.remittance,
                facts.counterparty.unwrap_or_default(),
                customer,
            ),
            (Dates::Open, _) => format!(
                "{}|pending|{amount}|{}|{}|{}",
                facts.account,
                facts.end_to_end.unwrap_or_default(),
                facts.remittance,
                facts.counterparty.unwrap_or_default(),
            ),
        };
        Self(PaymentId::derive("camt053-key", &text))
    }

    /// The id that tables keep.
    #[must_use]
    pub const fn id(self) -> PaymentId {
        self.0
    }

    /// A key as read from a table.
    #[must_use]
    pub const fn from_id(id: PaymentId) -> Self {
        Self(id)
    }

    /// The payment (or debit) that the `occurrence`-th entry with this key is.
    #[must_use]
    pub fn occurrence(self, occurrence: u32) -> PaymentId {
        PaymentId::derive("camt053", &format!("{}|{occurrence}", self.0))
    }
}

/// Gives each entry of a statement its occurrence.
#[derive(Debug, Default)]
pub struct Occurrences {
    last: HashMap<EntryKey, u32>,
    taken: HashMap<EntryKey, BTreeSet<u32>>,
}

impl Occurrences {
    /// `taken` are the occurrences that entries of disjoint statements have.
    #[must_use]
    pub fn after(taken: impl IntoIterator<Item = (EntryKey, u32)>) -> Self {
        let mut all: HashMap<EntryKey, BTreeSet<u32>> = HashMap::new();
        for (key, occurrence) in taken {
            all.entry(key).or_default().insert(occurrence);
        }
        Self {
            last: HashMap::new(),
            taken: all,
        }
    }

    /// The occurrence of the next entry with this key, from 1.
    pub fn next(&mut self, key: EntryKey) -> u32 {
        let last = self.last.entry(key).or_insert(0);
        *last += 1;
        if let Some(taken) = self.taken.get(&key) {
            while taken.contains(last) {
                *last += 1;
            }
        }
        *last
    }
}

/// What a statement says of its place among the others of its account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Period {
    /// Electronic (else legal) sequence number.
    pub sequence: Option<i64>,
    /// Opening balance in minor units.
    pub opening_minor: Option<i64>,
    /// Closing balance in minor units.
    pub closing_minor: Option<i64>,
    /// Start as written: `2026-11-02` or `2026-11-02T08:00:00+02:00`.
    pub from: Option<String>,
    /// End as written.
    pub to: Option<String>,
}

impl Period {
    /// It begins with the balance with which `earlier` ends, and by number or by movement cannot be the same one again.
    fn follows(&self, earlier: &Self) -> bool {
        let moved = earlier.opening_minor != earlier.closing_minor;
        let chained = earlier.closing_minor.is_some() && earlier.closing_minor == self.opening_minor;
        let numbered = match (earlier.sequence, self.sequence) {
            (Some(before), Some(after)) => after == before.saturating_add(1),
            _ => earlier.opening_minor.is_some() && earlier.opening_minor != self.opening_minor,
        };
        moved && chained && numbered
    }

    /// Its time ends before `later`'s begins, by texts that can be compared (equal form, so equal offset).
    fn ends_before(&self, later: &Self) -> bool {
        let (Some(to), Some(from)) = (&self.to, &later.from) else {
            return false;
        };
        let offset = |text: &str| text.get(19..).unwrap_or_default().to_owned();
        match (to.len() > 10, from.len() > 10) {
            (true, true) => offset(to) == offset(from) && to <= from,
            _ => to.get(..10) < from.get(..10),
        }
    }
}

/// Which of `others` hold other bookings than `this`: their times do not overlap, or a chain of balances leads from one
/// to the other. Indices into `others`.
#[must_use]
pub fn disjoint(this: &Period, others: &[Period]) -> Vec<usize> {
    let later = reached(others, |period| period.follows(this), Period::follows);
    let earlier = reached(
        others,
        |period| this.follows(period),
        |next, period| period.follows(next),
    );
    (0..others.len())
        .filter(|index| {
            let by_time = others
                .get(*index)
                .is_some_and(|other| this.ends_before(other) || other.ends_before(this));
            by_time || later.contains(index) || earlier.contains(index)
        })
        .collect()
}

fn reached(
    others: &[Period],
    first: impl Fn(&Period) -> bool,
    step: impl Fn(&Period, &Period) -> bool,
) -> BTreeSet<usize> {
    let mut reached: BTreeSet<usize> = others
        .iter()
        .enumerate()
        .filter(|(_, period)| first(period))
        .map(|(index, _)| index)
        .collect();
    loop {
        let next: Vec<usize> = others
            .iter()
            .enumerate()
            .filter(|(index, period)| {
                !reached.contains(index)
                    && reached
                        .iter()
                        .any(|at| others.get(*at).is_some_and(|from| step(period, from)))
            })
            .map(|(index, _)| index)
            .collect();
        if next.is_empty() {
            return reached;
        }
        reached.extend(next);
    }
}

/// The key of a statement: banks use `Id` again after a year, so number and dates belong to it.
#[must_use]
pub fn statement_key(account: &str, parts: &[Option<&str>]) -> String {
    let mut key = format!("{account}|camt.053");
    for part in parts {
        key.push('|');
        key.push_str(part.unwrap_or_default());
    }
    key
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use proptest::prelude::*;

    use super::*;

    fn facts(minor: i64, reference: Option<(&'static str, &'static str)>) -> EntryFacts<'static> {
        let on = BusinessDate::parse("2026-11-02").ok();
        EntryFacts {
            account: "RO49AAAA1B31007593840000",
            reference,
            booked_on: on,
            value_on: on,
            amount: Money::new(minor, Currency::RON),
            end_to_end: Some("E2E"),
            customer: "",
            remittance: "factura 1",
            counterparty: Some("RO09BCYP0000001234567890"),
        }
    }

    fn key(minor: i64) -> EntryKey {
        EntryKey::of(&facts(minor, None), Dates::Final)
    }

    #[test]
    fn what_tells_entries_apart() {
        let by_reference =
            |minor, reference| EntryKey::of(&facts(minor, Some(("AcctSvcrRef", reference))), Dates::Final);
        assert_eq!(key(100), key(100));
        assert_ne!(key(100), key(-100));
        // A fee and a transfer with one reference of the bank are two entries (Gnomeshade #241).
        assert_ne!(by_reference(100, "R1"), by_reference(-5, "R1"));
        assert_ne!(by_reference(100, "R1"), by_reference(100, "R2"));
        assert_ne!(by_reference(100, "R1"), key(100));
        let other_text = EntryFacts {
            remittance: "factura 2",
            ..facts(100, None)
        };
        assert_ne!(EntryKey::of(&other_text, Dates::Final), key(100));
        let rebooked = EntryFacts {
            booked_on: BusinessDate::parse("2026-11-03").ok(),
            ..facts(100, None)
        };
        assert_eq!(
            EntryKey::of(&rebooked, Dates::Open),
            EntryKey::of(&facts(100, Some(("TxId", "9"))), Dates::Open)
        );
    }

    #[test]
    fn the_same_statement_again_counts_the_same_and_a_disjoint_one_counts_past_it() {
        let mut first = Occurrences::default();
        assert_eq!([first.next(key(1)), first.next(key(2)), first.next(key(1))], [1, 1, 2]);
        let mut again = Occurrences::default();
        assert_eq!([again.next(key(1)), again.next(key(1))], [1, 2]);
        let mut later = Occurrences::after([(key(1), 1), (key(1), 3)]);
        assert_eq!([later.next(key(1)), later.next(key(1)), later.next(key(2))], [2, 4, 1]);
    }

    fn period(sequence: Option<i64>, opening: i64, closing: i64) -> Period {
        Period {
            sequence,
            opening_minor: Some(opening),
            closing_minor: Some(closing),
            from: None,
            to: None,
        }
    }

    #[test]
    fn statements_are_disjoint_only_when_that_is_proved() {
        let numbered = [period(Some(1), 0, 10), period(Some(2), 10, 5), period(Some(3), 5, 20)];
        let others = |without: usize| -> Vec<Period> {
            numbered
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != without)
                .map(|(_, period)| period.clone())
                .collect()
        };
        assert_eq!(disjoint(&numbered[0], &others(0)), [0, 1]);
        assert_eq!(disjoint(&numbered[1], &others(1)), [0, 1]);
        assert_eq!(disjoint(&numbered[2], &others(2)), [0, 1]);
        for (this, other, expected) in [
            // Sent again under the same or another number.
            (period(Some(1), 0, 10), period(Some(1), 0, 10), false),
            (period(Some(1), 0, 10), period(Some(2), 0, 10), false),
            // Grown since: it begins at the same balance.
            (period(None, 0, 10), period(None, 0, 30), false),
            (period(None, 0, 10), period(None, 10, 30), true),
            // Cut anew: the day is in one, its parts are in two.
            (period(Some(1), 0, 10), period(Some(1), 0, 30), false),
            (period(Some(7), 10, 30), period(Some(1), 0, 30), false),
            // No movement proves nothing.
            (period(Some(1), 10, 10), period(Some(2), 10, 10), false),
        ] {
            assert_eq!(
                !disjoint(&this, std::slice::from_ref(&other)).is_empty(),
                expected,
                "{this:?} {other:?}"
            );
            assert_eq!(
                !disjoint(&other, std::slice::from_ref(&this)).is_empty(),
                expected,
                "{other:?} {this:?}"
            );
        }
    }

    #[test]
    fn times_that_do_not_overlap() {
        let span = |from: &str, to: &str| Period {
            from: Some(from.into()),
            to: Some(to.into()),
            ..Period::default()
        };
        for (one, other, expected) in [
            (span("2026-11-02", "2026-11-02"), span("2026-11-03", "2026-11-03"), true),
            (
                span("2026-11-02", "2026-11-02"),
                span("2026-11-02", "2026-11-02"),
                false,
            ),
            (
                span("2026-11-02T00:00:00", "2026-11-02T12:00:00"),
                span("2026-11-02T12:00:00", "2026-11-02T23:59:59"),
                true,
            ),
            (
                span("2026-11-02T00:00:00", "2026-11-02T12:00:00"),
                span("2026-11-02T11:00:00", "2026-11-02T23:59:59"),
                false,
            ),
            (
                span("2026-11-02T00:00:00+02:00", "2026-11-02T12:00:00+02:00"),
                span("2026-11-02T12:00:00Z", "2026-11-02T23:59:59Z"),
                false,
            ),
        ] {
            assert_eq!(
                !disjoint(&one, std::slice::from_ref(&other)).is_empty(),
                expected,
                "{one:?} {other:?}"
            );
        }
    }

    proptest! {
        /// A day's entries sent as one statement, as two parts that follow one another, or in both ways in any order are
        /// booked once each.
        #[test]
        fn cut_anew_a_day_is_booked_once(amounts in prop::collection::vec(1_i64..4, 1..12), cut in 0_usize..12, order in any::<[u8; 3]>()) {
            let cut = cut.min(amounts.len());
            let (left, right) = amounts.split_at(cut);
            let sum = |part: &[i64]| part.iter().sum::<i64>();
            let statements = [
                (period(Some(1), 0, sum(left)), left),
                (period(Some(2), sum(left), sum(&amounts)), right),
                (period(None, 0, sum(&amounts)), &amounts[..]),
            ];
            let mut sequence: Vec<usize> = (0..3).collect();
            sequence.sort_by_key(|at| order[*at]);
            let mut booked = BTreeSet::new();
            let mut known: Vec<(Period, Vec<(EntryKey, u32)>)> = Vec::new();
            for at in sequence {
                let (this, entries) = &statements[at];
                let periods: Vec<Period> = known.iter().map(|(other, _)| other.clone()).collect();
                let taken: Vec<_> = disjoint(this, &periods).into_iter().flat_map(|n| known[n].1.clone()).collect();
                let mut occurrences = Occurrences::after(taken);
                let keyed: Vec<_> = entries.iter().map(|minor| (key(*minor), occurrences.next(key(*minor)))).collect();
                booked.extend(keyed.iter().map(|(key, n)| key.occurrence(*n)));
                known.push((this.clone(), keyed));
            }
            prop_assert_eq!(booked.len(), amounts.len());
        }
    }
}
