//! Ingestion against real Kafka and PostgreSQL: files and confirmations in, payments and funds out, the day proved.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod camt;
mod days;
mod deposits;
mod described;
mod edges;
mod feeds;
mod mt940;
mod norma43;
mod pages;
mod payu;
mod provisional;
mod races;
mod settlements;
mod sftp;
mod statements;
mod tasks;
mod world;
