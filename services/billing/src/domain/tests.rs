//! Table tests of the decisions, and properties over random histories.

mod creditors;
mod documents;
mod history;

use std::collections::HashMap;

use super::upsert::{Verdict, judge};
use super::*;
use contracts::{AccountOpened, CreditNoteIssued, DebtorRegistered, Instalment, InvoiceIssued, PlaceTaken};
use kernel::{AccountId, BusinessDate, CreditNoteId, CreditorId, Currency, DebtorId, InvoiceId, PlaceId};

fn creditor() -> CreditorId {
    CreditorId::derive("RO-ENERGY")
}

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

fn world() -> World {
    World::new(Terms {
        creditor_id: creditor(),
        today: day("2026-01-31"),
    })
}

/// Content of a version; `variant` stands for what is in the body.
fn content(version: i64, variant: u8) -> Content {
    Content {
        version,
        digest: [variant; 32],
    }
}

fn debtor(id: &str) -> Debtor {
    Debtor(DebtorRegistered {
        debtor_id: DebtorId::derive(creditor(), id),
        creditor_id: creditor(),
        external_id: id.to_owned(),
        version: 1,
        kind: "person".to_owned(),
        names: vec!["Ana Pop".to_owned()],
        tax_ids: Vec::new(),
        language: "ro".to_owned(),
        contact_points: Vec::new(),
        refund_accounts: Vec::new(),
    })
}

fn account(id: &str, debtor: &str) -> Account {
    Account {
        state: AccountOpened {
            account_id: AccountId::derive(creditor(), id),
            creditor_id: creditor(),
            debtor_id: DebtorId::derive(creditor(), debtor),
            external_id: id.to_owned(),
            number: id.to_owned(),
            version: 1,
            currency: Currency::RON,
            calendar: "RO@17:00@Europe/Bucharest".parse().unwrap(),
            kind: "B2C".to_owned(),
            segment: None,
            level: 3,
            portfolio: None,
            analyst: None,
            sales_consultant: None,
            co_debtors: Vec::new(),
            guarantors: Vec::new(),
            other_payer: None,
            payment_references: Vec::new(),
            virtual_accounts: Vec::new(),
            opened_on: day("2025-01-01"),
        },
        refund_account: None,
        closed_on: None,
        protections: Vec::new(),
    }
}

fn place(id: &str, account: &str) -> Place {
    Place {
        state: PlaceTaken {
            place_id: PlaceId::derive(creditor(), id),
            account_id: AccountId::derive(creditor(), account),
            creditor_id: creditor(),
            external_id: id.to_owned(),
            version: 1,
            region: None,
            product: None,
            meter_id: None,
            remote_cut_possible: None,
            voltage: None,
            power_kw: None,
            habitual_dwelling: None,
            grid_operator: None,
            taken_on: day("2025-01-01"),
        },
        left_on: None,
        protections: Vec::new(),
    }
}

fn invoice(id: &str, account: &str, total_minor: i64) -> Invoice {
    Invoice {
        state: InvoiceIssued {
            invoice_id: InvoiceId::derive(creditor(), id),
            account_id: AccountId::derive(creditor(), account),
            creditor_id: creditor(),
            external_id: id.to_owned(),
            number: id.to_owned(),
            version: 1,
            issued_on: day("2026-01-05"),
            currency: Currency::RON,
            total_minor,
            instalments: vec![Instalment {
                number: 1,
                due_on: day("2026-02-05"),
                amount_minor: total_minor,
            }],
            lines: Vec::new(),
            interest: None,
            payment_references: Vec::new(),
            corrects: None,
            reason: None,
        },
        cancelled: None,
        credited_minor: 0,
    }
}

fn cancelled(mut invoice: Invoice) -> Invoice {
    invoice.cancelled = Some(Cancellation {
        on: day("2026-01-20"),
        reason: None,
        replaced_by: None,
    });
    invoice
}

fn note(id: &str, invoice: &str, account: &str, amount_minor: i64) -> CreditNote {
    CreditNote {
        document_id: InvoiceId::derive(creditor(), id),
        state: CreditNoteIssued {
            credit_note_id: CreditNoteId::derive(creditor(), id),
            invoice_id: InvoiceId::derive(creditor(), invoice),
            account_id: AccountId::derive(creditor(), account),
            creditor_id: creditor(),
            external_id: id.to_owned(),
            number: id.to_owned(),
            version: 1,
            issued_on: day("2026-01-10"),
            currency: Currency::RON,
            amount_minor,
            lines: Vec::new(),
            reason: None,
        },
    }
}

impl From<Invoice> for Put {
    fn from(invoice: Invoice) -> Self {
        Self::Document(Document::Invoice(invoice))
    }
}

impl From<CreditNote> for Put {
    fn from(note: CreditNote) -> Self {
        Self::Document(Document::CreditNote(note))
    }
}

/// A world with debtor D and accounts A and B.
fn populated() -> World {
    let mut world = world();
    world.put(Put::Debtor(debtor("D")), content(1, 0)).unwrap();
    world.put(Put::Account(account("A", "D")), content(1, 0)).unwrap();
    world.put(Put::Account(account("B", "D")), content(1, 0)).unwrap();
    world
}

fn kinds(done: &Done) -> Vec<&'static str> {
    done.events.iter().map(Event::kind).collect()
}

fn moved(done: &Done) -> Vec<(MovementKind, i64)> {
    done.movements
        .iter()
        .map(|movement| (movement.kind, movement.amount_minor))
        .collect()
}

/// Field and rule of each finding.
fn rules(result: Result<Done, Refusal>) -> Vec<(String, &'static str)> {
    match result {
        Err(Refusal::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.rule)).collect(),
        other => panic!("not refused by rules: {other:?}"),
    }
}

fn one(pointer: &str, rule: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), rule)]
}

#[test]
fn versions_decide() {
    let stored = content(5, 1);
    for (incoming, expected) in [
        (content(4, 1), Ok(Verdict::Settled(Outcome::Superseded))),
        (content(4, 2), Ok(Verdict::Settled(Outcome::Superseded))),
        (content(5, 1), Ok(Verdict::Settled(Outcome::Unchanged))),
        (content(5, 2), Err(Refusal::Conflict { version: 5 })),
        (content(6, 1), Ok(Verdict::Renumber)),
        (content(6, 2), Ok(Verdict::Change)),
    ] {
        assert_eq!(judge(Some(&stored), &incoming), expected, "{incoming:?}");
    }
    assert_eq!(judge(None, &stored), Ok(Verdict::Create));
    let statuses = [
        Outcome::Created,
        Outcome::Updated,
        Outcome::Unchanged,
        Outcome::Superseded,
    ]
    .map(Outcome::status);
    assert_eq!(statuses, [201, 200, 200, 200]);
}

#[test]
fn a_put_is_created_then_unchanged_superseded_or_updated() {
    let mut world = populated();
    let again = world.put(Put::Account(account("A", "D")), content(1, 0)).unwrap();
    assert_eq!(
        (again.outcome, again.stored, again.events.len()),
        (Outcome::Unchanged, false, 0)
    );
    let newer = world.put(Put::Account(account("A", "D")), content(3, 1)).unwrap();
    assert_eq!(
        (newer.outcome, kinds(&newer)),
        (Outcome::Updated, vec!["AccountChanged"])
    );
    let older = world.put(Put::Account(account("A", "D")), content(2, 2)).unwrap();
    assert_eq!(
        (older.outcome, older.stored, older.events.len()),
        (Outcome::Superseded, false, 0)
    );
    let renumbered = world.put(Put::Account(account("A", "D")), content(4, 1)).unwrap();
    assert_eq!(
        (renumbered.outcome, renumbered.stored, renumbered.events.len()),
        (Outcome::Updated, true, 0)
    );
    let conflict = world.put(Put::Account(account("A", "D")), content(4, 9));
    assert_eq!(conflict, Err(Refusal::Conflict { version: 4 }));
}

#[test]
fn an_account_names_debtors_who_exist() {
    let mut world = world();
    let mut account = account("A", "nobody");
    account.state.co_debtors = vec![DebtorId::derive(creditor(), "nobody-either")];
    account.closed_on = Some(day("2024-12-31"));
    let found = rules(world.put(Put::Account(account), content(1, 0)));
    assert_eq!(
        found,
        [
            ("/closed_on".to_owned(), "order"),
            ("/debtor".to_owned(), "unknown-debtor"),
            ("/co_debtors/0".to_owned(), "unknown-debtor"),
        ]
    );
    assert!(
        world.accounts.is_empty() && world.currencies.is_empty(),
        "a refused put changes nothing"
    );
}

#[test]
fn an_account_keeps_its_currency() {
    let mut world = populated();
    let mut account = account("A", "D");
    account.state.currency = Currency::EUR;
    assert_eq!(
        rules(world.put(Put::Account(account), content(2, 1))),
        one("/currency", "fixed")
    );
}

#[test]
fn a_reference_leads_to_one_account() {
    let with = |id: &str, references: &[&str]| {
        let mut account = account(id, "D");
        account.state.payment_references = references.iter().map(|text| (*text).to_owned()).collect();
        Put::Account(account)
    };
    let mut world = populated();
    world.put(with("A", &["RF 12-3", "x"]), content(2, 1)).unwrap();
    assert_eq!(
        rules(world.put(with("B", &["new", "rf123"]), content(2, 1))),
        one("/payment_references/1", "taken")
    );
    // An invoice of the same account may name it too; then two things hold it.
    let mut same = invoice("I", "A", 100);
    same.state.payment_references = vec!["RF123".to_owned()];
    world.put(same.into(), content(1, 0)).unwrap();
    let mut other = invoice("J", "B", 100);
    other.state.payment_references = vec!["rf-123".to_owned()];
    assert_eq!(
        rules(world.put(other.into(), content(1, 0))),
        one("/payment_references/0", "taken")
    );
    world.put(with("A", &["x"]), content(3, 2)).unwrap();
    assert_eq!(
        rules(world.put(with("B", &["RF123"]), content(2, 1))),
        one("/payment_references/0", "taken")
    );
    // Only when the last holder lets go it is free.
    world.put(invoice("I", "A", 100).into(), content(2, 1)).unwrap();
    world.put(with("B", &["RF123"]), content(2, 1)).unwrap();
    let claims: HashMap<&str, (AccountId, i32)> = world
        .references
        .changed()
        .map(|(name, claim)| (name, (claim.account_id, claim.holders)))
        .collect();
    assert_eq!(claims["RF123"], (AccountId::derive(creditor(), "B"), 1));
    assert_eq!(claims["X"], (AccountId::derive(creditor(), "A"), 1));
}

#[test]
fn references_are_compared_by_letters_and_digits() {
    for (text, normal) in [
        (" rf-18 5390 / 07547034", "RF18539007547034"),
        ("ăb.1", "ĂB1"),
        ("--", ""),
        ("ß", "SS"),
    ] {
        assert_eq!(references::normalised(text), normal);
    }
}

#[test]
fn refunds_are_told_with_the_debtor() {
    let mut world = populated();
    world.put(Put::Debtor(debtor("E")), content(1, 0)).unwrap();
    let refunding = |debtor: &str, number: Option<&str>| {
        let mut account = account("A", debtor);
        account.refund_account = number.map(str::to_owned);
        Put::Account(account)
    };
    let refunds = |done: &Done| -> Vec<(DebtorId, Vec<String>)> {
        let told = done.events.iter().filter_map(|event| match event {
            Event::DebtorRegistered(told) => Some(told),
            _ => None,
        });
        told.map(|told| {
            (
                told.debtor_id,
                told.refund_accounts.iter().map(|refund| refund.iban.clone()).collect(),
            )
        })
        .collect()
    };
    let (d, e) = (DebtorId::derive(creditor(), "D"), DebtorId::derive(creditor(), "E"));
    let set = world.put(refunding("D", Some("R1")), content(2, 1)).unwrap();
    assert_eq!(refunds(&set), [(d, vec!["R1".to_owned()])]);
    let same = world.put(refunding("D", Some("R1")), content(3, 2)).unwrap();
    assert_eq!(refunds(&same), []);
    let debtor_again = world.put(Put::Debtor(debtor("D")), content(2, 1)).unwrap();
    assert_eq!(refunds(&debtor_again), [(d, vec!["R1".to_owned()])]);
    let moved = world.put(refunding("E", Some("R1")), content(4, 3)).unwrap();
    let mut expected = vec![(d, vec![]), (e, vec!["R1".to_owned()])];
    expected.sort_by_key(|(debtor, _)| *debtor);
    assert_eq!(refunds(&moved), expected);
    let gone = world.put(refunding("E", None), content(5, 4)).unwrap();
    assert_eq!(refunds(&gone), [(e, vec![])]);
}

#[test]
fn a_place_moves_with_its_protections() {
    let mut world = populated();
    let protection = |to: Option<&str>| Protection {
        kind: "life_support".to_owned(),
        valid_from_on: day("2026-01-01"),
        valid_to_on: to.map(day),
        evidence_sha256: None,
    };
    let mut here = place("P", "A");
    here.protections = vec![protection(None)];
    let taken = world.put(Put::Place(here.clone()), content(1, 0)).unwrap();
    assert_eq!(kinds(&taken), ["PlaceTaken", "ProtectionDeclared"]);
    here.protections = vec![protection(Some("2026-06-30"))];
    let limited = world.put(Put::Place(here), content(2, 1)).unwrap();
    assert_eq!(kinds(&limited), ["PlaceTaken", "ProtectionDeclared"]);
    let (Event::ProtectionDeclared(one), Event::ProtectionDeclared(other)) = (&taken.events[1], &limited.events[1])
    else {
        panic!("two declarations");
    };
    assert_eq!(
        one.protection_id, other.protection_id,
        "the same declaration has the same id"
    );
    let moved = world.put(Put::Place(place("P", "B")), content(3, 2)).unwrap();
    assert_eq!(kinds(&moved), ["ProtectionLifted", "PlaceLeft", "PlaceTaken"]);
    let mut left = place("P", "B");
    left.left_on = Some(day("2026-01-15"));
    assert_eq!(
        kinds(&world.put(Put::Place(left), content(4, 3)).unwrap()),
        ["PlaceTaken", "PlaceLeft"]
    );
    assert_eq!(
        rules(world.put(Put::Place(place("Q", "nobody")), content(1, 0))),
        one_unknown_account()
    );
}

fn one_unknown_account() -> Vec<(String, &'static str)> {
    one("/account", "unknown-account")
}

#[test]
fn an_account_ends_and_begins_again() {
    let mut world = populated();
    let mut ended = account("A", "D");
    ended.closed_on = Some(day("2026-01-15"));
    assert_eq!(
        kinds(&world.put(Put::Account(ended), content(2, 1)).unwrap()),
        ["AccountChanged", "AccountClosed"]
    );
    assert_eq!(
        kinds(&world.put(Put::Account(account("A", "D")), content(3, 2)).unwrap()),
        ["AccountChanged"]
    );
}
