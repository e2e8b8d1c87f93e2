//! Money that names nothing that is known.

use serde_json::json;
use testkit::eventually;

use crate::bank::{RO_ACCOUNT, credit, statement};
use crate::world::{PATIENCE, World};

const PAYER: &str = "RO66BACX0000001234567890";

/// A person says whose it is: twice the same request is one decision.
pub async fn decided_by_a_person(world: &World) {
    let account = world.account("RO", "C-200001", &[]).await;
    let invoice = world
        .invoice("RO", "C-200001", "F-200001", 1, &[("2026-01-20", 2_500)])
        .await;
    world.comes_to(account, 2_500, 0).await;
    let paid = [credit(4_000, "B200001", "pentru curentul din decembrie")];
    world
        .file(&statement(RO_ACCOUNT, "S-200001", "2026-01-05", &paid))
        .await;
    let deposits = world.deposits("curentul").await;
    assert_eq!(deposits.len(), 1, "{deposits:?}");
    let deposit = deposits[0]["deposit_id"].as_str().unwrap();
    assert_eq!(
        (deposits[0]["remaining_minor"].as_i64(), deposits[0]["reason"].as_str()),
        (Some(4_000), Some("nothing_named"))
    );
    let too_much = json!({"assignments": [{"account_id": account, "amount_minor": 4_001}], "reason": "she called"});
    assert_eq!(world.assign(deposit, &too_much).await.0, 409);
    let body = json!({"assignments": [{"account_id": account, "amount_minor": 2_500, "invoice_ids": [invoice]}], "reason": "she called"});
    let (status, answer) = world.assign(deposit, &body).await;
    assert_eq!((status, &answer["remaining_minor"]), (200, &json!(1_500)), "{answer}");
    world.comes_to(account, 0, 0).await;
    let told = world.ask_ingestion(&format!("/v1/payments/{deposit}")).await;
    let funds = &told["funds"][0];
    assert_eq!(
        (&funds["decided_by"], &funds["decided_reason"]),
        (&json!("tester"), &json!("she called"))
    );
    assert_eq!(funds["evidence"][0]["rule"], "person");
}

/// The money comes first, the invoice that it names later.
pub async fn claimed_by_a_late_invoice(world: &World) {
    let account = world.account("RO", "C-200002", &[]).await;
    world.comes_to(account, 0, 0).await;
    let paid = [credit(3_300, "B200002", "avans F-200002")];
    world
        .file(&statement(RO_ACCOUNT, "S-200002", "2026-01-05", &paid))
        .await;
    assert_eq!(world.deposits("F-200002").await.len(), 1);
    let invoice = world
        .invoice("RO", "C-200002", "F-200002", 1, &[("2026-01-20", 5_000)])
        .await;
    world.comes_to(account, 1_700, 0).await;
    assert!(world.deposits("F-200002").await.is_empty());
    let answer = world
        .ask_allocation(&format!("/v1/invoices/{invoice}/allocations"))
        .await;
    assert_eq!(answer["allocations"][0]["amount_minor"], 3_300);
}

/// Who paid for an account once by an exact reference.
pub async fn becomes_known(world: &World) {
    let account = world.account("RO", "C-200003", &[]).await;
    world
        .invoice("RO", "C-200003", "F-200003", 1, &[("2026-01-20", 1_000)])
        .await;
    world.comes_to(account, 1_000, 0).await;
    let paid = [credit(1_000, "B200003", "F-200003").from(PAYER)];
    world
        .file(&statement(RO_ACCOUNT, "S-200003", "2026-01-05", &paid))
        .await;
    world.comes_to(account, 0, 0).await;
}

/// The same payer writes nothing the next day: before the marker, not at once, the money is given to that account.
pub async fn known_payer(world: &World) {
    let account = crate::world::account_id("RO", "C-200003");
    let paid = [credit(1_200, "B200004", "salut Ana").from(PAYER)];
    world
        .file(&statement(RO_ACCOUNT, "S-200004", "2026-01-06", &paid))
        .await;
    assert_eq!(world.deposits("salut").await.len(), 1);
    assert_eq!(world.balance(account).await, Some((0, 0)));
}

/// After the day.
pub async fn known_payer_got_it(world: &World) {
    let account = crate::world::account_id("RO", "C-200003");
    world.comes_to(account, 0, 1_200).await;
    assert!(world.deposits("salut").await.is_empty());
}

/// A debit that is no reversal, and one whose payment is in a file that comes later.
pub async fn outgoing_and_early_reversal(world: &World) {
    let fee = crate::bank::Entry {
        minor: -350,
        text: "comision".to_owned(),
        ..credit(0, "B200005", "")
    };
    let paid = credit(2_100, "B200006", "C-200006").from("RO85PIRB0000001234567890");
    world
        .file(&statement(
            RO_ACCOUNT,
            "S-200006-R",
            "2026-01-06",
            &[fee, paid.taken_back()],
        ))
        .await;
    let account = world.account("RO", "C-200006", &[]).await;
    world.comes_to(account, 0, 0).await;
    world
        .file(&statement(RO_ACCOUNT, "S-200006", "2026-01-06", &[paid]))
        .await;
    world.comes_to(account, 0, 2_100).await;
}

/// Another early reversal, whose payment never comes.
pub async fn reversal_of_nothing(world: &World) {
    let never = credit(1_900, "B200007", "C-999999").taken_back();
    world
        .file(&statement(RO_ACCOUNT, "S-200007", "2026-01-06", &[never]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unidentified_money_finds_its_account() {
    let world = World::new("unidentified").await;
    tokio::join!(
        decided_by_a_person(&world),
        claimed_by_a_late_invoice(&world),
        becomes_known(&world)
    );
    world.close("2026-01-05").await;
    tokio::join!(
        known_payer(&world),
        outgoing_and_early_reversal(&world),
        reversal_of_nothing(&world)
    );
    world.close("2026-01-06").await;
    known_payer_got_it(&world).await;
    let account = crate::world::account_id("RO", "C-200006");
    eventually(PATIENCE, async || world.balance(account).await == Some((0, 0))).await;
    world.holds().await;
    let totals = world.prove().await.totals;
    let ron = &totals[&kernel::Currency::RON]["ingestion"];
    assert_eq!((ron["outgoing"], ron["reversed"]), (350 + 1_900, 2_100), "{ron:?}");
    world.finish().await;
}
