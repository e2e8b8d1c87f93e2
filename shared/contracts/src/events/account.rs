//! Contract accounts.

use kernel::{AccountId, BusinessDate, CalendarId, CreditorId, Currency, DebtorId};
use serde::{Deserialize, Serialize};

use crate::message::{message, twins};

twins! {
    /// A debtor's contract account with a creditor begins: its whole state.
    AccountOpened,
    /// The whole new state of an account after a change; fields as in AccountOpened.
    AccountChanged {
        /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
        pub account_id: AccountId,
        /// The legal entity that is owed, UUIDv5 of its code.
        pub creditor_id: CreditorId,
        /// The debtor whose contract account it is.
        pub debtor_id: DebtorId,
        /// The ERP's own id of the account.
        pub external_id: String,
        /// Account number as the debtor sees it on invoices and names it when paying.
        pub number: String,
        /// The source's version of this object; it only rises. A lower one is older news.
        pub version: i64,
        /// ISO 4217 code; an account has one currency for good.
        pub currency: Currency,
        /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
        /// `RO@17:00@Europe/Bucharest`.
        pub calendar: CalendarId,
        /// `B2B` (a business owes) or `B2C` (a consumer owes, with the consumer's protection).
        pub kind: String,
        /// The creditor's customer segment.
        #[serde(default)]
        pub segment: Option<String>,
        /// Importance, 1 (most patient) to 5 (strictest).
        pub level: u8,
        /// Portfolio that the account belongs to.
        #[serde(default)]
        pub portfolio: Option<String>,
        /// User name of the analyst who looks after it.
        #[serde(default)]
        pub analyst: Option<String>,
        /// User name of the sales consultant to be told.
        #[serde(default)]
        pub sales_consultant: Option<String>,
        /// Debtors who owe the whole jointly.
        #[serde(default)]
        pub co_debtors: Vec<DebtorId>,
        /// Debtors who guarantee the debt; empty when there are none.
        #[serde(default)]
        pub guarantors: Vec<DebtorId>,
        /// Who pays instead of the debtor; null when the debtor pays.
        #[serde(default)]
        pub other_payer: Option<DebtorId>,
        /// References that lead to this account and no other, e.g. a contract number.
        #[serde(default)]
        pub payment_references: Vec<String>,
        /// Virtual account numbers that lead to this account and no other: IBANs without blanks or local numbers.
        #[serde(default)]
        pub virtual_accounts: Vec<String>,
        /// Day on which the account was opened.
        pub opened_on: BusinessDate,
    }
}

/// The contract account ends; what is owed stays owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountClosed {
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The source's version of this object; it only rises. A lower one is older news.
    pub version: i64,
    /// Day on which the account ended; what is owed is still collected.
    pub closed_on: BusinessDate,
}

message!(AccountOpened, key = account_id);
message!(AccountChanged, key = account_id);
message!(AccountClosed, key = account_id);
