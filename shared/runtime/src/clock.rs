//! The time of day, for the edges: dispatch, field leases, HTTP, the day's clock (DESIGN 2.4).
//!
//! Handlers never ask: they see the time of the message. Time-outs, back-off and leases use the database's clock or a
//! monotonic one ([`std::time::Instant`]), never this.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kernel::Timestamp;
use uuid::Uuid;

/// Where the edges get the time of day.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The instant it is now, in UTC, whole microseconds.
    fn now(&self) -> Timestamp;
}

/// A clock shared by everything that runs in a process.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place where the time of day enters")]
        let now = chrono::Utc::now();
        // Only a machine set before year 0 or after 9999 gets the epoch.
        Timestamp::from_utc(now).unwrap_or(Timestamp::EPOCH)
    }
}

/// A clock set by hand: tests, the demo, simulations. Clones share the time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `now` until it is moved.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.micros())))
    }

    /// Puts the clock to `now`; back in time is allowed, as on a real machine.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.micros(), Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let moved = |now: i64| Some(now.saturating_add(micros));
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// The same clock, as the runtime takes it.
    #[must_use]
    pub fn shared(&self) -> SharedClock {
        Arc::new(self.clone())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::EPOCH)
    }
}

/// A random UUID: names of things that mean nothing outside this process (an instance, a trace, a file being written).
/// Never an id of a message or of money: those are derived.
#[must_use]
pub(crate) fn nonce() -> Uuid {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where randomness enters; see above"
    )]
    Uuid::new_v4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_clones_share_it() {
        let clock = ManualClock::new(Timestamp::parse("2026-01-31T16:59:59Z").unwrap());
        let shared = clock.shared();
        assert_eq!(shared.now(), clock.now());
        clock.advance(Duration::from_millis(1500));
        assert_eq!(shared.now(), Timestamp::parse("2026-01-31T17:00:00.5Z").unwrap());
        clock.set(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        assert_eq!(shared.now(), Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    }

    #[test]
    fn the_machine_has_a_clock_that_does_not_stand_at_the_epoch() {
        assert!(SystemClock.now() > Timestamp::parse("2024-01-01T00:00:00Z").unwrap());
        assert_ne!(nonce(), nonce());
    }
}
