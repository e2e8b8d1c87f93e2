//! What is sent: one creditor, its accounts and invoices, its bank's files, PayU's confirmations.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use kernel::BusinessDate;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::place::Place;

/// The creditor.
pub const CREDITOR: &str = "BENCH";
/// Its bank account.
pub const BANK_ACCOUNT: &str = "RO49AAAA1B31007593840000";
/// Its merchant at PayU.
pub const MERCHANT: &str = "508029";
/// The merchant's key; no secret, it signs made-up money.
pub const API_KEY: &str = "bench-key";
/// What an invoice is over.
pub const AMOUNT_MINOR: i64 = 10_000;
/// Lines per batch request.
const LINES: usize = 50_000;
const PATIENCE: Duration = Duration::from_secs(1_800);

/// The name of an account's invoice.
pub fn invoice(account: usize, number: usize) -> String {
    format!("F{account:07}N{number}")
}

/// Registers the creditor, its first day five days ago, so that days can be closed by hand.
///
/// # Errors
/// Billing or ingestion does not take it.
pub async fn creditor(place: &Place, today: BusinessDate) -> anyhow::Result<()> {
    let first_on = (0..5).fold(today, |on, _| on.pred());
    let body = json!({
        "version": 1, "name": "Bench SA", "jurisdiction": "RO", "time_zone": "Europe/Bucharest", "cut_off": "17:00",
        "currency": "RON", "first_on": first_on,
        "bank_accounts": [{"number": BANK_ACCOUNT, "currency": "RON", "first_on": first_on}],
        "merchants": [{"provider": "payu-latam", "merchant_id": MERCHANT, "currency": "RON"}],
    });
    let url = place.url("billing", &format!("/v1/creditors/{CREDITOR}"))?;
    place.good(place.http.put(url).json(&body)).await?;
    place.handled("ingestion", "creditors.creditor.v1", 1, PATIENCE).await?;
    place.handled("allocation", "creditors.creditor.v1", 1, PATIENCE).await
}

/// Registers accounts `from..to` with so many invoices each, and waits until every service knows them.
///
/// # Errors
/// A service does not take them.
pub async fn accounts(place: &Place, from: usize, to: usize, invoices: usize, on: BusinessDate) -> anyhow::Result<()> {
    let url = place.url("billing", &format!("/v1/creditors/{CREDITOR}/batch"))?;
    let (mut lines, mut count) = (String::new(), 0_usize);
    for account in from..to {
        account_lines(&mut lines, account, invoices, on)?;
        count = count.saturating_add(invoices).saturating_add(2);
        if count >= LINES || account.saturating_add(1) == to {
            let body = std::mem::take(&mut lines);
            let request = place
                .http
                .post(&url)
                .header("content-type", "application/x-ndjson")
                .body(body);
            let report = place.good(request).await?;
            let refused = report.lines().find(|line| !line.contains("\"status\":20"));
            anyhow::ensure!(
                refused.is_none(),
                "billing refused a line: {}",
                refused.unwrap_or_default()
            );
            count = 0;
        }
    }
    let accounts = u64::try_from(to)?;
    let items = accounts.saturating_mul(u64::try_from(invoices)?);
    for service in ["ingestion", "allocation"] {
        place
            .handled(service, "accounts.account.v1", accounts, PATIENCE)
            .await?;
        if from == 0 && invoices > 0 {
            place.handled(service, "billing.invoice.v1", items, PATIENCE).await?;
        }
    }
    Ok(())
}

fn account_lines(out: &mut String, account: usize, invoices: usize, on: BusinessDate) -> anyhow::Result<()> {
    writeln!(
        out,
        "{{\"kind\":\"debtor\",\"external_id\":\"D{account}\",\"data\":{{\"version\":1,\"kind\":\"person\",\"names\":[\"Ana Pop\"],\"language\":\"ro\"}}}}\n\
         {{\"kind\":\"account\",\"external_id\":\"A{account}\",\"data\":{{\"version\":1,\"debtor\":\"D{account}\",\"number\":\"C{account:07}\",\
         \"kind\":\"B2C\",\"opened_on\":\"2024-03-01\"}}}}"
    )?;
    for number in 0..invoices {
        let name = invoice(account, number);
        let due_on = (0..=number).fold(on, |on, _| on.succ());
        writeln!(
            out,
            "{{\"kind\":\"invoice\",\"external_id\":\"{name}\",\"data\":{{\"version\":1,\"account\":\"A{account}\",\"number\":\"{name}\",\
             \"issued_on\":\"{on}\",\"currency\":\"RON\",\"total_minor\":{AMOUNT_MINOR},\
             \"instalments\":[{{\"due_on\":\"{due_on}\",\"amount_minor\":{AMOUNT_MINOR}}}]}}}}"
        )?;
    }
    Ok(())
}

/// An entry: who pays which invoice, and how much.
#[derive(Clone, Copy)]
pub struct Payment {
    pub account: usize,
    pub number: usize,
    pub amount_minor: i64,
}

/// One payment per account, as in most months; two of five overpay by half, so that 1.4 items are settled by each.
pub fn payments(accounts: usize) -> Vec<Payment> {
    let of = |account: usize| Payment {
        account,
        number: 0,
        amount_minor: if account % 5 < 2 { 15_000 } else { AMOUNT_MINOR },
    };
    (0..accounts).map(of).collect()
}

/// A camt.053 file with these entries, whose balances add up.
///
/// # Errors
/// Never: writing to a string.
pub fn statement(number: usize, payments: &[Payment], opening_minor: i64, on: BusinessDate) -> anyhow::Result<String> {
    let mut out = String::with_capacity(900 * payments.len() + 2_000);
    let sum: i64 = payments.iter().map(|payment| payment.amount_minor).sum();
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>M{number}</MsgId><CreDtTm>{on}T18:00:00</CreDtTm></GrpHdr><Stmt><Id>S{number}</Id>\
         <ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{on}T18:00:00</CreDtTm><Acct><Id><IBAN>{BANK_ACCOUNT}</IBAN></Id><Ccy>RON</Ccy></Acct>"
    )?;
    for (code, minor) in [("OPBD", opening_minor), ("CLBD", opening_minor.saturating_add(sum))] {
        writeln!(
            out,
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"RON\">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>",
            decimal(minor)
        )?;
    }
    for (at, payment) in payments.iter().enumerate() {
        entry(&mut out, number, at, payment, on)?;
    }
    out.push_str("</Stmt></BkToCstmrStmt></Document>\n");
    Ok(out)
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn entry(out: &mut String, file: usize, at: usize, payment: &Payment, on: BusinessDate) -> anyhow::Result<()> {
    let Payment {
        account,
        number,
        amount_minor,
    } = *payment;
    writeln!(
        out,
        "<Ntry><Amt Ccy=\"RON\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt>\
         <AcctSvcrRef>R{file:05}{at:07}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
         <NtryDtls><TxDtls><Refs><EndToEndId>E2E{account:07}{number}</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy=\"RON\">{amount}</Amt></TxAmt></AmtDtls>\
         <RltdPties><Dbtr><Nm>Ana Pop {account}</Nm></Dbtr><DbtrAcct><Id><IBAN>RO09BCYP{account:016}</IBAN></Id></DbtrAcct></RltdPties>\
         <RmtInf><Ustrd>plata factura {name} va multumim</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
        amount = decimal(amount_minor),
        name = invoice(account, number),
    )?;
    Ok(())
}

/// PayU's confirmation that an account's first invoice was paid, as a form body.
pub fn confirmation(account: usize) -> String {
    let reference = invoice(account, 0);
    let order = account.saturating_add(1_000_000).to_string();
    let transaction = format!("00000000-0000-4000-8000-{account:012}");
    let sign = hex::encode(Sha256::digest(
        format!("{API_KEY}~{MERCHANT}~{reference}~100.0~RON~4").as_bytes(),
    ));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("merchant_id", MERCHANT),
        ("state_pol", "4"),
        ("reference_sale", &reference),
        ("reference_pol", &order),
        ("transaction_id", &transaction),
        ("value", "100.00"),
        ("currency", "RON"),
        ("sign", &sign),
    ]);
    form.finish()
}

/// Today in the creditor's time zone, as the services see it.
///
/// # Errors
/// The clock is beyond all dates.
pub fn today() -> anyhow::Result<BusinessDate> {
    use runtime::Clock as _;
    let now = runtime::SystemClock.now();
    let text = now.to_string();
    let day = text.get(..10).context("no date")?;
    Ok(day.parse()?)
}
