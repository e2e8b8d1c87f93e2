//! How bank statements are read: exact expectations over own fixtures, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may be blunt: a panic is how they fail"
)]

mod build;
mod encodings;
mod fixtures;
mod pages;
mod proofs;
mod properties;
mod refusals;
mod samples;
