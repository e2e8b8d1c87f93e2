//! The events, one struct per record of `schemas/`, fields in the order of the schema.
//!
//! A struct has the record's name, for the codec compares them. Kinds are text from a documented list and not a Rust
//! enum: a consumer that meets a kind it does not know keeps it and raises a task. `Option` is a union with null, and
//! defaults to null; lists default to empty.

pub mod account;
pub mod allocation;
pub mod certificate;
pub mod creditor;
pub mod day;
pub mod debtor;
pub mod explanation;
pub mod funds;
pub mod invoice;
pub mod item;
pub mod parking;
pub mod payment;
pub mod place;
pub mod sighting;
pub mod task;
