//! Debtors. Their event alone carries personal data.

use std::collections::BTreeMap;

use contracts::{DebtorRegistered, RefundAccount};
use kernel::AccountId;

use super::event::Event;
use super::findings::Findings;

/// A debtor's state; `refund_accounts` of the record is left empty, it is known from the accounts.
#[derive(Clone, PartialEq)]
pub struct Debtor(pub DebtorRegistered);

impl Debtor {
    /// Rules that concern more than one field.
    pub fn check(&self, findings: &mut Findings) {
        let mut kinds = std::collections::BTreeSet::new();
        for (n, tax_id) in self.0.tax_ids.iter().enumerate() {
            let new = kinds.insert((&tax_id.kind, &tax_id.value));
            findings.require(new, format!("/tax_ids/{n}"), "unique", "the same tax id is given twice");
        }
    }

    /// The event that says this state, with where refunds go.
    #[must_use]
    pub fn event(&self, refunds: &BTreeMap<AccountId, String>) -> Event {
        let refund_accounts = refunds
            .iter()
            .map(|(account_id, iban)| RefundAccount {
                account_id: *account_id,
                iban: iban.clone(),
            })
            .collect();
        Event::DebtorRegistered(DebtorRegistered {
            refund_accounts,
            ..self.0.clone()
        })
    }
}
