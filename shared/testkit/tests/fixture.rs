//! The fixture against the real servers: what a test makes is its own, comes back as it was, and is gone afterwards.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool};
use testkit::{Door, Fixture, Outgoing, dump, eventually};

fn record(partition: i32, key: &str, payload: Option<&str>) -> Outgoing {
    Outgoing {
        partition: Some(partition),
        key: Some(key.as_bytes().to_vec()),
        headers: vec![
            ("ce_type".to_owned(), b"Test".to_vec()),
            ("raw".to_owned(), vec![0xff, 0]),
        ],
        payload: payload.map(|text| text.as_bytes().to_vec()),
    }
}

#[tokio::test]
async fn records_come_back_as_they_were_sent() {
    let t = Fixture::new("records").await;
    t.create_topics(&[("facts.v1", 0, false), ("state.v1", 3, true)]).await;
    assert_eq!(t.topics().await, ["facts.v1", "state.v1"]);
    assert_eq!(t.read_topic("facts.v1").await, []);
    t.send(
        "facts.v1",
        &[
            record(1, "a", Some("first")),
            record(0, "b", None),
            record(1, "a", Some("second")),
        ],
    )
    .await;
    let read = t.read_topic("facts.v1").await;
    let seen: Vec<_> = read
        .iter()
        .map(|r| (r.partition, r.offset, r.key_text(), r.payload.as_deref()))
        .collect();
    let (first, second) = (Some(b"first".as_slice()), Some(b"second".as_slice()));
    assert_eq!(
        seen,
        [
            (0, 0, Some("b"), None),
            (1, 0, Some("a"), first),
            (1, 1, Some("a"), second)
        ]
    );
    assert_eq!(read[0].header("ce_type"), Some("Test"));
    assert_eq!(read[0].headers[1], ("raw".to_owned(), vec![0xff, 0]));
    t.finish().await;
}

#[tokio::test]
async fn tables_are_compared_whatever_their_order() {
    let t = Fixture::new("tables").await;
    let (one, two) = (t.database("one").await, t.database("two").await);
    assert_ne!(one, two);
    assert_eq!(one, t.database("one").await);
    let mut dumps = Vec::new();
    for (url, rows) in [
        (&one, "(2,'b',now()),(1,'a',now())"),
        (&two, "(1,'a','-infinity'),(2,'b','-infinity')"),
    ] {
        let pool = PgPool::connect(url).await.unwrap();
        sqlx::query("CREATE TABLE money (id int, name text, seen_at timestamptz)")
            .execute(&pool)
            .await
            .unwrap();
        let insert = format!("INSERT INTO money VALUES {rows}");
        sqlx::query(sqlx::AssertSqlSafe(insert)).execute(&pool).await.unwrap();
        dumps.push(dump(&pool, &["money"], &["seen_at"]).await);
    }
    assert_eq!(
        dumps[0],
        "money: 2 rows\n  {\"id\": 1, \"name\": \"a\"}\n  {\"id\": 2, \"name\": \"b\"}\n"
    );
    assert_eq!(dumps[0], dumps[1]);
    t.finish().await;
}

#[tokio::test]
async fn a_test_that_fails_leaves_nothing() {
    let t = Fixture::new("failing").await;
    let (kafka, admin, prefix) = (t.kafka().to_owned(), t.admin().to_owned(), t.prefix().to_owned());
    t.database("books").await;
    t.create_topics(&[("facts.v1", 1, false)]).await;
    drop(t); // as unwinding does
    let pool = PgPool::connect(&admin).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname LIKE 'it%failing%'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    let other = Fixture::new("witness").await;
    assert_eq!(other.kafka(), kafka);
    assert_ne!(other.prefix(), prefix);
    eventually(Duration::from_secs(10), async || other.topics().await.is_empty()).await;
    other.finish().await;
}

#[tokio::test]
async fn a_closed_door_cuts_and_refuses_until_it_opens() {
    let t = Fixture::new("door").await;
    let door = Door::new(&t.database("books").await).await;
    let mut connection = PgConnection::connect(door.url()).await.unwrap();
    connection.ping().await.unwrap();
    door.close();
    assert!(connection.ping().await.is_err());
    assert!(PgConnection::connect(door.url()).await.is_err());
    door.open();
    PgConnection::connect(door.url()).await.unwrap().ping().await.unwrap();
    t.finish().await;
}
