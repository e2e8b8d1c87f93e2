use proptest::prelude::*;

use super::*;

/// What may happen to one account; numbers choose among what is there.
#[derive(Clone, Debug)]
enum Act {
    Issue {
        invoice: u8,
        day: u32,
        due: [u32; 2],
        amounts: [i64; 2],
    },
    Cancel {
        invoice: u8,
        day: u32,
    },
    Note {
        invoice: u8,
        day: u32,
        percent: i64,
    },
    Funds {
        day: u32,
        amount: i64,
        named: Option<u8>,
    },
    Withdraw {
        funds: u8,
        day: u32,
        percent: i64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let day = 1..6_u32;
    prop_oneof![
        3 => (0..4_u8, day.clone(), [1..9_u32, 1..9_u32], [1..200_i64, 0..200_i64])
            .prop_map(|(invoice, day, due, amounts)| Act::Issue { invoice, day, due, amounts }),
        1 => (0..4_u8, day.clone()).prop_map(|(invoice, day)| Act::Cancel { invoice, day }),
        1 => (0..4_u8, day.clone(), 1..101_i64).prop_map(|(invoice, day, percent)| Act::Note { invoice, day, percent }),
        4 => (day.clone(), 1..300_i64, prop::option::of(0..4_u8))
            .prop_map(|(day, amount, named)| Act::Funds { day, amount, named }),
        2 => (0..6_u8, day, 1..101_i64).prop_map(|(funds, day, percent)| Act::Withdraw { funds, day, percent }),
    ]
}

/// Turns acts into facts that billing and ingestion could send: what is impossible now is left out.
#[derive(Default)]
struct Sender {
    funds: Vec<(String, i64)>,
    notes: u32,
}

impl Sender {
    fn send(&mut self, books: &mut Books, act: &Act) -> Option<Body> {
        let name = |n: u8| format!("F{n}");
        match act {
            Act::Issue {
                invoice,
                day,
                due,
                amounts,
            } => {
                let known = books.invoices.get(&invoice_id(&name(*invoice)));
                let noted: i64 = known.map_or(0, |known| known.notes.iter().map(|note| note.amount_minor).sum());
                let parts: Vec<(u32, i64)> = due
                    .iter()
                    .copied()
                    .zip(amounts.iter().copied())
                    .filter(|(_, amount)| *amount > 0)
                    .collect();
                (parts.iter().map(|(_, amount)| amount).sum::<i64>() >= noted)
                    .then(|| books.issue(&name(*invoice), *day, &parts))
            }
            Act::Cancel { invoice, day } => {
                let known = books.invoices.get(&invoice_id(&name(*invoice)))?;
                (!known.cancelled).then(|| books.cancel(&name(*invoice), *day))
            }
            Act::Note { invoice, day, percent } => {
                let known = books.invoices.get(&invoice_id(&name(*invoice)))?;
                let left: i64 = known.terms.iter().map(super::super::invoice::Terms::amount_minor).sum();
                let amount = left * percent / 100;
                self.notes += 1;
                let number = format!("N{}", self.notes);
                (amount > 0).then(|| books.credit_note(&name(*invoice), &number, *day, amount))
            }
            Act::Funds { day, amount, named } => {
                let funds = format!("P{}", self.funds.len());
                self.funds.push((funds.clone(), *amount));
                let named: Vec<String> = named.iter().map(|n| name(*n)).collect();
                let named: Vec<&str> = named.iter().map(String::as_str).collect();
                Some(books.funds(&funds, *day, *amount, &named))
            }
            Act::Withdraw { funds, day, percent } => {
                let n = u32::try_from(books.names.len()).unwrap() * 100 + *day;
                let (name, left) = self.funds.get_mut(usize::from(*funds))?;
                let amount = *left * percent / 100;
                *left -= amount;
                // A number that no other withdrawal of the funds has: what is left only falls.
                let n = n + u32::try_from(*left).unwrap() * 10_000;
                let name = name.clone();
                (amount > 0).then(|| books.withdraw(&name, n, *day, amount))
            }
        }
    }
}

/// What must stay in order among itself: an invoice's messages, and funds with their withdrawals.
fn subject(body: &Body) -> Uuid {
    match body {
        Body::Invoice(changed) => changed.invoice_id.as_uuid(),
        Body::Withdrawal(withdrawn) => withdrawn.funds_id.as_uuid(),
        Body::Funds(received) => received.funds_id.as_uuid(),
    }
}

/// Another order of arrival, in which each subject keeps its own.
fn another_order(bodies: &[Body], by: &[usize]) -> Vec<Body> {
    let mut queues: BTreeMap<Uuid, std::collections::VecDeque<Body>> = BTreeMap::new();
    for body in bodies {
        queues.entry(subject(body)).or_default().push_back(body.clone());
    }
    by.iter()
        .filter_map(|n| queues.get_mut(&subject(&bodies[*n]))?.pop_front())
        .collect()
}

proptest! {
    /// Conservation, no over-settling, balanced ledger and an explanation hold after every fact (`Books::check`); the close
    /// changes nothing; and any order of arrival of a day's facts ends in the same books.
    #[test]
    fn any_order_of_arrival_ends_alike(
        first in prop::collection::vec(act(), 0..12),
        second in prop::collection::vec(act(), 0..12),
        third in prop::collection::vec(act(), 0..6),
        seed in prop::collection::vec(any::<u32>(), 12),
    ) {
        let (mut books, mut other, mut sender) = (Books::default(), Books::default(), Sender::default());
        for day in [first, second, third] {
            let mut bodies = Vec::new();
            for act in &day {
                if let Some(body) = sender.send(&mut books, act) {
                    bodies.push(body.clone());
                    books.arrive(body);
                }
            }
            books.close();
            let mut by: Vec<usize> = (0..bodies.len()).collect();
            by.sort_by_key(|n| seed[*n]);
            other.names = books.names.clone();
            for body in another_order(&bodies, &by) {
                other.arrive(body);
            }
            other.close();
        }
        prop_assert_eq!(books.render(), other.render());
        prop_assert_eq!(&books.at, &other.at);
        let net = |books: &Books| books.ledger.clone();
        prop_assert_eq!(
            (net(&books).get(&Ledger::Items).copied(), books.credit_minor),
            (net(&other).get(&Ledger::Items).copied(), other.credit_minor)
        );
    }
}
