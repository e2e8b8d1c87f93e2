//! A whole process stopped and continued, as SIGSTOP and SIGCONT do: its partitions and its relay are taken meanwhile, and
//! what it does when it wakes commits nothing (rows 1, 3 and 25).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runtime::faults::{Faults, SharedFaults};
use runtime::{Context, Overrides, Service, Settings};
use testkit::toy::{self, CALENDAR, Clock, NoConfig, Split, Whole};
use testkit::{Fixture, eventually};

use crate::chain::{PATIENCE, check_topic, clock, closed, count, start};

/// Sleeps once at a point when it is armed.
struct Freeze {
    point: &'static str,
    armed: AtomicBool,
    asleep: AtomicBool,
    over: AtomicBool,
}

impl Faults for Freeze {
    fn crash_at(&self, point: &'static str) -> bool {
        if point == self.point && self.armed.swap(false, Ordering::SeqCst) {
            self.asleep.store(true, Ordering::SeqCst);
            // The whole instance: its runtime has no other thread.
            while !self.over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
        false
    }
}

/// An instance on a thread of its own.
struct Frozen {
    ctx: Context,
    freeze: Arc<Freeze>,
    stop: runtime::CancellationToken,
    thread: std::thread::JoinHandle<()>,
}

impl Frozen {
    async fn start<S: Service<Config = NoConfig>>(fixture: &Fixture, point: &'static str) -> Self {
        let mut settings: Settings<NoConfig> = fixture.settings(S::NAME).await;
        settings.runtime.worker.lease_seconds = 1;
        settings.runtime.worker.renew_ms = 100;
        settings.runtime.worker.relay_sleep_ms = 100;
        let freeze = Arc::new(Freeze {
            point,
            armed: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let faults: SharedFaults = freeze.clone();
        let overrides = Overrides {
            faults: Some(faults),
            ..clock()
        };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let tokio = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            tokio.block_on(async {
                let mut running = runtime::start::<S>(settings, overrides).await.unwrap();
                let stop = running.stopper();
                sender.send((running.ctx().clone(), stop.clone())).ok().unwrap();
                // What it says when it wakes to a lost lease is not asked: only what it leaves.
                let _ = running.wait().await;
            });
        });
        let (ctx, stop) = receiver.await.unwrap();
        Self {
            ctx,
            freeze,
            stop,
            thread,
        }
    }

    fn arm(&self) {
        self.freeze.armed.store(true, Ordering::SeqCst);
    }

    async fn asleep(&self) {
        eventually(PATIENCE, async || self.freeze.asleep.load(Ordering::SeqCst)).await;
    }

    async fn wake(&self) {
        self.freeze.over.store(true, Ordering::SeqCst);
        eventually(PATIENCE, async || !self.freeze.asleep.load(Ordering::SeqCst)).await;
    }

    async fn stop(self) {
        self.freeze.over.store(true, Ordering::SeqCst);
        self.stop.cancel();
        tokio::task::spawn_blocking(|| self.thread.join().unwrap())
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_01_a_page_of_a_paused_owner_is_not_committed_again() {
    // Between two pages no transaction is open: only the fence stands in the way of page 2 being run twice.
    paused_in_a_day("page.committed", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_01_a_page_that_was_open_when_its_owner_was_paused_is_undone() {
    // The session's own time-out ends the transaction that holds the lease row.
    paused_in_a_day("page.saved", false).await;
}

async fn paused_in_a_day(point: &'static str, fenced: bool) {
    let fixture = Fixture::new("paused-page").await;
    let billing = start::<Clock>(&fixture).await;
    let whole = start::<Whole>(&fixture).await;
    let first = Frozen::start::<Split>(&fixture, point).await;
    for n in 0..6 {
        toy::open(billing.ctx(), &format!("a{n}"), CALENDAR).await.unwrap();
        toy::issue(billing.ctx(), &format!("a{n}"), &format!("i{n}"), 50)
            .await
            .unwrap();
    }
    first.arm();
    toy::close(billing.ctx(), CALENDAR, "2026-01-05").await.unwrap();
    first.asleep().await;
    let second = start::<Split>(&fixture).await;
    let pool = second.ctx().pool().clone();
    closed(&pool, 2, 1).await;
    first.wake().await;
    if fenced {
        eventually(PATIENCE, async || first.ctx.metrics().fenced_so_far() > 0).await;
    }
    toy::issue(billing.ctx(), "a0", "after", 1).await.unwrap();
    toy::close(billing.ctx(), CALENDAR, "2026-01-06").await.unwrap();
    closed(&pool, 2, 2).await;
    assert_eq!(count(&pool, "SELECT count(*) FROM toy_page").await, 12);
    assert_eq!(count(&pool, "SELECT count(*) FROM rt_certificate").await, 2);
    assert_eq!(count(&pool, "SELECT sum(received)::bigint FROM toy_balance").await, 301);
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    check_topic(&fixture, "allocation.account.v1").await;
    first.stop().await;
    for service in [billing, whole, second] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_03_a_batch_of_a_paused_owner_is_not_committed_again() {
    let fixture = Fixture::new("paused-batch").await;
    let billing = start::<Clock>(&fixture).await;
    let first = Frozen::start::<Split>(&fixture, "batch.committed").await;
    let pool = sqlx::PgPool::connect(&fixture.database("allocation").await)
        .await
        .unwrap();
    for n in 0..6 {
        toy::open(billing.ctx(), &format!("a{n}"), CALENDAR).await.unwrap();
    }
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM toy_balance").await == 6
    })
    .await;
    first.arm();
    for n in 0..6 {
        for m in 0..5 {
            toy::issue(billing.ctx(), &format!("a{n}"), &format!("i{n}-{m}"), 1)
                .await
                .unwrap();
        }
    }
    first.asleep().await;
    let second = start::<Split>(&fixture).await;
    let owed = "SELECT coalesce(sum(owed), 0)::bigint FROM toy_balance";
    eventually(PATIENCE, async || count(&pool, owed).await == 30).await;
    // It has read ahead: what lies in its buffers is of an epoch that is over.
    first.wake().await;
    toy::issue(billing.ctx(), "a0", "after", 1).await.unwrap();
    eventually(PATIENCE, async || count(&pool, owed).await == 31).await;
    first.stop().await;
    assert_eq!(count(&pool, owed).await, 31);
    for service in [billing, second] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_25_a_paused_relay_loses_its_lease_and_its_late_messages_do_no_harm() {
    let fixture = Fixture::new("paused-relay").await;
    let first = Frozen::start::<Clock>(&fixture, "relay.read").await;
    let second = start::<Clock>(&fixture).await;
    let pool = second.ctx().pool().clone();
    let relayed = "SELECT count(*) FROM rt_relay WHERE owner IS NOT NULL";
    eventually(PATIENCE, async || count(&pool, relayed).await == 1).await;
    first.arm();
    for n in 0..5 {
        toy::issue(second.ctx(), "a", &format!("i{n}"), 1).await.unwrap();
    }
    first.asleep().await;
    // Published all the same, with what comes later, although the stopped process still has its session.
    for n in 5..9 {
        toy::issue(second.ctx(), "a", &format!("i{n}"), 1).await.unwrap();
    }
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    first.wake().await;
    toy::close(second.ctx(), CALENDAR, "2026-01-05").await.unwrap();
    // It publishes what it had read, late and again.
    let topic = "billing.invoice.v1";
    eventually(PATIENCE, async || fixture.read_topic(topic).await.len() > 11).await;
    check_topic(&fixture, topic).await;
    first.stop().await;
    second.stop().await.unwrap();
    fixture.finish().await;
}
