//! Contract accounts.

use std::collections::BTreeSet;

use contracts::{AccountClosed, AccountOpened};
use kernel::{BusinessDate, DebtorId};

use super::event::Event;
use super::findings::Findings;
use super::protection::{self, Protected, Protection};
use super::references::normalised;

/// An account's state.
#[derive(Clone, PartialEq)]
pub struct Account {
    /// What everybody may know.
    pub state: AccountOpened,
    /// Where refunds go (personal data: told with the debtor).
    pub refund_account: Option<String>,
    /// The day on which it ended.
    pub closed_on: Option<BusinessDate>,
    /// What protects the whole account.
    pub protections: Vec<Protection>,
}

impl Account {
    /// Rules that concern more than one field.
    pub fn check(&self, findings: &mut Findings) {
        let state = &self.state;
        let in_order = self.closed_on.is_none_or(|closed_on| closed_on >= state.opened_on);
        findings.require(in_order, "/closed_on", "order", "the account ends before it is opened");
        for (field, ids) in [("co_debtors", &state.co_debtors), ("guarantors", &state.guarantors)] {
            let mut seen = BTreeSet::from([state.debtor_id]);
            for (n, id) in ids.iter().enumerate() {
                findings.require(
                    seen.insert(*id),
                    format!("/{field}/{n}"),
                    "unique",
                    "named before, or the debtor himself",
                );
            }
        }
        let another = state.other_payer != Some(state.debtor_id);
        findings.require(another, "/other_payer", "other", "the other payer is the debtor");
        protection::check(&self.protections, findings);
    }

    /// Every debtor that the account names, with the field that names him.
    #[must_use]
    pub fn debtors(&self) -> Vec<(String, DebtorId)> {
        let state = &self.state;
        let several = |field: &'static str, ids: &[DebtorId]| -> Vec<(String, DebtorId)> {
            ids.iter()
                .enumerate()
                .map(|(n, id)| (format!("/{field}/{n}"), *id))
                .collect()
        };
        let mut all = vec![("/debtor".to_owned(), state.debtor_id)];
        all.extend(several("co_debtors", &state.co_debtors));
        all.extend(several("guarantors", &state.guarantors));
        all.extend(state.other_payer.map(|id| ("/other_payer".to_owned(), id)));
        all
    }

    /// Every reference that leads to the account, normalised, with the field that names it.
    #[must_use]
    pub fn references(&self) -> Vec<(String, String)> {
        let of = |field: &'static str, texts: &[String]| -> Vec<(String, String)> {
            texts
                .iter()
                .enumerate()
                .map(|(n, text)| (format!("/{field}/{n}"), normalised(text)))
                .collect()
        };
        let mut all = of("payment_references", &self.state.payment_references);
        all.extend(of("virtual_accounts", &self.state.virtual_accounts));
        all
    }

    fn protected(&self) -> Protected {
        Protected {
            creditor_id: self.state.creditor_id,
            account_id: self.state.account_id,
            place_id: None,
        }
    }

    /// What may not change once an account exists: its open items are in its currency.
    pub fn check_change(&self, before: &Self, findings: &mut Findings) {
        let same = self.state.currency == before.state.currency;
        findings.require(
            same,
            "/currency",
            "fixed",
            format!("the account is in {} for good", before.state.currency),
        );
    }

    /// The events that lead from `before` to this state. A closed account that is changed is said closed again after the
    /// change; where the last of the two is AccountChanged, it was opened again.
    #[must_use]
    pub fn events(&self, before: Option<&Self>, today: BusinessDate) -> Vec<Event> {
        let mut events = vec![match before {
            None => Event::AccountOpened(self.state.clone()),
            Some(_) => Event::AccountChanged(self.state.clone().into()),
        }];
        let old = before.map_or(&[][..], |before| &before.protections);
        events.extend(self.protected().events(old, &self.protections, today));
        events.extend(self.closed_on.map(|closed_on| {
            let AccountOpened {
                account_id,
                creditor_id,
                version,
                ..
            } = self.state;
            Event::AccountClosed(AccountClosed {
                account_id,
                creditor_id,
                version,
                closed_on,
            })
        }));
        events
    }
}
