//! Unidentified money, and how it finds its account after all; money that is taken back.

use serde_json::json;

use super::camt::{Entry, entry, statement};
use super::world::{World, account, invoice, sum};

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_comes_later_claims_its_money() {
    let world = World::new("late").await;
    world.creditor().await;
    world
        .upload(&statement(
            "2026-11-02",
            1,
            0,
            &[entry(300, "F-2026/000007"), entry(250, "contract C-1009")],
        ))
        .await;
    assert_eq!(world.get("/v1/deposits").await["deposits"].as_array().unwrap().len(), 2);
    world.account("C-1009", &[], &[]).await;
    world.invoice("F-2026/000007", "C-1009", 300).await;
    let funds = world.assigned(2).await;
    assert!(
        funds
            .iter()
            .any(|funds| funds.amount_minor == 300 && funds.invoice_ids == [invoice("F-2026/000007")])
    );
    assert!(
        funds
            .iter()
            .any(|funds| funds.amount_minor == 250 && funds.invoice_ids.is_empty())
    );
    assert!(
        world.get("/v1/deposits").await["deposits"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        (
            sum(&certificate, "received"),
            sum(&certificate, "assigned"),
            sum(&certificate, "unidentified")
        ),
        (550, 550, 0)
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told once")]
async fn a_person_decides_within_what_is_left() {
    let world = World::new("person").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    world.account("C-1002", &[], &[]).await;
    world
        .upload(&statement(
            "2026-11-02",
            1,
            0,
            &[
                entry(1_000, "chirie"),
                Entry {
                    payer: Some("PayU SA"),
                    ..entry(70, "payout")
                },
            ],
        ))
        .await;
    let open = world.get("/v1/deposits?kind=payment").await;
    let id = open["deposits"][0]["deposit_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/deposits/{id}/assignments");
    let part = |number: &str, amount: i64| json!({"account_id": account(number), "amount_minor": amount});
    let body = json!({"assignments": [part("C-1001", 600)], "reason": "telefon"});
    let (status, answer) = world.decide(&path, "k1", &body).await;
    assert_eq!((status, &answer["remaining_minor"]), (200, &400.into()), "{answer}");
    assert_eq!(
        world.decide(&path, "k1", &body).await,
        (200, answer),
        "the same key gets the same answer"
    );
    let other = json!({"assignments": [part("C-1001", 1)], "reason": "telefon"});
    assert_eq!(world.decide(&path, "k1", &other).await.0, 409);
    let (status, problem) = world
        .decide(
            &path,
            "k2",
            &json!({"assignments": [part("C-1002", 401)], "reason": "x"}),
        )
        .await;
    assert_eq!((status, &problem["remaining_minor"]), (409, &400.into()));
    let (status, problem) = world
        .decide(&path, "k3", &json!({"assignments": [part("nobody", 1)], "reason": ""}))
        .await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &"/reason".into()));
    let (status, problem) = world
        .decide(&path, "k4", &json!({"assignments": [part("nobody", 1)], "reason": "x"}))
        .await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &"/assignments/0/account_id".into())
    );
    assert_eq!(
        world
            .decide(
                &path,
                "k5",
                &json!({"assignments": [part("C-1001", 100), part("C-1002", 300)], "reason": "rest"})
            )
            .await
            .0,
        200
    );
    let funds = world.assigned(3).await;
    assert!(
        funds
            .iter()
            .all(|funds| funds.decided_by.as_deref() == Some("tester") && funds.evidence[0].strength == "decided")
    );
    let payouts = world.get("/v1/deposits").await;
    assert_eq!(
        (
            &payouts["deposits"][0]["kind"],
            &payouts["deposits"][0]["remaining_minor"]
        ),
        (&"settlement".into(), &70.into())
    );
    let payment = world.get(&format!("/v1/payments/{id}")).await;
    assert_eq!(
        (
            payment["funds"].as_array().unwrap().len(),
            &payment["unidentified_minor"]
        ),
        (3, &0.into()),
        "{payment}"
    );
    assert!(world.close("2026-11-02").await.holds);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_payers_wait_for_the_matching_before_the_marker() {
    let world = World::new("payers").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let from = |minor, text| Entry {
        payer_iban: Some("RO66BACX0000001234567890"),
        payer: Some("Ion"),
        ..entry(minor, text)
    };
    // The payment without a reference comes before the one that teaches who pays: the order changes nothing.
    world
        .upload(&statement(
            "2026-11-02",
            1,
            0,
            &[from(100, "multumesc"), from(200, "C-1001"), from(300, "tot eu")],
        ))
        .await;
    assert_eq!(world.assigned(1).await[0].amount_minor, 200);
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        sum(&certificate, "assigned"),
        600,
        "what was matched before the marker is in the day"
    );
    let inferred: Vec<_> = world
        .assigned(3)
        .await
        .into_iter()
        .filter(|funds| funds.evidence[0].strength == "inferred")
        .collect();
    assert_eq!(inferred.len(), 2);
    assert!(
        inferred
            .iter()
            .all(|funds| funds.evidence[0].rule == "known_payer" && funds.evidence[0].reference.ends_with('…'))
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_takes_a_known_payment_back_also_when_its_file_is_late() {
    let world = World::new("reversal").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let paid = |minor, reference| Entry {
        end_to_end: Some(reference),
        ..entry(minor, "C-1001")
    };
    let back = |minor: i64, reference| Entry {
        end_to_end: Some(reference),
        reversal: true,
        ..entry(-minor, "storno")
    };
    world
        .upload(&statement(
            "2026-11-03",
            2,
            450,
            &[
                paid(500, "E2E-77"),
                back(500, "E2E-77"),
                back(450, "E2E-88"),
                entry(-20, "comision"),
            ],
        ))
        .await;
    assert_eq!(world.withdrawn(1).await[0].amount_minor, 500);
    assert_eq!(world.count("SELECT count(*) FROM unmatched_reversal").await, 1);
    // Yesterday's file.
    world
        .upload(&statement("2026-11-02", 1, 0, &[paid(450, "E2E-88")]))
        .await;
    let certificate = world.close("2026-11-03").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        world
            .withdrawn(2)
            .await
            .iter()
            .map(|funds| funds.amount_minor)
            .sum::<i64>(),
        950
    );
    let of = |name| sum(&certificate, name);
    assert_eq!(
        (of("received"), of("reversed"), of("assigned"), of("outgoing")),
        (950, 950, 0, 20)
    );
    assert_eq!(
        ingestion::cross_check(world.pool()).await.unwrap(),
        Vec::<String>::new()
    );
    // Sent again, nothing is taken back twice.
    let again = super::camt::Statement {
        message: "again".into(),
        ..statement(
            "2026-11-03",
            2,
            450,
            &[
                paid(500, "E2E-77"),
                back(500, "E2E-77"),
                back(450, "E2E-88"),
                entry(-20, "comision"),
            ],
        )
    };
    world.upload(&again).await;
    assert_eq!(world.count("SELECT count(*) FROM reversal").await, 2);
    world.finish().await;
}
