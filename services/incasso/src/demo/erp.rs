//! What the ERP sends to billing: creditors, and a line for each debtor, account, place and invoice.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kernel::BusinessDate;
use serde_json::{Value, json};

use super::books::{Books, first};
use super::model::{Change, Firm, Invoice};

/// The body of a creditor's PUT.
pub fn creditor(firm: &Firm) -> Value {
    let merchants: Vec<Value> = firm
        .merchant
        .iter()
        .map(|merchant| json!({"provider": "payu-latam", "merchant_id": merchant, "currency": firm.currency}))
        .collect();
    json!({
        "version": 1, "name": firm.name, "jurisdiction": firm.jurisdiction, "time_zone": firm.zone, "cut_off": "17:00",
        "currency": firm.currency, "first_on": first(),
        "bank_accounts": [{
            "number": firm.bank_account, "currency": firm.currency, "bank_name": firm.bank, "first_on": first(),
            "banking_calendar": firm.jurisdiction, "lag_days": 1,
        }],
        "merchants": merchants,
        "letterhead": {"lines": [firm.name], "web": "https://example.com"},
    })
}

fn line(out: &mut Vec<u8>, kind: &str, external_id: &str, data: &Value) {
    let line = json!({"kind": kind, "external_id": external_id, "data": data}).to_string();
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

/// All lines of a creditor, by the day on which they are sent.
pub fn lines(books: &Books) -> BTreeMap<BusinessDate, Vec<u8>> {
    let mut days: BTreeMap<BusinessDate, Vec<u8>> = BTreeMap::new();
    parties(books, days.entry(first()).or_default());
    for invoice in &books.invoices {
        let out = days.entry(invoice.sent_on).or_default();
        line(
            out,
            "invoice",
            &invoice.number,
            &body(books, invoice, 1, invoice.total_minor),
        );
    }
    for (on, changes) in &books.changes {
        let out = days.entry(*on).or_default();
        for change in changes {
            changed(books, change, *on, out);
        }
    }
    days
}

/// Most of the lines are written as text: made-up names and numbers need no escapes, and a line is quick to write.
fn parties(books: &Books, out: &mut Vec<u8>) {
    let romanian = books.firm.jurisdiction == "RO";
    let language = if romanian { "ro" } else { "es-CO" };
    let currency = books.firm.currency;
    let mut text = String::new();
    for (index, account) in books.accounts.iter().enumerate() {
        let number = &account.number;
        let (kind, contract) = if account.firm {
            ("firm", "B2B")
        } else {
            ("person", "B2C")
        };
        text.clear();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{{\"kind\":\"debtor\",\"external_id\":\"D-{number}\",\"data\":{{\"version\":1,\"kind\":\"{kind}\",\"names\":[\"{}\"],\"language\":\"{language}\"}}}}\n\
             {{\"kind\":\"account\",\"external_id\":\"C-{number}\",\"data\":{{\"version\":1,\"debtor\":\"D-{number}\",\"number\":\"{number}\",\
             \"kind\":\"{contract}\",\"currency\":\"{currency}\",\"level\":{},\"opened_on\":\"2024-03-01\"}}}}\n",
            account.name,
            1 + index % 5,
        );
        out.extend_from_slice(text.as_bytes());
        if romanian && index % 50 == 0 {
            let place = json!({
                "version": 1, "account": format!("C-{number}"), "product": "electricity", "region": "RO-B",
                "meter_id": format!("M-{number}"), "remote_cut_possible": index % 100 == 0, "voltage": "LV", "power_kw": "6.6",
                "habitual_dwelling": !account.firm, "taken_on": "2024-03-01",
            });
            line(out, "place", &format!("P-{number}"), &place);
        }
    }
}

fn product(books: &Books) -> &'static str {
    if books.firm.jurisdiction == "RO" {
        "electricity"
    } else {
        "magazine"
    }
}

fn body(books: &Books, invoice: &Invoice, version: i64, total_minor: i64) -> Value {
    let account = books
        .accounts
        .get(invoice.account)
        .map(|account| account.number.as_str())
        .unwrap_or_default();
    json!({
        "version": version, "account": format!("C-{account}"), "number": invoice.number, "issued_on": invoice.issued_on,
        "currency": books.firm.currency, "total_minor": total_minor,
        "instalments": [{"due_on": invoice.due_on, "amount_minor": total_minor}],
        "lines": [{"product": product(books), "debt_kind": "consumption", "net_minor": total_minor}],
        "payment_references": [invoice.rf],
    })
}

fn changed(books: &Books, change: &Change, on: BusinessDate, out: &mut Vec<u8>) {
    let of = |index: &usize| books.invoices.get(*index);
    match change {
        Change::Corrected { invoice, total_minor } => {
            if let Some(invoice) = of(invoice) {
                line(out, "invoice", &invoice.number, &body(books, invoice, 2, *total_minor));
            }
        }
        Change::Cancelled { invoice } => {
            if let Some(invoice) = of(invoice) {
                let mut data = body(books, invoice, 2, invoice.total_minor);
                if let Some(fields) = data.as_object_mut() {
                    fields.insert("status".to_owned(), json!("cancelled"));
                    fields.insert("cancelled_on".to_owned(), json!(on));
                    fields.insert("reason".to_owned(), json!("issued by mistake"));
                }
                line(out, "invoice", &invoice.number, &data);
            }
        }
        Change::Credited { invoice, amount_minor } => {
            if let Some(invoice) = of(invoice) {
                let account = books
                    .accounts
                    .get(invoice.account)
                    .map(|account| account.number.as_str())
                    .unwrap_or_default();
                let number = format!("N-{}", invoice.number);
                let data = json!({
                    "version": 1, "type": "credit_note", "account": format!("C-{account}"), "number": number, "issued_on": on,
                    "currency": books.firm.currency, "total_minor": amount_minor, "credits": invoice.number,
                    "reason": "goodwill",
                });
                line(out, "invoice", &number, &data);
            }
        }
        Change::Again { invoice } => {
            if let Some(invoice) = of(invoice) {
                line(
                    out,
                    "invoice",
                    &invoice.number,
                    &body(books, invoice, 1, invoice.total_minor),
                );
            }
        }
        Change::Stray => {
            let mut stray = json!({
                "version": 1, "account": "C-UNKNOWN", "number": "STRAY", "issued_on": on, "currency": books.firm.currency,
                "total_minor": 100,
            });
            if let Some(fields) = stray.as_object_mut() {
                fields.insert("instalments".to_owned(), json!([{"due_on": on, "amount_minor": 100}]));
            }
            line(out, "invoice", "STRAY", &stray);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::model::Size;
    use crate::demo::month::{SEED, month};

    #[test]
    fn every_line_is_json_and_a_first_version_is_what_is_sent_again() {
        let month = month(
            Size {
                romanian: 300,
                colombian: 100,
            },
            SEED,
        )
        .unwrap();
        let mut invoices: BTreeMap<String, Value> = BTreeMap::new();
        for (code, lines) in month.days.values().flat_map(|day| &day.erp) {
            for line in std::str::from_utf8(lines).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let version = line["data"]["version"].as_i64().unwrap();
                let id = format!("{code}/{}/{}/{version}", line["kind"], line["external_id"]);
                let before = invoices.insert(id.clone(), line.clone());
                assert!(before.is_none_or(|before| before == line), "{id}");
            }
        }
        assert!(invoices.len() > 300 * 3);
    }
}
