//! A batch that the statement books as one sum, and a notification that tells its payments.

use serde_json::{Value, json};

use super::camt::{IBAN, entry, statement};
use super::expected::{ended, expected};
use super::provisional::{notification, upload};
use super::world::{World, account, sum};

const NAME: &str = "<AcctSvcrRef>LOT-77001</AcctSvcrRef>";

/// What stands in the place of the details of the first entry.
fn with_details(xml: &str, details: &str) -> String {
    let (head, rest) = xml.split_once("<NtryDtls>").unwrap();
    let (_, tail) = rest.split_once("</NtryDtls>").unwrap();
    format!("{head}{NAME}<NtryDtls>{details}</NtryDtls>{tail}")
}

/// The statement of the day: one sum.
fn lump(minor: i64) -> String {
    let xml = statement("2026-11-02", 1, 0, &[entry(minor, "x")]).xml();
    with_details(&xml, "<Btch><PmtInfId>PI-9</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>")
}

/// The notification: each payment, by amount and text.
fn told(payments: &[(i64, &str)]) -> String {
    let total = payments.iter().map(|(minor, _)| minor).sum();
    let details: String = payments
        .iter()
        .map(|(minor, text)| {
            format!(
                "<TxDtls><AmtDtls><TxAmt><Amt Ccy=\"RON\">{}.{:02}</Amt></TxAmt></AmtDtls><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>",
                minor / 100,
                minor % 100
            )
        })
        .collect();
    let mut xml = statement("2026-11-02", 1, 0, &[entry(total, "x")]);
    xml.id = "N1".into();
    xml.message = "N1".into();
    with_details(&notification(&xml), &details)
}

/// The same day as MT940: one sum, and no name.
fn mt940() -> String {
    format!(
        ":20:EXTRAS\r\n:25:{IBAN}\r\n:28C:1/1\r\n:60F:C261102RON0,\r\n:61:2611021102C300,00NTRFNONREF\r\n:86:INCASARI\r\n\
         :62F:C261102RON300,\r\n-\r\n"
    )
}

const PAYMENTS: [(i64, &str); 3] = [
    (10_000, "contract C-1001"),
    (15_000, "contract C-1002"),
    (5_000, "nimic"),
];

async fn world(name: &str) -> World {
    let world = World::new(name).await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    world.account("C-1002", &[], &[]).await;
    world
}

async fn checked(world: &World, received: i64, assigned: i64) {
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        (
            sum(&certificate, "received"),
            sum(&certificate, "assigned"),
            sum(&certificate, "unidentified")
        ),
        (received, assigned, received - assigned)
    );
    let day = ingestion::recompute_day(world.pool(), super::world::CALENDAR, 0, certificate.sequence)
        .await
        .unwrap();
    assert_eq!(day.running, Vec::<String>::new());
    assert_eq!(
        ingestion::cross_check(world.pool()).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_told_before_is_booked_payment_by_payment() {
    let world = world("batch_told").await;
    upload(&world, told(&PAYMENTS)).await;
    expected(&world, 2).await;
    upload(&world, lump(30_000)).await;
    let funds = world.assigned(2).await;
    assert_ne!(funds[0].payment_id, funds[1].payment_id);
    let ends = ended(&world, 2).await;
    for funds in &funds {
        assert!(ends.iter().any(|end| end.payment_id == Some(funds.payment_id)
            && end.account_id == funds.account_id
            && end.reason == "booked"));
    }
    // Sent again, the statement and the notification tell the same payments.
    upload(&world, lump(30_000).replace("<Id>S1</Id>", "<Id>S1 </Id>")).await;
    upload(&world, told(&PAYMENTS).replace("N1", "N2")).await;
    // Another format tells the sum, under no name: it is those three.
    let told = upload(&world, mt940()).await;
    assert_eq!(told["statements"][0]["seen_again"], 3, "{told}");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 3);
    checked(&world, 30_000, 25_000).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_told_afterwards_is_split() {
    let world = world("batch_split").await;
    upload(&world, lump(30_000)).await;
    assert_eq!(
        world.get("/v1/deposits").await["deposits"][0]["remaining_minor"],
        30_000
    );
    upload(&world, told(&PAYMENTS)).await;
    let funds = world.assigned(2).await;
    assert_eq!(funds[0].payment_id, funds[1].payment_id, "the bank booked one sum");
    for (account_id, minor) in [(account("C-1001"), 10_000), (account("C-1002"), 15_000)] {
        let found = funds.iter().find(|funds| funds.account_id == account_id).unwrap();
        assert_eq!(
            (found.amount_minor, found.evidence[0].strength.as_str()),
            (minor, "exact")
        );
    }
    let deposits = world.get("/v1/deposits").await;
    assert_eq!(deposits["deposits"][0]["remaining_minor"], 5_000, "{deposits}");
    upload(&world, told(&PAYMENTS).replace("N1", "N2")).await;
    upload(&world, lump(30_000).replace("<Id>S1</Id>", "<Id>S1 </Id>")).await;
    assert_eq!(world.count("SELECT count(*) FROM funds").await, 2);
    assert_eq!(
        world.count("SELECT count(*) FROM pending WHERE ended_at IS NULL").await,
        0
    );
    checked(&world, 30_000, 25_000).await;
    world.finish().await;
}

fn fact<'a>(task: &'a Value, name: &str) -> &'a str {
    let facts = task.get("evidence").and_then(Value::as_array).unwrap();
    let found = facts.iter().find(|fact| fact.get("name") == Some(&name.into()));
    found
        .and_then(|fact| fact.get("value"))
        .and_then(Value::as_str)
        .unwrap()
}

/// The sum is booked already, by another format; then the notification comes, then the statement that names the batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_another_format_booked_is_split_when_it_is_named() {
    let world = world("batch_named").await;
    upload(&world, mt940()).await;
    upload(&world, told(&PAYMENTS)).await;
    upload(&world, lump(30_000)).await;
    assert_eq!(world.assigned(2).await.len(), 2);
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    checked(&world, 30_000, 25_000).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_payments_come_to_another_sum_is_a_persons_matter() {
    for (name, told_first) in [("batch_doubt_1", true), ("batch_doubt_2", false)] {
        let world = world(name).await;
        if told_first {
            upload(&world, told(&PAYMENTS)).await;
            upload(&world, lump(30_100)).await;
        } else {
            upload(&world, lump(30_100)).await;
            upload(&world, told(&PAYMENTS)).await;
        }
        let tasks = world.get("/v1/tasks?kind=doubtful-pair").await;
        assert_eq!(tasks["tasks"].as_array().unwrap().len(), 1, "{tasks}");
        let task = &tasks["tasks"][0];
        assert_eq!(
            (fact(task, "booked_minor"), fact(task, "told_minor")),
            ("30100", "30000")
        );
        assert_eq!(world.count("SELECT count(*) FROM funds").await, 0);
        let path = format!("/v1/tasks/{}/decision", task["task_id"].as_str().unwrap());
        let body = json!({"decision": "same", "reason": "the bank kept one leu"});
        let (status, answer) = world.decide(&path, "k", &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(world.assigned(2).await.len(), 2);
        checked(&world, 30_100, 25_000).await;
        world.finish().await;
    }
}
