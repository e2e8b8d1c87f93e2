//! What was found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use contracts::DayCertified;
use kernel::{BusinessDate, CalendarId, Currency, Money};
use serde::Serialize;

use super::published::Published;

/// Which check found something; in the order in which findings about one certificate are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The topic holds something that is no certificate, or two for one day.
    Topic,
    /// A hash is not that of the content.
    Hash,
    /// A certificate does not follow the one before.
    Chain,
    /// A sequence number or a calendar's day is missing.
    Gap,
    /// The certificate says itself that it does not hold.
    Holds,
    /// An equation does not hold between the certified sums.
    Equation,
    /// The two services do not say the same.
    Join,
    /// The database's copy is another one than Kafka's.
    Copy,
    /// The rows of the day are not those that were certified.
    Rows,
    /// Rows of the day that is still open contradict each other.
    OpenDay,
    /// The current state is not what the rows add up to.
    Books,
}

impl Check {
    fn word(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Hash => "hash",
            Self::Chain => "chain",
            Self::Gap => "gap",
            Self::Holds => "holds",
            Self::Equation => "equation",
            Self::Join => "join",
            Self::Copy => "copy",
            Self::Rows => "rows",
            Self::OpenDay => "open day",
            Self::Books => "books",
        }
    }
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The service whose certificate or tables it is.
    pub service: &'static str,
    /// Which check found it.
    pub check: Check,
    /// The certificate's calendar; absent where it is about no certificate.
    pub calendar: Option<CalendarId>,
    /// The certificate's day.
    pub day_on: Option<BusinessDate>,
    /// The certificate's sequence.
    pub sequence: Option<i64>,
    /// Which sum, where it is about one.
    pub sum: Option<String>,
    /// What should be there.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// The whole of it in one sentence.
    pub what: String,
}

impl Finding {
    /// About a certificate.
    pub(crate) fn of(service: &'static str, certificate: &DayCertified, check: Check, what: String) -> Self {
        Self {
            calendar: Some(certificate.calendar.clone()),
            day_on: Some(certificate.day_on),
            sequence: Some(certificate.sequence),
            ..Self::of_topic(service, check, what)
        }
    }

    /// About no certificate.
    pub(crate) fn of_topic(service: &'static str, check: Check, what: String) -> Self {
        Self {
            service,
            check,
            calendar: None,
            day_on: None,
            sequence: None,
            sum: None,
            expected: None,
            found: None,
            what,
        }
    }

    /// With what should be there and what is.
    pub(crate) fn differs(mut self, expected: String, found: String) -> Self {
        self.expected = (!expected.is_empty()).then_some(expected);
        self.found = (!found.is_empty()).then_some(found);
        self
    }

    /// With the name of the sum.
    pub(crate) fn sum(mut self, name: &str) -> Self {
        self.sum = Some(name.to_owned());
        self
    }

    fn words(&self) -> String {
        let mut text = format!("{} ({})", self.service, self.check.word());
        if let (Some(calendar), Some(day_on), Some(sequence)) = (&self.calendar, self.day_on, self.sequence) {
            let _ = write!(text, ", {calendar}, {day_on}, sequence {sequence}");
        }
        let _ = write!(text, ": {}", self.what);
        if let Some(sum) = &self.sum {
            let _ = write!(text, "; sum {sum}");
        }
        for (name, value) in [("expected", &self.expected), ("found", &self.found)] {
            if let Some(value) = value {
                let _ = write!(text, "; {name} {value}");
            }
        }
        text
    }
}

/// One service's certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceReport {
    /// Its name.
    pub service: &'static str,
    /// How many there are.
    pub certificates: usize,
    /// How many of them say that they hold.
    pub hold: usize,
    /// The last certified day of each calendar.
    pub through_on: BTreeMap<String, BusinessDate>,
    /// Rows that they cover.
    pub rows: i64,
    /// Hash of the newest: whoever keeps it can later tell whether history was changed.
    pub chain_head: Option<String>,
    /// Whether the rows were computed again.
    pub rows_checked: bool,
}

impl ServiceReport {
    pub(crate) fn of(published: &Published) -> Self {
        let all = &published.certificates;
        Self {
            service: published.service,
            certificates: all.len(),
            hold: all.iter().filter(|certificate| certificate.holds).count(),
            through_on: all
                .iter()
                .map(|certificate| (certificate.calendar.to_string(), certificate.day_on))
                .collect(),
            rows: all.iter().map(|certificate| certificate.rows).sum(),
            chain_head: all.last().map(|certificate| certificate.hash.clone()),
            rows_checked: false,
        }
    }
}

/// Sums over all certified days, in minor units: currency, service, name.
pub type Totals = BTreeMap<Currency, BTreeMap<String, BTreeMap<String, i64>>>;

/// Adds up all days of both services.
pub(crate) fn totals(ingestion: &[DayCertified], allocation: &[DayCertified]) -> Totals {
    let mut totals = Totals::new();
    for certificate in ingestion.iter().chain(allocation) {
        for sum in &certificate.sums {
            let services = totals.entry(sum.currency).or_default();
            let names = services.entry(certificate.service.clone()).or_default();
            let total = names.entry(sum.name.clone()).or_default();
            *total = total.saturating_add(sum.amount_minor);
        }
    }
    totals
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing was found.
    pub holds: bool,
    /// The first certificate that does not hold, or the first thing found where none is at fault.
    pub first: Option<Finding>,
    /// Each service's certificates.
    pub services: Vec<ServiceReport>,
    /// Days that both services certified and that were compared.
    pub joined_days: usize,
    /// Sums over all certified days, in minor units: currency, service, name.
    pub totals: Totals,
    /// Everything found, by sequence; what is about no certificate comes last.
    pub findings: Vec<Finding>,
    /// What was not looked at, and why.
    pub notes: Vec<String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            holds: true,
            first: None,
            services: Vec::new(),
            joined_days: 0,
            totals: Totals::new(),
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
    }

    pub(crate) fn rows_checked(&mut self, service: &str) {
        for report in self.services.iter_mut().filter(|report| report.service == service) {
            report.rows_checked = true;
        }
    }

    /// Puts the findings in order and draws the conclusion. Money goes from `ingestion` to `allocation`: of two findings on
    /// the same day the earlier service's comes first.
    pub(crate) fn finished(mut self) -> Self {
        let order = |finding: &Finding| {
            let service = usize::from(finding.service == "allocation");
            (finding.sequence.is_none(), finding.sequence, service, finding.check)
        };
        self.findings.sort_by_key(order);
        self.holds = self.findings.is_empty();
        self.first = self.findings.first().cloned();
        if self.services.iter().all(|service| service.certificates == 0) {
            self.notes.push("no day has been certified yet".to_owned());
        }
        self
    }

    /// One JSON document.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
    }

    /// For a terminal.
    pub fn words(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{}",
            if self.holds {
                "Every certificate holds."
            } else {
                "It does NOT hold."
            }
        );
        if let Some(first) = &self.first {
            let _ = writeln!(text, "\nFirst: {}", first.words());
        }
        for finding in self.findings.iter().skip(1).take(MORE) {
            let _ = writeln!(text, "Also:  {}", finding.words());
        }
        if self.findings.len() > MORE + 1 {
            let _ = writeln!(
                text,
                "… and {} more; --json has all of them",
                self.findings.len() - MORE - 1
            );
        }
        let _ = writeln!(text);
        for service in &self.services {
            self.service_words(service, &mut text);
        }
        let _ = writeln!(text, "{} days compared between the two", self.joined_days);
        for (currency, services) in &self.totals {
            for (service, names) in services {
                let shown = names.iter().filter(|(_, minor)| **minor != 0);
                let sums: Vec<String> = shown
                    .map(|(name, minor)| format!("{name} {}", amount(*minor, *currency)))
                    .collect();
                let _ = writeln!(
                    text,
                    "{currency} {service}: {}",
                    if sums.is_empty() {
                        "nothing".to_owned()
                    } else {
                        sums.join(", ")
                    }
                );
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "Note: {note}");
        }
        text.trim_end().to_owned()
    }

    fn service_words(&self, service: &ServiceReport, text: &mut String) {
        let through: Vec<String> = service
            .through_on
            .iter()
            .map(|(calendar, on)| format!("{calendar} through {on}"))
            .collect();
        let rows = if service.rows_checked {
            "computed again"
        } else {
            "not looked at"
        };
        let _ = writeln!(
            text,
            "{}: {} certificates, {} hold; {} rows, {rows}{}{}",
            service.service,
            service.certificates,
            service.hold,
            service.rows,
            if through.is_empty() { "" } else { "; " },
            through.join(", ")
        );
        if let Some(head) = &service.chain_head {
            let _ = writeln!(text, "  chain head {head}");
        }
    }
}

/// Findings shown to people beyond the first.
const MORE: usize = 9;

fn amount(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).to_decimal_string()
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::{certificate, sum};
    use super::*;

    #[test]
    fn the_first_certificate_at_fault_is_named_first() {
        let mut report = Report::new();
        let published = |service| Published {
            service,
            certificates: vec![certificate(service, 1, &[sum(None, "received", 150)])],
            findings: vec![],
        };
        report.services = vec![
            ServiceReport::of(&published("ingestion")),
            ServiceReport::of(&published("allocation")),
        ];
        report.totals = totals(&[certificate("ingestion", 1, &[sum(None, "received", 150)])], &[]);
        assert!(report.clone().finished().holds);
        let of = |service, sequence| {
            Finding::of(
                service,
                &certificate(service, sequence, &[]),
                Check::Rows,
                "x".to_owned(),
            )
        };
        report.add(vec![
            Finding::of_topic("ingestion", Check::Books, "b".to_owned()),
            of("allocation", 2),
            of("ingestion", 2)
                .differs("1".to_owned(), "2".to_owned())
                .sum("received"),
        ]);
        let report = report.finished();
        assert!(!report.holds);
        let words = report.words();
        let first = "First: ingestion (rows), RO@17:00@Europe/Bucharest, 2026-01-02, sequence 2: x; sum received; expected 1; found 2";
        assert!(words.contains(first), "{words}");
        assert!(words.contains("RON ingestion: received 1.50"), "{words}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["first"]["sequence"], 2);
        assert_eq!(json["findings"][2]["check"], "books");
    }
}
