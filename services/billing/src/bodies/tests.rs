//! What is read, what is refused, and with which field and rule.

use serde_json::{Value, json};

use super::reading::{ReadError, read};
use super::*;

fn account() -> Value {
    json!({"version": 1, "debtor": "D-1", "number": "100", "kind": "B2C", "opened_on": "2025-01-01"})
}

fn invoice() -> Value {
    json!({"version": 1, "account": "A-1", "number": "F-1", "issued_on": "2026-01-05", "currency": "RON",
        "total_minor": 119, "instalments": [{"due_on": "2026-02-05", "amount_minor": 119}],
        "lines": [{"net_minor": 100, "tax_minor": 19}]})
}

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[field.parse::<usize>().unwrap()] = value,
        object => object[field] = value,
    }
    body
}

fn refusal<B: Body>(body: &Value) -> (String, &'static str) {
    let bytes = body.to_string().into_bytes();
    let Err(ReadError::Shape(error)) = read::<B>(&bytes) else {
        panic!("read: {body}")
    };
    assert!(
        !error.detail.contains('`') || error.rule == "one-of",
        "{}",
        error.detail
    );
    (error.pointer, error.rule)
}

#[test]
fn fields_of_accounts_are_checked() {
    for (pointer, value, rule) in [
        ("/version", json!(0), "range"),
        ("/version", json!("1"), "type"),
        ("/level", json!(0), "range"),
        ("/level", json!(null), "type"),
        ("/debtor", json!(""), "blank"),
        ("/debtor", json!(" D"), "blank"),
        ("/debtor", json!("x".repeat(101)), "max-length"),
        ("/number", json!("a\u{0}"), "control-characters"),
        ("/kind", json!("b2c"), "one-of"),
        ("/currency", json!("ron"), "format"),
        ("/refund_iban", json!("RO49AAAA1B31007593840001"), "iban"),
        ("/refund_iban", json!("€"), "account-number"),
        ("/payment_references", json!(["a", "--"]), "reference"),
        ("/payment_references", json!(vec!["a"; 101]), "max-items"),
        (
            "/protections",
            json!([{"kind": "Life", "valid_from_on": "2026-01-01"}]),
            "kind",
        ),
        ("/opened_on", json!("2025-1-1"), "format"),
        ("/opened_on", json!(5), "type"),
        ("/closing", json!(5), "unknown-field"),
    ] {
        let (found, by) = refusal::<AccountBody>(&changed(account(), pointer, value.clone()));
        assert!(found.starts_with(pointer), "{found} for {pointer} {value}");
        assert_eq!(by, rule, "{pointer} {value}");
    }
    let evidence = json!([{"kind": "life_support", "valid_from_on": "2026-01-01", "evidence_sha256": "12"}]);
    let (found, by) = refusal::<AccountBody>(&changed(account(), "/protections", evidence));
    assert_eq!((found.as_str(), by), ("/protections/0/evidence_sha256", "sha256"));
    let mut missing = account();
    missing.as_object_mut().unwrap().remove("opened_on");
    assert_eq!(refusal::<AccountBody>(&missing), ("/opened_on".to_owned(), "required"));
}

#[test]
fn what_is_not_json_is_told_apart() {
    for text in ["", "{", "{}{}", "[1,]", "nul", "\u{feff}{}"] {
        assert!(
            matches!(read::<AccountBody>(text.as_bytes()), Err(ReadError::Syntax(_))),
            "{text}"
        );
    }
    let twice = r#"{"version":1,"version":1}"#;
    let Err(ReadError::Shape(error)) = read::<AccountBody>(twice.as_bytes()) else {
        panic!("read")
    };
    assert_eq!(error.rule, "duplicate-field");
    assert!(matches!(
        read::<AccountBody>(b"7"),
        Err(ReadError::Shape(FieldError { rule: "type", .. }))
    ));
}

#[test]
fn types_of_documents_have_their_fields() {
    let note = json!({"version": 1, "type": "credit_note", "account": "A-1", "number": "N-1", "issued_on": "2026-01-05",
        "currency": "RON", "total_minor": 10, "credits": "F-1"});
    let check = |body: Value| {
        let body: InvoiceBody = serde_json::from_value(body).unwrap();
        body.check()
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|error| (error.pointer, error.rule))
            .collect::<Vec<_>>()
    };
    assert_eq!(check(invoice()), []);
    assert_eq!(check(note.clone()), []);
    let one = |pointer: &str, rule: &'static str| vec![(pointer.to_owned(), rule)];
    for (field, value) in [
        ("/instalments", invoice()["instalments"].clone()),
        ("/interest", json!({"annual_rate": "8.25"})),
        ("/payment_references", json!(["a"])),
        ("/corrects", json!("F-0")),
        ("/status", json!("cancelled")),
    ] {
        assert_eq!(check(changed(note.clone(), field, value)), one(field, "not-allowed"));
    }
    assert_eq!(
        check(changed(note, "/credits", Value::Null)),
        one("/credits", "required")
    );
    assert_eq!(
        check(changed(invoice(), "/credits", json!("F-0"))),
        one("/credits", "not-allowed")
    );
    assert_eq!(
        check(changed(invoice(), "/cancelled_on", json!("2026-01-06"))),
        one("/cancelled_on", "not-allowed")
    );
}

#[test]
fn content_is_compared_without_version_order_and_spelling() {
    let digest = |body: &Value| {
        let mut body: AccountBody = serde_json::from_value(body.clone()).unwrap();
        *body.version() = Version::ANY;
        canonical(&body, 1).unwrap().1.digest
    };
    let base = digest(&account());
    assert_eq!(base, digest(&changed(account(), "/version", json!(9))));
    assert_eq!(
        base,
        digest(&changed(account(), "/level", json!(3))),
        "a default that is spelt out"
    );
    assert_eq!(base, digest(&changed(account(), "/segment", Value::Null)));
    assert_ne!(base, digest(&changed(account(), "/level", json!(4))));
    let iban = |text: &str| digest(&changed(account(), "/refund_iban", json!(text)));
    assert_eq!(iban("RO49 AAAA 1B31 0075 9384 0000"), iban("ro49aaaa1b31007593840000"));
}

#[test]
fn ids_are_resolved_and_lines_carry_their_tax() {
    let calendar: CalendarId = "RO@17:00@Europe/Bucharest".parse().unwrap();
    let owner = Owner {
        creditor_id: CreditorId::derive("RO"),
        calendar: &calendar,
        currency: Currency::RON,
        today: "2026-01-31".parse().unwrap(),
    };
    let body: AccountBody = serde_json::from_value(account()).unwrap();
    let state = body.state("A-1", owner).state;
    assert_eq!((state.currency, state.level), (Currency::RON, 3));
    assert_eq!(state.debtor_id, kernel::DebtorId::derive(owner.creditor_id, "D-1"));
    let body: InvoiceBody = serde_json::from_value(changed(invoice(), "/status", json!("cancelled"))).unwrap();
    let crate::domain::Document::Invoice(state) = body.state("F-1", owner) else {
        panic!("an invoice")
    };
    assert_eq!(state.cancelled.map(|cancelled| cancelled.on), Some(owner.today));
    let line = &state.state.lines[0];
    assert_eq!((line.number, line.amount_minor, line.tax_minor), (1, 119, 19));
    assert_eq!(state.state.instalments[0].number, 1);
}

#[test]
fn a_stored_body_is_read_again() {
    let mut body: InvoiceBody = serde_json::from_value(invoice()).unwrap();
    *body.version() = Version::ANY;
    let (text, content) = canonical(&body, 7).unwrap();
    let again: InvoiceBody = serde_json::from_str(&text).unwrap();
    assert_eq!(canonical(&again, 7).unwrap(), (text, content));
}
