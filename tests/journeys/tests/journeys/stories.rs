//! Money that names what it is for, and what happens to it later.

use contracts::{AllocationReversed, ItemReopened, ItemSettled};
use serde_json::{Value, json};

use crate::bank::{RO_ACCOUNT, credit, statement};
use crate::world::{World, invoice_body, invoice_id};

/// Amounts of an answer's rows, in order.
fn amounts(answer: &Value) -> Vec<i64> {
    answer["allocations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["amount_minor"].as_i64().unwrap())
        .collect()
}

/// A statement pays an invoice of two instalments, and allocation says where every cent went and why.
pub async fn paid_in_full(world: &World) {
    let account = world.account("RO", "C-100001", &[]).await;
    let invoice = world
        .invoice(
            "RO",
            "C-100001",
            "F-100001",
            1,
            &[("2026-01-20", 6_000), ("2026-02-20", 4_000)],
        )
        .await;
    world.comes_to(account, 10_000, 0).await;
    let paid = [credit(10_000, "B100001", "Plata factura F-100001 multumesc")];
    world
        .file(&statement(RO_ACCOUNT, "S-100001", "2026-01-05", &paid))
        .await;
    world.comes_to(account, 0, 0).await;

    let answer = world
        .ask_allocation(&format!("/v1/invoices/{invoice}/allocations"))
        .await;
    assert_eq!(amounts(&answer), [6_000, 4_000]);
    let rows = answer["allocations"].as_array().unwrap();
    for row in rows {
        assert!(
            row["words"].as_str().is_some_and(|words| words.contains("F-100001")),
            "{row}"
        );
        assert!(!row["considered"].as_array().unwrap().is_empty(), "{row}");
        assert_eq!(row["provisional"], true);
    }
    let items = answer["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["open_minor"] == 0), "{items:?}");
    let payment = rows[0]["payment_id"].as_str().unwrap().to_owned();
    let of_payment = world
        .ask_allocation(&format!("/v1/payments/{payment}/allocations"))
        .await;
    assert_eq!(amounts(&of_payment), [6_000, 4_000]);
    assert_eq!(of_payment["funds"][0]["credit_minor"], 0);
    let told = world.ask_ingestion(&format!("/v1/payments/{payment}")).await;
    assert_eq!(told["funds"][0]["evidence"][0]["rule"], "invoice_number");
    assert_eq!(told["funds"][0]["account_id"], account.to_string());
    let settled = world.events::<ItemSettled>("allocation.account.v1").await;
    let settled = settled.iter().filter(|(_, event)| event.invoice_id == invoice).count();
    assert_eq!(settled, 2);
}

/// What is too much is credit; the next invoice takes it.
pub async fn overpaid(world: &World) {
    let account = world.account("RO", "C-100002", &[]).await;
    world
        .invoice("RO", "C-100002", "F-100002", 1, &[("2026-01-20", 5_000)])
        .await;
    world.comes_to(account, 5_000, 0).await;
    let paid = [credit(8_000, "B100002", "F-100002")];
    world
        .file(&statement(RO_ACCOUNT, "S-100002", "2026-01-05", &paid))
        .await;
    world.comes_to(account, 0, 3_000).await;
    let next = world
        .invoice("RO", "C-100002", "F-100003", 1, &[("2026-02-20", 4_500)])
        .await;
    world.comes_to(account, 1_500, 0).await;
    let answer = world.ask_allocation(&format!("/v1/invoices/{next}/allocations")).await;
    assert_eq!(amounts(&answer), [3_000]);
}

/// The bank takes money back: the item is open again, and what was allocated is reversed by a new row.
pub async fn taken_back(world: &World, day: &str) {
    let account = world.account("RO", "C-100004", &[]).await;
    let invoice = world
        .invoice("RO", "C-100004", "F-100004", 1, &[("2026-01-20", 7_000)])
        .await;
    world.comes_to(account, 7_000, 0).await;
    let paid = credit(7_000, "B100004", "F-100004").from("RO09BCYP0000001234567890");
    world
        .file(&statement(RO_ACCOUNT, "S-100004", day, std::slice::from_ref(&paid)))
        .await;
    world.comes_to(account, 0, 0).await;
    world
        .file(&statement(RO_ACCOUNT, "S-100004-R", day, &[paid.taken_back()]))
        .await;
    world.comes_to(account, 7_000, 0).await;
    let answer = world
        .ask_allocation(&format!("/v1/invoices/{invoice}/allocations"))
        .await;
    assert_eq!(amounts(&answer), [7_000, -7_000]);
    let reversed = world.events::<AllocationReversed>("allocation.account.v1").await;
    assert!(
        reversed
            .iter()
            .any(|(_, event)| event.account_id == account && event.amount_minor == 7_000)
    );
    let reopened = world.events::<ItemReopened>("allocation.account.v1").await;
    assert!(
        reopened
            .iter()
            .any(|(_, event)| event.account_id == account && event.open_minor == 7_000)
    );
}

/// An invoice and the money that pays it, for the story of its changes.
pub async fn before_changes(world: &World) {
    let account = world.account("RO", "C-100005", &[]).await;
    world
        .invoice("RO", "C-100005", "F-100005", 1, &[("2026-01-20", 10_000)])
        .await;
    world
        .invoice("RO", "C-100005", "F-100006", 1, &[("2026-02-20", 10_000)])
        .await;
    world.comes_to(account, 20_000, 0).await;
    let paid = [credit(10_000, "B100005", "F-100005")];
    world
        .file(&statement(RO_ACCOUNT, "S-100005", "2026-01-05", &paid))
        .await;
    world.comes_to(account, 10_000, 0).await;
}

/// A credit note, a correction and a cancellation: what they free settles what is still owed, a day later.
pub async fn changes(world: &World) {
    let account = crate::world::account_id("RO", "C-100005");
    // 20.00 of the paid invoice is credited: it moves on to the other one.
    let note = json!({"version": 1, "type": "credit_note", "account": "C-100005", "number": "N-100005", "credits": "F-100005",
        "issued_on": "2026-01-06", "currency": "RON", "total_minor": 2_000});
    world.put("/v1/creditors/RO/invoices/N-100005", &note).await;
    world.comes_to(account, 8_000, 0).await;
    // The other one is corrected from 100.00 to 50.00, of which 20.00 are paid.
    world
        .invoice("RO", "C-100005", "F-100006", 2, &[("2026-02-20", 5_000)])
        .await;
    world.comes_to(account, 3_000, 0).await;
    // The first one is cancelled: its 80.00 pay the 30.00 that are left, 50.00 are credit.
    let mut cancelled = invoice_body("RO", "C-100005", "F-100005", 2, &[("2026-01-20", 10_000)]);
    cancelled["status"] = "cancelled".into();
    cancelled["cancelled_on"] = "2026-01-06".into();
    world.put("/v1/creditors/RO/invoices/F-100005", &cancelled).await;
    world.comes_to(account, 0, 5_000).await;
    let first = world
        .ask_allocation(&format!("/v1/invoices/{}/allocations", invoice_id("RO", "F-100005")))
        .await;
    assert_eq!(amounts(&first).iter().sum::<i64>(), 0, "{first}");
    let other = world
        .ask_allocation(&format!("/v1/invoices/{}/allocations", invoice_id("RO", "F-100006")))
        .await;
    assert_eq!(amounts(&other).iter().sum::<i64>(), 5_000, "{other}");
}

/// One transfer for two accounts of a property manager: each gets what its invoice owes.
pub async fn one_for_two(world: &World) {
    let (one, two) = (
        world.account("RO", "C-100007", &[]).await,
        world.account("RO", "C-100008", &[]).await,
    );
    world
        .invoice("RO", "C-100007", "F-100007", 1, &[("2026-01-20", 3_000)])
        .await;
    world
        .invoice("RO", "C-100008", "F-100008", 1, &[("2026-01-20", 4_500)])
        .await;
    world.comes_to(one, 3_000, 0).await;
    world.comes_to(two, 4_500, 0).await;
    let paid = [credit(7_500, "B100007", "F-100007, F-100008")];
    world
        .file(&statement(RO_ACCOUNT, "S-100007", "2026-01-05", &paid))
        .await;
    world.comes_to(one, 0, 0).await;
    world.comes_to(two, 0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_finds_its_debt_and_every_cent_is_explained() {
    let world = World::new("stories").await;
    tokio::join!(
        paid_in_full(&world),
        overpaid(&world),
        before_changes(&world),
        one_for_two(&world)
    );
    world.close("2026-01-05").await;
    let answer = world
        .ask_allocation(&format!("/v1/invoices/{}/allocations", invoice_id("RO", "F-100001")))
        .await;
    assert!(
        answer["allocations"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["provisional"] == false),
        "{answer}"
    );
    tokio::join!(changes(&world), taken_back(&world, "2026-01-06"));
    world.close("2026-01-06").await;
    world.close("2026-01-07").await;
    world.holds().await;
    world.finish().await;
}
