//! Crash points between every two steps of the runtime: tests stop an instance there (`testkit::exactly_once`).

use std::sync::Arc;

/// Asked at each point; `true` stops the instance at once, as a crash would.
pub trait Faults: Send + Sync + 'static {
    /// `point` is one of [`POINTS`].
    fn crash_at(&self, point: &'static str) -> bool;
}

/// Shared by all tasks of an instance.
pub type SharedFaults = Arc<dyn Faults>;

/// Every point, in the order in which a message passes them.
pub const POINTS: &[&str] = &[
    "lease.taken",
    "batch.begun",
    "batch.fenced",
    "batch.inboxed",
    "waiting.kept",
    "waiting.taken",
    "batch.handled",
    "batch.flushed",
    "batch.saved",
    "batch.committed",
    "park.begun",
    "park.saved",
    "park.committed",
    "redrive.begun",
    "redrive.handled",
    "redrive.freed",
    "redrive.committed",
    "tx.begun",
    "tx.flushed",
    "tx.committed",
    "relay.held",
    "relay.read",
    "relay.produced",
    "relay.deleted",
    "marker.begun",
    "marker.inboxed",
    "marker.saved",
    "marker.committed",
    "day.begun",
    "day.rejected",
    "day.opened",
    "page.begun",
    "page.run",
    "page.saved",
    "page.committed",
    "close.prepared",
    "close.locked",
    "close.finished",
    "close.certified",
    "close.marked",
    "close.saved",
    "close.committed",
];
