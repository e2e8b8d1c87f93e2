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
    "batch.begun",
    "batch.fenced",
    "batch.inboxed",
    "batch.handled",
    "batch.saved",
    "batch.committed",
    "relay.read",
    "relay.produced",
    "relay.deleted",
    "marker.begun",
    "marker.saved",
    "marker.committed",
    "page.begun",
    "page.run",
    "page.committed",
    "close.locked",
    "close.certified",
    "close.marked",
    "close.committed",
];
