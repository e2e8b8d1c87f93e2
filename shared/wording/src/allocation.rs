//! Where money went, and why.

use contracts::{Considered, Explanation};
use kernel::{BusinessDate, Currency, InvoiceId, Money};

use crate::bundle::{say, say_of};
use crate::money;

/// One row of the allocations with what is needed to say it.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    /// Signed: minus where money was taken from the item again.
    pub amount: Money,
    /// Value date of the money.
    pub value_on: BusinessDate,
    /// Why. Its facts `invoice`, `due_on`, `instalment`, `reference` and `reason` are used where they are there.
    pub explanation: &'a Explanation,
}

/// The value of a fact of the explanation.
fn fact<'a>(explanation: &'a Explanation, name: &str) -> Option<&'a str> {
    explanation
        .facts
        .iter()
        .find(|fact| fact.name == name)
        .map(|fact| fact.value.as_str())
}

/// `invoice F-1001 (due 2026-01-15)`; with its instalment where the invoice has several.
fn item(invoice: Option<&str>, due_on: &str, instalment: Option<&str>) -> String {
    match (invoice, instalment) {
        (Some(invoice), Some(instalment)) => say(
            "item-instalment",
            &[("invoice", invoice), ("due_on", due_on), ("instalment", instalment)],
        ),
        (Some(invoice), None) => say("item", &[("invoice", invoice), ("due_on", due_on)]),
        (None, _) => say("item-unnamed", &[("due_on", due_on)]),
    }
}

/// One row as a sentence: `RON 120.50 of the payment of 2026-01-20 paid invoice F-1001 (due 2026-01-15) because …`.
#[must_use]
pub fn allocation(row: Explained<'_>) -> String {
    let Explained {
        amount,
        value_on,
        explanation,
    } = row;
    let family = if amount.is_negative() { "reversal" } else { "allocation" };
    let positive = money(
        amount
            .checked_neg()
            .ok()
            .filter(|negated| !negated.is_negative())
            .unwrap_or(amount),
    );
    let item = item(
        fact(explanation, "invoice"),
        fact(explanation, "due_on").unwrap_or("?"),
        fact(explanation, "instalment"),
    );
    say_of(
        family,
        &explanation.rule,
        &[
            ("amount", &positive),
            ("value_on", &value_on.to_string()),
            ("item", &item),
            ("reference", fact(explanation, "reference").unwrap_or("none")),
            ("reason", fact(explanation, "reason").unwrap_or("none")),
            ("rule", &explanation.rule),
        ],
    )
}

/// The rule, the policy's version and the law behind a decision, one sentence each.
#[must_use]
pub fn grounds(explanation: &Explanation) -> Vec<String> {
    let policy = say(
        "policy",
        &[("policy", &explanation.policy), ("rule", &explanation.rule)],
    );
    let law = explanation
        .citation
        .as_deref()
        .map(|citation| say("law", &[("citation", citation)]));
    std::iter::once(policy).chain(law).collect()
}

/// What was considered, one line per item, in the order in which the rule looked. `number_of` gives the printed number of
/// an invoice where it is known.
#[must_use]
pub fn considered<'a>(
    explanation: &Explanation,
    currency: Currency,
    number_of: impl Fn(InvoiceId) -> Option<&'a str>,
) -> Vec<String> {
    let line = |looked_at: &Considered| {
        let number = number_of(looked_at.invoice_id);
        let why = say_of("why", &looked_at.why, &[("code", &looked_at.why)]);
        say(
            "considered",
            &[
                ("item", &item(number, &looked_at.due_on.to_string(), None)),
                ("open", &money(Money::new(looked_at.open_minor, currency))),
                ("why", &why),
            ],
        )
    };
    explanation.considered.iter().map(line).collect()
}

/// `RON 20.00 of the payment of 2026-01-20 waits as credit: no item is open for it.`
#[must_use]
pub fn credit_held(amount: Money, value_on: BusinessDate) -> String {
    say(
        "credit-held",
        &[("amount", &money(amount)), ("value_on", &value_on.to_string())],
    )
}

/// `RON 20.00 of RON 120.50 is still open on invoice F-1001 (due 2026-01-15).`
#[must_use]
pub fn open_item(invoice: &str, due_on: BusinessDate, open: Money, amount: Money) -> String {
    let item = item(Some(invoice), &due_on.to_string(), None);
    say(
        "waiting-open",
        &[("open", &money(open)), ("amount", &money(amount)), ("item", &item)],
    )
}
