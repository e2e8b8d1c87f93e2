//! A provider's payouts: shown, outside the day's equation, and money only where a person says so.

use contracts::JournalPosted;
use serde_json::{Value, json};

use super::camt::{Entry, entry, statement};
use super::payu::{Notice, PAID};
use super::world::{CALENDAR, World, account, sum};

fn payout(minor: i64, text: &str, reference: &'static str) -> Entry {
    Entry {
        payer: Some("PayU SA"),
        end_to_end: Some(reference),
        ..entry(minor, text)
    }
}

async fn settlement(world: &World, minor: i64) -> Value {
    let open = world.get("/v1/deposits?kind=settlement").await;
    let mut deposits = open.get("deposits").and_then(Value::as_array).into_iter().flatten();
    let found = deposits.find(|deposit| deposit.get("amount_minor") == Some(&minor.into()));
    found.unwrap_or_else(|| panic!("{open}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_stands_beside_what_was_received() {
    let world = World::new("payout").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    assert_eq!(PAID.send(&world).await, 200);
    // The payout names the account, an order that was confirmed, and an amount that is not its.
    let text = format!("payout C-1001 {}", PAID.order);
    let entries = [entry(1_000, "C-1001"), payout(14_500, &text, "P-1")];
    world.upload(&statement("2026-11-02", 1, 0, &entries)).await;
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    let of = |name| sum(&certificate, name);
    assert_eq!(
        (of("received"), of("assigned"), of("unidentified"), of("settlement")),
        (16_000, 16_000, 0, 14_500)
    );
    let deposit = settlement(&world, 14_500).await;
    assert_eq!(
        (&deposit["remaining_minor"], &deposit["reason"]),
        (&14_500.into(), &"settlement".into())
    );
    let payment = world
        .get(&format!("/v1/payments/{}", deposit["deposit_id"].as_str().unwrap()))
        .await;
    assert_eq!(
        (
            &payment["kind"],
            &payment["unidentified_minor"],
            &payment["settlement_minor"]
        ),
        (&"settlement".into(), &0.into(), &14_500.into())
    );
    let journal = world.events::<JournalPosted>("ingestion.journal.v1").await;
    let on = |name: &str| {
        let of = journal.iter().find(|posted| posted.ledger_account == name);
        of.map(|posted| (posted.debit_minor, posted.credit_minor))
    };
    assert_eq!((on("settlement"), on("unidentified")), (Some((0, 14_500)), None));
    proved(&world, certificate.sequence).await;
    world.finish().await;
}

/// The rows say what the certificates say, and nothing contradicts itself.
async fn proved(world: &World, sequence: i64) {
    let day = ingestion::recompute_day(world.pool(), CALENDAR, 0, sequence)
        .await
        .unwrap();
    assert_eq!(day.running, Vec::<String>::new());
    assert_eq!(
        ingestion::cross_check(world.pool()).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_that_a_person_assigns_is_received_then() {
    let world = World::new("payout_person").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    world
        .upload(&statement("2026-11-02", 1, 0, &[payout(70, "plata", "P-1")]))
        .await;
    let first = world.close("2026-11-02").await;
    assert!(first.holds, "{:?}", first.problems);
    assert_eq!((sum(&first, "received"), sum(&first, "settlement")), (0, 70));
    let id = settlement(&world, 70).await["deposit_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/deposits/{id}/assignments");
    let body = json!({"assignments": [{"account_id": account("C-1001"), "amount_minor": 20}], "reason": "a customer named Payu"});
    let (status, problem) = world.decide(&path, "k1", &body).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["type"].as_str().unwrap().ends_with("settlement"), "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("counts_as_received"),
        "{problem}"
    );
    let mut said = body.clone();
    said["counts_as_received"] = true.into();
    let (status, answer) = world.decide(&path, "k2", &said).await;
    assert_eq!((status, &answer["remaining_minor"]), (200, &50.into()), "{answer}");
    assert_eq!(world.assigned(1).await[0].amount_minor, 20);
    let second = world.close("2026-11-03").await;
    assert!(second.holds, "{:?}", second.problems);
    let of = |name| sum(&second, name);
    assert_eq!(
        (of("received"), of("assigned"), of("settlement")),
        (20, 20, -20),
        "it is money from the day on which the person says so"
    );
    // The bank takes it back: what was assigned is withdrawn, the rest was never received.
    let back = Entry {
        end_to_end: Some("P-1"),
        reversal: true,
        ..entry(-70, "storno")
    };
    world.upload(&statement("2026-11-04", 2, 70, &[back])).await;
    assert_eq!(world.withdrawn(1).await[0].amount_minor, 20);
    let third = world.close("2026-11-04").await;
    assert!(third.holds, "{:?}", third.problems);
    let of = |name| sum(&third, name);
    assert_eq!((of("reversed"), of("assigned"), of("settlement")), (20, -20, -50));
    proved(&world, third.sequence).await;
    world.finish().await;
}

/// A payout of one order in full, which the bank brings before PayU confirms: the confirmation is the money.
#[tokio::test(flavor = "multi_thread")]
async fn a_payout_is_no_twin_of_a_later_confirmation() {
    let world = World::new("payout_twin").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let text = format!("orden {}", PAID.order);
    world
        .upload(&statement("2026-11-02", 1, 0, &[payout(15_000, &text, "P-1")]))
        .await;
    assert_eq!(Notice { ..PAID }.send(&world).await, 200);
    assert_eq!(world.assigned(1).await[0].amount_minor, 15_000);
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    let of = |name| sum(&certificate, name);
    assert_eq!(
        (of("received"), of("assigned"), of("settlement")),
        (15_000, 15_000, 15_000)
    );
    proved(&world, certificate.sequence).await;
    world.finish().await;
}
