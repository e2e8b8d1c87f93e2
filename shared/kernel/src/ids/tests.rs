use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// Computed by the Python of this module's documentation, so that outsiders and we agree for ever.
#[test]
fn ids_as_python_computes_them() {
    assert_eq!(NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"incasso.invalid"));
    let creditor = CreditorId::derive("RO-ENERGY");
    let account = AccountId::derive(creditor, "C-1001");
    let invoice = InvoiceId::derive(creditor, "F 1");
    let payment = PaymentId::derive("camt", "x");
    let message = MessageId::derive_text("hello");
    for (id, python) in [
        (creditor.to_string(), "54000b0e-7b3f-5dca-b32f-b8276e24b75d"),
        (account.to_string(), "8cdb977c-bde7-5f1e-b273-59fdf4bde12d"),
        (
            DebtorId::derive(creditor, "Ștefan").to_string(),
            "1303036b-250a-5585-8803-665a45345371",
        ),
        (invoice.to_string(), "a0cfb83f-9a92-56fe-be6a-35196e50b5ba"),
        (
            ItemId::derive(invoice, 1).to_string(),
            "456e6e64-ab1e-5fa8-b276-48b09dc5c4b0",
        ),
        (payment.to_string(), "846b0069-635a-5d5e-a556-6157121e6ba9"),
        (
            FundsId::derive(payment, account, 0).to_string(),
            "526e0f36-df47-56fd-9152-b81f4f80b8e7",
        ),
        (message.to_string(), "ebe5fbf7-c9db-5599-9597-45871c30919b"),
        (
            MessageId::derive(message, "OpenItems", 3).to_string(),
            "f9551929-0b56-51fe-a247-04cf82d1ed16",
        ),
        (TaskId::derive(&[]).to_string(), "cfb76536-010a-5760-98e1-1fa2de312c68"),
        (
            TaskId::derive(&["a", "bc"]).to_string(),
            "d034a6be-c96d-5024-8fde-3b64e525ca24",
        ),
        (
            TaskId::derive(&["ab", "c"]).to_string(),
            "38815f98-3ebc-5667-9fcf-bc8c5b1be843",
        ),
    ] {
        assert_eq!(id, python);
    }
    assert_eq!(checksum(message), 9_111_554_387_958_547_458);
    assert_eq!(
        checksum(MessageId::derive(message, "OpenItems", 3)),
        6_562_340_483_019_291_880
    );
}

#[test]
fn kinds_do_not_share_ids() {
    let creditor = CreditorId::derive("c");
    let all = [
        creditor.as_uuid(),
        DebtorId::derive(creditor, "1").as_uuid(),
        AccountId::derive(creditor, "1").as_uuid(),
        PlaceId::derive(creditor, "1").as_uuid(),
        InvoiceId::derive(creditor, "1").as_uuid(),
        CreditNoteId::derive(creditor, "1").as_uuid(),
        DepositId::derive(&["1"]).as_uuid(),
        AllocationId::derive(&["1"]).as_uuid(),
        SightingId::derive(&["1"]).as_uuid(),
        TaskId::derive(&["1"]).as_uuid(),
        MessageId::derive_text("1").as_uuid(),
    ];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    assert!(all.iter().all(|id| id.get_version_num() == 5));
}

#[test]
fn text_forms() {
    let id = AccountId::derive(CreditorId::derive("c"), "1");
    let text = id.to_string();
    assert_eq!(text.parse::<AccountId>(), Ok(id));
    assert_eq!(text.to_uppercase().parse::<AccountId>(), Ok(id));
    assert_eq!(format!("{id:?}"), format!("AccountId({text})"));
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<AccountId>(&format!("\"{text}\"")).unwrap(), id);
    for wrong in [
        "",
        "x",
        &text[1..],
        &text.replace('-', ""),
        &format!("{{{text}}}"),
        &format!("urn:uuid:{text}"),
    ] {
        let error = wrong.parse::<AccountId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "no account id: a UUID in its hyphenated form is expected",
            "{wrong}"
        );
    }
}

#[test]
fn a_checksum_shows_what_is_lost_or_doubled() {
    let sum = |ids: &[u32]| {
        ids.iter()
            .map(|n| checksum(MessageId::derive_text(&n.to_string())))
            .fold(0_i64, i64::wrapping_add)
    };
    assert_eq!(sum(&[1, 2, 3]), sum(&[3, 1, 2]));
    assert_ne!(sum(&[1, 2, 3]), sum(&[1, 2]));
    assert_ne!(sum(&[1, 2, 3]), sum(&[1, 2, 3, 3]));
    assert_ne!(sum(&[1, 2, 3]), sum(&[1, 2, 4]));
    let all: HashSet<i64> = (0..20_000).map(|n: u32| sum(&[n])).collect();
    assert_eq!(all.len(), 20_000);
}

proptest! {
    /// Two lists of parts give one id only where they are the same list.
    #[test]
    fn parts_are_kept_apart(
        one in proptest::collection::vec("[a0-9:,]{0,4}", 0..4),
        other in proptest::collection::vec("[a0-9:,]{0,4}", 0..4),
    ) {
        let id = |parts: &[String]| TaskId::derive(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(id(&one) == id(&other), one == other);
    }

    #[test]
    fn each_uuid_survives_text_and_serde(bits: u128) {
        let id = PaymentId::from_uuid(Uuid::from_u128(bits));
        prop_assert_eq!(id.to_string().parse::<PaymentId>(), Ok(id));
        prop_assert_eq!(serde_json::from_str::<PaymentId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        prop_assert_eq!(id.as_uuid().as_u128(), bits);
    }
}
