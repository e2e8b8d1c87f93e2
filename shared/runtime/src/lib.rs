//! The only code that knows Kafka: effectively-once handling over PostgreSQL (DESIGN sections 4 and 5).
//!
//! A service is a [`Service`]: its name, settings, migrations, a list of [`Handlers`], how its day closes and its routes.
//! [`start`] runs one instance of it; [`main`] is what its binary calls.
//!
//! | room | what it holds |
//! |---|---|
//! | `service`, `handlers`, `tx`, `context` | what a service writes against |
//! | `lease`, `reader`, `worker`, `batch` | partitions, their buffers, and one transaction per batch |
//! | `inbox`, `outbox`, `relay` | each message once in, each message in order out |
//! | `start_check`, `losses`, `heads`, `memory` | what database and Kafka may have lost of each other; what the inbox forgets |
//! | `parked`, `discard`, `waiting` | keys that a rejected message holds up; facts whose account is not known yet |
//! | `marker`, `close_partition`, `close_whole`, `announce`, `certificate` | the day closes in order |
//! | [`replay`] | a recorded day run again, and compared byte for byte |
//! | `http`, `openapi`, `auth`, `problem`, `config`, `telemetry`, `metrics`, `blobs`, `health`, `shutdown`, `terminal`, `entry` | the edges |

pub mod announce;
pub mod auth;
mod batch;
pub mod blobs;
mod bulk;
pub mod certificate;
mod clock;
mod close_partition;
mod close_whole;
pub mod config;
mod context;
pub mod digest;
mod discard;
mod entry;
mod failure;
pub mod faults;
mod handlers;
mod heads;
pub mod health;
pub mod http;
mod inbox;
mod lease;
mod losses;
mod marker;
mod memory;
pub mod metrics;
mod migrate;
pub mod openapi;
mod operator;
mod outbox;
mod parked;
mod positions;
pub mod problem;
mod producer;
mod reader;
mod record;
mod relay;
pub mod replay;
mod service;
pub mod shutdown;
mod start;
mod start_check;
mod steps;
pub mod stored;
pub mod telemetry;
pub mod terminal;
pub mod topics;
mod tx;
mod waiting;
mod worker;

pub use auth::Caller;
pub use blobs::{Blobs, PutError};
pub use bulk::{Bind, Bulk};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use config::{RuntimeConfig, Secret, Settings};
pub use context::{Context, Scope};
pub use entry::{main, main_with};
pub use failure::{Failure, Rejection};
pub use handlers::{Handle, Handlers, Incoming, Outcome, Stakes};
pub use health::Health;
pub use metrics::Metrics;
pub use problem::{FieldError, Problem};
pub use service::{BackgroundTask, Close, ClosePartition, CloseWhole, Day, Definition, Migration, Part, Service};
pub use start::{Overrides, Running, start};
pub use tx::Tx;

pub use tokio_util::sync::CancellationToken;

/// Decoding, deciding and encoding are many small allocations: glibc's took a fifth of a service's CPU (`tests/bench`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
