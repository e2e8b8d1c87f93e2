//! The rows of the protocol's table (`protocol.md`) that the foundation covers, each as a test, on real Kafka and PostgreSQL:
//! a toy chain of three services, two partitions, two instances where it matters.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod chain;
mod closing;
mod crashes;
mod faults;
mod forgetting;
mod frozen;
mod leases;
mod ordering;
mod parking;
mod relaying;
mod replayed;
mod restored;
