//! A creditor's body.

use contracts::{CreditorBankAccount, Letterhead, ProviderMerchant};
use kernel::{BusinessDate, Currency, Jurisdiction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::{AccountNumber, CutOff, Kind, LagDays, Region, Sentence, Version, Word, Zone};
use crate::domain::Creditor;

/// A legal entity that is owed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditorBody {
    /// The source's version of this creditor.
    pub version: Version,
    /// Registered name.
    pub name: Sentence,
    /// Country whose law applies: ISO 3166-1 alpha-2, one whose holidays are known (RO, CO).
    #[schema(value_type = String, pattern = "^[A-Z]{2}$")]
    pub jurisdiction: Jurisdiction,
    /// Region with holidays of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Time zone of its business day.
    pub time_zone: Zone,
    /// Local time at which its business day ends.
    pub cut_off: CutOff,
    /// ISO 4217 code of its home currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// First day that counts for it. Where none is given: the day that is open in its calendar, today for a new calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub first_on: Option<BusinessDate>,
    /// Bank accounts on which it is paid; none may be another creditor's.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub bank_accounts: Vec<BankAccountBody>,
    /// Merchant accounts through which it is paid; none may be another creditor's.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub merchants: Vec<MerchantBody>,
    /// What stands at the head of its letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letterhead: Option<LetterheadBody>,
}

/// An account of the creditor with a bank.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankAccountBody {
    /// IBAN, or the local account number where the country has no IBAN.
    pub number: AccountNumber,
    /// ISO 4217 code of the account's currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// The bank's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_name: Option<Word>,
    /// First day from which statements are expected.
    #[schema(value_type = String, format = Date)]
    pub first_on: BusinessDate,
    /// Country whose banking days the bank works by; the creditor's jurisdiction where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{2}$")]
    pub banking_calendar: Option<Jurisdiction>,
    /// Banking days that the feed may lag behind; 1 where none is given: covered through the banking day before.
    #[serde(default = "one")]
    pub lag_days: LagDays,
    /// Leading characters that all virtual account numbers behind this account share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_prefix: Option<Word>,
}

/// A merchant account with a payment provider.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MerchantBody {
    /// The provider: `payu-latam`.
    pub provider: Kind,
    /// Merchant id as the provider writes it.
    pub merchant_id: Word,
    /// ISO 4217 code of the merchant account's currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
}

/// What stands at the head of the creditor's letters.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LetterheadBody {
    /// Name and postal address, one line each.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub lines: Vec<Sentence>,
    /// Tax id as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<Word>,
    /// Telephone number as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Word>,
    /// E-mail address as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Word>,
    /// Web address as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Word>,
}

const fn one() -> LagDays {
    LagDays::ONE
}

impl CreditorBody {
    /// The domain's form of it.
    #[must_use]
    pub fn state(self, code: &str) -> Creditor {
        let jurisdiction = self.jurisdiction;
        let bank_account = |account: BankAccountBody| CreditorBankAccount {
            number: account.number.into(),
            currency: account.currency,
            bank_name: account.bank_name.map(String::from),
            first_on: account.first_on,
            banking_calendar: account.banking_calendar.unwrap_or(jurisdiction).to_string(),
            lag_days: account.lag_days.get(),
            virtual_prefix: account.virtual_prefix.map(String::from),
        };
        let merchant = |merchant: MerchantBody| ProviderMerchant {
            provider: merchant.provider.into(),
            merchant_id: merchant.merchant_id.into(),
            currency: merchant.currency,
        };
        let letterhead = |head: LetterheadBody| Letterhead {
            lines: head.lines.into_iter().map(String::from).collect(),
            tax_id: head.tax_id.map(String::from),
            phone: head.phone.map(String::from),
            email: head.email.map(String::from),
            web: head.web.map(String::from),
        };
        Creditor {
            code: code.to_owned(),
            version: self.version.get(),
            name: self.name.into(),
            jurisdiction,
            region: self.region.map(String::from),
            time_zone: self.time_zone.into(),
            cut_off: self.cut_off.into(),
            currency: self.currency,
            first_on: self.first_on,
            bank_accounts: self.bank_accounts.into_iter().map(bank_account).collect(),
            merchants: self.merchants.into_iter().map(merchant).collect(),
            letterhead: self.letterhead.map(letterhead),
        }
    }
}
