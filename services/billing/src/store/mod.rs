//! The only SQL. Everything set-based: a single PUT is a chunk of one.
//!
//! Locks, in this order everywhere: the close lock (taken by the runtime), the creditor's stripe, stripes of the things put
//! and of the references they name, debtor rows, account rows; each class in key order.

pub mod calendars;
pub mod creditors;
mod load;
mod locks;
pub mod read;
mod save;

pub use load::{Needs, load};
pub use locks::{Stripe, creditor_exclusive, creditor_shared, stripes};
pub use save::{Saved, Stamp, movements, save};

use kernel::{BusinessDate, CalendarId, Currency};
use runtime::Failure;

use crate::domain::Content;

/// Our own row is not what we wrote: an alarm, never an answer.
fn inconsistent(table: &'static str, id: uuid::Uuid, what: impl std::fmt::Display) -> Failure {
    Failure::new(anyhow::anyhow!("{table} {id}: {what}"))
}

fn content(version: i64, digest: &[u8]) -> Option<Content> {
    Some(Content {
        version,
        digest: digest.try_into().ok()?,
    })
}

fn currency(text: &str) -> Result<Currency, Failure> {
    text.parse().map_err(Failure::new)
}

fn calendar(text: &str) -> Result<CalendarId, Failure> {
    text.parse().map_err(Failure::new)
}

fn date(date: chrono::NaiveDate) -> Result<BusinessDate, Failure> {
    BusinessDate::from_naive(date).map_err(Failure::new)
}
