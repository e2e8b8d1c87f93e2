//! What no honest caller sends: found by schemathesis and by hand, kept as tests.

use ingestion::Ingestion;
use serde_json::{Value, json};
use testkit::TOKEN;
use uuid::Uuid;

use super::camt::{entry, statement};
use super::world::{World, account};

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_closed() {
    let world = World::new("described").await;
    testkit::every_route_is_described_and_closed::<Ingestion>(world.ingestion.http()).await;
    world.finish().await;
}

async fn get(world: &World, path: &str) -> u16 {
    let url = format!("http://{}{path}", world.ingestion.http());
    let answer = world.http.get(url).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_the_database_would_choke_on_are_refused_before_it() {
    let world = World::new("questions").await;
    let nobody = Uuid::nil();
    for (path, status) in [
        ("/v1/deposits?kind=%00".to_owned(), 400),
        ("/v1/deposits?kind=else".to_owned(), 400),
        ("/v1/deposits?limit=0".to_owned(), 400),
        ("/v1/deposits?limit=501".to_owned(), 400),
        (format!("/v1/deposits?cursor=-262143-01-01_{nobody}"), 400),
        (format!("/v1/deposits?cursor=2026-02-30_{nobody}"), 400),
        ("/v1/quarantine?limit=-1".to_owned(), 400),
        ("/v1/quarantine?cursor=%00".to_owned(), 400),
        ("/v1/raw/%00".to_owned(), 404),
        ("/v1/raw/%FF".to_owned(), 400),
        ("/v1/payments/1".to_owned(), 404),
        ("/v1/tasks?kind=parked-key".to_owned(), 400),
        (format!("/v1/tasks?cursor=9999999999999999999_{nobody}"), 400),
        (format!("/v1/tasks?cursor=999999999999999999_{nobody}"), 400),
        ("/v1/tasks?limit=501".to_owned(), 400),
    ] {
        assert_eq!(get(&world, &path).await, status, "{path}");
    }
    let (status, _) = world.post("/v1/statements?wait=61", "").await;
    assert_eq!(status, 400);
    let (status, _) = world.post("/v1/statements", "").await;
    assert_eq!(status, 422);
    world.finish().await;
}

/// Each was a 503 that asked for the same again, which could never have been taken.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_that_can_never_be_kept_are_refused() {
    let world = World::new("decisions").await;
    let path = format!("/v1/deposits/{}/assignments", Uuid::nil());
    let part = |invoices: usize| json!({"account_id": account("C-1"), "amount_minor": 1, "invoice_ids": vec![Uuid::nil(); invoices]});
    let body = |parts: Vec<Value>, reason: &str| json!({"assignments": parts, "reason": reason});
    for (body, pointer, rule) in [
        (body(vec![part(0)], "a\0b"), "/reason", "control-characters"),
        (body(vec![part(0)], "two\nlines"), "/reason", "control-characters"),
        (body(vec![part(0)], &"é".repeat(501)), "/reason", "max-length"),
        (body(vec![part(101)], "x"), "/assignments/0/invoice_ids", "max-items"),
        (body(vec![part(0); 201], "x"), "/assignments", "max-items"),
    ] {
        let (status, answer) = world.decide(&path, "k", &body).await;
        let found = &answer["errors"][0];
        assert_eq!(
            (status, &found["pointer"], &found["rule"]),
            (422, &json!(pointer), &json!(rule)),
            "{answer}"
        );
    }
    let good = body(vec![part(100)], &"é".repeat(500));
    for key in ["", "two words", &"k".repeat(256)] {
        assert_eq!(world.decide(&path, key, &good).await.0, 400, "{key:?}");
    }
    assert_eq!(
        world.decide(&path, &"k".repeat(255), &good).await.0,
        404,
        "there is no such deposit"
    );
    world.finish().await;
}

/// Longer than any bank writes. What no topic or index takes stays in the raw bytes; the money is booked all the same.
#[tokio::test(flavor = "multi_thread")]
async fn statements_with_endless_texts_are_booked_or_quarantined_at_once() {
    let world = World::new("endless").await;
    world.creditor().await;
    let (line, reference) = (format!("<Ustrd>{}</Ustrd>", "7Q".repeat(70)), "R7".repeat(15));
    let references = format!("<Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>");
    for (number, opening, texts) in [(1, 0, line.repeat(10_000)), (2, 300, references.repeat(50_000))] {
        let xml = statement("2026-11-02", number, opening, &[entry(300, "NIMIC")]).xml();
        assert!(xml.contains("<Ustrd>NIMIC</Ustrd>"), "{xml}");
        let xml = xml.replace("<Ustrd>NIMIC</Ustrd>", &texts);
        let (status, answer) = world.post("/v1/statements?wait=30", xml).await;
        assert_eq!((status, &answer["state"]), (200, &json!("done")), "{answer}");
        assert_eq!(answer["statements"][0]["payments"], 1);
    }
    let xml = statement("2026-11-02", 3, 0, &[entry(300, "NIMIC")]).xml();
    let (head, rest) = xml.split_once("<IBAN>").unwrap();
    let (_, rest) = rest.split_once("</IBAN>").unwrap();
    let account = "7q9".repeat(7_000);
    let xml = format!("{head}<Othr><Id>{account}</Id></Othr>{rest}");
    let (status, answer) = world.post("/v1/statements?wait=30", xml).await;
    assert_eq!(
        (status, &answer["statements"][0]["reason"]),
        (200, &json!("unknown-bank-account")),
        "{answer}"
    );
    world.finish().await;
}
