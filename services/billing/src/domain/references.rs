//! Payment references: each leads to one account of the creditor, and to no other.

use std::collections::{BTreeSet, HashMap};

use kernel::AccountId;

/// A reference as it is compared: letters and digits alone, in capitals, because debtors drop, add and swap the rest.
/// Empty where the text has neither.
#[must_use]
pub fn normalised(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

/// Who holds a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The one account.
    pub account_id: AccountId,
    /// How many things of that account name the reference (the account, its invoices); 0 frees it.
    pub holders: i32,
}

/// The index of one creditor's references, as far as a chunk touches it.
#[derive(Clone, Debug, Default)]
pub struct References {
    claims: HashMap<String, Claim>,
    dirty: BTreeSet<String>,
}

impl References {
    /// The stored claims.
    #[must_use]
    pub fn new(claims: HashMap<String, Claim>) -> Self {
        Self {
            claims,
            dirty: BTreeSet::new(),
        }
    }

    /// Whether `reference` (normalised) leads to another account.
    #[must_use]
    pub fn is_of_another(&self, reference: &str, account: AccountId) -> bool {
        self.claims
            .get(reference)
            .is_some_and(|claim| claim.holders > 0 && claim.account_id != account)
    }

    /// A thing of `account` named the references `before` and names `after` now (both normalised).
    pub fn replace(&mut self, account: AccountId, before: &BTreeSet<String>, after: &BTreeSet<String>) {
        for reference in after.difference(before) {
            let claim = self.claims.entry(reference.clone()).or_insert(Claim {
                account_id: account,
                holders: 0,
            });
            // A reference that was freed in this chunk may go to another account in it.
            claim.account_id = account;
            claim.holders = claim.holders.saturating_add(1);
            self.dirty.insert(reference.clone());
        }
        for reference in before.difference(after) {
            if let Some(claim) = self.claims.get_mut(reference) {
                claim.holders = claim.holders.saturating_sub(1).max(0);
                self.dirty.insert(reference.clone());
            }
        }
    }

    /// What changed, in order of the reference.
    pub fn changed(&self) -> impl Iterator<Item = (&str, Claim)> {
        self.dirty
            .iter()
            .filter_map(|reference| Some((reference.as_str(), *self.claims.get(reference)?)))
    }
}
