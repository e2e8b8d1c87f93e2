//! Who caused what can be followed through Kafka.

use contracts::{InvoiceIssued, ItemOpened};
use testkit::eventually;

use crate::world::{PATIENCE, World, invoice_body};

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_request_goes_with_its_messages() {
    let world = World::new("trace").await;
    let account = world.account("RO", "C-400001", &[]).await;
    world.comes_to(account, 0, 0).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = invoice_body("RO", "C-400001", "F-400001", 1, &[("2026-01-20", 1_000)]);
    world
        .put_traced(
            "/v1/creditors/RO/invoices/F-400001",
            &body,
            &format!("00-{trace}-00f067aa0ba902b7-01"),
        )
        .await;
    let of_trace = |traceparent: Option<&str>| traceparent.is_some_and(|text| text.contains(trace));
    eventually(PATIENCE, async || {
        let events = world.events::<InvoiceIssued>("billing.invoice.v1").await;
        events.iter().any(|(record, _)| of_trace(record.header("traceparent")))
    })
    .await;
    eventually(PATIENCE, async || {
        let events = world.events::<ItemOpened>("allocation.account.v1").await;
        let header = events
            .first()
            .map(|(record, _)| record.header("traceparent").map(str::to_owned));
        if header.as_ref().is_some_and(|header| of_trace(header.as_deref())) {
            Ok(())
        } else {
            Err(header)
        }
    })
    .await;
    world.finish().await;
}
