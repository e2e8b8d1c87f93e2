use contracts::catalogue::{FUNDS, INVOICES};
use testkit::TOKEN;
use uuid::Uuid;

use crate::world::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_question_has_an_answer_or_a_problem() {
    let fixture_world = World::new("alloc-doors").await;
    let world = &fixture_world;
    begin(&world.upstream).await;
    for n in 1..=5_u8 {
        let name = format!("F{n}");
        world
            .say(&INVOICES, &issued("A", &name, "2026-01-02", &[("2026-01-15", 100)]))
            .await;
    }
    world.facts(account_id("A"), 5).await;
    world.say(&FUNDS, &assigned("A", "P1", "2026-01-10", 450, &[])).await;
    world.facts(account_id("A"), 6).await;

    // Pages follow each other until there is no cursor.
    let path = format!("/v1/accounts/{}/allocations", account_id("A"));
    let (mut cursor, mut numbers) = (String::new(), Vec::new());
    loop {
        let page = world.get(&format!("{path}?limit=2{cursor}")).await;
        let rows = page["allocations"].as_array().unwrap();
        numbers.extend(rows.iter().map(|row| row["number"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let account = world.get(&format!("/v1/accounts/{}", account_id("A"))).await;
    assert_eq!(account["creditor"], CODE);
    assert_eq!(account["open_minor"], 50);
    let words = account["items"][0]["words"].as_str().unwrap();
    assert!(
        words.starts_with("RON 0.50 of RON 1.00 is still open on invoice F"),
        "{words}"
    );
    let invoice = world
        .get(&format!("/v1/invoices/{}/allocations", invoice_id("F1")))
        .await;
    assert_eq!(
        invoice["items"][0]["settled_minor"],
        invoice["allocations"][0]["amount_minor"]
    );
    let considered = invoice["allocations"][0]["considered"][0].as_str().unwrap();
    assert!(
        considered.contains("invoice F") && considered.contains("it fell due first"),
        "{considered}"
    );

    let nobody = Uuid::nil();
    for (path, status) in [
        (format!("/v1/accounts/{nobody}"), 404),
        (format!("/v1/accounts/{nobody}/allocations"), 404),
        (format!("/v1/invoices/{nobody}/allocations"), 404),
        (format!("/v1/payments/{nobody}/allocations"), 404),
        ("/v1/accounts/C-1".to_owned(), 400),
        (format!("{path}?limit=0"), 400),
        (format!("{path}?limit=1001"), 400),
        (format!("{path}?limit=many"), 400),
        (format!("{path}?cursor=7"), 400),
        (format!("{path}?page=7"), 400),
    ] {
        let (is, problem) = world.ask(&path, TOKEN).await;
        assert_eq!(
            (is, problem["status"].as_u64()),
            (status, Some(u64::from(status))),
            "{path}: {problem}"
        );
    }
    assert_eq!(world.ask(&path, "nobody's").await.0, 401);
    testkit::every_route_is_described_and_closed::<allocation::Allocation>(world.allocation.http()).await;
    fixture_world.stop().await;
}
