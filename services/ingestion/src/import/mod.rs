//! Statement files: stored, proved, booked. Two passes over the stored bytes: the first proves every statement, the second
//! books the proved ones in chunks, each a transaction that says where it stands. Ways in beside uploads: watched folders, pulls by SFTP.

mod batches;
mod book;
pub mod folders;
mod gaps;
mod map;
mod overdue;
mod pages;
mod prove;
mod provisional;
mod retold;
pub mod sftp;
pub mod source;
mod task;

pub use book::book;
pub use prove::{Outcome, prove};
pub use task::{statements, webhooks};

/// Names of the in-process wake-ups of the two tasks.
pub const WAKE_STATEMENTS: &str = "ingestion-statements";
/// See [`WAKE_STATEMENTS`].
pub const WAKE_WEBHOOKS: &str = "ingestion-webhooks";

/// The source of statement files in the raw table.
pub const STATEMENT: &str = "statement";

/// No amount above ten trillion units of two decimals is believed: sums of a day must fit 64 bits.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000_000;
