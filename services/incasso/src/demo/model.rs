//! The made-up month: who owes what, what moved on bank accounts, what a payment provider said.

use std::collections::BTreeMap;

use kernel::{BusinessDate, Currency};
use serde::Serialize;

/// How much is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Accounts of the Romanian utility.
    pub romanian: usize,
    /// Accounts of the Colombian publisher.
    pub colombian: usize,
}

impl Size {
    /// The demo's: 20,000 accounts, 30,000 invoices, about 25,000 payments.
    pub const DEMO: Self = Self {
        romanian: 15_000,
        colombian: 5_000,
    };
}

/// A creditor and what is fixed about it.
#[derive(Clone, Debug)]
pub struct Firm {
    /// Code in paths and tokens.
    pub code: &'static str,
    /// Registered name.
    pub name: &'static str,
    /// Currency of everything.
    pub currency: Currency,
    /// `RO`, `CO`.
    pub jurisdiction: &'static str,
    /// IANA zone.
    pub zone: &'static str,
    /// Its bank account: IBAN or local number.
    pub bank_account: String,
    /// Its bank.
    pub bank: &'static str,
    /// Its merchant at PayU LatAm.
    pub merchant: Option<&'static str>,
    /// Letters before invoice numbers.
    pub series: &'static str,
    /// Digits of an invoice's running number.
    pub digits: usize,
    /// First account number.
    pub first_account: usize,
    /// Version of camt.053 that its bank writes: `02`, `08`.
    pub camt: &'static str,
}

impl Firm {
    /// Its calendar, as billing names it.
    #[must_use]
    pub fn calendar(&self) -> String {
        format!("{}@17:00@{}", self.jurisdiction, self.zone)
    }
}

/// A contract account.
#[derive(Clone, Debug)]
pub struct Account {
    /// As printed.
    pub number: String,
    /// Who owes.
    pub name: String,
    /// From where the debtor pays.
    pub iban: String,
    /// A firm.
    pub firm: bool,
}

/// An invoice, as first sent.
#[derive(Clone, Debug)]
pub struct Invoice {
    /// As printed; also the ERP's id.
    pub number: String,
    /// Index of its account.
    pub account: usize,
    /// Day of issue.
    pub issued_on: BusinessDate,
    /// Day on which it is sent to billing.
    pub sent_on: BusinessDate,
    /// Day on which it is due.
    pub due_on: BusinessDate,
    /// Total.
    pub total_minor: i64,
    /// ISO 11649 reference.
    pub rf: String,
}

/// What a line to billing says beyond the first version of each invoice.
#[derive(Clone, Debug)]
pub enum Change {
    /// The same invoice in version 2 with another total.
    Corrected { invoice: usize, total_minor: i64 },
    /// Version 2, void.
    Cancelled { invoice: usize },
    /// A credit note.
    Credited { invoice: usize, amount_minor: i64 },
    /// Version 1 once more, as it was.
    Again { invoice: usize },
    /// An invoice of an account that nobody knows: refused.
    Stray,
}

/// What a movement must come to, for `expected.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// New money for accounts (index, amount); the rest is unidentified.
    Paid(Vec<(usize, i64)>),
    /// New money without a usable reference from this account's own bank account: the known payer's, once he is known.
    Nameless(usize),
    /// Money that the provider told of first or tells of later: counted once.
    Twin,
    /// A provider's netted payout.
    Settlement,
    /// Takes back what was paid to the account.
    Reversal(usize),
    /// Goes out.
    Outgoing,
}

/// A movement on a bank account.
#[derive(Clone, Debug)]
pub struct Movement {
    /// Booking and value date: a banking day.
    pub on: BusinessDate,
    /// Signed: plus is money in.
    pub amount_minor: i64,
    /// It undoes an earlier one.
    pub reversal: bool,
    /// The bank's reference; identical cash payments have none.
    pub servicer: Option<String>,
    /// The payer's reference.
    pub end_to_end: Option<String>,
    /// Name of the other side.
    pub party: String,
    /// Account of the other side.
    pub party_account: String,
    /// Free text.
    pub text: String,
    /// Creditor reference.
    pub structured: Option<String>,
    /// Shown as pending on the banking day before.
    pub pending_before: bool,
    /// What it comes to.
    pub effect: Effect,
}

/// One HTTP request of PayU.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// Path on ingestion.
    pub path: String,
    /// Media type of the body.
    pub content_type: &'static str,
    /// Raw form body.
    pub body: String,
}

/// A file from a bank, on the day on which it is sent.
#[derive(Clone, Debug)]
pub struct File {
    /// Name in the day's folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is special about it.
    pub note: &'static str,
}

/// What is sent on a day, in this order: lines to billing, notices and files to ingestion, then the day closes.
#[derive(Clone, Debug, Default)]
pub struct DayInputs {
    /// NDJSON by creditor.
    pub erp: BTreeMap<&'static str, Vec<u8>>,
    /// PayU's requests.
    pub notices: Vec<Notice>,
    /// Files, in order.
    pub files: Vec<File>,
}

/// The sums of one currency that the month must come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// New money in.
    pub received_minor: i64,
    /// The provider's netted payouts: not among it.
    pub settlement_minor: i64,
    /// Taken back.
    pub reversed_minor: i64,
    /// Of accounts at the month's end.
    pub assigned_minor: i64,
    /// Of nobody yet.
    pub unidentified_minor: i64,
    /// On items at the month's end.
    pub allocated_minor: i64,
    /// Beyond what is owed.
    pub credit_minor: i64,
    /// Seen again.
    pub seen_again_minor: i64,
    /// Debits that take nothing back.
    pub outgoing_minor: i64,
    /// Number of payments.
    pub payments: i64,
}

/// What the month must come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// By currency.
    pub currencies: BTreeMap<String, Sums>,
    /// Statements and files that must not be booked.
    pub quarantined: i64,
    /// Notices with a wrong signature.
    pub wrongly_signed: i64,
    /// Files whose very bytes came before.
    pub files_sent_again: i64,
    /// Notices whose very bytes came before.
    pub notices_sent_again: i64,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Month {
    /// The creditors.
    pub firms: Vec<Firm>,
    /// By day.
    pub days: BTreeMap<BusinessDate, DayInputs>,
    /// Accounts, over all creditors.
    pub accounts: usize,
    /// Invoices, over all creditors.
    pub invoices: usize,
    /// What it must come to.
    pub expected: Expected,
    /// Three payments worth explaining: creditor's code, invoice number, what it shows.
    pub shown: Vec<Shown>,
}

/// An invoice whose way is explained at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The creditor's code.
    pub creditor: &'static str,
    /// The invoice's number.
    pub invoice: String,
    /// What the case is.
    pub what: &'static str,
}
