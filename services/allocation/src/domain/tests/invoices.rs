use super::*;

fn amounts(invoice: &Invoice) -> Vec<(u16, i64, i64)> {
    invoice
        .terms
        .iter()
        .map(|terms| (terms.instalment, terms.charged_minor, terms.credited_minor))
        .collect()
}

fn three() -> Invoice {
    let message = issue(
        "F1",
        1,
        january(1),
        &[(january(10), 100), (january(30), 100), (january(20), 100)],
    );
    Invoice::revised(None, &message).unwrap().unwrap()
}

#[test]
fn a_credit_note_lessens_what_is_due_last_first() {
    let invoice = Invoice::credited(Some(&three()), &note("F1", "N1", 1, january(2), 150))
        .unwrap()
        .unwrap();
    assert_eq!(amounts(&invoice), [(1, 100, 0), (2, 100, 100), (3, 100, 50)]);
    // The same note again is old news, a newer version of it replaces it.
    assert_eq!(
        Invoice::credited(Some(&invoice), &note("F1", "N1", 1, january(2), 150)),
        Ok(None)
    );
    let invoice = Invoice::credited(Some(&invoice), &note("F1", "N1", 2, january(2), 20))
        .unwrap()
        .unwrap();
    assert_eq!(amounts(&invoice), [(1, 100, 0), (2, 100, 20), (3, 100, 0)]);
    let refused = Invoice::credited(Some(&invoice), &note("F1", "N2", 1, january(2), 281)).unwrap_err();
    assert_eq!(
        refused,
        Refused::CreditedBeyond {
            credited: 301,
            charged: 300
        }
    );
    assert_eq!(
        refused.to_string(),
        "credit notes of 301 minor units exceed the invoice's 300"
    );
}

#[test]
fn a_correction_replaces_and_keeps_what_it_dropped_at_nothing() {
    let noted = Invoice::credited(Some(&three()), &note("F1", "N1", 1, january(2), 50))
        .unwrap()
        .unwrap();
    let message = issue("F1", 2, january(1), &[(january(10), 120)]);
    let invoice = Invoice::revised(Some(&noted), &message).unwrap().unwrap();
    assert_eq!(amounts(&invoice), [(1, 120, 50), (2, 0, 0), (3, 0, 0)]);
    assert_eq!(Invoice::revised(Some(&invoice), &message), Ok(None));
    let less = issue("F1", 3, january(1), &[(january(10), 49)]);
    assert!(matches!(
        Invoice::revised(Some(&invoice), &less),
        Err(Refused::CreditedBeyond { .. })
    ));
}

#[test]
fn a_cancelled_invoice_charges_nothing_and_a_correction_brings_it_back() {
    let noted = Invoice::credited(Some(&three()), &note("F1", "N1", 1, january(2), 50))
        .unwrap()
        .unwrap();
    let invoice = Invoice::cancelled(Some(&noted), &cancel("F1", 2, january(3)))
        .unwrap()
        .unwrap();
    assert_eq!(amounts(&invoice), [(1, 0, 0), (2, 0, 0), (3, 0, 0)]);
    assert_eq!(
        Invoice::cancelled(Some(&invoice), &cancel("F1", 2, january(3))),
        Ok(None)
    );
    let back = Invoice::revised(Some(&invoice), &issue("F1", 3, january(1), &[(january(10), 80)]))
        .unwrap()
        .unwrap();
    assert_eq!(amounts(&back), [(1, 80, 50), (2, 0, 0), (3, 0, 0)]);
}

#[test]
fn what_breaks_a_rule_is_refused_by_name() {
    let known = three();
    let mut wrong_sum = issue("F1", 1, january(1), &[(january(10), 100)]);
    wrong_sum.total_minor = 99;
    let mut twice = issue("F1", 1, january(1), &[(january(10), 50), (january(11), 50)]);
    twice.instalments[1].number = 1;
    let mut strange = issue("F1", 2, january(1), &[(january(10), 50)]);
    strange.account_id = AccountId::derive(creditor(), "C-2");
    let table = [
        (Invoice::revised(None, &wrong_sum), "instalments-sum"),
        (Invoice::revised(None, &twice), "instalments"),
        (Invoice::revised(None, &issue("F1", 1, january(1), &[])), "instalments"),
        (
            Invoice::revised(None, &issue("F1", 1, january(1), &[(january(10), 0)])),
            "amount-not-positive",
        ),
        (Invoice::revised(Some(&known), &strange), "invoice-of-another-account"),
        (
            Invoice::cancelled(None, &cancel("F1", 1, january(1))),
            "unknown-invoice",
        ),
        (
            Invoice::credited(None, &note("F1", "N1", 1, january(1), 1)),
            "unknown-invoice",
        ),
        (
            Invoice::credited(Some(&known), &note("F1", "N1", 1, january(1), 0)),
            "amount-not-positive",
        ),
        (
            Invoice::credited(Some(&known), &note("F1", "N1", 1, january(1), -5)),
            "amount-not-positive",
        ),
    ];
    for (result, rule) in table {
        assert_eq!(result.unwrap_err().rule(), rule);
    }
}

#[test]
fn the_policy_describes_exactly_the_rules_of_the_code() {
    assert_eq!(policy().check(), Ok(()));
    let mut lacking = policy();
    lacking.rules.remove("withdrawn");
    assert_eq!(
        lacking.check().unwrap_err().to_string(),
        "the policy does not describe rule withdrawn"
    );
    assert_eq!(on("2026-01-05"), january(5));
}
