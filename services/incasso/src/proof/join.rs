//! What one service says it gave is what the other says it got.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{CertifiedSum, DayCertified};
use kernel::{CreditorId, Currency};

use super::chain::whose;
use super::report::{Check, Finding};

/// Partition and currency.
type Cell = (i32, Currency);

/// How many days both services have certified.
pub(crate) fn days(ingestion: &[DayCertified], allocation: &[DayCertified]) -> usize {
    pairs(ingestion, allocation).count()
}

fn pairs<'a>(
    ingestion: &'a [DayCertified],
    allocation: &'a [DayCertified],
) -> impl Iterator<Item = (&'a DayCertified, &'a DayCertified)> {
    let assigned: BTreeMap<i64, &DayCertified> = ingestion.iter().map(|day| (day.sequence, day)).collect();
    allocation
        .iter()
        .filter_map(move |got| Some((*assigned.get(&got.sequence)?, got)))
}

/// Days on which the two services do not say the same. A day that `allocation` has not closed yet is not compared; one that
/// it closed and `ingestion` did not is a contradiction.
pub(crate) fn check(ingestion: &[DayCertified], allocation: &[DayCertified]) -> Vec<Finding> {
    let known: BTreeSet<i64> = ingestion.iter().map(|day| day.sequence).collect();
    let mut findings: Vec<Finding> = allocation
        .iter()
        .filter(|got| !known.contains(&got.sequence))
        .map(|got| {
            Finding::of(
                "allocation",
                got,
                Check::Join,
                "ingestion has no certificate of this day".to_owned(),
            )
        })
        .collect();
    for (gave, got) in pairs(ingestion, allocation) {
        if (&gave.calendar, gave.day_on) != (&got.calendar, got.day_on) {
            let day = |of: &DayCertified| format!("{} of {}", of.day_on, of.calendar);
            let what = "the services closed different days under this sequence".to_owned();
            findings.push(Finding::of("allocation", got, Check::Join, what).differs(day(gave), day(got)));
        }
        findings.extend(amounts(gave, got));
    }
    findings
}

fn by_creditor<'a>(sums: &'a [CertifiedSum], name: &str) -> BTreeMap<(Cell, Option<CreditorId>), i128> {
    let mut cells = BTreeMap::new();
    let named = sums.iter().filter(|sum: &&'a CertifiedSum| sum.name == name);
    for sum in named {
        let cell = (sum.partition.unwrap_or(-1), sum.currency);
        *cells.entry((cell, sum.creditor_id)).or_default() += i128::from(sum.amount_minor);
    }
    cells
}

/// Nobody read what a parked message says but its amount: it came in without a creditor. Where one is parked or freed,
/// only the total of all creditors can be compared.
fn amounts(gave: &DayCertified, got: &DayCertified) -> Vec<Finding> {
    let (assigned, funds_in) = (by_creditor(&gave.sums, "assigned"), by_creditor(&got.sums, "funds_in"));
    let keys: BTreeSet<_> = assigned.keys().chain(funds_in.keys()).copied().collect();
    let mut totals: BTreeMap<Cell, (i128, i128)> = BTreeMap::new();
    for key in &keys {
        let total = totals.entry(key.0).or_default();
        total.0 += assigned.get(key).copied().unwrap_or(0);
        total.1 += funds_in.get(key).copied().unwrap_or(0);
    }
    let mut findings = Vec::new();
    let mut unequal = |(partition, currency): Cell, who: String, gave_minor: i128, got_minor: i128| {
        if gave_minor != got_minor {
            let what = format!(
                "ingestion assigned {gave_minor} and allocation got {got_minor} minor units of {currency} for {who}, partition {partition}"
            );
            let finding = Finding::of("allocation", got, Check::Join, what)
                .differs(gave_minor.to_string(), got_minor.to_string());
            findings.push(finding.sum("funds_in"));
        }
    };
    for (cell, (gave_minor, got_minor)) in totals {
        if funds_in.get(&(cell, None)).is_some_and(|parked| *parked != 0) {
            unequal(
                cell,
                "all creditors with what is parked".to_owned(),
                gave_minor,
                got_minor,
            );
            continue;
        }
        for key in keys.iter().filter(|key| key.0 == cell) {
            let amount = |of: &BTreeMap<_, i128>| of.get(key).copied().unwrap_or(0);
            unequal(cell, whose(key.1, ""), amount(&assigned), amount(&funds_in));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::{certificate, sum};
    use super::*;

    fn told(gave: &[CertifiedSum], got: &[CertifiedSum]) -> Vec<(String, String)> {
        let findings = check(
            &[certificate("ingestion", 1, gave)],
            &[certificate("allocation", 1, got)],
        );
        findings
            .into_iter()
            .map(|finding| (finding.expected.unwrap(), finding.found.unwrap()))
            .collect()
    }

    #[test]
    fn what_was_assigned_has_arrived() {
        let scoped = CertifiedSum {
            scope: "B".to_owned(),
            ..sum(Some(0), "assigned", 3)
        };
        let gave = [
            sum(Some(0), "assigned", 4),
            scoped,
            sum(Some(1), "assigned", -2),
            sum(None, "unidentified", 9),
        ];
        assert!(told(&gave, &[sum(Some(0), "funds_in", 7), sum(Some(1), "funds_in", -2)]).is_empty());
        let pair = |left: &str, right: &str| (left.to_owned(), right.to_owned());
        assert_eq!(
            told(&gave, &[sum(Some(0), "funds_in", 5)]),
            [pair("7", "5"), pair("-2", "0")]
        );
        // In the right amount on the wrong partition is wrong.
        assert_eq!(
            told(&gave[..1], &[sum(Some(1), "funds_in", 4)]),
            [pair("4", "0"), pair("0", "4")]
        );
    }

    #[test]
    fn parked_money_has_arrived_too() {
        let parked = CertifiedSum {
            creditor_id: None,
            ..sum(Some(0), "funds_in", 4)
        };
        assert!(
            told(
                &[sum(Some(0), "assigned", 7)],
                &[sum(Some(0), "funds_in", 3), parked.clone()]
            )
            .is_empty()
        );
        assert_eq!(told(&[sum(Some(0), "assigned", 7)], &[parked]).len(), 1);
    }

    #[test]
    fn a_day_that_only_one_closed() {
        let (one, two) = (certificate("ingestion", 1, &[]), certificate("ingestion", 2, &[]));
        let got = certificate("allocation", 1, &[]);
        assert!(check(&[one.clone(), two], std::slice::from_ref(&got)).is_empty());
        assert_eq!(check(&[], std::slice::from_ref(&got)).len(), 1);
        assert_eq!(days(&[one], &[got]), 1);
    }
}
