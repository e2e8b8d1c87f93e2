//! The service on real Kafka and PostgreSQL, between a toy `billing` (which is also the day's clock) and a toy `ingestion`
//! that say what the test wants said.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may be blunt: a panic is how they fail"
)]

mod crashes;
mod day;
mod doors;
mod tampering;
mod world;
