//! The service against a real Kafka and a real PostgreSQL.

#[cfg(test)]
#[path = "service/api.rs"]
mod api;
#[cfg(test)]
#[path = "service/batch.rs"]
mod batch;
#[cfg(test)]
#[path = "service/clock.rs"]
mod clock;
#[cfg(test)]
#[path = "service/concurrency.rs"]
mod concurrency;
#[cfg(test)]
#[path = "service/edges.rs"]
mod edges;
#[cfg(test)]
#[path = "service/support.rs"]
mod support;
