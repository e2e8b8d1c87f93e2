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
            Self::Outgoing => "outgoing",
        }
    }
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

    /// Money comes in: `shares` of it are assigned, the rest is unidentified.
    #[must_use]
    pub fn received(amount_minor: i64, shares: impl IntoIterator<Item = i64>) -> Self {
        let mut entry = Self::default().debit(LedgerAccount::Bank, amount_minor);
        let mut rest = amount_minor;
        for share in shares {
            entry = entry.credit(LedgerAccount::Assigned, share);
            rest -= share;
        }
        entry.credit(LedgerAccount::Unidentified, rest)
    }

    /// A part of a deposit is assigned.
    #[must_use]
    pub fn claimed(amount_minor: i64) -> Self {
        Self::default()
            .debit(LedgerAccount::Unidentified, amount_minor)
            .credit(LedgerAccount::Assigned, amount_minor)
    }

    /// A payment is taken back: from the accounts that had `shares`, the rest from what was unidentified.
    #[must_use]
    pub fn reversed(amount_minor: i64, shares: impl IntoIterator<Item = i64>) -> Self {
        let mut entry = Self::default();
        let mut rest = amount_minor;
        for share in shares {
            entry = entry.debit(LedgerAccount::Assigned, share);
            rest -= share;
        }
        entry
            .debit(LedgerAccount::Unidentified, rest)
            .credit(LedgerAccount::Bank, amount_minor)
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
    /// `received`, `reversed`, `assigned`, `unidentified`, `returned`, `seen_again`, `outgoing`, `pending`, or the ledger
    /// account of journal lines.
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
        let entry = Entry::received(100, [60, 30]);
        assert_eq!(entry.0.len(), 4);
        let mut totals: BTreeMap<LedgerAccount, i64> = BTreeMap::new();
        for line in entry
            .0
            .iter()
            .chain(&Entry::claimed(10).0)
            .chain(&Entry::reversed(100, [60, 30, 10]).0)
        {
            *totals.entry(line.account).or_default() += line.debit_minor - line.credit_minor;
        }
        assert!(totals.values().all(|total| *total == 0), "{totals:?}");
        assert_eq!(Entry::received(100, [100]).0.len(), 2);
    }

    proptest! {
        #[test]
        fn every_entry_balances_and_no_line_is_empty(shares in prop::collection::vec(1_i64..1_000, 0..5), rest in 0_i64..1_000) {
            let amount = shares.iter().sum::<i64>() + rest;
            for entry in [
                Entry::received(amount, shares.clone()),
                Entry::reversed(amount, shares.clone()),
                Entry::claimed(amount),
                Entry::outgoing(amount),
                Entry::outgoing(-amount),
            ] {
                prop_assert_eq!(balance(&entry), 0);
                prop_assert!(entry.0.iter().all(|line| (line.debit_minor > 0) != (line.credit_minor > 0)));
            }
        }
    }
}
