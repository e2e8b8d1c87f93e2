//! Settings: one `incasso.toml` and the environment, for all services in one process and for each service's own binary.
//!
//! ```toml
//! [kafka]                      # sections shared by all services
//! bootstrap = "broker:9092"
//! [database]
//! url = "postgres://incasso@db/{service}"
//! [allocation]                 # a service's own settings …
//! batch_pause_ms = 5
//! [allocation.http]            # … and what it sets apart from the shared sections
//! listen = "0.0.0.0:8083"
//! ```
//!
//! Over the file goes the environment: `INCASSO__KAFKA__BOOTSTRAP`, `INCASSO__ALLOCATION__HTTP__LISTEN`. A service's own
//! section wins over the shared one, wherever each was written. Unknown names are refused. Relative paths start at the
//! working directory.

mod check;
mod load;
mod secret;
mod together;
mod transport;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use load::{ConfigError, Settings, Sources};
pub use secret::Secret;
pub use together::clashes;

/// The sections of every service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RuntimeConfig {
    /// The broker and the topics.
    pub kafka: KafkaConfig,
    /// The service's own PostgreSQL database.
    pub database: DatabaseConfig,
    /// The service's door.
    pub http: HttpConfig,
    /// Bytes of documents.
    pub blobs: BlobConfig,
    /// Who may call.
    pub tokens: TokensConfig,
    /// Batches, leases, time-outs.
    pub worker: WorkerConfig,
    /// Log lines.
    pub log: LogConfig,
}

/// `[kafka]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// `host:port`, several with commas.
    pub bootstrap: String,
    /// Put before every topic's name; tests and demos that share a broker. Lower case, digits, dots, hyphens.
    pub topic_prefix: String,
    /// Partitions of topics that are created; must not change afterwards. 12 in production, 2 in tests.
    pub partitions: u32,
    /// Copies of topics that are created; absent: the broker's default.
    pub replication: Option<u16>,
    /// More settings of librdkafka, e.g. `"security.protocol" = "SASL_PLAINTEXT"`. In the environment with `_` for `.`.
    pub options: BTreeMap<String, String>,
    /// The same for values that must not be printed, e.g. `"sasl.password" = { file = "…" }`.
    pub secret_options: BTreeMap<String, Secret>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            bootstrap: String::new(),
            topic_prefix: String::new(),
            partitions: 12,
            replication: None,
            options: BTreeMap::new(),
            secret_options: BTreeMap::new(),
        }
    }
}

impl KafkaConfig {
    /// All settings for librdkafka that the operator gave, secret ones in the clear; names with dots.
    pub fn client_options(&self) -> impl Iterator<Item = (String, &str)> {
        let plain = self.options.iter().map(|(name, value)| (name, value.as_str()));
        let secret = self.secret_options.iter().map(|(name, value)| (name, value.expose()));
        plain.chain(secret).map(|(name, value)| (name.replace('_', "."), value))
    }

    /// A topic's name on the broker.
    #[must_use]
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }
}

/// `[database]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/name`; `{service}` stands for the service's name. Each service has its own database.
    pub url: Secret,
    /// Connections of one instance.
    pub max_connections: u32,
    /// How long a request may wait for a free connection before it is answered 503.
    pub acquire_timeout_ms: u64,
    /// PostgreSQL's `lock_timeout`.
    pub lock_timeout_ms: u64,
    /// PostgreSQL's `idle_in_transaction_session_timeout`: how long a paused zombie can hold a lease row.
    pub idle_in_transaction_timeout_ms: u64,
    /// PostgreSQL's `statement_timeout`.
    pub statement_timeout_ms: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            max_connections: 16,
            acquire_timeout_ms: 5_000,
            lock_timeout_ms: 2_000,
            idle_in_transaction_timeout_ms: 2_000,
            statement_timeout_ms: 10_000,
        }
    }
}

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one, which is logged.
    pub listen: SocketAddr,
    /// Size of a request's body; routes that stream have their own limit.
    pub body_max_bytes: usize,
    /// From the end of the request's head to the head of the answer; routes that stream have `stream_timeout_seconds`.
    pub request_timeout_ms: u64,
    /// The same for uploads of files and batches.
    pub stream_timeout_seconds: u64,
    /// Between two pieces of a body.
    pub body_idle_timeout_ms: u64,
    /// For the whole head of a request.
    pub header_timeout_ms: u64,
    /// Connections at a time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// How long open requests may go on after a stop was asked for.
    pub stop_timeout_ms: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            body_max_bytes: 2 * 1024 * 1024,
            request_timeout_ms: 30_000,
            stream_timeout_seconds: 3_600,
            body_idle_timeout_ms: 30_000,
            header_timeout_ms: 10_000,
            connections_max: 1_024,
            stop_timeout_ms: 10_000,
        }
    }
}

/// `[blobs]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobConfig {
    /// A folder on a disk that survives; created where missing.
    pub folder: PathBuf,
}

impl Default for BlobConfig {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("blobs"),
        }
    }
}

/// `[tokens]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct TokensConfig {
    /// The file of hashed tokens (see [`crate::auth`]). Without one nobody may call a route that needs a token.
    pub file: Option<PathBuf>,
}

/// `[worker]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Messages in one transaction.
    pub batch_max: usize,
    /// A partition's lease; an instance that does not renew it loses the partition.
    pub lease_seconds: u32,
    /// How often leases are renewed and shared out; at most a third of the lease.
    pub renew_ms: u64,
    /// Messages read ahead per topic and partition.
    pub buffer_max: usize,
    /// How long message ids are remembered at least; longer than a relay sends a message of its own accord (7 days).
    pub inbox_days: u32,
    /// First pause after a failure; doubles with each.
    pub retry_min_ms: u64,
    /// Longest pause between two tries.
    pub retry_max_ms: u64,
    /// Rows that the relay publishes before it awaits their delivery.
    pub relay_batch_max: usize,
    /// After a small batch, how long the next one gathers: each costs the same few statements and requests, however little is in
    /// it. 0: it does not. A message that comes alone never waits for it.
    pub gather_ms: u64,
    /// How long the relay sleeps when nobody wakes it.
    pub relay_sleep_ms: u64,
    /// Losses between database and Kafka that a person has accepted, each as the refusal to start names it. Normally empty.
    pub accepted_losses: Vec<String>,
    /// How long a stop may take before the process ends without having drained.
    pub stop_timeout_ms: u64,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            batch_max: 2_000,
            lease_seconds: 5,
            renew_ms: 1_000,
            buffer_max: 5_000,
            inbox_days: 45,
            retry_min_ms: 100,
            retry_max_ms: 10_000,
            relay_batch_max: 4_000,
            gather_ms: 5,
            relay_sleep_ms: 1_000,
            accepted_losses: Vec::new(),
            stop_timeout_ms: 20_000,
        }
    }
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `json` for machines, `text` for people.
    pub format: LogFormat,
    /// Levels by module, as `tracing_subscriber::EnvFilter` reads them.
    pub filter: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Short lines for a terminal.
    Text,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            filter: "info,librdkafka=warn,rdkafka=warn,sqlx=warn".to_owned(),
        }
    }
}

impl WorkerConfig {
    /// The lease's length.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(u64::from(self.lease_seconds))
    }
}
