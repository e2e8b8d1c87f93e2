//! Money and invoice at the same moment, from two sides (row 13 of `protocol.md`).

use std::collections::BTreeSet;

use contracts::FundsAssigned;

use super::camt::{Entry, entry, statement};
use super::world::{World, invoice, sum};

/// Pairs of a payment and its invoice.
const PAIRS: i64 = 24;

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_payment_and_its_invoice_never_miss_each_other() {
    // Matched in two transactions, the payment would see no invoice and the invoice no deposit: unidentified for ever. Claimed
    // without a condition, the money would be assigned twice.
    let world = World::new("races").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let names: Vec<String> = (1..=PAIRS).map(|n| format!("F-2026/{n:06}")).collect();
    let issued = async {
        for (name, amount) in names.iter().zip(1..) {
            world.invoice(name, "C-1001", amount).await;
        }
    };
    // In four statements, so that they are booked while invoices come.
    let booked = async {
        for (n, names) in names.chunks(6).enumerate() {
            let first = i64::try_from(n * 6).unwrap() + 1;
            let entries: Vec<Entry> = names
                .iter()
                .zip(first..)
                .map(|(name, amount)| entry(amount, name))
                .collect();
            let opening: i64 = (1..first).sum();
            world
                .upload(&statement(
                    "2026-11-02",
                    u32::try_from(n).unwrap() + 1,
                    opening,
                    &entries,
                ))
                .await;
        }
    };
    tokio::join!(issued, booked);
    let funds: Vec<FundsAssigned> = world.assigned(names.len()).await;
    let claimed: BTreeSet<_> = funds
        .iter()
        .map(|funds| (funds.invoice_ids.clone(), funds.amount_minor))
        .collect();
    let expected: BTreeSet<_> = names
        .iter()
        .zip(1..)
        .map(|(name, amount)| (vec![invoice(name)], amount))
        .collect();
    assert_eq!(claimed, expected);
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    let all = PAIRS * (PAIRS + 1) / 2;
    assert_eq!(
        (
            sum(&certificate, "received"),
            sum(&certificate, "assigned"),
            sum(&certificate, "unidentified")
        ),
        (all, all, 0)
    );
    world.finish().await;
}
