//! Who may work on a partition, and from where (rows 3 and 4).

use std::time::Duration;

use testkit::toy::{self, CALENDAR, Clock, Split};
use testkit::{Fixture, eventually};

use crate::chain::{PATIENCE, count, start};

#[tokio::test(flavor = "multi_thread")]
async fn row_03_an_owner_that_stands_elsewhere_than_its_row_starts_anew_where_the_row_stands() {
    // As after a commit whose answer was lost: the row has moved, the worker does not know.
    let fixture = Fixture::new("elsewhere").await;
    let billing = start::<Clock>(&fixture).await;
    let split = start::<Split>(&fixture).await;
    let pool = split.ctx().pool().clone();
    for n in 0..4 {
        toy::open(billing.ctx(), &format!("a{n}"), CALENDAR).await.unwrap();
        toy::issue(billing.ctx(), &format!("a{n}"), &format!("i{n}"), 10)
            .await
            .unwrap();
    }
    let owed = "SELECT coalesce(sum(owed), 0)::bigint FROM toy_balance";
    eventually(PATIENCE, async || count(&pool, owed).await == 40).await;
    let epochs = count(&pool, "SELECT sum(epoch)::bigint FROM rt_lease").await;
    sqlx::query("UPDATE rt_lease SET positions = '{}'")
        .execute(&pool)
        .await
        .unwrap();
    for n in 0..4 {
        toy::issue(billing.ctx(), &format!("a{n}"), &format!("j{n}"), 1)
            .await
            .unwrap();
    }
    eventually(PATIENCE, async || count(&pool, owed).await == 44).await;
    assert!(split.ctx().metrics().fenced_so_far() > 0, "the old reader was fenced");
    assert!(count(&pool, "SELECT sum(epoch)::bigint FROM rt_lease").await > epochs);
    // Everything was read again, and handled once.
    assert_eq!(count(&pool, "SELECT count(*) FROM toy_log").await, 8);
    for service in [billing, split] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_04_older_code_takes_no_partition() {
    // During a rolling deploy with one more topic: one version would run the day without the other topic's facts.
    let fixture = Fixture::new("older-code").await;
    let billing = start::<Clock>(&fixture).await;
    let split = start::<Split>(&fixture).await;
    let pool = sqlx::PgPool::connect(&fixture.database("allocation").await)
        .await
        .unwrap();
    let owned = "SELECT count(*) FROM rt_lease WHERE owner IS NOT NULL";
    eventually(PATIENCE, async || count(&pool, owned).await == 2).await;
    split.stop().await.unwrap();
    // A newer version has taken the partitions with an input that this one does not read.
    sqlx::query("UPDATE rt_lease SET inputs = inputs || '{tomorrow.topic.v1}'")
        .execute(&pool)
        .await
        .unwrap();
    let older = start::<Split>(&fixture).await;
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(count(&pool, owned).await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM toy_balance").await, 0);
    sqlx::query("UPDATE rt_lease SET inputs = array_remove(inputs, 'tomorrow.topic.v1')")
        .execute(&pool)
        .await
        .unwrap();
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM toy_balance").await == 1
    })
    .await;
    for service in [billing, older] {
        service.stop().await.unwrap();
    }
    fixture.finish().await;
}
