//! Two sightings that may be the same money: both are told in a task, a person decides, and the day's equation holds.

use contracts::{FundsWithdrawn, PaymentReversed};
use serde_json::{Value, json};

use super::camt::{Entry, Statement, entry, statement};
use super::expected::{ended, expected};
use super::payu::PAID;
use super::provisional::{upload, within_the_day};
use super::world::{CALENDAR, World, account, sum};

async fn the_task(world: &World) -> Value {
    let tasks = world.get("/v1/tasks?kind=doubtful-pair").await;
    let all = tasks.get("tasks").and_then(Value::as_array).unwrap();
    assert_eq!(all.len(), 1, "{tasks}");
    all.first().unwrap().clone()
}

async fn decide(world: &World, task: &Value, decision: &str) -> (u16, Value) {
    let path = format!(
        "/v1/tasks/{}/decision",
        task.get("task_id").and_then(Value::as_str).unwrap()
    );
    world
        .decide(&path, "k", &json!({"decision": decision, "reason": "looked at both"}))
        .await
}

async fn holds(world: &World, day: &str, from: i64) -> contracts::DayCertified {
    let certificate = world.close(day).await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    let again = ingestion::recompute_day(world.pool(), CALENDAR, from, certificate.sequence)
        .await
        .unwrap();
    assert_eq!(again.running, Vec::<String>::new());
    assert_eq!(
        ingestion::cross_check(world.pool()).await.unwrap(),
        Vec::<String>::new()
    );
    certificate
}

async fn paid(world: &World) {
    assert_eq!(PAID.send(world).await, 200);
    world
        .known("SELECT count(*) FROM raw WHERE state IN ('received', 'proved')", 0)
        .await;
}

/// The bank speaks of the provider, and of neither order nor transaction.
fn at_the_bank() -> Statement {
    statement("2026-11-02", 1, 0, &[entry(15_000, "abono pasarela PAYU noviembre")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_and_a_bank_entry_that_may_be_the_same_money() {
    for (name, bank_first) in [("doubt_payu", false), ("doubt_bank", true)] {
        let world = World::new(name).await;
        world.creditor().await;
        world.account("C-1001", &[], &[]).await;
        if bank_first {
            upload(&world, at_the_bank().xml()).await;
            paid(&world).await;
        } else {
            paid(&world).await;
            upload(&world, at_the_bank().xml()).await;
        }
        let task = the_task(&world).await;
        assert!(task["evidence"].to_string().contains("payu-latam"), "{task}");
        let first = holds(&world, "2026-11-02", 0).await;
        assert_eq!(sum(&first, "received"), 30_000, "both count until somebody decides");
        let (status, answer) = decide(&world, &task, "same").await;
        assert_eq!(status, 200, "{answer}");
        // However often it is sent again: one payment.
        let again = Statement {
            message: "again".into(),
            ..at_the_bank()
        };
        let told = upload(&world, again.xml()).await;
        assert_eq!(told["statements"][0]["seen_again"], 1, "{told}");
        let second = holds(&world, "2026-11-03", first.sequence).await;
        let net = |of: &str| sum(&first, of) + sum(&second, of);
        assert_eq!(net("received") - net("reversed"), 15_000);
        assert_eq!((net("assigned"), net("unidentified")), (15_000, 0));
        let reversed = world.events::<PaymentReversed>("payments.payment.v1").await;
        assert_eq!((reversed.len(), reversed[0].reason.as_deref()), (1, Some("seen-twice")));
        let withdrawn = world.events::<FundsWithdrawn>("payments.funds.v1").await;
        assert_eq!(withdrawn.len(), usize::from(bank_first));
        assert!(
            withdrawn
                .iter()
                .all(|one| one.reason == "decided" && one.decided_by.is_some())
        );
        let (status, _) = decide(&world, &task, "different").await;
        assert_eq!(status, 409, "decided once");
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn different_money_stays_two_payments() {
    let world = World::new("doubt_none").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    paid(&world).await;
    upload(&world, at_the_bank().xml()).await;
    let (status, answer) = decide(&world, &the_task(&world).await, "different").await;
    assert_eq!(status, 200, "{answer}");
    let certificate = holds(&world, "2026-11-02", 0).await;
    assert_eq!(
        (sum(&certificate, "received"), sum(&certificate, "reversed")),
        (30_000, 0)
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn something_expected_and_an_equal_payment_under_another_reference() {
    let world = World::new("doubt_expected").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let told = |reference: &'static str, text: &str| Entry {
        end_to_end: Some(reference),
        ..entry(900, text)
    };
    let report = statement("2026-11-02", 1, 0, &[told("E-1111", "contract C-1001")]);
    upload(&world, within_the_day(&report)).await;
    expected(&world, 1).await;
    upload(
        &world,
        statement("2026-11-02", 1, 0, &[told("E-2222", "fara detalii")]).xml(),
    )
    .await;
    let task = the_task(&world).await;
    assert_eq!(task["account_id"], json!(account("C-1001")));
    assert_eq!(
        world
            .count("SELECT count(*) FROM expectation WHERE ended_at IS NULL")
            .await,
        1
    );
    let (status, answer) = decide(&world, &task, "same").await;
    assert_eq!(status, 200, "{answer}");
    let ends = ended(&world, 1).await;
    let funds = world.assigned(1).await;
    assert_eq!(
        (ends[0].reason.as_str(), ends[0].payment_id),
        ("booked", Some(funds[0].payment_id))
    );
    let certificate = holds(&world, "2026-11-02", 0).await;
    assert_eq!(
        (sum(&certificate, "received"), sum(&certificate, "assigned")),
        (900, 900)
    );
    world.finish().await;
}
