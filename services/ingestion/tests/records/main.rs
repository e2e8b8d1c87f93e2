//! Formats of fixed positions and tables, from bytes to what `inspect --json` tells.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may be blunt: a panic is how they fail"
)]

mod asobancaria;
mod build;
mod cbi;
mod norma43;
mod norma43_faults;
mod properties;
mod samples;
mod table;
