//! Invoices, corrections, cancellations and credit notes.

use contracts::InvoiceLine;

use super::*;

#[test]
fn invoices_that_do_not_add_up_are_refused() {
    type Change = fn(&mut InvoiceIssued);
    let cases: [(Change, &str, &str); 11] = [
        (|i| i.total_minor = 101, "/instalments", "sum"),
        (|i| i.instalments.clear(), "/instalments", "min-items"),
        (
            |i| i.instalments.push(i.instalments[0].clone()),
            "/instalments/1/number",
            "unique",
        ),
        (
            |i| i.instalments[0].due_on = day("2026-01-04"),
            "/instalments/0/due_on",
            "order",
        ),
        (
            |i| i.instalments[0].amount_minor = 0,
            "/instalments/0/amount_minor",
            "positive",
        ),
        (|i| i.currency = Currency::EUR, "/currency", "account-currency"),
        (
            |i| i.account_id = AccountId::derive(creditor(), "nobody"),
            "/account",
            "unknown-account",
        ),
        (|i| i.corrects = Some(i.invoice_id), "/corrects", "other"),
        (
            |i| i.corrects = Some(InvoiceId::derive(creditor(), "nothing")),
            "/corrects",
            "unknown-invoice",
        ),
        (
            |i| i.payment_references = vec!["--".to_owned()],
            "/payment_references/0",
            "reference",
        ),
        (
            |i| (i.total_minor, i.instalments[0].amount_minor) = (0, 0),
            "/total_minor",
            "positive",
        ),
    ];
    for (change, pointer, rule) in cases {
        let mut bad = invoice("I", "A", 100);
        change(&mut bad.state);
        let found = rules(populated().put(bad.into(), content(1, 0)));
        assert!(
            found.contains(&(pointer.to_owned(), rule)),
            "{pointer} {rule}: {found:?}"
        );
    }
}

#[test]
fn lines_that_do_not_add_up_are_refused() {
    let line = |number: u16, amount_minor: i64| InvoiceLine {
        number,
        place_id: None,
        product: None,
        debt_kind: None,
        period_from_on: Some(day("2026-01-01")),
        period_to_on: Some(day("2026-01-31")),
        amount_minor,
        tax_minor: 0,
    };
    let mut bad = invoice("I", "A", 100);
    bad.state.lines = vec![line(1, 60), line(2, 41)];
    assert_eq!(
        rules(populated().put(bad.clone().into(), content(1, 0))),
        one("/lines", "sum")
    );
    bad.state.lines = vec![line(1, 60), line(1, 40)];
    bad.state.lines[1].period_to_on = Some(day("2025-12-31"));
    let expected = [
        ("/lines/1/number".to_owned(), "unique"),
        ("/lines/1/period_to_on".to_owned(), "order"),
    ];
    assert_eq!(rules(populated().put(bad.into(), content(1, 0))), expected);
    let mut good = invoice("I", "A", 100);
    good.state.lines = vec![line(1, 140), line(2, -40)];
    assert_eq!(
        kinds(&populated().put(good.into(), content(1, 0)).unwrap()),
        ["InvoiceIssued"]
    );
    let mut huge = invoice("I", "A", i64::MAX);
    huge.state.instalments.push(Instalment {
        number: 2,
        due_on: day("2026-02-05"),
        amount_minor: i64::MAX,
    });
    assert_eq!(
        rules(populated().put(huge.into(), content(1, 0))),
        one("/instalments", "sum")
    );
}

#[test]
fn an_invoice_is_corrected_and_cancelled() {
    use MovementKind::{Credited, Issued};
    let mut world = populated();
    let issued = world.put(invoice("I", "A", 100).into(), content(1, 0)).unwrap();
    assert_eq!(
        (kinds(&issued), moved(&issued)),
        (vec!["InvoiceIssued"], vec![(Issued, 100)])
    );
    let corrected = world.put(invoice("I", "A", 80).into(), content(2, 1)).unwrap();
    assert_eq!(
        (kinds(&corrected), moved(&corrected)),
        (vec!["InvoiceCorrected"], vec![(Issued, -20)])
    );
    let moved_away = world.put(invoice("I", "B", 80).into(), content(3, 2));
    assert_eq!(rules(moved_away), one("/account", "fixed"));
    let void = world
        .put(cancelled(invoice("I", "A", 80)).into(), content(3, 2))
        .unwrap();
    assert_eq!(
        (kinds(&void), moved(&void)),
        (vec!["InvoiceCancelled"], vec![(Credited, -80)])
    );
    let again = world.put(invoice("I", "A", 80).into(), content(4, 3));
    assert_eq!(rules(again), one("/status", "final"));
    let noted = world
        .put(cancelled(invoice("I", "A", 90)).into(), content(4, 3))
        .unwrap();
    assert_eq!(
        (noted.outcome, kinds(&noted), moved(&noted)),
        (Outcome::Updated, vec![], vec![])
    );
    let never_issued = world
        .put(cancelled(invoice("J", "A", 50)).into(), content(7, 0))
        .unwrap();
    assert_eq!(kinds(&never_issued), ["InvoiceIssued", "InvoiceCancelled"]);
    assert_eq!(moved(&never_issued), [(Issued, 50), (Credited, -50)]);
}

#[test]
fn credit_notes_never_exceed_their_invoice() {
    use MovementKind::Credited;
    let mut world = populated();
    world.put(invoice("I", "A", 100).into(), content(1, 0)).unwrap();
    let first = world.put(note("N1", "I", "A", 60).into(), content(1, 0)).unwrap();
    assert_eq!(
        (kinds(&first), moved(&first)),
        (vec!["CreditNoteIssued"], vec![(Credited, -60)])
    );
    assert_eq!(
        rules(world.put(note("N2", "I", "A", 41).into(), content(1, 0))),
        one("/total_minor", "exceeds-invoice")
    );
    assert_eq!(
        rules(world.put(note("N2", "I", "B", 10).into(), content(1, 0))),
        one("/credits", "other-account")
    );
    assert_eq!(
        rules(world.put(note("N2", "X", "A", 10).into(), content(1, 0))),
        one("/credits", "unknown-invoice")
    );
    assert_eq!(
        rules(world.put(note("N2", "N1", "A", 10).into(), content(1, 0))),
        one("/credits", "unknown-invoice")
    );
    assert_eq!(
        rules(world.put(note("N1", "I", "A", 50).into(), content(2, 1))),
        one("", "final")
    );
    assert_eq!(
        rules(world.put(invoice("N1", "A", 50).into(), content(2, 1))),
        one("/type", "fixed")
    );
    assert_eq!(
        rules(world.put(note("I", "I", "A", 50).into(), content(2, 1))),
        one("/type", "fixed")
    );
    assert_eq!(
        rules(world.put(invoice("I", "A", 59).into(), content(2, 1))),
        one("/total_minor", "credited")
    );
    let void = world
        .put(cancelled(invoice("I", "A", 100)).into(), content(2, 1))
        .unwrap();
    assert_eq!(moved(&void), [(Credited, -40)]);
    assert_eq!(
        rules(world.put(note("N3", "I", "A", 10).into(), content(1, 0))),
        one("/credits", "final")
    );
}

#[test]
fn an_invoice_that_corrects_another_replaces_it() {
    use MovementKind::{Credited, Issued};
    let mut world = populated();
    world.put(invoice("I", "A", 100).into(), content(1, 0)).unwrap();
    let mut by = invoice("J", "A", 70);
    by.state.corrects = Some(InvoiceId::derive(creditor(), "I"));
    let mut elsewhere = invoice("K", "B", 70);
    elsewhere.state.corrects = by.state.corrects;
    assert_eq!(
        rules(world.put(elsewhere.into(), content(1, 0))),
        one("/corrects", "other-account")
    );
    let replaced = world.put(by.clone().into(), content(1, 0)).unwrap();
    assert_eq!(kinds(&replaced), ["InvoiceCancelled", "InvoiceIssued"]);
    assert_eq!(moved(&replaced), [(Credited, -100), (Issued, 70)]);
    assert_eq!(
        world.touched.iter().copied().collect::<Vec<_>>(),
        [InvoiceId::derive(creditor(), "I")]
    );
    // The ERP's own cancellation of the old one changes nothing any more, and it cannot be issued again.
    let own = world
        .put(cancelled(invoice("I", "A", 100)).into(), content(2, 1))
        .unwrap();
    assert_eq!(
        (own.outcome, kinds(&own), moved(&own)),
        (Outcome::Updated, vec![], vec![])
    );
    assert_eq!(
        rules(world.put(invoice("I", "A", 100).into(), content(3, 2))),
        one("/status", "final")
    );
    assert_eq!(
        rules(world.put(invoice("J", "A", 70).into(), content(2, 1))),
        one("/corrects", "fixed")
    );
    let corrected = world.put(by.into(), content(2, 1)).unwrap();
    assert_eq!(kinds(&corrected), ["InvoiceCorrected"]);
}
