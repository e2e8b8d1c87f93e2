//! Statements in pages, in one file and in several, in any order: booked when they prove each other, and once.

use serde_json::Value;

use super::camt::{Entry, Statement, entry, statement};
use super::world::{World, sum};

/// Page `number` of a statement that opens with 0 and closes with 900, whatever is on the page.
fn page(message: &str, (number, last): (u32, bool), entries: &[Entry]) -> String {
    let text = Statement {
        message: message.to_owned(),
        closing: Some(900),
        ..statement("2026-11-02", 7, 0, entries)
    }
    .xml();
    let pagination =
        format!("</ElctrncSeqNb><StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>");
    text.replacen("</ElctrncSeqNb>", &pagination, 1)
}

/// The `Stmt`s of the second file put behind those of the first.
fn together(one: &str, two: &str) -> String {
    let (start, end) = (two.find("<Stmt>").unwrap(), two.find("</BkToCstmrStmt>").unwrap());
    one.replacen("</BkToCstmrStmt>", &format!("{}</BkToCstmrStmt>", &two[start..end]), 1)
}

async fn sent(world: &World, xml: String) -> Value {
    let (status, body) = world.post("/v1/statements?wait=30", xml).await;
    assert!(status == 200 || status == 202, "{status}: {body}");
    body
}

async fn booked(world: &World, payments: i64) {
    world.known("SELECT count(*) FROM payment", payments).await;
    world
        .known("SELECT count(*) FROM raw WHERE state IN ('received', 'proved')", 0)
        .await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM statement WHERE state = 'quarantined'")
            .await,
        0
    );
}

/// Two payments that nothing tells apart lie on two pages; the last page comes first.
#[tokio::test(flavor = "multi_thread")]
async fn pages_in_two_files_wait_for_each_other_and_are_booked_once() {
    let world = World::new("pages").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let (same, more) = (entry(200, "C-1001"), entry(500, "C-1001"));
    let first = |message: &str| page(message, (1, false), std::slice::from_ref(&same));
    let second = |message: &str| page(message, (2, true), &[same.clone(), more.clone()]);
    let answer = sent(&world, second("M2")).await;
    assert_eq!(answer["state"], "quarantined", "{answer}");
    assert_eq!(answer["statements"][0]["reason"], "awaits-other-pages", "{answer}");
    assert!(
        answer["statements"][0]["problems"][0]["what"]
            .as_str()
            .unwrap()
            .contains("page 1 is not here"),
        "{answer}"
    );
    let listed = world.get("/v1/quarantine").await;
    assert_eq!(listed["items"][0]["reason"], "awaits-other-pages", "{listed}");
    assert_eq!(world.count("SELECT count(*) FROM bank_day").await, 0);
    sent(&world, first("M1")).await;
    booked(&world, 3).await;
    assert_eq!(world.count("SELECT sum(amount_minor)::bigint FROM payment").await, 900);
    // Sent again, page by page and in other files; and as one statement without pages.
    sent(&world, second("M4")).await;
    sent(&world, first("M3")).await;
    sent(&world, together(&first("M5"), &second("M5"))).await;
    sent(
        &world,
        Statement {
            message: "M6".into(),
            ..statement("2026-11-02", 7, 0, &[same.clone(), same.clone(), more.clone()])
        }
        .xml(),
    )
    .await;
    booked(&world, 3).await;
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        (sum(&certificate, "received"), sum(&certificate, "seen_again")),
        (900, 3 * 900),
        "each page twice more, and all of them once more"
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM bank_day WHERE day_on = '2026-11-02'")
            .await,
        1
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_one_file_are_proved_at_once_and_a_wrong_cent_holds_back_all() {
    let world = World::new("pages_one").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let same = entry(450, "C-1001");
    let wrong = together(
        &page("W", (1, false), std::slice::from_ref(&same)),
        &page("W", (2, true), &[entry(449, "C-1001")]),
    );
    let answer = sent(&world, wrong).await;
    assert_eq!(
        (&answer["state"], &answer["reason"]),
        (&"quarantined".into(), &"balance-proof-fails".into()),
        "{answer}"
    );
    let right = together(
        &page("R", (1, false), std::slice::from_ref(&same)),
        &page("R", (2, true), std::slice::from_ref(&same)),
    );
    let answer = sent(&world, right).await;
    assert_eq!(
        (&answer["state"], &answer["statements"][1]["proof"]),
        (&"done".into(), &"holds".into()),
        "{answer}"
    );
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 2);
    assert_eq!(world.count("SELECT sum(amount_minor)::bigint FROM payment").await, 900);
    world.finish().await;
}

/// Balances per page: the first page is booked at once, and its day is covered when the last one is here.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_proves_itself_does_not_wait_and_does_not_cover_its_day_alone() {
    let world = World::new("pages_own").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let own = |number: u32, last: bool, opening: i64| {
        let text = Statement {
            message: format!("M{number}"),
            ..statement("2026-11-02", 7, opening, &[entry(450, "C-1001")])
        }
        .xml();
        let pagination =
            format!("</ElctrncSeqNb><StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>");
        text.replacen("</ElctrncSeqNb>", &pagination, 1)
    };
    sent(&world, own(1, false, 0)).await;
    booked(&world, 1).await;
    assert_eq!(world.count("SELECT count(*) FROM bank_day").await, 0);
    sent(&world, own(2, true, 450)).await;
    booked(&world, 2).await;
    assert_eq!(world.count("SELECT count(*) FROM bank_day").await, 1);
    world.finish().await;
}
