//! Journal lines and the day's sums.
//!
//! Every movement is one balanced journal entry over four ledger accounts:
//!
//! | movement | debit | credit |
//! |---|---|---|
//! | money comes in | bank | assigned (each share), unidentified (the rest) |
//! | a deposit is assigned later | unidentified | assigned |
//! | a payment is taken back | assigned (each share), unidentified (the rest) | bank |
//! | money goes out otherwise | outgoing | bank |
//!
//! A provider's netted payout ([`Kind::Settlement`]) is money that was counted when each payment of it was confirmed: it
//! stands on `settlement` instead of `unidentified`, outside received = assigned + unidentified + returned (DESIGN 2.5). What a
//! person assigns of it all the same is received at that moment ([`of_funds`]).

use std::collections::BTreeMap;

use kernel::{CreditorId, Currency};

/// A ledger account.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum LedgerAccount {
    /// Money at the bank or the provider.
    Bank,
    /// Money whose owner is not known.
    Unidentified,
    /// Money that belongs to accounts.
    Assigned,
    /// A provider's payouts of money that was counted already.
    Settlement,
    /// Money that went out and took nothing back.
    Outgoing,
}

impl LedgerAccount {
    /// The word of tables and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Unidentified => "unidentified",
            Self::Assigned => "assigned",
            Self::Settlement => "settlement",
            Self::Outgoing => "outgoing",
        }
    }
}

/// What kind of money a payment is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// New money.
    Payment,
    /// A provider's netted payout.
    Settlement,
}

impl Kind {
    /// The kind of this word of tables and events; money is new unless it is said to be a payout.
    #[must_use]
    pub fn of(word: &str) -> Self {
        if word == Self::Settlement.word() {
            Self::Settlement
        } else {
            Self::Payment
        }
    }

    /// The word of tables and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Settlement => "settlement",
        }
    }

    /// Where the part of it stands that no account has.
    #[must_use]
    pub const fn rest(self) -> LedgerAccount {
        match self {
            Self::Payment => LedgerAccount::Unidentified,
            Self::Settlement => LedgerAccount::Settlement,
        }
    }
}

/// What one row adds to one of the day's sums.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Added {
    /// Name of the sum.
    pub name: &'static str,
    /// Whether it is summed by partition of the account.
    pub by_partition: bool,
    /// Minor units, signed.
    pub amount_minor: i64,
}

const fn added(name: &'static str, amount_minor: i64) -> Added {
    Added {
        name,
        by_partition: false,
        amount_minor,
    }
}

const fn assigned(amount_minor: i64) -> Added {
    Added {
        name: "assigned",
        by_partition: true,
        amount_minor,
    }
}

/// What a payment adds: a payout adds nothing but by its deposit's move.
#[must_use]
pub fn of_payment(kind: Kind, amount_minor: i64) -> Vec<Added> {
    match kind {
        Kind::Payment => vec![added("received", amount_minor)],
        Kind::Settlement => Vec::new(),
    }
}

/// What funds add: out of a payout they are received when they are assigned.
#[must_use]
pub fn of_funds(kind: Kind, amount_minor: i64) -> Vec<Added> {
    match kind {
        Kind::Payment => vec![assigned(amount_minor)],
        Kind::Settlement => vec![assigned(amount_minor), added("received", amount_minor)],
    }
}

/// What a reversal adds: of a payout only what was assigned of it was ever received, see [`of_withdrawal`].
#[must_use]
pub fn of_reversal(kind: Kind, amount_minor: i64) -> Vec<Added> {
    match kind {
        Kind::Payment => vec![added("reversed", amount_minor)],
        Kind::Settlement => Vec::new(),
    }
}

/// What funds add that are withdrawn because their payment is taken back.
#[must_use]
pub fn of_withdrawal(kind: Kind, amount_minor: i64) -> Vec<Added> {
    let back = assigned(amount_minor.saturating_neg());
    match kind {
        Kind::Payment => vec![back],
        Kind::Settlement => vec![back, added("reversed", amount_minor)],
    }
}

/// What a deposit's move adds.
#[must_use]
pub fn of_move(kind: Kind, delta_minor: i64) -> Vec<Added> {
    vec![added(kind.rest().word(), delta_minor)]
}

/// One line: exactly one of debit and credit is positive.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// The ledger account.
    pub account: LedgerAccount,
    /// Minor units, or 0.
    pub debit_minor: i64,
    /// Minor units, or 0.
    pub credit_minor: i64,
}

/// The lines of one movement.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entry(pub Vec<Line>);

impl Entry {
    fn debit(mut self, account: LedgerAccount, amount_minor: i64) -> Self {
        if amount_minor != 0 {
            self.0.push(Line {
                account,
                debit_minor: amount_minor,
                credit_minor: 0,
            });
        }
        self
    }

    fn credit(mut self, account: LedgerAccount, amount_minor: i64) -> Self {
        if amount_minor != 0 {
            self.0.push(Line {
                account,
                debit_minor: 0,
                credit_minor: amount_minor,
            });
        }
        self
    }

    /// Money comes in: `shares` of it are assigned, the rest is unidentified, or a payout's.
    #[must_use]
    pub fn received(kind: Kind, amount_minor: i64, shares: impl IntoIterator<Item = i64>) -> Self {
        let mut entry = Self::default().debit(LedgerAccount::Bank, amount_minor);
        let mut rest = amount_minor;
        for share in shares {
            entry = entry.credit(LedgerAccount::Assigned, share);
            rest -= share;
        }
        entry.credit(kind.rest(), rest)
    }

    /// A part of a deposit is assigned.
    #[must_use]
    pub fn claimed(kind: Kind, amount_minor: i64) -> Self {
        Self::default()
            .debit(kind.rest(), amount_minor)
            .credit(LedgerAccount::Assigned, amount_minor)
    }

    /// A payment is taken back: from the accounts that had `shares`, the rest from its deposit.
    #[must_use]
    pub fn reversed(kind: Kind, amount_minor: i64, shares: impl IntoIterator<Item = i64>) -> Self {
        let mut entry = Self::default();
        let mut rest = amount_minor;
        for share in shares {
            entry = entry.debit(LedgerAccount::Assigned, share);
            rest -= share;
        }
        entry.debit(kind.rest(), rest).credit(LedgerAccount::Bank, amount_minor)
    }

    /// Money goes out; negative where an outgoing turns out to be a reversal.
    #[must_use]
    pub fn outgoing(amount_minor: i64) -> Self {
        if amount_minor < 0 {
            let back = -amount_minor;
            return Self::default()
                .debit(LedgerAccount::Bank, back)
                .credit(LedgerAccount::Outgoing, back);
        }
        Self::default()
            .debit(LedgerAccount::Outgoing, amount_minor)
            .credit(LedgerAccount::Bank, amount_minor)
    }
}

/// What a sum is of.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SumKey {
    /// The creditor.
    pub creditor_id: CreditorId,
    /// Calendar of its day.
    pub calendar: String,
    /// Bank account or `provider:merchant`.
    pub scope: String,
    /// Partition of the account, for `assigned`; -1 otherwise.
    pub partition: i32,
    /// Currency of the amounts.
    pub currency: Currency,
    /// `received`, `reversed`, `assigned`, `unidentified`, `returned`, `settlement`, `seen_again`, `outgoing`, `pending`, or
    /// the ledger account of journal lines.
    pub name: &'static str,
    /// Whether it sums journal lines.
    pub journal: bool,
}

/// A sum: amount and rows; of a journal account, debit, credit and lines.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Sum {
    /// The amount, signed; of a journal account the debit.
    pub amount_minor: i64,
    /// Of a journal account the credit.
    pub credit_minor: i64,
    /// Rows.
    pub count: i64,
}

/// The sums of one transaction.
#[derive(Clone, Debug, Default)]
pub struct Sums(pub BTreeMap<SumKey, Sum>);

impl Sums {
    /// Adds one row.
    pub fn add(&mut self, key: SumKey, amount_minor: i64) {
        let sum = self.0.entry(key).or_default();
        sum.amount_minor += amount_minor;
        sum.count += 1;
    }

    /// Adds one journal line; `key.name` is replaced by its ledger account.
    pub fn add_line(&mut self, key: &SumKey, line: &Line) {
        let key = SumKey {
            name: line.account.word(),
            journal: true,
            partition: -1,
            ..key.clone()
        };
        let sum = self.0.entry(key).or_default();
        sum.amount_minor += line.debit_minor;
        sum.credit_minor += line.credit_minor;
        sum.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn balance(entry: &Entry) -> i64 {
        entry.0.iter().map(|line| line.debit_minor - line.credit_minor).sum()
    }

    #[test]
    fn a_payment_and_its_reversal_cancel_out() {
        for kind in [Kind::Payment, Kind::Settlement] {
            let entry = Entry::received(kind, 100, [60, 30]);
            assert_eq!(entry.0.len(), 4);
            let mut totals: BTreeMap<LedgerAccount, i64> = BTreeMap::new();
            for line in entry
                .0
                .iter()
                .chain(&Entry::claimed(kind, 10).0)
                .chain(&Entry::reversed(kind, 100, [60, 30, 10]).0)
            {
                *totals.entry(line.account).or_default() += line.debit_minor - line.credit_minor;
            }
            assert!(totals.values().all(|total| *total == 0), "{totals:?}");
            assert_eq!(Entry::received(kind, 100, [100]).0.len(), 2);
        }
    }

    #[test]
    fn a_payout_stands_on_an_account_of_its_own() {
        let accounts = |entry: Entry| entry.0.iter().map(|line| line.account).collect::<Vec<_>>();
        use LedgerAccount::{Assigned, Bank, Settlement, Unidentified};
        assert_eq!(accounts(Entry::received(Kind::Settlement, 70, [])), [Bank, Settlement]);
        assert_eq!(accounts(Entry::received(Kind::Payment, 70, [])), [Bank, Unidentified]);
        assert_eq!(accounts(Entry::claimed(Kind::Settlement, 20)), [Settlement, Assigned]);
        assert_eq!(
            accounts(Entry::reversed(Kind::Settlement, 70, [20])),
            [Assigned, Settlement, Bank]
        );
    }

    /// The sums after these rows.
    fn totals(rows: &[Vec<Added>]) -> BTreeMap<&'static str, i64> {
        let mut totals = BTreeMap::new();
        for added in rows.iter().flatten() {
            assert_eq!(added.by_partition, added.name == "assigned");
            *totals.entry(added.name).or_default() += added.amount_minor;
        }
        totals.retain(|_, total| *total != 0);
        totals
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn what_rows_add_to_the_sums() {
        use Kind::{Payment, Settlement};
        // name, rows, what they come to
        type Case = (&'static str, Vec<Vec<Added>>, &'static [(&'static str, i64)]);
        let cases: [Case; 6] = [
            (
                "new money, a part of it unidentified",
                vec![of_payment(Payment, 100), of_funds(Payment, 60), of_move(Payment, 40)],
                &[("received", 100), ("assigned", 60), ("unidentified", 40)],
            ),
            (
                "new money taken back",
                vec![
                    of_payment(Payment, 100),
                    of_funds(Payment, 60),
                    of_move(Payment, 40),
                    of_reversal(Payment, 100),
                    of_withdrawal(Payment, 60),
                    of_move(Payment, -40),
                ],
                &[("received", 100), ("reversed", 100)],
            ),
            (
                "a payout is outside the equation",
                vec![of_payment(Settlement, 70), of_move(Settlement, 70)],
                &[("settlement", 70)],
            ),
            (
                "what a person assigns of a payout is received then",
                vec![
                    of_payment(Settlement, 70),
                    of_move(Settlement, 70),
                    of_funds(Settlement, 20),
                    of_move(Settlement, -20),
                ],
                &[("received", 20), ("assigned", 20), ("settlement", 50)],
            ),
            (
                "a payout taken back",
                vec![
                    of_payment(Settlement, 70),
                    of_move(Settlement, 70),
                    of_reversal(Settlement, 70),
                    of_move(Settlement, -70),
                ],
                &[],
            ),
            (
                "a payout taken back of which a part was assigned",
                vec![
                    of_payment(Settlement, 70),
                    of_move(Settlement, 70),
                    of_funds(Settlement, 20),
                    of_move(Settlement, -20),
                    of_reversal(Settlement, 70),
                    of_withdrawal(Settlement, 20),
                    of_move(Settlement, -50),
                ],
                &[("received", 20), ("reversed", 20)],
            ),
        ];
        for (case, rows, expected) in cases {
            let found = totals(&rows);
            assert_eq!(found, expected.iter().copied().collect(), "{case}");
            let of = |name| found.get(name).copied().unwrap_or(0);
            assert_eq!(
                of("received") - of("reversed"),
                of("assigned") + of("unidentified"),
                "{case}"
            );
        }
        assert_eq!(
            ["payment", "settlement", "?"].map(Kind::of),
            [Payment, Settlement, Payment]
        );
    }

    proptest! {
        #[test]
        fn every_entry_balances_and_no_line_is_empty(shares in prop::collection::vec(1_i64..1_000, 0..5), rest in 0_i64..1_000) {
            let amount = shares.iter().sum::<i64>() + rest;
            for entry in [
                Entry::received(Kind::Payment, amount, shares.clone()),
                Entry::reversed(Kind::Settlement, amount, shares.clone()),
                Entry::claimed(Kind::Payment, amount),
                Entry::outgoing(amount),
                Entry::outgoing(-amount),
            ] {
                prop_assert_eq!(balance(&entry), 0);
                prop_assert!(entry.0.iter().all(|line| (line.debit_minor > 0) != (line.credit_minor > 0)));
            }
        }
    }
}
