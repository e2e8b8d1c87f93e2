//! Money and debt from the ERP's call and the bank's file to the certificate of the day, through the real services over the
//! real Kafka and PostgreSQL, all in one process.
//!
//! Each story uses accounts of its own, so that several can run in one world; days close in between.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may be blunt: a panic is how they fail"
)]

mod bank;
mod feeds;
mod proof;
mod replay;
mod stories;
mod trace;
mod unidentified;
mod world;
