//! The day's clock.

use billing::ClockMode;
use contracts::{DayCertified, DayClosed};
use kernel::BusinessDate;
use serde_json::{Value, json};
use testkit::eventually;

use crate::support::{Bed, Instance, PATIENCE, account, creditor, debtor, invoice, publisher, with};

const RO: &str = "RO@17:00@Europe/Bucharest";
const CO: &str = "CO@17:00@America/Bogota";

/// Calendar and day of each close, in order of their sequence, which must have no gaps.
async fn days(billing: &Instance) -> Vec<(String, String)> {
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT sequence, calendar, closed_on::text FROM days ORDER BY sequence")
            .fetch_all(billing.pool())
            .await
            .unwrap();
    for (expected, (sequence, _, _)) in (1_i64..).zip(&rows) {
        assert_eq!(*sequence, expected);
    }
    rows.into_iter().map(|(_, calendar, day)| (calendar, day)).collect()
}

async fn closed(billing: &Instance, expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    eventually(PATIENCE, async || {
        let found = days(billing).await;
        if found.len() >= expected.len() {
            Ok(found)
        } else {
            Err(found)
        }
    })
    .await;
    assert_eq!(days(billing).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_close_by_hand_once_and_are_certified() {
    let bed = Bed::new("billing-hand", ClockMode::Manual).await;
    let billing = bed.start().await;
    billing
        .ok("/v1/creditors/RO", with(creditor(1), "first_on", json!("2026-01-01")))
        .await;
    billing.ok("/v1/creditors/RO/debtors/D", debtor(1, "Ana")).await;
    billing.ok("/v1/creditors/RO/accounts/A", account(1, "D")).await;
    billing.ok("/v1/creditors/RO/invoices/I", invoice(1, "A", 100)).await;
    assert_eq!(billing.close("RO@16:00@Europe/Bucharest", "2026-01-01").await.0, 404);
    assert_eq!(billing.close(RO, "2028-01-01").await.0, 422);
    let (status, answer) = billing.close(RO, "2026-01-02").await;
    let expected = json!([{"closed_on": "2026-01-01", "sequence": 1}, {"closed_on": "2026-01-02", "sequence": 2}]);
    assert_eq!((status, &answer["closed"]), (200, &expected));
    billing.ok("/v1/creditors/RO/invoices/I", invoice(2, "A", 80)).await;
    assert_eq!(billing.close(RO, "2026-01-02").await.1["closed"], json!([]));
    assert_eq!(
        billing.close(RO, "2026-01-03").await.1["closed"],
        json!([{"closed_on": "2026-01-03", "sequence": 3}])
    );
    // A crash between the markers and the certificate is mended by the next try, under the same number.
    assert_eq!(billing.announce(RO, "2026-01-04").await, 4);
    assert_eq!(
        billing.close(RO, "2026-01-04").await.1["closed"],
        json!([{"closed_on": "2026-01-04", "sequence": 4}])
    );
    let late = with(publisher(1), "jurisdiction", json!("RO"));
    let late = with(
        with(late, "time_zone", json!("Europe/Bucharest")),
        "first_on",
        json!("2026-01-03"),
    );
    let (status, answer) = billing.put("/v1/creditors/LATE", late).await;
    assert_eq!(
        (status, &answer["errors"][0]["pointer"]),
        (422, &json!("/first_on")),
        "that day is closed"
    );

    let (_, calendars) = billing.get("/v1/calendars").await;
    let expected = json!([{"calendar": RO, "first_on": "2026-01-01", "open_on": "2026-01-05",
        "cut_off_at": "2026-01-05T15:00:00.000000Z", "last_sequence": 4}]);
    assert_eq!(calendars, expected);

    // A marker of each day on each partition of both topics.
    for topic in ["accounts.account.v1", "billing.invoice.v1"] {
        let markers = bed.expect::<DayClosed>(topic, 8).await;
        let mut sequences: Vec<i64> = markers.iter().map(|marker| marker.sequence).collect();
        sequences.sort_unstable();
        assert_eq!(sequences, [1, 1, 2, 2, 3, 3, 4, 4]);
        assert!(
            markers
                .iter()
                .all(|marker| marker.next_on == marker.closed_on.succ() && !marker.held)
        );
    }
    let certificates = bed.expect::<DayCertified>("billing.certificate.v1", 4).await;
    certified(certificates);
    billing.stop().await;
}

fn certified(mut certificates: Vec<DayCertified>) {
    certificates.sort_by_key(|certificate| certificate.sequence);
    let sums = |certificate: &DayCertified| -> Vec<(String, i64, i64)> {
        certificate
            .sums
            .iter()
            .map(|sum| (sum.name.clone(), sum.amount_minor, sum.count))
            .collect()
    };
    assert_eq!(sums(&certificates[0]), [("issued".to_owned(), 100, 1)]);
    assert_eq!(sums(&certificates[1]), []);
    assert_eq!(sums(&certificates[2]), [("issued".to_owned(), -20, 1)]);
    let mut previous = DayCertified::FIRST.to_owned();
    for certificate in &certificates {
        assert!(certificate.holds);
        assert_eq!(
            (&certificate.previous_hash, &certificate.hash),
            (&previous, &certificate.compute_hash())
        );
        previous.clone_from(&certificate.hash);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_closes_what_was_missed_in_order() {
    let bed = Bed::new("billing-clock", ClockMode::System).await;
    let billing = bed.start().await;
    // 2026-01-05 09:00 UTC: 11:00 in Bucharest, 04:00 in Bogota.
    billing.ok("/v1/creditors/RO", creditor(1)).await;
    billing.ok("/v1/creditors/CO", publisher(1)).await;
    let (_, calendars) = billing.get("/v1/calendars").await;
    let open: Vec<&Value> = calendars
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["open_on"])
        .collect();
    assert_eq!(open, [&json!("2026-01-05"), &json!("2026-01-05")]);
    bed.set("2026-01-05T15:00:00Z");
    closed(&billing, &[(RO, "2026-01-05")]).await;
    billing.crash().await;
    // Down for two days and a half.
    bed.set("2026-01-07T21:00:00Z");
    let (one, two) = (bed.start().await, bed.start().await);
    let expected = [
        (RO, "2026-01-05"),
        (CO, "2026-01-05"),
        (RO, "2026-01-06"),
        (CO, "2026-01-06"),
        (RO, "2026-01-07"),
    ];
    closed(&one, &expected).await;
    bed.set("2026-01-07T22:00:01Z");
    let expected = [&expected[..], &[(CO, "2026-01-07")]].concat();
    closed(&two, &expected).await;
    let mut markers = bed.expect::<DayClosed>("billing.invoice.v1", 12).await;
    markers.sort_by_key(|marker| marker.sequence);
    let told: Vec<(String, BusinessDate)> = markers
        .iter()
        .step_by(2)
        .map(|marker| (marker.calendar.to_string(), marker.closed_on))
        .collect();
    let expected: Vec<(String, BusinessDate)> = expected
        .iter()
        .map(|(calendar, day)| ((*calendar).to_owned(), day.parse().unwrap()))
        .collect();
    assert_eq!(told, expected);
    bed.expect::<DayCertified>("billing.certificate.v1", 6).await;
    one.stop().await;
    two.stop().await;
}
