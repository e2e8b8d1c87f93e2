use super::*;

#[test]
fn what_the_payer_named_comes_first_then_oldest_due() {
    let mut books = Books::default();
    for (name, due) in [("F1", 10), ("F2", 20), ("F3", 15)] {
        let body = books.issue(name, 1, &[(due, 100)]);
        books.arrive(body);
    }
    let body = books.funds("P1", 25, 250, &["F2"]);
    let decision = books.arrive(body);
    assert_eq!(
        books.said(&decision),
        [
            "P1 → F2/1 100 named-invoice",
            "P1 → F1/1 100 oldest-due-first",
            "P1 → F3/1 50 oldest-due-first"
        ]
    );
    assert_eq!(
        books.render(),
        [
            "F3/1 open 50",
            "P1 pays F1/1 100",
            "P1 pays F2/1 100",
            "P1 pays F3/1 50"
        ]
    );
    let named = &decision.rows[0].explanation;
    assert_eq!(named.citation.as_deref(), Some("Codul civil (RO) art. 1506-1507"));
    assert!(
        named
            .facts
            .iter()
            .any(|fact| fact.name == "reference" && fact.value == "F2")
    );
    let why: Vec<_> = named
        .considered
        .iter()
        .map(|item| (item.why.as_str(), item.chosen, item.open_minor))
        .collect();
    assert_eq!(
        why,
        [
            ("not_named", false, 100),
            ("not_named", false, 100),
            ("named", true, 100)
        ]
    );
}

#[test]
fn named_invoices_oldest_due_first_whatever_order_they_were_named_in() {
    let mut books = Books::default();
    for (name, due) in [("F1", 10), ("F2", 20)] {
        let body = books.issue(name, 1, &[(due, 100)]);
        books.arrive(body);
    }
    let body = books.funds("P1", 25, 150, &["F2", "F1"]);
    books.arrive(body);
    assert_eq!(books.render(), ["F2/1 open 50", "P1 pays F1/1 100", "P1 pays F2/1 50"]);
}

#[test]
fn the_rest_is_credit_and_pays_the_next_invoice_oldest_money_first() {
    let mut books = Books::default();
    let steps = [
        books.issue("F1", 1, &[(10, 100)]),
        books.funds("P1", 5, 130, &[]),
        books.funds("P2", 4, 20, &[]),
    ];
    for body in steps {
        books.arrive(body);
    }
    // P2's value date is earlier: it pays first, whatever came first.
    assert_eq!(books.render(), ["P1 credit 50", "P1 pays F1/1 80", "P2 pays F1/1 20"]);
    books.close();
    let body = books.funds("P3", 7, 10, &[]);
    books.arrive(body);
    books.close();
    let body = books.issue("F2", 20, &[(30, 55)]);
    let decision = books.arrive(body);
    assert_eq!(
        books.said(&decision),
        ["P1 → F2/1 50 credit-to-new-item", "P3 → F2/1 5 credit-to-new-item"]
    );
    assert_eq!(decision.credit_minor, 5);
    assert_eq!(decision.rows[0].explanation.citation, None);
}

/// Row 15 of `protocol.md`: I1 (due 20), P, I2 (due 10) and I1, I2, P must end alike.
#[test]
fn order_of_arrival_does_not_decide() {
    let mut one = Books::default();
    let steps = [
        one.issue("I1", 1, &[(20, 100)]),
        one.funds("P", 5, 100, &[]),
        one.issue("I2", 2, &[(10, 100)]),
    ];
    let mut decisions = Vec::new();
    for body in steps.clone() {
        decisions.push(one.arrive(body));
    }
    let [i1, p, i2] = steps;
    let mut other = Books {
        names: one.names.clone(),
        ..Books::default()
    };
    for body in [i1, i2, p] {
        other.arrive(body);
    }
    assert_eq!(one.render(), ["I1/1 open 100", "P pays I2/1 100"]);
    assert_eq!(one.render(), other.render());
    assert_eq!(
        one.said(&decisions[2]),
        ["P → I1/1 -100 decided-again", "P → I2/1 100 oldest-due-first"]
    );
    one.close();
    other.close();
}

#[test]
fn what_a_closed_day_decided_is_pinned() {
    let mut books = Books::default();
    for body in [books.issue("I1", 1, &[(20, 100)]), books.funds("P", 5, 100, &[])] {
        books.arrive(body);
    }
    books.close();
    // Older due, older issue: P stays where it is.
    let body = books.issue("I2", 1, &[(10, 100)]);
    assert_eq!(books.arrive(body).rows, []);
    assert_eq!(books.render(), ["I2/1 open 100", "P pays I1/1 100"]);
}

#[test]
fn withdrawn_funds_give_back_credit_first_then_the_latest_item() {
    let mut books = Books::default();
    for body in [
        books.issue("F1", 1, &[(10, 100)]),
        books.issue("F2", 1, &[(20, 100)]),
        books.funds("P1", 5, 230, &[]),
    ] {
        books.arrive(body);
    }
    books.close();
    let body = books.withdraw("P1", 0, 8, 80);
    let decision = books.arrive(body);
    assert_eq!(books.said(&decision), ["P1 → F2/1 -50 withdrawn"]);
    assert_eq!(decision.rows[0].reason, "funds_withdrawn");
    assert_eq!(books.render(), ["F2/1 open 50", "P1 pays F1/1 100", "P1 pays F2/1 50"]);
    books.close();
    let body = books.withdraw("P1", 1, 8, 150);
    books.arrive(body);
    assert_eq!(books.render(), ["F1/1 open 100", "F2/1 open 100"]);
    books.close();
}

#[test]
fn what_is_open_again_takes_the_credit_that_waits() {
    let mut books = Books::default();
    for body in [books.issue("F1", 1, &[(10, 100)]), books.funds("P1", 5, 100, &[])] {
        books.arrive(body);
    }
    books.close();
    for body in [books.funds("P2", 6, 70, &[]), books.withdraw("P1", 0, 7, 100)] {
        books.arrive(body);
    }
    assert_eq!(books.render(), ["F1/1 open 30", "P2 pays F1/1 70"]);
    assert_eq!(books.rows.last().unwrap().4, "credit-to-reopened-item");
    books.close();
}

#[test]
fn a_withdrawal_that_stands_before_its_funds_lessens_them() {
    let mut books = Books::default();
    let steps = [
        books.issue("F1", 1, &[(10, 100)]),
        books.funds("P1", 5, 100, &[]),
        books.withdraw("P1", 0, 5, 100),
    ];
    for body in steps {
        books.arrive(body);
    }
    assert_eq!(books.render(), ["F1/1 open 100"]);
    books.close();
}

#[test]
fn a_lesser_invoice_frees_the_latest_money_for_the_oldest_item() {
    let mut books = Books::default();
    for body in [
        books.issue("F1", 1, &[(20, 100)]),
        books.funds("P1", 2, 60, &[]),
        books.funds("P2", 3, 40, &[]),
    ] {
        books.arrive(body);
    }
    books.close();
    for body in [books.issue("F2", 2, &[(10, 30)]), books.issue("F1", 4, &[(20, 50)])] {
        books.arrive(body);
    }
    // P2 came last: its 40 go first, then 10 of P1; 30 of the older money pay F2.
    assert_eq!(
        books.render(),
        ["P1 pays F1/1 50", "P1 pays F2/1 10", "P2 credit 20", "P2 pays F2/1 20"]
    );
    books.close();
}

#[test]
fn a_cancelled_invoice_frees_everything() {
    let mut books = Books::default();
    for body in [books.issue("F1", 1, &[(20, 100)]), books.funds("P1", 2, 100, &["F1"])] {
        books.arrive(body);
    }
    books.close();
    let body = books.cancel("F1", 9);
    let decision = books.arrive(body);
    assert_eq!(books.said(&decision), ["P1 → F1/1 -100 invoice-reduced"]);
    assert_eq!(decision.rows[0].reason, "invoice_cancelled");
    assert_eq!((decision.moves.issued_minor, decision.moves.credited_minor), (-100, 0));
    assert_eq!(books.render(), ["P1 credit 100"]);
    books.close();
}

#[test]
fn explanations_list_at_most_twelve_items_and_all_that_were_chosen() {
    let mut books = Books::default();
    for n in 1..=20_u32 {
        let body = books.issue(&format!("F{n}"), 1, &[(n, 10)]);
        books.arrive(body);
    }
    let body = books.funds("P1", 25, 10, &["F20"]);
    let decision = books.arrive(body);
    let explanation = &decision.rows[0].explanation;
    assert_eq!(explanation.considered.len(), 12);
    assert!(
        explanation
            .considered
            .iter()
            .any(|item| item.chosen && item.why == "named")
    );
    assert!(
        explanation
            .facts
            .iter()
            .any(|fact| fact.name == "looked_at" && fact.value == "20")
    );
}
