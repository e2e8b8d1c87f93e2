//! Invoices and what changes them: each becomes the terms of its items before and after.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::{CreditNoteIssued, InvoiceCancelled, InvoiceCorrected, InvoiceIssued, Message};
use kernel::{AccountId, BusinessDate, CreditorId, Currency, InvoiceId};
use runtime::{Failure, Handle, Incoming, Outcome, Rejection, Tx};

use super::{agrees, key_is_right, locked, outcomes};
use crate::domain::fact::{Body, Change, InvoiceChanged};
use crate::domain::invoice::{Invoice, Refused};
use crate::domain::policy::Policy;
use crate::settle::{self, Arrival};
use crate::store::{Account, load, save};

/// Items open and change; credit that waits is applied, what was paid too much is freed.
#[derive(Clone)]
pub(crate) struct OpenItems {
    pub policy: Arc<Policy>,
}

/// A message about an invoice.
trait AboutInvoice: Message {
    fn account_id(&self) -> AccountId;
    fn creditor_id(&self) -> CreditorId;
    fn invoice_id(&self) -> InvoiceId;
    /// None where the message has no amount.
    fn currency(&self) -> Option<Currency>;
    fn on(&self) -> BusinessDate;
    fn change(&self, current: Option<&Invoice>) -> Change;
    /// The invoice after it; `None` when it is not news.
    fn after(&self, current: Option<&Invoice>) -> Result<Option<Invoice>, Refused>;
}

/// The fields that all four share; the rest differs.
macro_rules! about_invoice {
    ($message:ident, $currency:expr, $on:ident, $change:expr, $after:expr) => {
        impl AboutInvoice for $message {
            fn account_id(&self) -> AccountId {
                self.account_id
            }
            fn creditor_id(&self) -> CreditorId {
                self.creditor_id
            }
            fn invoice_id(&self) -> InvoiceId {
                self.invoice_id
            }
            fn currency(&self) -> Option<Currency> {
                let currency: fn(&Self) -> Option<Currency> = $currency;
                currency(self)
            }
            fn on(&self) -> BusinessDate {
                self.$on
            }
            fn change(&self, current: Option<&Invoice>) -> Change {
                let change: fn(Option<&Invoice>) -> Change = $change;
                change(current)
            }
            fn after(&self, current: Option<&Invoice>) -> Result<Option<Invoice>, Refused> {
                let after: fn(&Self, Option<&Invoice>) -> Result<Option<Invoice>, Refused> = $after;
                after(self, current)
            }
        }
    };
}

about_invoice!(
    InvoiceIssued,
    |message| Some(message.currency),
    issued_on,
    |current| if current.is_some() {
        Change::Corrected
    } else {
        Change::Issued
    },
    |message, current| Invoice::revised(current, message)
);
about_invoice!(
    InvoiceCorrected,
    |message| Some(message.currency),
    issued_on,
    |_| Change::Corrected,
    |message, current| {
        let known = current.ok_or(Refused::Unknown(message.invoice_id))?;
        Invoice::revised(Some(known), &message.clone().into())
    }
);
about_invoice!(
    InvoiceCancelled,
    |_| None,
    cancelled_on,
    |_| Change::Cancelled,
    |message, current| Invoice::cancelled(current, message)
);
about_invoice!(
    CreditNoteIssued,
    |message| Some(message.currency),
    issued_on,
    |_| Change::Credited,
    |message, current| Invoice::credited(current, message)
);

impl OpenItems {
    async fn settle<M: AboutInvoice>(&self, batch: &[Incoming<M>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let accounts = locked(tx, batch.iter().map(|incoming| incoming.message.account_id())).await?;
        let ids = batch
            .iter()
            .map(|incoming| incoming.message.invoice_id().as_uuid())
            .collect();
        let known = load::invoices(tx.conn(), ids).await?;
        let (mut before, mut arrivals) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let mut invoices = Vec::with_capacity(batch.len());
        for incoming in batch {
            let account_id = incoming.message.account_id();
            let outcome = match accounts.get(&account_id) {
                None => Some(Outcome::Wait),
                Some(account) => match changed(incoming, account, known.get(&incoming.message.invoice_id())) {
                    Err(rejection) => Some(Outcome::Reject(rejection)),
                    Ok(None) => Some(Outcome::Done),
                    Ok(Some((body, invoice))) => {
                        arrivals.push(Arrival {
                            account_id,
                            cause: incoming.id,
                            at: incoming.time,
                            body,
                        });
                        invoices.push(invoice);
                        None
                    }
                },
            };
            before.push((account_id, outcome));
        }
        let rejected = settle::arrivals(tx, &self.policy, &accounts, arrivals).await?;
        invoices.retain(|invoice| !rejected.contains_key(&invoice.account_id));
        save::invoices(tx.conn(), &invoices).await?;
        Ok(outcomes(before, rejected))
    }
}

/// The fact and the invoice after it; `None` when the message is not news.
fn changed<M: AboutInvoice>(
    incoming: &Incoming<M>,
    account: &Account,
    current: Option<&Invoice>,
) -> Result<Option<(Body, Invoice)>, Rejection> {
    let message = &incoming.message;
    key_is_right(incoming)?;
    agrees(account, message.creditor_id(), message.currency())?;
    let after = message
        .after(current)
        .map_err(|refused| Rejection::new(refused.rule(), refused.to_string()))?;
    Ok(after.map(|invoice| {
        let body = Body::Invoice(InvoiceChanged {
            invoice_id: invoice.invoice_id,
            change: message.change(current),
            on: message.on(),
            before: current.map(|known| known.terms.clone()).unwrap_or_default(),
            after: invoice.terms.clone(),
        });
        (body, invoice)
    }))
}

/// The same for all four messages.
macro_rules! handles {
    ($($message:ident),*) => {$(
        #[async_trait]
        impl Handle<$message> for OpenItems {
            async fn handle(&self, batch: &[Incoming<$message>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
                self.settle(batch, tx).await
            }
        }
    )*};
}

handles!(InvoiceIssued, InvoiceCorrected, InvoiceCancelled, CreditNoteIssued);
