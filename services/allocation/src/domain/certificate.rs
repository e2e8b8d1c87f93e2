//! The two equations of a closed day (DESIGN section 2.5).

use std::collections::BTreeMap;

use contracts::CertifiedSum;
use kernel::{CreditorId, Currency};

/// What came in.
pub const FUNDS_IN: &str = "funds_in";
/// Where money went: onto items, credit, guarantees, refunds; parked money counts as arrived and not yet placed.
pub const MONEY: [&str; 5] = ["allocated", "credit", "guarantees", "refunded", "parked"];
/// What debt became: settled, or still open.
pub const DEBT: [&str; 2] = ["settled", "open"];
/// Debt that came about.
pub const RAISED: [&str; 2] = ["issued", "charged"];
/// Debt that was taken off.
pub const LOWERED: [&str; 2] = ["credited", "written_off"];

/// What does not hold in these sums, one sentence each with its numbers; per creditor and currency, all partitions together.
#[must_use]
pub fn judge(sums: &[CertifiedSum]) -> Vec<String> {
    let mut books: BTreeMap<(Option<CreditorId>, Currency), BTreeMap<&str, i128>> = BTreeMap::new();
    for sum in sums {
        let book = books.entry((sum.creditor_id, sum.currency)).or_default();
        *book.entry(sum.name.as_str()).or_default() += i128::from(sum.amount_minor);
    }
    let mut problems = Vec::new();
    for ((creditor, currency), book) in &books {
        let of = |names: &[&str]| {
            names
                .iter()
                .map(|name| book.get(name).copied().unwrap_or(0))
                .sum::<i128>()
        };
        let whose = creditor.map_or_else(
            || "parked messages".to_owned(),
            |creditor| format!("creditor {creditor}"),
        );
        let mut check = |what: &str, left: i128, right: i128| {
            if left != right {
                let off = left - right;
                problems.push(format!(
                    "{whose}, {currency}: {what}: {left} is not {right} (off by {off} minor units)"
                ));
            }
        };
        check(
            "funds_in = allocated + credit + guarantees + refunded + parked",
            of(&[FUNDS_IN]),
            of(&MONEY),
        );
        let owed = of(&RAISED) - of(&LOWERED);
        check(
            "issued + charged - credited - written_off = settled + open",
            owed,
            of(&DEBT),
        );
        check("allocated = settled", of(&["allocated"]), of(&["settled"]));
    }
    problems
}
