//! Ingestion against real Kafka and PostgreSQL: files and confirmations in, payments and funds out, the day proved.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod batches;
mod camt;
mod days;
mod deposits;
mod described;
mod doubts;
mod edges;
mod expected;
mod feeds;
mod gaps;
mod mt940;
mod norma43;
mod orders;
mod pages;
mod payu;
mod provisional;
mod races;
mod settlements;
mod sftp;
mod statements;
mod tasks;
mod world;
