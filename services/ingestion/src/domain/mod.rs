//! Pure decisions: what an entry is, whether it was seen before, whose it is, what it moves.
//!
//! | module | decides |
//! |---|---|
//! | [`entry`] | what a bank entry is: payment, settlement, reversal, outgoing, pending |
//! | [`keys`] | whether a statement or an entry was seen before |
//! | [`pages`] | whether pages of one statement prove each other |
//! | [`tokens`] | which texts of a payment may be references |
//! | [`identify`] | whose a payment is |
//! | [`pull`] | which files of a bank's server are finished and new, and when to look again |
//! | [`payu`] | what a PayU confirmation says |
//! | [`coverage`] | through which day a bank account's statements reach |
//! | [`sightings`] | which sightings tell of the same money |
//! | [`batches`] | whether payments told one by one are those of a batch |
//! | [`retold`] | the same days told by two formats |
//! | [`gaps`] | whether an account's statements follow one another |
//! | [`tasks`] | which matters people decide |
//! | [`ledger`] | journal lines and the day's sums |
//! | [`certificate`] | whether the day's equation holds |

pub mod batches;
pub mod certificate;
pub mod coverage;
pub mod entry;
pub mod gaps;
pub mod identify;
pub mod keys;
pub mod ledger;
mod month;
pub mod pages;
pub mod payu;
pub mod pull;
pub mod retold;
pub mod sightings;
pub mod tasks;
pub mod tokens;
