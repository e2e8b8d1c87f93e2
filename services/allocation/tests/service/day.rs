use std::collections::BTreeMap;

use contracts::catalogue::{ACCOUNTS, ALLOCATIONS, CREDITORS, FUNDS, INVOICES};
use contracts::{AllocationReversed, CreditHeld, FundsAllocated, ItemOpened, ItemReopened, ItemSettled};
use kernel::AccountId;
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::*;

/// Net sums per payment's account and item.
async fn net(pool: &PgPool, account: AccountId) -> BTreeMap<(Uuid, Uuid), i64> {
    let rows: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(
        "SELECT payment_id, item_id, sum(amount_minor)::bigint FROM allocations WHERE account_id = $1
         GROUP BY payment_id, item_id HAVING sum(amount_minor) <> 0",
    )
    .bind(account.as_uuid())
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(payment, item, amount)| ((payment, item), amount))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_from_invoices_and_money_to_its_certificate() {
    let world = World::new("alloc-day").await;
    begin(&world.upstream).await;
    busy_day(&world.upstream).await;
    world.facts(account_id("A"), 9).await;
    world.facts(account_id("B"), 4).await;

    // What came in is where it should be, and says why; nothing is final yet.
    let payment = world
        .get(&format!("/v1/payments/{}/allocations", payment_id("P1")))
        .await;
    let rows = payment["allocations"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["provisional"] == true));
    let allocated: i64 = rows.iter().map(|row| row["amount_minor"].as_i64().unwrap()).sum();
    assert_eq!(payment["funds"][0]["allocated_minor"], allocated);
    let named = rows
        .iter()
        .find(|row| row["explanation"]["rule"] == "named-invoice")
        .unwrap();
    let words = named["words"].as_str().unwrap();
    assert!(words.contains("because the payer named it (“F2”)"), "{words}");
    assert_eq!(named["explanation"]["citation"], "Codul civil (RO) art. 1506-1507");
    let account = world.get(&format!("/v1/accounts/{}", account_id("A"))).await;
    // Charged 120.50 + 80.00 - 15.00 (note), F3 cancelled; paid 150.00 + 50.00 + 25.00 - 20.00: 19.50 too much.
    assert_eq!(
        (&account["open_minor"], &account["credit_minor"]),
        (&0.into(), &1_950.into())
    );
    assert_eq!(
        allocation::proof::check_books(&world.pool).await.unwrap(),
        Vec::<String>::new()
    );

    let first = world.close("2026-01-20").await;
    assert!(first.holds, "{:?}", first.problems);
    let sum = |name: &str| -> i64 {
        first
            .sums
            .iter()
            .filter(|sum| sum.name == name)
            .map(|sum| sum.amount_minor)
            .sum()
    };
    assert_eq!(
        (sum("funds_in"), sum("allocated"), sum("credit"), sum("parked")),
        (21_550, 19_350, 2_200, 0)
    );
    assert_eq!(
        (sum("issued"), sum("credited"), sum("settled"), sum("open")),
        (20_850, 1_500, 19_350, 0)
    );
    assert_eq!(
        allocation::proof::check_day(&world.pool, &first, 0).await.unwrap(),
        Vec::<String>::new()
    );
    let payment = world
        .get(&format!("/v1/payments/{}/allocations", payment_id("P1")))
        .await;
    assert!(
        payment["allocations"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["provisional"] == false)
    );

    next_day(&world, first.sequence).await;
    check_events(&world).await;
    world.stop().await;
}

/// Credit pays a new invoice, money of the closed day is withdrawn.
async fn next_day(world: &World, previous: i64) {
    world
        .say(&INVOICES, &issued("A", "F6", "2026-01-21", &[("2026-02-05", 1_900)]))
        .await;
    world.say(&FUNDS, &withdrawn("A", "P3", "2026-01-21", 2_500)).await;
    world.facts(account_id("A"), 11).await;
    let second = world.close("2026-01-21").await;
    assert!(second.holds, "{:?}", second.problems);
    let problems = allocation::proof::check_day(&world.pool, &second, previous)
        .await
        .unwrap();
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        allocation::proof::check_books(&world.pool).await.unwrap(),
        Vec::<String>::new()
    );
    let account = world.get(&format!("/v1/accounts/{}", account_id("A"))).await;
    assert_eq!(
        (account.get("open_minor"), account.get("credit_minor")),
        (Some(&2_450.into()), Some(&0.into()))
    );
}

/// The events alone say what the tables say.
async fn check_events(world: &World) {
    let account = account_id("A");
    let allocated: Vec<FundsAllocated> = world.events(&ALLOCATIONS, account).await;
    let reversed: Vec<AllocationReversed> = world.events(&ALLOCATIONS, account).await;
    assert!(
        allocated
            .iter()
            .all(|event| !event.explanation.rule.is_empty() && event.amount_minor > 0)
    );
    assert!(
        reversed
            .iter()
            .all(|event| !event.reason.is_empty() && event.amount_minor > 0)
    );
    let mut told: BTreeMap<(Uuid, Uuid), i64> = BTreeMap::new();
    for event in &allocated {
        *told
            .entry((event.payment_id.as_uuid(), event.item_id.as_uuid()))
            .or_default() += event.amount_minor;
    }
    for event in &reversed {
        *told
            .entry((event.payment_id.as_uuid(), event.item_id.as_uuid()))
            .or_default() -= event.amount_minor;
    }
    told.retain(|_, amount| *amount != 0);
    assert_eq!(told, net(&world.pool, account).await);
    let opened: Vec<ItemOpened> = world.events(&ALLOCATIONS, account).await;
    assert!(
        opened
            .iter()
            .any(|event| event.invoice_id == invoice_id("F6") && event.amount_minor == 1_900)
    );
    let settled: Vec<ItemSettled> = world.events(&ALLOCATIONS, account).await;
    let reopened: Vec<ItemReopened> = world.events(&ALLOCATIONS, account).await;
    let open: i64 = sqlx::query_scalar("SELECT count(*) FROM items WHERE account_id = $1 AND NOT closed")
        .bind(account.as_uuid())
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let items: std::collections::BTreeSet<_> = opened.iter().map(|event| event.item_id).collect();
    assert_eq!(
        i64::try_from(items.len() + reopened.len() - settled.len()).unwrap(),
        open
    );
    let mut credit: BTreeMap<_, i64> = BTreeMap::new();
    for event in world.events::<CreditHeld>(&ALLOCATIONS, account).await {
        credit.insert(event.funds_id, event.amount_minor);
    }
    assert_eq!(credit.values().sum::<i64>(), 0);
}

/// Row 15 of `protocol.md`, on tables: two accounts get the same facts in another order.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_arrival_changes_nothing() {
    let world = World::new("alloc-order").await;
    begin(&world.upstream).await;
    let older = |account: &str| issued(account, &format!("{account}1"), "2026-01-02", &[("2026-01-20", 10_000)]);
    let newer = |account: &str| issued(account, &format!("{account}2"), "2026-01-03", &[("2026-01-10", 10_000)]);
    let money = |account: &str| assigned(account, &format!("P-{account}"), "2026-01-15", 12_000, &[]);
    world.say(&INVOICES, &older("A")).await;
    world.facts(account_id("A"), 1).await;
    world.say(&FUNDS, &money("A")).await;
    world.facts(account_id("A"), 2).await;
    world.say(&INVOICES, &newer("A")).await;
    world.say(&INVOICES, &older("B")).await;
    world.say(&INVOICES, &newer("B")).await;
    world.facts(account_id("A"), 3).await;
    world.facts(account_id("B"), 2).await;
    world.say(&FUNDS, &money("B")).await;
    world.facts(account_id("B"), 3).await;
    assert!(world.close("2026-01-20").await.holds);
    for account in ["A", "B"] {
        let item = |name: &str| kernel::ItemId::derive(invoice_id(&format!("{account}{name}")), 1).as_uuid();
        let payment = payment_id(&format!("P-{account}")).as_uuid();
        let expected = BTreeMap::from([((payment, item("2")), 10_000), ((payment, item("1")), 2_000)]);
        assert_eq!(
            net(&world.pool, account_id(account)).await,
            expected,
            "account {account}"
        );
    }
    let reversed: Vec<AllocationReversed> = world.events(&ALLOCATIONS, account_id("A")).await;
    assert_eq!(reversed.len(), 1);
    assert_eq!(
        (reversed[0].reason.as_str(), reversed[0].explanation.rule.as_str()),
        ("reallocated", "decided-again")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_wait_for_their_account_and_known_facts_change_nothing() {
    let world = World::new("alloc-wait").await;
    world.say(&CREDITORS, &registered()).await;
    world.say(&FUNDS, &assigned("A", "P1", "2026-01-10", 1_000, &[])).await;
    world
        .say(&INVOICES, &issued("A", "F1", "2026-01-02", &[("2026-01-15", 700)]))
        .await;
    let waiting = async || {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_waiting")
            .fetch_one(&world.pool)
            .await
            .unwrap();
        count == 2
    };
    testkit::eventually(std::time::Duration::from_secs(60), waiting).await;
    world.say(&ACCOUNTS, &opened("A")).await;
    world.facts(account_id("A"), 2).await;
    // The same again in other messages: an invoice of the same version, funds of the same id.
    let mut again = issued("A", "F1", "2026-01-02", &[("2026-01-15", 700)]);
    again.reason = Some("sent twice".to_owned());
    world.say(&INVOICES, &again).await;
    let mut twice = assigned("A", "P1", "2026-01-10", 1_000, &[]);
    twice.channel = "sent twice".to_owned();
    world.say(&FUNDS, &twice).await;
    world.say(&FUNDS, &assigned("A", "P2", "2026-01-11", 1, &[])).await;
    world.facts(account_id("A"), 3).await;
    let account = world.get(&format!("/v1/accounts/{}", account_id("A"))).await;
    assert_eq!(
        (&account["open_minor"], &account["credit_minor"]),
        (&0.into(), &301.into())
    );
    let certificate = world.close("2026-01-20").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_parks_its_account_and_is_shown_as_parked_money() {
    let world = World::new("alloc-park").await;
    begin(&world.upstream).await;
    let mut wrong = assigned("A", "P1", "2026-01-10", 1_000, &[]);
    wrong.currency = kernel::Currency::EUR;
    world.say(&FUNDS, &wrong).await;
    world.say(&FUNDS, &assigned("A", "P2", "2026-01-10", 300, &[])).await;
    world.say(&FUNDS, &assigned("B", "P3", "2026-01-10", 200, &[])).await;
    world.facts(account_id("B"), 1).await;
    testkit::eventually(std::time::Duration::from_secs(60), async || {
        world.get(&format!("/v1/accounts/{}", account_id("A"))).await["parked"] == true
    })
    .await;
    let certificate = world.close("2026-01-20").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    let sum = |name: &str, currency: kernel::Currency| -> i64 {
        let sums = certificate
            .sums
            .iter()
            .filter(|sum| sum.name == name && sum.currency == currency);
        sums.map(|sum| sum.amount_minor).sum()
    };
    assert_eq!(
        (
            sum("funds_in", kernel::Currency::EUR),
            sum("parked", kernel::Currency::EUR)
        ),
        (1_000, 1_000)
    );
    assert_eq!(
        (
            sum("funds_in", kernel::Currency::RON),
            sum("parked", kernel::Currency::RON)
        ),
        (500, 300)
    );
    assert_eq!(
        allocation::proof::check_day(&world.pool, &certificate, 0)
            .await
            .unwrap(),
        Vec::<String>::new()
    );
    world.stop().await;
}
