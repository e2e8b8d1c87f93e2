//! Figures as JSON numbers, computed without floating point.

use rust_decimal::Decimal;
use serde_json::Value;

/// `part / whole` with this many digits behind the point; null where `whole` is 0.
pub fn ratio(part: u64, whole: u64, digits: u32) -> Value {
    let quotient = Decimal::from(part).checked_div(Decimal::from(whole));
    quotient.map_or(Value::Null, |quotient| number(quotient.round_dp(digits)))
}

/// A decimal as a JSON number.
fn number(decimal: Decimal) -> Value {
    serde_json::from_str(&decimal.to_string()).unwrap_or(Value::Null)
}

/// Microseconds as milliseconds.
pub fn millis(micros: u64) -> Value {
    ratio(micros, 1_000, 2)
}
