//! PayU LatAm's confirmations as it would send them: form bodies with a signature.
//!
//! <https://developers.payulatam.com/latam/en/docs/integrations/webcheckout-integration/confirmation-page.html>

use kernel::{BusinessDate, Currency, Money};
use sha2::{Digest as _, Sha256};

use super::model::Notice;

/// The merchant's API key of the demo; no secret, it signs made-up money.
pub const API_KEY: &str = "demo4Vj8eK4rloUd272L48hsrarn";
/// How the demo's notices are signed, as ingestion's settings name it.
pub const ALGORITHM: &str = "sha256";

/// An attempt to pay an invoice, and how PayU tells of it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Day of the transaction.
    pub on: BusinessDate,
    /// Day on which the notice is sent first.
    pub sent_on: BusinessDate,
    /// Day on which the very same notice is sent again.
    pub again_on: Option<BusinessDate>,
    /// Index of the account.
    pub account: usize,
    /// The account's number.
    pub account_number: String,
    /// Our reference: the invoice's number, or a wrong one.
    pub reference: String,
    /// Amount.
    pub amount_minor: i64,
    /// `4` approved, `6` declined, `5` expired.
    pub state: &'static str,
    /// PayU's order.
    pub order: u64,
    /// PayU's transaction.
    pub transaction: String,
    /// Signed by somebody else.
    pub forged: bool,
    /// Whether the reference leads to the account.
    pub known: bool,
}

/// The request for an attempt.
pub fn notice(merchant: &str, attempt: &Attempt) -> Notice {
    let value = Money::new(attempt.amount_minor, Currency::COP).to_decimal_string();
    let key = if attempt.forged { "somebody-elses-key" } else { API_KEY };
    let sign = signature(key, [merchant, &attempt.reference, &value, "COP", attempt.state]);
    let (message, code) = match attempt.state {
        "4" => ("APPROVED", "1"),
        "5" => ("EXPIRED_TRANSACTION", "20"),
        _ => ("INSUFFICIENT_FUNDS", "51"),
    };
    let order = attempt.order.to_string();
    let date = format!(
        "{} 10:{:02}:{:02}",
        attempt.on,
        attempt.order % 60,
        attempt.order / 60 % 60
    );
    let description = format!("Suscripción {}", attempt.reference);
    let fields = [
        ("merchant_id", merchant),
        ("state_pol", attempt.state),
        ("response_code_pol", code),
        ("response_message_pol", message),
        ("reference_sale", &attempt.reference),
        ("reference_pol", &order),
        ("transaction_id", &attempt.transaction),
        ("sign", &sign),
        ("value", &value),
        ("tax", "0.00"),
        ("currency", "COP"),
        ("transaction_date", &date),
        ("payment_method_name", "PSE"),
        ("installments_number", "1"),
        ("test", "0"),
        ("extra1", if attempt.known { &attempt.account_number } else { "" }),
        ("extra2", ""),
        ("description", &description),
    ];
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    Notice {
        path: format!("/v1/webhooks/payu-latam/{merchant}"),
        content_type: "application/x-www-form-urlencoded",
        body: form.finish(),
    }
}

/// SHA-256 of `apiKey~merchant~reference~new_value~currency~state`; `new_value` drops the second decimal where it is 0.
fn signature(key: &str, [merchant, reference, value, currency, state]: [&str; 5]) -> String {
    let new_value = match value.strip_suffix('0') {
        Some(short) if value.contains('.') => short,
        _ => value,
    };
    let text = [key, merchant, reference, new_value, currency, state].join("~");
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 vector of payment-feeds.md 1.3, computed from the documented rule.
    #[test]
    fn the_signature_of_the_documented_example() {
        let sign = signature(
            "4Vj8eK4rloUd272L48hsrarnUA",
            ["508029", "TestPayU05", "150.26", "USD", "4"],
        );
        assert_eq!(sign, "23cf8fa69ca463fe1f37899a99123f75aa6f1c099d4d78f0285756eadea60a6e");
        let long = signature("k", ["m", "r", "150.00", "COP", "4"]);
        let short = signature("k", ["m", "r", "150.0", "COP", "4"]);
        // `150.0` is what is signed for `150.00`; a value of one decimal loses nothing more in ingestion.
        assert_ne!(long, short);
        assert_eq!(long, hex_of("k~m~r~150.0~COP~4"));
    }

    fn hex_of(text: &str) -> String {
        Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    #[test]
    fn a_notice_is_a_form_that_reads_back() {
        let attempt = Attempt {
            on: BusinessDate::parse("2026-01-09").unwrap(),
            sent_on: BusinessDate::parse("2026-01-09").unwrap(),
            again_on: None,
            account: 0,
            account_number: "7000001".into(),
            reference: "EA2026-000001".into(),
            amount_minor: 4_500_000,
            state: "4",
            order: 1_400_000_001,
            transaction: "t-1".into(),
            forged: false,
            known: true,
        };
        let made = notice("980001", &attempt);
        let fields: Vec<(String, String)> = form_urlencoded::parse(made.body.as_bytes()).into_owned().collect();
        let of = |name: &str| fields.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(of("value"), "45000.00");
        assert_eq!(
            of("sign"),
            hex_of(&format!("{API_KEY}~980001~EA2026-000001~45000.0~COP~4"))
        );
        assert_eq!(of("extra1"), "7000001");
        assert_ne!(
            notice(
                "980001",
                &Attempt {
                    forged: true,
                    ..attempt
                }
            )
            .body,
            made.body
        );
    }
}
