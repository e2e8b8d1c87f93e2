//! A month told in many ways: reports within the day, notifications, statements in two formats, a provider's confirmation.
//! In whatever order they come, and however often, each payment is one.

use serde_json::Value;

use super::camt::{Entry, IBAN, Statement, entry, statement};
use super::payu::PAID;
use super::provisional::{notification, upload, within_the_day};
use super::world::{CALENDAR, World, account, config, sum};

/// A payment: day of the month, amount, text, the payer's reference.
struct Paid(usize, i64, &'static str, Option<&'static str>);

/// Equal ones of one day, equal ones of two days, one by PayU, some of nobody.
const MONTH: [Paid; 9] = [
    Paid(0, 900, "contract C-1001", None),
    Paid(0, 900, "contract C-1001", None),
    Paid(0, 15_000, "orden 846116081", None),
    Paid(0, 70, "nimic", None),
    Paid(1, 1_200, "contract C-1002", Some("E-2001")),
    Paid(1, 900, "contract C-1001", None),
    Paid(2, 70, "nimic", None),
    Paid(2, 70, "nimic", None),
    Paid(2, 1_200, "contract C-1002", Some("E-2002")),
];
const DAYS: [&str; 3] = ["2026-11-02", "2026-11-03", "2026-11-04"];

/// What is sent.
#[derive(Clone)]
enum Sent {
    File(String),
    Confirmation,
}

fn of_day(day: usize) -> impl Iterator<Item = &'static Paid> {
    MONTH.iter().filter(move |paid| paid.0 == day)
}

fn camt(day: usize, id: &str) -> Statement {
    let entries: Vec<Entry> = of_day(day)
        .map(|Paid(_, minor, text, end_to_end)| Entry {
            end_to_end: *end_to_end,
            ..entry(*minor, text)
        })
        .collect();
    let opening = MONTH.iter().filter(|paid| paid.0 < day).map(|paid| paid.1).sum();
    let sequence = u32::try_from(day).unwrap() + 1;
    Statement {
        id: format!("{id}{day}"),
        message: format!("{id}{day}"),
        ..statement(DAYS.get(day).unwrap(), sequence, opening, &entries)
    }
}

fn money(minor: i64) -> String {
    format!("{},{:02}", minor / 100, minor % 100)
}

fn lines(day: usize) -> String {
    let on = day + 2;
    of_day(day)
        .map(|Paid(_, minor, text, end_to_end)| {
            let reference = end_to_end
                .map(|name| format!("?21EREF+{name}?22SVWZ+"))
                .unwrap_or_default();
            format!(
                ":61:26110{on}110{on}C{}NTRFNONREF\r\n:86:166?00PLATA{reference}?23{text}\r\n",
                money(*minor)
            )
        })
        .collect()
}

fn mt940(day: usize) -> String {
    let opening: i64 = MONTH.iter().filter(|paid| paid.0 < day).map(|paid| paid.1).sum();
    let closing = opening + of_day(day).map(|paid| paid.1).sum::<i64>();
    let (number, on) = (day + 1, day + 2);
    format!(
        ":20:EXTRAS{day}\r\n:25:{IBAN}\r\n:28C:{number}/1\r\n:60F:C26110{on}RON{}\r\n{}:62F:C26110{on}RON{}\r\n-\r\n",
        money(opening),
        lines(day),
        money(closing)
    )
}

fn mt942(day: usize) -> String {
    let on = day + 2;
    format!(
        ":20:INTERIM{day}\r\n:25:{IBAN}\r\n:28C:{on}/1\r\n:34F:RON0,\r\n:13D:26110{on}1200+0200\r\n{}-\r\n",
        lines(day)
    )
}

/// Everything that is told, as the days go by.
fn all() -> Vec<Sent> {
    let mut all = Vec::new();
    for day in 0..DAYS.len() {
        all.push(Sent::File(within_the_day(&camt(day, "R"))));
        if day == 0 {
            all.push(Sent::Confirmation);
        }
        all.push(Sent::File(notification(&camt(day, "N"))));
        all.push(Sent::File(mt942(day)));
        all.push(Sent::File(camt(day, "S").xml()));
        all.push(Sent::File(mt940(day)));
    }
    all
}

async fn send(world: &World, one: &Sent) {
    match one {
        Sent::File(file) => {
            upload(world, file.clone()).await;
        }
        Sent::Confirmation => assert_eq!(PAID.send(world).await, 200),
    }
    world
        .known("SELECT count(*) FROM raw WHERE state IN ('received', 'proved')", 0)
        .await;
}

/// Amount, day and account of each payment, and the day's sums.
type Ends = (Vec<(i64, String, Option<String>)>, Vec<(&'static str, i64)>);

/// What becomes of it, sent one by one, or all at once to two instances.
async fn told(name: &str, sent: Vec<Sent>, at_once: bool) -> Ends {
    let world = World::new(name).await;
    world.creditor().await;
    for number in ["C-1001", "C-1002"] {
        world.account(number, &[], &[]).await;
    }
    if at_once {
        let second = world.another(config()).await;
        futures::future::join_all(sent.iter().map(|one| send(&world, one))).await;
        second.stop().await.unwrap();
    } else {
        for one in &sent {
            send(&world, one).await;
        }
    }
    let payments = sqlx::query_as(
        "SELECT p.amount_minor, s.told, f.account_id::text FROM payment p LEFT JOIN funds f USING (payment_id)
         CROSS JOIN LATERAL (SELECT max(booked_on)::text AS told FROM sighting WHERE payment_id = p.payment_id) s ORDER BY 1, 2, 3",
    );
    let sql = "SELECT count(*) FROM pending WHERE ended_at IS NULL OR end_reason <> 'booked'";
    assert_eq!(world.count(sql).await, 0, "{name}: whatever was told was booked");
    assert_eq!(
        world
            .count("SELECT count(*) FROM expectation WHERE ended_at IS NULL")
            .await,
        0
    );
    let tasks: Value = world.get("/v1/tasks").await;
    assert!(
        tasks.get("tasks").and_then(Value::as_array).unwrap().is_empty(),
        "{name}: {tasks}"
    );
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    let sums = [
        "received",
        "reversed",
        "assigned",
        "unidentified",
        "settlement",
        "outgoing",
    ];
    let sums = sums.map(|of| (of, sum(&certificate, of))).to_vec();
    let day = ingestion::recompute_day(world.pool(), CALENDAR, 0, certificate.sequence)
        .await
        .unwrap();
    assert_eq!(day.running, Vec::<String>::new());
    assert_eq!(
        ingestion::cross_check(world.pool()).await.unwrap(),
        Vec::<String>::new()
    );
    let payments = payments.fetch_all(world.pool()).await.unwrap();
    world.finish().await;
    (payments, sums)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_told_in_many_ways_ends_in_the_same_payments() {
    let forward = told("orders_1", all(), false).await;
    let (payments, sums) = &forward;
    assert_eq!(payments.len(), MONTH.len(), "{payments:?}");
    let total: i64 = MONTH.iter().map(|paid| paid.1).sum();
    assert_eq!(sums[0], ("received", total));
    let of = |number: &str| {
        payments
            .iter()
            .filter(|paid| paid.2 == Some(account(number).to_string()))
            .count()
    };
    assert_eq!((of("C-1001"), of("C-1002")), (4, 2));
    let mut backward = all();
    backward.reverse();
    assert_eq!(told("orders_2", backward, false).await, forward);
    // Statements first, then whatever explains them, each thing twice.
    let mut statements_first = all();
    statements_first.sort_by_key(|one| match one {
        Sent::File(file) if file.contains("camt.053") => 0,
        Sent::Confirmation => 2,
        Sent::File(_) => 1,
    });
    let again = statements_first.iter().map(|one| match one {
        Sent::File(file) => Sent::File(format!("{file}\n")),
        Sent::Confirmation => Sent::Confirmation,
    });
    let twice = statements_first.clone().into_iter().chain(again).collect();
    assert_eq!(told("orders_3", twice, false).await, forward);
    assert_eq!(told("orders_4", all(), true).await, forward, "all at once");
}
