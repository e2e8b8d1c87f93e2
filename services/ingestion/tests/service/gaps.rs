//! Statements that do not follow one another, and one that was corrected: said, and closed by what comes.

use serde_json::Value;

use super::camt::{Statement, entry, statement};
use super::world::World;

async fn tasks(world: &World, state: &str) -> Vec<Value> {
    let page = world.get(&format!("/v1/tasks?kind=statement-gap&state={state}")).await;
    page.get("tasks").and_then(Value::as_array).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_until_it_comes() {
    let world = World::new("gaps").await;
    world.creditor().await;
    world.upload(&statement("2026-11-02", 1, 0, &[entry(100, "a")])).await;
    let third = world.upload(&statement("2026-11-04", 3, 300, &[entry(50, "c")])).await;
    let said = third["statements"][0]["problems"].to_string();
    assert!(
        said.contains("closes with 100") && said.contains("number 2 is missing"),
        "{said}"
    );
    assert_eq!(
        third["statements"][0]["state"], "booked",
        "its money counts all the same"
    );
    let open = tasks(&world, "open").await;
    assert_eq!(open.len(), 1);
    assert!(
        open[0]["evidence"].to_string().contains("first_missing_number"),
        "{}",
        open[0]
    );
    // Sent again: the same gap.
    world
        .upload(&Statement {
            message: "again".into(),
            ..statement("2026-11-04", 3, 300, &[entry(50, "c")])
        })
        .await;
    assert_eq!(tasks(&world, "open").await.len(), 1);
    world.upload(&statement("2026-11-03", 2, 100, &[entry(200, "b")])).await;
    assert!(tasks(&world, "open").await.is_empty());
    assert_eq!(tasks(&world, "closed").await[0]["closed_reason"], "superseded");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_statement_is_said() {
    let world = World::new("corrected").await;
    world.creditor().await;
    world.upload(&statement("2026-11-02", 1, 0, &[entry(100, "a")])).await;
    let corrected = world
        .upload(&statement("2026-11-02", 1, 0, &[entry(100, "a"), entry(5, "b")]))
        .await;
    let said = &corrected["statements"][0];
    assert_eq!(
        (&said["payments"], &said["seen_again"]),
        (&1.into(), &1.into()),
        "{said}"
    );
    assert!(said["problems"].to_string().contains("says something else"), "{said}");
    world.finish().await;
}
