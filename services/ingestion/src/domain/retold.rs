//! The same days told by final statements of two formats, such as MT940 and camt.053: each booking once.
//!
//! Within one format the bank's own keys tell bookings apart (see [`super::keys`]). Two formats need not share any: one
//! gives the bank's reference, the other none, and texts are cut differently. But both are complete and proved for the
//! day, so that the bookings of a day and amount are the same ones, as many as there are: the n-th is the n-th.

use std::collections::{BTreeSet, HashMap};

use kernel::{BusinessDate, PaymentId};

use super::keys::EntryKey;

/// A booking of another format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Booking {
    /// The payment that it is, or the debit, as its key gives it an id.
    pub id: PaymentId,
    /// Its own key and occurrence.
    pub natural: (EntryKey, u32),
    /// Its references, normalised.
    pub names: BTreeSet<String>,
}

/// Bookings of a statement's days that other statements told.
#[derive(Debug, Default)]
pub struct Retold {
    /// What the same format told: by key and occurrence.
    own: HashMap<(EntryKey, u32), PaymentId>,
    /// All of that.
    told: BTreeSet<PaymentId>,
    /// What other formats told and this one did not yet, by day and signed amount.
    left: HashMap<(BusinessDate, i64), Vec<Booking>>,
}

impl Retold {
    /// Adds a booking, in the order in which its statement tells them; those of the same format (`own`) first. The same one
    /// told by several statements counts once.
    pub fn add(&mut self, on: BusinessDate, amount_minor: i64, booking: Booking, own: bool) {
        if own {
            self.told.insert(booking.id);
            self.own.insert(booking.natural, booking.id);
            return;
        }
        let all = self.left.entry((on, amount_minor)).or_default();
        if !self.told.contains(&booking.id) && !all.iter().any(|known| known.id == booking.id) {
            all.push(booking);
        }
    }

    /// Whether nothing of these days was told before.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty() && self.own.is_empty()
    }

    /// The booking that an entry with this key and these references is, where it was told: what the same format told under
    /// its key; else of what other formats told beside that, one with the same key, one that shares a reference, or the first
    /// that is left of its day and amount.
    pub fn take(
        &mut self,
        on: BusinessDate,
        amount_minor: i64,
        natural: (EntryKey, u32),
        names: &BTreeSet<String>,
    ) -> Option<PaymentId> {
        if let Some(id) = self.own.get(&natural) {
            return Some(*id);
        }
        let all = self.left.get_mut(&(on, amount_minor))?;
        let same = all.iter().position(|booking| booking.natural == natural);
        let named = || all.iter().position(|booking| !booking.names.is_disjoint(names));
        let at = same.or_else(named).or((!all.is_empty()).then_some(0))?;
        Some(all.remove(at).id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> EntryKey {
        EntryKey::from_id(PaymentId::derive("t", text))
    }

    fn on() -> BusinessDate {
        BusinessDate::parse("2026-11-02").unwrap()
    }

    fn booking(text: &str, names: &[&str]) -> Booking {
        Booking {
            id: PaymentId::derive("b", text),
            natural: (key(text), 1),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn the_best_of_the_day_and_amount_is_taken() {
        let mut retold = Retold::default();
        for one in [
            booking("a", &[]),
            booking("b", &["R2"]),
            booking("c", &[]),
            booking("c", &[]),
        ] {
            retold.add(on(), 100, one, false);
        }
        let nothing = BTreeSet::new();
        let id = |text: &str| Some(PaymentId::derive("b", text));
        assert_eq!(retold.take(on(), 99, (key("a"), 1), &nothing), None);
        assert_eq!(retold.take(on(), 100, (key("c"), 1), &nothing), id("c"));
        assert_eq!(
            retold.take(on(), 100, (key("x"), 1), &BTreeSet::from(["R2".to_owned()])),
            id("b")
        );
        assert_eq!(retold.take(on(), 100, (key("y"), 1), &nothing), id("a"));
        assert_eq!(
            retold.take(on(), 100, (key("z"), 1), &nothing),
            None,
            "one more than the other told"
        );
    }

    /// A corrected statement has one more, in front of what this format told before.
    #[test]
    fn what_this_format_told_before_is_what_it_was() {
        let mut retold = Retold::default();
        retold.add(on(), 100, booking("a", &[]), true);
        // The other format told the same payment, under a key of its own.
        let other = Booking {
            natural: (key("other"), 1),
            ..booking("a", &[])
        };
        retold.add(on(), 100, other, false);
        let nothing = BTreeSet::new();
        assert_eq!(retold.take(on(), 100, (key("new"), 1), &nothing), None, "it is new");
        assert_eq!(
            retold.take(on(), 100, (key("a"), 1), &nothing),
            Some(booking("a", &[]).id)
        );
    }

    proptest! {
        /// A day told by two formats with nothing in common has as many bookings as told by one.
        #[test]
        fn as_many_as_there_are(amounts in prop::collection::vec(1_i64..4, 0..20)) {
            let mut retold = Retold::default();
            for (n, amount) in amounts.iter().enumerate() {
                retold.add(on(), *amount, booking(&n.to_string(), &[]), false);
            }
            let mut again = amounts.clone();
            again.reverse();
            let mut found = BTreeSet::new();
            for (n, amount) in again.iter().enumerate() {
                let id = retold.take(on(), *amount, (key(&format!("other {n}")), 1), &BTreeSet::new());
                prop_assert!(found.insert(id.unwrap()));
            }
        }
    }
}
