use allocation::Allocation;
use contracts::catalogue::{ACCOUNTS, FUNDS, INVOICES};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use sqlx::PgPool;
use testkit::{Case, Fixture, Outgoing, Record, exactly_once};
use tokio::sync::OnceCell;

use crate::world::*;

const TABLES: &[&str] = &[
    "accounts",
    "invoices",
    "items",
    "funds",
    "facts",
    "allocations",
    "journal_lines",
    "closed_days",
    "impediments",
];

/// Four accounts on one partition: the journal's totals are keyed by creditor, and in which order two partitions close is
/// free.
fn names() -> Vec<String> {
    let on_first = |name: &String| kernel::partition_of(account_id(name).to_string().as_bytes(), 2) == 0;
    (0..).map(|n| format!("A{n}")).filter(on_first).take(4).collect()
}

/// What billing and ingestion put on their topics, recorded once: every run reads the same bytes.
static RECORDED: OnceCell<Vec<(&str, Vec<Record>)>> = OnceCell::const_new();

fn feed(fixture: &Fixture) -> LocalBoxFuture<'_, ()> {
    async move {
        if let Some(recorded) = RECORDED.get() {
            for (topic, records) in recorded {
                let records: Vec<Outgoing> = records.iter().cloned().map(Outgoing::from).collect();
                fixture.send(topic, &records).await;
            }
            return;
        }
        three_days(fixture).await;
        let mut recorded = Vec::new();
        for topic in [ACCOUNTS.name, INVOICES.name, FUNDS.name] {
            recorded.push((topic, fixture.read_topic(topic).await));
        }
        RECORDED.set(recorded).unwrap();
    }
    .boxed_local()
}

/// Three days, each with facts from one topic only: between topics the order of arrival is free, and with it the history
/// of an account, though never its end.
async fn three_days(fixture: &Fixture) {
    let upstream = Upstream::start(fixture).await;
    let names = names();
    for name in &names {
        upstream.say(&ACCOUNTS, &opened(name)).await;
        upstream
            .say(
                &INVOICES,
                &issued(name, &format!("{name}1"), "2026-01-02", &[("2026-01-15", 1_000)]),
            )
            .await;
        let parts = [("2026-01-10", 500), ("2026-02-10", 500)];
        upstream
            .say(&INVOICES, &issued(name, &format!("{name}2"), "2026-01-03", &parts))
            .await;
    }
    upstream.close("2026-01-20").await;
    upstream.quiet(1).await;
    for name in &names {
        upstream
            .say(
                &FUNDS,
                &assigned(name, &format!("P-{name}"), "2026-01-21", 1_700, &[&format!("{name}1")]),
            )
            .await;
        upstream
            .say(&FUNDS, &assigned(name, &format!("Q-{name}"), "2026-01-20", 600, &[]))
            .await;
        upstream
            .say(&FUNDS, &withdrawn(name, &format!("P-{name}"), "2026-01-22", 150))
            .await;
    }
    upstream.close("2026-01-21").await;
    upstream.quiet(2).await;
    for name in &names {
        upstream
            .say(&INVOICES, &noted(name, &format!("{name}2"), &format!("N-{name}"), 600))
            .await;
        upstream
            .say(&INVOICES, &cancelled(name, &format!("{name}1"), "2026-01-22"))
            .await;
    }
    upstream.close("2026-01-22").await;
    upstream.quiet(3).await;
    upstream.stop().await;
}

fn done(pool: &PgPool) -> LocalBoxFuture<'_, bool> {
    async move {
        let closed: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_certificate")
            .fetch_one(pool)
            .await
            .unwrap_or(0);
        closed == 3
    }
    .boxed_local()
}

/// A crash between every two steps, redelivery of everything: the same tables, the same messages.
#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_through_a_day() {
    let case = Case {
        feed,
        tables: TABLES,
        ignore: &[],
        done,
    };
    exactly_once::<Allocation>("alloc-once", &case).await;
}
