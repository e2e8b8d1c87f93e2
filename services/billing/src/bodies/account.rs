//! A contract account's body.

use contracts::AccountOpened;
use kernel::{AccountId, BusinessDate, Currency, DebtorId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::{AccountNumber, ExternalId, Kind, Level, Reference, Sha256, Version, Word};
use super::{Body, Owner};
use crate::domain::{Account, Protection};

/// One debtor's contract account with the creditor, in one currency.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountBody {
    /// The ERP's version of this account.
    pub version: Version,
    /// External id of its debtor, who must have been sent before.
    pub debtor: ExternalId,
    /// Account number as the debtor sees it on invoices and names it when paying.
    pub number: Word,
    /// B2B or B2C.
    pub kind: AccountKind,
    /// ISO 4217 code, for good; the creditor's where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{3}$")]
    pub currency: Option<Currency>,
    /// The creditor's customer segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Word>,
    /// Importance, 1 (most patient) to 5 (strictest); 3 where none is given.
    #[serde(default = "middle")]
    pub level: Level,
    /// Portfolio that the account belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portfolio: Option<Word>,
    /// User name of the analyst who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analyst: Option<Word>,
    /// User name of the sales consultant to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_consultant: Option<Word>,
    /// External ids of debtors who owe the whole jointly.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub co_debtors: Vec<ExternalId>,
    /// External ids of debtors who guarantee the debt.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub guarantors: Vec<ExternalId>,
    /// External id of the debtor who pays instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_payer: Option<ExternalId>,
    /// Where refunds go: IBAN or local account number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_iban: Option<AccountNumber>,
    /// References that lead to this account and no other.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub payment_references: Vec<Reference>,
    /// Virtual account numbers that lead to this account and no other.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub virtual_accounts: Vec<AccountNumber>,
    /// What protects the whole account.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub protections: Vec<ProtectionBody>,
    /// Day on which it was opened.
    #[schema(value_type = String, format = Date)]
    pub opened_on: BusinessDate,
    /// Day on which it ended; what is owed stays owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub closed_on: Option<BusinessDate>,
}

/// Firm or consumer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AccountKind {
    /// The debtor is a firm.
    B2b,
    /// The debtor is a consumer.
    B2c,
}

/// What protects a place or an account from being cut or pressed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectionBody {
    /// `life_support`, `vulnerable_class`, `public_body` or another; an unknown kind protects too.
    pub kind: Kind,
    /// First day.
    #[schema(value_type = String, format = Date)]
    pub valid_from_on: BusinessDate,
    /// Last day; open-ended where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub valid_to_on: Option<BusinessDate>,
    /// SHA-256 of the document that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_sha256: Option<Sha256>,
}

impl From<ProtectionBody> for Protection {
    fn from(body: ProtectionBody) -> Self {
        Self {
            kind: body.kind.into(),
            valid_from_on: body.valid_from_on,
            valid_to_on: body.valid_to_on,
            evidence_sha256: body.evidence_sha256.map(String::from),
        }
    }
}

const fn middle() -> Level {
    Level::MIDDLE
}

impl Body for AccountBody {
    const KIND: super::Kind = super::Kind::Account;
    type State = Account;

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn state(self, external_id: &str, owner: Owner<'_>) -> Account {
        let debtor = |external_id: &ExternalId| DebtorId::derive(owner.creditor_id, external_id.as_str());
        Account {
            state: AccountOpened {
                account_id: AccountId::derive(owner.creditor_id, external_id),
                creditor_id: owner.creditor_id,
                debtor_id: debtor(&self.debtor),
                external_id: external_id.to_owned(),
                number: self.number.into(),
                version: self.version.get(),
                currency: self.currency.unwrap_or(owner.currency),
                calendar: owner.calendar.clone(),
                kind: match self.kind {
                    AccountKind::B2b => "B2B",
                    AccountKind::B2c => "B2C",
                }
                .to_owned(),
                segment: self.segment.map(String::from),
                level: self.level.get(),
                portfolio: self.portfolio.map(String::from),
                analyst: self.analyst.map(String::from),
                sales_consultant: self.sales_consultant.map(String::from),
                co_debtors: self.co_debtors.iter().map(debtor).collect(),
                guarantors: self.guarantors.iter().map(debtor).collect(),
                other_payer: self.other_payer.as_ref().map(debtor),
                payment_references: self.payment_references.into_iter().map(String::from).collect(),
                virtual_accounts: self.virtual_accounts.into_iter().map(String::from).collect(),
                opened_on: self.opened_on,
            },
            refund_account: self.refund_iban.map(String::from),
            closed_on: self.closed_on,
            protections: self.protections.into_iter().map(Protection::from).collect(),
        }
    }
}
