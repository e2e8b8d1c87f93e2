//! Statement files for tests.

/// The bank account of the tests.
pub const IBAN: &str = "RO49AAAA1B31007593840000";

/// An entry.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Signed, in minor units.
    pub minor: i64,
    pub text: String,
    pub end_to_end: Option<&'static str>,
    pub creditor_reference: Option<&'static str>,
    /// Account that was credited, where it is a virtual one.
    pub credited: Option<&'static str>,
    pub payer: Option<&'static str>,
    pub payer_iban: Option<&'static str>,
    pub status: Option<&'static str>,
    pub reversal: bool,
    pub on: Option<&'static str>,
}

pub fn entry(minor: i64, text: &str) -> Entry {
    Entry {
        minor,
        text: text.into(),
        ..Entry::default()
    }
}

/// A statement of one day.
#[derive(Clone, Debug)]
pub struct Statement {
    pub message: String,
    pub id: String,
    pub sequence: u32,
    pub account: String,
    pub on: &'static str,
    pub opening: i64,
    pub closing: Option<i64>,
    pub entries: Vec<Entry>,
}

pub fn statement(on: &'static str, sequence: u32, opening: i64, entries: &[Entry]) -> Statement {
    Statement {
        message: format!("M{sequence}"),
        id: format!("S{sequence}"),
        sequence,
        account: IBAN.into(),
        on,
        opening,
        closing: None,
        entries: entries.to_vec(),
    }
}

fn money(minor: i64) -> String {
    format!("{}.{:02}", minor.abs() / 100, minor.abs() % 100)
}

fn direction(minor: i64) -> &'static str {
    if minor < 0 { "DBIT" } else { "CRDT" }
}

impl Statement {
    pub fn xml(&self) -> String {
        let booked: i64 = self
            .entries
            .iter()
            .filter(|e| e.status.is_none())
            .map(|e| e.minor)
            .sum();
        let closing = self.closing.unwrap_or(self.opening + booked);
        let balance = |code: &str, minor: i64| {
            format!(
                "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"RON\">{}</Amt><CdtDbtInd>{}</CdtDbtInd><Dt><Dt>{}</Dt></Dt></Bal>",
                money(minor),
                direction(minor),
                self.on
            )
        };
        let entries: String = self.entries.iter().map(|e| self.entry(e)).collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt>\
             <GrpHdr><MsgId>{}</MsgId><CreDtTm>{}T18:00:00</CreDtTm></GrpHdr><Stmt><Id>{}</Id><ElctrncSeqNb>{}</ElctrncSeqNb>\
             <CreDtTm>{}T18:00:00</CreDtTm><Acct><Id><IBAN>{}</IBAN></Id><Ccy>RON</Ccy></Acct>{}{}{entries}</Stmt></BkToCstmrStmt></Document>",
            self.message,
            self.on,
            self.id,
            self.sequence,
            self.on,
            self.account,
            balance("OPBD", self.opening),
            balance("CLBD", closing)
        )
    }

    fn entry(&self, e: &Entry) -> String {
        let wrap =
            |tag: &str, text: Option<&str>| text.map(|text| format!("<{tag}>{text}</{tag}>")).unwrap_or_default();
        let on = e.on.unwrap_or(self.on);
        // The other side: debtor of a credit, creditor of a debit, swapped when reversed.
        let (party, account) = if (e.minor > 0) != e.reversal {
            ("Dbtr", "DbtrAcct")
        } else {
            ("Cdtr", "CdtrAcct")
        };
        let payer = wrap("Nm", e.payer);
        let payer = if payer.is_empty() {
            payer
        } else {
            format!("<{party}>{payer}</{party}>")
        };
        let payer_iban = e
            .payer_iban
            .map(|iban| format!("<{account}><Id><IBAN>{iban}</IBAN></Id></{account}>"))
            .unwrap_or_default();
        let credited = e
            .credited
            .map(|iban| format!("<CdtrAcct><Id><IBAN>{iban}</IBAN></Id></CdtrAcct>"))
            .unwrap_or_default();
        let reference = e
            .creditor_reference
            .map(|text| format!("<Strd><CdtrRefInf><Ref>{text}</Ref></CdtrRefInf></Strd>"))
            .unwrap_or_default();
        format!(
            "<Ntry><Amt Ccy=\"RON\">{}</Amt><CdtDbtInd>{}</CdtDbtInd>{}<Sts>{}</Sts><BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt>\
             <NtryDtls><TxDtls><Refs>{}</Refs><RltdPties>{payer}{payer_iban}{credited}</RltdPties><RmtInf><Ustrd>{}</Ustrd>{reference}</RmtInf>\
             </TxDtls></NtryDtls></Ntry>",
            money(e.minor),
            direction(e.minor),
            if e.reversal { "<RvslInd>true</RvslInd>" } else { "" },
            e.status.unwrap_or("BOOK"),
            wrap("EndToEndId", e.end_to_end),
            e.text,
        )
    }
}
