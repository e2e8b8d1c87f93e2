//! Any bytes as a PayU confirmation.

#![no_main]

use fuzz::payu::Confirmation;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let fields: Vec<(String, String)> = form_urlencoded::parse(data)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let confirmation = Confirmation::read(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    assert!(confirmation.signed_text("key").starts_with("key~"));
    let _ = (confirmation.state(), confirmation.paid_on(), confirmation.is_test());
    if let Ok(money) = confirmation.money() {
        assert!(money.minor() > 0);
    }
    if confirmation.unusable_text().is_none() {
        assert!(!confirmation.transaction_id.contains('\0'));
    }
});
