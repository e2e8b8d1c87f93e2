//! What banks and PayU send.

use std::fmt::Write as _;

use kernel::{Currency, Money};
use runtime::blobs::Sha256Hex;

/// The creditor's account in RON.
pub const RO_ACCOUNT: &str = "RO49AAAA1B31007593840000";
/// The publisher's account in COP.
pub const CO_ACCOUNT: &str = "20512345678901";
/// PayU's merchant.
pub const MERCHANT: &str = "508029";
/// Its API key.
pub const API_KEY: &str = "4Vj8eK4rloUd272L48hsrarnUA";

/// An entry of a statement.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Signed: plus is money to us.
    pub minor: i64,
    /// The bank's own reference.
    pub reference: String,
    /// The payer's.
    pub end_to_end: String,
    /// What the payer wrote.
    pub text: String,
    /// The payer's account.
    pub payer: Option<&'static str>,
    /// It takes an earlier entry back.
    pub reversal: bool,
}

/// Money in.
pub fn credit(minor: i64, reference: &str, text: &str) -> Entry {
    Entry {
        minor,
        reference: reference.to_owned(),
        end_to_end: format!("E2E-{reference}"),
        text: text.to_owned(),
        payer: None,
        reversal: false,
    }
}

impl Entry {
    /// From this account.
    pub fn from(self, payer: &'static str) -> Self {
        Self {
            payer: Some(payer),
            ..self
        }
    }

    /// The debit that takes this credit back.
    pub fn taken_back(&self) -> Self {
        Self {
            minor: -self.minor,
            reference: format!("{}-R", self.reference),
            reversal: true,
            ..self.clone()
        }
    }

    fn xml(&self, currency: Currency, on: &str) -> String {
        let amount = Money::new(self.minor.abs(), currency).to_decimal_string();
        let (direction, code) = if self.minor < 0 {
            ("DBIT", "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>")
        } else {
            ("CRDT", "")
        };
        let returned = if self.reversal { code } else { "" };
        let reversal = if self.reversal { "<RvslInd>true</RvslInd>" } else { "" };
        let (side, side_account) = if self.minor < 0 && !self.reversal {
            ("Cdtr", "CdtrAcct")
        } else {
            ("Dbtr", "DbtrAcct")
        };
        let party = self.payer.map_or_else(String::new, |iban| {
            format!("<RltdPties><{side}><Nm>Ana Pop</Nm></{side}><{side_account}><Id><IBAN>{iban}</IBAN></Id></{side_account}></RltdPties>")
        });
        format!(
            "<Ntry><Amt Ccy=\"{currency}\">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{reversal}<Sts>BOOK</Sts>\
             <BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt><AcctSvcrRef>{}</AcctSvcrRef>\
             <NtryDtls><TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs>{party}<RmtInf><Ustrd>{}</Ustrd></RmtInf>{returned}\
             </TxDtls></NtryDtls></Ntry>",
            self.reference, self.end_to_end, self.text
        )
    }
}

/// A camt.053 file of one statement whose balances are right.
pub fn statement(account: &str, id: &str, on: &str, entries: &[Entry]) -> String {
    with_error(account, id, on, entries, 0)
}

/// The same with a closing balance that is `error_minor` too high.
pub fn with_error(account: &str, id: &str, on: &str, entries: &[Entry], error_minor: i64) -> String {
    let currency = if account == CO_ACCOUNT {
        Currency::COP
    } else {
        Currency::RON
    };
    let number = if account == CO_ACCOUNT {
        format!("<Othr><Id>{account}</Id></Othr>")
    } else {
        format!("<IBAN>{account}</IBAN>")
    };
    let opening = 1_000_000_000;
    let closing = opening + entries.iter().map(|entry| entry.minor).sum::<i64>() + error_minor;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\">\
         <BkToCstmrStmt><GrpHdr><MsgId>M-{id}</MsgId><CreDtTm>{on}T06:00:00</CreDtTm></GrpHdr><Stmt><Id>{id}</Id>\
         <CreDtTm>{on}T06:00:00</CreDtTm><Acct><Id>{number}</Id><Ccy>{currency}</Ccy></Acct>"
    );
    for (code, minor) in [("OPBD", opening), ("CLBD", closing)] {
        let amount = Money::new(minor, currency).to_decimal_string();
        let _ = write!(
            text,
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{currency}\">{amount}</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>"
        );
    }
    for entry in entries {
        text.push_str(&entry.xml(currency, on));
    }
    text.push_str("</Stmt></BkToCstmrStmt></Document>");
    text
}

/// A confirmation as PayU posts it: `application/x-www-form-urlencoded`, signed with SHA-256. `value` has two decimals and
/// does not end in 0 (or ends in 00), so that what is signed is plain to see.
pub fn confirmation(order: &str, transaction: &str, reference: &str, value: &str, state: &str) -> String {
    let signed = value.strip_suffix('0').unwrap_or(value);
    let text = format!("{API_KEY}~{MERCHANT}~{reference}~{signed}~COP~{state}");
    let sign = Sha256Hex::of(text.as_bytes());
    format!(
        "merchant_id={MERCHANT}&state_pol={state}&reference_sale={reference}&reference_pol={order}&transaction_id={transaction}\
         &value={value}&currency=COP&transaction_date=2026-01-05+08:30:00&test=0&sign={sign}"
    )
}
