//! Counters and gauges for Prometheus, named `incasso_…`, each with the label `service`.
//!
//! Labels are topics, partitions, outcomes and routes: bounded sets, never an id of an account or a person. A metric that
//! is used wrongly is logged and not counted; it never stops money.

mod own;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

/// The media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the buckets of [`Timings`], in milliseconds.
const BUCKETS_MS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// A number that only rises. Clones count together.
#[derive(Debug, Clone)]
pub struct Counter(Option<IntCounterVec>);

impl Counter {
    /// One more. `labels` are values in the order in which the names were given.
    pub fn inc(&self, labels: &[&str]) {
        self.add(labels, 1);
    }

    /// `n` more.
    pub fn add(&self, labels: &[&str], n: u64) {
        let Some(counters) = &self.0 else { return };
        match counters.get_metric_with_label_values(labels) {
            Ok(counter) => counter.inc_by(n),
            Err(error) => tracing::error!(%error, "a counter is used with wrong labels"),
        }
    }

    /// Where it stands; 0 where it was never counted.
    #[must_use]
    pub fn get(&self, labels: &[&str]) -> u64 {
        let counter = self
            .0
            .as_ref()
            .and_then(|counters| counters.get_metric_with_label_values(labels).ok());
        counter.map_or(0, |counter| counter.get())
    }
}

/// A number that rises and falls. Clones share it.
#[derive(Debug, Clone)]
pub struct Gauge(Option<IntGaugeVec>);

impl Gauge {
    /// Sets it. `labels` are values in the order in which the names were given.
    pub fn set(&self, labels: &[&str], value: i64) {
        let Some(gauges) = &self.0 else { return };
        match gauges.get_metric_with_label_values(labels) {
            Ok(gauge) => gauge.set(value),
            Err(error) => tracing::error!(%error, "a gauge is used with wrong labels"),
        }
    }

    /// Where it stands; 0 where it was never set.
    #[must_use]
    pub fn get(&self, labels: &[&str]) -> i64 {
        let gauge = self
            .0
            .as_ref()
            .and_then(|gauges| gauges.get_metric_with_label_values(labels).ok());
        gauge.map_or(0, |gauge| gauge.get())
    }
}

/// Durations, shown in seconds, in buckets from a millisecond to ten seconds. Clones share them.
#[derive(Debug, Clone)]
pub struct Timings(Option<HistogramVec>);

impl Timings {
    /// One more duration. `labels` are values in the order in which the names were given.
    pub fn observe(&self, labels: &[&str], took: Duration) {
        let Some(histograms) = &self.0 else { return };
        match histograms.get_metric_with_label_values(labels) {
            Ok(histogram) => histogram.observe(took.as_secs_f64()),
            Err(error) => tracing::error!(%error, "a histogram is used with wrong labels"),
        }
    }

    /// How many durations there are.
    #[must_use]
    pub fn count(&self, labels: &[&str]) -> u64 {
        let histogram = self
            .0
            .as_ref()
            .and_then(|histograms| histograms.get_metric_with_label_values(labels).ok());
        histogram.map_or(0, |histogram| histogram.get_sample_count())
    }
}

/// The numbers of one service; cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    own: own::Own,
    registered: Registered,
}

/// The registry, and what was registered under each name, so that asking twice gives the same.
struct Registered {
    registry: Registry,
    counters: Mutex<HashMap<String, Counter>>,
    gauges: Mutex<HashMap<String, Gauge>>,
    timings: Mutex<HashMap<String, Timings>>,
}

impl Metrics {
    /// The runtime's own numbers for `service`; every line gets `service="…"`.
    #[must_use]
    pub fn new(service: &str) -> Self {
        let label = HashMap::from([("service".to_owned(), service.to_owned())]);
        let registry = Registry::new_custom(None, Some(label)).unwrap_or_else(|error| {
            tracing::error!(%error, "metrics go without their service's name");
            Registry::new()
        });
        let registered = Registered {
            registry,
            counters: Mutex::default(),
            gauges: Mutex::default(),
            timings: Mutex::default(),
        };
        Self(Arc::new(Inner {
            own: own::Own::new(&registered),
            registered,
        }))
    }

    /// The counter of this name, made where it is not there yet. `name` begins with `incasso_` and ends with `_total`.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Counter {
        self.0.registered.counter(name, help, labels)
    }

    /// The gauge of this name, made where it is not there yet. `name` begins with `incasso_` and ends with its unit.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Gauge {
        self.0.registered.gauge(name, help, labels)
    }

    /// The durations of this name, made where they are not there yet. `name` begins with `incasso_`, ends with `_seconds`.
    #[must_use]
    pub fn timings(&self, name: &str, help: &str, labels: &[&str]) -> Timings {
        self.0.registered.timings(name, help, labels)
    }

    /// All lines, in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let families = self.0.registered.registry.gather();
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
            tracing::error!(%error, "metrics cannot be written");
            String::new()
        })
    }
}

impl Registered {
    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Counter {
        let make = || Counter(self.register(name, IntCounterVec::new(Opts::new(name, help), labels)));
        obtain(&self.counters, name, make)
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Gauge {
        let make = || Gauge(self.register(name, IntGaugeVec::new(Opts::new(name, help), labels)));
        obtain(&self.gauges, name, make)
    }

    fn timings(&self, name: &str, help: &str, labels: &[&str]) -> Timings {
        let buckets = BUCKETS_MS
            .iter()
            .map(|millis| Duration::from_millis(*millis).as_secs_f64())
            .collect();
        let options = HistogramOpts::new(name, help).buckets(buckets);
        obtain(&self.timings, name, || {
            Timings(self.register(name, HistogramVec::new(options, labels)))
        })
    }

    fn register<T: Collector + Clone + 'static>(&self, name: &str, made: prometheus::Result<T>) -> Option<T> {
        let registered = made.and_then(|made| self.registry.register(Box::new(made.clone())).map(|()| made));
        registered
            .inspect_err(|error| tracing::error!(name, %error, "a metric is misnamed and will not be shown"))
            .ok()
    }
}

fn obtain<T: Clone>(known: &Mutex<HashMap<String, T>>, name: &str, make: impl FnOnce() -> T) -> T {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = known.get(name) {
        return there.clone();
    }
    known.entry(name.to_owned()).or_insert_with(make).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shared_and_lines_carry_the_service() {
        let metrics = Metrics::new("toy");
        let help = "Statements quarantined.";
        metrics
            .counter("incasso_quarantined_total", help, &["format"])
            .inc(&["camt053"]);
        metrics
            .clone()
            .counter("incasso_quarantined_total", help, &["format"])
            .add(&["camt053"], 2);
        metrics.gauge("incasso_open_deposits", "Deposits.", &[]).set(&[], 7);
        metrics
            .timings("incasso_import_seconds", "Imports.", &[])
            .observe(&[], Duration::from_millis(3));
        let text = metrics.render();
        for line in [
            "incasso_quarantined_total{format=\"camt053\",service=\"toy\"} 3",
            "incasso_open_deposits{service=\"toy\"} 7",
            "incasso_import_seconds_bucket{service=\"toy\",le=\"0.002\"} 0",
            "incasso_import_seconds_bucket{service=\"toy\",le=\"0.005\"} 1",
            "incasso_import_seconds_count{service=\"toy\"} 1",
        ] {
            assert!(text.lines().any(|got| got == line), "{line} is not in\n{text}");
        }
        assert!(
            text.lines()
                .all(|line| line.starts_with('#') || line.starts_with("incasso_")),
            "{text}"
        );
    }

    #[test]
    fn misuse_does_no_harm() {
        let metrics = Metrics::new("toy");
        let counter = metrics.counter("not a name", "x", &[]);
        counter.inc(&[]);
        assert_eq!(counter.get(&[]), 0);
        let labelled = metrics.counter("incasso_x_total", "x", &["a"]);
        labelled.inc(&[]);
        labelled.inc(&["1"]);
        assert_eq!(labelled.get(&["1"]), 1);
        let taken = metrics.gauge("incasso_x_total", "another kind", &[]);
        taken.set(&[], 3);
        assert_eq!(taken.get(&[]), 0);
    }
}
