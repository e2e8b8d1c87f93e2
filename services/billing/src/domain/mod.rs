//! The pure decisions: what a PUT changes, what it is refused for, and which events say so.
//!
//! [`world::World`] is a snapshot of what a chunk of puts touches; [`world::World::put`] decides one put against it and
//! changes the snapshot. The store loads it before and saves what is dirty after: one path for a single PUT and for a
//! batch of 100,000 lines.

pub mod account;
pub mod creditor;
pub mod debtor;
pub mod document;
pub mod event;
pub mod findings;
pub mod place;
pub mod protection;
pub mod references;
pub mod upsert;
pub mod world;

#[cfg(test)]
mod tests;

pub use account::Account;
pub use creditor::Creditor;
pub use debtor::Debtor;
pub use document::{Cancellation, CreditNote, Document, Invoice};
pub use event::{Event, Movement, MovementKind};
pub use findings::{FieldError, Findings};
pub use place::Place;
pub use protection::Protection;
pub use upsert::{Content, Outcome, Refusal};
pub use world::{Done, Put, Terms, World};
