//! Pure decisions: what an account's facts make of its open items and its money.
//!
//! | room | what it holds |
//! |---|---|
//! | [`invoice`] | what an invoice's messages make of its instalments |
//! | [`fact`] | the facts of a day, and their canonical order |
//! | [`position`], [`fold`] | items, funds and the money between them; the one function that folds facts into them |
//! | [`decide`] | target minus what is recorded: the new rows, and what changed |
//! | [`explain`], [`policy`] | why, as data |
//! | [`journal`], [`certificate`] | double entry, and the two equations of a closed day |

pub mod certificate;
pub mod decide;
pub mod explain;
pub mod fact;
pub mod fold;
pub mod invoice;
pub mod journal;
pub mod policy;
pub mod position;

#[cfg(test)]
mod tests;

/// An amount that does not fit 64 bits of minor units, or a table that contradicts itself: no money is moved on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// A sum does not fit.
    #[error("an amount does not fit 64 bits of minor units")]
    Overflow,
    /// A withdrawal of funds that the account never had, or of more than they are.
    #[error("more is withdrawn from funds {0} than was assigned")]
    Overdrawn(kernel::FundsId),
    /// Rows speak of an item that is not there.
    #[error("item {0} is missing")]
    ItemMissing(kernel::ItemId),
    /// Rows speak of funds that are not there.
    #[error("funds {0} are missing")]
    FundsMissing(kernel::FundsId),
    /// An item would hold more than it is for, or money that it never got would be taken from it.
    #[error("item {0} and its allocations contradict each other")]
    Contradiction(kernel::ItemId),
}

/// `a + b`.
pub(crate) fn plus(a: i64, b: i64) -> Result<i64, Unsettled> {
    a.checked_add(b).ok_or(Unsettled::Overflow)
}

/// `a − b`.
pub(crate) fn minus(a: i64, b: i64) -> Result<i64, Unsettled> {
    a.checked_sub(b).ok_or(Unsettled::Overflow)
}
