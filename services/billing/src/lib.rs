//! Billing: the ERP's door, and the clock that opens the chain which closes each day.
//!
//! | | |
//! |---|---|
//! | consumes | no topic; `PUT`s and batches from the ERP ([`api`]) |
//! | produces | `creditors.creditor.v1`, `accounts.debtor.v1` (personal data), `accounts.account.v1`, `billing.invoice.v1`, `billing.certificate.v1`; the day's markers |
//! | owns | creditors, debtors, accounts, places, invoices and credit notes, payment references, movements, calendars, days |
//!
//! A put, single or in a batch, takes one way: [`bodies`] reads it, `store` loads and locks what it touches, [`domain`]
//! decides, `store` saves, and the events leave through the outbox ([`puts`]). Invariants:
//!
//! - The same put again, however often and in whatever order, ends in the same state and the same events.
//! - A payment reference leads to one account of its creditor.
//! - Over an invoice its movements sum to its total less its credit notes, to 0 once it is void.
//! - Each calendar's days close once, in order; names and contact points leave on the debtors' topic alone.

pub mod api;
pub mod bodies;
pub mod clock;
pub mod config;
pub mod domain;
pub mod puts;
pub mod registration;
mod store;

pub use config::{ClockMode, Config};

use runtime::{BackgroundTask, Close, Definition, Handlers, Migration, Service};

/// The service.
pub struct Billing;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "billing",
    sql: include_str!("../migrations/0001_billing.sql"),
}];

impl Service for Billing {
    const NAME: &'static str = "billing";
    type Config = Config;

    fn define(config: Config) -> anyhow::Result<Definition> {
        config.check()?;
        Ok(Definition {
            migrations: MIGRATIONS,
            handlers: Handlers::new(),
            close: Close::Clock,
            routes: api::routes(),
            public_routes: axum::Router::new(),
            openapi: api::document()?,
            tasks: vec![BackgroundTask {
                name: "clock",
                run: Box::new(|ctx, stop| Box::pin(clock::run(ctx, stop))),
            }],
        })
    }
}
