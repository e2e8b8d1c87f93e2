//! Creditors.

use kernel::{BusinessDate, CalendarId, CreditorId, Currency};
use serde::{Deserialize, Serialize};

use crate::message::message;

/// An account of the creditor with a bank, on which debtors pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditorBankAccount {
    /// IBAN without blanks, or the local account number where the country has no IBAN.
    pub number: String,
    /// ISO 4217 code of the account's currency.
    pub currency: Currency,
    /// The bank's name, for people.
    #[serde(default)]
    pub bank_name: Option<String>,
    /// First day from which statements are expected.
    pub first_on: BusinessDate,
    /// Country whose banking days the bank works by: ISO 3166-1 alpha-2, e.g. `RO`.
    pub banking_calendar: String,
    /// Banking days that the feed may lag behind; 1 means covered through the banking day before.
    pub lag_days: u16,
    /// Leading characters that all virtual account numbers behind this account share; null without virtual
    /// accounts.
    #[serde(default)]
    pub virtual_prefix: Option<String>,
}

/// The creditor's merchant account with a payment provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderMerchant {
    /// The provider's name in kebab case: `payu-latam`.
    pub provider: String,
    /// Merchant id as the provider writes it.
    pub merchant_id: String,
    /// ISO 4217 code of the merchant account's currency.
    pub currency: Currency,
}

/// What stands at the head of the creditor's letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letterhead {
    /// Name and postal address, one line each.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Tax id as printed, e.g. `RO1234567`.
    #[serde(default)]
    pub tax_id: Option<String>,
    /// Telephone number as printed.
    #[serde(default)]
    pub phone: Option<String>,
    /// E-mail address as printed.
    #[serde(default)]
    pub email: Option<String>,
    /// Web address as printed.
    #[serde(default)]
    pub web: Option<String>,
}

/// The whole state of a creditor, at registration and at each change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditorRegistered {
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The creditor's short code in URLs, e.g. `enel-ro`; `creditor_id` is derived from it.
    pub code: String,
    /// The source's version of this object; it only rises. A lower one is older news.
    pub version: i64,
    /// Registered name of the legal entity.
    pub name: String,
    /// Country whose law applies: ISO 3166-1 alpha-2, e.g. `RO`.
    pub jurisdiction: String,
    /// Region with holidays of its own: ISO 3166-2, e.g. `ES-CT`; null when national holidays are all.
    #[serde(default)]
    pub region: Option<String>,
    /// IANA name of the time zone of its business day, e.g. `Europe/Bucharest`.
    pub time_zone: String,
    /// Local time at which its business day ends, `HH:MM`, e.g. `17:00`.
    pub cut_off: String,
    /// ISO 4217 code of its home currency.
    pub currency: Currency,
    /// Its calendar, made of jurisdiction, cut-off and time zone.
    pub calendar: CalendarId,
    /// First day of its calendar that counts for it.
    pub first_on: BusinessDate,
    /// Bank accounts on which it is paid.
    #[serde(default)]
    pub bank_accounts: Vec<CreditorBankAccount>,
    /// Merchant accounts through which it is paid.
    #[serde(default)]
    pub merchants: Vec<ProviderMerchant>,
    /// What stands at the head of its letters; null until given.
    #[serde(default)]
    pub letterhead: Option<Letterhead>,
}

message!(CreditorRegistered, key = creditor_id);
