//! What a person reads at the end: the table, the chain heads, three payments in words, and where to look further.

use std::fmt::Write as _;

use kernel::{CreditorId, Currency, InvoiceId, Money};
use serde_json::Value;

use super::client::Outside;
use super::model::Shown;
use super::outcome::{CurrencyOutcome, Outcome};
use super::place::{Place, TOKEN};

/// Rows of an explanation that are shown.
const ROWS: usize = 3;

/// The table. Writing to a `String` cannot fail, here and below.
#[must_use]
pub fn table(outcome: &Outcome) -> String {
    type Line = (&'static str, fn(&CurrencyOutcome) -> i64, &'static str);
    let lines: [Line; 13] = [
        ("received", |c| c.received_minor, "new money, counted once"),
        ("reversed", |c| c.reversed_minor, "taken back by the bank"),
        ("returned", |c| c.returned_minor, "given back by us"),
        ("= assigned", |c| c.assigned_minor, "we know whose it is"),
        (
            "+ unidentified",
            |c| c.unidentified_minor,
            "nobody's yet: a person or a later invoice decides",
        ),
        ("allocated", |c| c.allocated_minor, "of the assigned: on invoices"),
        ("credit", |c| c.credit_minor, "of the assigned: more than is owed"),
        ("guarantees", |c| c.guarantees_minor, "of the assigned: held"),
        ("refunded", |c| c.refunded_minor, "of the assigned: given back"),
        ("parked", |c| c.parked_minor, "held up by a message that broke a rule"),
        ("seen again", |c| c.seen_again_minor, "told of twice, booked once"),
        (
            "settlement",
            |c| c.settlement_minor,
            "PayU's payouts of what it confirmed before: beside the sums above",
        ),
        (
            "outgoing",
            |c| c.outgoing_minor,
            "fees and other debits: beside them too",
        ),
    ];
    let mut out = String::new();
    let _ = write!(out, "\n{:<16}", "");
    for currency in &outcome.currencies {
        let _ = write!(out, "{:>20}", currency.currency);
    }
    out.push('\n');
    for (name, amount, note) in lines {
        let _ = write!(out, "{name:<16}");
        for currency in &outcome.currencies {
            let _ = write!(out, "{:>20}", grouped(amount(currency), &currency.currency));
        }
        let _ = writeln!(out, "   {note}");
    }
    let certificates = &outcome.certificates;
    let _ = write!(
        out,
        "\n{} payments, {} seen again, {} files or statements in quarantine; {} of {} certificates hold.\nChain heads:",
        outcome.payments, outcome.duplicates, outcome.quarantined, certificates.hold, certificates.count
    );
    for (service, hash) in &certificates.heads {
        let _ = write!(out, "\n  {service:<11} {hash}");
    }
    out.push('\n');
    out
}

/// `1,234,567.80`.
fn grouped(minor: i64, currency: &str) -> String {
    let Ok(currency) = Currency::parse(currency) else {
        return minor.to_string();
    };
    let text = Money::new(minor, currency).to_decimal_string();
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        let _ = write!(out, ".{fraction}");
    }
    out
}

/// A payment in words: what was seen of it, whose it is and why, and what it settled and why.
///
/// # Errors
/// A service does not answer.
pub async fn explain(outside: &Outside, shown: &Shown) -> anyhow::Result<String> {
    let invoice = InvoiceId::derive(CreditorId::derive(shown.creditor), &shown.invoice);
    let rows = outside.allocation(&format!("invoices/{invoice}/allocations")).await?;
    let mut out = format!("{}, invoice {}: {}\n", shown.creditor, shown.invoice, shown.what);
    let Some(payment) = rows.pointer("/allocations/0/payment_id").and_then(Value::as_str) else {
        out.push_str("  nothing was allocated to it\n");
        return Ok(out);
    };
    let seen = outside.ingestion(&format!("payments/{payment}")).await?;
    let _ = writeln!(out, "  payment {payment}");
    for sighting in list(&seen, "sightings").take(ROWS) {
        let money = grouped(
            number(sighting, "amount_minor").saturating_abs(),
            text(&seen, "currency"),
        );
        let what = sighted(sighting);
        let _ = writeln!(
            out,
            "  {what}: {money} {} by {} at {}, value date {}",
            text(&seen, "currency"),
            text(sighting, "channel"),
            text(sighting, "collector"),
            text(sighting, "value_on")
        );
    }
    let funds: Vec<&Value> = list(&seen, "funds").collect();
    for part in funds.iter().take(ROWS) {
        for evidence in list(part, "evidence").take(1) {
            let _ = writeln!(
                out,
                "  assigned {}: {} {} ({})",
                grouped(number(part, "amount_minor"), text(&seen, "currency")),
                text(evidence, "rule").replace('_', " "),
                text(evidence, "reference"),
                text(evidence, "strength")
            );
        }
    }
    more(&mut out, funds.len(), "accounts");
    let told = outside.allocation(&format!("payments/{payment}/allocations")).await?;
    let allocations: Vec<&Value> = list(&told, "allocations").collect();
    for row in allocations.iter().take(ROWS) {
        let _ = writeln!(out, "  → {}", text(row, "words"));
        for ground in list(row, "grounds").filter_map(Value::as_str).take(1) {
            let _ = writeln!(out, "    {ground}");
        }
    }
    more(&mut out, allocations.len(), "rows");
    Ok(out)
}

/// What a document told of a payment.
fn sighted(sighting: &Value) -> &'static str {
    let first = sighting.get("first").and_then(Value::as_bool) == Some(true);
    match text(sighting, "class") {
        "reversal" => "taken back",
        _ if first => "received",
        _ => "seen again",
    }
}

fn more(out: &mut String, count: usize, what: &str) {
    if let Some(left) = count.checked_sub(ROWS).filter(|left| *left > 0) {
        let _ = writeln!(out, "  … and {left} more {what}");
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}

fn number(value: &Value, name: &str) -> i64 {
    value.get(name).and_then(Value::as_i64).unwrap_or(0)
}

/// Where to look further.
#[must_use]
pub fn further(outside: &Outside, place: &Place, serving: bool) -> String {
    let mut out = String::from("\nLook further\n");
    let inputs = place.inputs();
    let _ = writeln!(
        out,
        "  what was sent      {} (README.txt says how to recompute it)",
        inputs.display()
    );
    let _ = writeln!(
        out,
        "  a file             incasso inspect {}",
        inputs.join("2026-01-06/camt053-RO-2026-01-05.xml").display()
    );
    if !serving {
        let _ = writeln!(
            out,
            "  ask the services   run it without --once: it keeps serving until Ctrl-C"
        );
        return out;
    }
    for (service, url) in outside.addresses() {
        let _ = writeln!(out, "  {service:<18} {url}  (/openapi.json, /metrics)");
    }
    let [_, (_, ingestion), (_, allocation)] = outside.addresses();
    let _ = writeln!(
        out,
        "  the proof          incasso proof --config {}",
        place.settings_file().display()
    );
    let _ = writeln!(
        out,
        "  unidentified       curl -H 'Authorization: Bearer {TOKEN}' {ingestion}/v1/deposits"
    );
    let _ = writeln!(
        out,
        "  a payment, why     curl -H 'Authorization: Bearer {TOKEN}' {allocation}/v1/payments/<id>/allocations"
    );
    out.push_str("\nIt serves until Ctrl-C; then everything that it started ends.\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sightings_are_named() {
        for (class, first, what) in [
            ("payment", true, "received"),
            ("payment", false, "seen again"),
            ("reversal", true, "taken back"),
        ] {
            assert_eq!(sighted(&serde_json::json!({"class": class, "first": first})), what);
        }
    }

    #[test]
    fn amounts_are_grouped() {
        for (minor, shown) in [
            (0, "0.00"),
            (5, "0.05"),
            (123_456, "1,234.56"),
            (-100_000_000, "-1,000,000.00"),
            (99_999, "999.99"),
        ] {
            assert_eq!(grouped(minor, "RON"), shown);
        }
        assert_eq!(grouped(7, "?"), "7");
    }
}
