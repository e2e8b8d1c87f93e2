//! Work for people: raised once, listed, decided once, told on the topic.

use contracts::{TaskClosed, TaskRaised};
use ingestion::domain::tasks::TaskKind;
use ingestion::tasks::{self, Task};
use runtime::Scope;
use serde_json::{Value, json};
use testkit::eventually;
use uuid::Uuid;

use super::world::{PATIENCE, World, creditor};

async fn raise(world: &World, wanted: &[Task]) -> usize {
    let mut tx = world.ingestion.ctx().begin(Scope::Service).await.unwrap();
    let new = tasks::raise(&mut tx, wanted).await.unwrap();
    tx.commit().await.unwrap();
    new
}

fn refusal(answer: &Value) -> (&str, &str) {
    let text = |name: &str| {
        answer
            .pointer(&format!("/errors/0/{name}"))
            .and_then(Value::as_str)
            .unwrap()
    };
    (text("pointer"), text("rule"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_raised_once_and_decided_once() {
    let world = World::new("tasks").await;
    world.creditor().await;
    let at = world.ingestion.ctx().now();
    let gap = Task::new(TaskKind::StatementGap, &["RO49", "17"], at)
        .of_creditor(creditor())
        .told("missing", 16);
    let pair = Task::new(TaskKind::DoubtfulPair, &["a", "b"], at).of_creditor(creditor());
    let nobodys = Task::new(TaskKind::StatementGap, &["nobody"], at);
    assert_eq!(raise(&world, &[gap.clone(), pair, nobodys]).await, 3);
    assert_eq!(raise(&world, &[gap]).await, 0, "the same matter is the same task");
    let page = world.get("/v1/tasks?kind=statement-gap&limit=1").await;
    let next = page["next"].as_str().unwrap();
    let second = world
        .get(&format!("/v1/tasks?kind=statement-gap&limit=1&cursor={next}"))
        .await;
    assert_ne!(page["tasks"][0]["task_id"], second["tasks"][0]["task_id"]);
    let id = Task::id(TaskKind::StatementGap, &["RO49", "17"]).to_string();
    let path = format!("/v1/tasks/{id}/decision");
    for (body, expected) in [
        (
            json!({"decision": "same", "reason": "x"}),
            ("/decision", "of-this-kind"),
        ),
        (json!({"decision": "accepted", "reason": " "}), ("/reason", "required")),
        (
            json!({"decision": "accepted", "reason": "a\nb"}),
            ("/reason", "control-characters"),
        ),
        (
            json!({"decision": "accepted", "reason": "é".repeat(501)}),
            ("/reason", "max-length"),
        ),
    ] {
        let (status, answer) = world.decide(&path, "k", &body).await;
        assert_eq!((status, refusal(&answer)), (422, expected), "{answer}");
    }
    let body = json!({"decision": "accepted", "reason": "the bank lost it"});
    for _ in 0..2 {
        let (status, answer) = world.decide(&path, "k", &body).await;
        assert_eq!((status, &answer["decision"]), (200, &json!("accepted")), "{answer}");
    }
    let (status, answer) = world
        .decide(&path, "k", &json!({"decision": "accepted", "reason": "no, I"}))
        .await;
    assert_eq!(status, 409, "{answer}");
    let nobody = format!("/v1/tasks/{}/decision", Uuid::nil());
    assert_eq!(world.decide(&nobody, "k", &body).await.0, 404);
    assert_eq!(world.get("/v1/tasks").await["tasks"].as_array().unwrap().len(), 2);
    let closed = world.get("/v1/tasks?state=closed").await;
    assert_eq!(closed["tasks"][0]["decided_reason"], "the bank lost it");
    let raised = eventually(PATIENCE, async || {
        let all = world.events::<TaskRaised>("ingestion.task.v1").await;
        (all.len() == 3).then_some(all)
    })
    .await;
    assert!(
        raised
            .iter()
            .any(|task| task.kind == "statement-gap" && task.evidence.len() == 1)
    );
    let closed = eventually(PATIENCE, async || {
        let all = world.events::<TaskClosed>("ingestion.task.v1").await;
        (all.len() == 1).then_some(all)
    })
    .await;
    assert_eq!((closed[0].task_id.to_string(), closed[0].reason.as_str()), (id, "done"));
    world.finish().await;
}
