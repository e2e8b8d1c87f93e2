use std::collections::BTreeSet;

use contracts::{Considered, Evidence, Explanation, Fact};
use fluent_bundle::FluentResource;
use kernel::{AccountId, BusinessDate, CreditorId, Currency, InvoiceId, ItemId, Money};

use super::*;
use crate::bundle::ENGLISH;

fn on(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}

fn ron(minor: i64) -> Money {
    Money::new(minor, Currency::RON)
}

fn explained(rule: &str, facts: &[(&str, &str)]) -> Explanation {
    Explanation {
        rule: rule.to_owned(),
        policy: "2026-01-01".to_owned(),
        citation: Some("Codul civil (RO) art. 1509".to_owned()),
        facts: facts
            .iter()
            .map(|(name, value)| Fact {
                name: (*name).into(),
                value: (*value).into(),
            })
            .collect(),
        considered: Vec::new(),
    }
}

fn said(minor: i64, rule: &str, facts: &[(&str, &str)]) -> String {
    let explanation = explained(rule, facts);
    allocation(Explained {
        amount: ron(minor),
        value_on: on("2026-01-20"),
        explanation: &explanation,
    })
}

#[test]
fn the_file_has_no_mistakes() {
    assert!(FluentResource::try_new(ENGLISH.to_owned()).is_ok());
}

/// Amount, rule, facts, sentence.
type Row = (i64, &'static str, &'static [(&'static str, &'static str)], &'static str);

#[test]
fn rows_of_the_allocations() {
    const ITEM: [(&str, &str); 2] = [("invoice", "F-1001"), ("due_on", "2026-01-15")];
    let table: &[Row] = &[
        (
            12050,
            "named-invoice",
            &[ITEM[0], ITEM[1], ("reference", "F1001")],
            "RON 120.50 of the payment of 2026-01-20 paid invoice F-1001 (due 2026-01-15) because the payer named it (“F1001”).",
        ),
        (
            12050,
            "named-invoice",
            &ITEM,
            "RON 120.50 of the payment of 2026-01-20 paid invoice F-1001 (due 2026-01-15) because the payer named it.",
        ),
        (
            1,
            "oldest-due-first",
            &[ITEM[0], ITEM[1], ("instalment", "2")],
            "RON 0.01 of the payment of 2026-01-20 paid instalment 2 of invoice F-1001 (due 2026-01-15) because it was the open item that fell due first.",
        ),
        (
            -500,
            "withdrawn",
            &[ITEM[0], ITEM[1], ("reason", "reversal")],
            "RON 5.00 of the payment of 2026-01-20 was taken from invoice F-1001 (due 2026-01-15) again because the money was withdrawn (reversal).",
        ),
        (
            -500,
            "invoice-reduced",
            &[ITEM[0], ITEM[1], ("reason", "credit_note")],
            "RON 5.00 of the payment of 2026-01-20 was taken from invoice F-1001 (due 2026-01-15) again because a credit note lessened the invoice.",
        ),
        (
            5,
            "not-known-yet",
            &[],
            "RON 0.05 of the payment of 2026-01-20 paid an item due ? by rule not-known-yet.",
        ),
    ];
    for (minor, rule, facts, expected) in table {
        assert_eq!(&said(*minor, rule, facts), expected);
    }
}

#[test]
fn every_rule_has_a_sentence_of_its_own() {
    for rule in [
        "named-invoice",
        "oldest-due-first",
        "credit-to-new-item",
        "credit-to-reopened-item",
        "freed-to-oldest-due",
    ] {
        assert!(!said(1, rule, &[]).contains("by rule"), "{rule}");
    }
    for rule in ["withdrawn", "invoice-reduced", "decided-again"] {
        assert!(!said(-1, rule, &[]).contains("by rule"), "{rule}");
    }
}

#[test]
fn grounds_and_what_was_considered() {
    let account = AccountId::derive(CreditorId::derive("RO-ENERGY"), "C-1");
    let invoice = InvoiceId::from_uuid(account.as_uuid());
    let mut explanation = explained("named-invoice", &[]);
    assert_eq!(
        grounds(&explanation),
        [
            "Policy 2026-01-01, rule named-invoice.",
            "Law: Codul civil (RO) art. 1509."
        ]
    );
    explanation.considered = vec![Considered {
        item_id: ItemId::derive(invoice, 1),
        invoice_id: invoice,
        due_on: on("2026-02-01"),
        open_minor: 700,
        chosen: false,
        why: "nothing_left".to_owned(),
    }];
    assert_eq!(
        considered(&explanation, Currency::RON, |id| (id == invoice).then_some("F-7")),
        ["invoice F-7 (due 2026-02-01) with RON 7.00 open: not reached, nothing was left"]
    );
}

#[test]
fn evidence_in_words() {
    let of = |rule: &str, reference: &str, strength: &str| Evidence {
        rule: rule.into(),
        reference: reference.into(),
        invoice_id: None,
        strength: strength.into(),
    };
    let reasons = [
        of("iso11649", "RF18539007547034", "exact"),
        of("known_payer", "…4711", "inferred"),
    ];
    assert_eq!(
        assigned(&reasons),
        "Assigned because creditor reference “RF18539007547034” (ISO 11649, check digits right) stands in the payment; \
         this payer (…4711) has paid for this account before (inferred, not exact)."
    );
    assert_eq!(assigned(&[]), "");
    assert_eq!(
        assigned(&[of("person", "", "decided")]),
        "Assigned because a person decided it."
    );
    assert_eq!(
        assigned(&[of("person", "phone call", "decided")]),
        "Assigned because a person decided it: phone call."
    );
    assert_eq!(evidence(&of("smell", "x", "exact")), "“x” by rule smell");
}

#[test]
fn money_without_subunits_and_credit() {
    assert_eq!(money(ron(-1)), "RON -0.01");
    assert_eq!(
        credit_held(ron(2000), on("2026-01-20")),
        "RON 20.00 of the payment of 2026-01-20 waits as credit: no item is open for it."
    );
    assert_eq!(
        open_item("F-1", on("2026-01-15"), ron(500), ron(700)),
        "RON 5.00 of RON 7.00 is still open on invoice F-1 (due 2026-01-15)."
    );
}

/// Every kind of evidence that `contracts` documents has a sentence.
#[test]
fn documented_evidence_is_complete() {
    let documented: BTreeSet<&str> = BTreeSet::from([
        "invoice_number",
        "account_number",
        "payment_reference",
        "iso11649",
        "virtual_account",
        "known_payer",
        "person",
    ]);
    for rule in documented {
        assert!(bundle::knows(&format!("evidence-{}", rule.replace('_', "-"))), "{rule}");
    }
}
