//! Invoices and credit notes.

use kernel::{AccountId, BusinessDate, CreditNoteId, CreditorId, Currency, InvoiceId, PlaceId};
use serde::{Deserialize, Serialize};

use crate::message::{message, twins};

/// A part of an invoice with a due date of its own; each becomes one open item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// 1 for the first; unique in the invoice.
    pub number: u16,
    /// Day on which it is due.
    pub due_on: BusinessDate,
    /// Its amount in minor units; positive.
    pub amount_minor: i64,
}

/// One line of an invoice or credit note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// 1 for the first; unique in the document.
    pub number: u16,
    /// The consumption place it is for.
    #[serde(default)]
    pub place_id: Option<PlaceId>,
    /// What was sold: `electricity`, `magazine` …
    #[serde(default)]
    pub product: Option<String>,
    /// Kind of debt for the law: `consumption`, `penalty`, `reconnection`, `goods` …
    #[serde(default)]
    pub debt_kind: Option<String>,
    /// First day of the service period, inclusive.
    #[serde(default)]
    pub period_from_on: Option<BusinessDate>,
    /// Last day of the service period, inclusive.
    #[serde(default)]
    pub period_to_on: Option<BusinessDate>,
    /// Amount with tax, in minor units of the document's currency; negative for a deduction.
    pub amount_minor: i64,
    /// The tax contained in `amount_minor`, in minor units.
    pub tax_minor: i64,
}

/// Interest on late payment that the contract agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractualInterest {
    /// Rate per year in percent, decimal text with a point, e.g. `8.25`.
    pub annual_rate: String,
    /// Day count or reference rate that the contract names, e.g. `actual/365`; null for the law's own.
    #[serde(default)]
    pub basis: Option<String>,
}

twins! {
    /// An invoice is owed: its whole state.
    InvoiceIssued,
    /// The whole new state of an invoice after a correction; fields as in InvoiceIssued. What was settled is
    /// withdrawn and settled again.
    InvoiceCorrected {
        /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
        pub invoice_id: InvoiceId,
        /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
        pub account_id: AccountId,
        /// The legal entity that is owed, UUIDv5 of its code.
        pub creditor_id: CreditorId,
        /// The ERP's own id of the invoice.
        pub external_id: String,
        /// Invoice number as printed, which debtors name when paying.
        pub number: String,
        /// The source's version of this object; it only rises. A lower one is older news.
        pub version: i64,
        /// Day of issue, as printed on the document.
        pub issued_on: BusinessDate,
        /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
        pub currency: Currency,
        /// Total with tax, in minor units: the sum of the instalments.
        pub total_minor: i64,
        /// At least one; their amounts sum to `total_minor`.
        #[serde(default)]
        pub instalments: Vec<Instalment>,
        /// What it is for, line by line; may be empty.
        #[serde(default)]
        pub lines: Vec<InvoiceLine>,
        /// Contractual interest; null when only the law's applies.
        #[serde(default)]
        pub interest: Option<ContractualInterest>,
        /// References that lead to this invoice and no other.
        #[serde(default)]
        pub payment_references: Vec<String>,
        /// An earlier invoice that this one replaces; null otherwise.
        #[serde(default)]
        pub corrects: Option<InvoiceId>,
        /// Why it was corrected, in the ERP's words; null on issue.
        #[serde(default)]
        pub reason: Option<String>,
    }
}

/// An invoice is void: nothing is owed by it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceCancelled {
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The source's version of this object; it only rises. A lower one is older news.
    pub version: i64,
    /// Day on which it was cancelled.
    pub cancelled_on: BusinessDate,
    /// Why, in the ERP's words; null when it says nothing.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A credit note lessens what one invoice owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNoteIssued {
    /// The credit note, UUIDv5 of the creditor and the ERP's own id of it.
    pub credit_note_id: CreditNoteId,
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The ERP's own id of the credit note.
    pub external_id: String,
    /// Number of the credit note, as printed.
    pub number: String,
    /// The source's version of this object; it only rises. A lower one is older news.
    pub version: i64,
    /// Day of issue, as printed on the document.
    pub issued_on: BusinessDate,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// By how much it lessens the invoice, in minor units; positive.
    pub amount_minor: i64,
    /// What it is for, line by line; may be empty.
    #[serde(default)]
    pub lines: Vec<InvoiceLine>,
    /// Why, in the ERP's words; null when it says nothing.
    #[serde(default)]
    pub reason: Option<String>,
}

message!(InvoiceIssued, key = account_id);
message!(InvoiceCorrected, key = account_id);
message!(InvoiceCancelled, key = account_id);
message!(CreditNoteIssued, key = account_id);
