//! PayU's confirmations, and the same money at the bank.

use ingestion::domain::payu::new_value;
use md5::{Digest, Md5};
use testkit::eventually;

use super::camt::{entry, statement};
use super::world::{API_KEY, MERCHANT, PATIENCE, World, sum};

pub struct Notice {
    pub reference: &'static str,
    pub order: &'static str,
    pub transaction: &'static str,
    pub value: &'static str,
    pub state: &'static str,
}

impl Notice {
    fn form(&self) -> Vec<(&'static str, String)> {
        let text = [
            API_KEY,
            MERCHANT,
            self.reference,
            &new_value(self.value),
            "RON",
            self.state,
        ]
        .join("~");
        let sign = Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        vec![
            ("merchant_id", MERCHANT.into()),
            ("reference_sale", self.reference.into()),
            ("reference_pol", self.order.into()),
            ("transaction_id", self.transaction.into()),
            ("value", self.value.into()),
            ("currency", "RON".into()),
            ("state_pol", self.state.into()),
            ("transaction_date", "2026-11-02 12:00:00".into()),
            ("sign", sign),
        ]
    }

    pub async fn send(&self, world: &World) -> u16 {
        let form = self.form();
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        world.webhook(&form).await
    }
}

pub const PAID: Notice = Notice {
    reference: "C-1001",
    order: "846116081",
    transaction: "52f5e22d-5f2f-4547-ab26-c566ccbb6763",
    value: "150.00",
    state: "4",
};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told once")]
async fn confirmations_are_booked_once_and_signatures_count() {
    let world = World::new("payu").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    let failed = Notice {
        transaction: "11111111-5f2f-4547-ab26-c566ccbb6763",
        state: "6",
        ..PAID
    };
    assert_eq!(failed.send(&world).await, 200);
    for _ in 0..3 {
        assert_eq!(PAID.send(&world).await, 200, "a duplicate is acknowledged");
    }
    // Late and out of order: approved stays approved.
    assert_eq!(Notice { state: "6", ..PAID }.send(&world).await, 200);
    let forged: Vec<(&str, String)> = PAID
        .form()
        .into_iter()
        .map(|(name, value)| (name, if name == "value" { "151.00".into() } else { value }))
        .collect();
    let forged: Vec<(&str, &str)> = forged.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(world.webhook(&forged).await, 401);
    assert_eq!(
        world
            .count("SELECT count(*) FROM raw WHERE state = 'refused' AND reason = 'wrong-signature'")
            .await,
        1
    );
    let unsigned = [("merchant_id", MERCHANT), ("state_pol", "4")];
    assert_eq!(world.webhook(&unsigned).await, 401);
    assert_eq!(
        world
            .webhook(&[("merchant_id", "1"), ("sign", &"x".repeat(70_000))])
            .await,
        413
    );
    world.known("SELECT count(*) FROM raw WHERE state = 'done'", 3).await;
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    let funds = world.assigned(1).await;
    assert_eq!(
        (funds[0].amount_minor, funds[0].collector.as_str()),
        (15_000, "payu-latam:508029")
    );
    let attempts = world
        .events::<contracts::PaymentAttemptFailed>("payments.payment.v1")
        .await;
    assert_eq!(attempts.len(), 1);
    // The bank brings the same money: equal amount, and it names the order.
    let answer = world
        .upload(&statement(
            "2026-11-02",
            1,
            0,
            &[
                entry(15_000, "PSE 846116081 multumesc"),
                entry(15_000, "PSE 846116081"),
                entry(14_999, "PSE 846116081"),
            ],
        ))
        .await;
    let booked = &answer["statements"][0];
    assert_eq!(
        (&booked["payments"], &booked["seen_again"]),
        (&2.into(), &1.into()),
        "one of them is the confirmed money: {answer}"
    );
    let again = super::camt::Statement {
        message: "again".into(),
        ..statement(
            "2026-11-02",
            1,
            0,
            &[
                entry(15_000, "PSE 846116081 multumesc"),
                entry(15_000, "PSE 846116081"),
                entry(14_999, "PSE 846116081"),
            ],
        )
    };
    assert_eq!(world.upload(&again).await["statements"][0]["seen_again"], 3);
    let certificate = world.close("2026-11-02").await;
    assert!(certificate.holds, "{:?}", certificate.problems);
    assert_eq!(
        (sum(&certificate, "received"), sum(&certificate, "seen_again")),
        (15_000 + 15_000 + 14_999, 15_000 + 44_999)
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_may_be_first() {
    let world = World::new("bank-first").await;
    world.creditor().await;
    world.account("C-1001", &[], &[]).await;
    world
        .upload(&statement("2026-11-02", 1, 0, &[entry(15_000, "PSE 846116081")]))
        .await;
    assert_eq!(PAID.send(&world).await, 200);
    let funds = world.assigned(1).await;
    assert_eq!(
        funds[0].collector,
        super::camt::IBAN,
        "the money stays where it was first seen, the confirmation says whose it is"
    );
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM sighting WHERE NOT first").await, 1);
    eventually(PATIENCE, async || {
        world.get("/v1/deposits").await["deposits"]
            .as_array()
            .unwrap()
            .is_empty()
    })
    .await;
    assert!(world.close("2026-11-02").await.holds);
    world.finish().await;
}
