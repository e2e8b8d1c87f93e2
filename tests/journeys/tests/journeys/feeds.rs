//! The same money twice, files twice, and files that are wrong.

use serde_json::Value;
use testkit::eventually;

use crate::bank::{CO_ACCOUNT, RO_ACCOUNT, confirmation, credit, statement, with_error};
use crate::world::{PATIENCE, World};

const TRANSACTION: &str = "52f5e22d-5f2f-4547-ab26-c566ccbb6763";

/// PayU confirms, and the bank brings the same money later: one payment, seen twice.
pub async fn payu_then_bank(world: &World) {
    let account = world.account("CO", "C-300001", &[]).await;
    let invoice = world
        .invoice("CO", "C-300001", "FV-300001", 1, &[("2026-01-20", 15_000_000)])
        .await;
    world.comes_to(account, 15_000_000, 0).await;
    let form = confirmation("846116081", TRANSACTION, "FV-300001", "150000.00", "4");
    assert_eq!(world.payu(&form).await, 200);
    world.comes_to(account, 0, 0).await;
    assert_eq!(world.payu(&form).await, 200);
    assert_eq!(world.payu(&form.replace("150000.00", "1.00")).await, 401);
    let paid = [credit(15_000_000, "B300001", "PAGO ORDEN 846116081 FV-300001")];
    let answer = world
        .file(&statement(CO_ACCOUNT, "S-300001", "2026-01-05", &paid))
        .await;
    assert_eq!(
        (
            &answer["statements"][0]["seen_again"],
            &answer["statements"][0]["payments"]
        ),
        (&1.into(), &0.into()),
        "{answer}"
    );
    let answer = world
        .ask_allocation(&format!("/v1/invoices/{invoice}/allocations"))
        .await;
    assert_eq!(answer["allocations"].as_array().unwrap().len(), 1);
    let payment = answer["allocations"][0]["payment_id"].as_str().unwrap();
    let told = world.ask_ingestion(&format!("/v1/payments/{payment}")).await;
    let channels: Vec<&Value> = told["sightings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sighting| &sighting["channel"])
        .collect();
    assert_eq!(channels, ["payu-latam", "camt053"]);
    assert_eq!(world.balance(account).await, Some((0, 0)));
}

/// The bank is faster; and a declined attempt moves nothing.
pub async fn bank_then_payu(world: &World) {
    let account = world.account("CO", "C-300002", &[]).await;
    world
        .invoice("CO", "C-300002", "FV-300002", 1, &[("2026-01-20", 8_000_000)])
        .await;
    world.comes_to(account, 8_000_000, 0).await;
    let paid = [credit(8_000_000, "B300002", "ORDEN 846116099")];
    world
        .file(&statement(CO_ACCOUNT, "S-300002", "2026-01-05", &paid))
        .await;
    assert_eq!(world.deposits("846116099").await.len(), 1);
    let (failed, approved) = (
        "62f5e22d-5f2f-4547-ab26-c566ccbb6763",
        "72f5e22d-5f2f-4547-ab26-c566ccbb6763",
    );
    assert_eq!(
        world
            .payu(&confirmation("846116099", failed, "FV-300002", "80000.00", "6"))
            .await,
        200
    );
    assert_eq!(
        world
            .payu(&confirmation("846116099", approved, "FV-300002", "80000.00", "4"))
            .await,
        200
    );
    world.comes_to(account, 0, 0).await;
    assert!(world.deposits("846116099").await.is_empty());
}

/// A file twice, its entries again in another file, and two equal payments that are two.
pub async fn file_twice(world: &World) {
    let account = world.account("RO", "C-300003", &[]).await;
    world.comes_to(account, 0, 0).await;
    let (one, two) = (credit(500, "B300003", "C-300003"), credit(500, "B300004", "C-300003"));
    let file = statement(RO_ACCOUNT, "S-300003", "2026-01-05", &[one.clone(), two.clone()]);
    world.file(&file).await;
    world.comes_to(account, 0, 1_000).await;
    let again = world.file(&file).await;
    assert_eq!(again["times_seen"], 2, "{again}");
    let longer = [one, two, credit(700, "B300005", "C-300003")];
    let answer = world
        .file(&statement(RO_ACCOUNT, "S-300003-X", "2026-01-05", &longer))
        .await;
    assert_eq!(
        (
            &answer["statements"][0]["payments"],
            &answer["statements"][0]["seen_again"]
        ),
        (&1.into(), &2.into()),
        "{answer}"
    );
    world.comes_to(account, 0, 1_700).await;
}

/// A broken file is refused, a wrong sum is quarantined: nothing of either is booked, both are kept.
pub async fn wrong_files(world: &World) {
    let account = world.account("RO", "C-300006", &[]).await;
    world.comes_to(account, 0, 0).await;
    let entries = [credit(900, "B300006", "C-300006")];
    let good = statement(RO_ACCOUNT, "S-300006", "2026-01-05", &entries);
    let (status, refused) = world.upload(&good[..good.len() - 40]).await;
    assert_eq!(status, 422, "{refused}");
    assert!(
        refused["errors"][0]["detail"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{refused}"
    );
    let (status, wrong) = world
        .upload(&with_error(RO_ACCOUNT, "S-300007", "2026-01-05", &entries, 1))
        .await;
    assert!(status < 300, "{wrong}");
    assert_eq!(
        (&wrong["state"], &wrong["statements"][0]["reason"]),
        (&"quarantined".into(), &"balance-proof-fails".into()),
        "{wrong}"
    );
    let listed = world.ask_ingestion("/v1/quarantine").await;
    let reasons: Vec<&Value> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["reason"])
        .collect();
    assert!(reasons.contains(&&Value::from("balance-proof-fails")), "{listed}");
    assert_eq!(world.balance(account).await, Some((0, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_booked_once_however_often_and_wherever_it_is_told() {
    let world = World::new("feeds").await;
    tokio::join!(
        payu_then_bank(&world),
        bank_then_payu(&world),
        file_twice(&world),
        wrong_files(&world)
    );
    world.close("2026-01-05").await;
    let account = crate::world::account_id("RO", "C-300006");
    eventually(PATIENCE, async || world.balance(account).await == Some((0, 0))).await;
    world.holds().await;
    let totals = world.prove().await.totals;
    let (ron, cop) = (
        &totals[&kernel::Currency::RON]["ingestion"],
        &totals[&kernel::Currency::COP]["ingestion"],
    );
    assert_eq!((ron["received"], ron["seen_again"]), (1_700, 1_000), "{ron:?}");
    assert_eq!(
        (cop["received"], cop["seen_again"]),
        (23_000_000, 23_000_000),
        "{cop:?}"
    );
    world.finish().await;
}
