//! What must hold at the edges: large uploads, files that cannot be processed, accounts that are held up.

use bytes::Bytes;
use futures::stream;
use ingestion::Config;
use serde_json::{Value, json};
use testkit::{Outgoing, TOKEN, eventually};

use super::camt::{entry, statement};
use super::world::{PATIENCE, World, account, config, sum};

/// One piece of padding: a comment of 64 KiB.
fn padding() -> Bytes {
    let mut text = Vec::from("<!--");
    text.resize(64 * 1024 - 3, b' ');
    text.extend_from_slice(b"-->");
    Bytes::from(text)
}

/// Sends a statement with so many pieces of padding before its entries, as it is made.
async fn stream_up(world: &World, pieces: usize) -> (u16, Value) {
    let text = statement("2026-11-02", 1, 0, &[entry(700, "C-1001")]).xml();
    let at = text.find("<Ntry>").unwrap();
    let (head, tail) = (Bytes::from(text[..at].to_owned()), Bytes::from(text[at..].to_owned()));
    let middle = padding();
    let parts = std::iter::once(head)
        .chain(std::iter::repeat_n(middle, pieces))
        .chain(std::iter::once(tail))
        .map(Ok::<_, std::io::Error>);
    let url = format!("http://{}/v1/statements?wait=60", world.ingestion.http());
    let answer = reqwest::Client::new()
        .post(url)
        .bearer_auth(TOKEN)
        .body(reqwest::Body::wrap_stream(stream::iter(parts)))
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The most memory that this process held since [`forget_peak`], in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Memory is a process' and other tests hold some: this one is measured in a process of its own.
#[test]
fn a_large_upload_is_streamed_in_bounded_memory() {
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "edges::a_large_upload_alone", "--ignored"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&alone.stdout);
    assert!(alone.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_large_upload_is_streamed_in_bounded_memory"]
async fn a_large_upload_alone() {
    let world = World::new("large").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    forget_peak();
    let before = peak_kib();
    // 128 MiB.
    let (status, answer) = stream_up(&world, 2 * 1024).await;
    assert_eq!((status, &answer["state"]), (200, &"done".into()), "{answer}");
    assert!(answer["size_bytes"].as_i64().unwrap() > 128 << 20, "{answer}");
    let grown = peak_kib().saturating_sub(before) / 1024;
    assert!(grown < 64, "{grown} MiB more than before, for a file of 128 MiB");
    assert_eq!(world.assigned(1).await[0].amount_minor, 700);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_above_the_limit_is_refused_and_leaves_nothing() {
    let limit = 1 << 20;
    let world = World::with(
        "limit",
        Config {
            statement_limit_bytes: limit,
            ..config()
        },
    )
    .await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let (status, problem) = stream_up(&world, 64).await;
    assert_eq!(status, 413, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("1048576"), "{problem}");
    assert_eq!(world.count("SELECT count(*) FROM raw").await, 0);
    // Up to the limit it is taken.
    let (status, answer) = stream_up(&world, 15).await;
    assert_eq!((status, &answer["state"]), (200, &"done".into()), "{answer}");
    world.finish().await;
}

/// A stored file whose bytes cannot be read: a close waits for it, then goes on without, and a repair brings it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_again_and_again_does_not_hold_the_day_for_ever() {
    let world = World::with(
        "failing",
        Config {
            max_attempts: 2,
            ..config()
        },
    )
    .await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    world
        .upload(&statement("2026-11-02", 1, 0, &[entry(100, "C-1001")]))
        .await;
    sqlx::query("CREATE TABLE kept AS SELECT raw_id, body FROM raw")
        .execute(world.pool())
        .await
        .unwrap();
    // As if the importer had stopped before it booked a second file, and the bytes were lost.
    sqlx::query(
        "INSERT INTO raw (raw_id, source, origin, sha256, size_bytes, acts_for, received_at, state)
         SELECT gen_random_uuid(), source, origin, repeat('0', 64), 70000, acts_for, received_at, 'received' FROM raw",
    )
    .execute(world.pool())
    .await
    .unwrap();
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(sum(&certificate, "received"), 100);
    let failing =
        "SELECT count(*) FROM raw WHERE state = 'quarantined' AND reason = 'processing-fails' AND attempts >= 2";
    assert_eq!(world.count(failing).await, 1);
    let listed = world.get("/v1/quarantine").await;
    assert_eq!(listed["items"][0]["reason"], "processing-fails", "{listed}");
    // The bytes are found again (those of the first file, under another id): replayed, they are seen again.
    sqlx::query("UPDATE raw SET body = kept.body FROM kept WHERE raw.state = 'quarantined'")
        .execute(world.pool())
        .await
        .unwrap();
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert_eq!(world.post(&format!("/v1/quarantine/{id}/replay"), "").await.0, 202);
    world
        .known("SELECT count(*) FROM raw WHERE state = 'done' AND reason IS NULL", 2)
        .await;
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    assert!(world.close("2026-11-03").await.holds);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_an_account_that_is_held_up_is_refused() {
    let world = World::new("held_up").await;
    world.creditor().await;
    for number in ["C-1001", "C-1002"] {
        world.account(number, &[], &[]).await;
    }
    world
        .upload(&statement("2026-11-02", 1, 0, &[entry(500, "salut")]))
        .await;
    let rubbish = Outgoing {
        key: Some(account("C-1001").to_string().into_bytes()),
        payload: Some(b"rubbish".to_vec()),
        ..Outgoing::default()
    };
    world.fixture.send("accounts.account.v1", &[rubbish]).await;
    world.known("SELECT count(*) FROM rt_parked_key", 1).await;
    let open = world.get("/v1/deposits").await;
    let id = open["deposits"][0]["deposit_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/deposits/{id}/assignments");
    let part = |number: &str, amount: i64| json!({"account_id": account(number), "amount_minor": amount});
    // Nothing of it is assigned, not even the part for the other account.
    let both = json!({"assignments": [part("C-1002", 200), part("C-1001", 300)], "reason": "x"});
    let (status, problem) = world.decide(&path, "k1", &both).await;
    assert_eq!(
        (status, &problem["type"], &problem["account_id"]),
        (
            409,
            &"urn:incasso:problem:account-held-up".into(),
            &account("C-1001").to_string().into()
        ),
        "{problem}"
    );
    assert_eq!(world.count("SELECT count(*) FROM funds").await, 0);
    let other = json!({"assignments": [part("C-1002", 200)], "reason": "x"});
    assert_eq!(world.decide(&path, "k2", &other).await.0, 200, "others flow on");
    // The same decision is taken once the account is free again.
    sqlx::query("UPDATE rt_parked SET freed_segment = 0")
        .execute(world.pool())
        .await
        .unwrap();
    sqlx::query("DELETE FROM rt_parked_key")
        .execute(world.pool())
        .await
        .unwrap();
    eventually(PATIENCE, async || {
        let (status, answer) = world
            .decide(
                &path,
                "k3",
                &json!({"assignments": [part("C-1001", 300)], "reason": "x"}),
            )
            .await;
        if status == 200 { Ok(()) } else { Err(answer) }
    })
    .await;
    world.finish().await;
}
