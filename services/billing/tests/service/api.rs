//! PUT and GET of single things, and what goes out for them.

use billing::ClockMode;
use contracts::{
    AccountChanged, AccountOpened, CreditNoteIssued, CreditorRegistered, DebtorRegistered, InvoiceCancelled,
    InvoiceCorrected, InvoiceIssued,
};
use kernel::{AccountId, CreditorId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, Bed, ERP, Instance, OTHER, READER, account, creditor, debtor, invoice, publisher, with};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_goes_out_once() {
    let bed = Bed::new("billing-api", ClockMode::Manual).await;
    let billing = bed.start().await;
    assert_eq!(billing.ok("/v1/creditors/RO", creditor(1)).await, "created");
    assert_eq!(billing.ok("/v1/creditors/RO", creditor(1)).await, "unchanged");
    assert_eq!(
        billing.ok("/v1/creditors/RO/debtors/D-1", debtor(1, "Ana Pop")).await,
        "created"
    );
    let with_refund = with(account(1, "D-1"), "refund_iban", json!("RO09BCYP0000001234567890"));
    assert_eq!(
        billing.ok("/v1/creditors/RO/accounts/A-1", with_refund.clone()).await,
        "created"
    );
    assert_eq!(
        billing.ok("/v1/creditors/RO/accounts/A-1", with_refund.clone()).await,
        "unchanged"
    );
    let (status, answer) = billing.put("/v1/creditors/RO/accounts/A-1", account(1, "D-1")).await;
    assert_eq!((status, &answer["stored_version"]), (409, &json!(1)), "{answer}");
    let second = with(with_refund, "version", json!(3));
    assert_eq!(
        billing
            .ok("/v1/creditors/RO/accounts/A-1", with(second.clone(), "level", json!(5)))
            .await,
        "updated"
    );
    assert_eq!(
        billing
            .ok("/v1/creditors/RO/accounts/A-1", with(second, "version", json!(2)))
            .await,
        "superseded"
    );
    documents(&billing).await;
    told(&bed).await;
    let movements: Vec<i64> =
        sqlx::query_scalar("SELECT amount_minor FROM movements ORDER BY moved_at, abs(amount_minor)")
            .fetch_all(billing.pool())
            .await
            .unwrap();
    assert_eq!(movements.iter().sum::<i64>(), 0, "{movements:?}");
    only_debtors_carry_personal_data(&bed).await;
    shown(&billing).await;
    billing.stop().await;
}

async fn documents(billing: &Instance) {
    let place = json!({"version": 1, "account": "A-1", "taken_on": "2025-01-01", "address": {"lines": ["Str. Unirii 1"]},
        "protections": [{"kind": "life_support", "valid_from_on": "2026-01-01"}]});
    assert_eq!(billing.ok("/v1/creditors/RO/places/P-1", place).await, "created");
    assert_eq!(
        billing
            .ok("/v1/creditors/RO/invoices/I-1", invoice(1, "A-1", 10_000))
            .await,
        "created"
    );
    assert_eq!(
        billing
            .ok("/v1/creditors/RO/invoices/I-1", invoice(2, "A-1", 9_000))
            .await,
        "updated"
    );
    let note = json!({"version": 1, "type": "credit_note", "account": "A-1", "number": "N-1", "issued_on": "2026-01-06",
        "currency": "RON", "total_minor": 1_000, "credits": "I-1"});
    assert_eq!(
        billing.ok("/v1/creditors/RO/invoices/N-1", note.clone()).await,
        "created"
    );
    let (status, answer) = billing
        .put("/v1/creditors/RO/invoices/N-2", with(note, "total_minor", json!(8_001)))
        .await;
    assert_eq!((status, &answer["errors"][0]["rule"]), (422, &json!("exceeds-invoice")));
    let cancelled = with(
        with(invoice(3, "A-1", 9_000), "status", json!("cancelled")),
        "reason",
        json!("mistake"),
    );
    assert_eq!(billing.ok("/v1/creditors/RO/invoices/I-1", cancelled).await, "updated");
}

async fn told(bed: &Bed) {
    bed.expect::<CreditorRegistered>("creditors.creditor.v1", 1).await;
    let debtors = bed.expect::<DebtorRegistered>("accounts.debtor.v1", 2).await;
    assert_eq!(debtors[1].refund_accounts[0].iban, "RO09BCYP0000001234567890");
    let opened = bed.expect::<AccountOpened>("accounts.account.v1", 1).await;
    assert_eq!(opened[0].calendar.as_str(), "RO@17:00@Europe/Bucharest");
    let changed = bed.expect::<AccountChanged>("accounts.account.v1", 1).await;
    assert_eq!((changed[0].version, changed[0].level), (3, 5));
    bed.expect::<InvoiceCancelled>("billing.invoice.v1", 1).await;
    bed.expect::<InvoiceIssued>("billing.invoice.v1", 1).await;
    bed.expect::<InvoiceCorrected>("billing.invoice.v1", 1).await;
    bed.expect::<CreditNoteIssued>("billing.invoice.v1", 1).await;
    let account_id = AccountId::derive(CreditorId::derive("RO"), "A-1").to_string();
    let expected = [
        "InvoiceIssued",
        "InvoiceCorrected",
        "CreditNoteIssued",
        "InvoiceCancelled",
    ];
    assert_eq!(bed.types("billing.invoice.v1", &account_id).await, expected);
    let expected = ["AccountOpened", "AccountChanged", "PlaceTaken", "ProtectionDeclared"];
    assert_eq!(bed.types("accounts.account.v1", &account_id).await, expected);
}

async fn only_debtors_carry_personal_data(bed: &Bed) {
    for topic in ["creditors.creditor.v1", "accounts.account.v1", "billing.invoice.v1"] {
        for record in bed.fixture.read_topic(topic).await {
            let text = String::from_utf8_lossy(record.payload.as_ref().unwrap()).into_owned();
            for secret in ["Ana Pop", "ana@example.com", "RO09BCYP", "Unirii"] {
                assert!(!text.contains(secret), "{secret} on {topic}");
            }
        }
    }
}

async fn shown(billing: &Instance) {
    let (status, shown) = billing.get("/v1/creditors/RO/invoices/I-1").await;
    assert_eq!(status, 200);
    assert_eq!(
        (&shown["credited_minor"], &shown["cancelled_on"]),
        (&json!(1_000), &json!("2026-01-05"))
    );
    assert_eq!(
        (&shown["data"]["version"], &shown["data"]["reason"]),
        (&json!(3), &json!("mistake"))
    );
    let (_, shown) = billing.get("/v1/creditors/RO/accounts/A-1").await;
    assert_eq!(
        (&shown["data"]["version"], &shown["data"]["level"]),
        (&json!(3), &json!(5))
    );
    let (_, shown) = billing.get("/v1/creditors/RO/places/P-1").await;
    assert_eq!(shown["data"]["address"]["lines"], json!(["Str. Unirii 1"]));
    let (_, shown) = billing.get("/v1/creditors/RO/debtors/D-1").await;
    assert_eq!(shown["data"]["names"], json!(["Ana Pop"]));
    let (_, shown) = billing.get("/v1/creditors/RO").await;
    assert_eq!(
        (&shown["calendar"], &shown["first_on"]),
        (&json!("RO@17:00@Europe/Bucharest"), &json!("2026-01-05"))
    );
    assert_eq!(
        shown["data"]["bank_accounts"][0]["number"],
        json!("RO49AAAA1B31007593840000")
    );
    assert_eq!(billing.get("/v1/creditors/RO/accounts/A-2").await.0, 404);
    assert_eq!(billing.get("/v1/creditors/XX").await.0, 404);
}

/// Path, body, and the field and rule of the first finding.
type Case = (&'static str, Value, &'static str, &'static str);

fn of_accounts() -> Vec<Case> {
    let path = "/v1/creditors/RO/accounts/A-2";
    let case = |field: &str, value: Value, pointer, rule| (path, with(account(1, "D-1"), field, value), pointer, rule);
    vec![
        (path, account(1, "D-9"), "/debtor", "unknown-debtor"),
        (path, json!({"version": 1}), "/debtor", "required"),
        case("level", json!(6), "/level", "range"),
        case("levl", json!(1), "/levl", "unknown-field"),
        case("kind", json!("B2X"), "/kind", "one-of"),
        case("opened_on", json!("2025-02-30"), "/opened_on", "format"),
        case("currency", json!("XXQ"), "/currency", "format"),
        case("refund_iban", json!("RO49AAAA1B31007593840001"), "/refund_iban", "iban"),
    ]
}

fn of_invoices() -> Vec<Case> {
    let path = "/v1/creditors/RO/invoices/I-1";
    let case =
        |field: &str, value: Value, pointer, rule| (path, with(invoice(1, "A-1", 100), field, value), pointer, rule);
    vec![
        (path, invoice(1, "A-9", 100), "/account", "unknown-account"),
        case(
            "instalments",
            json!([{"due_on": "2026-02-05", "amount_minor": 1}]),
            "/instalments",
            "sum",
        ),
        case("instalments", json!([]), "/instalments", "min-items"),
        case("total_minor", json!(1.5), "/total_minor", "type"),
        case("credits", json!("I-0"), "/credits", "not-allowed"),
        case("currency", json!("EUR"), "/currency", "account-currency"),
    ]
}

fn of_creditors() -> Vec<Case> {
    let path = "/v1/creditors/CO";
    let case = |field: &str, value: Value, pointer, rule| (path, with(publisher(1), field, value), pointer, rule);
    vec![
        case(
            "bank_accounts",
            creditor(1)["bank_accounts"].clone(),
            "/bank_accounts/0/number",
            "taken",
        ),
        case("time_zone", json!("Europe/Nowhere"), "/time_zone", "time-zone"),
        (
            "/v1/creditors/RO",
            with(creditor(2), "cut_off", json!("18:00")),
            "/cut_off",
            "fixed",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_field_and_the_rule() {
    let bed = Bed::new("billing-refusals", ClockMode::System).await;
    let billing = bed.start().await;
    billing.ok("/v1/creditors/RO", creditor(1)).await;
    billing.ok("/v1/creditors/RO/debtors/D-1", debtor(1, "Ana Pop")).await;
    billing.ok("/v1/creditors/RO/accounts/A-1", account(1, "D-1")).await;
    for (path, body, pointer, rule) in [of_accounts(), of_invoices(), of_creditors()].concat() {
        let (status, answer) = billing.put(path, body).await;
        let found = &answer["errors"][0];
        assert_eq!(
            (status, &found["pointer"], &found["rule"]),
            (422, &json!(pointer), &json!(rule)),
            "{answer}"
        );
    }
    who_may(&billing).await;
    what_is_read(&billing).await;
    billing.stop().await;
}

async fn who_may(billing: &Instance) {
    let path = "/v1/creditors/RO/debtors/D-2";
    let status = async |method: Method, path: &str, token: Option<&str>, body: Option<Value>| {
        billing.send(method, path, token, body).await.0.as_u16()
    };
    let body = || Some(debtor(1, "Ion"));
    assert_eq!(status(Method::PUT, path, None, body()).await, 401);
    assert_eq!(status(Method::PUT, path, Some("nobody"), body()).await, 401);
    assert_eq!(status(Method::PUT, path, Some(READER), body()).await, 403);
    assert_eq!(status(Method::PUT, path, Some(OTHER), body()).await, 403);
    assert_eq!(status(Method::GET, path, Some(OTHER), None).await, 403);
    assert_eq!(
        status(Method::PUT, "/v1/creditors/X/debtors/D-2", Some(OTHER), body()).await,
        404
    );
    assert_eq!(status(Method::PUT, path, Some(ADMIN), body()).await, 201);
    assert_eq!(status(Method::POST, path, Some(ERP), body()).await, 405);
    let close = Some(json!({"calendar": "RO@17:00@Europe/Bucharest", "through": "2026-01-05"}));
    assert_eq!(
        status(Method::POST, "/v1/clock/close", Some(ADMIN), close).await,
        404,
        "the clock runs by itself"
    );
}

async fn what_is_read(billing: &Instance) {
    let path = "/v1/creditors/RO/debtors/D-3";
    assert_eq!(billing.raw(Method::PUT, path, "text/plain", "{}").await.0, 415);
    assert_eq!(billing.raw(Method::PUT, path, "application/json", "{").await.0, 400);
    assert_eq!(
        billing
            .raw(Method::PUT, path, "application/json", vec![b' '; 3_000_000])
            .await
            .0,
        413
    );
    assert_eq!(
        billing
            .raw(
                Method::PUT,
                "/v1/creditors/RO/debtors/%00",
                "application/json",
                debtor(1, "x").to_string()
            )
            .await
            .0,
        422
    );
    assert_eq!(
        billing
            .raw(Method::PUT, "/v1/creditors/RO/debtors/%ff", "application/json", "{}")
            .await
            .0,
        400
    );
    let nul = debtor(1, "a\u{0}b").to_string();
    assert_eq!(billing.raw(Method::PUT, path, "application/json", nul).await.0, 422);
    assert_eq!(billing.get("/v1/creditors/RO/debtors/%00").await.0, 404);
    let batch = billing
        .raw(Method::POST, "/v1/creditors/RO/batch", "application/json", "{}")
        .await;
    assert_eq!(batch.0, 415);
    let (status, document) = billing.send(Method::GET, "/openapi.json", None, None).await;
    assert_eq!((status.as_u16(), &document["openapi"]), (200, &json!("3.1.0")));
}
