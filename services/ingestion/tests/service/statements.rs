//! Statement files: what is booked, what is seen again, what is kept apart.

use std::time::Duration;

use ingestion::Config;
use serde_json::Value;
use testkit::eventually;

use super::camt::{Entry, entry, statement};
use super::world::{PATIENCE, World, account, config, invoice};

#[tokio::test(flavor = "multi_thread")]
async fn money_finds_its_accounts_by_exact_references_at_once() {
    let world = World::new("exact").await;
    world.creditor().await;
    world
        .account("C-1001", &["RF18 5390 0754 7034"], &["RO09BCYP0000001234567890"])
        .await;
    world.account("C-1002", &[], &[]).await;
    world.invoice("F-2026/000001", "C-1001", 10_000).await;
    world.invoice("F-2026/000002", "C-1002", 20_000).await;
    let entries = [
        entry(10_000, "plata factura F 2026 000001"),
        Entry {
            creditor_reference: Some("RF18539007547034"),
            ..entry(1, "")
        },
        Entry {
            credited: Some("RO09BCYP0000001234567890"),
            ..entry(2, "no reference")
        },
        entry(3, "contract C-1002"),
        // One transfer for two accounts: the payer's sum proves the shares.
        entry(30_000, "F-2026/000001 F-2026/000002"),
        entry(29_999, "F-2026/000001 F-2026/000002 rabat"),
        // Mistyped: the check digits say so.
        Entry {
            creditor_reference: Some("RF19539007547034"),
            ..entry(4, "")
        },
        entry(-500, "comision"),
    ];
    let answer = world.upload(&statement("2026-11-02", 1, 0, &entries)).await;
    let booked = &answer["statements"][0];
    assert_eq!(
        (&booked["state"], &booked["payments"], &booked["outgoing"]),
        (&"booked".into(), &7.into(), &1.into()),
        "{answer}"
    );
    let mut funds: Vec<_> = world
        .assigned(6)
        .await
        .into_iter()
        .map(|funds| {
            let rule = funds.evidence[0].rule.clone();
            (funds.amount_minor, funds.account_id, funds.invoice_ids, rule)
        })
        .collect();
    funds.sort();
    let (one, two) = (account("C-1001"), account("C-1002"));
    let (first, second) = (invoice("F-2026/000001"), invoice("F-2026/000002"));
    let mut expected = vec![
        (1, one, vec![], "iso11649".to_owned()),
        (2, one, vec![], "virtual_account".to_owned()),
        (3, two, vec![], "account_number".to_owned()),
        (10_000, one, vec![first], "invoice_number".to_owned()),
        (10_000, one, vec![first], "invoice_number".to_owned()),
        (20_000, two, vec![second], "invoice_number".to_owned()),
    ];
    expected.sort();
    assert_eq!(funds, expected);
    let open = world.get("/v1/deposits").await;
    let reasons: Vec<_> = open["deposits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["remaining_minor"].as_i64().unwrap(), d["reason"].clone()))
        .collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons.contains(&(29_999, "less_than_named".into())) && reasons.contains(&(4, "nothing_named".into())));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_levels_of_duplicates() {
    let world = World::new("duplicates").await;
    world.creditor().await;
    // Two payments that cannot be told apart are two payments.
    let day = [entry(500, "abonament"), entry(500, "abonament"), entry(700, "altceva")];
    let first = statement("2026-11-02", 1, 0, &day);
    assert_eq!(world.upload(&first).await["statements"][0]["payments"], 3);
    // The same bytes.
    let again = world.upload(&first).await;
    assert_eq!(
        (&again["times_seen"], &again["statements"][0]["seen_again"]),
        (&2.into(), &0.into())
    );
    // The same statement in another message.
    let resent = super::camt::Statement {
        message: "other".into(),
        ..first.clone()
    };
    let answer = world.upload(&resent).await;
    let seen = &answer["statements"][0];
    assert_eq!(
        (&seen["payments"], &seen["seen_again"], &seen["repeats_exactly"]),
        (&0.into(), &3.into(), &true.into()),
        "{answer}"
    );
    // Cut anew: under another id, grown by one entry.
    let grown = super::camt::Statement {
        id: "whole day".into(),
        sequence: 9,
        ..statement("2026-11-02", 9, 0, &[&day[..], &[entry(900, "nou")]].concat())
    };
    let answer = world.upload(&grown).await;
    assert_eq!(
        (
            &answer["statements"][0]["payments"],
            &answer["statements"][0]["seen_again"]
        ),
        (&1.into(), &3.into()),
        "{answer}"
    );
    // The next statement of the same day begins where the first ended: its equal payment is another one.
    let next = statement("2026-11-02", 2, 1_700, &[entry(500, "abonament")]);
    let answer = world.upload(&next).await;
    assert_eq!(
        (
            &answer["statements"][0]["payments"],
            &answer["statements"][0]["seen_again"]
        ),
        (&1.into(), &0.into()),
        "{answer}"
    );
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 5);
    assert_eq!(world.count("SELECT count(*) FROM sighting").await, 3 + 3 + 4 + 1);
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(super::world::sum(&certificate, "seen_again"), 3_400);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_booked_is_kept_with_its_reason_and_tried_again() {
    let world = World::with(
        "quarantine",
        Config {
            statement_limit_bytes: 200_000,
            ..config()
        },
    )
    .await;
    // Nobody has the account yet.
    let early = statement("2026-11-02", 1, 0, &[entry(100, "a")]);
    let answer = world.upload(&early).await;
    assert_eq!(
        (&answer["state"], &answer["statements"][0]["reason"]),
        (&"quarantined".into(), &"unknown-bank-account".into()),
        "{answer}"
    );
    world.creditor().await;
    world.known("SELECT count(*) FROM payment", 1).await;
    // A wrong sum quarantines the whole statement.
    let wrong = super::camt::Statement {
        closing: Some(1),
        ..statement("2026-11-03", 2, 100, &[entry(5, "b")])
    };
    let answer = world.upload(&wrong).await;
    assert_eq!(
        (&answer["state"], &answer["statements"][0]["reason"]),
        (&"quarantined".into(), &"balance-proof-fails".into()),
        "{answer}"
    );
    assert!(!answer["statements"][0]["problems"].as_array().unwrap().is_empty());
    let listed = world.get("/v1/quarantine").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let id = listed["items"][0]["id"].as_str().unwrap();
    let (status, _) = world.post(&format!("/v1/quarantine/{id}/replay"), "").await;
    assert_eq!(status, 202);
    // Judged anew, it is as wrong as before.
    eventually(PATIENCE, async || {
        world
            .get(&format!("/v1/raw/{}", answer["raw_id"].as_str().unwrap()))
            .await["state"]
            == "quarantined"
    })
    .await;
    // Refused at once, with the place and the remedy.
    for (body, what) in [
        ("<Document><BkToCstmrStmt><Stmt>", "cut off"),
        (
            "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><Document/>",
            "DOCTYPE",
        ),
        ("hello", "no known bank format"),
        ("<Document><Other/></Document>", "no bank statement"),
    ] {
        let (status, problem) = world.post("/v1/statements", body).await;
        assert_eq!(
            (status, &problem["type"]),
            (422, &"urn:incasso:problem:statement-refused".into()),
            "{problem}"
        );
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(what), "{what}: {detail}");
        let (status, _) = world.post("/v1/statements", body).await;
        assert_eq!(status, 422, "refused again when sent again");
    }
    let (status, _) = world.post("/v1/statements", " ".repeat(200_001)).await;
    assert_eq!(status, 413);
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_booked_once_by_two_instances_in_chunks() {
    let small = Config {
        chunk_entries: 7,
        ..config()
    };
    let world = World::with("chunks", small.clone()).await;
    let other = world.another(small).await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let entries: Vec<Entry> = (0..600).map(|n| entry(100 + n % 3, "C-1001 lunar")).collect();
    let file = statement("2026-11-02", 1, 0, &entries).xml();
    assert!(file.len() > 65_536, "it lies in the blob store");
    let (status, answer) = world.post("/v1/statements", file).await;
    assert_eq!(status, 202);
    let path = format!("/v1/raw/{}", answer["raw_id"].as_str().unwrap());
    let done: Value = eventually(PATIENCE, async || {
        Some(world.get(&path).await).filter(|raw| raw["state"] == "done")
    })
    .await;
    assert_eq!(done["statements"][0]["payments"], 600, "{done}");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 600);
    assert_eq!(
        world
            .assigned(600)
            .await
            .iter()
            .map(|funds| funds.amount_minor)
            .sum::<i64>(),
        600 * 101
    );
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        ingestion::cross_check(world.pool()).await.unwrap(),
        Vec::<String>::new()
    );
    other.stop().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_entries_are_shown_and_replaced_when_booked() {
    let world = World::new("pending").await;
    world.creditor().await;
    let pending = Entry {
        status: Some("PDNG"),
        ..entry(900, "vine")
    };
    world
        .upload(&statement("2026-11-02", 1, 0, std::slice::from_ref(&pending)))
        .await;
    world
        .upload(&statement("2026-11-03", 2, 0, std::slice::from_ref(&pending)))
        .await;
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    assert_eq!(
        world.count("SELECT count(*) FROM pending WHERE ended_at IS NULL").await,
        1
    );
    world
        .upload(&statement("2026-11-04", 3, 0, &[entry(900, "vine")]))
        .await;
    assert_eq!(
        world.count("SELECT count(*) FROM pending WHERE ended_at IS NULL").await,
        0
    );
    let certificate = world.close("2026-11-02").await;
    assert_eq!(
        (
            super::world::sum(&certificate, "pending"),
            super::world::sum(&certificate, "received")
        ),
        (900, 900)
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_watched() {
    let folder = std::env::temp_dir().join(format!("incasso-watched-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let watched = serde_json::from_value(serde_json::json!({"path": folder, "poll_millis": 50})).unwrap();
    let world = World::with(
        "folder",
        Config {
            folders: vec![watched],
            ..config()
        },
    )
    .await;
    world.creditor().await;
    std::fs::write(folder.join("day.xml.part"), "half").unwrap();
    std::fs::write(
        folder.join("day.xml"),
        statement("2026-11-02", 1, 0, &[entry(100, "a")]).xml(),
    )
    .unwrap();
    std::fs::write(folder.join("broken.xml"), "<Document>").unwrap();
    world.known("SELECT count(*) FROM payment", 1).await;
    eventually(Duration::from_secs(10), async || {
        folder.join("done/day.xml").exists() && folder.join("refused/broken.xml").exists()
    })
    .await;
    let problem = std::fs::read_to_string(folder.join("refused/broken.xml.problem.json")).unwrap();
    assert!(problem.contains("remedy"), "{problem}");
    assert!(folder.join("day.xml.part").exists());
    world.finish().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
