//! The signature of a confirmation. The algorithm is the merchant's setting: SHA-256 and HMAC-SHA-256 look alike, and a
//! sender who may choose chooses the weakest.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::PayuMerchant;
use crate::domain::payu::Confirmation;

/// How PayU signs, as set in its panel.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// MD5 of the signed text.
    Md5,
    /// SHA-1 of the signed text.
    Sha1,
    /// SHA-256 of the signed text.
    Sha256,
    /// HMAC-SHA-256 of the signed text under the secret key.
    HmacSha256,
}

impl Algorithm {
    fn of(self, secret: &str, text: &str) -> Option<String> {
        Some(match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha1 => hex::encode(Sha1::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
            Self::HmacSha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
                    .ok()
                    .filter(|_| !secret.is_empty())?;
                mac.update(text.as_bytes());
                hex::encode(mac.finalize().into_bytes())
            }
        })
    }
}

/// Whether PayU signed this confirmation for this merchant. Fails closed without a secret; compares in constant time,
/// hexadecimal digits of either case.
#[must_use]
pub fn signed_by(merchant: &PayuMerchant, confirmation: &Confirmation) -> bool {
    if merchant.api_key.is_empty() || confirmation.merchant_id != merchant.merchant_id {
        return false;
    }
    let text = confirmation.signed_text(merchant.api_key.expose());
    let Some(expected) = merchant.algorithm.of(merchant.hmac_secret.expose(), &text) else {
        return false;
    };
    let given = confirmation.sign.to_ascii_lowercase();
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use runtime::Secret;

    use super::*;
    use crate::payu::read_form;

    const KEY: &str = "4Vj8eK4rloUd272L48hsrarnUA";

    fn merchant(algorithm: Algorithm) -> PayuMerchant {
        PayuMerchant {
            merchant_id: "508029".into(),
            algorithm,
            api_key: Secret::new(KEY),
            hmac_secret: Secret::new("test123"),
            books_test_transactions: false,
        }
    }

    fn form(reference: &str, value: &str, currency: &str, state: &str, sign: &str) -> Confirmation {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, text) in [
            ("merchant_id", "508029"),
            ("reference_sale", reference),
            ("value", value),
            ("currency", currency),
            ("state_pol", state),
            ("sign", sign),
        ] {
            form.append_pair(name, text);
        }
        read_form(form.finish().as_bytes())
    }

    /// payment-feeds.md 1.3: documented, seen in a real POST, or computed from the rule.
    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn the_vectors() {
        use Algorithm::{HmacSha256, Md5, Sha1, Sha256};
        let sale = "Encuestamientos-Voluntario-31925539-18311-1269367";
        for (algorithm, reference, value, currency, state, sign, good) in [
            (
                Md5,
                "TestPayU05",
                "150.26",
                "USD",
                "4",
                "1d95778a651e11a0ab93c2169a519cd6",
                true,
            ),
            (
                Md5,
                "TestPayU05",
                "150.26",
                "USD",
                "4",
                "1D95778A651E11A0AB93C2169A519CD6",
                true,
            ),
            (
                Md5,
                "TestPayU04",
                "150.00",
                "USD",
                "4",
                "b607a2c2fa100e0947b206d41864fb86",
                true,
            ),
            // The documentation's misprint: printed for state 6, made for state 4.
            (
                Md5,
                "TestPayU04",
                "150.00",
                "USD",
                "6",
                "b607a2c2fa100e0947b206d41864fb86",
                false,
            ),
            (
                Md5,
                sale,
                "200.00",
                "ARS",
                "4",
                "198653c1d714c7f27b64ea01d81008fa",
                true,
            ),
            (
                Md5,
                sale,
                "201.00",
                "ARS",
                "4",
                "198653c1d714c7f27b64ea01d81008fa",
                false,
            ),
            (
                Sha1,
                "TestPayU05",
                "150.26",
                "USD",
                "4",
                "afe40179a2d87cb2e65fdeed61cb977b74ed0c67",
                true,
            ),
            (
                Sha256,
                "TestPayU05",
                "150.26",
                "USD",
                "4",
                "23cf8fa69ca463fe1f37899a99123f75aa6f1c099d4d78f0285756eadea60a6e",
                true,
            ),
            (
                HmacSha256,
                "PayUTest01",
                "150.00",
                "USD",
                "4",
                "65fb2b3452572784e23e7d6480359fd2507c54dd285ca3c4dceffb8764cfb66f",
                true,
            ),
            (
                HmacSha256,
                "PayUTest01",
                "150.25",
                "USD",
                "4",
                "7770a7933b90570a078fcacce1790eb13079cdf8f8a6e900b79f4f5eb96b8024",
                true,
            ),
            // Never the sender's choice.
            (
                HmacSha256,
                "TestPayU05",
                "150.26",
                "USD",
                "4",
                "1d95778a651e11a0ab93c2169a519cd6",
                false,
            ),
            (
                HmacSha256,
                "TestPayU05",
                "150.26",
                "USD",
                "4",
                "23cf8fa69ca463fe1f37899a99123f75aa6f1c099d4d78f0285756eadea60a6e",
                false,
            ),
            (Sha256, "TestPayU05", "150.26", "USD", "4", "", false),
        ] {
            let confirmation = form(reference, value, currency, state, sign);
            assert_eq!(
                signed_by(&merchant(algorithm), &confirmation),
                good,
                "{algorithm:?} {reference} {value} {state} {sign}"
            );
        }
    }

    #[test]
    fn a_real_notice_and_closed_doors() {
        let body = "value=200.00&transaction_id=52f5e22d-5f2f-4547-ab26-c566ccbb6763&sign=198653c1d714c7f27b64ea01d81008fa&state_pol=4\
                    &reference_pol=846116081&currency=ARS&merchant_id=508029&reference_sale=Encuestamientos-Voluntario-31925539-18311-1269367";
        let confirmation = read_form(body.as_bytes());
        assert!(signed_by(&merchant(Algorithm::Md5), &confirmation));
        assert_eq!(confirmation.reference_pol, "846116081");
        let other = PayuMerchant {
            merchant_id: "500238".into(),
            ..merchant(Algorithm::Md5)
        };
        assert!(!signed_by(&other, &confirmation));
        let keyless = PayuMerchant {
            api_key: Secret::default(),
            ..merchant(Algorithm::Md5)
        };
        assert!(!signed_by(&keyless, &confirmation));
        let secretless = PayuMerchant {
            hmac_secret: Secret::default(),
            ..merchant(Algorithm::HmacSha256)
        };
        assert!(!signed_by(
            &secretless,
            &form(
                "PayUTest01",
                "150.00",
                "USD",
                "4",
                "65fb2b3452572784e23e7d6480359fd2507c54dd285ca3c4dceffb8764cfb66f"
            )
        ));
    }
}
