//! Explanations and evidence as sentences. Pure: data in, text out.
//!
//! Services record *why* as data ([`contracts::Explanation`], [`contracts::Evidence`]); this crate says it. The sentences
//! are Fluent messages under `locales/`, English for now: a language more is a file more, and a test finds what it lacks.
//!
//! ```
//! use contracts::Evidence;
//! let evidence = Evidence {
//!     rule: "invoice_number".into(), reference: "F-1001".into(), invoice_id: None, strength: "exact".into(),
//! };
//! assert_eq!(wording::assigned(&[evidence]), "Assigned because invoice number “F-1001” stands in the payment.");
//! ```

mod allocation;
mod bundle;
mod evidence;

pub use allocation::{Explained, allocation, considered, credit_held, grounds, open_item};
pub use evidence::{assigned, evidence};

use kernel::Money;

/// `RON 1204.50`: the currency's code before the amount, as accountants write it.
#[must_use]
pub fn money(amount: Money) -> String {
    bundle::say(
        "amount",
        &[
            ("currency", amount.currency().code()),
            ("amount", &amount.to_decimal_string()),
        ],
    )
}

#[cfg(test)]
mod tests;
