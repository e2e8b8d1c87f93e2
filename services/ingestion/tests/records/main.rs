//! Formats of fixed positions and tables, from bytes to what `inspect --json` tells.

mod asobancaria;
mod build;
mod cbi;
mod norma43;
mod norma43_faults;
mod properties;
mod samples;
mod table;
