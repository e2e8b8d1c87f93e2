//! Writes camt.053 as two banks do: version .001.02 with short parties, .001.08 with `Pty` and coded status.

use std::fmt::Write as _;

use kernel::{BusinessDate, Money};

use super::model::{Firm, Movement};

/// A statement to be written.
pub struct Statement<'a> {
    /// Whose account.
    pub firm: &'a Firm,
    /// Running number.
    pub number: usize,
    /// First day.
    pub from: BusinessDate,
    /// Last day: of the closing balance.
    pub to: BusinessDate,
    /// Opening balance.
    pub opening_minor: i64,
    /// Closing balance, right or wrong.
    pub closing_minor: i64,
    /// Booked entries.
    pub booked: Vec<&'a Movement>,
    /// Entries that are only announced.
    pub pending: Vec<&'a Movement>,
    /// Left out of the XML declaration where false.
    pub declares_encoding: bool,
}

impl Statement<'_> {
    /// The file. Writing to a `String` cannot fail, here and below.
    pub fn xml(&self) -> String {
        let mut out = String::with_capacity(1_024 + 1_000 * (self.booked.len() + self.pending.len()));
        let encoding = if self.declares_encoding {
            " encoding=\"UTF-8\""
        } else {
            ""
        };
        let (version, on) = (self.firm.camt, self.to);
        let id = format!("{}-{}-{:04}", self.firm.jurisdiction, on.year(), self.number);
        let _ = write!(
            out,
            "<?xml version=\"1.0\"{encoding}?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}\">\n\
             <BkToCstmrStmt><GrpHdr><MsgId>M-{id}</MsgId><CreDtTm>{created}T04:10:00</CreDtTm></GrpHdr>\n\
             <Stmt><Id>{id}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{created}T04:10:00</CreDtTm>\
             <FrToDt><FrDtTm>{from}T00:00:00</FrDtTm><ToDtTm>{on}T23:59:59</ToDtTm></FrToDt>\n<Acct><Id>{account}</Id><Ccy>{currency}</Ccy>\
             <Ownr><Nm>{owner}</Nm></Ownr></Acct>\n",
            created = on.succ(),
            from = self.from,
            number = self.number,
            account = account(&self.firm.bank_account),
            currency = self.firm.currency,
            owner = escape(self.firm.name),
        );
        self.balance(&mut out, "OPBD", self.opening_minor, self.from);
        self.balance(&mut out, "CLBD", self.closing_minor, self.to);
        for (movement, status) in self
            .booked
            .iter()
            .map(|m| (m, "BOOK"))
            .chain(self.pending.iter().map(|m| (m, "PDNG")))
        {
            self.entry(&mut out, movement, status);
        }
        out.push_str("</Stmt></BkToCstmrStmt></Document>\n");
        out
    }

    fn decimal(&self, minor: i64) -> String {
        let positive = i64::try_from(minor.unsigned_abs()).unwrap_or(i64::MAX);
        Money::new(positive, self.firm.currency).to_decimal_string()
    }

    fn balance(&self, out: &mut String, code: &str, minor: i64, on: BusinessDate) {
        let _ = writeln!(
            out,
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{}\">{}</Amt><CdtDbtInd>{}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>",
            self.firm.currency,
            self.decimal(minor),
            direction(minor),
        );
    }

    fn entry(&self, out: &mut String, movement: &Movement, status: &str) {
        let status = if self.firm.camt == "02" {
            status.to_owned()
        } else {
            format!("<Cd>{status}</Cd>")
        };
        let reversal = if movement.reversal {
            "<RvslInd>true</RvslInd>"
        } else {
            ""
        };
        let _ = write!(
            out,
            "<Ntry><Amt Ccy=\"{}\">{}</Amt><CdtDbtInd>{}</CdtDbtInd>{reversal}<Sts>{status}</Sts>\
             <BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt>",
            self.firm.currency,
            self.decimal(movement.amount_minor),
            direction(movement.amount_minor),
            on = movement.on,
        );
        if let Some(reference) = &movement.servicer {
            let _ = write!(out, "<AcctSvcrRef>{reference}</AcctSvcrRef>");
        }
        let _ = write!(
            out,
            "<BkTxCd><Prtry><Cd>{}</Cd></Prtry></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs>",
            if movement.amount_minor < 0 { "DBT" } else { "TRF" },
            movement.end_to_end.as_deref().unwrap_or("NOTPROVIDED"),
        );
        self.party(out, movement);
        if !movement.text.is_empty() || movement.structured.is_some() {
            out.push_str("<RmtInf>");
            for part in parts(&movement.text) {
                let _ = write!(out, "<Ustrd>{}</Ustrd>", escape(&part));
            }
            if let Some(reference) = &movement.structured {
                let _ = write!(
                    out,
                    "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>{reference}</Ref></CdtrRefInf></Strd>"
                );
            }
            out.push_str("</RmtInf>");
        }
        out.push_str("</TxDtls></NtryDtls></Ntry>\n");
    }

    /// The other side: the debtor of a credit; of a reversed credit still the debtor of the original; else the creditor.
    fn party(&self, out: &mut String, movement: &Movement) {
        let role = if movement.amount_minor >= 0 || movement.reversal {
            "Dbtr"
        } else {
            "Cdtr"
        };
        let name = format!("<Nm>{}</Nm>", escape(&movement.party));
        let name = if self.firm.camt == "02" {
            name
        } else {
            format!("<Pty>{name}</Pty>")
        };
        let _ = write!(out, "<RltdPties><{role}>{name}</{role}>");
        if !movement.party_account.is_empty() {
            let _ = write!(
                out,
                "<{role}Acct><Id>{}</Id></{role}Acct>",
                account(&movement.party_account)
            );
        }
        out.push_str("</RltdPties>");
    }
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

/// Free text in pieces of at most 140 characters, cut anywhere, as ISO 20022 has it.
fn parts(text: &str) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(140).map(|part| part.iter().collect()).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The bytes in Windows-1252: of the characters in use, those of Latin 1; others become `?`.
pub fn windows_1252(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}
