//! A feed that is late: its task, its alarm, what the marker says, and a person who lets the day pass.

use contracts::{BankCoverage, DayClosed, TaskClosed, TaskRaised};
use serde_json::{Value, json};
use testkit::{OTHER_TOKEN, eventually};

use super::camt::{IBAN, entry, statement};
use super::world::{PATIENCE, World, on};

async fn coverage(world: &World, day: &str) -> BankCoverage {
    let markers = world.events::<DayClosed>("payments.funds.v1").await;
    let mut of_day: Vec<BankCoverage> = markers
        .into_iter()
        .filter(|marker| marker.closed_on == on(day))
        .flat_map(|marker| marker.coverage)
        .collect();
    of_day.dedup();
    assert_eq!(of_day.len(), 1, "all partitions are told the same: {of_day:?}");
    of_day.remove(0)
}

async fn raised(world: &World, expected: usize) -> Vec<TaskRaised> {
    eventually(PATIENCE, async || {
        let all = world.events::<TaskRaised>("ingestion.task.v1").await;
        if all.len() == expected { Ok(all) } else { Err(all) }
    })
    .await
}

async fn closed(world: &World, expected: usize) -> Vec<TaskClosed> {
    eventually(PATIENCE, async || {
        let all = world.events::<TaskClosed>("ingestion.task.v1").await;
        if all.len() == expected { Ok(all) } else { Err(all) }
    })
    .await
}

async fn feed(world: &World) -> Value {
    let list = world.get("/v1/feeds").await;
    list.pointer("/feeds/0").unwrap().clone()
}

async fn release(world: &World, token: &str, account: &str, day: &str, reason: &str) -> (u16, Value) {
    let url = format!("http://{}/v1/feeds/{account}/releases", world.ingestion.http());
    let body = json!({"day": day, "reason": reason});
    let answer = world
        .http
        .post(url)
        .bearer_auth(token)
        .json(&body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn alarm(world: &World, days: i64) {
    let line =
        format!("incasso_feed_late_days{{account=\"0000\",creditor=\"RO-ENERGY\",service=\"ingestion\"}} {days}");
    eventually(PATIENCE, async || {
        let url = format!("http://{}/metrics", world.ingestion.http());
        let text = world.http.get(url).send().await.unwrap().text().await.unwrap();
        let lines: Vec<String> = text
            .lines()
            .filter(|line| line.contains("feed_late"))
            .map(str::to_owned)
            .collect();
        if lines.contains(&line) { Ok(()) } else { Err(lines) }
    })
    .await;
}

fn told(task: &TaskRaised, name: &str) -> String {
    task.evidence
        .iter()
        .find(|fact| fact.name == name)
        .unwrap()
        .value
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told once")]
async fn a_late_feed_is_a_task_and_an_alarm_until_its_statement_is_there() {
    let world = World::new("feeds").await;
    world.creditor().await;
    let fresh = feed(&world).await;
    assert_eq!(
        (
            &fresh["collector"],
            &fresh["late"],
            &fresh["covered_through_on"],
            &fresh["open_on"]
        ),
        (&json!(IBAN), &json!(false), &json!(null), &json!("2026-11-02"))
    );
    world.upload(&statement("2026-11-02", 1, 0, &[entry(100, "x")])).await;
    world.close("2026-11-02").await;
    world.close("2026-11-03").await;
    assert_eq!(
        coverage(&world, "2026-11-03").await,
        BankCoverage {
            creditor_id: super::world::creditor(),
            bank_account: IBAN.into(),
            through_on: Some(on("2026-11-02")),
            complete: true,
            due_on: Some(on("2026-11-02")),
            released_at: None,
            released_by: None,
            released_reason: None,
        }
    );
    // Tuesday's statement does not come. A person knows why before Wednesday closes.
    let (status, answer) = release(&world, testkit::TOKEN, IBAN, "2026-11-04", "the bank has no power").await;
    assert_eq!(
        (status, &answer["counts_from_on"]),
        (201, &json!("2026-11-04")),
        "{answer}"
    );
    let (status, again) = release(&world, testkit::TOKEN, IBAN, "2026-11-04", "the bank has no power").await;
    assert_eq!((status, &again), (200, &answer), "the same again is the same");
    let certificate = world.close("2026-11-04").await;
    let wednesday = coverage(&world, "2026-11-04").await;
    assert_eq!((wednesday.complete, wednesday.due_on), (false, Some(on("2026-11-03"))));
    assert_eq!(wednesday.released_reason.as_deref(), Some("the bank has no power"));
    assert!(wednesday.released_by.is_some() && wednesday.released_at.is_some());
    assert_eq!(certificate.coverage, [wednesday]);
    assert!(certificate.holds && certificate.hash_is_right());
    let tasks = raised(&world, 1).await;
    let task = &tasks[0];
    assert_eq!(
        (task.kind.as_str(), task.queue.as_str(), task.creditor_id),
        ("feed-late", "feeds", Some(super::world::creditor()))
    );
    let facts = ["bank_account", "covered_through_on", "due_through_on"].map(|name| told(task, name));
    assert_eq!(
        facts,
        [IBAN.to_owned(), "2026-11-02".to_owned(), "2026-11-03".to_owned()]
    );
    alarm(&world, 1).await;

    // One release is one day; the task is there already.
    world.close("2026-11-05").await;
    let thursday = coverage(&world, "2026-11-05").await;
    assert_eq!((thursday.complete, thursday.released_at), (false, None));
    // After its marker a release counts from the next.
    let (status, answer) = release(&world, testkit::TOKEN, IBAN, "2026-11-05", "still none").await;
    assert_eq!(
        (status, &answer["counts_from_on"]),
        (201, &json!("2026-11-06")),
        "{answer}"
    );
    world.close("2026-11-06").await;
    assert_eq!(
        coverage(&world, "2026-11-06").await.released_reason.as_deref(),
        Some("still none")
    );
    let late = feed(&world).await;
    assert_eq!(
        (
            &late["late"],
            &late["days_behind"],
            &late["due_through_on"],
            &late["next_due_through_on"]
        ),
        (&json!(true), &json!(3), &json!("2026-11-05"), &json!("2026-11-06")),
        "{late}"
    );
    assert_eq!(
        late["gaps"],
        json!([{"from_on": "2026-11-03", "through_on": "2026-11-06"}])
    );
    let days: Vec<&str> = late["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|release| release["day"].as_str().unwrap())
        .collect();
    assert_eq!(days, ["2026-11-05", "2026-11-04"]);
    assert_eq!(raised(&world, 1).await.len(), 1);
    let listed = world.get("/v1/tasks?kind=feed-late").await;
    assert_eq!(listed["tasks"][0]["task_id"], json!(task.task_id), "{listed}");

    // What was due comes: the task is done at once. More is missing: at the next close that is another.
    world.upload(&statement("2026-11-03", 2, 100, &[entry(200, "x")])).await;
    let ends = closed(&world, 1).await;
    assert_eq!((ends[0].task_id, ends[0].reason.as_str()), (task.task_id, "done"));
    world.close("2026-11-07").await;
    let tasks = raised(&world, 2).await;
    let second = tasks.iter().find(|other| other.task_id != task.task_id).unwrap();
    assert_eq!(told(second, "due_through_on"), "2026-11-06");
    world.upload(&statement("2026-11-04", 3, 300, &[entry(1, "x")])).await;
    world.close("2026-11-08").await;
    // It has moved and is late again: one task at a time.
    assert_eq!(raised(&world, 3).await.len(), 3);
    let ends = closed(&world, 2).await;
    let end = ends.iter().find(|end| end.task_id == second.task_id).unwrap();
    assert_eq!(end.reason, "superseded");
    world.upload(&statement("2026-11-06", 4, 301, &[entry(1, "x")])).await;
    assert_eq!(
        feed(&world).await["gaps"],
        json!([]),
        "the balances say that nothing lies between"
    );
    closed(&world, 3).await;
    alarm(&world, 0).await;
    assert_eq!(feed(&world).await["late"], json!(false));
    world.close("2026-11-09").await;
    assert!(coverage(&world, "2026-11-09").await.complete);
    assert_eq!(raised(&world, 3).await.len(), 3);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_release_what() {
    let world = World::new("releases").await;
    world.creditor().await;
    world.close("2026-11-02").await;
    world.close("2026-11-03").await;
    let ask =
        async |account: &str, day: &str, reason: &str| release(&world, testkit::TOKEN, account, day, reason).await;
    let (status, answer) = ask("RO49 AAAA 1B31 0075 9384 0000", "2026-11-03", "as written by the bank").await;
    assert_eq!(status, 201, "{answer}");
    for (account, day, reason, expected) in [
        ("RO49AAAA1B31007593840001", "2026-11-03", "x", 404),
        (IBAN, "2026-11-01", "x", 422),
        (IBAN, "2026-12-31", "x", 422),
        (IBAN, "2026-11-03", " ", 422),
        (IBAN, "2026-11-03", "two\nlines", 422),
        (IBAN, "2026-11-03", &"é".repeat(501), 422),
        (IBAN, "2026-02-30", "x", 422),
        (IBAN, "2026-11-02", "nothing is due then", 409),
    ] {
        let (status, answer) = ask(account, day, reason).await;
        assert_eq!(status, expected, "{account} {day}: {answer}");
    }
    // Another person releases the next day: both are kept, one of the day itself is told before an older one.
    let (status, answer) = release(&world, OTHER_TOKEN, IBAN, "2026-11-04", "me too").await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(world.count("SELECT count(*) FROM feed_release").await, 2);
    world.close("2026-11-04").await;
    let released = coverage(&world, "2026-11-04").await;
    assert_eq!(
        (released.complete, released.released_reason.as_deref()),
        (false, Some("me too"))
    );
    world.finish().await;
}
