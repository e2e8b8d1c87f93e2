//! Which sightings tell of the same money.
//!
//! The same money is told in many ways: in a report within the day, in a notification, in the statement, in another format.
//! Each telling has an amount and a day; what else it has in common with another decides:
//!
//! | in common, beside account, amount and a near day | then |
//! |---|---|
//! | a reference that tells one payment from another ([`Tie::Named`]) | the same money |
//! | payer's reference, text and payer's account, all of them ([`Tie::Text`]) | the same money |
//! | the account that it is for ([`Tie::Account`]) | the same money, where nothing better is left |
//! | nothing | different money, or a doubtful pair: a person decides |
//!
//! Each sighting is paired with one other at most, so that two equal payments of a day stay two, however often each is told.

use std::collections::{BTreeSet, HashMap};

use kernel::{AccountId, BusinessDate};

use super::entry::BankEntry;
use super::keys::{Dates, EntryKey};
use super::tokens::normalise;

/// Days by which the day of one telling may differ from that of another: a weekend, a holiday.
pub const NEAR_DAYS: i64 = 5;

/// A reference as sightings are compared by it; `None` for one that is too short, or nothing but noughts, to mean anything.
#[must_use]
pub fn name(reference: &str) -> Option<String> {
    let name = normalise(reference);
    (name.len() >= 4 && name.bytes().any(|byte| byte != b'0')).then_some(name)
}

/// What one telling says of the money.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// Signed, in minor units of the account's currency.
    pub amount_minor: i64,
    /// The day: booking date, else value date, else the statement's.
    pub on: BusinessDate,
    /// Whether the source calls that day the booking date: what is pending may still be booked on another.
    pub dated: bool,
    /// References that tell one payment from another, normalised.
    pub names: BTreeSet<String>,
    /// Key of payer's reference, text and payer's account; `None` where all of them are empty: that says nothing.
    pub text: Option<EntryKey>,
    /// For whom it is, where exact references say so; one account only.
    pub account: Option<AccountId>,
    /// How it was told: `camt052`, `mt940`, ….
    pub channel: String,
    /// The bank's own reference, where the telling has one.
    pub bank_reference: Option<String>,
}

/// What two tellings have in common; the strongest first.
#[derive(Copy, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Tie {
    /// A reference that tells one payment from another.
    Named,
    /// Payer's reference, text and payer's account.
    Text,
    /// The account that the money is for.
    Account,
}

impl Tie {
    /// From the strongest to the weakest.
    pub const ALL: [Self; 3] = [Self::Named, Self::Text, Self::Account];
}

impl Told {
    /// What an entry of this bank account says.
    #[must_use]
    pub fn of(entry: &BankEntry, bank_account: &str, channel: &str, on: BusinessDate) -> Self {
        let bank_reference = entry.bank_reference.as_ref().and_then(|(_, text)| name(text));
        let own = entry.own_references.iter().chain(&entry.end_to_end);
        Self {
            amount_minor: entry.amount.minor(),
            on,
            dated: entry.dated,
            names: own
                .filter_map(|text| name(text))
                .chain(bank_reference.clone())
                .collect(),
            text: Some(entry.key(bank_account, Dates::Open)),
            account: None,
            channel: channel.to_owned(),
            bank_reference,
        }
    }

    /// Same amount, near day.
    #[must_use]
    pub fn near(&self, other: &Self) -> bool {
        self.amount_minor == other.amount_minor && self.on.days_until(other.on).abs() <= NEAR_DAYS
    }

    /// Two bookings of one source with different references of the bank are two, whatever else they share.
    fn contradicts(&self, other: &Self) -> bool {
        self.channel == other.channel
            && self.bank_reference.is_some()
            && other.bank_reference.is_some()
            && self.bank_reference != other.bank_reference
    }

    /// Whether they have this in common.
    #[must_use]
    pub fn shares(&self, tie: Tie, other: &Self) -> bool {
        if !self.near(other) || self.contradicts(other) {
            return false;
        }
        // In the same words every month, or every day: the day tells them apart, where both know it.
        if tie != Tie::Named && self.dated && other.dated && self.on != other.on {
            return false;
        }
        match tie {
            Tie::Named => !self.names.is_disjoint(&other.names),
            Tie::Text => self.text.is_some() && self.text == other.text,
            // One source names its own bookings well enough.
            Tie::Account => self.account.is_some() && self.account == other.account && self.channel != other.channel,
        }
    }
}

/// Pairs each of `new` with at most one of `known`, and the other way round: the strongest ties first, of equal ones the
/// nearest day, then the order given. Gives for each of `new` the index in `known`, and what they have in common.
#[must_use]
pub fn pair(new: &[Told], known: &[Told], ties: &[Tie]) -> Vec<Option<(usize, Tie)>> {
    let mut found: Vec<Option<(usize, Tie)>> = vec![None; new.len()];
    let mut used = vec![false; known.len()];
    let mut by_amount: HashMap<i64, Vec<usize>> = HashMap::new();
    for (at, told) in known.iter().enumerate() {
        by_amount.entry(told.amount_minor).or_default().push(at);
    }
    for tie in ties {
        for (told, place) in new.iter().zip(&mut found).filter(|(_, place)| place.is_none()) {
            let candidates = by_amount.get(&told.amount_minor).into_iter().flatten();
            let best = candidates
                .filter(|at| used.get(**at) == Some(&false))
                .filter_map(|at| known.get(*at).map(|other| (*at, other)))
                .filter(|(_, other)| told.shares(*tie, other))
                .min_by_key(|(at, other)| (told.on.days_until(other.on).abs(), *at));
            let Some((at, _)) = best else { continue };
            if let Some(slot) = used.get_mut(at) {
                *slot = true;
            }
            *place = Some((at, *tie));
        }
    }
    found
}

/// Pairs what is left over by amount and near day alone: pairs that only a person can tell. `paired` are pairs of [`pair`].
#[must_use]
pub fn doubtful(new: &[Told], known: &[Told], paired: &[Option<(usize, Tie)>]) -> Vec<(usize, usize)> {
    let mut used: BTreeSet<usize> = paired.iter().flatten().map(|(at, _)| *at).collect();
    let mut found = Vec::new();
    for (number, told) in new.iter().enumerate() {
        if paired.get(number).is_some_and(Option::is_some) {
            continue;
        }
        let best = known
            .iter()
            .enumerate()
            .filter(|(at, other)| !used.contains(at) && told.near(other) && !told.contradicts(other))
            .min_by_key(|(at, other)| (told.on.days_until(other.on).abs(), *at));
        if let Some((at, _)) = best {
            used.insert(at);
            found.push((number, at));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use kernel::{CreditorId, PaymentId};
    use proptest::prelude::*;

    use super::*;

    fn on(day: i64) -> BusinessDate {
        BusinessDate::parse("2026-11-01").unwrap().plus_days(day)
    }

    fn told(amount: i64, day: i64) -> Told {
        Told {
            amount_minor: amount,
            on: on(day),
            dated: false,
            names: BTreeSet::new(),
            text: None,
            account: None,
            channel: "camt052".into(),
            bank_reference: None,
        }
    }

    fn named(amount: i64, day: i64, name: &str) -> Told {
        Told {
            names: BTreeSet::from([name.to_owned()]),
            ..told(amount, day)
        }
    }

    fn text(told: Told, text: &str) -> Told {
        Told {
            text: Some(EntryKey::from_id(PaymentId::derive("t", text))),
            ..told
        }
    }

    #[test]
    fn what_is_the_same_money() {
        let account = |told: Told, number: &str| Told {
            account: Some(AccountId::derive(CreditorId::derive("C"), number)),
            ..told
        };
        let booked = |told: Told, number: &str| Told {
            channel: "camt053".into(),
            ..account(told, number)
        };
        for (new, known, expected) in [
            (named(100, 1, "R1"), named(100, 1, "R1"), Some(Tie::Named)),
            (named(100, 1, "R1"), named(101, 1, "R1"), None),
            (named(100, 1, "R1"), named(100, 6, "R1"), Some(Tie::Named)),
            (named(100, 1, "R1"), named(100, 7, "R1"), None),
            (named(100, 1, "R1"), named(100, 1, "R2"), None),
            (text(told(100, 1), "a"), text(told(100, 2), "a"), Some(Tie::Text)),
            (text(told(100, 1), "a"), text(told(100, 2), "b"), None),
            (told(100, 1), told(100, 1), None),
            (
                booked(told(100, 1), "1"),
                account(named(100, 1, "R"), "1"),
                Some(Tie::Account),
            ),
            (booked(told(100, 1), "1"), account(told(100, 1), "2"), None),
            // One source tells its own bookings apart.
            (account(told(100, 1), "1"), account(told(100, 1), "1"), None),
        ] {
            let found = pair(std::slice::from_ref(&new), std::slice::from_ref(&known), &Tie::ALL);
            assert_eq!(found, [expected.map(|tie| (0, tie))], "{new:?} {known:?}");
        }
    }

    #[test]
    fn what_has_a_booking_date_is_told_apart_by_it() {
        let dated = |told: Told| Told { dated: true, ..told };
        let pairs = |one: Told, other: Told| pair(&[one], &[other], &Tie::ALL) != [None];
        let (first, second) = (text(told(100, 1), "a"), text(told(100, 2), "a"));
        assert!(!pairs(dated(first.clone()), dated(second.clone())));
        assert!(pairs(dated(first), second));
        assert!(pairs(dated(named(100, 1, "R1")), dated(named(100, 2, "R1"))));
    }

    #[test]
    fn one_source_tells_two_bookings_apart() {
        let booked = |channel: &str, reference: &str| Told {
            channel: channel.into(),
            bank_reference: Some(reference.into()),
            ..text(told(100, 1), "same words")
        };
        let pairs = |one: Told, other: Told| pair(&[one], &[other], &Tie::ALL) != [None];
        assert!(!pairs(booked("camt052", "R1"), booked("camt052", "R2")));
        // A provisional reference may change until it is booked.
        assert!(pairs(booked("camt052", "R1"), booked("camt053", "R2")));
    }

    #[test]
    fn the_strongest_tie_goes_first() {
        let new = [text(told(100, 1), "a"), text(named(100, 1, "R1"), "a")];
        let known = [text(named(100, 1, "R1"), "a"), text(told(100, 1), "a")];
        assert_eq!(
            pair(&new, &known, &Tie::ALL),
            [Some((1, Tie::Text)), Some((0, Tie::Named))]
        );
    }

    #[test]
    fn what_is_left_is_doubtful() {
        let new = [named(100, 1, "R1"), named(100, 1, "R2"), told(50, 1)];
        let known = [named(100, 2, "R9"), named(100, 1, "R1"), named(70, 1, "R2")];
        let paired = pair(&new, &known, &Tie::ALL);
        assert_eq!(paired, [Some((1, Tie::Named)), None, None]);
        assert_eq!(doubtful(&new, &known, &paired), [(1, 0)]);
    }

    fn any_told() -> impl Strategy<Value = Told> {
        (1_i64..4, 0_i64..12, 0_u8..3, 0_u8..3).prop_map(|(amount, day, name, words)| {
            let one = if name == 0 {
                told(amount, day)
            } else {
                named(amount, day, &name.to_string())
            };
            if words == 0 { one } else { text(one, &words.to_string()) }
        })
    }

    proptest! {
        /// No telling is paired twice, no pair differs in amount, and nothing doubtful has a partner.
        #[test]
        fn pairs_are_one_to_one(new in prop::collection::vec(any_told(), 0..12), known in prop::collection::vec(any_told(), 0..12)) {
            let paired = pair(&new, &known, &Tie::ALL);
            let mut used = BTreeSet::new();
            for (told, found) in new.iter().zip(&paired) {
                if let Some((at, tie)) = found {
                    prop_assert!(used.insert(*at));
                    prop_assert!(told.shares(*tie, &known[*at]));
                }
            }
            for (number, at) in doubtful(&new, &known, &paired) {
                prop_assert!(paired[number].is_none());
                prop_assert!(used.insert(at));
            }
        }

        /// Money told again in the same words is known again, whatever the order and however many are equal.
        #[test]
        fn told_again_is_known_again(known in prop::collection::vec((1_i64..4, 0_i64..4), 0..12), order in any::<[u8; 12]>()) {
            let known: Vec<Told> = known.iter().map(|(amount, day)| text(told(*amount, *day), "same")).collect();
            let mut again = known.clone();
            again.sort_by_key(|told| order[usize::try_from(told.amount_minor * 3 + told.on.days_until(on(0)).abs()).unwrap() % 12]);
            let paired = pair(&again, &known, &Tie::ALL);
            prop_assert!(paired.iter().all(Option::is_some));
        }
    }
}
