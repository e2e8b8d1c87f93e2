//! What tests that need a real Kafka and a real PostgreSQL share.
//!
//! - [`Fixture`]: a test's own databases and topics on the shared servers, removed when it ends
//! - [`Record`], [`Outgoing`]: what lies on a topic, byte for byte, and what a test puts there
//! - [`eventually`]: waiting for what happens in its own time
//! - [`dump`]: tables as text that two runs can be compared by
//! - [`every_route_is_described_and_closed`]: a service against its own OpenAPI document
//! - [`Door`]: PostgreSQL gone and back, for one service
//! - [`Sshd`], [`Cutter`]: a bank's SFTP server, and a line to it that breaks

mod described;
mod door;
mod exactly_once;
mod fixture;
mod settings;
mod sshd;
mod tables;
mod topics;
pub mod toy;
mod waiting;

pub use described::every_route_is_described_and_closed;
pub use door::Door;
pub use exactly_once::{Case, CrashOnce, Left, Passed, exactly_once, left, reset_positions};
pub use fixture::Fixture;
pub use settings::{OTHER_TOKEN, TOKEN};
pub use sshd::{Cutter, Sshd};
pub use tables::dump;
pub use topics::{Outgoing, Record, Tail};
pub use waiting::{Attempt, eventually};
