//! What is not a final statement is shown and never books: camt.052, camt.054, pain.002; and archives and glued files, whose
//! statements each book once.

use std::io::{Cursor, Write};

use serde_json::Value;

use super::camt::{Entry, Statement, entry, statement};
use super::world::World;

pub async fn upload(world: &World, file: impl Into<reqwest::Body>) -> Value {
    let (status, body) = world.post("/v1/statements?wait=30", file).await;
    assert!(status == 200 || status == 202, "{status}: {body}");
    body
}

fn as_message(statement: &Statement, name: &str, root: &str, element: &str) -> String {
    statement
        .xml()
        .replace("camt.053", name)
        .replace("BkToCstmrStmt", root)
        .replace("<Stmt>", &format!("<{element}>"))
        .replace("</Stmt>", &format!("</{element}>"))
}

pub fn within_the_day(statement: &Statement) -> String {
    as_message(statement, "camt.052", "BkToCstmrAcctRpt", "Rpt")
}

pub fn notification(statement: &Statement) -> String {
    as_message(statement, "camt.054", "BkToCstmrDbtCdtNtfctn", "Ntfctn")
}

const PAYMENTS: &str = "SELECT count(*) FROM payment";
const OPEN: &str = "SELECT count(*) FROM pending WHERE ended_at IS NULL";
const COVERED: &str = "SELECT count(*) FROM bank_day";

#[tokio::test(flavor = "multi_thread")]
async fn the_same_money_in_three_messages_is_booked_once() {
    let world = World::new("provisional").await;
    world.creditor().await;
    let paid = [Entry {
        end_to_end: Some("E-77"),
        payer: Some("Ana Pop"),
        ..entry(900, "vine")
    }];
    let day = statement("2026-11-02", 1, 0, &paid);
    let other = |id: &str| Statement {
        id: id.into(),
        message: id.into(),
        ..day.clone()
    };
    upload(&world, within_the_day(&other("R1"))).await;
    assert_eq!((world.count(PAYMENTS).await, world.count(OPEN).await), (0, 1));
    assert_eq!(world.count(COVERED).await, 0, "only a final statement covers a day");
    // Asked for again an hour later, and told by the notification: the same money, still not booked.
    upload(&world, within_the_day(&other("R2"))).await;
    upload(&world, notification(&other("N1"))).await;
    assert_eq!((world.count(PAYMENTS).await, world.count(OPEN).await), (0, 1));
    upload(&world, day.xml()).await;
    assert_eq!((world.count(PAYMENTS).await, world.count(OPEN).await), (1, 0));
    assert!(world.count(COVERED).await > 0);
    // Whatever comes late books nothing.
    upload(&world, notification(&other("N2"))).await;
    upload(&world, within_the_day(&other("R3"))).await;
    assert_eq!(world.count(PAYMENTS).await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_and_glued_files_book_each_statement_once() {
    let world = World::new("archives").await;
    world.creditor().await;
    let first = statement("2026-11-02", 1, 0, &[entry(100, "a")]);
    let second = statement("2026-11-03", 2, 100, &[entry(200, "b")]);
    let third = statement("2026-11-04", 3, 300, &[entry(300, "c")]);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("1.xml", first.xml()), ("2.xml", second.xml())] {
        archive
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    let archive = archive.finish().unwrap().into_inner();
    let told = upload(&world, archive).await;
    assert_eq!(told["statements"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(world.count(PAYMENTS).await, 2);
    // The second again, glued to a third.
    upload(&world, second.xml() + &third.xml()).await;
    assert_eq!(world.count(PAYMENTS).await, 3);
    world.finish().await;
}
