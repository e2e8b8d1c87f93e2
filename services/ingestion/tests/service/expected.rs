//! Money that is told before it is final: expected for the account that it names, booked by the statement, or ended with a
//! reason. It settles nothing.

use contracts::{ExpectationEnded, FundsExpected};
use testkit::eventually;

use super::camt::{Entry, Statement, entry, statement};
use super::provisional::{notification, upload, within_the_day};
use super::world::{PATIENCE, World, account, on, sum};

const FUNDS: &str = "payments.funds.v1";
const OPEN: &str = "SELECT count(*) FROM expectation WHERE ended_at IS NULL";

pub async fn expected(world: &World, count: usize) -> Vec<FundsExpected> {
    eventually(PATIENCE, async || {
        let all = world.events::<FundsExpected>(FUNDS).await;
        if all.len() == count {
            Ok(all)
        } else {
            Err(format!("{all:?}"))
        }
    })
    .await
}

pub async fn ended(world: &World, count: usize) -> Vec<ExpectationEnded> {
    eventually(PATIENCE, async || {
        let all = world.events::<ExpectationEnded>(FUNDS).await;
        if all.len() == count {
            Ok(all)
        } else {
            Err(format!("{all:?}"))
        }
    })
    .await
}

fn named(statement: &Statement, id: &str) -> Statement {
    Statement {
        id: id.into(),
        message: id.into(),
        ..statement.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_first_is_expected_until_it_is_booked() {
    let world = World::new("expected").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let paid = Entry {
        payer: Some("Ana Pop"),
        ..entry(900, "contract C-1001")
    };
    // Two equal payments of one day, and one of nobody.
    let day = statement("2026-11-02", 1, 0, &[paid.clone(), paid, entry(70, "nimic")]);
    upload(&world, within_the_day(&named(&day, "R1"))).await;
    let first = expected(&world, 2).await;
    assert_eq!(first[0].account_id, account("C-1001"));
    assert_eq!(
        (first[0].amount_minor, first[0].expected_on),
        (900, Some(on("2026-11-02")))
    );
    assert_eq!((first[0].channel.as_str(), first[0].evidence.len()), ("camt052", 1));
    assert_ne!(first[0].expectation_id, first[1].expectation_id);
    let shown = world
        .get(&format!("/v1/accounts/{}/expectations", account("C-1001")))
        .await;
    assert_eq!(shown["expectations"][1]["amount_minor"], 900, "{shown}");
    // Told again an hour later, and by the notification: nothing new.
    upload(&world, within_the_day(&named(&day, "R2"))).await;
    upload(&world, notification(&named(&day, "N1"))).await;
    assert_eq!(
        (
            world.count(OPEN).await,
            world.count("SELECT count(*) FROM payment").await
        ),
        (2, 0)
    );
    upload(&world, day.xml()).await;
    let ended = ended(&world, 2).await;
    let funds = world.assigned(2).await;
    for end in &ended {
        assert_eq!(end.reason, "booked");
        assert!(
            funds.iter().any(|funds| Some(funds.payment_id) == end.payment_id),
            "{end:?}"
        );
    }
    assert_ne!(ended[0].payment_id, ended[1].payment_id);
    let shown = world
        .get(&format!("/v1/accounts/{}/expectations", account("C-1001")))
        .await;
    assert!(shown["expectations"].as_array().unwrap().is_empty(), "{shown}");
    // Whatever comes late is linked to its payment and expects nothing.
    upload(&world, notification(&named(&day, "N2"))).await;
    assert_eq!(world.count("SELECT count(*) FROM expectation").await, 2);
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        (sum(&certificate, "received"), sum(&certificate, "assigned")),
        (1_870, 1_800)
    );
    assert_eq!(
        ingestion::cross_check(world.pool()).await.unwrap(),
        Vec::<String>::new()
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_is_ended_with_a_reason() {
    let world = World::new("vanishes").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let paid = |minor: i64, reference: &'static str| Entry {
        end_to_end: Some(reference),
        ..entry(minor, "contract C-1001")
    };
    let report = statement("2026-11-02", 1, 0, &[paid(900, "E-9001"), paid(500, "E-5001")]);
    upload(&world, within_the_day(&named(&report, "R1"))).await;
    expected(&world, 2).await;
    // The bank takes one back within the day.
    let back = Entry {
        reversal: true,
        ..paid(-500, "E-5001")
    };
    upload(
        &world,
        within_the_day(&named(&statement("2026-11-02", 2, 0, &[back]), "R2")),
    )
    .await;
    assert_eq!(ended(&world, 1).await[0].reason, "withdrawn");
    // The old report again, under another name: nothing comes back.
    upload(&world, within_the_day(&named(&report, "R3"))).await;
    assert_eq!(world.count(OPEN).await, 1);
    // The statement of the day has neither.
    upload(&world, statement("2026-11-02", 1, 0, &[entry(5, "altceva")]).xml()).await;
    let all = ended(&world, 2).await;
    assert!(
        all.iter()
            .any(|end| end.reason == "not-booked" && end.payment_id.is_none()),
        "{all:?}"
    );
    assert_eq!(world.count(OPEN).await, 0);
    // Told late, for a day that is covered: nothing to expect.
    upload(
        &world,
        within_the_day(&named(&statement("2026-11-02", 3, 0, &[paid(300, "E-3001")]), "R4")),
    )
    .await;
    assert_eq!(world.count("SELECT count(*) FROM expectation").await, 2);
    // Told again for a later day, it may still come.
    upload(
        &world,
        within_the_day(&named(&statement("2026-11-04", 4, 0, &[paid(900, "E-9001")]), "R5")),
    )
    .await;
    assert_eq!(expected(&world, 3).await[2].expected_on, Some(on("2026-11-04")));
    world.finish().await;
}

/// A statement that came first needs no expectation afterwards, in whatever words the report tells it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_booked_already_is_linked() {
    let world = World::new("linked").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let paid = Entry {
        payer_iban: Some("RO09BCYP0000001234567890"),
        ..entry(900, "contract C-1001")
    };
    let day = statement("2026-11-02", 1, 0, &[paid]);
    upload(&world, day.xml()).await;
    world.assigned(1).await;
    upload(&world, within_the_day(&named(&day, "R1"))).await;
    let other_words = statement("2026-11-02", 2, 0, &[entry(900, "INCASARE C 1001 / ANA POP")]);
    upload(&world, notification(&named(&other_words, "N1"))).await;
    assert_eq!(world.count("SELECT count(*) FROM expectation").await, 0);
    assert_eq!(
        world
            .count("SELECT count(*) FROM pending WHERE end_reason = 'booked'")
            .await,
        1
    );
    world.finish().await;
}
