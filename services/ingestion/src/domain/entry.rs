//! What a bank entry is.

use kernel::{BusinessDate, Money};

use super::keys::{Dates, EntryFacts, EntryKey};
use super::tokens::normalise;

/// On the books or not.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// Booked: money moved.
    Booked,
    /// Pending: it may still vanish.
    Pending,
    /// For information.
    Info,
}

impl Status {
    /// The word of tables and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Pending => "pending",
            Self::Info => "info",
        }
    }
}

/// One entry of a statement, or one detail of it, as ingestion needs it: free of the format it came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BankEntry {
    /// Statement, entry and detail in the raw bytes, from 1: `1/17/2`.
    pub place: String,
    /// On the books or not.
    pub status: Status,
    /// Signed: plus is money to us.
    pub amount: Money,
    /// It undoes an earlier entry of the other direction.
    pub reversal: bool,
    /// One total of several transfers whose amounts the bank does not tell.
    pub batch: bool,
    /// Booking date.
    pub booked_on: Option<BusinessDate>,
    /// Value date.
    pub value_on: Option<BusinessDate>,
    /// The bank's strongest reference, with its element.
    pub bank_reference: Option<(&'static str, String)>,
    /// `EndToEndId`.
    pub end_to_end: Option<String>,
    /// Document number and references of a line format, joined: they tell two bookings of a day apart.
    pub customer_references: String,
    /// All references, distinct, in order of the file.
    pub references: Vec<String>,
    /// Those of them that tell one payment from another: not of a message, batch or mandate.
    pub own_references: Vec<String>,
    /// Names under which a batch and the payments in it are told: the bank's reference of the entry, of the payer's order, of
    /// its message; normalised, the strongest first.
    pub batch_names: Vec<String>,
    /// The source calls it booked, on its booking date: that day is firm, whether or not the source itself is final.
    pub dated: bool,
    /// It is a total, or may be one: it names a batch and says nothing of one payment.
    pub lump: bool,
    /// Fields that hold one reference each, the account that was credited among them.
    pub structured: Vec<String>,
    /// Free texts in which references may stand.
    pub free_text: Vec<String>,
    /// Unstructured remittance as joined by the reader.
    pub remittance: String,
    /// Name of the other side.
    pub counterparty_name: Option<String>,
    /// Account of the other side.
    pub counterparty_account: Option<String>,
    /// Why money came back (`RtrInf`), where the entry says so.
    pub returned: Option<String>,
}

impl BankEntry {
    /// The key of this entry on the bank account with this number (capitals and digits).
    #[must_use]
    pub fn key(&self, account: &str, dates: Dates) -> EntryKey {
        let facts = EntryFacts {
            account,
            reference: self
                .bank_reference
                .as_ref()
                .map(|(element, text)| (*element, text.as_str())),
            booked_on: self.booked_on,
            value_on: self.value_on,
            amount: self.amount,
            end_to_end: self.end_to_end.as_deref(),
            customer: &self.customer_references,
            remittance: &self.remittance,
            counterparty: self.counterparty_account.as_deref(),
        };
        EntryKey::of(&facts, dates)
    }
}

/// How to know a provider's netted payout of money that was counted when each payment was confirmed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SettlementRule {
    /// Parts of the payer's name, capitals and digits: `PAYU`.
    pub names: Vec<String>,
    /// Accounts of the payer, capitals and digits.
    pub accounts: Vec<String>,
    /// Parts of the remittance text, capitals and digits: `LIQUIDACIONPAYU`.
    pub texts: Vec<String>,
}

impl SettlementRule {
    /// The rule of these settings; separators and case do not count.
    #[must_use]
    pub fn new(names: &[String], accounts: &[String], texts: &[String]) -> Self {
        let all = |texts: &[String]| {
            texts
                .iter()
                .map(|text| normalise(text))
                .filter(|text| !text.is_empty())
                .collect()
        };
        Self {
            names: all(names),
            accounts: all(accounts),
            texts: all(texts),
        }
    }

    /// Whether this credit is a payout.
    #[must_use]
    pub fn is_payout(&self, entry: &BankEntry) -> bool {
        let holds = |parts: &[String], text: &str| {
            let text = normalise(text);
            parts.iter().any(|part| text.contains(part.as_str()))
        };
        let account = entry.counterparty_account.as_deref().map(normalise);
        holds(&self.names, entry.counterparty_name.as_deref().unwrap_or_default())
            || account.is_some_and(|account| self.accounts.contains(&account))
            || (!self.texts.is_empty() && holds(&self.texts, &entry.remittance))
    }
}

/// What to do with an entry.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Class {
    /// Money came in.
    Payment,
    /// A provider's payout: money that was counted already.
    Settlement,
    /// Money came in, and no reference of it may decide whose it is: a batch total, or an own debit that came back.
    Unassignable,
    /// A debit that takes a payment back, if that payment is known; else outgoing.
    Reversal,
    /// Any other debit.
    Outgoing,
    /// Not on the books: kept and shown.
    Shown,
    /// Nothing moved.
    Zero,
}

/// Classifies an entry. The sign of the amount is the real direction; `RvslInd` does not flip it (SIX camt guidelines,
/// p. 43).
#[must_use]
pub fn classify(entry: &BankEntry, settlement: &SettlementRule) -> Class {
    if entry.status != Status::Booked {
        return Class::Shown;
    }
    match entry.amount.minor() {
        0 => Class::Zero,
        minor if minor < 0 => {
            if entry.reversal || entry.returned.is_some() {
                Class::Reversal
            } else {
                Class::Outgoing
            }
        }
        _ if settlement.is_payout(entry) => Class::Settlement,
        _ if entry.batch || entry.reversal => Class::Unassignable,
        _ => Class::Payment,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use kernel::Currency;

    use super::*;

    pub(crate) fn entry(minor: i64) -> BankEntry {
        let on = BusinessDate::parse("2026-11-02").ok();
        BankEntry {
            place: "1/1".into(),
            status: Status::Booked,
            amount: Money::new(minor, Currency::RON),
            reversal: false,
            batch: false,
            booked_on: on,
            value_on: on,
            bank_reference: None,
            end_to_end: None,
            customer_references: String::new(),
            references: Vec::new(),
            own_references: Vec::new(),
            batch_names: Vec::new(),
            dated: true,
            lump: false,
            structured: Vec::new(),
            free_text: Vec::new(),
            remittance: String::new(),
            counterparty_name: None,
            counterparty_account: None,
            returned: None,
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn what_an_entry_is() {
        let rule = SettlementRule::new(&["PayU ".into()], &["co 12-3".into()], &["liquidacion payu".into()]);
        let cases = [
            (entry(5), Class::Payment),
            (entry(0), Class::Zero),
            (entry(-5), Class::Outgoing),
            (
                BankEntry {
                    reversal: true,
                    ..entry(-5)
                },
                Class::Reversal,
            ),
            (
                BankEntry {
                    returned: Some("AC04".into()),
                    ..entry(-5)
                },
                Class::Reversal,
            ),
            (
                BankEntry {
                    reversal: true,
                    ..entry(5)
                },
                Class::Unassignable,
            ),
            (
                BankEntry {
                    batch: true,
                    ..entry(5)
                },
                Class::Unassignable,
            ),
            (
                BankEntry {
                    status: Status::Pending,
                    ..entry(5)
                },
                Class::Shown,
            ),
            (
                BankEntry {
                    status: Status::Info,
                    ..entry(-5)
                },
                Class::Shown,
            ),
            (
                BankEntry {
                    counterparty_name: Some("PAYU Colombia SAS".into()),
                    ..entry(5)
                },
                Class::Settlement,
            ),
            (
                BankEntry {
                    counterparty_account: Some("CO123".into()),
                    ..entry(5)
                },
                Class::Settlement,
            ),
            (
                BankEntry {
                    remittance: "Liquidación; LIQUIDACION PAYU 44".into(),
                    ..entry(5)
                },
                Class::Settlement,
            ),
            (
                BankEntry {
                    counterparty_name: Some("PAYU Colombia SAS".into()),
                    ..entry(-5)
                },
                Class::Outgoing,
            ),
            (
                BankEntry {
                    remittance: "pay u back".into(),
                    counterparty_name: Some("Pay".into()),
                    ..entry(5)
                },
                Class::Payment,
            ),
        ];
        for (entry, expected) in cases {
            assert_eq!(classify(&entry, &rule), expected, "{entry:?}");
        }
        assert_eq!(classify(&entry(5), &SettlementRule::default()), Class::Payment);
    }
}
