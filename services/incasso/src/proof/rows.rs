//! Whether the rows still say what was certified: every day computed again by the service's own functions.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{CertifiedSum, DayCertified};
use kernel::{CreditorId, Currency, Money};
use sqlx::PgPool;

use super::chain;
use super::published::Published;
use super::report::{Check, Finding};
use super::store::{self, Copied, Kept};

/// A service whose rows can be computed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Payments, funds, deposits.
    Ingestion,
    /// Facts, allocations, items.
    Allocation,
}

/// A day as its rows say it.
struct Again {
    sums: Vec<CertifiedSum>,
    rows: i64,
    digest: String,
    /// What the service's own running sums say otherwise.
    running: Vec<String>,
}

impl Service {
    /// As in topics and settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingestion => "ingestion",
            Self::Allocation => "allocation",
        }
    }

    /// Rows of `calendar` with `previous <= segment < sequence`.
    async fn recompute(self, pool: &PgPool, calendar: &str, previous: i64, sequence: i64) -> anyhow::Result<Again> {
        Ok(match self {
            Self::Ingestion => {
                let again = ingestion::recompute_day(pool, calendar, previous, sequence).await?;
                Again {
                    sums: again.sums,
                    rows: again.rows,
                    digest: hex(again.digest),
                    running: again.running,
                }
            }
            Self::Allocation => {
                let again = allocation::proof::recompute(pool, calendar, previous, sequence).await?;
                Again {
                    sums: again.sums,
                    rows: again.rows,
                    digest: again.digest,
                    running: Vec::new(),
                }
            }
        })
    }

    /// What in the tables of the current state is not what the rows add up to, one sentence each.
    async fn books(self, pool: &PgPool) -> anyhow::Result<Vec<String>> {
        Ok(match self {
            Self::Ingestion => ingestion::cross_check(pool).await?,
            Self::Allocation => allocation::proof::check_books(pool).await?,
        })
    }
}

/// Everything that a service's database contradicts: its certificates on Kafka, or itself.
pub(crate) async fn check(pool: &PgPool, service: Service, published: &Published) -> anyhow::Result<Vec<Finding>> {
    let kept = store::kept(pool, service.name()).await?;
    let mut findings = copies(service, published, &kept);
    let mut last: BTreeMap<String, i64> = kept.calendars.iter().map(|calendar| (calendar.clone(), 0)).collect();
    for certificate in &published.certificates {
        let calendar = certificate.calendar.to_string();
        let previous = last.get(&calendar).copied().unwrap_or(0);
        let again = service
            .recompute(pool, &calendar, previous, certificate.sequence)
            .await?;
        findings.extend(day(service, certificate, &again));
        last.insert(calendar, certificate.sequence);
    }
    for (calendar, previous) in last {
        let open = service.recompute(pool, &calendar, previous, i64::MAX).await?;
        for running in open.running {
            let what = format!("the open day of {calendar}: {running}");
            findings.push(Finding::of_topic(service.name(), Check::OpenDay, what));
        }
        for unequal in chain::equations(service.name(), &open.sums) {
            let what = format!("the open day of {calendar}: {}", unequal.what);
            let finding = Finding::of_topic(service.name(), Check::OpenDay, what);
            findings.push(finding.differs(unequal.left.to_string(), unequal.right.to_string()));
        }
    }
    let books = service.books(pool).await?;
    findings.extend(
        books
            .into_iter()
            .map(|what| Finding::of_topic(service.name(), Check::Books, what)),
    );
    Ok(findings)
}

/// The database's copies against the topic.
fn copies(service: Service, published: &Published, kept: &Kept) -> Vec<Finding> {
    let name = service.name();
    let mut findings = Vec::new();
    for certificate in &published.certificates {
        let what = match kept.copies.get(&certificate.sequence) {
            None => "it is on Kafka and not in rt_certificate".to_owned(),
            Some(copy) if !same(copy, certificate) => "rt_certificate has another one".to_owned(),
            Some(_) => continue,
        };
        findings.push(Finding::of(name, certificate, Check::Copy, what));
    }
    let told: BTreeSet<i64> = published
        .certificates
        .iter()
        .map(|certificate| certificate.sequence)
        .collect();
    for (sequence, copy) in &kept.copies {
        if told.contains(sequence) || kept.unpublished.contains(sequence) {
            continue;
        }
        let what = format!(
            "rt_certificate has sequence {sequence} ({}, {}), which Kafka does not have",
            copy.calendar, copy.day_on
        );
        findings.push(Finding {
            sequence: Some(*sequence),
            ..Finding::of_topic(name, Check::Copy, what)
        });
    }
    let newest = kept.copies.values().next_back();
    if let Some(newest) = newest.filter(|newest| newest.hash != kept.head) {
        let what = "rt_chain is not the hash of the newest certificate".to_owned();
        findings.push(Finding::of_topic(name, Check::Copy, what).differs(newest.hash.clone(), kept.head.clone()));
    }
    findings
}

fn same(copy: &Copied, certificate: &DayCertified) -> bool {
    copy.certificate().as_ref() == Some(certificate)
        && copy.calendar == certificate.calendar.to_string()
        && copy.day_on == certificate.day_on.naive()
        && copy.holds == certificate.holds
        && copy.hash == certificate.hash
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a sum is for.
type Key<'a> = (Option<CreditorId>, &'a str, Option<i32>, Currency, &'a str);

fn key(sum: &CertifiedSum) -> Key<'_> {
    (sum.creditor_id, &sum.scope, sum.partition, sum.currency, &sum.name)
}

/// One certified day against its rows.
fn day(service: Service, certificate: &DayCertified, again: &Again) -> Vec<Finding> {
    let finding = |what: String| Finding::of(service.name(), certificate, Check::Rows, what);
    let mut findings = Vec::new();
    let expected: BTreeMap<Key<'_>, (i64, i64)> = certificate
        .sums
        .iter()
        .map(|sum| (key(sum), (sum.amount_minor, sum.count)))
        .collect();
    let found: BTreeMap<Key<'_>, (i64, i64)> = again
        .sums
        .iter()
        .map(|sum| (key(sum), (sum.amount_minor, sum.count)))
        .collect();
    let keys: BTreeSet<&Key<'_>> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let (creditor, scope, partition, currency, name) = *key;
        let of = |sums: &BTreeMap<Key<'_>, (i64, i64)>| sums.get(key).copied().unwrap_or_default();
        if of(&expected) == of(&found) {
            continue;
        }
        let partition = partition.map_or_else(String::new, |partition| format!(", partition {partition}"));
        let what = format!(
            "{name} of {}{partition} is not what the rows add up to",
            chain::whose(creditor, scope)
        );
        findings.push(
            finding(what)
                .sum(name)
                .differs(amount(of(&expected), currency), amount(of(&found), currency)),
        );
    }
    if certificate.rows != again.rows {
        let what = "the day does not have as many rows as were certified".to_owned();
        findings.push(finding(what).differs(certificate.rows.to_string(), again.rows.to_string()));
    }
    if certificate.digest != again.digest {
        let what = "the digest is another one: a row of the day was changed, lost or added".to_owned();
        findings.push(finding(what).differs(certificate.digest.clone(), again.digest.clone()));
    }
    findings.extend(again.running.iter().map(|what| finding(what.clone())));
    for unequal in chain::equations(service.name(), &again.sums) {
        findings.push(
            finding(format!("in the rows {}", unequal.what))
                .differs(unequal.left.to_string(), unequal.right.to_string()),
        );
    }
    findings
}

/// `12.50 RON in 3 rows`.
fn amount((minor, count): (i64, i64), currency: Currency) -> String {
    format!("{} in {count} rows", Money::new(minor, currency))
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::{certificate, sum};
    use super::*;

    #[test]
    fn a_day_says_what_differs() {
        let sums = [sum(None, "received", 150), sum(Some(1), "assigned", 150)];
        let certified = certificate("ingestion", 1, &sums);
        let mut again = Again {
            sums: sums.to_vec(),
            rows: 0,
            digest: certified.digest.clone(),
            running: vec![],
        };
        assert!(day(Service::Ingestion, &certified, &again).is_empty());
        again.digest = "0".to_owned();
        assert!(
            day(Service::Ingestion, &certified, &again)[0]
                .what
                .starts_with("the digest")
        );
        again.sums[1].amount_minor = 149;
        again.rows = 1;
        let findings = day(Service::Ingestion, &certified, &again);
        assert_eq!(findings[0].sum.as_deref(), Some("assigned"));
        assert_eq!(findings[0].expected.as_deref(), Some("1.50 RON in 1 rows"));
        assert_eq!(findings[0].found.as_deref(), Some("1.49 RON in 1 rows"));
        assert_eq!(findings.len(), 4);
    }
}
