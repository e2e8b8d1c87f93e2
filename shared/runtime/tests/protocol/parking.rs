//! Parked keys: a poison message in the middle of an account's stream, and its redrive (rows 11 and 12).

use contracts::{AccountFreed, AccountImpeded, CreditHeld, DayClosed, Message};
use sqlx::PgPool;
use testkit::toy::{self, CALENDAR, Clock, POISON_MINOR, Split, Whole};
use testkit::{Fixture, Outgoing, TOKEN, eventually};

use crate::chain::{Chain, PATIENCE, closed, count, start, start_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_parks_its_key_and_a_redrive_restores_the_order() {
    poison(1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_a_later_batch_is_parked_and_certified_all_the_same() {
    poison(1).await;
}

async fn poison(batch_max: usize) {
    let fixture = Fixture::new(&format!("parking-{batch_max}")).await;
    let chain = Chain {
        clock: start::<Clock>(&fixture).await,
        whole: start::<Whole>(&fixture).await,
        split: start_with::<Split>(&fixture, |settings| settings.runtime.worker.batch_max = batch_max).await,
    };
    let pool = chain.split.ctx().pool().clone();
    for name in ["sick", "well"] {
        toy::open(chain.billing(), name, CALENDAR).await.unwrap();
    }
    for (number, amount) in [("s1", 100), ("s2", POISON_MINOR), ("s3", 5)] {
        toy::issue(chain.billing(), "sick", number, amount).await.unwrap();
    }
    for n in 0..20 {
        toy::issue(chain.billing(), "well", &format!("w{n}"), 1).await.unwrap();
    }
    toy::close(chain.billing(), CALENDAR, "2026-01-05").await.unwrap();
    closed(&pool, 2, 1).await;
    let parked = "SELECT count(*) FROM rt_parked WHERE freed_segment IS NULL";
    assert!(count(&pool, parked).await >= 2, "the poison and what came after it");
    assert_eq!(
        count(&pool, "SELECT count(*) FROM toy_balance WHERE received = 20").await,
        1,
        "others flow on"
    );
    let certificate = "SELECT (s->>'amount_minor')::bigint FROM rt_certificate, jsonb_array_elements(certificate->'sums') s WHERE s->>'name' = 'parked'";
    assert_eq!(
        count(&pool, certificate).await,
        POISON_MINOR + 5,
        "the certificate says what is parked"
    );
    // The rows are committed; the relay publishes them in its own time.
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    let dead = fixture.read_topic("payments.funds.v1.allocation.dlq").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].header("incasso_rule"), Some("unlucky"));

    redrive(&fixture, &chain, &pool).await;
    chain.stop().await;
    fixture.finish().await;
}

/// Refused while nothing is mended, then in order; the key is free again.
async fn redrive(fixture: &Fixture, chain: &Chain, pool: &PgPool) {
    let parked = "SELECT count(*) FROM rt_parked WHERE freed_segment IS NULL";
    let client = reqwest::Client::new();
    let key = toy::account("sick");
    let redrive = format!("http://{}/v1/operations/parked/{key}/redrive", chain.split.http());
    assert_eq!(client.post(&redrive).send().await.unwrap().status(), 401);
    // Not mended yet: it is rejected again and stays where it was.
    assert_eq!(
        client.post(&redrive).bearer_auth(TOKEN).send().await.unwrap().status(),
        202
    );
    eventually(PATIENCE, async || {
        count(pool, "SELECT count(*) FROM rt_parked_key WHERE redrive").await == 0
    })
    .await;
    assert!(count(pool, parked).await >= 2);
    sqlx::query("INSERT INTO toy_switch VALUES ('mended')")
        .execute(pool)
        .await
        .unwrap();
    assert_eq!(
        client.post(&redrive).bearer_auth(TOKEN).send().await.unwrap().status(),
        202
    );
    eventually(PATIENCE, async || {
        count(pool, "SELECT count(*) FROM rt_parked_key").await == 0
    })
    .await;
    toy::issue(chain.billing(), "sick", "s4", 1000).await.unwrap();
    toy::close(chain.billing(), CALENDAR, "2026-01-06").await.unwrap();
    closed(pool, 2, 2).await;
    eventually(PATIENCE, async || {
        count(pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    assert_eq!(
        sick_story(fixture).await,
        ["100", "impeded", "13", "5", "freed", "1000"]
    );
    impeded_before_the_marker(fixture).await;
}

/// Whoever reads the day's marker has read before it that the account is impeded (row 11).
async fn impeded_before_the_marker(fixture: &Fixture) {
    let records = fixture.read_topic("allocation.account.v1").await;
    let at = |kind: &str| records.iter().find(|record| record.header("ce_type") == Some(kind));
    let impeded = at(AccountImpeded::TYPE).unwrap();
    let marker = records
        .iter()
        .find(|record| record.partition == impeded.partition && record.header("ce_type") == Some(DayClosed::TYPE))
        .unwrap();
    assert!(impeded.offset < marker.offset);
}

/// What the account's topic says of the sick account, in order.
async fn sick_story(fixture: &Fixture) -> Vec<String> {
    let key = toy::account("sick").to_string();
    let mut story = Vec::new();
    for record in fixture.read_topic("allocation.account.v1").await {
        if record.key_text() != Some(&key) {
            continue;
        }
        let payload = record.payload.as_deref().unwrap();
        story.push(match record.header("ce_type").unwrap() {
            AccountImpeded::TYPE => "impeded".to_owned(),
            AccountFreed::TYPE => "freed".to_owned(),
            _ => contracts::codec::decode::<CreditHeld>(payload)
                .unwrap()
                .amount_minor
                .to_string(),
        });
    }
    story
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_decoded_goes_to_the_dead_letters_unchanged() {
    let fixture = Fixture::new("undecodable").await;
    let chain = Chain::start(&fixture).await;
    let pool = chain.split.ctx().pool().clone();
    toy::open(chain.billing(), "a", CALENDAR).await.unwrap();
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM toy_balance").await == 1
    })
    .await;
    let key = toy::account("a").to_string();
    let rubbish = Outgoing {
        key: Some(key.into_bytes()),
        payload: Some(b"rubbish".to_vec()),
        ..Outgoing::default()
    };
    fixture.send("payments.funds.v1", &[rubbish]).await;
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_parked_key WHERE rule = 'undecodable'").await == 1
    })
    .await;
    eventually(PATIENCE, async || {
        let dead = fixture.read_topic("payments.funds.v1.allocation.dlq").await;
        dead.len() == 1 && dead[0].payload.as_deref() == Some(b"rubbish")
    })
    .await;
    // A foreign producer's message was not counted by the marker: the partition stops and says so.
    toy::close(chain.billing(), CALENDAR, "2026-01-05").await.unwrap();
    eventually(PATIENCE, async || {
        count(
            &pool,
            "SELECT count(*) FROM rt_lease WHERE halted LIKE '%were new here%'",
        )
        .await
            == 1
    })
    .await;
    let client = reqwest::Client::new();
    let partition = count(&pool, "SELECT partition::bigint FROM rt_lease WHERE halted IS NOT NULL").await;
    let release = format!("http://{}/v1/operations/halted/{partition}/release", chain.split.http());
    assert_eq!(
        client.post(&release).bearer_auth(TOKEN).send().await.unwrap().status(),
        204
    );
    closed(&pool, 2, 1).await;
    chain.stop().await;
    fixture.finish().await;
}
