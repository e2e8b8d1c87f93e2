//! How MT940 and MT942 are read: exact expectations over own fixtures, what quarantines, what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may be blunt: a panic is how they fail"
)]

mod build;
mod envelopes;
mod fixtures;
mod liberties;
mod problems;
mod properties;
mod samples;
mod size;
