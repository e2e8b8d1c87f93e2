//! PayU LatAm: the signature of a confirmation, and what becomes of a stored one.

mod process;
mod sign;

pub use process::process;
pub use sign::{Algorithm, signed_by};

use crate::domain::payu::Confirmation;

/// The provider's name in collectors and routes.
pub const PROVIDER: &str = "payu-latam";

/// Reads the raw form: fields are decoded, nothing is encoded again.
#[must_use]
pub fn read_form(body: &[u8]) -> Confirmation {
    let fields: Vec<(String, String)> = form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    Confirmation::read(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
