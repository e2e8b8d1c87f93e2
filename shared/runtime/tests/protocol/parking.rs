//! Parked keys: a poison message in the middle of an account's stream, and its redrive (rows 11 and 12).

use contracts::{AccountFreed, AccountImpeded, CreditHeld, Message};
use sqlx::PgPool;
use testkit::toy::{self, CALENDAR, Clock, POISON_MINOR, Split, Whole};
use testkit::{Fixture, OTHER_TOKEN, Outgoing, TOKEN, eventually};

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

/// What an operator's route answers: status and body.
async fn ask(chain: &Chain, token: &str, path: &str, body: Option<serde_json::Value>) -> (u16, serde_json::Value) {
    let url = format!("http://{}/v1/operations/{path}", chain.split.http());
    let client = reqwest::Client::new();
    let request = match body {
        Some(body) => client.post(url).json(&body),
        None => client.get(url),
    };
    let answer = request.bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told once")]
async fn two_people_discard_a_message_and_what_is_behind_it_flows_on() {
    let fixture = Fixture::new("discard").await;
    let chain = Chain::start(&fixture).await;
    let pool = chain.split.ctx().pool().clone();
    toy::open(chain.billing(), "sick", CALENDAR).await.unwrap();
    for (number, amount) in [("s1", 100), ("s2", POISON_MINOR), ("s3", 5)] {
        toy::issue(chain.billing(), "sick", number, amount).await.unwrap();
    }
    let key = toy::account("sick");
    let parked = format!("parked/{key}");
    let messages = eventually(PATIENCE, async || {
        let (_, answer) = ask(&chain, TOKEN, &parked, None).await;
        let messages = answer["messages"].as_array().cloned().unwrap_or_default();
        let sums: Vec<i64> = messages
            .iter()
            .filter_map(|message| message["amount_minor"].as_i64())
            .collect();
        if sums.contains(&POISON_MINOR) && sums.contains(&5) {
            Ok(messages)
        } else {
            Err(answer)
        }
    })
    .await;
    let id = |n: usize| messages[n]["message_id"].as_str().unwrap().to_owned();
    let discard = format!("parked/{key}/discard");
    let proposal = |message: &str, reason: &str| Some(serde_json::json!({"message_id": message, "reason": reason}));
    let why = Some(serde_json::json!({"reason": "looked at it with the bank"}));
    assert_eq!(ask(&chain, TOKEN, &discard, proposal(&id(0), " ")).await.0, 422);
    let (status, problem) = ask(&chain, TOKEN, &discard, proposal(&id(1), "x")).await;
    assert_eq!((status, &problem["message_id"]), (409, &id(0).into()), "{problem}");
    let nobody = format!("parked/{}/discard", toy::account("well"));
    assert_eq!(ask(&chain, TOKEN, &nobody, proposal(&id(0), "x")).await.0, 404);

    let (status, made) = ask(&chain, TOKEN, &discard, proposal(&id(0), "sent by mistake")).await;
    assert_eq!(
        (status, &made["state"], &made["proposed_by"]),
        (201, &"proposed".into(), &"tester".into()),
        "{made}"
    );
    let decide = |made: &serde_json::Value, what: &str| format!("discards/{}/{what}", made["discard_id"]);
    assert_eq!(ask(&chain, TOKEN, &discard, proposal(&id(0), "again")).await.0, 409);
    let (status, problem) = ask(&chain, TOKEN, &decide(&made, "approve"), why.clone()).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &"urn:incasso:problem:two-people".into()),
        "{problem}"
    );
    // The table itself holds it.
    let alone = sqlx::query("UPDATE rt_discard SET state = 'approved', decided_by = proposed_by, decided_at = now()")
        .execute(&pool)
        .await
        .unwrap_err();
    assert!(alone.to_string().contains("two_people"), "{alone}");
    let (status, refused) = ask(&chain, OTHER_TOKEN, &decide(&made, "refuse"), why.clone()).await;
    assert_eq!((status, &refused["state"]), (200, &"refused".into()), "{refused}");
    assert_eq!(
        ask(&chain, OTHER_TOKEN, &decide(&made, "approve"), why.clone()).await.0,
        409
    );

    let (_, made) = ask(&chain, TOKEN, &discard, proposal(&id(0), "sent by mistake")).await;
    let (status, approved) = ask(&chain, OTHER_TOKEN, &decide(&made, "approve"), why).await;
    assert_eq!(
        (status, &approved["decided_by"]),
        (202, &"second-tester".into()),
        "{approved}"
    );
    eventually(PATIENCE, async || {
        count(&pool, "SELECT count(*) FROM rt_parked_key").await == 0
    })
    .await;
    let (_, audit) = ask(&chain, TOKEN, "discards", None).await;
    let states: Vec<&str> = audit["discards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|discard| discard["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["discarded", "refused"], "{audit}");
    assert_eq!(audit["discards"][0]["reason"], "sent by mistake");
    assert!(
        count(&pool, "SELECT count(*) FROM rt_discard WHERE octet_length(payload) > 0").await == 2,
        "its bytes are kept"
    );

    redelivered(&fixture, &chain, &pool, &id(0)).await;
    chain.stop().await;
    fixture.finish().await;
}

/// Delivered again, the discarded message is a duplicate; its money is parked in the day's certificate; the account's story
/// goes on without it.
async fn redelivered(fixture: &Fixture, chain: &Chain, pool: &PgPool, id: &str) {
    eventually(PATIENCE, async || {
        count(pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    let again = fixture
        .read_topic("payments.funds.v1")
        .await
        .into_iter()
        .find(|record| record.header("ce_id") == Some(id))
        .unwrap();
    fixture.send("payments.funds.v1", &[again.into()]).await;
    toy::issue(chain.billing(), "sick", "s4", 1000).await.unwrap();
    toy::close(chain.billing(), CALENDAR, "2026-01-05").await.unwrap();
    closed(pool, 2, 1).await;
    let certificate = "SELECT (s->>'amount_minor')::bigint FROM rt_certificate, jsonb_array_elements(certificate->'sums') s WHERE s->>'name' = 'parked'";
    assert_eq!(
        count(pool, certificate).await,
        POISON_MINOR,
        "what was assigned and discarded is still somewhere"
    );
    assert_eq!(
        count(pool, "SELECT count(*) FROM rt_certificate WHERE NOT holds").await,
        0
    );
    eventually(PATIENCE, async || {
        count(pool, "SELECT count(*) FROM rt_outbox").await == 0
    })
    .await;
    assert_eq!(sick_story(fixture).await, ["100", "impeded", "5", "freed", "1000"]);
}

/// What was committed before the stop is on Kafka after it, though the relay was far behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_publishes_what_is_left() {
    let fixture = Fixture::new("drain").await;
    let clock = start_with::<Clock>(&fixture, |settings| settings.runtime.worker.relay_batch_max = 20).await;
    let url = fixture.database("billing").await;
    for n in 0..300 {
        toy::issue(clock.ctx(), "a", &format!("i{n}"), 1).await.unwrap();
    }
    clock.stop().await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    assert_eq!(count(&pool, "SELECT count(*) FROM rt_outbox").await, 0);
    assert_eq!(
        count(&pool, "SELECT count(*) FROM rt_relay WHERE owner IS NULL").await,
        1,
        "its lease is given back"
    );
    assert_eq!(fixture.read_topic("billing.invoice.v1").await.len(), 300);
    pool.close().await;
    fixture.finish().await;
}
