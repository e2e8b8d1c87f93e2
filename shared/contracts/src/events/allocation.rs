//! Allocations and credit.

use kernel::{
    AccountId, AllocationId, BusinessDate, CreditorId, Currency, FundsId, InvoiceId, ItemId, PaymentId, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::explanation::Explanation;
use crate::message::message;

/// Money of some funds settles an open item, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundsAllocated {
    /// This row of the allocations; never edited, reversed by a new row.
    pub allocation_id: AllocationId,
    /// The funds: the part of one payment that was assigned to one account.
    pub funds_id: FundsId,
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The open item: one instalment of an invoice.
    pub item_id: ItemId,
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What went to the item, in minor units; positive.
    pub amount_minor: i64,
    /// Value date: from this day the money counts.
    pub value_on: BusinessDate,
    /// Message time of what made it possible.
    pub allocated_at: Timestamp,
    /// True until the day's close has decided the account again.
    pub provisional: bool,
    /// Why this item: the rule, what it looked at, what it passed over.
    pub explanation: Explanation,
}

/// Money is taken from an item again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationReversed {
    /// This new row of the allocations, not the reversed one.
    pub allocation_id: AllocationId,
    /// The funds: the part of one payment that was assigned to one account.
    pub funds_id: FundsId,
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The open item: one instalment of an invoice.
    pub item_id: ItemId,
    /// The invoice, UUIDv5 of the creditor and the ERP's own id of the invoice.
    pub invoice_id: InvoiceId,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// What is taken from the item, in minor units; positive.
    pub amount_minor: i64,
    /// `funds_withdrawn`, `invoice_corrected`, `invoice_cancelled`, `credit_note` or `reallocated`.
    pub reason: String,
    /// Message time of what caused it.
    pub reversed_at: Timestamp,
    /// Why it was reversed: the rule and what it looked at.
    pub explanation: Explanation,
}

/// What of these funds is credit of the account now: no item took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditHeld {
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// The funds: the part of one payment that was assigned to one account.
    pub funds_id: FundsId,
    /// The payment, UUIDv5 of the entry's key or of the provider's transaction.
    pub payment_id: PaymentId,
    /// ISO 4217 code of all `_minor` fields of this record, e.g. `RON`.
    pub currency: Currency,
    /// Credit that remains of these funds, in minor units; 0 when used up.
    pub amount_minor: i64,
    /// Message time of what changed it.
    pub held_at: Timestamp,
}

message!(FundsAllocated, key = account_id);
message!(AllocationReversed, key = account_id);
message!(CreditHeld, key = account_id);
