//! Batches.

use std::fmt::Write as _;

use billing::ClockMode;
use contracts::{AccountOpened, InvoiceCorrected, InvoiceIssued};
use serde_json::{Value, json};

use crate::support::{Bed, account, creditor, debtor, invoice, with};

fn line(kind: &str, external_id: &str, data: &Value) -> String {
    format!("{}\n", json!({"kind": kind, "external_id": external_id, "data": data}))
}

fn outcomes(report: &[Value]) -> Vec<(u64, u64, &str)> {
    let one = |line: &Value| (line["line"].as_u64().unwrap(), line["status"].as_u64().unwrap());
    report
        .iter()
        .map(|line| (one(line).0, one(line).1, line["outcome"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_never_stops_the_rest() {
    let bed = Bed::new("billing-batch", ClockMode::Manual).await;
    let billing = bed.start().await;
    billing.ok("/v1/creditors/RO", creditor(1)).await;
    let lines = [
        line("account", "A-1", &account(1, "D-1")),
        line("debtor", "D-1", &debtor(1, "Ana")),
        line("account", "A-1", &account(1, "D-1")),
        "not json\n".to_owned(),
        "\n".to_owned(),
        line("thing", "A-1", &json!({})),
        line("invoice", "I-1", &invoice(1, "A-1", 100)),
        line("invoice", "I-1", &invoice(3, "A-1", 120)),
        line("invoice", "I-1", &invoice(2, "A-1", 110)),
        line("invoice", "I-1", &invoice(3, "A-1", 130)),
        line(
            "invoice",
            "I-2",
            &with(invoice(1, "A-1", 100), "total_minor", json!("x")),
        ),
        line("invoice", "I-3", &invoice(1, "A-9", 100)),
        line("invoice", "I-4", &json!({"number": "x".repeat(300_000)})),
        line("invoice", "I-5", &invoice(1, "A-1", 500)).trim_end().to_owned(),
    ];
    let report = billing.batch("RO", lines.concat()).await;
    let expected = vec![
        (1, 422, "invalid"),
        (2, 201, "created"),
        (3, 201, "created"),
        (4, 422, "invalid"),
        (6, 422, "invalid"),
        (7, 201, "created"),
        (8, 200, "updated"),
        (9, 200, "superseded"),
        (10, 409, "conflict"),
        (11, 422, "invalid"),
        (12, 422, "invalid"),
        (13, 413, "too_large"),
        (14, 201, "created"),
    ];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(report[0]["errors"][0]["pointer"], "/data/debtor");
    assert_eq!(report[9]["errors"][0]["pointer"], "/data/total_minor");
    assert_eq!(report[4]["errors"][0]["pointer"], "/kind");
    assert_eq!(
        (&report[9]["kind"], &report[9]["external_id"]),
        (&json!("invoice"), &json!("I-2"))
    );
    bed.expect::<InvoiceIssued>("billing.invoice.v1", 2).await;
    let corrected = bed.expect::<InvoiceCorrected>("billing.invoice.v1", 1).await;
    assert_eq!((corrected[0].version, corrected[0].total_minor), (3, 120));
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_many_chunks_says_everything_once() {
    const ACCOUNTS: usize = 1_500;
    let bed = Bed::new("billing-chunks", ClockMode::Manual).await;
    let billing = bed.start().await;
    billing.ok("/v1/creditors/RO", creditor(1)).await;
    let mut lines = line("debtor", "D-1", &debtor(1, "Ana"));
    for n in 0..ACCOUNTS {
        let account = with(account(1, "D-1"), "payment_references", json!([format!("REF{n}")]));
        lines.push_str(&line("account", &format!("A-{n}"), &account));
        lines.push_str(&line("invoice", &format!("I-{n}"), &invoice(1, &format!("A-{n}"), 100)));
    }
    let first = billing.batch("RO", lines.clone()).await;
    assert_eq!(first.len(), 2 * ACCOUNTS + 1);
    assert!(
        first.iter().all(|line| line["status"] == 201),
        "{:?}",
        first.iter().find(|line| line["status"] != 201)
    );
    bed.expect::<InvoiceIssued>("billing.invoice.v1", ACCOUNTS).await;
    bed.expect::<AccountOpened>("accounts.account.v1", ACCOUNTS).await;
    let second = billing.batch("RO", lines).await;
    assert!(second.iter().all(|line| line["outcome"] == "unchanged"));
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_outbox")
        .fetch_one(billing.pool())
        .await
        .unwrap();
    assert_eq!(waiting, 0);
    bed.expect::<InvoiceIssued>("billing.invoice.v1", ACCOUNTS).await;
    let mut taken = String::new();
    write!(
        taken,
        "{}",
        line(
            "account",
            "B",
            &with(account(1, "D-1"), "payment_references", json!(["ref-77"]))
        )
    )
    .unwrap();
    let report = billing.batch("RO", taken).await;
    assert_eq!(report[0]["errors"][0]["rule"], "taken");
    billing.stop().await;
}

/// How fast a big batch goes in; by hand: `cargo test -p billing --test service -- --ignored --nocapture speed`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn speed() {
    let bed = Bed::new("billing-speed", ClockMode::Manual).await;
    let billing = bed.start().await;
    billing.ok("/v1/creditors/RO", creditor(1)).await;
    let mut lines = String::new();
    for n in 0..20_000 {
        lines.push_str(&line("debtor", &format!("D-{n}"), &debtor(1, "Ana Pop")));
        let account = with(
            account(1, &format!("D-{n}")),
            "payment_references",
            json!([format!("RF{n}")]),
        );
        lines.push_str(&line("account", &format!("A-{n}"), &account));
    }
    for n in 0..30_000 {
        lines.push_str(&line(
            "invoice",
            &format!("I-{n}"),
            &invoice(1, &format!("A-{}", n % 20_000), 100),
        ));
    }
    let began = std::time::Instant::now();
    let report = billing.batch("RO", lines).await;
    let took = began.elapsed();
    assert!(report.iter().all(|line| line["status"] == 201));
    let per_second = u128::try_from(report.len()).unwrap() * 1000 / took.as_millis().max(1);
    println!("{} lines in {took:?}: {per_second}/s", report.len());
    billing.stop().await;
}
