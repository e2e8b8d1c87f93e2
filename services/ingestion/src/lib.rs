//! Ingestion: every sighting of money becomes one payment, once, and finds the accounts it is for.
//!
//! Consumes billing's creditors, accounts and invoices (a read-only index of references). Takes bank statements and provider
//! confirmations. Produces `PaymentReceived`, `PaymentReversed`, `PaymentAttemptFailed`; `PaymentSighted`; `FundsAssigned`,
//! `FundsWithdrawn`; journal and certificate of each day. Owns raw feeds, payments, unidentified deposits.
//!
//! **Invariant**: per creditor's bank account or merchant, day and currency, received − reversed = assigned + unidentified +
//! returned. Money is received once, where it is first seen.
//!
//! | room | what it does |
//! |---|---|
//! | [`formats`] | reads bank files |
//! | [`domain`] | decides: what an entry is, whether it was seen, whose it is |
//! | [`import`] | statement files: stored, proved, booked in chunks; watched folders, pulls by SFTP |
//! | [`payu`] | PayU confirmations: signature, booking |
//! | [`booking`] | load → decide → save → emit, for all of them |
//! | [`handlers`] | keeps the index of references; a late reference claims its money |
//! | [`tasks`] | work for people, and that it is done |
//! | [`feeds`] | bank feeds that are late: task, alarm, what the marker says |
//! | [`close`] | matching before the marker, the day's certificate |
//! | [`api`] | routes |
//! | [`store`] | the only SQL |

pub mod api;
pub mod booking;
pub mod close;
pub mod config;
pub mod domain;
pub mod feeds;
pub mod formats;
pub mod handlers;
pub mod import;
pub mod payu;
pub mod store;
pub mod tasks;

use std::sync::Arc;

use contracts::catalogue::{ACCOUNTS, CREDITORS, INVOICES};
use contracts::{
    AccountChanged, AccountClosed, AccountOpened, CreditNoteIssued, CreditorRegistered, InvoiceCancelled,
    InvoiceCorrected, InvoiceIssued,
};
use handlers::{CancelInvoice, CloseAccount, CreditInvoice, IndexAccount, IndexInvoice, RegisterCreditor};
use runtime::{BackgroundTask, Close, Definition, Handlers, Service};

pub use config::Config;
pub use store::proof::{Recomputed, calendars, cross_check, recompute_day};

/// The service.
pub struct Ingestion;

impl Service for Ingestion {
    const NAME: &'static str = "ingestion";
    type Config = Config;

    fn define(config: Config) -> anyhow::Result<Definition> {
        config.check()?;
        Ok(Definition {
            migrations: store::migrations::ALL,
            handlers: Handlers::new()
                .on::<CreditorRegistered>(&CREDITORS, RegisterCreditor)
                .on::<AccountOpened>(&ACCOUNTS, IndexAccount)
                .on::<AccountChanged>(&ACCOUNTS, IndexAccount)
                .on::<AccountClosed>(&ACCOUNTS, CloseAccount)
                .on::<InvoiceIssued>(&INVOICES, IndexInvoice)
                .on::<InvoiceCorrected>(&INVOICES, IndexInvoice)
                .on::<InvoiceCancelled>(&INVOICES, CancelInvoice)
                .on::<CreditNoteIssued>(&INVOICES, CreditInvoice),
            close: Close::Whole(Arc::new(close::CloseDay)),
            routes: api::routes(),
            public_routes: api::public_routes(),
            openapi: api::document()?,
            tasks: vec![
                BackgroundTask {
                    name: "statements",
                    run: Box::new(import::statements),
                },
                BackgroundTask {
                    name: "webhooks",
                    run: Box::new(import::webhooks),
                },
                BackgroundTask {
                    name: "folders",
                    run: Box::new(import::folders::watch),
                },
                BackgroundTask {
                    name: "sftp",
                    run: Box::new(import::sftp::watch),
                },
                BackgroundTask {
                    name: "feeds",
                    run: Box::new(feeds::watch),
                },
            ],
        })
    }
}
