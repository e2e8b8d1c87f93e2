//! What the outside world will send, made from a seed before anything starts.
//!
//! Two creditors live through the compared days: a utility paid by bank, a publisher paid through PayU and by bank. A third
//! one, whose calendar lies in the past, is paid while its days close: which day a payment falls into is then the services'
//! choice, and the topic, the certificate and the marker must agree on it.

mod maker;
mod post;

use kernel::{AccountId, BusinessDate, CreditorId, Currency, InvoiceId};

pub use maker::{first_on, make};

/// The key that signs PayU's notices; no secret, it signs made-up money.
pub const API_KEY: &str = "faults4Vj8eK4rloUd272L48hsrarn";
/// The merchants of the publisher and of the third creditor.
pub const MERCHANTS: [&str; 2] = ["980001", "980002"];

/// The utility, the publisher, the one that is paid while its days close.
pub const UTILITY: usize = 0;
/// See [`UTILITY`].
pub const PUBLISHER: usize = 1;
/// See [`UTILITY`].
pub const RACER: usize = 2;

/// A creditor.
#[derive(Clone, Debug)]
pub struct Firm {
    /// Its code in paths.
    pub code: &'static str,
    /// Country.
    pub jurisdiction: &'static str,
    /// Time zone.
    pub zone: &'static str,
    /// Local time at which its day ends.
    pub cut_off: &'static str,
    /// Of everything.
    pub currency: Currency,
    /// Empty: none.
    pub bank_account: &'static str,
    /// At PayU; empty: none.
    pub merchant: &'static str,
    /// Its first day.
    pub first_on: BusinessDate,
}

impl Firm {
    /// Its id.
    pub fn id(&self) -> CreditorId {
        CreditorId::derive(self.code)
    }

    /// Its calendar, as billing names it.
    pub fn calendar(&self) -> String {
        format!("{}@{}@{}", self.jurisdiction, self.cut_off, self.zone)
    }
}

/// Whether something is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Acknowledged.
    Accepted,
    /// Told so.
    Refused,
}

/// One thing that is sent.
#[derive(Clone, Debug)]
pub enum Unit {
    /// PUT of a creditor.
    Creditor {
        /// Its code.
        code: &'static str,
        /// The body.
        body: String,
    },
    /// NDJSON to billing.
    Batch {
        /// The creditor's code.
        code: &'static str,
        /// The lines.
        lines: Vec<u8>,
        /// How many of them must be refused.
        refused: usize,
    },
    /// A bank file by HTTP.
    Statement {
        /// For messages.
        name: String,
        /// The file.
        bytes: Vec<u8>,
        /// What must become of it.
        fate: Fate,
    },
    /// A bank file into the watched folder.
    Dropped {
        /// Its name there.
        name: String,
        /// The file.
        bytes: Vec<u8>,
    },
    /// PayU's request.
    Notice {
        /// The merchant.
        merchant: &'static str,
        /// The form.
        body: String,
        /// What must become of it.
        fate: Fate,
    },
}

/// A payment that must come out exactly once.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The one reference that no other payment has.
    pub name: String,
    /// Whose: index into the firms.
    pub firm: usize,
    /// On which day it is sent; of the third creditor always 0.
    pub day: usize,
    /// Amount.
    pub amount_minor: i64,
    /// The account that it must be assigned to, where that does not depend on anything.
    pub account: Option<AccountId>,
}

/// An invoice that billing must tell of.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its id.
    pub invoice: InvoiceId,
    /// Whose.
    pub firm: usize,
    /// On which day its first version is sent.
    pub day: usize,
}

/// What is sent on a day: first the accounts, one after the other, then everything else in any order.
#[derive(Clone, Debug, Default)]
pub struct DayPlan {
    /// In this order, each awaited.
    pub first: Vec<Unit>,
    /// Several at a time.
    pub rest: Vec<Unit>,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The creditors.
    pub firms: Vec<Firm>,
    /// The compared days; the last one is the third creditor's.
    pub days: Vec<DayPlan>,
    /// What must come out.
    pub payments: Vec<Expected>,
    /// What billing must tell.
    pub invoices: Vec<Issued>,
    /// Names of payments that must not come out.
    pub refused: Vec<String>,
}

/// The last compared day has this number less one; then comes the racing.
impl Plan {
    /// How many days are compared.
    pub fn compared(&self) -> usize {
        self.days.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_one_plan_with_as_many_payments_as_asked() {
        let plan = make(3, 1_000, 3, first_on().unwrap()).unwrap();
        assert_eq!(plan.payments.len(), 1_000);
        let names: BTreeSet<&str> = plan.payments.iter().map(|payment| payment.name.as_str()).collect();
        assert_eq!(names.len(), 1_000);
        assert!(plan.refused.iter().all(|name| !names.contains(name.as_str())));
        let again = make(3, 1_000, 3, first_on().unwrap()).unwrap();
        assert_eq!(format!("{plan:?}"), format!("{again:?}"));
        assert_eq!((plan.compared(), plan.firms.len()), (3, 3));
        let other = make(4, 1_000, 3, first_on().unwrap()).unwrap();
        assert_ne!(format!("{plan:?}"), format!("{other:?}"));
    }
}
