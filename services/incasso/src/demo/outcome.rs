//! What the month came to: read from the certificates of all days, nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contracts::DayCertified;
use serde::Serialize;

use super::client::{Answers, Outside};
use super::model::{Expected, Sums};

/// The JSON document of `demo --once --json`.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Whole seconds from the start of the command.
    pub seconds: u64,
    /// Payments received, each counted once.
    pub payments: i64,
    /// Generated files and requests.
    pub inputs_dir: PathBuf,
    /// Sums by currency.
    pub currencies: Vec<CurrencyOutcome>,
    /// Certificates of ingestion and allocation.
    pub certificates: Certificates,
    /// Statements in quarantine and files refused.
    pub quarantined: i64,
    /// Payments seen again, and files whose very bytes came before.
    pub duplicates: i64,
}

/// How many certificates there are, and how many of them hold.
#[derive(Debug, Serialize)]
pub struct Certificates {
    /// Of both services.
    pub count: usize,
    /// Those whose equations hold.
    pub hold: usize,
    /// The newest of each service: its hash stands for all before it.
    pub heads: BTreeMap<String, String>,
}

/// The sums of a currency over all days, in minor units.
#[derive(Debug, Default, Serialize)]
pub struct CurrencyOutcome {
    /// ISO 4217 code.
    pub currency: String,
    /// New money in.
    pub received_minor: i64,
    /// Taken back by the bank.
    pub reversed_minor: i64,
    /// Given back by us.
    pub returned_minor: i64,
    /// Of accounts.
    pub assigned_minor: i64,
    /// Of nobody yet.
    pub unidentified_minor: i64,
    /// On invoices.
    pub allocated_minor: i64,
    /// Beyond what is owed.
    pub credit_minor: i64,
    /// Held as guarantee.
    pub guarantees_minor: i64,
    /// Given back to debtors.
    pub refunded_minor: i64,
    /// Held up by messages that broke a rule.
    pub parked_minor: i64,
    /// Seen again: not new money.
    pub seen_again_minor: i64,
    /// Providers' netted payouts of what was received before: outside the equation.
    pub settlement_minor: i64,
    /// Debits that took nothing back: outside the equation.
    pub outgoing_minor: i64,
}

impl CurrencyOutcome {
    /// Adds a certified sum. Ingestion says what came in and whose it is, allocation where it went.
    fn add(&mut self, service: &str, name: &str, amount_minor: i64) {
        let slot = match (service, name) {
            ("ingestion", "received") => &mut self.received_minor,
            ("ingestion", "reversed") => &mut self.reversed_minor,
            ("ingestion", "returned") => &mut self.returned_minor,
            ("ingestion", "assigned") => &mut self.assigned_minor,
            ("ingestion", "unidentified") => &mut self.unidentified_minor,
            ("ingestion", "seen_again") => &mut self.seen_again_minor,
            ("ingestion", "settlement") => &mut self.settlement_minor,
            ("ingestion", "outgoing") => &mut self.outgoing_minor,
            ("allocation", "allocated") => &mut self.allocated_minor,
            ("allocation", "credit") => &mut self.credit_minor,
            ("allocation", "guarantees") => &mut self.guarantees_minor,
            ("allocation", "refunded") => &mut self.refunded_minor,
            ("allocation", "parked") => &mut self.parked_minor,
            _ => return,
        };
        *slot = slot.saturating_add(amount_minor);
    }

    /// What does not come out, in words: empty where every cent is accounted for.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let left = self.received_minor
            - self.reversed_minor
            - self.assigned_minor
            - self.unidentified_minor
            - self.returned_minor;
        if left != 0 {
            problems.push(format!(
                "{}: {left} minor units came in and are neither assigned nor unidentified",
                self.currency
            ));
        }
        let went =
            self.allocated_minor + self.credit_minor + self.guarantees_minor + self.refunded_minor + self.parked_minor;
        let left = self.assigned_minor - went;
        if left != 0 {
            problems.push(format!(
                "{}: {left} minor units were assigned and are nowhere",
                self.currency
            ));
        }
        problems
    }

    fn differences(&self, expected: &Sums) -> Vec<String> {
        [
            ("received", self.received_minor, expected.received_minor),
            ("reversed", self.reversed_minor, expected.reversed_minor),
            ("assigned", self.assigned_minor, expected.assigned_minor),
            ("unidentified", self.unidentified_minor, expected.unidentified_minor),
            ("allocated", self.allocated_minor, expected.allocated_minor),
            ("credit", self.credit_minor, expected.credit_minor),
            ("seen again", self.seen_again_minor, expected.seen_again_minor),
            ("settlement", self.settlement_minor, expected.settlement_minor),
            ("outgoing", self.outgoing_minor, expected.outgoing_minor),
        ]
        .into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(name, found, expected)| format!("{}: {name} {found}, expected {expected}", self.currency))
        .collect()
    }
}

/// Reads the certificates and asks for the quarantine.
///
/// # Errors
/// A service does not answer.
pub async fn read(outside: &Outside, answers: Answers, seconds: u64, inputs_dir: PathBuf) -> anyhow::Result<Outcome> {
    let ingestion = all(async |after| outside.ingestion_certificates(after).await).await?;
    let allocation = all(async |after| outside.allocation_certificates(after).await).await?;
    let quarantined = outside.quarantined().await?.saturating_add(answers.refused);
    let certificates: Vec<&DayCertified> = ingestion.iter().chain(&allocation).collect();
    let mut currencies: BTreeMap<String, CurrencyOutcome> = BTreeMap::new();
    let (mut payments, mut again) = (0_i64, 0_i64);
    for certificate in &certificates {
        for sum in &certificate.sums {
            let code = sum.currency.code();
            let outcome = currencies.entry(code.to_owned()).or_default();
            code.clone_into(&mut outcome.currency);
            outcome.add(&certificate.service, &sum.name, sum.amount_minor);
            match (certificate.service.as_str(), sum.name.as_str()) {
                ("ingestion", "received") => payments = payments.saturating_add(sum.count),
                ("ingestion", "seen_again") => again = again.saturating_add(sum.count),
                _ => {}
            }
        }
    }
    let heads = [&ingestion, &allocation].into_iter().filter_map(|chain| chain.last());
    Ok(Outcome {
        seconds,
        payments,
        inputs_dir,
        currencies: currencies.into_values().collect(),
        certificates: Certificates {
            count: certificates.len(),
            hold: certificates.iter().filter(|certificate| certificate.holds).count(),
            heads: heads.map(|head| (head.service.clone(), head.hash.clone())).collect(),
        },
        quarantined,
        duplicates: again.saturating_add(answers.files_again),
    })
}

async fn all(page: impl AsyncFn(i64) -> anyhow::Result<Vec<DayCertified>>) -> anyhow::Result<Vec<DayCertified>> {
    let mut all: Vec<DayCertified> = Vec::new();
    loop {
        let found = page(all.last().map_or(0, |last| last.sequence)).await?;
        if found.is_empty() {
            return Ok(all);
        }
        all.extend(found);
    }
}

impl Outcome {
    /// Everything that is not as it must be: certificates that do not hold, cents that are nowhere, and whatever differs from
    /// what was made up.
    #[must_use]
    pub fn problems(&self, expected: &Expected) -> Vec<String> {
        let mut problems = Vec::new();
        let broken = self.certificates.count.saturating_sub(self.certificates.hold);
        if broken > 0 {
            problems.push(format!(
                "{broken} of {} certificates do not hold",
                self.certificates.count
            ));
        }
        for currency in &self.currencies {
            problems.extend(currency.problems());
            if let Some(expected) = expected.currencies.get(&currency.currency) {
                problems.extend(currency.differences(expected));
            }
        }
        let payments: i64 = expected.currencies.values().map(|sums| sums.payments).sum();
        if payments != self.payments {
            problems.push(format!("{} payments, expected {payments}", self.payments));
        }
        if expected.quarantined != self.quarantined {
            problems.push(format!(
                "{} in quarantine, expected {}",
                self.quarantined, expected.quarantined
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cent_that_is_nowhere_is_named() {
        let mut outcome = CurrencyOutcome {
            currency: "RON".into(),
            ..CurrencyOutcome::default()
        };
        for (service, name, amount) in [
            ("ingestion", "received", 1_000),
            ("ingestion", "reversed", 100),
            ("ingestion", "assigned", 800),
            ("ingestion", "unidentified", 100),
            ("ingestion", "seen_again", 77),
            ("ingestion", "settlement", 66),
            ("ingestion", "outgoing", 5),
            ("allocation", "funds_in", 800),
            ("allocation", "allocated", 700),
            ("allocation", "credit", 100),
        ] {
            outcome.add(service, name, amount);
        }
        assert_eq!(outcome.problems(), Vec::<String>::new());
        outcome.add("allocation", "credit", -1);
        outcome.add("ingestion", "unidentified", 2);
        assert_eq!(outcome.problems().len(), 2);
    }
}
