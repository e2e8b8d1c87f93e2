//! What leaves, and in which order, when Kafka refuses something (row 9).

use std::time::Duration;

use testkit::toy::{self, CALENDAR, Clock};
use testkit::{Fixture, eventually};

use crate::chain::{PATIENCE, check_topic, count, start, start_with};

#[tokio::test(flavor = "multi_thread")]
async fn row_09_nothing_leaves_past_a_message_that_kafka_does_not_take() {
    let fixture = Fixture::new("not-taken").await;
    start::<Clock>(&fixture).await.stop().await.unwrap();
    let billing = start_with::<Clock>(&fixture, |settings| {
        settings.runtime.worker.relay_batch_max = 1;
        settings.runtime.worker.lease_seconds = 1;
        settings.runtime.worker.renew_ms = 100;
    })
    .await;
    let topic = "billing.invoice.v1";
    fixture.delete_topic(topic).await;
    eventually(PATIENCE, async || !fixture.topics().await.contains(&topic.to_owned())).await;
    // The fact cannot be delivered; the marker behind it must not overtake it, nor what goes to other topics.
    toy::issue(billing.ctx(), "a", "i", 1).await.unwrap();
    toy::open(billing.ctx(), "a", CALENDAR).await.unwrap();
    toy::close(billing.ctx(), CALENDAR, "2026-01-05").await.unwrap();
    // Longer than the relay waits for one delivery.
    tokio::time::sleep(Duration::from_millis(4500)).await;
    assert!(fixture.read_topic("accounts.account.v1").await.is_empty());
    fixture.create_topics(&[(topic, 2, false)]).await;
    eventually(PATIENCE, async || {
        count(billing.ctx().pool(), "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    for topic in [topic, "accounts.account.v1"] {
        check_topic(&fixture, topic).await;
        assert_eq!(fixture.read_topic(topic).await.len(), 3, "{topic}");
    }
    billing.stop().await.unwrap();
    fixture.finish().await;
}
