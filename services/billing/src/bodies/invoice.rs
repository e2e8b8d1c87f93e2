//! An invoice's or credit note's body.

use contracts::{ContractualInterest, CreditNoteIssued, Instalment, InvoiceIssued, InvoiceLine};
use kernel::{AccountId, BusinessDate, CreditNoteId, Currency, InvoiceId, PlaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::{Amount, ExternalId, Kind, Number, Percent, Reference, Sentence, SignedAmount, Version, Word};
use super::{Body, Owner};
use crate::domain::{Cancellation, CreditNote, Document, FieldError, Findings, Invoice};

/// An invoice or a credit note. Invoices: at least one instalment, no `credits`. Credit notes: `credits`, and no
/// `instalments`, `interest`, `payment_references`, `corrects`; their `total_minor` lessens the credited invoice.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceBody {
    /// The ERP's version of this document.
    pub version: Version,
    /// What it is; an invoice where nothing is said.
    #[serde(rename = "type", default)]
    pub document_type: DocumentType,
    /// Whether it counts. A cancelled invoice is void for good.
    #[serde(default)]
    pub status: DocumentStatus,
    /// External id of its account, which must have been sent before.
    pub account: ExternalId,
    /// Number as printed, which debtors name when paying.
    pub number: Word,
    /// Day of issue.
    #[schema(value_type = String, format = Date)]
    pub issued_on: BusinessDate,
    /// ISO 4217 code of all amounts: the account's currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// Total with tax in minor units: the sum of the instalments, and of net and tax of the lines.
    pub total_minor: Amount,
    /// When what is due. Their numbers must stay the same over versions: each is one open item.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub instalments: Vec<InstalmentBody>,
    /// What it is for; may be left out.
    #[serde(
        default,
        deserialize_with = "super::fields::many_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 1000)]
    pub lines: Vec<LineBody>,
    /// Interest on late payment that the contract agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interest: Option<InterestBody>,
    /// References that lead to this invoice's account and no other.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub payment_references: Vec<Reference>,
    /// External id of an earlier invoice of the account that this one replaces: that one becomes void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<ExternalId>,
    /// External id of the invoice that this credit note lessens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<ExternalId>,
    /// Day of cancellation; where none is given, the day on which it is received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub cancelled_on: Option<BusinessDate>,
    /// Why it was corrected, cancelled or credited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Sentence>,
}

/// What a document is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentType {
    /// Asks for money.
    #[default]
    Invoice,
    /// Lessens what an invoice asks for.
    CreditNote,
}

/// Whether a document counts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// It counts.
    #[default]
    Issued,
    /// It is void.
    Cancelled,
}

/// A part of an invoice with a due date of its own.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstalmentBody {
    /// Number in the invoice; its place in the list where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// Day on which it is due.
    #[schema(value_type = String, format = Date)]
    pub due_on: BusinessDate,
    /// Amount with tax.
    pub amount_minor: Amount,
}

/// One line.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    /// Number in the document; its place in the list where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// External id of the consumption place it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ExternalId>,
    /// What was sold: `electricity`, `magazine` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Kind>,
    /// Kind of debt for the law: `consumption`, `penalty`, `reconnection`, `goods` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debt_kind: Option<Kind>,
    /// First day of the service period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub period_from_on: Option<BusinessDate>,
    /// Last day of the service period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub period_to_on: Option<BusinessDate>,
    /// Amount without tax; negative for a deduction.
    pub net_minor: SignedAmount,
    /// The tax on it; 0 where none is given.
    #[serde(default = "nothing")]
    pub tax_minor: SignedAmount,
}

/// Interest on late payment that the contract agrees.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterestBody {
    /// Percent per year.
    pub annual_rate: Percent,
    /// Day count or reference rate that the contract names: `actual/365`; the law's own where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Word>,
}

const fn nothing() -> SignedAmount {
    SignedAmount::ZERO
}

/// Place in the list, from 1; lists are shorter than 65,535.
fn place(n: usize) -> u16 {
    u16::try_from(n.saturating_add(1)).unwrap_or(u16::MAX)
}

impl InvoiceBody {
    fn check_together(&self) -> Result<(), Vec<FieldError>> {
        let mut findings = Findings::default();
        let is_note = self.document_type == DocumentType::CreditNote;
        let mut only_invoices = |absent: bool, pointer: &str| {
            findings.require(!is_note || absent, pointer, "not-allowed", "a credit note has none");
        };
        only_invoices(self.instalments.is_empty(), "/instalments");
        only_invoices(self.interest.is_none(), "/interest");
        only_invoices(self.payment_references.is_empty(), "/payment_references");
        only_invoices(self.corrects.is_none(), "/corrects");
        let cancelled = self.status == DocumentStatus::Cancelled;
        let detail = "a credit note is final; an invoice for the amount takes it back";
        findings.require(!is_note || !cancelled, "/status", "not-allowed", detail);
        findings.require(
            !is_note || self.credits.is_some(),
            "/credits",
            "required",
            "which invoice it lessens",
        );
        findings.require(
            is_note || self.credits.is_none(),
            "/credits",
            "not-allowed",
            "only a credit note credits",
        );
        let detail = "only with status cancelled";
        findings.require(
            cancelled || self.cancelled_on.is_none(),
            "/cancelled_on",
            "not-allowed",
            detail,
        );
        findings.into_result()
    }

    fn event_lines(&mut self, owner: Owner<'_>) -> Vec<InvoiceLine> {
        let line = |(n, line): (usize, LineBody)| InvoiceLine {
            number: line.number.map_or_else(|| place(n), Number::get),
            place_id: line.place.map(|id| PlaceId::derive(owner.creditor_id, id.as_str())),
            product: line.product.map(String::from),
            debt_kind: line.debt_kind.map(String::from),
            period_from_on: line.period_from_on,
            period_to_on: line.period_to_on,
            // Both are bounded by AMOUNT_MAX.
            amount_minor: line.net_minor.get().saturating_add(line.tax_minor.get()),
            tax_minor: line.tax_minor.get(),
        };
        std::mem::take(&mut self.lines)
            .into_iter()
            .enumerate()
            .map(line)
            .collect()
    }

    fn credit_note(mut self, external_id: &str, owner: Owner<'_>) -> CreditNote {
        let lines = self.event_lines(owner);
        let credits = self.credits.as_ref().map_or("", ExternalId::as_str);
        CreditNote {
            document_id: InvoiceId::derive(owner.creditor_id, external_id),
            state: CreditNoteIssued {
                credit_note_id: CreditNoteId::derive(owner.creditor_id, external_id),
                invoice_id: InvoiceId::derive(owner.creditor_id, credits),
                account_id: AccountId::derive(owner.creditor_id, self.account.as_str()),
                creditor_id: owner.creditor_id,
                external_id: external_id.to_owned(),
                number: self.number.into(),
                version: self.version.get(),
                issued_on: self.issued_on,
                currency: self.currency,
                amount_minor: self.total_minor.get(),
                lines,
                reason: self.reason.map(String::from),
            },
        }
    }

    fn invoice(mut self, external_id: &str, owner: Owner<'_>, today: BusinessDate) -> Invoice {
        let lines = self.event_lines(owner);
        let reason = self.reason.map(String::from);
        let instalment = |(n, instalment): (usize, InstalmentBody)| Instalment {
            number: instalment.number.map_or_else(|| place(n), Number::get),
            due_on: instalment.due_on,
            amount_minor: instalment.amount_minor.get(),
        };
        let interest = |interest: InterestBody| ContractualInterest {
            annual_rate: interest.annual_rate.into(),
            basis: interest.basis.map(String::from),
        };
        let cancelled = (self.status == DocumentStatus::Cancelled).then(|| Cancellation {
            on: self.cancelled_on.unwrap_or(today),
            reason: reason.clone(),
            replaced_by: None,
        });
        Invoice {
            state: InvoiceIssued {
                invoice_id: InvoiceId::derive(owner.creditor_id, external_id),
                account_id: AccountId::derive(owner.creditor_id, self.account.as_str()),
                creditor_id: owner.creditor_id,
                external_id: external_id.to_owned(),
                number: self.number.into(),
                version: self.version.get(),
                issued_on: self.issued_on,
                currency: self.currency,
                total_minor: self.total_minor.get(),
                instalments: self.instalments.into_iter().enumerate().map(instalment).collect(),
                lines,
                interest: self.interest.map(interest),
                payment_references: self.payment_references.into_iter().map(String::from).collect(),
                corrects: self
                    .corrects
                    .map(|id| InvoiceId::derive(owner.creditor_id, id.as_str())),
                reason,
            },
            cancelled,
            credited_minor: 0,
        }
    }
}

impl Body for InvoiceBody {
    const KIND: super::Kind = super::Kind::Invoice;
    type State = Document;

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    /// Decided by type and status alone.
    fn check(&self) -> Result<(), Vec<FieldError>> {
        self.check_together()
    }

    fn state(self, external_id: &str, owner: Owner<'_>) -> Document {
        match self.document_type {
            DocumentType::Invoice => Document::Invoice(self.invoice(external_id, owner, owner.today)),
            DocumentType::CreditNote => Document::CreditNote(self.credit_note(external_id, owner)),
        }
    }
}
