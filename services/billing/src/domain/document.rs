//! Invoices and credit notes: what comes through `PUT /v1/creditors/{creditor}/invoices/{external_id}`.
//!
//! | the ERP sends | what happens |
//! |---|---|
//! | an invoice, new | InvoiceIssued |
//! | the same, newer version, `status: issued` | InvoiceCorrected with the whole new state |
//! | the same, newer version, `status: cancelled` | InvoiceCancelled; for good |
//! | an invoice that `corrects` another | InvoiceCancelled of the other, then InvoiceIssued: it replaces it |
//! | a credit note that `credits` an invoice | CreditNoteIssued; together they never exceed the invoice |
//! | a credit note again, newer version | refused: a credit note is final, an invoice takes it back |

use std::collections::BTreeSet;

use contracts::{CreditNoteIssued, InvoiceCancelled, InvoiceIssued, InvoiceLine};
use kernel::{AccountId, BusinessDate, Currency, InvoiceId};

use super::event::{Event, Movement, MovementKind};
use super::findings::Findings;
use super::references::normalised;

/// An invoice or a credit note. Both share the ERP's external ids, so both are kept under an [`InvoiceId`].
#[derive(Clone, PartialEq)]
pub enum Document {
    /// Asks for money.
    Invoice(Invoice),
    /// Lessens what an invoice asks for.
    CreditNote(CreditNote),
}

/// An invoice's state.
#[derive(Clone, PartialEq)]
pub struct Invoice {
    /// What everybody may know.
    pub state: InvoiceIssued,
    /// Set once it is void.
    pub cancelled: Option<Cancellation>,
    /// Sum of the credit notes on it, 0 to its total.
    pub credited_minor: i64,
}

/// How an invoice ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// Day of cancellation.
    pub on: BusinessDate,
    /// Why, in the ERP's words.
    pub reason: Option<String>,
    /// The invoice that replaced it.
    pub replaced_by: Option<InvoiceId>,
}

/// A credit note's state.
#[derive(Clone, PartialEq)]
pub struct CreditNote {
    /// What the document is kept under.
    pub document_id: InvoiceId,
    /// What everybody may know.
    pub state: CreditNoteIssued,
}

impl Document {
    /// What it is kept under.
    #[must_use]
    pub const fn id(&self) -> InvoiceId {
        match self {
            Self::Invoice(invoice) => invoice.state.invoice_id,
            Self::CreditNote(note) => note.document_id,
        }
    }

    /// Its account.
    #[must_use]
    pub const fn account_id(&self) -> AccountId {
        match self {
            Self::Invoice(invoice) => invoice.state.account_id,
            Self::CreditNote(note) => note.state.account_id,
        }
    }

    /// Its currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        match self {
            Self::Invoice(invoice) => invoice.state.currency,
            Self::CreditNote(note) => note.state.currency,
        }
    }

    /// The invoice, if it is one.
    #[must_use]
    pub const fn as_invoice(&self) -> Option<&Invoice> {
        match self {
            Self::Invoice(invoice) => Some(invoice),
            Self::CreditNote(_) => None,
        }
    }

    /// Rules that concern more than one field.
    pub fn check(&self, findings: &mut Findings) {
        match self {
            Self::Invoice(invoice) => invoice.check(findings),
            Self::CreditNote(note) => {
                positive("/total_minor", note.state.amount_minor, findings);
                check_lines(&note.state.lines, note.state.amount_minor, findings);
            }
        }
    }
}

fn positive(pointer: &str, amount_minor: i64, findings: &mut Findings) {
    findings.require(amount_minor > 0, pointer, "positive", "the amount must be more than 0");
}

/// The sum, unless it is larger than any amount can be.
fn sum(amounts: impl Iterator<Item = i64>) -> Option<i64> {
    amounts.into_iter().try_fold(0_i64, i64::checked_add)
}

fn says(sum: Option<i64>) -> String {
    sum.map_or_else(|| "more than can be counted".to_owned(), |sum| sum.to_string())
}

fn check_lines(lines: &[InvoiceLine], total_minor: i64, findings: &mut Findings) {
    let mut numbers = BTreeSet::new();
    for (n, line) in lines.iter().enumerate() {
        let new = numbers.insert(line.number);
        findings.require(
            new,
            format!("/lines/{n}/number"),
            "unique",
            format!("line {} is there twice", line.number),
        );
        if let (Some(from), Some(to)) = (line.period_from_on, line.period_to_on) {
            let pointer = format!("/lines/{n}/period_to_on");
            findings.require(from <= to, pointer, "order", "the service period ends before it begins");
        }
    }
    let sum = sum(lines.iter().map(|line| line.amount_minor));
    if !lines.is_empty() && sum != Some(total_minor) {
        let detail = format!(
            "net and tax of the lines sum to {}, the total is {total_minor}",
            says(sum)
        );
        findings.add("/lines", "sum", detail);
    }
}

impl Invoice {
    fn check(&self, findings: &mut Findings) {
        let state = &self.state;
        positive("/total_minor", state.total_minor, findings);
        findings.require(
            !state.instalments.is_empty(),
            "/instalments",
            "min-items",
            "at least one instalment is needed",
        );
        let mut numbers = BTreeSet::new();
        for (n, instalment) in state.instalments.iter().enumerate() {
            let new = numbers.insert(instalment.number);
            let twice = format!("instalment {} is there twice", instalment.number);
            findings.require(new, format!("/instalments/{n}/number"), "unique", twice);
            positive(
                &format!("/instalments/{n}/amount_minor"),
                instalment.amount_minor,
                findings,
            );
            let in_order = instalment.due_on >= state.issued_on;
            let pointer = format!("/instalments/{n}/due_on");
            findings.require(in_order, pointer, "order", "it is due before the invoice is issued");
        }
        let sum = sum(state.instalments.iter().map(|instalment| instalment.amount_minor));
        if !state.instalments.is_empty() && sum != Some(state.total_minor) {
            let detail = format!(
                "the instalments sum to {}, the total is {}",
                says(sum),
                state.total_minor
            );
            findings.add("/instalments", "sum", detail);
        }
        check_lines(&state.lines, state.total_minor, findings);
        let another = state.corrects != Some(state.invoice_id);
        findings.require(
            another,
            "/corrects",
            "other",
            "an invoice cannot replace itself; send a newer version of it",
        );
    }

    /// What may not change from one version to the next.
    pub fn check_change(&self, before: &Self, findings: &mut Findings) {
        if let (Some(_), None) = (&before.cancelled, &self.cancelled) {
            findings.add("/status", "final", "the invoice is cancelled for good; issue a new one");
        }
        let same = self.state.account_id == before.state.account_id;
        findings.require(
            same,
            "/account",
            "fixed",
            "an invoice stays with its account; cancel it and issue a new one",
        );
        let kept = before.state.corrects.is_none() || before.state.corrects == self.state.corrects;
        findings.require(kept, "/corrects", "fixed", "the invoice it replaced is void already");
        if self.state.total_minor < before.credited_minor {
            let detail = format!("credit notes took off {} already", before.credited_minor);
            findings.add("/total_minor", "credited", detail);
        }
    }

    /// The references that lead to it, normalised, with the field that names them.
    #[must_use]
    pub fn references(&self) -> Vec<(String, String)> {
        let texts = self.state.payment_references.iter().enumerate();
        texts
            .map(|(n, text)| (format!("/payment_references/{n}"), normalised(text)))
            .collect()
    }

    fn movement(&self, kind: MovementKind, amount_minor: i64) -> Movement {
        let InvoiceIssued {
            invoice_id,
            account_id,
            currency,
            ..
        } = self.state;
        Movement {
            invoice_id,
            account_id,
            currency,
            kind,
            amount_minor,
        }
    }

    /// What is asked for by it now, before payments.
    #[must_use]
    pub const fn asked_minor(&self) -> i64 {
        if self.cancelled.is_some() {
            0
        } else {
            self.state.total_minor.saturating_sub(self.credited_minor)
        }
    }

    fn cancelled_event(&self, cancellation: &Cancellation) -> Event {
        let InvoiceIssued {
            invoice_id,
            account_id,
            creditor_id,
            version,
            ..
        } = self.state;
        let Cancellation {
            on: cancelled_on,
            reason,
            ..
        } = cancellation.clone();
        Event::InvoiceCancelled(InvoiceCancelled {
            invoice_id,
            account_id,
            creditor_id,
            version,
            cancelled_on,
            reason,
        })
    }

    /// Voids it: the event, and the movement where something was still asked for.
    pub fn cancel(&mut self, cancellation: Cancellation) -> (Event, Option<Movement>) {
        let event = self.cancelled_event(&cancellation);
        let asked = self.asked_minor();
        self.cancelled = Some(cancellation);
        (
            event,
            (asked != 0).then(|| self.movement(MovementKind::Credited, asked.saturating_neg())),
        )
    }

    /// The events and movements that lead from `before` to this state.
    #[must_use]
    pub fn effects(&self, before: Option<&Self>) -> (Vec<Event>, Vec<Movement>) {
        let (mut events, mut movements) = (Vec::new(), Vec::new());
        let was_void = before.is_some_and(|before| before.cancelled.is_some());
        if before.is_none() {
            events.push(Event::InvoiceIssued(InvoiceIssued {
                reason: None,
                ..self.state.clone()
            }));
            movements.push(self.movement(MovementKind::Issued, self.state.total_minor));
        }
        match (&self.cancelled, before) {
            (Some(cancellation), _) if !was_void => {
                events.push(self.cancelled_event(cancellation));
                let asked = before.map_or(self.state.total_minor, Self::asked_minor);
                let movement = self.movement(MovementKind::Credited, asked.saturating_neg());
                movements.extend((asked != 0).then_some(movement));
            }
            (None, Some(before)) => {
                events.push(Event::InvoiceCorrected(self.state.clone().into()));
                let difference = self.state.total_minor.saturating_sub(before.state.total_minor);
                movements.extend((difference != 0).then(|| self.movement(MovementKind::Issued, difference)));
            }
            _ => {}
        }
        (events, movements)
    }
}

impl CreditNote {
    /// Rules against the invoice that it credits.
    pub fn check_invoice(&self, invoice: Option<&Invoice>, findings: &mut Findings) {
        let Some(invoice) = invoice else {
            findings.add("/credits", "unknown-invoice", "no such invoice was sent");
            return;
        };
        let same = invoice.state.account_id == self.state.account_id;
        findings.require(same, "/credits", "other-account", "the invoice is another account's");
        findings.require(
            invoice.cancelled.is_none(),
            "/credits",
            "final",
            "the invoice is cancelled, nothing is owed by it",
        );
        let open = invoice.state.total_minor.saturating_sub(invoice.credited_minor);
        let detail = format!(
            "it takes off more than the invoice asks for: {open} are left of {}",
            invoice.state.total_minor
        );
        findings.require(
            self.state.amount_minor <= open,
            "/total_minor",
            "exceeds-invoice",
            detail,
        );
    }

    /// The event and the movement.
    #[must_use]
    pub fn effects(&self) -> (Event, Movement) {
        let CreditNoteIssued {
            invoice_id,
            account_id,
            currency,
            amount_minor,
            ..
        } = self.state;
        let kind = MovementKind::Credited;
        let movement = Movement {
            invoice_id,
            account_id,
            currency,
            kind,
            amount_minor: amount_minor.saturating_neg(),
        };
        (Event::CreditNoteIssued(self.state.clone()), movement)
    }
}
