//! The oracle: stands outside and looks only at what was sent, at the topics, and at what the APIs say.

mod books;
mod certificates;
mod order;

use std::collections::BTreeMap;

use contracts::catalogue;
use serde_json::Value;

pub use books::Books;

use crate::client::Outside;
use crate::plan::Plan;
use crate::topics;

/// How many findings are told in words.
const TOLD: usize = 40;
/// How many accounts and payments the APIs are asked about.
const ASKED: usize = 60;

/// What is wrong, counted and told.
#[derive(Debug, Default)]
pub struct Findings {
    /// Counts by kind.
    counts: BTreeMap<&'static str, u64>,
    /// The first ones in words.
    pub told: Vec<String>,
}

impl Findings {
    /// Notes one.
    pub fn add(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        *self.counts.entry(kind).or_default() += 1;
        if self.told.len() < TOLD {
            self.told.push(format!("{kind}: {}", what()));
        }
    }

    /// How many of a kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.counts.get(kind).copied().unwrap_or(0)
    }

    /// Of all kinds.
    pub fn all(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Takes in another one's.
    pub fn absorb(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        let room = TOLD.saturating_sub(self.told.len());
        self.told.extend(other.told.into_iter().take(room));
    }
}

/// What a day of a calendar came to: decisions by name, independent of when and in which order things arrived.
pub type Days = BTreeMap<String, BTreeMap<String, i64>>;

/// What a world came to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What is wrong in itself.
    pub findings: Findings,
    /// Records that lie on topics more than once, as a relay's crash leaves them.
    pub republished: u64,
    /// Records first seen.
    pub records: u64,
    /// Certificates that were looked at.
    pub certificates: u64,
    /// The compared days.
    pub days: Days,
}

/// Reads all topics and judges.
///
/// # Errors
/// Kafka does not answer.
pub fn judge(bootstrap: &str, prefix: &str, plan: &Plan) -> anyhow::Result<(Verdict, Books)> {
    let mut verdict = Verdict::default();
    let mut books = Books::new(plan);
    let mut chains = certificates::Chains::default();
    // Billing first: what an account's calendar is, is known before anything happens on it.
    for topic in catalogue::ALL {
        let mut order = order::Order::new(topic);
        topics::read(bootstrap, &format!("{prefix}{}", topic.name), |record| {
            let Some(seen) = order.look(record, &mut verdict.findings) else {
                return Ok(());
            };
            verdict.records += 1;
            match topic.name.ends_with(".certificate.v1") {
                true => chains.add(record.payload, &mut verdict.findings),
                false => books.post(topic, record, seen, &mut verdict.findings),
            }
            Ok(())
        })?;
        verdict.republished += order.republished();
        for reader in topic.waited_by.iter().chain(topic.read_by) {
            let dead = catalogue::dlq(topic.name, reader);
            topics::read(bootstrap, &format!("{prefix}{dead}"), |_| {
                verdict
                    .findings
                    .add("parked", || format!("a message was rejected: {dead}"));
                Ok(())
            })?;
        }
    }
    books.balance(plan, &mut verdict.findings);
    chains.check(&books, &mut verdict.findings);
    verdict.certificates = chains.count();
    verdict.days = books.compared(plan);
    chains.add_sums(plan, &mut verdict.days);
    Ok((verdict, books))
}

/// What two worlds differ in, day by day.
pub fn differences(calm: &Days, storm: &Days, findings: &mut Findings) {
    let days: std::collections::BTreeSet<&String> = calm.keys().chain(storm.keys()).collect();
    let nothing = BTreeMap::new();
    for day in days {
        let (one, other) = (calm.get(day).unwrap_or(&nothing), storm.get(day).unwrap_or(&nothing));
        let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for name in names {
            let (undisturbed, disturbed) = (one.get(name), other.get(name));
            if undisturbed != disturbed {
                findings.add("day_differs", || {
                    format!("{day}: {name}: undisturbed {undisturbed:?}, here {disturbed:?}")
                });
            }
        }
    }
}

/// Asks the APIs about some accounts and payments, and compares with the topics.
///
/// # Errors
/// A service does not answer with 200.
pub async fn ask(outside: &Outside<'_>, books: &Books) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for (account, open, credit) in books.accounts(ASKED) {
        let said = outside.ask("allocation", &format!("/v1/accounts/{account}")).await?;
        let of = |name: &str| said.get(name).and_then(Value::as_i64).unwrap_or(i64::MIN);
        let said = (of("open_minor"), of("credit_minor"));
        if said != (open, credit) {
            findings.add("api_differs", || {
                format!("account {account}: the topics come to open {open}, credit {credit}, the API says {said:?}")
            });
        }
    }
    for (payment, amount, parts) in books.payments(ASKED) {
        let said = outside.ask("ingestion", &format!("/v1/payments/{payment}")).await?;
        let said_amount = said.get("amount_minor").and_then(Value::as_i64);
        let said_parts = said.get("funds").and_then(Value::as_array).map_or(0, Vec::len);
        if (said_amount, said_parts) != (Some(amount), parts) {
            findings.add("api_differs", || {
                format!("payment {payment}: {amount} in {parts} parts on the topics, {said_amount:?} in {said_parts} by the API")
            });
        }
    }
    Ok(findings)
}
