//! What banks, PayU and the ERP write: camt.053, signed forms, NDJSON.

use std::fmt::Write as _;

use kernel::{BusinessDate, Currency, Money};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cluster::hex;
use crate::plan::{API_KEY, Firm};

/// A line of a bank statement.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Signed: plus is money in.
    pub amount_minor: i64,
    /// It takes an earlier one back.
    pub reversal: bool,
    /// The bank's own reference, unique.
    pub bank_reference: String,
    /// The payer's reference.
    pub end_to_end: String,
    /// Account of the other side.
    pub party_account: String,
    /// Free text.
    pub text: String,
}

fn decimal(minor: i64, currency: Currency) -> String {
    let positive = i64::try_from(minor.unsigned_abs()).unwrap_or(i64::MAX);
    Money::new(positive, currency).to_decimal_string()
}

fn direction(minor: i64) -> &'static str {
    if minor < 0 { "DBIT" } else { "CRDT" }
}

/// An account's identification: IBAN where it begins with letters, else the bank's own number.
fn account(number: &str) -> String {
    if number.starts_with(|c: char| c.is_ascii_alphabetic()) {
        format!("<IBAN>{number}</IBAN>")
    } else {
        format!("<Othr><Id>{number}</Id></Othr>")
    }
}

/// A statement of one day whose balances hold, from an opening balance on; gives the closing one.
pub fn statement(
    firm: &Firm,
    number: usize,
    on: BusinessDate,
    opening_minor: i64,
    entries: &[Entry],
) -> (Vec<u8>, i64) {
    let moved: i64 = entries.iter().map(|entry| entry.amount_minor).sum();
    let closing_minor = opening_minor.saturating_add(moved);
    let id = format!("{}-{number:06}", firm.code);
    let mut out = String::with_capacity(1_024 + 800 * entries.len());
    // Writing to a String cannot fail, here and below.
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\">\n\
         <BkToCstmrStmt><GrpHdr><MsgId>M-{id}</MsgId><CreDtTm>{on}T20:00:00</CreDtTm></GrpHdr>\n\
         <Stmt><Id>{id}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{on}T20:00:00</CreDtTm>\
         <Acct><Id>{}</Id><Ccy>{}</Ccy></Acct>\n",
        account(firm.bank_account),
        firm.currency,
    );
    for (code, minor) in [("OPBD", opening_minor), ("CLBD", closing_minor)] {
        let _ = writeln!(
            out,
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{}\">{}</Amt><CdtDbtInd>{}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>",
            firm.currency,
            decimal(minor, firm.currency),
            direction(minor),
        );
    }
    for entry in entries {
        line(&mut out, firm, on, entry);
    }
    out.push_str("</Stmt></BkToCstmrStmt></Document>\n");
    (out.into_bytes(), closing_minor)
}

fn line(out: &mut String, firm: &Firm, on: BusinessDate, entry: &Entry) {
    let reversal = if entry.reversal { "<RvslInd>true</RvslInd>" } else { "" };
    let _ = writeln!(
        out,
        "<Ntry><Amt Ccy=\"{}\">{}</Amt><CdtDbtInd>{}</CdtDbtInd>{reversal}<Sts>BOOK</Sts><BookgDt><Dt>{on}</Dt></BookgDt>\
         <ValDt><Dt>{on}</Dt></ValDt><AcctSvcrRef>{}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs>\
         <RltdPties><Dbtr><Nm>Somebody</Nm></Dbtr><DbtrAcct><Id>{}</Id></DbtrAcct></RltdPties>\
         <RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
        firm.currency,
        decimal(entry.amount_minor, firm.currency),
        direction(entry.amount_minor),
        entry.bank_reference,
        entry.end_to_end,
        account(&entry.party_account),
        entry.text,
    );
}

/// What PayU tells of an attempt to pay.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Our reference of the sale.
    pub reference: &'a str,
    /// Amount.
    pub amount_minor: i64,
    /// `4` approved, `6` declined.
    pub state: &'a str,
    /// PayU's order: ten digits.
    pub order: &'a str,
    /// PayU's transaction.
    pub transaction: &'a str,
    /// Signed by somebody else.
    pub forged: bool,
}

/// The form that PayU sends.
pub fn notice(firm: &Firm, on: BusinessDate, told: &Told<'_>) -> String {
    let value = decimal(told.amount_minor, firm.currency);
    let key = if told.forged { "somebody-elses-key" } else { API_KEY };
    // What is signed has one decimal where the second is 0.
    let signed = match value.strip_suffix('0') {
        Some(short) if value.contains('.') => short,
        _ => &value,
    };
    let currency = firm.currency.code();
    let text = [key, firm.merchant, told.reference, signed, currency, told.state].join("~");
    let sign = hex(&Sha256::digest(text.as_bytes()));
    let date = format!("{on} 10:00:00");
    let fields = [
        ("merchant_id", firm.merchant),
        ("state_pol", told.state),
        ("response_code_pol", if told.state == "4" { "1" } else { "51" }),
        (
            "response_message_pol",
            if told.state == "4" {
                "APPROVED"
            } else {
                "INSUFFICIENT_FUNDS"
            },
        ),
        ("reference_sale", told.reference),
        ("reference_pol", told.order),
        ("transaction_id", told.transaction),
        ("sign", &sign),
        ("value", &value),
        ("currency", currency),
        ("transaction_date", &date),
        ("payment_method_name", "PSE"),
        ("test", "0"),
    ];
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}

/// The body of a creditor's PUT.
pub fn creditor(firm: &Firm) -> Value {
    let bank = json!([{"number": firm.bank_account, "currency": firm.currency, "first_on": firm.first_on}]);
    let merchant = json!([{"provider": "payu-latam", "merchant_id": firm.merchant, "currency": firm.currency}]);
    json!({
        "version": 1, "name": firm.code, "jurisdiction": firm.jurisdiction, "time_zone": firm.zone, "cut_off": firm.cut_off,
        "currency": firm.currency, "first_on": firm.first_on,
        "bank_accounts": if firm.bank_account.is_empty() { json!([]) } else { bank },
        "merchants": if firm.merchant.is_empty() { json!([]) } else { merchant },
    })
}

/// The two lines that open an account.
pub fn account_lines(number: &str, currency: Currency, on: BusinessDate) -> String {
    let debtor = json!({"kind": "debtor", "external_id": format!("D-{number}"),
        "data": {"version": 1, "kind": "person", "names": ["Somebody"], "language": "ro"}});
    let account = json!({"kind": "account", "external_id": format!("C-{number}"),
        "data": {"version": 1, "debtor": format!("D-{number}"), "number": number, "kind": "B2C", "currency": currency,
                 "opened_on": on}});
    format!("{debtor}\n{account}\n")
}

/// The line of an invoice.
pub fn invoice_line(
    number: &str,
    account: &str,
    version: u32,
    (issued_on, due_on): (BusinessDate, BusinessDate),
    total: Money,
) -> String {
    let line = json!({"kind": "invoice", "external_id": number, "data": {
        "version": version, "account": format!("C-{account}"), "number": number, "issued_on": issued_on,
        "currency": total.currency(), "total_minor": total.minor(),
        "instalments": [{"due_on": due_on, "amount_minor": total.minor()}]}});
    format!("{line}\n")
}

/// A Romanian account number whose check digits hold.
pub fn romanian_iban(number: usize) -> String {
    let bban = format!("BTRL{number:016}");
    // ISO 7064 mod 97-10 over the account, the country and 00, letters as two digits.
    let rest = format!("{bban}RO00").chars().fold(0_u32, |rest, c| {
        let digit = c.to_digit(36).unwrap_or(0);
        let shift = if digit > 9 { 100 } else { 10 };
        (rest * shift + digit) % 97
    });
    format!("RO{:02}{bban}", 98 - rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_ibans_hold() {
        for number in [0, 1, 97, 123_456_789] {
            let iban = romanian_iban(number);
            assert!(kernel::Iban::parse(&iban).is_ok(), "{iban}");
        }
    }
}
