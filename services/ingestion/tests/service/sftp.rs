//! Statement files pulled from a real OpenSSH server.

use std::path::Path;

use ingestion::Config;
use ingestion::config::Sftp;
use serde_json::{Value, json};
use testkit::{Cutter, Sshd, eventually};

use super::camt::{Entry, Statement, entry, statement};
use super::world::{PATIENCE, World, config};

/// A pull from this server that looks each second; `more` goes over it.
fn pull(server: &Sshd, more: Value) -> Sftp {
    let mut settings = json!({
        "name": "bank", "host": "127.0.0.1", "port": server.port(), "user": server.user(), "key_file": server.key_file(),
        "host_keys": [server.host_key("host")], "directory": server.files(), "pattern": "*.xml", "poll_seconds": 1, "settle_seconds": 1,
    });
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    serde_json::from_value(settings).unwrap()
}

fn with(pull: Sftp) -> Config {
    Config {
        sftp: vec![pull],
        ..config()
    }
}

fn put(server: &Sshd, name: &str, statement: &Statement) {
    std::fs::write(server.files().join(name), statement.xml()).unwrap();
}

const LOOKS: &str = "SELECT COALESCE(max(look), 0)::bigint FROM sftp_pull";

/// Waits until the directory was looked at so many times more: what was there is decided.
async fn looks(world: &World, more: i64) {
    let before = world.count(LOOKS).await;
    eventually(PATIENCE, async || {
        let now = world.count(LOOKS).await;
        if now >= before + more { Ok(()) } else { Err(now) }
    })
    .await;
}

async fn booked(world: &World, payments: i64) {
    world.known("SELECT count(*) FROM payment", payments).await;
}

async fn seen(world: &World) -> Vec<(i32, String)> {
    sqlx::query_as("SELECT times_seen, origin FROM raw ORDER BY received_at")
        .fetch_all(world.pool())
        .await
        .unwrap()
}

async fn failure(world: &World) -> (Option<String>, Option<String>) {
    sqlx::query_as("SELECT reason, problem FROM sftp_pull")
        .fetch_optional(world.pool())
        .await
        .unwrap()
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_pulled_once_and_never_again() {
    let Some(server) = Sshd::start().await else { return };
    let settings = with(pull(&server, json!({})));
    let mut world = World::with("sftp-once", settings.clone()).await;
    world.creditor().await;
    put(
        &server,
        "one.xml",
        &statement("2026-11-02", 1, 0, &[entry(500, "abonament")]),
    );
    put(
        &server,
        "note.txt",
        &statement("2026-11-02", 2, 500, &[entry(700, "altul")]),
    );
    booked(&world, 1).await;
    looks(&world, 2).await;
    assert_eq!(seen(&world).await, [(1, "sftp".to_owned())]);
    // After a restart, and with two instances that could.
    let restarted = world.another(settings.clone()).await;
    std::mem::replace(&mut world.ingestion, restarted).stop().await.unwrap();
    let second = world.another(settings).await;
    looks(&world, 3).await;
    assert_eq!(seen(&world).await, [(1, "sftp".to_owned())]);
    put(
        &server,
        "two.xml",
        &statement("2026-11-03", 2, 500, &[entry(600, "abonament")]),
    );
    booked(&world, 2).await;
    // The same bytes under another name are known by what they are.
    std::fs::copy(server.files().join("two.xml"), server.files().join("three.xml")).unwrap();
    world
        .known("SELECT count(*) FROM sftp_file WHERE state = 'stored'", 3)
        .await;
    looks(&world, 2).await;
    assert_eq!(seen(&world).await, [(1, "sftp".to_owned()), (2, "sftp".to_owned())]);
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 2);
    assert!(server.files().join("one.xml").is_file(), "it is left where it was");
    second.stop().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_may_be_moved_or_removed() {
    let Some(server) = Sshd::start().await else { return };
    let moved = pull(&server, json!({"after": {"move": "done"}}));
    let world = World::with("sftp-move", with(moved)).await;
    world.creditor().await;
    for (name, number, opening) in [("one.xml", 1, 0), ("two.xml", 2, 500)] {
        put(
            &server,
            name,
            &statement("2026-11-02", number, opening, &[entry(500, "abonament")]),
        );
    }
    // What is no statement at all is stored and moved like the others: its bytes are here.
    std::fs::write(server.files().join("zero.xml"), "nothing").unwrap();
    let there = |name: &str| server.files().join("done").join(name).is_file();
    eventually(PATIENCE, async || {
        there("one.xml") && there("two.xml") && there("zero.xml")
    })
    .await;
    booked(&world, 2).await;
    world.known("SELECT count(*) FROM raw WHERE state = 'refused'", 1).await;
    put(
        &server,
        "one.xml",
        &statement("2026-11-03", 3, 1_000, &[entry(1, "abonament")]),
    );
    eventually(PATIENCE, async || there("one.xml.2")).await;
    world.finish().await;

    let removed = pull(&server, json!({"after": "delete"}));
    let world = World::with("sftp-delete", with(removed)).await;
    world.creditor().await;
    let path = server.files().join("one.xml");
    put(
        &server,
        "one.xml",
        &statement("2026-11-02", 1, 0, &[entry(500, "abonament")]),
    );
    eventually(PATIENCE, async || !path.exists()).await;
    booked(&world, 1).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_key_is_not_read_and_the_message_says_what_to_do() {
    let Some(server) = Sshd::start().await else { return };
    put(
        &server,
        "one.xml",
        &statement("2026-11-02", 1, 0, &[entry(500, "abonament")]),
    );
    server.change_key();
    let mut world = World::with("sftp-key", with(pull(&server, json!({})))).await;
    world.creditor().await;
    let problem = eventually(PATIENCE, async || match failure(&world).await {
        (Some(reason), Some(problem)) if reason == "host-key" => Ok(problem),
        other => Err(other),
    })
    .await;
    for part in [
        &format!("the server 127.0.0.1:{} is not the one that is pinned", server.port()),
        &server.host_key("host-new"),
        "SHA256:",
        "host_keys of [[ingestion.sftp]] \"bank\"",
    ] {
        assert!(problem.contains(part), "{part} is not in {problem}");
    }
    assert_eq!(world.count("SELECT count(*) FROM sftp_file").await, 0);
    assert!(!server.log().contains("Accepted"), "nobody logs in: {}", server.log());
    // The remark is made a moment after the failure is noted.
    let (health, remark) = eventually(PATIENCE, async || {
        let health: Value = world
            .http
            .get(format!("http://{}/readyz", world.ingestion.http()))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let remark = health["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == "sftp")
            .cloned();
        match remark {
            Some(remark) => Ok((health, remark)),
            None => Err(health),
        }
    })
    .await;
    assert_eq!((&health["ok"], &remark["ok"]), (&json!(true), &json!(true)), "{health}");
    assert!(
        remark["detail"].as_str().unwrap().contains("bank (host-key)"),
        "{remark}"
    );
    // The bank has confirmed it: with the new pin it is read at once. So it is with the fingerprint of the other kind of key.
    let pins = json!({"host_keys": [server.host_key("host"), server.host_key("host-new")]});
    let restarted = world.another(with(pull(&server, pins))).await;
    std::mem::replace(&mut world.ingestion, restarted).stop().await.unwrap();
    booked(&world, 1).await;
    assert_eq!(failure(&world).await, (None, None));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_is_enough_of_whichever_kind_its_key_is() {
    let Some(server) = Sshd::start().await else { return };
    put(
        &server,
        "one.xml",
        &statement("2026-11-02", 1, 0, &[entry(500, "abonament")]),
    );
    let key = format!("{} x", server.host_key("host-rsa"));
    let print = std::env::temp_dir().join(format!("incasso-{}.pub", server.port()));
    std::fs::write(&print, key).unwrap();
    let output = std::process::Command::new("ssh-keygen")
        .args(["-l", "-f"])
        .arg(&print)
        .output()
        .unwrap();
    std::fs::remove_file(&print).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let fingerprint = told
        .split_whitespace()
        .find(|word| word.starts_with("SHA256:"))
        .unwrap();
    let world = World::with("sftp-rsa", with(pull(&server, json!({"host_keys": [fingerprint]})))).await;
    world.creditor().await;
    booked(&world, 1).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_goes_on_where_it_was() {
    let Some(server) = Sshd::start().await else { return };
    let entries: Vec<Entry> = (1..=8_000)
        .map(|n| entry(n, "cine stie ce fel de plata a fost aceasta"))
        .collect();
    put(&server, "large.xml", &statement("2026-11-02", 1, 0, &entries));
    let size = std::fs::metadata(server.files().join("large.xml")).unwrap().len();
    let line = Cutter::new(server.port(), 1_500_000).await;
    assert!(size > 2_000_000, "{size}");
    let world = World::with("sftp-cut", with(pull(&server, json!({"port": line.port()})))).await;
    world.creditor().await;
    eventually(PATIENCE, async || line.cuts() > 0).await;
    world
        .known(
            "SELECT count(*) FROM sftp_pull WHERE reason = 'unreachable' AND failures > 0",
            1,
        )
        .await;
    world
        .known("SELECT count(*) FROM sftp_file WHERE fetched_bytes > 200000", 1)
        .await;
    assert_eq!(
        world.count("SELECT count(*) FROM raw").await,
        0,
        "nothing is read before all of it is here"
    );
    line.mend(i64::MAX);
    booked(&world, 8_000).await;
    assert!(
        line.passed() < size + 900_000,
        "what was here is not fetched again: {} of {size}",
        line.passed()
    );
    assert_eq!(failure(&world).await, (None, None));
    let pulling = world.ingestion.ctx().settings().blobs.folder.join("pulling");
    assert_eq!(files(&pulling), 0, "nothing lies about");
    world.finish().await;
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_still_written_waits() {
    let Some(server) = Sshd::start().await else { return };
    let world = World::with(
        "sftp-grows",
        with(pull(&server, json!({"settle_seconds": 4, "poll_seconds": 4}))),
    )
    .await;
    world.creditor().await;
    let whole = statement("2026-11-02", 1, 0, &[entry(500, "abonament")]).xml();
    let (first, rest) = whole.split_at(whole.len() / 2);
    let path = server.files().join("one.xml");
    let under_way = server.files().join("two.xml.filepart");
    std::fs::write(&under_way, first).unwrap();
    std::fs::write(&path, first).unwrap();
    world
        .known("SELECT count(*) FROM sftp_file WHERE name = 'one.xml'", 1)
        .await;
    // It grows before the second look: what was there first is never taken.
    std::fs::write(&path, format!("{first}{rest}")).unwrap();
    booked(&world, 1).await;
    world
        .known("SELECT count(*) FROM sftp_file WHERE name = 'one.xml'", 1)
        .await;
    assert_eq!(world.count("SELECT count(*) FROM raw").await, 1);
    // Under a name that says so it waits for ever; renamed, it is taken by the next look.
    looks(&world, 2).await;
    assert_eq!(world.count("SELECT count(*) FROM raw").await, 1);
    std::fs::write(
        &under_way,
        statement("2026-11-03", 2, 500, &[entry(600, "abonament")]).xml(),
    )
    .unwrap();
    world
        .known("SELECT count(*) FROM sftp_file WHERE name = 'two.xml.filepart'", 1)
        .await;
    let looked = world.count(LOOKS).await;
    std::fs::rename(&under_way, server.files().join("two.xml")).unwrap();
    booked(&world, 2).await;
    assert!(world.count(LOOKS).await <= looked + 2, "at once");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_and_tried_again() {
    let Some(server) = Sshd::start().await else { return };
    put(
        &server,
        "one.xml",
        &statement("2026-11-02", 1, 0, &[entry(500, "abonament")]),
    );
    let elsewhere = server.files().join("later");
    let world = World::with("sftp-wrong", with(pull(&server, json!({"directory": elsewhere})))).await;
    world.creditor().await;
    let reason = |wanted: &'static str| {
        let world = &world;
        async move {
            eventually(PATIENCE, async || {
                let (reason, problem) = failure(world).await;
                if reason.as_deref() == Some(wanted) {
                    Ok(problem.unwrap_or_default())
                } else {
                    Err(reason)
                }
            })
            .await
        }
    };
    assert!(reason("directory").await.contains("later"));
    let metrics = world
        .http
        .get(format!("http://{}/metrics", world.ingestion.http()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains("incasso_sftp_failures_total{pull=\"bank\",reason=\"directory\""),
        "{metrics}"
    );
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::copy(server.files().join("one.xml"), elsewhere.join("one.xml")).unwrap();
    booked(&world, 1).await;
    // A user whom the server does not let in.
    let stranger = world
        .another(with(pull(
            &server,
            json!({"name": "stranger", "key_file": server.files().join("../host")}),
        )))
        .await;
    let told = eventually(PATIENCE, async || {
        let row: Option<(Option<String>, Option<String>)> =
            sqlx::query_as("SELECT reason, problem FROM sftp_pull WHERE name = 'stranger'")
                .fetch_optional(world.pool())
                .await
                .unwrap();
        row.filter(|row| row.0.as_deref() == Some("login"))
            .and_then(|row| row.1)
    })
    .await;
    assert!(
        told.contains("refuses the user") && told.contains("publickey"),
        "{told}"
    );
    stranger.stop().await.unwrap();
    world.finish().await;
}
