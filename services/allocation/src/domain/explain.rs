//! Why a row was written, as data.

use contracts::{Considered, Explanation, Fact as Told};
use kernel::Jurisdiction;

use super::fact::Fact;
use super::fold::{Step, Why};
use super::policy::Policy;
use super::position::{Funds, Item, Position};

/// More items than this are not listed; the fact `looked_at` says how many there were.
const LISTED: usize = 12;

/// Rule: what of the day's facts in canonical order says otherwise than before.
pub const DECIDED_AGAIN: &str = "decided-again";

/// Every rule that a row may name.
pub const RULES: [&str; 8] = [
    "named-invoice",
    "oldest-due-first",
    "credit-to-new-item",
    "credit-to-reopened-item",
    "freed-to-oldest-due",
    "withdrawn",
    "invoice-reduced",
    DECIDED_AGAIN,
];

/// The id of the rule of a step.
#[must_use]
pub fn rule(why: &Why) -> &'static str {
    match why {
        Why::Named => "named-invoice",
        Why::OldestDue => "oldest-due-first",
        Why::CreditToNew => "credit-to-new-item",
        Why::CreditToReopened => "credit-to-reopened-item",
        Why::Freed => "freed-to-oldest-due",
        Why::Withdrawn(_) => "withdrawn",
        Why::Reduced(_) => "invoice-reduced",
    }
}

/// What a row is about.
pub struct Subject<'a> {
    /// The item.
    pub item: &'a Item,
    /// The funds.
    pub funds: &'a Funds,
    /// The account after the day's facts.
    pub end: &'a Position,
    /// The fact that arrived.
    pub new: Option<&'a Fact>,
}

/// Why this row: by the step that made it, or because the day was decided again.
#[must_use]
pub fn explanation(
    subject: &Subject<'_>,
    step: Option<&Step>,
    policy: &Policy,
    jurisdiction: Jurisdiction,
) -> Explanation {
    let rule = step.map_or(DECIDED_AGAIN, |step| rule(&step.why));
    let looked_at: &[Considered] = step.map_or(&[], |step| &step.considered);
    let mut facts = facts(subject, step);
    if looked_at.len() > LISTED {
        facts.push(told("looked_at", looked_at.len()));
    }
    // Those that were chosen are always among the listed ones.
    let (chosen, others): (Vec<_>, Vec<_>) = looked_at.iter().cloned().partition(|item| item.chosen);
    let mut considered: Vec<Considered> = chosen.into_iter().chain(others).take(LISTED).collect();
    considered.sort_by_key(|item| (item.due_on, item.item_id));
    Explanation {
        rule: rule.to_owned(),
        policy: policy.version.clone(),
        citation: policy.citation(rule, jurisdiction),
        facts,
        considered,
    }
}

fn told(name: &str, value: impl ToString) -> Told {
    Told {
        name: name.to_owned(),
        value: value.to_string(),
    }
}

fn facts(subject: &Subject<'_>, step: Option<&Step>) -> Vec<Told> {
    let terms = &subject.item.terms;
    let mut facts = vec![told("invoice", &terms.invoice_number), told("due_on", terms.due_on)];
    let of_invoice = subject
        .end
        .items
        .values()
        .filter(|item| item.terms.invoice_id == terms.invoice_id);
    if terms.instalment > 1 || of_invoice.count() > 1 {
        facts.push(told("instalment", terms.instalment));
    }
    facts.push(told("assigned_minor", subject.funds.assigned_minor));
    match step.map(|step| &step.why) {
        Some(Why::Named) => {
            let evidence = &subject.funds.evidence;
            let naming = evidence
                .iter()
                .find(|evidence| evidence.invoice_id == Some(terms.invoice_id));
            facts.extend(naming.map(|evidence| told("reference", &evidence.reference)));
        }
        Some(Why::Withdrawn(reason)) => facts.push(told("reason", reason)),
        Some(Why::Reduced(change)) => facts.push(told("reason", change.word())),
        Some(_) => {}
        None => {
            facts.extend(subject.new.map(|fact| told("because_of", fact.body.word())));
            facts.extend(subject.new.map(|fact| told("counts_on", fact.body.on())));
        }
    }
    facts
}
