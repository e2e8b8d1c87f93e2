//! Certificates: each right in itself, chained, joined with its neighbour's, and with what lies on the topics.

use std::collections::BTreeMap;

use contracts::{CertifiedSum, DayCertified, codec};
use kernel::{CreditorId, Currency};

use super::books::Books;
use super::{Days, Findings};
use crate::plan::{Plan, RACER};

/// The equations of DESIGN 2.5: what is on the left comes to what is on the right; names with a minus are taken off.
const EQUATIONS: [(&str, &[&str], &[&str]); 3] = [
    (
        "ingestion",
        &["received", "-reversed"],
        &["assigned", "unidentified", "returned"],
    ),
    (
        "allocation",
        &["funds_in"],
        &["allocated", "credit", "guarantees", "refunded", "parked"],
    ),
    (
        "allocation",
        &["issued", "charged", "-credited", "-written_off"],
        &["settled", "open"],
    ),
];

/// All certificates, by service and number.
#[derive(Default)]
pub struct Chains(BTreeMap<String, BTreeMap<i64, DayCertified>>);

fn label(certificate: &DayCertified) -> String {
    format!("{} {}", certificate.calendar, certificate.day_on)
}

impl Chains {
    /// Takes a certificate from its topic.
    pub fn add(&mut self, payload: &[u8], findings: &mut Findings) {
        let certificate = match codec::decode::<DayCertified>(payload) {
            Ok(certificate) => certificate,
            Err(error) => return findings.add("undecodable", || format!("a certificate: {error}")),
        };
        let chain = self.0.entry(certificate.service.clone()).or_default();
        let (service, sequence) = (certificate.service.clone(), certificate.sequence);
        if chain.insert(sequence, certificate).is_some() {
            findings.add("certificate", || format!("{service} certifies day {sequence} twice"));
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0
            .values()
            .map(|chain| u64::try_from(chain.len()).unwrap_or(0))
            .sum()
    }

    /// Checks all of them.
    pub fn check(&self, books: &Books, findings: &mut Findings) {
        for service in ["billing", "ingestion", "allocation"] {
            let Some(chain) = self.0.get(service) else {
                findings.add("certificate", || format!("{service} certified nothing"));
                continue;
            };
            check_chain(service, chain, findings);
            for certificate in chain.values() {
                check_sums(certificate, findings);
                on_the_topic(certificate, books, findings);
            }
        }
        self.join(findings);
    }

    /// What ingestion assigned is what allocation got, on every partition; they closed the same days.
    fn join(&self, findings: &mut Findings) {
        let nothing = BTreeMap::new();
        let chain = |service: &str| self.0.get(service).unwrap_or(&nothing);
        let days = |service: &str| chain(service).values().map(label).collect::<Vec<_>>();
        for service in ["ingestion", "allocation"] {
            if days(service) != days("billing") {
                findings.add("certificate", || format!("{service} closed other days than billing"));
            }
        }
        for (sequence, gave) in chain("ingestion") {
            let Some(got) = chain("allocation").get(sequence) else {
                continue;
            };
            let (assigned, funds_in) = (cells(&gave.sums, "assigned"), cells(&got.sums, "funds_in"));
            if assigned != funds_in {
                findings.add("certificate", || {
                    format!(
                        "{}: ingestion assigned {assigned:?}, allocation got {funds_in:?}",
                        label(gave)
                    )
                });
            }
        }
    }

    /// Adds what was certified of the compared days to their decisions: amounts, for numbers of rows depend on arrival.
    pub fn add_sums(&self, plan: &Plan, days: &mut Days) {
        let racer = plan.firms[RACER].calendar();
        for (service, chain) in &self.0 {
            for certificate in chain
                .values()
                .filter(|certificate| certificate.calendar.to_string() != racer)
            {
                let decisions = days.entry(label(certificate)).or_default();
                for sum in &certificate.sums {
                    let (creditor, partition) = (sum.creditor_id, sum.partition);
                    let name = format!(
                        "{service} certifies {} of {creditor:?} {} {partition:?}",
                        sum.name, sum.scope
                    );
                    if sum.amount_minor != 0 {
                        *decisions.entry(name).or_default() += sum.amount_minor;
                    }
                }
            }
        }
    }
}

/// Nonzero sums of a name by partition, creditor and currency.
fn cells(sums: &[CertifiedSum], name: &str) -> BTreeMap<(Option<i32>, Option<CreditorId>, Currency), i64> {
    let mut cells = BTreeMap::new();
    for sum in sums.iter().filter(|sum| sum.name == name) {
        *cells.entry((sum.partition, sum.creditor_id, sum.currency)).or_default() += sum.amount_minor;
    }
    cells.retain(|_, amount| *amount != 0);
    cells
}

fn check_chain(service: &str, chain: &BTreeMap<i64, DayCertified>, findings: &mut Findings) {
    let mut previous = DayCertified::FIRST.to_owned();
    for (expected, certificate) in (1..).zip(chain.values()) {
        let mut wrong = |what: &str| {
            findings.add("certificate", || {
                format!("{service}, day {}: {what}", certificate.sequence)
            });
        };
        if certificate.sequence != expected {
            wrong("the days before it are not all certified");
        }
        if !certificate.hash_is_right() {
            wrong("its hash is not that of its fields");
        }
        if certificate.previous_hash != previous {
            wrong("it does not follow the one before");
        }
        if !certificate.holds || !certificate.problems.is_empty() {
            wrong(&format!("it does not hold: {:?}", certificate.problems));
        }
        previous.clone_from(&certificate.hash);
    }
}

fn check_sums(certificate: &DayCertified, findings: &mut Findings) {
    let mut books: BTreeMap<(Option<CreditorId>, &str, Currency), BTreeMap<&str, i64>> = BTreeMap::new();
    for sum in &certificate.sums {
        let book = books.entry((sum.creditor_id, &sum.scope, sum.currency)).or_default();
        *book.entry(&sum.name).or_default() += sum.amount_minor;
    }
    for ((_, scope, currency), book) in &books {
        let side = |names: &[&str]| -> i64 {
            let amount = |name: &&str| match name.strip_prefix('-') {
                Some(name) => -book.get(name).copied().unwrap_or(0),
                None => book.get(*name).copied().unwrap_or(0),
            };
            names.iter().map(amount).sum()
        };
        for (service, left, right) in EQUATIONS {
            if certificate.service == service && side(left) != side(right) {
                findings.add("certificate", || {
                    let day = label(certificate);
                    format!(
                        "{service}, {day}, {scope} {currency}: {left:?} = {}, {right:?} = {}",
                        side(left),
                        side(right)
                    )
                });
            }
        }
    }
}

/// What is certified of the day is what lies on the topic between its markers. Billing's corrections are movements without
/// an event of their own amount, so that of billing only creditors without any are compared: the sum may be larger there.
fn on_the_topic(certificate: &DayCertified, books: &Books, findings: &mut Findings) {
    let names: &[&str] = match certificate.service.as_str() {
        "ingestion" => &["received", "reversed", "assigned"],
        _ => return,
    };
    let mut certified: BTreeMap<(CreditorId, &str), i64> = BTreeMap::new();
    for sum in &certificate.sums {
        if let (Some(creditor), Some(name)) = (sum.creditor_id, names.iter().find(|name| **name == sum.name)) {
            *certified.entry((creditor, *name)).or_default() += sum.amount_minor;
        }
    }
    certified.retain(|_, amount| *amount != 0);
    let day = label(certificate);
    let mut lies: BTreeMap<(CreditorId, &str), i64> = books.sums.get(&day).cloned().unwrap_or_default();
    lies.retain(|(_, name), amount| names.contains(name) && *amount != 0);
    if certified != lies {
        findings.add("behind_marker", || {
            format!(
                "{}, {day}: certified {certified:?}, between the markers lie {lies:?}",
                certificate.service
            )
        });
    }
}
