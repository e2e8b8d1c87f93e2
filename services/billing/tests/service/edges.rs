//! What no honest source sends: found by schemathesis and by hand, kept as tests.

use billing::{Billing, ClockMode};
use reqwest::Method;
use serde_json::json;

use crate::support::{Bed, creditor, debtor, with};

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_closed() {
    let bed = Bed::new("billing-described", ClockMode::System).await;
    let billing = bed.start().await;
    testkit::every_route_is_described_and_closed::<Billing>(billing.http()).await;
    billing.stop().await;
}

/// The clock closes every day since the first one: a mistyped year would have it close centuries.
#[tokio::test(flavor = "multi_thread")]
async fn first_days_are_near_and_no_day_closes_after_the_last() {
    let bed = Bed::new("billing-first-days", ClockMode::Manual).await;
    let billing = bed.start().await;
    for day in ["0001-01-01", "2015-01-01", "2027-02-01", "9999-12-31"] {
        let (status, answer) = billing
            .put("/v1/creditors/RO", with(creditor(1), "first_on", json!(day)))
            .await;
        let found = &answer["errors"][0];
        assert_eq!(
            (status, &found["pointer"], &found["rule"]),
            (422, &json!("/first_on"), &json!("range")),
            "{day}"
        );
    }
    let ahead = with(creditor(1), "first_on", json!("2026-12-31"));
    assert_eq!(billing.ok("/v1/creditors/RO", ahead).await, "created");
    let (status, answer) = billing.close("RO@17:00@Europe/Bucharest", "9999-12-31").await;
    assert_eq!(
        (status, &answer["errors"][0]["pointer"]),
        (422, &json!("/through")),
        "{answer}"
    );
    billing.stop().await;
}

/// The largest debtor that the document allows fits a message; what does not fit is refused by field, not asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_debtor_fits_a_message() {
    let bed = Bed::new("billing-largest", ClockMode::System).await;
    let billing = bed.start().await;
    billing.ok("/v1/creditors/RO", creditor(1)).await;
    let wide = |count: usize| "\u{1f600}".repeat(count);
    let kinds = |count: usize| -> Vec<String> { (0..count).map(|n| format!("{n:0>50}")).collect() };
    let largest = |purposes: usize| {
        let point = |n: usize| {
            let value = format!("{n:03}{}", wide(997));
            json!({"kind": kinds(1)[0], "value": value, "authorised_for": kinds(purposes)})
        };
        let id = |n: usize| json!({"kind": kinds(1)[0], "value": format!("{n:03}{}", wide(97))});
        let name = |n: usize| format!("{n:03}{}", wide(497));
        let body = with(debtor(1, "x"), "names", (0..100).map(name).collect());
        let body = with(body, "tax_ids", (0..100).map(id).collect());
        with(body, "contact_points", (0..100).map(point).collect())
    };
    let path = "/v1/creditors/RO/debtors/D-1";
    let (status, answer) = billing.put(path, largest(21)).await;
    let found = &answer["errors"][0];
    assert_eq!(
        (status, &found["pointer"], &found["rule"]),
        (422, &json!("/contact_points/0/authorised_for"), &json!("max-items")),
        "{answer}"
    );
    assert_eq!(billing.ok(path, largest(20)).await, "created");
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_nobody_means_are_answered() {
    let bed = Bed::new("billing-paths", ClockMode::System).await;
    let billing = bed.start().await;
    let long = "x".repeat(2_000);
    for (path, put, get) in [
        ("/v1/creditors/%00", 422, 404),
        ("/v1/creditors/%FF", 400, 400),
        ("/v1/creditors/%E2%80%AE", 422, 404),
        (&format!("/v1/creditors/{long}"), 422, 404),
        ("/v1/creditors/%00/debtors/D-1", 404, 404),
        (&format!("/v1/creditors/RO/debtors/{long}"), 422, 404),
    ] {
        let body = match path.contains("debtors") {
            true => debtor(1, "Ana"),
            false => creditor(1),
        };
        assert_eq!(billing.put(path, body).await.0, put, "{path}");
        assert_eq!(billing.get(path).await.0, get, "{path}");
    }
    let (status, _) = billing
        .raw(Method::POST, "/v1/creditors/%00/batch", "application/x-ndjson", "{}")
        .await;
    assert_eq!(status, 404);
    billing.stop().await;
}
