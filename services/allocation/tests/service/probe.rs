use crate::world::*;
use contracts::catalogue::{ACCOUNTS, FUNDS, INVOICES};
use runtime::Scope;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn throughput() {
    let n: usize = std::env::var("PROBE").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    if n == 0 {
        return;
    }
    let fixture = testkit::Fixture::new("alloc-probe").await;
    let upstream = Upstream::start(&fixture).await;
    let at_ = at();
    for chunk in (0..n).collect::<Vec<_>>().chunks(1000) {
        let mut tx = upstream.billing.ctx().begin(Scope::Service).await.unwrap();
        for i in chunk {
            let name = format!("X{i}");
            tx.emit(
                &ACCOUNTS,
                &opened(&name),
                kernel::MessageId::derive_text(&format!("a{i}")),
                at_,
            )
            .unwrap();
            tx.emit(
                &INVOICES,
                &issued(&name, &format!("I{i}"), "2026-01-02", &[("2026-01-15", 1_000)]),
                kernel::MessageId::derive_text(&format!("i{i}")),
                at_,
            )
            .unwrap();
            tx.emit(
                &INVOICES,
                &issued(&name, &format!("J{i}"), "2026-01-03", &[("2026-02-15", 1_000)]),
                kernel::MessageId::derive_text(&format!("j{i}")),
                at_,
            )
            .unwrap();
        }
        tx.commit().await.unwrap();
    }
    upstream.close("2026-01-20").await;
    upstream.quiet(1).await;
    if std::env::var("NOSEQ").is_ok() {
        let url = fixture.database("allocation").await;
        let name = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        let p = sqlx::PgPool::connect(&url).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "ALTER DATABASE {name} SET enable_seqscan = off"
        )))
        .execute(&p)
        .await
        .unwrap();
        p.close().await;
    }
    let allocation = start::<allocation::Allocation>(&fixture).await;
    let pool = sqlx::PgPool::connect(&fixture.database("allocation").await)
        .await
        .unwrap();
    let t = Instant::now();
    testkit::eventually(std::time::Duration::from_secs(300), async || {
        let c: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_certificate")
            .fetch_one(&pool)
            .await
            .unwrap();
        c == 1
    })
    .await;
    println!("{n} accounts, {} invoices and a close: {:?}", 2 * n, t.elapsed());
    for chunk in (0..n).collect::<Vec<_>>().chunks(1000) {
        let mut tx = upstream.ingestion.ctx().begin(Scope::Service).await.unwrap();
        for i in chunk {
            let name = format!("X{i}");
            tx.emit(
                &FUNDS,
                &assigned(&name, &format!("P{i}"), "2026-01-21", 1_400, &[&format!("I{i}")]),
                kernel::MessageId::derive_text(&format!("f{i}")),
                at_,
            )
            .unwrap();
        }
        tx.commit().await.unwrap();
    }
    let t = Instant::now();
    testkit::eventually(std::time::Duration::from_secs(300), async || {
        let c: i64 = sqlx::query_scalar("SELECT count(*) FROM funds")
            .fetch_one(&pool)
            .await
            .unwrap();
        c == n as i64
    })
    .await;
    println!("{n} payments: {:?}", t.elapsed());
    let t = Instant::now();
    upstream.close("2026-01-21").await;
    testkit::eventually(std::time::Duration::from_secs(300), async || {
        let c: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_certificate")
            .fetch_one(&pool)
            .await
            .unwrap();
        c == 2
    })
    .await;
    println!("close of {n} touched accounts: {:?}", t.elapsed());
    let rows: Vec<(String, i64, String)> = sqlx::query_as("SELECT relname::text, n_live_tup, pg_size_pretty(pg_total_relation_size(relid)) FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC LIMIT 12").fetch_all(&pool).await.unwrap();
    for r in rows {
        println!("{r:?}");
    }
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT relname::text||' seq', seq_scan FROM pg_stat_user_tables WHERE seq_scan>0 ORDER BY seq_scan DESC LIMIT 12").fetch_all(&pool).await.unwrap();
    for r in rows {
        println!("{r:?}");
    }
    pool.close().await;
    allocation.stop().await.unwrap();
    upstream.stop().await;
    fixture.finish().await;
}
