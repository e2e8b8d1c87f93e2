//! MT940 through the running service: booked like camt.053, with its own signs, pages and bank references.

use serde_json::{Value, json};

use super::camt::IBAN;
use super::world::{World, account, invoice};

/// A statement, or one page of it, from `opening` to `closing` in bani.
fn page(number: &str, opening: (&str, i64), entries: &[&str], closing: (&str, i64)) -> String {
    let money = |minor: i64| format!("{},{:02}", minor / 100, minor % 100);
    format!(
        ":20:EXTRAS\r\n:25:{IBAN}\r\n:28C:{number}\r\n:60{}:C261101RON{}\r\n{}:62{}:C261102RON{}\r\n-\r\n",
        opening.0,
        money(opening.1),
        entries.concat(),
        closing.0,
        money(closing.1)
    )
}

fn entry(mark: &str, amount: &str, bank: &str, text: &str) -> String {
    format!(":61:2611021102{mark}{amount}NTRFNONREF//{bank}\r\n:86:166?00PLATA?20{text}?32ANA POP\r\n")
}

async fn upload(world: &World, file: String) -> Value {
    let (status, body) = world.post("/v1/statements?wait=30", file).await;
    assert!(status == 200 || status == 202, "{status}: {body}");
    body
}

fn counted(statement: &Value) -> Value {
    json!([
        statement["state"],
        statement["payments"],
        statement["seen_again"],
        statement["outgoing"]
    ])
}

fn seen(statement: &Value) -> Value {
    json!([statement["payments"], statement["seen_again"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn mt940_is_booked_by_reference_page_and_occurrence() {
    let world = World::new("mt940").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    world.invoice("F-2026/000001", "C-1001", 10_000).await;
    let paid = entry("C", "100,00", "B-1", "plata factura F 2026 000001");
    // Cannot be told apart, and stand on two pages: two payments.
    let twice = entry("C", "5,00", "", "abonament");
    let fee = entry("D", "1,00", "B-1", "comision");
    let file = page("32/1", ("F", 0), &[&paid, &fee, &twice], ("M", 10_400))
        + &page("32/2", ("M", 10_400), &[&twice], ("F", 10_900));
    let answer = upload(&world, file.clone()).await;
    let statements = answer["statements"].as_array().unwrap();
    assert_eq!(counted(&statements[0]), json!(["booked", 2, 0, 1]), "{answer}");
    assert_eq!(counted(&statements[1]), json!(["booked", 1, 0, 0]), "{answer}");
    let funds = world.assigned(1).await;
    assert_eq!(
        (funds[0].amount_minor, funds[0].account_id, &funds[0].invoice_ids),
        (10_000, account("C-1001"), &vec![invoice("F-2026/000001")])
    );
    // The same statement under other bytes: everything was seen.
    let again = upload(&world, file.replace("\r\n", "\n")).await;
    assert_eq!(seen(&again["statements"][0]), json!([0, 2]), "{again}");
    assert_eq!(seen(&again["statements"][1]), json!([0, 1]), "{again}");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 3);
    // A reversal of the credit takes the payment back; what does not add up is kept apart.
    let taken = page(
        "33/1",
        ("F", 10_900),
        &[&entry("RC", "100,00", "B-1", "storno")],
        ("F", 900),
    );
    let answer = upload(&world, taken).await;
    assert_eq!(answer["statements"][0]["reversals"], 1, "{answer}");
    let wrong = page("34/1", ("F", 900), &[&paid], ("F", 900));
    let answer = upload(&world, wrong).await;
    assert_eq!(
        (&answer["statements"][0]["state"], &answer["statements"][0]["reason"]),
        (&"quarantined".into(), &"balance-proof-fails".into()),
        "{answer}"
    );
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mt942_is_shown_and_the_statement_books_it() {
    let world = World::new("mt942").await;
    world.creditor().await;
    let line = entry("C", "5,00", "B-7", "abonament");
    let report = format!(
        ":20:INTRA\r\n:25:{IBAN}\r\n:28C:32/1\r\n:34F:RON0,\r\n:13D:2611021030+0200\r\n{line}:90D:0RON0,\r\n:90C:1RON5,00\r\n-\r\n"
    );
    let answer = upload(&world, report).await;
    assert_eq!(answer["statements"][0]["payments"], 0, "{answer}");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    assert_eq!(
        world
            .count("SELECT count(*) FROM sighting WHERE channel = 'mt942' AND class = 'shown'")
            .await,
        1
    );
    let answer = upload(&world, page("32/1", ("F", 0), &[&line], ("F", 500))).await;
    assert_eq!(
        counted(&answer["statements"][0]),
        json!(["booked", 1, 0, 0]),
        "{answer}"
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM payment WHERE amount_minor = 500")
            .await,
        1
    );
    world.finish().await;
}
