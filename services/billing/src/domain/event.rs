//! What a put says to the other services, and what it moves.

use contracts::{
    AccountChanged, AccountClosed, AccountOpened, CreditNoteIssued, DebtorRegistered, InvoiceCancelled,
    InvoiceCorrected, InvoiceIssued, Message, PlaceLeft, PlaceTaken, ProtectionDeclared, ProtectionLifted,
};
use kernel::{AccountId, Currency, InvoiceId};

/// An event of a put, in the order in which it leaves.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Whole state of a debtor.
    DebtorRegistered(DebtorRegistered),
    /// A new account.
    AccountOpened(AccountOpened),
    /// Whole new state of an account.
    AccountChanged(AccountChanged),
    /// An account's end.
    AccountClosed(AccountClosed),
    /// A place under an account, also its new state.
    PlaceTaken(PlaceTaken),
    /// A place leaves an account.
    PlaceLeft(PlaceLeft),
    /// A protection, also its new state.
    ProtectionDeclared(ProtectionDeclared),
    /// A protection's end.
    ProtectionLifted(ProtectionLifted),
    /// A new invoice.
    InvoiceIssued(InvoiceIssued),
    /// Whole new state of an invoice.
    InvoiceCorrected(InvoiceCorrected),
    /// An invoice's end.
    InvoiceCancelled(InvoiceCancelled),
    /// A new credit note.
    CreditNoteIssued(CreditNoteIssued),
}

impl Event {
    /// The event's type, as in the catalogue.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DebtorRegistered(_) => DebtorRegistered::TYPE,
            Self::AccountOpened(_) => AccountOpened::TYPE,
            Self::AccountChanged(_) => AccountChanged::TYPE,
            Self::AccountClosed(_) => AccountClosed::TYPE,
            Self::PlaceTaken(_) => PlaceTaken::TYPE,
            Self::PlaceLeft(_) => PlaceLeft::TYPE,
            Self::ProtectionDeclared(_) => ProtectionDeclared::TYPE,
            Self::ProtectionLifted(_) => ProtectionLifted::TYPE,
            Self::InvoiceIssued(_) => InvoiceIssued::TYPE,
            Self::InvoiceCorrected(_) => InvoiceCorrected::TYPE,
            Self::InvoiceCancelled(_) => InvoiceCancelled::TYPE,
            Self::CreditNoteIssued(_) => CreditNoteIssued::TYPE,
        }
    }
}

/// Why what is owed by an invoice changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovementKind {
    /// The invoice's total, or the difference that a correction makes.
    Issued,
    /// A credit note, or what a cancellation takes off; negative.
    Credited,
}

impl MovementKind {
    /// The word in the table and in certificates.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Credited => "credited",
        }
    }
}

/// A change of what an invoice asks for: an append-only row, the ground of billing's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Its account.
    pub account_id: AccountId,
    /// The currency of `amount_minor`.
    pub currency: Currency,
    /// Why.
    pub kind: MovementKind,
    /// Signed change in minor units. Over all movements of an invoice: its total less what was credited, 0 once cancelled.
    pub amount_minor: i64,
}
