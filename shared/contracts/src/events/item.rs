//! Open items.

use kernel::{AccountId, BusinessDate, CreditorId, Currency, InvoiceId, ItemId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::message;

/// An instalment of an invoice is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOpened {
    /// The open item: one instalment of an invoice.
    pub item_id: ItemId,
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// Number of the instalment in the invoice, from 1.
    pub instalment: u16,
    /// Day of issue of the invoice.
    pub issued_on: BusinessDate,
    /// Day on which it is due.
    pub due_on: BusinessDate,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What is owed, in minor units; positive.
    pub amount_minor: i64,
    /// Message time of the invoice's event.
    pub opened_at: Timestamp,
}

/// Nothing is open on this item any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemSettled {
    /// The open item: one instalment of an invoice.
    pub item_id: ItemId,
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What was owed in full, in minor units; zero when credit notes or a cancellation left nothing.
    pub amount_minor: i64,
    /// Value date of the money, or day of the document, that settled it.
    pub settled_on: BusinessDate,
    /// Message time of what settled it.
    pub settled_at: Timestamp,
}

/// A settled item is open again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemReopened {
    /// The open item: one instalment of an invoice.
    pub item_id: ItemId,
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What is open now, in minor units; positive.
    pub open_minor: i64,
    /// `funds_withdrawn`, `invoice_corrected` or `reallocated`.
    pub reason: String,
    /// Message time of what reopened it.
    pub reopened_at: Timestamp,
}

message!(ItemOpened, key = account_id);
message!(ItemSettled, key = account_id);
message!(ItemReopened, key = account_id);
