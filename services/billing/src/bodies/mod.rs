//! The ERP's words: what the bodies of PUTs and the lines of a batch look like.
//!
//! Each field's own rule is its type ([`fields`]), so that a body that was read is well-formed and the OpenAPI document
//! says the same rules; what concerns several fields or other things is decided in [`crate::domain`].

pub mod account;
pub mod creditor;
pub mod debtor;
pub mod fields;
pub mod invoice;
pub mod json;
pub mod place;
pub mod reading;
#[cfg(test)]
mod tests;

use kernel::{BusinessDate, CalendarId, CreditorId, Currency};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::domain::{Content, FieldError, Put};
use fields::Version;

pub use account::AccountBody;
pub use creditor::CreditorBody;
pub use debtor::DebtorBody;
pub use invoice::InvoiceBody;
pub use place::PlaceBody;

/// What a body does not say itself: whose it is.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// The creditor.
    pub creditor_id: CreditorId,
    /// Its calendar.
    pub calendar: &'a CalendarId,
    /// Its currency: the currency of accounts that name none.
    pub currency: Currency,
    /// Today in its time zone: the day of cancellations that name none.
    pub today: BusinessDate,
}

/// What a body under a creditor is; also the word in batch lines and message ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person or firm that owes.
    Debtor,
    /// A contract account.
    Account,
    /// A consumption place.
    Place,
    /// An invoice or credit note.
    Invoice,
}

impl Kind {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Debtor => "debtor",
            Self::Account => "account",
            Self::Place => "place",
            Self::Invoice => "invoice",
        }
    }
}

/// A body under a creditor.
pub trait Body: Serialize + DeserializeOwned + Clone + Send + Sync + ToSchema + Into<Sent> + 'static {
    /// What it is.
    const KIND: Kind;
    /// The domain's form of it.
    type State;

    /// The source's version.
    fn version(&mut self) -> &mut Version;

    /// Fields that do not go together.
    ///
    /// # Errors
    /// Each of them.
    fn check(&self) -> Result<(), Vec<FieldError>> {
        Ok(())
    }

    /// Resolves the ERP's ids. What is left open is filled with the creditor's (an account's currency).
    fn state(self, external_id: &str, owner: Owner<'_>) -> Self::State;
}

/// A body of any kind.
#[derive(Clone)]
pub enum Sent {
    /// A person or firm that owes.
    Debtor(DebtorBody),
    /// A contract account.
    Account(Box<AccountBody>),
    /// A consumption place.
    Place(Box<PlaceBody>),
    /// An invoice or credit note.
    Invoice(Box<InvoiceBody>),
}

impl Sent {
    /// What the domain decides on.
    #[must_use]
    pub fn put(self, external_id: &str, owner: Owner<'_>) -> Put {
        match self {
            Self::Debtor(body) => Put::Debtor(body.state(external_id, owner)),
            Self::Account(body) => Put::Account(body.state(external_id, owner)),
            Self::Place(body) => Put::Place(body.state(external_id, owner)),
            Self::Invoice(body) => Put::Document(body.state(external_id, owner)),
        }
    }
}

impl From<DebtorBody> for Sent {
    fn from(body: DebtorBody) -> Self {
        Self::Debtor(body)
    }
}

impl From<AccountBody> for Sent {
    fn from(body: AccountBody) -> Self {
        Self::Account(Box::new(body))
    }
}

impl From<PlaceBody> for Sent {
    fn from(body: PlaceBody) -> Self {
        Self::Place(Box::new(body))
    }
}

impl From<InvoiceBody> for Sent {
    fn from(body: InvoiceBody) -> Self {
        Self::Invoice(Box::new(body))
    }
}

/// Canonical JSON and digest of a body: fields in the order of the type, what was left out left out, the version set aside.
///
/// # Errors
/// Never for bodies; serde's error if it should.
pub fn canonical<B: Serialize>(body: &B, version: i64) -> serde_json::Result<(String, Content)> {
    let text = serde_json::to_string(body)?;
    let digest = Sha256::digest(text.as_bytes()).into();
    Ok((text, Content { version, digest }))
}
