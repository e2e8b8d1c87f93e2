//! `allocation`: every cent on an account goes somewhere lawful and says why.
//!
//! | consumes | from | what it does |
//! |---|---|---|
//! | AccountOpened, AccountChanged, AccountClosed | billing | knows the account; facts that waited for it are settled |
//! | InvoiceIssued, InvoiceCorrected, InvoiceCancelled, CreditNoteIssued | billing | items open and change |
//! | FundsAssigned, FundsWithdrawn | ingestion | money settles items; what is left is credit; or it is taken back |
//! | FundsExpected, ExpectationEnded | ingestion | passed over: what is expected settles nothing |
//! | AccountImpeded, AccountFreed | ingestion | shown beside the account |
//! | CreditorRegistered (feedback) | billing | the code that tokens name |
//! | DayClosed | both | touched accounts are decided again, then the day is certified |
//!
//! It writes ItemOpened, ItemSettled, ItemReopened, FundsAllocated, AllocationReversed and CreditHeld to
//! `allocation.account.v1`, its certificate, its journal's totals and its tasks.
//!
//! It owns accounts, invoices, items and funds (current state) and, append-only, facts, allocations and journal lines.
//!
//! | room | what it holds |
//! |---|---|
//! | [`domain`] | where money goes: one pure function for arrival, late facts and the close |
//! | `handlers` | which message becomes which fact |
//! | `settle`, `emit` | load → decide → save → emit |
//! | `close` | the day of a partition |
//! | [`proof`] | a day computed again from its rows, for `incasso proof` |
//! | `store` | the only SQL |
//! | `api` | where every cent went, and why, by account, invoice and payment |

mod api;
mod close;
mod config;
pub mod domain;
mod emit;
mod handlers;
pub mod proof;
mod settle;
mod store;

use std::sync::Arc;

use contracts::catalogue::{ACCOUNTS, CREDITORS, FUNDS, INVOICES};
use contracts::{
    AccountChanged, AccountClosed, AccountFreed, AccountImpeded, AccountOpened, CreditNoteIssued, CreditorRegistered,
    FundsAssigned, FundsWithdrawn, InvoiceCancelled, InvoiceCorrected, InvoiceIssued,
};
use runtime::{Close, Definition, Handlers, Migration, Service};

pub use config::Config;

use close::CloseDay;
use domain::policy::Policy;
use handlers::{Accounts, AllocateFunds, Creditors, Impediments, OpenItems};

/// The service.
pub struct Allocation;

/// The law and the house rules that say where money goes.
const POLICY: &str = include_str!("../policies/default.toml");

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "allocation",
    sql: include_str!("../migrations/0001_allocation.sql"),
}];

impl Service for Allocation {
    const NAME: &'static str = "allocation";
    type Config = Config;

    fn define(config: Config) -> anyhow::Result<Definition> {
        let policy: Policy = toml::from_str(POLICY)?;
        policy.check()?;
        let policy = Arc::new(policy);
        Ok(Definition {
            migrations: MIGRATIONS,
            handlers: handlers(&policy),
            close: Close::Partitioned(Arc::new(CloseDay {
                policy,
                page_accounts: config.close_page_accounts.max(1),
            })),
            routes: api::routes(),
            public_routes: axum::Router::new(),
            openapi: api::openapi()?,
            tasks: Vec::new(),
        })
    }
}

fn handlers(policy: &Arc<Policy>) -> Handlers {
    let items = OpenItems {
        policy: Arc::clone(policy),
    };
    let money = AllocateFunds {
        policy: Arc::clone(policy),
    };
    Handlers::new()
        .on::<CreditorRegistered>(&CREDITORS, Creditors)
        .on::<AccountOpened>(&ACCOUNTS, Accounts)
        .on::<AccountChanged>(&ACCOUNTS, Accounts)
        .on::<AccountClosed>(&ACCOUNTS, Accounts)
        .on::<InvoiceIssued>(&INVOICES, items.clone())
        .on::<InvoiceCorrected>(&INVOICES, items.clone())
        .on::<InvoiceCancelled>(&INVOICES, items.clone())
        .on::<CreditNoteIssued>(&INVOICES, items)
        .on::<FundsAssigned>(&FUNDS, money.clone())
        .on::<FundsWithdrawn>(&FUNDS, money)
        .on::<AccountImpeded>(&FUNDS, Impediments)
        .on::<AccountFreed>(&FUNDS, Impediments)
}
