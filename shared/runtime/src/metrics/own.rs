//! What the runtime counts for every service.

use std::time::Duration;

use super::{Counter, Gauge, Metrics, Registered, Timings};

/// The runtime's own numbers, made once.
pub(super) struct Own {
    messages: Messages,
    held_up: HeldUp,
    outbox: Outbox,
    days: Days,
    door: Door,
}

struct Messages {
    handled: Counter,
    took: Timings,
    lag: Gauge,
    failures: Counter,
    fenced: Counter,
    leases: Gauge,
    duplicates: Counter,
}

struct HeldUp {
    waiting: Gauge,
    parked: Gauge,
    dead_letters: Counter,
}

struct Outbox {
    rows: Gauge,
    oldest: Gauge,
    published: Counter,
    errors: Counter,
}

struct Days {
    sequence: Gauge,
    held: Gauge,
}

struct Door {
    requests: Counter,
    took: Timings,
    tokens: Gauge,
}

impl Own {
    pub(super) fn new(set: &Registered) -> Self {
        let build = set.gauge("incasso_build_info", "The version that runs; always 1.", &["version"]);
        build.set(&[env!("CARGO_PKG_VERSION")], 1);
        Self {
            messages: Messages::new(set),
            held_up: HeldUp {
                waiting: set.gauge(
                    "incasso_waiting_messages",
                    "Facts whose account or item is not known yet.",
                    &[],
                ),
                parked: set.gauge("incasso_parked_keys", "Keys held up by a rejected message.", &[]),
                dead_letters: set.counter("incasso_dead_letters_total", "Messages rejected.", &["topic", "rule"]),
            },
            outbox: Outbox {
                rows: set.gauge("incasso_outbox_rows", "Messages written and not yet published.", &[]),
                oldest: set.gauge("incasso_outbox_oldest_seconds", "Age of the oldest of them.", &[]),
                published: set.counter(
                    "incasso_relay_published_total",
                    "Messages acknowledged by the broker.",
                    &["topic"],
                ),
                errors: set.counter(
                    "incasso_relay_errors_total",
                    "Deliveries that failed and are made again.",
                    &[],
                ),
            },
            days: Days {
                sequence: set.gauge(
                    "incasso_day_closed_sequence",
                    "The last closed day's number, by partition or all.",
                    &["partition"],
                ),
                held: set.gauge("incasso_day_held", "1 where the last certificate does not hold.", &[]),
            },
            door: Door {
                requests: set.counter(
                    "incasso_http_requests_total",
                    "Requests answered.",
                    &["method", "route", "status"],
                ),
                took: set.timings(
                    "incasso_http_request_seconds",
                    "From a request's head to its answer's.",
                    &["route"],
                ),
                tokens: set.gauge("incasso_tokens", "Tokens that may call; 0 means nobody may.", &[]),
            },
        }
    }
}

impl Messages {
    fn new(set: &Registered) -> Self {
        let outcomes = &["topic", "outcome"];
        let fenced = "Transactions refused because another instance owns the partition.";
        Self {
            handled: set.counter(
                "incasso_messages_handled_total",
                "Messages by what became of them.",
                outcomes,
            ),
            took: set.timings(
                "incasso_handle_seconds",
                "One transaction of a batch, begin to commit.",
                &["topic"],
            ),
            lag: set.gauge(
                "incasso_message_lag_seconds",
                "Age of the message handled last.",
                &["topic"],
            ),
            failures: set.counter(
                "incasso_failures_total",
                "Tries that failed and are made again.",
                &["stage"],
            ),
            fenced: set.counter("incasso_fenced_total", fenced, &[]),
            leases: set.gauge(
                "incasso_partition_lease",
                "1 where this instance owns the partition.",
                &["partition"],
            ),
            duplicates: set.counter(
                "incasso_inbox_duplicates_total",
                "Messages that had been handled before.",
                &["topic"],
            ),
        }
    }
}

impl Metrics {
    /// `n` messages of a topic came to an outcome: `done`, `waiting`, `rejected`, `parked`, `marker`.
    pub fn handled(&self, topic: &str, outcome: &str, n: u64) {
        self.0.own.messages.handled.add(&[topic, outcome], n);
    }

    /// How many messages of a topic came to an outcome.
    #[must_use]
    pub fn handled_so_far(&self, topic: &str, outcome: &str) -> u64 {
        self.0.own.messages.handled.get(&[topic, outcome])
    }

    /// One transaction of a batch took so long.
    pub fn handle_took(&self, topic: &str, took: Duration) {
        self.0.own.messages.took.observe(&[topic], took);
    }

    /// The age of the message handled last, in seconds of the clock.
    pub fn lag(&self, topic: &str, seconds: i64) {
        self.0.own.messages.lag.set(&[topic], seconds);
    }

    /// A try failed: `handle`, `relay`, `lease`, `close`, `consume`.
    pub fn failure(&self, stage: &str) {
        self.0.own.messages.failures.inc(&[stage]);
    }

    /// A transaction was refused by its lease row.
    pub fn fenced(&self) {
        self.0.own.messages.fenced.inc(&[]);
    }

    /// How many transactions were refused.
    #[must_use]
    pub fn fenced_so_far(&self) -> u64 {
        self.0.own.messages.fenced.get(&[])
    }

    /// This instance owns a partition, or no longer.
    pub fn lease(&self, partition: u32, held: bool) {
        self.0
            .own
            .messages
            .leases
            .set(&[&partition.to_string()], i64::from(held));
    }

    /// `n` messages had been handled before.
    pub fn duplicates(&self, topic: &str, n: u64) {
        self.0.own.messages.duplicates.add(&[topic], n);
    }

    /// So many facts wait.
    pub fn waiting(&self, messages: i64) {
        self.0.own.held_up.waiting.set(&[], messages);
    }

    /// So many keys are parked.
    pub fn parked_keys(&self, keys: i64) {
        self.0.own.held_up.parked.set(&[], keys);
    }

    /// A message was rejected by a rule.
    pub fn dead_letter(&self, topic: &str, rule: &str) {
        self.0.own.held_up.dead_letters.inc(&[topic, rule]);
    }

    /// So many messages are written and not published, the oldest for so long.
    pub fn outbox(&self, rows: i64, oldest_seconds: i64) {
        self.0.own.outbox.rows.set(&[], rows);
        self.0.own.outbox.oldest.set(&[], oldest_seconds);
    }

    /// The broker acknowledged `n` messages of a topic.
    pub fn published(&self, topic: &str, n: u64) {
        self.0.own.outbox.published.add(&[topic], n);
    }

    /// A delivery failed.
    pub fn publish_error(&self) {
        self.0.own.outbox.errors.inc(&[]);
    }

    /// A day closed, on one partition or on all.
    pub fn day_closed(&self, partition: Option<u32>, sequence: i64) {
        let partition = partition.map_or_else(|| "all".to_owned(), |partition| partition.to_string());
        self.0.own.days.sequence.set(&[&partition], sequence);
    }

    /// The last certificate does not hold, or holds.
    pub fn day_held(&self, held: bool) {
        self.0.own.days.held.set(&[], i64::from(held));
    }

    /// A request was answered. `route` is the pattern, never the path.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.0.own.door.requests.inc(&[method, route, &status.to_string()]);
        self.0.own.door.took.observe(&[route], took);
    }

    /// So many tokens may call.
    pub fn tokens(&self, tokens: usize) {
        self.0
            .own
            .door
            .tokens
            .set(&[], i64::try_from(tokens).unwrap_or(i64::MAX));
    }
}
