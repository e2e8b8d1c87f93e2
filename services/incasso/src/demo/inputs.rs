//! The month on disk, so that an outsider can send it again, or recompute what it must come to.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::erp;
use super::model::{DayInputs, Month};
use super::payu;

const README: &str = "\
A made-up month of two creditors, as the outside world sends it to Incasso.

manifest.json   what is sent on which day, in which order, and when each day closes
expected.json   what the month must come to, from how it was made up (not from what Incasso said)
creditors/      bodies of PUT /v1/creditors/{code} on billing, before everything else
2026-01-01/ …   one folder a day:
  billing-<code>.ndjson   body of POST /v1/creditors/{code}/batch on billing (application/x-ndjson)
  payu.ndjson             PayU's requests to ingestion, one a line: path, content_type, body (sent in this order, several at a time)
  *.xml                   bodies of POST /v1/statements on ingestion, in the order of the manifest

How to recompute
- Money in: every booked credit of a statement whose balances hold, each entry once however many statements tell of it (same
  account, bank reference, booking date and amount; without a bank reference the n-th equal entry of a statement is the n-th
  payment), and every rightly signed notice with state_pol=4, each transaction_id once.
- The same money by PayU and by bank (a line that names the order, with the same amount) is one payment.
- A payer called PAYU pays out what notices told of: money of kind settlement, shown beside what was received and not part of it.
- A debit with RvslInd takes back the payment with the same EndToEndId and amount; other debits are outgoing.
- Whose it is: invoice number, account number or creditor reference in text; one transfer for many invoices where their totals
  fit; else the account for which the payer's bank account paid before.
- Amounts are in minor units of the currency. 17:00 local time ends a day; the statement of a banking day comes the day after.
";

/// Writes everything below `folder`, which must not be there yet.
///
/// # Errors
/// Those of the disk.
pub fn write(month: &Month, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("creditors"))?;
    fs::write(folder.join("README.txt"), README)?;
    for firm in &month.firms {
        pretty(
            &folder.join("creditors").join(format!("{}.json", firm.code)),
            &erp::creditor(firm),
        )?;
    }
    for (on, day) in &month.days {
        if day.erp.is_empty() && day.notices.is_empty() && day.files.is_empty() {
            continue;
        }
        let folder = folder.join(on.to_string());
        fs::create_dir(&folder)?;
        for (code, lines) in &day.erp {
            fs::write(folder.join(format!("billing-{code}.ndjson")), lines)?;
        }
        for file in &day.files {
            fs::write(folder.join(&file.name), &file.bytes)?;
        }
        if !day.notices.is_empty() {
            let mut out = BufWriter::new(fs::File::create(folder.join("payu.ndjson"))?);
            for notice in &day.notices {
                serde_json::to_writer(&mut out, notice)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
        }
    }
    pretty(&folder.join("expected.json"), &serde_json::to_value(&month.expected)?)?;
    pretty(&folder.join("manifest.json"), &manifest(month))
}

fn pretty(path: &Path, value: &Value) -> io::Result<()> {
    fs::write(path, format!("{value:#}\n"))
}

fn manifest(month: &Month) -> Value {
    let creditors: Vec<Value> = month
        .firms
        .iter()
        .map(|firm| {
            json!({
                "code": firm.code, "file": format!("creditors/{}.json", firm.code), "currency": firm.currency,
                "calendar": firm.calendar(), "bank_account": firm.bank_account,
            })
        })
        .collect();
    let merchants: Vec<Value> = month
        .firms
        .iter()
        .filter_map(|firm| firm.merchant)
        .map(|merchant| json!({"merchant_id": merchant, "algorithm": payu::ALGORITHM, "api_key": payu::API_KEY}))
        .collect();
    let days: Vec<Value> = month
        .days
        .iter()
        .map(|(on, day)| json!({"on": on, "steps": steps(&on.to_string(), day, month)}))
        .collect();
    json!({
        "accounts": month.accounts, "invoices": month.invoices, "creditors": creditors, "payu_latam": merchants,
        "shown_at_the_end": month.shown, "days": days,
    })
}

fn steps(on: &str, day: &DayInputs, month: &Month) -> Vec<Value> {
    let mut steps: Vec<Value> = Vec::new();
    for code in day.erp.keys() {
        steps.push(json!({"to": "billing", "path": format!("/v1/creditors/{code}/batch"), "file": format!("{on}/billing-{code}.ndjson")}));
    }
    if !day.notices.is_empty() {
        steps.push(json!({"to": "ingestion", "requests": format!("{on}/payu.ndjson"), "count": day.notices.len()}));
    }
    for file in &day.files {
        steps.push(json!({"to": "ingestion", "path": "/v1/statements", "file": format!("{on}/{}", file.name), "note": file.note}));
    }
    steps.extend(
        month.firms.iter().map(
            |firm| json!({"to": "billing", "path": "/v1/clock/close", "calendar": firm.calendar(), "through": on}),
        ),
    );
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::model::Size;
    use crate::demo::month::{SEED, month};

    #[test]
    fn everything_in_the_manifest_is_there_and_nothing_else() {
        let month = month(
            Size {
                romanian: 200,
                colombian: 100,
            },
            SEED,
        )
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        write(&month, folder.path()).unwrap();
        let manifest: Value = serde_json::from_slice(&fs::read(folder.path().join("manifest.json")).unwrap()).unwrap();
        let mut named: Vec<String> = vec!["README.txt".into(), "manifest.json".into(), "expected.json".into()];
        named.extend(
            manifest["creditors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|creditor| creditor["file"].as_str().unwrap().to_owned()),
        );
        for step in manifest["days"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|day| day["steps"].as_array().unwrap())
        {
            named.extend(
                ["file", "requests"]
                    .iter()
                    .filter_map(|name| step[*name].as_str())
                    .map(str::to_owned),
            );
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let files = if path.is_dir() {
                fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect()
            } else {
                vec![path]
            };
            found.extend(
                files
                    .iter()
                    .map(|file| file.strip_prefix(folder.path()).unwrap().display().to_string()),
            );
        }
        named.sort();
        found.sort();
        assert_eq!(named, found);
    }
}
