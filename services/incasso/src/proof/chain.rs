//! What a service's certificates say by themselves: hashes, chain, days, equations.

use std::collections::BTreeMap;

use contracts::{CertifiedSum, DayCertified};
use kernel::{BusinessDate, CreditorId, Currency};

use super::published::Published;
use super::report::{Check, Finding};

/// Everything that is wrong with the certificates of one service, without any look at rows.
pub(crate) fn check(published: &Published) -> Vec<Finding> {
    let mut findings = published.findings.clone();
    let mut before: Option<&DayCertified> = None;
    let mut days: BTreeMap<String, BusinessDate> = BTreeMap::new();
    for certificate in &published.certificates {
        let mut found = |check: Check, what: String, expected: String, is: String| {
            findings.push(Finding::of(published.service, certificate, check, what).differs(expected, is));
        };
        if !certificate.hash_is_right() {
            let what = "its hash is not that of its content".to_owned();
            found(Check::Hash, what, certificate.compute_hash(), certificate.hash.clone());
        }
        let previous = before.map_or(DayCertified::FIRST, |before| before.hash.as_str());
        if certificate.previous_hash != previous {
            let what = match before {
                Some(before) => format!(
                    "the chain is broken: it does not follow the certificate of sequence {}",
                    before.sequence
                ),
                None => "the chain does not begin here: certificates before this one are missing".to_owned(),
            };
            found(
                Check::Chain,
                what,
                previous.to_owned(),
                certificate.previous_hash.clone(),
            );
        }
        if let Some(before) = before.filter(|before| before.sequence + 1 != certificate.sequence) {
            let what = format!(
                "no certificate between sequence {} and {}",
                before.sequence, certificate.sequence
            );
            found(
                Check::Gap,
                what,
                (before.sequence + 1).to_string(),
                certificate.sequence.to_string(),
            );
        }
        let last = days.insert(certificate.calendar.to_string(), certificate.day_on);
        if let Some(expected) = last
            .map(BusinessDate::succ)
            .filter(|expected| *expected != certificate.day_on)
        {
            let what = "the calendar's days do not follow each other".to_owned();
            found(Check::Gap, what, expected.to_string(), certificate.day_on.to_string());
        }
        if !certificate.holds {
            let problems = certificate.problems.join("; ");
            found(
                Check::Holds,
                format!("it says itself that it does not hold: {problems}"),
                String::new(),
                String::new(),
            );
        }
        for unequal in equations(published.service, &certificate.sums) {
            found(
                Check::Equation,
                unequal.what,
                unequal.left.to_string(),
                unequal.right.to_string(),
            );
        }
        before = Some(certificate);
    }
    findings
}

/// An equation whose sides differ.
pub(crate) struct Unequal {
    /// The equation and for whom.
    pub what: String,
    /// Its left side, in minor units.
    pub left: i128,
    /// Its right side, in minor units.
    pub right: i128,
}

/// Names to add and names to take off.
type Side = (&'static [&'static str], &'static [&'static str]);

/// An equation of DESIGN 2.5: its text and two sides.
type Equation = (&'static str, Side, Side);

const INGESTION: &[Equation] = &[(
    "received - reversed = assigned + unidentified + returned",
    (&["received"], &["reversed"]),
    (&["assigned", "unidentified", "returned"], &[]),
)];

const ALLOCATION: &[Equation] = &[
    (
        "funds_in = allocated + credit + guarantees + refunded + parked",
        (&["funds_in"], &[]),
        (&["allocated", "credit", "guarantees", "refunded", "parked"], &[]),
    ),
    (
        "issued + charged - credited - written_off = settled + open",
        (&["issued", "charged"], &["credited", "written_off"]),
        (&["settled", "open"], &[]),
    ),
];

/// The equations that do not hold in these sums: per creditor, scope and currency, all partitions together.
pub(crate) fn equations(service: &str, sums: &[CertifiedSum]) -> Vec<Unequal> {
    let mut books: BTreeMap<(Option<CreditorId>, &str, Currency), BTreeMap<&str, i128>> = BTreeMap::new();
    for sum in sums {
        let book = books.entry((sum.creditor_id, &sum.scope, sum.currency)).or_default();
        *book.entry(&sum.name).or_default() += i128::from(sum.amount_minor);
    }
    let equations = if service == "ingestion" { INGESTION } else { ALLOCATION };
    let mut unequal = Vec::new();
    for ((creditor, scope, currency), book) in &books {
        let total = |names: &[&str]| names.iter().filter_map(|name| book.get(name)).sum::<i128>();
        let side = |(plus, minus): Side| total(plus) - total(minus);
        for (text, left, right) in equations {
            let (left, right) = (side(*left), side(*right));
            if left != right {
                let what = format!("{text} does not hold for {} in {currency}", whose(*creditor, scope));
                unequal.push(Unequal { what, left, right });
            }
        }
    }
    unequal
}

/// Whose sum it is, in words.
pub(crate) fn whose(creditor: Option<CreditorId>, scope: &str) -> String {
    let creditor = creditor.map_or_else(
        || "parked messages".to_owned(),
        |creditor| format!("creditor {creditor}"),
    );
    if scope.is_empty() {
        creditor
    } else {
        format!("{creditor} at {scope}")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use kernel::Timestamp;

    use super::*;

    pub(crate) fn sum(partition: Option<i32>, name: &str, amount_minor: i64) -> CertifiedSum {
        CertifiedSum {
            creditor_id: Some(CreditorId::derive("C")),
            scope: String::new(),
            partition,
            currency: Currency::RON,
            name: name.to_owned(),
            amount_minor,
            count: 1,
        }
    }

    /// The certificate of 2026-01-01 and so many days.
    pub(crate) fn certificate(service: &str, sequence: i64, sums: &[CertifiedSum]) -> DayCertified {
        let mut certificate = DayCertified {
            service: service.to_owned(),
            calendar: "RO@17:00@Europe/Bucharest".parse().unwrap(),
            day_on: "2025-12-31".parse::<BusinessDate>().unwrap().plus_days(sequence),
            sequence,
            holds: true,
            problems: Vec::new(),
            sums: sums.to_vec(),
            rows: 0,
            digest: DayCertified::FIRST.to_owned(),
            previous_hash: DayCertified::FIRST.to_owned(),
            hash: String::new(),
            certified_at: Timestamp::EPOCH,
            inputs: Vec::new(),
            coverage: Vec::new(),
        };
        certificate.hash = certificate.compute_hash();
        certificate
    }

    fn chained(count: i64) -> Vec<DayCertified> {
        let mut chain: Vec<DayCertified> = Vec::new();
        for sequence in 1..=count {
            let mut next = certificate(
                "ingestion",
                sequence,
                &[sum(None, "received", 5), sum(Some(1), "assigned", 5)],
            );
            if let Some(last) = chain.last() {
                next.previous_hash.clone_from(&last.hash);
            }
            next.hash = next.compute_hash();
            chain.push(next);
        }
        chain
    }

    fn checks(certificates: Vec<DayCertified>) -> Vec<(i64, Check)> {
        let findings = check(&Published {
            service: "ingestion",
            certificates,
            findings: Vec::new(),
        });
        findings
            .into_iter()
            .map(|finding| (finding.sequence.unwrap(), finding.check))
            .collect()
    }

    #[test]
    fn an_unbroken_chain_holds() {
        assert_eq!(checks(chained(3)), []);
    }

    #[test]
    fn what_is_changed_left_out_or_unequal_is_found() {
        let mut changed = chained(3);
        changed[1].rows = 7;
        assert_eq!(checks(changed.clone()), [(2, Check::Hash)]);
        changed[1].hash = changed[1].compute_hash();
        assert_eq!(checks(changed), [(3, Check::Chain)]);
        let mut missing = chained(3);
        missing.remove(1);
        assert_eq!(checks(missing), [(3, Check::Chain), (3, Check::Gap), (3, Check::Gap)]);
        assert_eq!(checks(chained(3).split_off(1)), [(2, Check::Chain)]);
        let mut unequal = chained(1);
        unequal[0].sums[0].amount_minor = 6;
        unequal[0].hash = unequal[0].compute_hash();
        assert_eq!(checks(unequal), [(1, Check::Equation)]);
        let mut held = chained(1);
        held[0].holds = false;
        held[0].hash = held[0].compute_hash();
        assert_eq!(checks(held), [(1, Check::Holds)]);
    }

    #[test]
    fn debt_is_conserved_too() {
        let sums = [
            sum(Some(0), "issued", 10),
            sum(Some(1), "credited", 2),
            sum(Some(0), "settled", 3),
            sum(Some(1), "open", 5),
        ];
        assert!(equations("allocation", &sums).is_empty());
        let unequal = equations("allocation", &sums[1..]);
        assert_eq!((unequal[0].left, unequal[0].right), (-2, 8));
    }
}
