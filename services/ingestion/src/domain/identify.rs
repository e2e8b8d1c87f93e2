//! Whose a payment is, by the references that it names exactly.
//!
//! | named | then |
//! |---|---|
//! | nothing, or only references of several accounts at once | unidentified |
//! | one account | all of it is that account's, with the invoices named |
//! | several accounts, invoices of each, together the amount or less | each account gets what its invoices owe; the rest stays unidentified |
//! | several accounts, and the invoices come to more, or one account is named without an invoice | unidentified: a person decides |
//!
//! The last line is the safe rule for one transfer for many: a share is booked only where the payer's own sum proves it.

use std::collections::{BTreeMap, BTreeSet};

use contracts::Evidence;
use kernel::{AccountId, InvoiceId};
use serde::{Deserialize, Serialize};

use super::tokens::Candidate;

/// What a registered reference is; the `rule` of the evidence.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Rule {
    /// The number printed on an invoice.
    InvoiceNumber,
    /// The contract account's number.
    AccountNumber,
    /// A payment reference of an account or invoice.
    PaymentReference,
    /// A virtual account number.
    VirtualAccount,
}

impl Rule {
    /// The word of the evidence and of the index.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvoiceNumber => "invoice_number",
            Self::AccountNumber => "account_number",
            Self::PaymentReference => "payment_reference",
            Self::VirtualAccount => "virtual_account",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::InvoiceNumber,
            Self::AccountNumber,
            Self::PaymentReference,
            Self::VirtualAccount,
        ]
        .into_iter()
        .find(|rule| rule.word() == word)
    }
}

/// A registered reference that a candidate matched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The account it leads to.
    pub account_id: AccountId,
    /// The invoice, where it names one.
    pub invoice_id: Option<InvoiceId>,
    /// What the invoice comes to, less its credit notes, in minor units; 0 without an invoice or when it is cancelled.
    pub owed_minor: i64,
    /// What it is.
    pub rule: Rule,
}

/// A candidate of the payment and all that is registered under it.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// The candidate.
    pub candidate: &'a Candidate,
    /// What it leads to; at least one.
    pub targets: Vec<&'a Target>,
}

/// A part of a payment for one account.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Share {
    /// The account.
    pub account_id: AccountId,
    /// Positive, in minor units.
    pub amount_minor: i64,
    /// Invoices named, in the order named.
    pub invoice_ids: Vec<InvoiceId>,
    /// Why.
    pub evidence: Vec<Evidence>,
}

/// Why money, or the rest of it, is unidentified.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// No known reference in it.
    NothingNamed,
    /// Its references belong to several accounts each.
    Ambiguous,
    /// Invoices of several accounts come to more than was paid.
    LessThanNamed,
    /// Invoices of several accounts come to less than was paid.
    MoreThanNamed,
    /// Several accounts, one of them without an invoice: how much is for which is not said.
    AmountsNotSaid,
    /// A total of several transfers whose single amounts the bank does not tell.
    Batch,
    /// A debit of ours that came back.
    OwnDebitReturned,
    /// A provider's netted payout of money already counted.
    Settlement,
}

impl Reason {
    /// The word shown to people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NothingNamed => "nothing_named",
            Self::Ambiguous => "ambiguous",
            Self::LessThanNamed => "less_than_named",
            Self::MoreThanNamed => "more_than_named",
            Self::AmountsNotSaid => "amounts_not_said",
            Self::Batch => "batch",
            Self::OwnDebitReturned => "own_debit_returned",
            Self::Settlement => "settlement",
        }
    }

    /// Whether a known payer may decide it: only where the payment itself says nothing.
    #[must_use]
    pub const fn leaves_room_for_inference(self) -> bool {
        matches!(self, Self::NothingNamed)
    }
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identified {
    /// Parts by account, in order of account id.
    pub shares: Vec<Share>,
    /// Why the rest is unidentified; `None` where nothing is left.
    pub rest: Option<Reason>,
}

impl Identified {
    /// All of it unidentified.
    #[must_use]
    pub const fn nothing(reason: Reason) -> Self {
        Self {
            shares: Vec::new(),
            rest: Some(reason),
        }
    }

    /// The one account that gets all of it.
    #[must_use]
    pub fn whole(&self) -> Option<AccountId> {
        match (self.shares.as_slice(), self.rest) {
            ([share], None) => Some(share.account_id),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Named {
    invoices: Vec<InvoiceId>,
    owed_minor: i64,
    evidence: Vec<Evidence>,
}

/// Decides about `amount_minor` (positive). `done` are invoices that an earlier share of the same payment was for: they
/// claim nothing more.
#[must_use]
pub fn identify(amount_minor: i64, matches: &[Match<'_>], done: &BTreeSet<InvoiceId>) -> Identified {
    let mut accounts: BTreeMap<AccountId, Named> = BTreeMap::new();
    let mut ambiguous = false;
    for found in outermost(matches) {
        let owners: BTreeSet<AccountId> = found.targets.iter().map(|target| target.account_id).collect();
        if owners.len() != 1 {
            ambiguous = true;
            continue;
        }
        for target in &found.targets {
            name(&mut accounts, found.candidate, target, done);
        }
    }
    accounts.retain(|_, named| !named.evidence.is_empty());
    match accounts.len() {
        0 if ambiguous => Identified::nothing(Reason::Ambiguous),
        0 => Identified::nothing(Reason::NothingNamed),
        1 => {
            let shares = accounts
                .into_iter()
                .map(|(account_id, named)| share(account_id, amount_minor, named))
                .collect();
            Identified { shares, rest: None }
        }
        _ => split(amount_minor, accounts),
    }
}

/// Matches that do not lie inside a longer match.
fn outermost<'m, 'a>(matches: &'m [Match<'a>]) -> impl Iterator<Item = &'m Match<'a>> {
    matches
        .iter()
        .filter(|inner| !matches.iter().any(|outer| inner.candidate.inside(outer.candidate)))
}

fn name(accounts: &mut BTreeMap<AccountId, Named>, candidate: &Candidate, target: &Target, done: &BTreeSet<InvoiceId>) {
    if target.invoice_id.is_some_and(|invoice| done.contains(&invoice)) {
        return;
    }
    let named = accounts.entry(target.account_id).or_default();
    if let Some(invoice) = target.invoice_id
        && !named.invoices.contains(&invoice)
    {
        named.invoices.push(invoice);
        named.owed_minor = named.owed_minor.saturating_add(target.owed_minor.max(0));
    }
    let rule = if candidate.iso11649 {
        "iso11649"
    } else {
        target.rule.word()
    };
    let evidence = Evidence {
        rule: rule.to_owned(),
        reference: candidate.token.clone(),
        invoice_id: target.invoice_id,
        strength: "exact".to_owned(),
    };
    if !named.evidence.contains(&evidence) {
        named.evidence.push(evidence);
    }
}

fn share(account_id: AccountId, amount_minor: i64, named: Named) -> Share {
    Share {
        account_id,
        amount_minor,
        invoice_ids: named.invoices,
        evidence: named.evidence,
    }
}

fn split(amount_minor: i64, accounts: BTreeMap<AccountId, Named>) -> Identified {
    if accounts.values().any(|named| named.owed_minor <= 0) {
        return Identified::nothing(Reason::AmountsNotSaid);
    }
    let total: i128 = accounts.values().map(|named| i128::from(named.owed_minor)).sum();
    if total > i128::from(amount_minor) {
        return Identified::nothing(Reason::LessThanNamed);
    }
    let rest = (total < i128::from(amount_minor)).then_some(Reason::MoreThanNamed);
    let shares = accounts
        .into_iter()
        .map(|(account_id, named)| {
            let owed = named.owed_minor;
            share(account_id, owed, named)
        })
        .collect();
    Identified { shares, rest }
}

#[cfg(test)]
mod tests {
    use kernel::CreditorId;
    use proptest::prelude::*;

    use super::super::tokens::candidates;
    use super::*;

    fn account(n: u32) -> AccountId {
        AccountId::derive(CreditorId::derive("C"), &n.to_string())
    }

    fn invoice(n: u32) -> InvoiceId {
        InvoiceId::derive(CreditorId::derive("C"), &n.to_string())
    }

    /// The index of the tests: account number `A100n`, invoice `F2000n` of account `n` owing `n * 100`.
    fn index() -> Vec<(String, Target)> {
        (1..=4)
            .flat_map(|n| {
                let by_number = Target {
                    account_id: account(n),
                    invoice_id: None,
                    owed_minor: 0,
                    rule: Rule::AccountNumber,
                };
                let by_invoice = Target {
                    account_id: account(n),
                    invoice_id: Some(invoice(n)),
                    owed_minor: i64::from(n) * 100,
                    rule: Rule::InvoiceNumber,
                };
                [(format!("A100{n}"), by_number), (format!("F2000{n}"), by_invoice)]
            })
            .collect()
    }

    fn run(amount: i64, text: &str, index: &[(String, Target)], done: &BTreeSet<InvoiceId>) -> Identified {
        let candidates = candidates(&[], &[text]);
        let matches: Vec<Match<'_>> = candidates
            .iter()
            .map(|candidate| Match {
                candidate,
                targets: index
                    .iter()
                    .filter(|(token, _)| *token == candidate.token)
                    .map(|(_, target)| target)
                    .collect(),
            })
            .filter(|found| !found.targets.is_empty())
            .collect();
        identify(amount, &matches, done)
    }

    fn amounts(found: &Identified) -> Vec<(AccountId, i64)> {
        let mut amounts: Vec<_> = found
            .shares
            .iter()
            .map(|share| (share.account_id, share.amount_minor))
            .collect();
        amounts.sort_by_key(|(_, amount)| *amount);
        amounts
    }

    #[test]
    fn the_table_of_the_module() {
        let none = BTreeSet::new();
        type Case = (i64, &'static str, Vec<(AccountId, i64)>, Option<Reason>);
        let cases: [Case; 9] = [
            (500, "hello", vec![], Some(Reason::NothingNamed)),
            (500, "A1001", vec![(account(1), 500)], None),
            (500, "F20001 contract A1001", vec![(account(1), 500)], None),
            (300, "F20001, F20002", vec![(account(1), 100), (account(2), 200)], None),
            (
                350,
                "F20001, F20002",
                vec![(account(1), 100), (account(2), 200)],
                Some(Reason::MoreThanNamed),
            ),
            (250, "F20001, F20002", vec![], Some(Reason::LessThanNamed)),
            (300, "F20001, A1002", vec![], Some(Reason::AmountsNotSaid)),
            (
                600,
                "F20001 F20002 F20003 F20001",
                vec![(account(1), 100), (account(2), 200), (account(3), 300)],
                None,
            ),
            (7, "f 20001", vec![(account(1), 7)], None),
        ];
        for (amount, text, shares, rest) in cases {
            let found = run(amount, text, &index(), &none);
            assert_eq!((amounts(&found), found.rest), (shares, rest), "{text}");
        }
    }

    #[test]
    fn a_reference_of_two_accounts_decides_nothing() {
        let mut index = index();
        index.push((
            "A1001".into(),
            Target {
                account_id: account(2),
                invoice_id: None,
                owed_minor: 0,
                rule: Rule::PaymentReference,
            },
        ));
        let none = BTreeSet::new();
        assert_eq!(run(5, "A1001", &index, &none), Identified::nothing(Reason::Ambiguous));
        assert_eq!(amounts(&run(5, "A1001 F20003", &index, &none)), [(account(3), 5)]);
    }

    #[test]
    fn what_a_longer_reference_contains_is_not_named() {
        let mut index = index();
        index.push((
            "20001".into(),
            Target {
                account_id: account(4),
                invoice_id: None,
                owed_minor: 0,
                rule: Rule::AccountNumber,
            },
        ));
        assert_eq!(amounts(&run(5, "F20001", &index, &BTreeSet::new())), [(account(1), 5)]);
        assert_eq!(
            amounts(&run(5, "nr 20001", &index, &BTreeSet::new())),
            [(account(4), 5)]
        );
    }

    #[test]
    fn a_late_invoice_claims_what_is_left_and_the_first_one_claims_nothing_more() {
        let done = BTreeSet::from([invoice(1)]);
        assert_eq!(
            amounts(&run(200, "F20001 F20002", &index(), &done)),
            [(account(2), 200)]
        );
        assert_eq!(
            run(200, "F20001", &index(), &done),
            Identified::nothing(Reason::NothingNamed)
        );
    }

    #[test]
    fn evidence_names_the_reference_and_the_invoice() {
        let found = run(5, "F20001 A1001", &index(), &BTreeSet::new());
        let share = found.shares.first().unwrap();
        assert_eq!(share.invoice_ids, [invoice(1)]);
        let rules: Vec<_> = share
            .evidence
            .iter()
            .map(|e| (e.rule.as_str(), e.reference.as_str(), e.strength.as_str()))
            .collect();
        assert_eq!(
            rules,
            [
                ("invoice_number", "F20001", "exact"),
                ("account_number", "A1001", "exact")
            ]
        );
    }

    proptest! {
        /// Shares are positive and never come to more than the payment; without a rest they come to all of it.
        #[test]
        fn nothing_is_made_or_lost(amount in 1_i64..2_000, named in prop::collection::vec((any::<bool>(), 1_u32..5), 0..6)) {
            let text: Vec<String> =
                named.iter().map(|(by_invoice, n)| if *by_invoice { format!("F2000{n}") } else { format!("A100{n}") }).collect();
            let found = run(amount, &text.join(" "), &index(), &BTreeSet::new());
            let total: i64 = found.shares.iter().map(|share| share.amount_minor).sum();
            prop_assert!(found.shares.iter().all(|share| share.amount_minor > 0));
            prop_assert_eq!(total < amount, found.rest.is_some());
            prop_assert!(total <= amount);
            let mut reversed = text.clone();
            reversed.reverse();
            prop_assert_eq!(amounts(&run(amount, &reversed.join(" "), &index(), &BTreeSet::new())), amounts(&found));
        }
    }
}
