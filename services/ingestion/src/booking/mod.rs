//! Booking: load → decide → save → emit, the same for bank entries, provider confirmations, late references and people.
//!
//! Locks, in this order (DESIGN 4): reference stripes, provider stripes, payments and deposits, accounts; then the outbox.

mod claims;
pub mod doubts;
mod expected;
mod incoming;
mod outgoing;
mod session;
mod twins;

pub use claims::{Decided, assign, claim, explain, known_payers, split};
pub use expected::{Foreseen, end, expect, shares_of};
pub use incoming::{Booked, Incoming, ProviderRefs, book_payments, foresee};
pub use outgoing::{Debit, Debits, book_debits, retry_unmatched};
pub use session::Session;

use hmac::{Hmac, KeyInit, Mac};
use kernel::{CreditorId, Timestamp};
use runtime::{Failure, Secret};
use sha2::Sha256;

use crate::domain::tokens::normalise;

/// The keyed hash by which a payer's account is remembered (HMAC-SHA-256 of creditor and number, hexadecimal); `None`
/// without a key: then nothing is remembered.
#[must_use]
pub fn payer_key(key: &Secret, creditor: CreditorId, account: Option<&str>) -> Option<String> {
    let account = normalise(account?);
    if key.is_empty() || account.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(creditor.as_uuid().as_bytes());
    mac.update(account.as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()))
}

/// An instant out of a table.
fn timestamp(at: chrono::DateTime<chrono::Utc>) -> Result<Timestamp, Failure> {
    Timestamp::from_utc(at).map_err(|error| Failure::new(anyhow::Error::new(error)))
}

/// A date out of a table.
fn business_date(on: chrono::NaiveDate) -> Result<kernel::BusinessDate, Failure> {
    kernel::BusinessDate::from_naive(on).map_err(|error| Failure::new(anyhow::Error::new(error)))
}

/// A calendar out of a table.
fn calendar(text: &str) -> Result<kernel::CalendarId, Failure> {
    kernel::CalendarId::parse(text).map_err(|error| Failure::new(anyhow::Error::new(error)))
}

/// A currency out of a table.
fn currency(code: &str) -> Result<kernel::Currency, Failure> {
    kernel::Currency::parse(code).map_err(|error| Failure::new(anyhow::Error::new(error)))
}
