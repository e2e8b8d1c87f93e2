//! Many callers at once.

use std::collections::BTreeMap;

use billing::ClockMode;
use contracts::{AccountChanged, AccountOpened, CreditNoteIssued, DebtorRegistered};
use futures::future::join_all;
use serde_json::json;

use crate::support::{Bed, account, creditor, debtor, invoice, with};

fn tally(answers: Vec<(u16, serde_json::Value)>) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for (status, _) in answers {
        *tally.entry(status).or_default() += 1;
    }
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_puts_of_the_same_thing_serialise() {
    let bed = Bed::new("billing-race", ClockMode::Manual).await;
    let (one, two) = (bed.start().await, bed.start().await);
    one.ok("/v1/creditors/RO", creditor(1)).await;
    one.ok("/v1/creditors/RO/debtors/D-1", debtor(1, "Ana")).await;
    let instance = |n: usize| if n.is_multiple_of(2) { &one } else { &two };

    let same = join_all((0..20).map(|n| instance(n).put("/v1/creditors/RO/accounts/A", account(1, "D-1")))).await;
    assert_eq!(tally(same), BTreeMap::from([(200, 19), (201, 1)]));

    // Each version has other content: only rising ones are told, in their order.
    let versions = join_all((2..22_i64).map(|version| {
        let body = with(account(version, "D-1"), "segment", json!(version.to_string()));
        let body = with(body, "refund_iban", json!(format!("LOCAL-{version}")));
        instance(usize::try_from(version).unwrap()).put("/v1/creditors/RO/accounts/A", body)
    }))
    .await;
    assert_eq!(tally(versions), BTreeMap::from([(200, 20)]));

    let claims = join_all((0..10).map(|n| {
        let body = with(account(1, "D-1"), "payment_references", json!(["RF-1"]));
        instance(n).put(
            if n < 5 {
                "/v1/creditors/RO/accounts/B"
            } else {
                "/v1/creditors/RO/accounts/C"
            },
            body,
        )
    }))
    .await;
    assert_eq!(tally(claims), BTreeMap::from([(200, 4), (201, 1), (422, 5)]));

    one.ok("/v1/creditors/RO/invoices/I", invoice(1, "A", 100)).await;
    let paths: Vec<String> = (0..10).map(|n| format!("/v1/creditors/RO/invoices/N-{n}")).collect();
    let notes = join_all(paths.iter().enumerate().map(|(n, path)| {
        let note = json!({"version": 1, "type": "credit_note", "account": "A", "number": "N", "issued_on": "2026-01-06",
            "currency": "RON", "total_minor": 30, "credits": "I"});
        instance(n).put(path, note)
    }))
    .await;
    assert_eq!(
        tally(notes),
        BTreeMap::from([(201, 3), (422, 7)]),
        "three of 30 fit into 100"
    );

    bed.expect::<CreditNoteIssued>("billing.invoice.v1", 3).await;
    bed.expect::<AccountOpened>("accounts.account.v1", 2).await;
    let changed = bed.events::<AccountChanged>("accounts.account.v1").await;
    let versions: Vec<i64> = changed.iter().map(|(_, event)| event.version).collect();
    assert!(versions.is_sorted() && versions.last() == Some(&21), "{versions:?}");
    let debtors = bed.events::<DebtorRegistered>("accounts.debtor.v1").await;
    assert_eq!(debtors.last().unwrap().1.refund_accounts[0].iban, "LOCAL-21");
    one.stop().await;
    two.stop().await;
}
