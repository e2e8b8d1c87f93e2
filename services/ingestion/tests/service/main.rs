//! Ingestion against real Kafka and PostgreSQL: files and confirmations in, payments and funds out, the day proved.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod camt;
mod days;
mod deposits;
mod payu;
mod races;
mod statements;
mod world;
