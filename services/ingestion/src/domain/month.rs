//! A month of payments, each told in many ways and in any order, decided by the same pure functions as the service: it must end
//! in the same payments.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use kernel::{BusinessDate, PaymentId};
    use proptest::prelude::*;

    use super::super::keys::{EntryKey, Occurrences};
    use super::super::retold::{Booking, Retold};
    use super::super::sightings::{Tie, Told, pair};

    /// A payment as it really is.
    #[derive(Clone, Debug)]
    struct Real {
        amount: i64,
        day: i64,
        /// A reference that some banks' files carry; 0 is none.
        name: u8,
        /// Text; few, so that many are equal.
        words: u8,
        /// Paid at a provider, which confirms it too.
        confirmed: bool,
    }

    /// A document.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Document {
        /// What a bank tells of a day that is not final.
        Provisional(&'static str, i64),
        /// A final statement of a day.
        Final(&'static str, i64),
        /// A provider's confirmation of this payment.
        Confirmation(usize),
    }

    const PROVISIONAL: [&str; 3] = ["camt052", "camt054", "mt942"];
    const FINAL: [&str; 2] = ["camt053", "mt940"];

    fn on(day: i64) -> BusinessDate {
        BusinessDate::parse("2026-11-01").unwrap().plus_days(day)
    }

    /// What an entry of a channel says of a payment: line formats carry no reference, and cut texts in their own way.
    fn told(real: &Real, number: usize, channel: &'static str) -> Told {
        let camt = channel.starts_with("camt");
        let mut names: BTreeSet<String> = BTreeSet::new();
        if camt && real.name > 0 {
            names.insert(format!("REF{}/{}", real.name, real.day));
        }
        if real.confirmed {
            names.insert(format!("ORDER{number}"));
        }
        let text = format!("{}|{}|{}", if camt { "iso" } else { "line" }, real.amount, real.words);
        Told {
            amount_minor: real.amount,
            on: on(real.day),
            dated: true,
            names,
            text: Some(EntryKey::from_id(PaymentId::derive("text", &text))),
            account: None,
            channel: channel.into(),
            bank_reference: None,
        }
    }

    /// Key of a booked entry: by the reference, else by content, with day and amount.
    fn key(told: &Told) -> EntryKey {
        let by = told
            .names
            .iter()
            .next()
            .cloned()
            .unwrap_or_else(|| format!("{:?}", told.text));
        EntryKey::from_id(PaymentId::derive(
            "key",
            &format!("{}|{}|{by}", told.on, told.amount_minor),
        ))
    }

    /// A booked entry: what it says, its key and occurrence, the payment that it is.
    type Entry = (Told, EntryKey, u32, PaymentId);

    /// What is known.
    #[derive(Default)]
    struct Known {
        /// Payments, with the order that a provider confirmed or a text names.
        payments: BTreeMap<PaymentId, (i64, Option<String>)>,
        /// Provisional money, and whether it is booked.
        pending: Vec<(Told, Option<PaymentId>)>,
        /// Final statements: channel, day, what they told as what.
        statements: Vec<(&'static str, i64, Vec<Entry>)>,
    }

    impl Known {
        fn take(&mut self, document: Document, month: &[Real]) {
            let of = |channel: &'static str, day: i64| -> Vec<Told> {
                let all = month.iter().enumerate().filter(|(_, real)| real.day == day);
                all.map(|(number, real)| told(real, number, channel)).collect()
            };
            match document {
                Document::Provisional(channel, day) => self.show(&of(channel, day)),
                Document::Final(channel, day) => self.book(channel, day, of(channel, day)),
                Document::Confirmation(number) => self.confirm(number, month),
            }
        }

        fn show(&mut self, told: &[Told]) {
            let known: Vec<Told> = self.pending.iter().map(|(told, _)| told.clone()).collect();
            let new: Vec<Told> = told
                .iter()
                .zip(pair(told, &known, &Tie::ALL))
                .filter(|(_, found)| found.is_none())
                .map(|(told, _)| told.clone())
                .collect();
            let linked: BTreeSet<PaymentId> = self.pending.iter().filter_map(|(_, booked)| *booked).collect();
            let free: Vec<(Told, PaymentId)> = self
                .statements
                .iter()
                .flat_map(|(_, _, entries)| entries)
                .filter(|(_, _, _, id)| !linked.contains(id))
                .map(|(told, _, _, id)| (told.clone(), *id))
                .collect();
            let mut seen = BTreeSet::new();
            let free: Vec<(Told, PaymentId)> = free.into_iter().filter(|(_, id)| seen.insert(*id)).collect();
            let booked: Vec<Told> = free.iter().map(|(told, _)| told.clone()).collect();
            for (told, found) in new.iter().zip(pair(&new, &booked, &Tie::ALL)) {
                self.pending.push((told.clone(), found.map(|(at, _)| free[at].1)));
            }
        }

        fn book(&mut self, channel: &'static str, day: i64, entries: Vec<Told>) {
            let mut retold = Retold::default();
            let beside = self.statements.iter().filter(|(_, on, _)| *on == day);
            let (own, foreign): (Vec<_>, Vec<_>) = beside.partition(|(other, _, _)| *other == channel);
            if !foreign.is_empty() {
                for (other, _, booked) in own.iter().chain(&foreign) {
                    for (told, key, occurrence, id) in booked {
                        let booking = Booking {
                            id: *id,
                            natural: (*key, *occurrence),
                            names: told.names.clone(),
                        };
                        retold.add(told.on, told.amount_minor, booking, *other == channel);
                    }
                }
            }
            let mut occurrences = Occurrences::default();
            let mut done = Vec::new();
            for told in entries {
                let key = key(&told);
                let occurrence = occurrences.next(key);
                let natural = key.occurrence(occurrence);
                let same = retold.take(told.on, told.amount_minor, (key, occurrence), &told.names);
                let order = told.names.iter().find(|name| name.starts_with("ORDER")).cloned();
                let twin = self
                    .payments
                    .iter()
                    .find(|(_, (amount, known))| order.is_some() && *known == order && *amount == told.amount_minor);
                let id = same.or(twin.map(|(id, _)| *id)).unwrap_or(natural);
                let new = !self.payments.contains_key(&id);
                self.payments.entry(id).or_insert((told.amount_minor, order));
                done.push((told, key, occurrence, id, new || twin_is(same, id, natural)));
            }
            let open: Vec<usize> = (0..self.pending.len())
                .filter(|at| self.pending[*at].1.is_none())
                .collect();
            let linked: BTreeSet<PaymentId> = self.pending.iter().filter_map(|(_, booked)| *booked).collect();
            let news: Vec<&(Told, EntryKey, u32, PaymentId, bool)> =
                done.iter().filter(|one| one.4 && !linked.contains(&one.3)).collect();
            let told: Vec<Told> = news.iter().map(|one| one.0.clone()).collect();
            let known: Vec<Told> = open.iter().map(|at| self.pending[*at].0.clone()).collect();
            for (one, found) in news.iter().zip(pair(&told, &known, &Tie::ALL)) {
                if let Some((at, _)) = found {
                    self.pending[open[at]].1 = Some(one.3);
                }
            }
            let done = done
                .into_iter()
                .map(|(told, key, occurrence, id, _)| (told, key, occurrence, id));
            self.statements.push((channel, day, done.collect()));
        }

        fn confirm(&mut self, number: usize, month: &[Real]) {
            let order = Some(format!("ORDER{number}"));
            let amount = month[number].amount;
            let known = self.payments.values().any(|known| *known == (amount, order.clone()));
            if !known {
                let id = PaymentId::derive("provider", &number.to_string());
                self.payments.insert(id, (amount, order));
            }
        }
    }

    /// Money that a provider confirmed before is told by the bank for the first time.
    fn twin_is(same: Option<PaymentId>, id: PaymentId, natural: PaymentId) -> bool {
        same.is_none() && id != natural
    }

    fn month() -> impl Strategy<Value = Vec<Real>> {
        let real = (1_i64..4, 0_i64..4, 0_u8..3, 0_u8..2, 0_u8..5);
        prop::collection::vec(real, 0..12).prop_map(|all| {
            all.into_iter()
                .map(|(amount, day, name, words, confirmed)| Real {
                    amount,
                    day,
                    name,
                    words,
                    confirmed: confirmed == 0,
                })
                .collect()
        })
    }

    /// Every document of the month, some of them twice, in any order.
    fn told_in_any_order() -> impl Strategy<Value = (Vec<Real>, Vec<Document>)> {
        month().prop_flat_map(|month| {
            let mut all = Vec::new();
            for day in 0..4 {
                all.extend(PROVISIONAL.map(|channel| Document::Provisional(channel, day)));
                all.extend(FINAL.map(|channel| Document::Final(channel, day)));
            }
            let confirmed = month.iter().enumerate().filter(|(_, real)| real.confirmed);
            all.extend(confirmed.map(|(number, _)| Document::Confirmation(number)));
            let again = prop::sample::subsequence(all.clone(), 0..=all.len());
            let whole = again.prop_flat_map(move |again| Just([all.clone(), again].concat()).prop_shuffle());
            (Just(month), whole)
        })
    }

    proptest! {
        /// Whatever is told in whatever order, and however often: each payment is one, and two equal ones are two.
        #[test]
        fn order_of_arrival_does_not_matter((month, documents) in told_in_any_order()) {
            let mut known = Known::default();
            for document in &documents {
                known.take(*document, &month);
            }
            let mut found: Vec<i64> = known.payments.values().map(|(amount, _)| *amount).collect();
            let mut real: Vec<i64> = month.iter().map(|real| real.amount).collect();
            found.sort_unstable();
            real.sort_unstable();
            prop_assert_eq!(found, real);
            // By day too, as the statements tell it.
            let mut told: BTreeMap<PaymentId, BusinessDate> = BTreeMap::new();
            for (told_on, id) in known.statements.iter().flat_map(|(_, _, all)| all.iter().map(|(told, _, _, id)| (told.on, *id))) {
                prop_assert_eq!(*told.entry(id).or_insert(told_on), told_on);
            }
            prop_assert_eq!(told.len(), month.len());
            // No payment is what two different promises of one source turned out to be.
            let mut once = BTreeSet::new();
            prop_assert!(known.pending.iter().filter_map(|(_, booked)| *booked).all(|id| once.insert(id)));
        }
    }
}
