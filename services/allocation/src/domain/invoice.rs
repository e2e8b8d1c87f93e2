//! What an invoice's messages make of its instalments.
//!
//! An invoice's messages arrive in the order in which they were made (one topic, one key), so its state after each of them
//! is fixed however they mix with other facts. A fact of an invoice therefore carries its terms before and after.

use contracts::{CreditNoteIssued, InvoiceCancelled, InvoiceIssued};
use kernel::{AccountId, BusinessDate, CreditNoteId, InvoiceId, ItemId};
use serde::{Deserialize, Serialize};

/// What is owed by one instalment, and when. Amounts in minor units of the account's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The open item.
    pub item_id: ItemId,
    /// Its invoice.
    pub invoice_id: InvoiceId,
    /// The invoice's number as printed.
    pub invoice_number: String,
    /// From 1.
    pub instalment: u16,
    /// Day of issue of the invoice.
    pub issued_on: BusinessDate,
    /// Day on which it is due.
    pub due_on: BusinessDate,
    /// What the invoice charges; 0 once cancelled, or when a correction dropped the instalment.
    pub charged_minor: i64,
    /// What credit notes take off; at most `charged_minor`.
    pub credited_minor: i64,
}

impl Terms {
    /// What is owed before any payment.
    #[must_use]
    pub fn amount_minor(&self) -> i64 {
        self.charged_minor.saturating_sub(self.credited_minor)
    }
}

/// A credit note that lessens an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The credit note.
    pub credit_note_id: CreditNoteId,
    /// The source's version of it.
    pub version: i64,
    /// By how much it lessens the invoice, in minor units.
    pub amount_minor: i64,
}

/// An invoice after its last message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Its account.
    pub account_id: AccountId,
    /// Its number as printed.
    pub number: String,
    /// The source's version.
    pub version: i64,
    /// Nothing is owed by it.
    pub cancelled: bool,
    /// Its credit notes; without effect while it is cancelled.
    pub notes: Vec<Note>,
    /// Its instalments, also those that a correction dropped.
    pub terms: Vec<Terms>,
}

/// Why an invoice's message breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It changes an invoice that was never issued.
    #[error("invoice {0} is not known: its issue comes first")]
    Unknown(InvoiceId),
    /// The invoice is another account's.
    #[error("invoice {0} belongs to another account")]
    OtherAccount(InvoiceId),
    /// No instalment, or one number twice.
    #[error("instalments must be numbered, each number once, and there must be at least one")]
    Instalments,
    /// Instalments do not sum to the total.
    #[error("the instalments sum to {sum} minor units, the invoice says {total}")]
    Sum {
        /// Of the instalments.
        sum: i128,
        /// Of the invoice.
        total: i64,
    },
    /// An amount that must be positive is not.
    #[error("an amount of {0} minor units: it must be positive")]
    NotPositive(i64),
    /// Credit notes take off more than the invoice charges.
    #[error("credit notes of {credited} minor units exceed the invoice's {charged}")]
    CreditedBeyond {
        /// Of all notes together.
        credited: i128,
        /// Of the invoice.
        charged: i128,
    },
}

impl Refused {
    /// The rule's stable name.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown-invoice",
            Self::OtherAccount(_) => "invoice-of-another-account",
            Self::Instalments => "instalments",
            Self::Sum { .. } => "instalments-sum",
            Self::NotPositive(_) => "amount-not-positive",
            Self::CreditedBeyond { .. } => "credited-beyond-invoice",
        }
    }
}

impl Invoice {
    /// The invoice as issued or corrected; `None` when this version is not newer than what is known.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn revised(current: Option<&Self>, new: &InvoiceIssued) -> Result<Option<Self>, Refused> {
        if let Some(known) = current {
            known.of_account(new.account_id)?;
            if new.version <= known.version {
                return Ok(None);
            }
        }
        let mut terms = instalments(new)?;
        for old in current.into_iter().flat_map(|known| &known.terms) {
            if !terms.iter().any(|new| new.item_id == old.item_id) {
                terms.push(Terms {
                    charged_minor: 0,
                    credited_minor: 0,
                    issued_on: new.issued_on,
                    ..old.clone()
                });
            }
        }
        let notes = current.map(|known| known.notes.clone()).unwrap_or_default();
        let invoice = Self {
            invoice_id: new.invoice_id,
            account_id: new.account_id,
            number: new.number.clone(),
            version: new.version,
            cancelled: false,
            notes,
            terms,
        };
        invoice.with_notes_spread().map(Some)
    }

    /// The invoice once cancelled: nothing is charged, and its credit notes have nothing to lessen.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn cancelled(current: Option<&Self>, message: &InvoiceCancelled) -> Result<Option<Self>, Refused> {
        let known = current.ok_or(Refused::Unknown(message.invoice_id))?;
        known.of_account(message.account_id)?;
        if message.version <= known.version {
            return Ok(None);
        }
        let none = |terms: &Terms| Terms {
            charged_minor: 0,
            credited_minor: 0,
            ..terms.clone()
        };
        let terms = known.terms.iter().map(none).collect();
        Ok(Some(Self {
            version: message.version,
            cancelled: true,
            terms,
            ..known.clone()
        }))
    }

    /// The invoice lessened by a credit note, or by a newer version of one.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn credited(current: Option<&Self>, message: &CreditNoteIssued) -> Result<Option<Self>, Refused> {
        let known = current.ok_or(Refused::Unknown(message.invoice_id))?;
        known.of_account(message.account_id)?;
        if message.amount_minor <= 0 {
            return Err(Refused::NotPositive(message.amount_minor));
        }
        let newest = known
            .notes
            .iter()
            .find(|note| note.credit_note_id == message.credit_note_id);
        if newest.is_some_and(|note| message.version <= note.version) {
            return Ok(None);
        }
        let mut invoice = known.clone();
        invoice
            .notes
            .retain(|note| note.credit_note_id != message.credit_note_id);
        invoice.notes.push(Note {
            credit_note_id: message.credit_note_id,
            version: message.version,
            amount_minor: message.amount_minor,
        });
        invoice.with_notes_spread().map(Some)
    }

    fn of_account(&self, account: AccountId) -> Result<(), Refused> {
        if self.account_id == account {
            Ok(())
        } else {
            Err(Refused::OtherAccount(self.invoice_id))
        }
    }

    /// Credit notes lessen the instalment that is due last first: what is due soon stays due, and a debtor who was promised
    /// less pays less at the end.
    fn with_notes_spread(mut self) -> Result<Self, Refused> {
        let credited: i128 = self.notes.iter().map(|note| i128::from(note.amount_minor)).sum();
        let charged: i128 = self.terms.iter().map(|terms| i128::from(terms.charged_minor)).sum();
        if credited > charged {
            return Err(Refused::CreditedBeyond { credited, charged });
        }
        self.terms
            .sort_by_key(|terms| std::cmp::Reverse((terms.due_on, terms.instalment)));
        let mut rest = credited;
        for terms in &mut self.terms {
            let part = rest.min(i128::from(terms.charged_minor));
            terms.credited_minor = i64::try_from(part).unwrap_or(terms.charged_minor);
            rest -= part;
        }
        self.terms.sort_by_key(|terms| terms.instalment);
        Ok(self)
    }
}

/// One item per instalment; their amounts must be positive and sum to the total.
fn instalments(new: &InvoiceIssued) -> Result<Vec<Terms>, Refused> {
    let mut terms: Vec<Terms> = Vec::with_capacity(new.instalments.len());
    for instalment in &new.instalments {
        if instalment.amount_minor <= 0 {
            return Err(Refused::NotPositive(instalment.amount_minor));
        }
        if terms.iter().any(|earlier| earlier.instalment == instalment.number) {
            return Err(Refused::Instalments);
        }
        terms.push(Terms {
            item_id: ItemId::derive(new.invoice_id, u32::from(instalment.number)),
            invoice_id: new.invoice_id,
            invoice_number: new.number.clone(),
            instalment: instalment.number,
            issued_on: new.issued_on,
            due_on: instalment.due_on,
            charged_minor: instalment.amount_minor,
            credited_minor: 0,
        });
    }
    if terms.is_empty() {
        return Err(Refused::Instalments);
    }
    let sum: i128 = terms.iter().map(|terms| i128::from(terms.charged_minor)).sum();
    if sum != i128::from(new.total_minor) {
        return Err(Refused::Sum {
            sum,
            total: new.total_minor,
        });
    }
    Ok(terms)
}
