//! The contract between services: events, topics and their bytes.
//!
//! | module | holds |
//! |---|---|
//! | [`events`] | one struct per event, all re-exported here |
//! | [`catalogue`] | the table of topics: writer, readers, key, retention, events; the day graph; generated documents |
//! | [`codec`] | Avro single-object encoding, with hard limits before anything is decoded |
//! | [`headers`] | names and form of the record headers (CloudEvents) |
//! | [`schemas`] | every released schema, compiled in |
//!
//! The Avro files under `schemas/` are the contract; these types are written by hand and the crate `conformance` proves
//! that both agree.

// First, for the macro that it defines.
#[macro_use]
pub mod schemas;

mod amounts;
pub mod catalogue;
pub mod codec;
pub mod events;
pub mod headers;
mod message;

pub use events::account::{AccountChanged, AccountClosed, AccountOpened};
pub use events::allocation::{AllocationReversed, CreditHeld, FundsAllocated};
pub use events::certificate::{CertifiedSum, DayCertified, InputPosition, JournalPosted};
pub use events::creditor::{CreditorBankAccount, CreditorRegistered, Letterhead, ProviderMerchant};
pub use events::day::{BankCoverage, DayClosed};
pub use events::debtor::{ContactPoint, DebtorRegistered, RefundAccount, TaxId};
pub use events::explanation::{Considered, Explanation, Fact};
pub use events::funds::{Evidence, ExpectationEnded, FundsAssigned, FundsExpected, FundsWithdrawn};
pub use events::invoice::{
    ContractualInterest, CreditNoteIssued, Instalment, InvoiceCancelled, InvoiceCorrected, InvoiceIssued, InvoiceLine,
};
pub use events::item::{ItemOpened, ItemReopened, ItemSettled};
pub use events::parking::{AccountFreed, AccountImpeded};
pub use events::payment::{PaymentAttemptFailed, PaymentReceived, PaymentReversed};
pub use events::place::{PlaceLeft, PlaceTaken, ProtectionDeclared, ProtectionLifted};
pub use events::sighting::PaymentSighted;
pub use events::task::{TaskClosed, TaskRaised};
pub use message::{Message, MessageKey};
